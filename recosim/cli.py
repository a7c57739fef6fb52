"""The command line: the application, and what becomes of its errors."""

import sys
from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated

import typer

from recosim import __version__
from recosim.commands import controllers, runs, scenarios
from recosim.commands.bench import bench
from recosim.commands.export import export
from recosim.commands.report import report
from recosim.commands.settle import settle
from recosim.commands.study import study_app
from recosim.commands.validate import validate
from recosim.commands.weather import weather_app
from recosim.terminal import (
    EXIT_ERROR,
    EXIT_INTERRUPTED,
    STANDARD_OUTPUT,
    USAGE_ERROR,
    Interrupted,
    handle,
    interrupt,
)

app = typer.Typer(
    name="recosim",
    help="Co-simulation of renewable energy communities.",
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("list")(scenarios.list_)
app.command()(runs.run)
app.command()(runs.compare)
app.command()(runs.bound)
app.command()(bench)
app.command()(scenarios.check)
app.command()(controllers.check_controller)
app.command()(scenarios.schema)
app.command()(scenarios.init)
app.command()(report)
app.command()(export)
app.command()(settle)
app.command()(validate)
app.add_typer(weather_app, name="weather")
app.add_typer(study_app, name="study")


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


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and end the process with its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    # A bare --json means standard output, a bare group of commands its help.
    words: list[str] = []
    for word, following in pairwise([*given, "--"]):
        words.append(word)
        if word == "--json" and following != STANDARD_OUTPUT and following.startswith("-"):
            words.append(STANDARD_OUTPUT)
    if words in ([], ["weather"], ["study"]):
        words.append("--help")
    before = handle(interrupt)
    try:
        code = app(args=words, prog_name="recosim", standalone_mode=False)
    except USAGE_ERROR as error:
        typer.echo(f"error: {usage(error)}", err=True)
        code = EXIT_ERROR
    except Interrupted:
        typer.echo("interrupted", err=True)
        code = EXIT_INTERRUPTED
    finally:
        handle(before)
    raise SystemExit(code or 0)


def usage(error: Exception) -> str:
    """Say what is wrong with the words of a command, and where its help is."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "recosim"
    message = " ".join(getattr(error, "format_message", error.__str__)().split())
    return f"{message.rstrip('.')}; see: {command} --help"
