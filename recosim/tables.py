"""What the commands show on the screen: key figures, comparisons, listings."""

import ast
import math
from collections.abc import Mapping, Sequence
from importlib.metadata import EntryPoint
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from recosim.quantities import quantity
from recosim.readable import ABSENT, grouped, percent, printable, readable, shown_unit

if TYPE_CHECKING:  # reading result files is slow to import, and most commands read none
    from recosim.arrays import FloatArray
    from recosim.results.compare import Comparison, ComparisonRow, Regret
    from recosim.scenarios.bound import Bound
    from recosim.scenarios.validation.reference import Report, Row

Kpis = Mapping[str, float | None]

FULL_WIDTH = 200
TEXT_WIDTH = 90


def change(row: "ComparisonRow", run: int, unit: str) -> str:
    """Write how far a run's figure is from the first run's.

    Shares differ by percentage points. There is no percentage of what is nothing but for rounding.
    """
    if unit == "%":
        difference = row.differences[run]
        return percent(None if difference is None else 100.0 * difference, "pp")
    nothing = readable(row.values[0], unit, row.kpi) == readable(0.0, unit, row.kpi)
    return ABSENT if nothing else percent(row.percents[run])


def plainly(text: str) -> str:
    """Text of a file as a table shows it: what rich or a terminal would take for an order is written out."""
    return "\n".join(escape(printable(line)) for line in text.split("\n"))


def empty_table(title: str, *heads: str) -> Table:
    """Make a table whose columns after the first are figures, right-aligned."""
    table = Table(
        title=plainly(title), title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False
    )
    table.add_column(plainly(heads[0]))
    for head in heads[1:]:
        table.add_column(plainly(head), justify="right", no_wrap=True)
    return table


def kpi_table(kpis: Kpis, title: str) -> Table:
    """Lay out the key figures of one run, by group; those of devices that it has none of are left out."""
    table = empty_table(title, "", "value")
    table.add_column("unit")
    for group, names in grouped([name for name, value in kpis.items() if value is not None]):
        table.add_row(f"[bold]{group}[/bold]")
        for name in names:
            unit = shown_unit(name, group)
            label = quantity(name).meaning
            table.add_row(f"  {label}", readable(kpis[name], unit, name), "" if unit == "1" else unit)
        table.add_section()
    return table


def comparison_table(comparison: "Comparison") -> Table:
    """Lay out the key figures of several runs, each with its difference to the first."""
    heads = run_names(comparison)
    table = empty_table(f"Compared with {comparison.runs[0].path}", "", heads[0])
    for head in heads[1:]:
        table.add_column(plainly(head), justify="right", no_wrap=True)
        table.add_column("change", justify="right", no_wrap=True)
    table.add_column("unit")
    rows = {row.kpi: row for row in comparison.rows if any(value is not None for value in row.values)}
    for group, names in grouped(list(rows)):
        table.add_row(f"[bold]{group}[/bold]")
        for name in names:
            row, unit = rows[name], shown_unit(name, group)
            cells = [readable(row.values[0], unit, name)]
            for run in range(1, len(row.values)):
                cells += [readable(row.values[run], unit, name), change(row, run, unit)]
            table.add_row(f"  {row.meaning}", *cells, "" if unit == "1" else unit)
            if any(share is not None for share in row.percents_of_bills):
                cells = [""]
                for share in row.percents_of_bills[1:]:
                    cells += ["", percent(share)]
                table.add_row("    in per cent of the bills", *cells, "")
        table.add_section()
    if comparison.regret is not None:
        add_regret(table, comparison.regret)
    return table


def add_regret(table: Table, regret: "Regret") -> None:
    """Add how far each run is above the lower bound, and what share of the first run's distance that is."""
    first, *others = regret.values_eur
    cells = [readable(first, "EUR")]
    for value, share in zip(others, regret.shares[1:], strict=True):
        cells += [readable(value, "EUR"), ABSENT if share is None else f"{100.0 * share:.1f} %"]
    table.add_row("[bold]Regret[/bold]")
    table.add_row("  J by marginal rates, above the bound; in per cent of the first", *cells, "EUR")
    table.add_section()


def bound_table(bound: "Bound") -> Table:
    """Lay out a lower bound, the value that was reached, and what lies between."""
    days = f"{bound.days} day{'' if bound.days == 1 else 's'} from {bound.start}"
    table = empty_table(f"{bound.scenario}, {days}, seed {bound.seed}", "", "value")
    table.add_column("unit")
    table.add_row("lower bound of J, by marginal rates", readable(bound.lower_eur, "EUR"), "EUR")
    table.add_row("J that mpc reaches on the linear plant", readable(bound.upper_eur, "EUR"), "EUR")
    table.add_row("gap", readable(bound.gap_eur, "EUR"), "EUR")
    table.add_row("  in per cent of the bills", readable(bound.gap_percent_of_bills), "%")
    table.add_row("CPU time, lower bound", readable(bound.seconds_lower, "s"), "s")
    table.add_row("CPU time, run", readable(bound.seconds_upper, "s"), "s")
    return table


