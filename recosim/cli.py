"""The commands. Whatever is heavy is imported inside the command that needs it, so help comes at once."""

import signal
import sys
from collections.abc import Sequence
from contextlib import nullcontext, redirect_stdout
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import typer

from recosim import __version__
from recosim.errors import ControllerError
from recosim.terminal import (
    EXIT_ERROR,
    EXIT_INTERRUPTED,
    EXIT_RED,
    STANDARD_OUTPUT,
    USAGE_ERROR,
    Interrupted,
    check_json_target,
    guarded,
    interrupt,
    progress_bar,
    user_code,
    warnings_shown,
    what_is_left,
    write_json,
)

CONTROLLERS = "recosim.controllers"

app = typer.Typer(
    name="recosim",
    help="Co-simulation of renewable energy communities.",
    add_completion=False,
    pretty_exceptions_enable=False,
)
weather_app = typer.Typer(help="Look into weather files.")
app.add_typer(weather_app, name="weather")

ScenarioName = Annotated[str, typer.Argument(metavar="SCENARIO", help="A library name or a path to a file.")]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change one value of the scenario; may be repeated."),
]
Json = Annotated[
    str | None,
    typer.Option("--json", metavar="FILE", help="Write JSON to a file, or with - to standard output."),
]
Debug = Annotated[bool, typer.Option("--debug", metavar="", help="Show the traceback of an error.")]


