"""Runs side by side in a report: in words, as bars, in figures."""

from collections.abc import Sequence
from textwrap import wrap
from typing import Any

from recosim.quantities import quantity
from recosim.readable import grouped, readable, shown_unit
from recosim.results.compare import Comparison
from recosim.results.fault_costs import signed
from recosim.results.page import Plot, bars, figure, literal
from recosim.results.report.words import glued
from recosim.results.run_file import Run

LABEL_WIDTH = 14
COMPARED = (
    ("Cost", "EUR", ("objective_eur", "cost_net_eur", "cost_comfort_eur", "cost_wear_eur")),
    ("Energy", "kWh", ("energy_shared_kwh", "energy_withdrawn_kwh", "energy_injected_kwh")),
)
TOLD = (
    ("cost_net_eur", "EUR", "the community pays on balance"),
    ("bill_eur", "EUR", "bills are"),
    ("energy_shared_kwh", "kWh", "shared energy is"),
    ("discomfort_kh", "K h", "discomfort is"),
)


def compared_story(comparison: Comparison, runs: Sequence[Run], names: Sequence[str]) -> dict[str, Any]:
    """Key figures side by side, the main ones in words and drawn."""
    rows = {row.kpi: row for row in comparison.rows if any(value is not None for value in row.values)}
    heads = ["key figure", names[0]]
    for name in names[1:]:
        heads += [name, "change"]
    return {
        "heads": [*heads, "unit"],
        "groups": [
            {"title": group, "rows": _lines(rows, group, kpis)} for group, kpis in grouped(list(rows))
        ],
        "words": [
            glued(_words(rows, runs, names, place)) + _warning(comparison, runs[place])
            for place in range(1, len(names))
        ],
        "notes": comparison.notes,
        "plots": [
            _plot(rows, names, place, title, unit, [kpi for kpi in kpis if kpi in rows])
            for place, (title, unit, kpis) in enumerate(COMPARED)
        ],
    }


def _lines(rows: dict[str, Any], group: str, kpis: Sequence[str]) -> list[list[str]]:
    lines = []
    for kpi in kpis:
        row, unit = rows[kpi], shown_unit(kpi, group)
        cells = [readable(row.values[0], unit, kpi)]
        for value, difference in zip(row.values[1:], row.differences[1:], strict=True):
            cells += [readable(value, unit, kpi), signed(difference, unit, kpi)]
        lines.append([row.meaning, *cells, "" if unit == "1" else unit])
    return lines


def _words(rows: dict[str, Any], runs: Sequence[Run], names: Sequence[str], place: int) -> str:
    """What is different about a run; sums of different periods are not set against each other."""
    first, name = names[0], names[place]
    ours, theirs = (runs[i].grid for i in (place, 0))
    if (ours.start, ours.end) != (theirs.start, theirs.end):
        return (
            f"{name} is of {ours.describe()}, {first} of {theirs.describe()}: their sums are of different "
            "periods, so differences between them say little."
        )
    told = []
    for kpi, unit, words in TOLD:
        if kpi in rows and (difference := rows[kpi].differences[place]) is not None:
            value, reference = (readable(rows[kpi].values[i], unit, kpi) for i in (place, 0))
            if value == reference:
                told.append(f"{words} {value} {unit} in both")
            else:
                told.append(
                    f"{words} {value} {unit} instead of {reference} ({signed(difference, unit, kpi)})"
                )
    change = rows["objective_eur"].differences[place] if "objective_eur" in rows else None
    if change is None:
        return f"{name} beside {first}: {'; '.join(told)}."
    amount = readable(abs(change), "EUR")
    if amount == readable(0.0, "EUR"):
        whole = f"{name} costs as much as {first}"
    else:
        whole = f"{name} costs {amount} EUR {'more' if change > 0.0 else 'less'} than {first}"
    return f"{whole}, comfort and wear included (J): {'; '.join(told)}."


def _warning(comparison: Comparison, run: Run) -> str:
    """Point to the notes where a run differs from the first in more than its controller and its faults."""
    differs = any(note.startswith(f"{run.path} and ") for note in comparison.notes)
    return " More than the controller differs, see below." if differs else ""


def _plot(
    rows: dict[str, Any], names: Sequence[str], place: int, title: str, unit: str, kpis: list[str]
) -> Plot:
    labels = [quantity(kpi).meaning for kpi in kpis]
    shown = ["<br>".join(wrap(label, LABEL_WIDTH)) for label in labels]
    traces = [
        bars(literal(name), shown, [rows[kpi].values[run] for kpi in kpis], run, unit)
        for run, name in enumerate(names)
    ]
    laid_out = figure(traces, "", f"{title.lower()} [{unit}]")
    laid_out["layout"].update(barmode="group", hovermode="x unified")
    told = "; ".join(
        f"{label}: "
        + ", ".join(f"{n} {readable(v, unit)}" for n, v in zip(names, rows[k].values, strict=True))
        for k, label in zip(kpis, labels, strict=True)
    )
    return {
        "id": f"compared-{place}",
        "title": f"{title} of the runs",
        "caption": f"In {unit}, for the whole period.",
        "alt": f"{told}.",
        "figure": laid_out,
    }
