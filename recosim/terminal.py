"""Between the commands and the terminal: errors as one line, Ctrl-C, warnings, the progress bar, JSON."""

import functools
import json
import logging
import math
import os
import shlex
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from types import FrameType
from typing import Any, NoReturn, ParamSpec

import typer

from recosim.errors import ControllerError, RecosimError, ResultsError

EXIT_RED = 1
EXIT_ERROR = RecosimError.exit_code
EXIT_INTERRUPTED = 130
SECONDS_PER_DAY = 86_400
STANDARD_OUTPUT = "-"
WARNINGS_SHOWN = 3

# Typer raises the usage errors of click, or of a copy it carries, by version; this is the base of both.
USAGE_ERROR: type[Exception] = typer.BadParameter.__mro__[1]

P = ParamSpec("P")
Progress = Callable[[int, int, int], None]


class Interrupted(SystemExit):
    """Ctrl-C. Not a KeyboardInterrupt: mosaik swallows that and goes on as if the run were complete."""


ENDING = (signal.SIGINT, signal.SIGTERM)
"""Ctrl-C, and what batch systems and `kill` send; both end a command in the same way."""


def handle(handler: Any) -> dict[signal.Signals, Any]:
    """Set the handler of the signals that end a command, one for all or one for each; those of before."""
    handlers = handler if isinstance(handler, Mapping) else dict.fromkeys(ENDING, handler)
    return {number: signal.signal(number, each) for number, each in handlers.items()}


def interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    """Unwind at Ctrl-C, so that files are closed; a second one ends the process at once."""
    handle(signal.SIG_DFL)
    raise Interrupted(EXIT_INTERRUPTED)


