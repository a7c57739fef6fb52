"""Our figures beside published ones."""

import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import Annotated, Any

import typer

from recosim.commands.options import Debug, Json
from recosim.scenarios.validation.reference import Request
from recosim.scenarios.validation.registry import VALIDATIONS, Outcome, run_validations
from recosim.terminal import EXIT_RED, STANDARD_OUTPUT, check_json_target, count_bar, guarded, write_json

NAMES = "; ".join(f"{name}: {validation.what}" for name, validation in VALIDATIONS.items())


@guarded
def validate(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help=f"{NAMES}. By default all that can run.")
    ] = None,
    weather: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Weather of Denver, for bestest and irradiation.")
    ] = None,
    cases: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAMES",
            help="Only these cases of bestest (600,900FF) or places of climate (naples); repeatable.",
        ),
    ] = None,
    json_to: Json = None,
    debug: Debug = False,
) -> None:
    """Print our figures beside published ones, green or red; exit code 1 if one is red."""
    check_json_target(json_to)
    chosen = tuple(case.strip() for words in cases or [] for case in words.split(",") if case.strip())
    # nothing that a library prints may end up between the figures
    with redirect_stdout(sys.stderr), count_bar("validate") as progress:
        outcome = run_validations(name, Request(weather=weather, cases=chosen, progress=progress))
    if json_to is not None:
        write_json(json_to, as_json(outcome, name))
    if json_to != STANDARD_OUTPUT:
        show_outcome(outcome)
    if not outcome.ok:
        raise typer.Exit(EXIT_RED)


def show_outcome(outcome: Outcome) -> None:
    """Print a table for each validation, then where the published figures come from."""
    from recosim.tables import show, validation_table

    for report in outcome.reports.values():
        show(validation_table(report))
        typer.echo(f"Sources: {'; '.join(dict.fromkeys(row.source for row in report.rows))}")
        for note in report.notes:
            typer.echo(f"note: {note}")
        red = sum(row.ok is False for row in report.rows)
        green = sum(row.ok is True for row in report.rows)
        typer.echo(f"{green} green, {red} red\n")
    for name, needs in outcome.skipped.items():
        typer.echo(f"{name}: not run, it {needs}")


def as_json(outcome: Outcome, name: str | None) -> Mapping[str, Any]:
    """Figures, rows, notes and verdict: of the validation that was named, or of each under its name."""
    reports = {
        one: {
            **report.figures,
            "ok": report.ok,
            "rows": [vars(row) for row in report.rows],
            "notes": list(report.notes),
        }
        for one, report in outcome.reports.items()
    }
    if name is not None:
        return reports[name]
    return {**reports, "ok": outcome.ok, "skipped": dict(outcome.skipped)}
