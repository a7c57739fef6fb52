"""The horizon of a re-optimisation: blocks of quarter-hours, hours and two hours, aligned to the hour.

Slots are anchored to the clock: slot 0 begins with the hour that holds the present step, so between hours
nothing shifts; the slots of quarters that have passed stay in the model as *spare* slots without effect.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from recosim.arrays import FloatArray, IntArray
from recosim.errors import ControllerError

HOURS_MAX = 8784


@dataclass(frozen=True)
class Horizon:
    """Slots of the optimisation on the steps of the time grid.

    Parameters
    ----------
    lengths : tuple of int
        Steps in each slot; the slots tile whole hours, no slot shorter than an hour crosses one, and longer
        ones hold whole hours.
    steps_per_hour : int

    Raises
    ------
    ControllerError
        The slots do not tile hours.
    """

    lengths: tuple[int, ...]
    steps_per_hour: int = 4

    def __post_init__(self) -> None:
        hour = self.steps_per_hour
        start = 0
        for slot, length in enumerate(self.lengths):
            inside = start % hour + length <= hour if length < hour else start % hour == 0 == length % hour
            if length < 1 or not inside:
                raise ControllerError(
                    f"horizon: slot {slot} of {length} steps from step {start} crosses an hour; "
                    "allowed: slots that divide hours or hold whole hours"
                )
            start += length
            if start > HOURS_MAX * hour:
                raise ControllerError(f"horizon: more than {HOURS_MAX} hours, allowed: a year at most")
        if start == 0 or start % hour:
            raise ControllerError(f"horizon: {start} steps in all, allowed: whole hours, at least one")

    @classmethod
    def named(cls, name: str, steps_per_hour: int = 4) -> "Horizon":
        """``multirate``: 4 h by step, 9 h by hour, 12 h by two hours; ``uniform``: 25 h by step."""
        hour = steps_per_hour
        if name == "multirate":
            return cls((1,) * (4 * hour) + (hour,) * 9 + (2 * hour,) * 6, hour)
        if name == "uniform":
            return cls((1,) * (25 * hour), hour)
        raise ControllerError(f"horizon = {name!r}, allowed: multirate, uniform, or a list of block lengths")

    @cached_property
    def n_slots(self) -> int:
        """Number of control slots."""
        return len(self.lengths)

    @cached_property
    def n_steps(self) -> int:
        """Steps from the start of the present hour to the end of the horizon."""
        return sum(self.lengths)

    @cached_property
    def n_hours(self) -> int:
        """Hours of the horizon."""
        return self.n_steps // self.steps_per_hour

    @cached_property
    def starts(self) -> IntArray:
        """First step of each slot, shape (n_slots,)."""
        return np.concatenate([[0], np.cumsum(self.lengths)[:-1]]).astype(np.int64)

    @cached_property
    def hours(self) -> FloatArray:
        """Duration of each slot, shape (n_slots,) [h]."""
        return np.array(self.lengths, dtype=np.float64) / self.steps_per_hour

    @cached_property
    def meter_starts(self) -> IntArray:
        """First step of each meter slot: control slots longer than an hour are metered hour by hour."""
        hour = self.steps_per_hour
        parts = [
            start + hour * np.arange(max(1, length // hour))
            for start, length in zip(self.starts, self.lengths, strict=True)
        ]
        return np.concatenate(parts).astype(np.int64)

    @cached_property
    def meter_slot(self) -> IntArray:
        """Control slot that each meter slot belongs to, shape (n_meter_slots,)."""
        return np.searchsorted(self.starts, self.meter_starts, side="right") - 1

    @cached_property
    def meter_hours(self) -> FloatArray:
        """Duration of each meter slot, shape (n_meter_slots,) [h]."""
        steps = np.diff(np.append(self.meter_starts, self.n_steps))
        return np.asarray(steps, dtype=np.float64) / self.steps_per_hour

    @cached_property
    def meter_hour(self) -> IntArray:
        """Hour of the horizon that each meter slot belongs to, shape (n_meter_slots,)."""
        return self.meter_starts // self.steps_per_hour

    def window(self, rows: FloatArray, spare: int, fill: float = 0.0) -> FloatArray:
        """Forecast rows from now on, placed after ``spare`` rows of ``fill``, shape (n_steps, ...)."""
        window = np.empty((self.n_steps, *rows.shape[1:]))
        window[:spare] = fill
        window[spare:] = rows[: self.n_steps - spare]
        return window

    def slot_means(self, window: FloatArray) -> FloatArray:
        """Mean over each control slot, shape (n_slots, ...)."""
        return _means(window, self.starts, self._slot_steps)

    def meter_means(self, window: FloatArray) -> FloatArray:
        """Mean over each meter slot, shape (n_meter_slots, ...)."""
        return _means(window, self.meter_starts, self._meter_steps)

    @cached_property
    def _slot_steps(self) -> FloatArray:
        return self.hours[:, None] * self.steps_per_hour

    @cached_property
    def _meter_steps(self) -> FloatArray:
        return self.meter_hours[:, None] * self.steps_per_hour


def _means(window: FloatArray, starts: IntArray, lengths: FloatArray) -> FloatArray:
    sums: FloatArray = np.add.reduceat(window, starts, axis=0)
    sums /= lengths if window.ndim == 2 else lengths.reshape(-1, *(1,) * (window.ndim - 1))
    return sums