@contextmanager
def interrupted_between_steps() -> Iterator[Callable[[], None]]:
    """Let Ctrl-C end a run between two of its steps; a second one ends the process at once.

    What is yielded is to be called after every step. Before the first one Ctrl-C unwinds at once.
    """
    stepping = asked = False

    def ask(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if not stepping:
            interrupt(number, frame)
        asked = True
        handle(signal.SIG_DFL)

    def after_step() -> None:
        nonlocal stepping
        stepping = True
        if asked:
            raise Interrupted(EXIT_INTERRUPTED)

    before = handle(ask)
    try:
        yield after_step
    finally:
        handle(before)


def what_is_left(path: Path, words: Sequence[str] = (), ended: str = "interrupted") -> str:
    """Tell what a run that ended early leaves at ``path``, and how to go on after the command ``words``."""
    from recosim.results.run_file import open_run

    if not path.exists():
        return f"{ended}: no day was finished, so no result file was written"
    try:
        with open_run(path) as run:
            if run.complete:
                return f"{ended}: the run in {path} is complete"
            done, whole = run.grid_committed.n_steps, run.grid.n_steps
            first = run.grid.local[0].date()
            last = run.grid.local[max(done - 1, 0)].date()
            goes_on = run.checkpoint() is not None
    except ResultsError as error:
        return f"{ended}: {one_line(error)}"
    left = f"{ended}: {path} is not complete, it holds {first} to {last} ({done} of {whole} steps)"
    if not goes_on:
        return (
            f"{left}; to simulate it from the start, add --force (to go on, a controller needs get_state "
            "and set_state, and no foreign simulator may take part)"
        )
    again = [word for word in words if word not in ("--force", "--resume")]
    return f"{left}; to go on: {shlex.join([*program(), *again, '--resume'])}"


def program() -> list[str]:
    """Words by which the user has called recosim."""
    called = Path(sys.argv[0])
    return (
        [sys.executable, "-m", "recosim"] if called.parts[-2:] == ("recosim", "__main__.py") else ["recosim"]
    )


def guarded(command: Callable[P, None]) -> Callable[P, None]:
    """Report whatever goes wrong as one line and exit code 2; the traceback is for --debug."""

    @functools.wraps(command)
    def inner(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except (typer.Exit, typer.Abort, USAGE_ERROR):
            raise
        except BrokenPipeError:  # such as `recosim schema | head`: the reader has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None
        except Exception as error:  # noqa: BLE001  a user is never shown a traceback unasked
            if kwargs.get("debug"):
                traceback.print_exc()
            typer.echo(f"error: {described(error)}", err=True)
            raise typer.Exit(getattr(error, "exit_code", EXIT_ERROR)) from None

    return inner


def described(error: Exception) -> str:
    """Write an error as one line; what nobody foresaw is said to be so."""
    if isinstance(error, RecosimError | OSError) and str(error):
        return one_line(error)
    kind = type(error).__name__ + (": " if str(error) else "")
    return (
        f"unexpected {kind}{one_line(error)}; this is a defect of recosim: please report it, with what "
        "--debug shows"
    )


def one_line(error: Exception) -> str:
    """Message of an error, its lines joined."""
    from recosim.readable import printable

    lines = (" ".join(line.split()) for line in str(error).splitlines())
    return printable("; ".join(line for line in lines if line))


@contextmanager
def user_code() -> Iterator[None]:
    """Keep a controller that calls exit() from ending the program as if all were well."""
    try:
        yield
    except Interrupted:
        raise
    except SystemExit as ended:
        raise ControllerError(
            f"the controller's code called exit({'' if ended.code is None else repr(ended.code)}); take the "
            "call out, or put it under: if __name__ == '__main__'"
        ) from ended


class _FirstFew(logging.Handler):
    """Shows the first warnings and counts the rest: a controller may fail in each of 35,040 steps."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.seen = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record, if it is one of the first."""
        self.seen += 1
        if self.seen <= WARNINGS_SHOWN:
            typer.echo(f"warning: {' '.join(record.getMessage().split())}", err=True)


@contextmanager
def warnings_shown(path: Path) -> Iterator[None]:
    """Print the first warnings of a run as they come, and how many more there were.

    Parameters
    ----------
    path : Path
        The result file, which holds them all.
    """
    logger, handler = logging.getLogger("recosim"), _FirstFew()
    propagate, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagate
        if handler.seen > WARNINGS_SHOWN:
            more = handler.seen - WARNINGS_SHOWN
            typer.echo(f"warning: and {more} more like these; {path} has them all in /controller", err=True)


@contextmanager
def progress_bar(label: str) -> Iterator[Progress | None]:
    """Show a bar on standard error while a run goes on; None where nobody watches.

    The bar shows the simulated date, simulated days per second and the time left.
    """
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[date]}"),
        TextColumn("{task.fields[speed_days]}"),
        TimeRemainingColumn(),
    )
    with RichProgress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=None, date="reading the data", speed_days="")
        first: list[tuple[float, int]] = []

        def advance(steps_done: int, n_steps: int, time: int) -> None:
            if not first:
                first.append((monotonic(), time))
            began, time_began = first[0]
            elapsed = monotonic() - began
            days = (time - time_began) / SECONDS_PER_DAY
            speed = f"{days / elapsed:.1f} days/s" if elapsed > 0.5 else ""
            date = datetime.fromtimestamp(time, tz=UTC).strftime("%Y-%m-%d")
            bar.update(task, completed=steps_done, total=n_steps, date=date, speed_days=speed)

        yield advance


@contextmanager
def count_bar(label: str) -> Iterator[Callable[[str, int, int], None] | None]:
    """Show a bar on standard error for work that is counted; None where nobody watches.

    What it yields is told what goes on, how much of it is done and how much there is.
    """
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress as RichProgress

    with RichProgress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=None)

        def advance(what: str, done: int, total: int) -> None:
            bar.update(task, description=f"{label} {what}", completed=done, total=total)

        yield advance


def check_json_target(target: str | None) -> None:
    """Refuse, before anything is computed, a result file given by mistake or a folder that is not there."""
    if target is None or target == STANDARD_OUTPUT:
        return
    path = Path(target)
    if path.suffix != ".json":
        raise ResultsError(f"--json {target}: allowed are - (standard output) and names that end in .json")
    if not path.parent.is_dir():
        raise ResultsError(f"--json {target}: the folder {path.parent} does not exist; make it first")


def write_json(target: str, content: Mapping[str, Any]) -> None:
    """Write JSON, with null for what is not finite, to a file or to standard output."""
    text = json.dumps(plain(content), indent=2, allow_nan=False)
    if target == STANDARD_OUTPUT:
        typer.echo(text)
    else:
        Path(target).write_text(text + "\n", encoding="utf-8")


def plain(value: Any) -> Any:
    """Turn a value into what JSON knows: numbers of any library into numbers, not finite into None."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "item"):  # a numpy scalar
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
