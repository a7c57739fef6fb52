"""A published paper's results beside ours."""

import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recosim.commands.options import Debug, Json, Overrides
from recosim.terminal import EXIT_RED, STANDARD_OUTPUT, check_json_target, count_bar, guarded, write_json

if TYPE_CHECKING:  # slow to import, and help needs none of it
    from recosim.scenarios.study import Study

study_app = typer.Typer(help="A published paper's results beside ours, green or red.")


@study_app.callback()
def studies() -> None:
    """Keep the name of a study a word of its own while there is one alone."""


@study_app.command()
@guarded
def naples(
    scenarios: Annotated[
        str | None,
        typer.Option(metavar="1|3x3", help="Scenarios of sun and load in a plan; left out: both in turn."),
    ] = None,
    sensitivity: Annotated[
        bool,
        typer.Option("--sensitivity", metavar="", help="Also batteries of other sizes and efficiencies."),
    ] = False,
    overrides: Overrides = None,
    json_to: Json = None,
    debug: Debug = False,
) -> None:
    """Print the Naples paper's table 3 beside ours; exit code 1 if a figure is red."""
    check_json_target(json_to)
    from recosim.scenarios.study import naples_study

    # nothing that a library prints may end up between the figures
    with redirect_stdout(sys.stderr), count_bar("study") as progress:
        study = naples_study(overrides or [], futures=scenarios, sensitivity=sensitivity, progress=progress)
    if json_to is not None:
        write_json(json_to, as_json(study))
    if json_to != STANDARD_OUTPUT:
        show_study(study)
    if not study.ok:
        raise typer.Exit(EXIT_RED)


def show_study(study: "Study") -> None:
    """Print a table for each report and what a reader must know."""
    from recosim.tables import show, validation_table

    for report in study.reports.values():
        show(validation_table(report))
        for note in report.notes:
            typer.echo(f"note: {note}")
        red = sum(row.ok is False for row in report.rows)
        green = sum(row.ok is True for row in report.rows)
        typer.echo(f"{green} green, {red} red\n")


def as_json(study: "Study") -> Mapping[str, Any]:
    """Figures, rows, notes and verdict of each report, and of all."""
    reports = {
        name: {
            "ok": report.ok,
            "figures": report.figures,
            "rows": [vars(row) for row in report.rows],
            "notes": list(report.notes),
        }
        for name, report in study.reports.items()
    }
    return {**reports, "ok": study.ok}