def validation_table(report: "Report") -> Table:
    """Lay out our figures beside published ones, green or red; what is only shown has no verdict."""
    heads = ["ours", *([report.beside] if report.beside else []), "published", "allowed"]
    table = empty_table(report.title, "", *heads)
    table.add_column("unit")
    table.add_column("")
    group = ""
    for row in report.rows:
        if row.group != group:
            group = row.group
            table.add_section()
            table.add_row(f"[bold]{group}[/bold]")
        cells = [precise(row.value), *([precise(row.beside)] if report.beside else [])]
        indent = "  " if group else ""
        table.add_row(f"{indent}{row.what}", *cells, row.published, allowed(row), row.unit, verdict(row))
    return table


def allowed(row: "Row") -> str:
    """Write the range a figure must lie in; in brackets where it is only shown."""
    if row.low is None and row.high is None:
        return ""
    low = "" if row.low is None else precise(row.low)
    high = "" if row.high is None else precise(row.high)
    text = f"{low} to {high}".strip()
    return f"({text})" if row.ok is None else text


def verdict(row: "Row") -> str:
    """Write whether a figure agrees with its reference, or how far one that is only shown lies outside."""
    if row.ok is None:
        return f"outside by {precise(row.outside)}" if row.outside else ""
    return "[green]green[/green]" if row.ok else f"[red]RED by {precise(row.outside)}[/red]"


def precise(value: float | None) -> str:
    """Write a number with four digits or so, very small ones by their magnitude.

    Examples
    --------
    >>> precise(4.89171), precise(62.1437), precise(1671.71), precise(5.7e-14), precise(0.0), precise(None)
    ('4.892', '62.14', '1,671.7', '5.7e-14', '0', '–')
    """
    if value is None or not math.isfinite(value):
        return ABSENT
    size = abs(value)
    if size == 0.0:
        return "0"
    if size < 0.001:
        return f"{value:.1e}"
    return f"{value:,.{3 if size < 10.0 else 2 if size < 100.0 else 1}f}"


def run_names(comparison: "Comparison") -> list[str]:
    """Name the columns: by controller where that tells the runs apart, else by file."""
    controllers = [run.controller for run in comparison.runs]
    if len(set(controllers)) == len(controllers):
        return controllers
    return [run.path.stem for run in comparison.runs]


def show_mean_days(comparison: "Comparison", days: Sequence["FloatArray"]) -> None:
    """Print a plot of what each community exchanges with the grid on the mean day [kW]."""
    from recosim.plots import LINES_AT_MOST, day_plot, fine

    console = _Console()
    names = run_names(comparison)
    if len(set(names)) < len(names):
        names = [str(run.path) for run in comparison.runs]
    lines = dict(list(zip(names, days, strict=True))[:LINES_AT_MOST])
    left_out = f"; the first {LINES_AT_MOST} runs" if len(set(names)) > LINES_AT_MOST else ""
    title = f"Mean day: withdrawn less injected by all members [kW], by local hour{left_out}"
    console.print(day_plot(title, lines, console.width, in_braille=fine(console)), soft_wrap=True)


def listing_table(title: str, entries: Mapping[str, str]) -> Table:
    """Lay out names and what they stand for."""
    table = Table(
        title=plainly(title),
        title_justify="left",
        title_style="bold",
        box=None,
        show_header=False,
        min_width=len(title),  # else the title is folded to the width of the entries
    )
    table.add_column(no_wrap=True)
    table.add_column(max_width=TEXT_WIDTH)
    for name, description in entries.items():
        table.add_row(f"  {plainly(name)}", plainly(description))
    return table


class _Console(Console):
    """A console that leaves it to the command what happens when nobody reads on (rich would exit)."""

    def on_broken_pipe(self) -> None:
        """Pass on the error that rich met."""
        raise BrokenPipeError


def description_of(entry: EntryPoint) -> str:
    """First sentence of a controller's docstring, read from its source: importing it may take seconds."""
    try:
        module = find_spec(entry.module)
        source = Path(module.origin or "").read_text(encoding="utf-8") if module else ""
        classes = [node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]
    except (ImportError, OSError, SyntaxError, ValueError):
        classes = []
    texts = [ast.get_docstring(node) for node in classes if node.name == entry.attr]
    return texts[0].splitlines()[0] if texts and texts[0] else entry.value


def show(table: Table) -> None:
    """Print a table to standard output; into a file or a pipe at full width, never folded at 80 columns."""
    console = _Console()
    if not console.is_terminal:
        console = _Console(width=FULL_WIDTH)
    console.print(table)
