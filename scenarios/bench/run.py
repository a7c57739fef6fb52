"""Compares controllers: every one with every kind of forecast, in every seed and period.

Weather, households, prices and forecast errors depend on the seed alone, so runs pair by seed and period. A
result file carries the hashes of all it depends on; one that fits is not made again, whatever ended the bench
before.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from recosim.errors import BenchError, ResultsError
from recosim.results.bench_files import mark_of, read_bench_run
from recosim.results.leaderboard.files import leaderboard_csv, leaderboard_json, write_text
from recosim.results.leaderboard.page import leaderboard_page
from recosim.results.leaderboard.ranking import Leaderboard, Measured, leaderboard
from recosim.results.run_file import open_run
from recosim.scenarios.bench.cluster import dask_client, outcomes
from recosim.scenarios.bench.controllers import Contestant
from recosim.scenarios.bench.jobs import Order, work
from recosim.scenarios.bench.plan import Job, Pair, as_text, bounds_of, runs_of
from recosim.scenarios.schema.scenario import Scenario

try:
    import fcntl
except ImportError:  # Windows has none: two benches in one folder are not noticed there
    fcntl = None  # type: ignore[assignment]

HIDDEN = ".bench"

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True)
class BenchResult:
    """What a bench gave.

    Parameters
    ----------
    board : Leaderboard or None
        None where no run finished.
    files : tuple of Path
        The leaderboard's files.
    failures : mapping of str to str
        What went wrong, by run.
    warnings : tuple of str
        What the runs of this time warned of.
    n_made, n_kept : int
        Runs and bounds made, and those found finished.
    """

    board: Leaderboard | None
    files: tuple[Path, ...]
    failures: Mapping[str, str]
    warnings: tuple[str, ...]
    n_made: int
    n_kept: int


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to compare.

    Parameters
    ----------
    load : callable
        Gives the scenario with a seed.
    contestants : tuple of Contestant
        The first is the one the others are compared with.
    forecasts : tuple of str
    pairs : tuple of Pair
    bound : bool
        Whether lower bounds are computed, for the regret.
    """

    load: Callable[[int], Scenario]
    contestants: tuple[Contestant, ...]
    forecasts: tuple[str, ...]
    pairs: tuple[Pair, ...]
    bound: bool = True


@dataclass
class _Progressing:
    """What has happened so far."""

    n_kept: int = 0
    n_made: int = 0
    failures: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def run_bench(
    plan: Plan,
    folder: Path,
    *,
    workers: int,
    scheduler: str | None = None,
    progress: Progress | None = None,
) -> BenchResult:
    """Make what is missing, and the leaderboard of all.

    Parameters
    ----------
    plan : Plan
    folder : Path
        For result files and leaderboard; made if need be.
    workers : int
        Processes on this machine, where ``scheduler`` is None.
    scheduler : str, optional
        Address of a Dask scheduler whose workers see ``folder`` under the same path.
    progress : callable, optional
        Called with what goes on, how many jobs are done, and how many there are.

    Raises
    ------
    RecosimError
        Scenario, controllers, folder or cluster are wrong. Runs that fail do not raise.
    """
    for each in plan.contestants:
        each.check()
    runs = list(runs_of(plan.load, plan.contestants, plan.forecasts, plan.pairs))
    bounds = list(bounds_of(plan.load, plan.pairs)) if plan.bound else []
    state = _Progressing()
    with _own(folder) as token:
        # bounds first: they take longest
        missing = [job for job in (*bounds, *runs) if not _finished(folder, job)]
        state.n_kept = len(bounds) + len(runs) - len(missing)
        if missing:
            _make(missing, folder, token, state, workers, scheduler, progress)
        failed = state.failures
        state.failures = {job.name: failed[job.name] for job in (*bounds, *runs) if job.name in failed}
        board = _board(plan, runs, bounds, folder, state)
        files = () if board is None else _write(board, folder)
    return BenchResult(
        board=board,
        files=files,
        failures=state.failures,
        warnings=tuple(sorted(state.warnings)),
        n_made=state.n_made,
        n_kept=state.n_kept,
    )


