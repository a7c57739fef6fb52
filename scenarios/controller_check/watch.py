"""Watches a controller at work: what it returns, raises, changes and takes."""

import random
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import FrozenInstanceError, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from recosim.arrays import FloatArray
from recosim.contracts import Community, Controller, Forecast, Observation, Setpoints
from recosim.controllers.answers import AnswerError, Answers, Stopwatch, plain_record
from recosim.errors import ControllerError

Beat = Callable[[str], None]
_READ_ONLY = ("read-only", "WRITEABLE")

LOCAL = "local rules take the step"
KINDS: tuple[tuple[str, str, tuple[str, ...], str], ...] = (
    (
        "exceptions",
        "none",
        ("raises",),
        f"{LOCAL}; correct the line",
    ),
    (
        "reset",
        "never fails",
        ("reset",),
        "a run ends with that; communities differ, so look in community.devices for what there is",
    ),
    (
        "answers",
        "Setpoints of declared controls, one value for each device",
        ("type", "control", "shape", "record"),
        f"{LOCAL}; communities differ, so look in community.devices in reset for what there is",
    ),
    (
        "NaN and infinity",
        "",
        ("infinite", "half"),
        f"{LOCAL}; NaN leaves a device to its own rule, and stands in both controls of a pair or in neither",
    ),
    (
        "limits",
        "within what the devices can do",
        ("limits",),
        "the plant clips it and the run notes it; take the limits from community.devices[...].parameters",
    ),
    (
        "observation",
        "left as it was shown",
        ("in_place",),
        f"{LOCAL}; copy what you change: x = observation[...].copy()",
    ),
    (
        "random numbers",
        "the global generators are not touched",
        ("random",),
        "runs then depend on what else draws; make np.random.default_rng(seed) in reset and draw from it",
    ),
)
"""Name of the check, what it says where all is well, the kinds of findings that count, and what helps."""


@dataclass(kw_only=True)
class Finding:
    """What was found, how often, and where first.

    Parameters
    ----------
    text, where : str
    count : int
    """

    text: str
    where: str
    count: int = 0


@dataclass(frozen=True, kw_only=True)
class Decision:
    """One decision of the day that is looked at again.

    Parameters
    ----------
    observation : Observation
    forecast : Forecast
    asked : mapping of str to array, or None
        None where it failed.
    """

    observation: Observation
    forecast: Forecast
    asked: Mapping[str, FloatArray] | None


@dataclass(kw_only=True)
class Findings:
    """Everything that was found over all scenes.

    Attributes
    ----------
    by_kind : dict of str to Finding
    n_decisions, n_left_out : int
        Made, and not asked for because deciding took too long.
    wall_ms, wheres : list
        Time that went by in each decision, and which it was.
    given, given_as_nan : dict of str to int
        Number of values asked for by each control, and how many of them were NaN.
    kinds : dict of str to str
        Of devices, by control.
    """

    by_kind: dict[str, Finding] = field(default_factory=dict)
    n_decisions: int = 0
    n_left_out: int = 0
    wall_ms: list[float] = field(default_factory=list)
    wheres: list[str] = field(default_factory=list)
    given: dict[str, int] = field(default_factory=dict)
    given_as_nan: dict[str, int] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)

    def add(self, kind: str, text: str, where: str) -> None:
        """Count a finding; the first one is kept."""
        self.by_kind.setdefault(kind, Finding(text=text, where=where)).count += 1


def random_state() -> tuple[Any, ...]:
    """The global random generators of Python and numpy."""
    name, keys, *rest = np.random.get_state()  # noqa: NPY002  what is looked for is its use
    return random.getstate(), name, np.asarray(keys).tobytes(), *rest


def last_line(error: BaseException) -> str:
    """Error and the line of code it comes from."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{place}"


def kind_of(error: Exception) -> str:
    """Whether an exception comes from changing what was shown."""
    refused = isinstance(error, ValueError | TypeError) and any(word in str(error) for word in _READ_ONLY)
    return "in_place" if refused or isinstance(error, FrozenInstanceError) else "raises"


class WatchedController:
    """A controller under observation; decides as the one inside.

    Parameters
    ----------
    controller : Controller
    findings : Findings
    scene : str
        What messages call the run.
    beat : callable
        Told of every call before it is made, so that one that never returns is known by place.
    allowance_s : float
        When deciding has taken so long, the rest of the run is left to the devices' own rules [s].
    """

    def __init__(
        self, controller: Controller, findings: Findings, scene: str, beat: Beat, allowance_s: float
    ) -> None:
        self._controller, self._findings = controller, findings
        self._scene, self._beat, self._left_s = scene, beat, allowance_s
        self.decisions: list[Decision] = []
        self.reset_ms = 0.0
        self.reset_failed = False
        self.refusal = ""
        """Why the controller is not for this community, if it said so."""

    @property
    def record(self) -> Mapping[str, float | int | str]:
        """What the controller says of its decision."""
        record: Mapping[str, float | int | str] = getattr(self._controller, "record", {})
        return record

    def reset(self, community: Community, seed: int) -> None:
        """Reset the controller."""
        self._community, self._answers = community, Answers(community)
        where = f"{self._scene}, in reset"
        self._beat(where)
        watch = Stopwatch()
        with self._random_state_kept(where):
            try:
                self._controller.reset(community, seed)
            except ControllerError as error:
                self.refusal = str(error)
                raise
            except Exception as error:
                kind, self.reset_failed = kind_of(error), True
                self._findings.add("reset" if kind == "raises" else kind, last_line(error), where)
                raise
        self.reset_ms = watch.read().wall_ms

    def decide(self, observation: Observation, forecast: Forecast) -> Setpoints:
        """Let the controller decide, and look at what it does."""
        if self._left_s < 0.0:
            self._findings.n_left_out += 1
            return Setpoints()
        when = self._community.grid.local[observation.step]
        where = f"{self._scene}, {when:%Y-%m-%d %H:%M}, step {observation.step}"
        self._beat(where)
        asked: dict[str, FloatArray] | None = None
        try:
            with self._random_state_kept(where), self._timed(where):
                answer = self._controller.decide(observation, forecast)
            asked = self._judged(answer, where)
        except AnswerError as error:
            self._findings.add(error.kind, str(error), where)
            raise
        except Exception as error:
            self._findings.add(kind_of(error), last_line(error), where)
            raise
        finally:
            self.decisions.append(Decision(observation=observation, forecast=forecast, asked=asked))
        return answer

    def _judged(self, answer: object, where: str) -> dict[str, FloatArray]:
        findings = self._findings
        asked = self._answers.checked(answer)
        for control, values in asked.items():
            findings.kinds[control] = self._community.controls[control].kind
            findings.given[control] = findings.given.get(control, 0) + values.size
            as_nan = int(np.isnan(values).sum())
            findings.given_as_nan[control] = findings.given_as_nan.get(control, 0) + as_nan
        count, first = self._answers.beyond(asked)
        if count:
            findings.add("limits", str(first), where)
        plain_record(self.record)
        return asked

    @contextmanager
    def _timed(self, where: str) -> Iterator[None]:
        watch, findings = Stopwatch(), self._findings
        try:
            yield
        finally:
            spent = watch.read()
            findings.n_decisions += 1
            findings.wall_ms.append(spent.wall_ms)
            findings.wheres.append(where)
            self._left_s -= spent.wall_ms / 1e3

    @contextmanager
    def _random_state_kept(self, where: str) -> Iterator[None]:
        before = random_state()
        try:
            yield
        finally:
            if random_state() != before:
                self._findings.add("random", "the state of random or numpy.random was changed", where)
