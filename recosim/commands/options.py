"""Arguments and options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

ScenarioName = Annotated[str, typer.Argument(metavar="SCENARIO", help="A library name or a path to a file.")]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change one value of the scenario; may be repeated."),
]
Data = Annotated[
    list[Path] | None,
    typer.Option(
        "--data",
        metavar="DIR",
        help="A folder from which the scenario may read files, beside its own; may be repeated.",
    ),
]
Start = Annotated[str | None, typer.Option(metavar="DATE", help="First day, such as 2025-07-14.")]
Days = Annotated[str | None, typer.Option(metavar="N", help="Number of days.")]
Seed = Annotated[str | None, typer.Option(metavar="N", help="Seed of everything random.")]
Json = Annotated[
    str | None,
    typer.Option("--json", metavar="FILE", help="Write JSON to a file, or with - to standard output."),
]
Debug = Annotated[bool, typer.Option("--debug", metavar="", help="Show the traceback of an error.")]


def run_options(start: str | None, days: str | None, seed: str | None) -> list[str]:
    """Express the options of a run as overrides; they come last, so they win over ``--set``."""
    given = {"--start": start, "--days": days, "--seed": seed}
    return [f"{option}={value}" for option, value in given.items() if value is not None]
