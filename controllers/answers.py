"""What a controller may return, and what is wrong with an answer that does not fit."""

import time as clock
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from recosim.arrays import FloatArray
from recosim.contracts import Community, Controller, Setpoints
from recosim.errors import ControllerError, RecosimError

LIMIT_TOLERANCE = 0.01
"""Share of a limit by which an answer may be beyond it without being counted: rounding."""


class AnswerError(ControllerError):
    """An answer does not fit.

    Parameters
    ----------
    kind : {"type", "control", "shape", "infinite", "half", "record", "budget"}
        What is wrong.
    message : str
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True, kw_only=True)
class Spent:
    """What a decision took.

    Parameters
    ----------
    cpu_ms, wall_ms : float
        Time of the processor, and time that went by [ms].
    """

    cpu_ms: float
    wall_ms: float


class TimedSetpoints(Setpoints):
    """Set-points from another process, with what they took there.

    Parameters
    ----------
    spent : Spent
    values : mapping of str to array
    """

    def __init__(self, spent: Spent, values: Mapping[str, FloatArray]) -> None:
        super().__init__(**values)
        self.spent = spent


class IsolatedFailure(ControllerError):
    """A controller in its own process failed; the message is the status to record.

    Parameters
    ----------
    status : str
    spent : Spent
    """

    def __init__(self, status: str, spent: Spent) -> None:
        super().__init__(status)
        self.spent = spent


class Stopwatch:
    """Measures from where it is made."""

    def __init__(self) -> None:
        self._cpu, self._wall = clock.process_time(), clock.perf_counter()

    def read(self) -> Spent:
        """Time since the beginning."""
        return Spent(
            cpu_ms=(clock.process_time() - self._cpu) * 1e3, wall_ms=(clock.perf_counter() - self._wall) * 1e3
        )


@dataclass(frozen=True, kw_only=True)
class Beyond:
    """A value that a device cannot follow.

    Parameters
    ----------
    control, device : str
    asked, low, high : float
    """

    control: str
    device: str
    asked: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.control} of {self.device} = {self.asked:g}, allowed [{self.low:g}, {self.high:g}]"


class Answers:
    """Judges answers by what the devices of a community declare.

    Parameters
    ----------
    community : Community
    """

    def __init__(self, community: Community) -> None:
        self._controls = community.controls
        self._pairs = tuple(
            dict.fromkeys(
                pair for devices in self._controls.values() for pair in devices.declaration.together
            )
        )
        self._limits: dict[str, tuple[FloatArray, FloatArray]] = {}
        for kind in community.devices.values():
            if kind.declaration.limits is not None and len(kind):
                for control, (low, high) in kind.declaration.limits(kind.parameters).items():
                    n = len(kind)
                    self._limits[control] = (np.zeros(n) + low, np.zeros(n) + high)

    def checked(self, answer: object) -> dict[str, FloatArray]:
        """Copies of the set-points, by control.

        Raises
        ------
        AnswerError
            The answer is no `Setpoints`, names a control that nothing accepts, has the wrong shape, is
            infinite, or asks for half of what belongs together.
        """
        answer = as_setpoints(answer)
        asked: dict[str, FloatArray] = {}
        for name in answer:
            if name not in self._controls:
                raise AnswerError(
                    "control", f"unknown control {name!r}, allowed: {', '.join(self._controls)}"
                )
            devices, value = self._controls[name], np.array(answer[name], dtype=np.float64)
            if value.shape != (len(devices),):
                raise AnswerError(
                    "shape",
                    f"{name} has shape {value.shape}, allowed: {(len(devices),)}, "
                    f"one value for each {devices.kind}",
                )
            if np.isinf(value).any():
                device = devices.names[int(np.argmax(np.isinf(value)))]
                raise AnswerError("infinite", f"{name} of {device} is infinite, allowed: a number or NaN")
            asked[name] = value
        for pair in self._pairs:
            self._completed(asked, *pair)
        return asked

    def _completed(self, asked: dict[str, FloatArray], one: str, other: str) -> None:
        """Of a pair, what is left out is zero where the other is a number; both are NaN or neither is."""
        if one not in asked and other not in asked:
            return
        for given, absent in ((one, other), (other, one)):
            if absent not in asked:
                asked[absent] = np.where(np.isnan(asked[given]), np.nan, 0.0)
        half = np.isnan(asked[one]) != np.isnan(asked[other])
        if half.any():
            devices, i = self._controls[one], int(np.argmax(half))
            given, absent = (other, one) if np.isnan(asked[one][i]) else (one, other)
            raise AnswerError(
                "half",
                f"{given} of {devices.names[i]} is {asked[given][i]:g} but {absent} is NaN, allowed: numbers "
                f"in both, or NaN in both, which leaves the {devices.kind} to its own rule",
            )

    def beyond(self, asked: Mapping[str, FloatArray]) -> tuple[int, Beyond | None]:
        """How many values lie outside what the devices can ever do, and the first of them."""
        count, first = 0, None
        for name, value in asked.items():
            if name not in self._limits:
                continue
            low, high = self._limits[name]
            outside = (value < low - 1e-6) | (value > high + LIMIT_TOLERANCE * np.abs(high) + 1e-6)
            if outside.any():
                count += int(outside.sum())
                if first is None:
                    i = int(np.argmax(outside))
                    first = Beyond(
                        control=name,
                        device=self._controls[name].names[i],
                        asked=float(value[i]),
                        low=float(low[i]),
                        high=float(high[i]),
                    )
        return count, first


def as_setpoints(answer: object) -> Setpoints:
    """Refuse what is no `Setpoints`.

    Raises
    ------
    AnswerError
        It is something else.
    """
    if not isinstance(answer, Setpoints):
        raise AnswerError("type", f"decide returned {type(answer).__name__}, allowed: Setpoints")
    return answer


def within_budget(spent: Spent, time_budget_ms: float | None) -> None:
    """Refuse a decision that came too late.

    Raises
    ------
    AnswerError
        It took longer than the budget.
    """
    if time_budget_ms is not None and spent.wall_ms > time_budget_ms:
        raise AnswerError(
            "budget", f"decide took {spent.wall_ms:.0f} ms, allowed: time_budget_ms = {time_budget_ms:g}"
        )


def plain_record(record: object) -> dict[str, float | int | str]:
    """What a controller says of its decision, numbers and text only.

    Raises
    ------
    AnswerError
        The record is something else.
    """
    if not isinstance(record, Mapping):
        raise AnswerError(
            "record", f"record is a {type(record).__name__}, allowed: a mapping of names to numbers or text"
        )
    plain: dict[str, float | int | str] = {}
    for name, value in record.items():
        if isinstance(value, np.generic):
            value = value.item()
        if not isinstance(name, str) or not isinstance(value, float | int | str):
            raise AnswerError(
                "record",
                f"record[{name!r}] is a {type(value).__name__}, allowed: numbers and text under names",
            )
        plain[name] = value.replace("\0", "") if isinstance(value, str) else value
    return plain


def status_of(error: BaseException) -> str:
    """What the record says of an error."""
    if isinstance(error, IsolatedFailure):
        return str(error)
    kind = "ControllerError" if isinstance(error, ControllerError) else type(error).__name__
    return f"{kind}: {error}".replace("\0", "")


def reset_controller(controller: Controller, community: Community, seed: int) -> None:
    """Let a controller begin.

    Raises
    ------
    ControllerError
        It fails.
    """
    try:
        controller.reset(community, seed)
    except RecosimError:
        raise
    except Exception as error:
        raise ControllerError(
            f"controller {type(controller).__name__} failed in reset: {type(error).__name__}: {error}"
        ) from error
