"""What a worker does: one run or one lower bound, into one file that appears only when it is whole.

The file grows under another name in a hidden folder and is renamed when it is finished. Beside it lies a
token of the bench that asked for it. A worker that does not see it looks at another disk; one that sees it
vanish (the bench was interrupted, killed or started again) gives up within a simulated day.
"""

import json
import logging
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import asdict, dataclass
from io import StringIO
from pathlib import Path
from socket import gethostname
from uuid import uuid4

from recosim.errors import BenchError, RecosimError
from recosim.results.bench_files import mark_run
from recosim.results.run_file import installed_versions
from recosim.scenarios.bench.controllers import file_sha256
from recosim.scenarios.bench.plan import Job, as_text, sources_sha256
from recosim.scenarios.bound import bound_scenario
from recosim.scenarios.runner import Progress, run_scenario
from recosim.scenarios.world import Plant
from recosim.simulators.exposure import Exposure

STEPS_BETWEEN_LOOKS = 96
WARNINGS_KEPT = 3
ROWS_AT_ONCE = 96 * 7
# A worker of several threads does one job at a time: solver and simulators are made for one thread.
_one_at_a_time = threading.Lock()


@dataclass(frozen=True, kw_only=True)
class Order:
    """A job, and where its file goes.

    Parameters
    ----------
    job : Job
    folder : str
        Folder of the bench, absolute.
    token : str
        Absolute path of the file that says the bench is still there.
    versions : mapping of str to str
        What the bench runs with, and so must the worker.
    recosim_sha256 : str
        Likewise.
    """

    job: Job
    folder: str
    token: str
    versions: Mapping[str, str]
    recosim_sha256: str


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a job ended.

    Parameters
    ----------
    error : str
        What went wrong; empty where nothing did.
    not_possible : bool
        Whether a bound is refused for a reason that lies in the scenario.
    warnings : tuple of str
        The first ones, and how many there were.
    """

    error: str = ""
    not_possible: bool = False
    warnings: tuple[str, ...] = ()


def work(order: Order) -> Outcome:
    """Do a job; whatever goes wrong, a controller that calls ``exit`` included, is told in the outcome."""
    with _one_at_a_time, _warnings() as warnings:
        error, not_possible = "", False
        try:
            _check_worker(order)
            if order.job.contestant is None:
                _bound(order)
            else:
                _run(order)
        except RecosimError as refused:
            error = _one_line(refused)
            not_possible = order.job.contestant is None and not isinstance(refused, BenchError)
        except SystemExit as ended:
            error = f"the controller's code called exit({'' if ended.code is None else repr(ended.code)})"
        except BaseException as unforeseen:  # noqa: BLE001  one run must not take the others along
            error = f"{type(unforeseen).__name__}: {_one_line(unforeseen)}"
    return Outcome(error=error, not_possible=not_possible, warnings=tuple(warnings))


def _check_worker(order: Order) -> None:
    """Refuse to work with other code or on another disk than the bench."""
    here = f"worker on {gethostname()}"
    if not Path(order.token).is_file():
        raise BenchError(
            f"{here} does not see {order.folder}, or the bench has ended: --out must be a folder that all "
            "workers share"
        )
    ours = installed_versions()
    odd = [name for name in ours if ours[name] != order.versions.get(name)]
    if odd:
        told = ", ".join(f"{name} {ours[name]} and {order.versions.get(name)}" for name in odd)
        raise BenchError(f"{here} has other versions than the bench: {told}; install the same on both")
    if sources_sha256() != order.recosim_sha256:
        raise BenchError(f"{here} has another recosim than the bench; install the same on both")
    each = order.job.contestant
    if each is not None and each.code_file is not None:
        file = Path(each.code_file)
        if not file.is_file():
            raise BenchError(
                f"{here} does not find {file}: the file of a controller must be at this place on all workers"
            )
        if file_sha256(file) != each.code_sha256:
            raise BenchError(f"{here} has another {file} than the bench, or it was changed; run it again")


def _run(order: Order) -> None:
    job = order.job
    occupied: list[float] = []

    def see(plant: Plant) -> None:
        grid, exposure = plant.community.grid, plant.exposure
        occupied.append(hours_occupied(exposure, plant.series.n_warmup, grid.n_steps, grid.step_h))

    with _appearing(order) as path, redirect_stdout(StringIO()):
        run_scenario(
            job.scenario,
            controller=None if job.contestant is None else job.contestant.spec,
            out=path,
            progress=_while_wanted(order),
            see_plant=see,
        )
        mark_run(path, as_text(job.identity), occupied[0])


def _bound(order: Order) -> None:
    with _appearing(order) as path:
        found = bound_scenario(order.job.scenario, upper=False, progress=_while_wanted(order))
        content = {"identity": as_text(order.job.identity), **asdict(found)}
        path.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def hours_occupied(exposure: Exposure, first: int, n_steps: int, step_h: float) -> float:
    """Hours in which comfort is due, summed over the dwellings, for ``n_steps`` from row ``first`` on [h]."""
    n_occupied = 0
    for begin in range(first, first + n_steps, ROWS_AT_ONCE):
        rows = slice(begin, min(begin + ROWS_AT_ONCE, first + n_steps))
        n_occupied += int(exposure.comfort(rows).occupied.sum())
    return n_occupied * step_h


@contextmanager
def _appearing(order: Order) -> Iterator[Path]:
    """Give a path to write to; what is there at the end gets its name at once, or is removed."""
    target = Path(order.folder) / order.job.file_name
    partial = Path(order.token).with_name(f"{uuid4().hex}{target.suffix}")
    try:
        yield partial
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def _while_wanted(order: Order) -> Progress:
    def look(done: int, n_steps: int, time: int) -> None:
        if done % STEPS_BETWEEN_LOOKS == 0 and not os.path.exists(order.token):  # noqa: PTH110  once a day
            raise BenchError("the bench has ended")

    return look


class _Kept(logging.Handler):
    """Keeps the first warnings and counts the rest."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []
        self.seen = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record, if it is one of the first."""
        self.seen += 1
        if self.seen <= WARNINGS_KEPT:
            self.texts.append(" ".join(record.getMessage().split()))


@contextmanager
def _warnings() -> Iterator[list[str]]:
    logger, handler = logging.getLogger("recosim"), _Kept()
    propagate, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        yield handler.texts
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagate
        if handler.seen > WARNINGS_KEPT:
            handler.texts.append(f"and {handler.seen - WARNINGS_KEPT} more like these")


def _one_line(error: BaseException) -> str:
    return "; ".join(" ".join(line.split()) for line in str(error).splitlines() if line.strip())
