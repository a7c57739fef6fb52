"""Controllers: whether one keeps the contract."""

from dataclasses import asdict
from typing import Annotated

import typer

from recosim.commands.options import Data, Debug, Json
from recosim.terminal import EXIT_RED, STANDARD_OUTPUT, check_json_target, count_bar, guarded, write_json

Spec = Annotated[
    str,
    typer.Argument(metavar="CONTROLLER", help="An installed name, package.module:Class or file.py:Class."),
]
Options = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="An option of the controller, or section.key=value of the scenario; may be repeated.",
    ),
]


@guarded
def check_controller(
    spec: Spec,
    sets: Options = None,
    scenario: Annotated[
        str,
        typer.Option(metavar="SCENARIO", help="The community: at most ten of its dwellings."),
    ] = "naples",
    data: Data = None,
    json_to: Json = None,
    debug: Debug = False,
) -> None:
    """Run a controller through seasons, sizes and mishaps, and say what is wrong.

    The exit code is 1 if anything is.
    """
    check_json_target(json_to)
    from recosim.scenarios.controller_check.check import check_controller as checked

    with count_bar("check") as progress:
        report = checked(spec, scenario, sets or [], progress, data or ())
    if json_to is not None:
        write_json(json_to, {**asdict(report), "checks": [asdict(c) for c in report.checks], "ok": report.ok})
    if json_to != STANDARD_OUTPUT:
        width = max(len(check.name) for check in report.checks)
        for check in report.checks:
            shown = check.verdict.upper() if check.verdict == "failed" else check.verdict
            typer.echo(f"{shown:<8} {check.name:<{width}}  {' '.join(check.text.split())}")
        failed = sum(check.verdict == "failed" for check in report.checks)
        warned = sum(check.verdict == "warning" for check in report.checks)
        verdict = f"{failed} failed" if failed else "in order"
        typer.echo(f"{spec}: {verdict}{f', warnings: {warned}' if warned else ''}")
    if not report.ok:
        raise typer.Exit(EXIT_RED)