@contextmanager
def _own(folder: Path) -> Iterator[Path]:
    """Keep other benches out of a folder, clear away what an earlier one left, and lay a token."""
    hidden = folder / HIDDEN
    try:
        hidden.mkdir(parents=True, exist_ok=True)
        lock = (hidden / "lock").open("a")
    except OSError as error:
        raise ResultsError(
            f"--out {folder} cannot be written ({error.strerror}); name another folder"
        ) from error
    with lock:
        try:
            if fcntl is not None:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise BenchError(
                f"another bench is at work in {folder}; wait for it, or name another --out"
            ) from error
        for left in hidden.iterdir():
            if left.name != "lock":
                shutil.rmtree(left) if left.is_dir() else left.unlink(missing_ok=True)
        session = hidden / uuid4().hex[:12]
        session.mkdir()
        token = session / "token"
        token.touch()
        try:
            yield token
        finally:
            shutil.rmtree(session, ignore_errors=True)
            if set(folder.iterdir()) == {hidden}:  # nothing was made: the lock would only be in the way
                shutil.rmtree(hidden, ignore_errors=True)
                folder.rmdir()


def _finished(folder: Path, job: Job) -> bool:
    """Whether a job's file is there and is what would be made now; refuses a file that is not a bench's."""
    path = folder / job.file_name
    if not path.exists():
        return False
    mark = _bound_mark(path) if job.contestant is None else mark_of(path)
    if mark is None and job.contestant is not None and _is_someones_run(path):
        raise ResultsError(f"{path} is a run that no bench has made; move it, or name another --out")
    return mark is not None and mark["identity"] == as_text(job.identity)


def _is_someones_run(path: Path) -> bool:
    try:
        with open_run(path) as run:
            return run.complete
    except ResultsError:
        return False


def _bound_mark(path: Path) -> Mapping[str, Any] | None:
    try:
        mark: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return mark if {"identity", "lower_eur", "notes"} <= mark.keys() else None
    except (OSError, ValueError, AttributeError):
        return None


def _make(
    jobs: Sequence[Job],
    folder: Path,
    token: Path,
    state: _Progressing,
    workers: int,
    scheduler: str | None,
    progress: Progress | None,
) -> None:
    common = jobs[0].identity
    orders = [
        Order(
            job=job,
            folder=str(folder.resolve()),
            token=str(token.resolve()),
            versions=common["versions"],
            recosim_sha256=common["recosim_sha256"],
        )
        for job in jobs
    ]
    done, total = state.n_kept, state.n_kept + len(jobs)

    def report(what: str) -> None:
        if progress is not None:
            progress(what, done, total)

    report("")
    with dask_client(min(workers, len(jobs)), scheduler) as client:
        for order, outcome in outcomes(client, orders, work):
            done += 1
            name = order.job.name
            report(order.job.pair.name)
            state.warnings += [f"{name}: {text}" for text in outcome.warnings]
            if outcome.not_possible:
                state.notes.append(f"no regret: {outcome.error}")
            elif outcome.error:
                state.failures[name] = outcome.error
            else:
                state.n_made += 1


def _board(
    plan: Plan, runs: Sequence[Job], bounds: Sequence[Job], folder: Path, state: _Progressing
) -> Leaderboard | None:
    """Leaderboard of the finished runs, in the order of the plan, whatever ended first."""
    lower: dict[Pair, float] = {}
    for job in bounds:
        mark = _bound_mark(folder / job.file_name)
        if mark is not None and mark["identity"] == as_text(job.identity):
            lower[job.pair] = float(mark["lower_eur"])
            state.notes += mark["notes"]
    measured = []
    for job in runs:
        if job.contestant is None or job.name in state.failures:
            continue
        measured.append(
            Measured(
                controller=job.contestant.label,
                forecast=job.scenario.forecast,
                seed=job.pair.seed,
                period=job.pair.when,
                run=read_bench_run(folder / job.file_name),
                lower_eur=lower.get(job.pair),
            )
        )
    if not measured:
        return None
    return leaderboard(
        runs[0].scenario.name,
        [each.label for each in plan.contestants],
        measured,
        failures=state.failures,
        notes=sorted(set(state.notes)),
    )


def _write(board: Leaderboard, folder: Path) -> tuple[Path, ...]:
    texts = {"csv": leaderboard_csv(board), "json": leaderboard_json(board), "html": leaderboard_page(board)}
    paths = []
    for ending, text in texts.items():
        paths.append(folder / f"leaderboard.{ending}")
        try:
            write_text(paths[-1], text)
        except OSError as error:
            raise ResultsError(f"{paths[-1]} cannot be written ({os.strerror(error.errno or 0)})") from error
    return tuple(paths)