def show_version(wanted: bool) -> None:
    """Print the version and end."""
    if wanted:
        typer.echo(f"recosim {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", metavar="", callback=show_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Co-simulation of renewable energy communities."""


@app.command("list")
@guarded
def list_() -> None:
    """List the scenarios of the library and the installed controllers."""
    from importlib.metadata import entry_points

    from recosim.scenarios.loader import library_descriptions
    from recosim.tables import description_of, listing_table, show

    show(listing_table("Scenarios", library_descriptions()))
    typer.echo()
    controllers = sorted(entry_points(group=CONTROLLERS), key=lambda entry: entry.name)
    show(listing_table("Controllers", {entry.name: description_of(entry) for entry in controllers}))


@app.command()
@guarded
def run(
    scenario: ScenarioName,
    controller: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="An installed name, package.module:Class or path/to/file.py:Class."
        ),
    ] = None,
    sets: Overrides = None,
    start: Annotated[str | None, typer.Option(metavar="DATE", help="First day, such as 2025-07-14.")] = None,
    days: Annotated[str | None, typer.Option(metavar="N", help="Number of days.")] = None,
    seed: Annotated[str | None, typer.Option(metavar="N", help="Seed of everything random.")] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Result file; default in runs/.")] = None,
    force: Annotated[
        bool, typer.Option("--force", metavar="", help="Overwrite an existing result file.")
    ] = False,
    json_to: Json = None,
    debug: Debug = False,
) -> None:
    """Simulate a scenario, print its key figures and keep every series in a file."""
    check_json_target(json_to)
    quiet = json_to == STANDARD_OUTPUT
    from recosim.scenarios.loader import load_scenario

    loaded = load_scenario(scenario, [*(sets or []), *run_options(start, days, seed)])
    if controller is not None and not controller.strip():
        raise ControllerError("--controller is empty; `recosim list` shows the names that are installed")
    from recosim.results.store import check_target
    from recosim.scenarios.runner import default_path, run_scenario

    path = out or default_path(loaded, controller or loaded.controller.name)
    check_target(path, force)
    try:
        with (
            # What a user's controller prints must not end up in the middle of the JSON.
            redirect_stdout(sys.stderr) if quiet else nullcontext(),
            user_code(),
            warnings_shown(path),
            progress_bar(loaded.name) as progress,
        ):
            result = run_scenario(loaded, controller=controller, out=path, force=force, progress=progress)
    except Interrupted:
        typer.echo(what_is_left(path), err=True)
        raise typer.Exit(EXIT_INTERRUPTED) from None
    if json_to is not None:
        write_json(
            json_to,
            {
                "scenario": result.scenario_name,
                "controller": result.controller,
                "file": str(result.path),
                "kpis": result.kpis,
            },
        )
    if not quiet:
        from recosim.tables import kpi_table, show

        period = loaded.period
        days = f"{period.days} day{'' if period.days == 1 else 's'} from {period.date_start}"
        show(kpi_table(result.kpis, title=f"{result.scenario_name}, {result.controller}, {days}"))
        for note in result.notes:
            typer.echo(f"note: {note}")
        typer.echo(f"Results: {result.path}")


@app.command()
@guarded
def compare(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Result files; the first is the reference.")
    ],
    bound: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="What `recosim bound --json FILE` wrote: adds the regret."),
    ] = None,
    json_to: Json = None,
    debug: Debug = False,
) -> None:
    """Compare the key figures of runs with those of the first."""
    check_json_target(json_to)
    from recosim.results.compare import compare as compare_files

    comparison = compare_files(files, bound)
    if json_to is not None:
        write_json(json_to, asdict(comparison))
    if json_to != STANDARD_OUTPUT:
        from recosim.tables import comparison_table, show

        show(comparison_table(comparison))
        for note in comparison.notes:
            typer.echo(f"note: {note}")


@app.command()
@guarded
def bound(
    scenario: ScenarioName,
    sets: Overrides = None,
    start: Annotated[str | None, typer.Option(metavar="DATE", help="First day, such as 2025-07-14.")] = None,
    days: Annotated[str | None, typer.Option(metavar="N", help="Number of days.")] = None,
    seed: Annotated[str | None, typer.Option(metavar="N", help="Seed of everything random.")] = None,
    lower_only: Annotated[
        bool, typer.Option("--lower-only", metavar="", help="Leave out the run that shows what is reached.")
    ] = False,
    json_to: Json = None,
    debug: Debug = False,
) -> None:
    """Compute what no controller can do better than, and what the best one reaches.

    All by the marginal rates that a controller plans with: fixed parts of the bills, the excise exemption and
    fees are left out.
    """
    check_json_target(json_to)
    from recosim.scenarios.loader import load_scenario

    loaded = load_scenario(scenario, [*(sets or []), *run_options(start, days, seed)])
    from recosim.scenarios.bound import bound_scenario

    with progress_bar(loaded.name) as progress:
        found = bound_scenario(loaded, upper=not lower_only, progress=progress)
    if json_to is not None:
        write_json(json_to, asdict(found))
    if json_to != STANDARD_OUTPUT:
        from recosim.tables import bound_table, show

        show(bound_table(found))
        for note in found.notes:
            typer.echo(f"note: {note}")


@app.command()
@guarded
def check(scenario: ScenarioName, sets: Overrides = None, debug: Debug = False) -> None:
    """Read a scenario and its data, and say what is wrong, without running it."""
    from recosim.scenarios.loader import load_scenario

    loaded = load_scenario(scenario, sets or [])
    from recosim.scenarios.runner import check_scenario

    with user_code():
        notes = check_scenario(loaded)
    for note in notes:
        typer.echo(note)
    typer.echo(f"{scenario}: in order")


@app.command()
@guarded
def schema() -> None:
    """Print the JSON schema of a scenario file, for an editor's completion."""
    from recosim.scenarios.loader import json_schema

    write_json(STANDARD_OUTPUT, json_schema())


@app.command()
@guarded
def init(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A scenario of the library, such as naples.")],
    debug: Debug = False,
) -> None:
    """Copy a scenario of the library into this folder, to be edited."""
    from recosim.scenarios.loader import write_copy

    path = write_copy(name, Path.cwd())
    typer.echo(f"{path.name}: edit it, then: recosim run {path.name}")


@weather_app.command("check")
@guarded
def weather_check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A weather file.")],
    json_to: Json = None,
    debug: Debug = False,
) -> None:
    """Read a weather file and say what is in it."""
    check_json_target(json_to)
    from recosim.scenarios.weather_files import check_weather

    report = check_weather(file)
    if json_to is not None:
        write_json(json_to, asdict(report))
    if json_to != STANDARD_OUTPUT:
        from recosim.tables import listing_table, show

        facts = {
            "format": report.kind,
            "place": f"latitude {report.latitude:.3f}, longitude {report.longitude:.3f}",
            "period": f"{report.start} to {report.end}",
            "steps": f"{report.steps:,} of {report.step_s // 60} min, {report.gaps or 'none'} missing",
            "irradiation": f"{report.ghi_kwh_per_m2:,.1f} kWh/m2, global horizontal",
            "temperature": f"{report.temp_mean_degc:.1f} degC, mean",
        }
        show(listing_table(report.source, facts))
        for problem in report.problems:
            typer.echo(f"problem: {problem}")
    if report.problems:
        raise typer.Exit(EXIT_RED)


def run_options(start: str | None, days: str | None, seed: str | None) -> list[str]:
    """Express the options of a run as overrides; they come last, so they win over ``--set``."""
    given = {"--start": start, "--days": days, "--seed": seed}
    return [f"{option}={value}" for option, value in given.items() if value is not None]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and end the process with its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    # A bare --json means standard output, a bare group of commands its help.
    words: list[str] = []
    for word, following in pairwise([*given, "--"]):
        words.append(word)
        if word == "--json" and following != STANDARD_OUTPUT and following.startswith("-"):
            words.append(STANDARD_OUTPUT)
    if words in ([], ["weather"]):
        words.append("--help")
    before = signal.signal(signal.SIGINT, interrupt)
    try:
        code = app(args=words, prog_name="recosim", standalone_mode=False)
    except USAGE_ERROR as error:
        typer.echo(f"error: {usage(error)}", err=True)
        code = EXIT_ERROR
    except Interrupted:
        typer.echo("interrupted", err=True)
        code = EXIT_INTERRUPTED
    finally:
        signal.signal(signal.SIGINT, before)
    raise SystemExit(code or 0)


def usage(error: Exception) -> str:
    """Say what is wrong with the words of a command, and where its help is."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "recosim"
    message = " ".join(getattr(error, "format_message", error.__str__)().split())
    return f"{message.rstrip('.')}; see: {command} --help"
