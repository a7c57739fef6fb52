"""Going on with an interrupted run: what must be the same, and where it left off."""

import hashlib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recosim.contracts import Controller
from recosim.controllers.remembering import can_resume
from recosim.errors import ResultsError
from recosim.results.run_file import Run, RunMeta, open_run
from recosim.simulators.inputs import InputSeries

NOT_REMEMBERED = "it has no get_state and set_state (docs/resuming.md says what they must do)"
START_OVER = "to simulate it from the start: --force instead of --resume"


def fingerprint(series: InputSeries) -> str:
    """Hash of everything that drives a run from outside: weather, loads, occupants, prices, cycles."""
    digest = hashlib.sha256()
    _add(digest, series)
    return digest.hexdigest()


def _add(digest: Any, value: Any) -> None:
    if is_dataclass(value):
        for item in fields(value):
            digest.update(item.name.encode())
            _add(digest, getattr(value, item.name))
    elif isinstance(value, np.ndarray):
        digest.update(str((value.dtype.str, value.shape)).encode())
        digest.update(np.ascontiguousarray(value).data)
    else:
        digest.update(repr(value).encode())


def checkpoint_of(path: Path, meta: RunMeta, controller: Controller) -> dict[str, dict[str, NDArray[Any]]]:
    """What an interrupted run needs to go on after its committed rows, by simulator and name.

    Parameters
    ----------
    path : Path
        The result file.
    meta : RunMeta
        Of the run that is to go on; what has changed since the interrupted one began is refused.
    controller : Controller

    Raises
    ------
    ResultsError
        There is nothing to go on with, or something has changed.
    """
    if not can_resume(controller):
        raise ResultsError(
            f"controller {meta.controller!r} cannot go on where it stopped: {NOT_REMEMBERED}; {START_OVER}"
        )
    with open_run(path) as run:
        if run.complete:
            raise ResultsError(f"{path} is complete: there is nothing to resume; {START_OVER}")
        _compare(path, run, meta)
        checkpoint = run.checkpoint()
        if checkpoint is None:
            raise ResultsError(f"{path} holds no finished day: there is nothing to resume; {START_OVER}")
        return checkpoint


def _compare(path: Path, run: Run, meta: RunMeta) -> None:
    """Refuse to mix two runs in one file."""
    old = run.meta
    for what, before, now in (
        ("controller", old.controller, meta.controller),
        ("seed", old.seed, meta.seed),
        *_differences(old.versions, meta.versions),
    ):
        if before != now:
            raise ResultsError(f"{path} was begun with another {what} ({before}, now {now}); {START_OVER}")
    if old.controller_sha256 != meta.controller_sha256:
        raise ResultsError(
            f"{path} was begun with other code of {meta.controller}: its file has changed since; {START_OVER}"
        )
    if old.scenario_sha256 != meta.scenario_sha256:
        changed = _first_difference(old.scenario_yaml, meta.scenario_yaml)
        raise ResultsError(f"{path} was begun with another scenario: {changed}; {START_OVER}")
    if old.inputs_sha256 != meta.inputs_sha256:
        raise ResultsError(
            f"{path} was begun with other data: a weather or price file has changed since; {START_OVER}"
        )


def _differences(old: Mapping[str, str], new: Mapping[str, str]) -> list[tuple[str, str, str]]:
    return [(f"version of {name}", old.get(name, "none"), new[name]) for name in new]


def _first_difference(old: str, new: str) -> str:
    for before, now in zip(old.splitlines(), new.splitlines(), strict=False):
        if before != now:
            return f"{before.strip()!r} then, {now.strip()!r} now"
    return "one has lines that the other has not"
