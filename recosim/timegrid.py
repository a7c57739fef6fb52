"""Time inside recosim: UTC, integer seconds, a value at t holds over [t, t + step).

Local time (Europe/Rome unless the scenario says otherwise) decides calendars, tariff bands and reports only.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from recosim.arrays import FloatArray, IntArray

SECONDS_PER_HOUR = 3600
SECONDS_PER_DAY = 86_400


@dataclass(frozen=True, kw_only=True)
class TimeGrid:
    """Equal steps on the UTC time axis.

    Parameters
    ----------
    start : int
        POSIX time of the first step's start [s].
    step_s : int
        Length of a step [s]; divides an hour.
    n_steps : int
        Number of steps.
    timezone : str
        IANA name of the zone that decides local calendars.

    Raises
    ------
    ValueError
        The step does not divide an hour, or the start does not lie on a step.
    """

    start: int
    step_s: int
    n_steps: int
    timezone: str = "Europe/Rome"

    def __post_init__(self) -> None:
        if self.step_s <= 0 or SECONDS_PER_HOUR % self.step_s:
            raise ValueError(f"step_s = {self.step_s}, allowed: a divisor of {SECONDS_PER_HOUR}")
        if self.start % self.step_s:
            raise ValueError(f"start = {self.start} does not lie on a step of {self.step_s} s")
        if self.n_steps < 0:
            raise ValueError(f"n_steps = {self.n_steps}, allowed: 0 or more")

    @classmethod
    def from_local_date(
        cls, date: str, days: int, step_s: int = 900, timezone: str = "Europe/Rome"
    ) -> "TimeGrid":
        """Whole local days from local midnight of ``date`` (``YYYY-MM-DD``), clock changes included."""
        midnight = pd.Timestamp(date).tz_localize(timezone)
        end = (pd.Timestamp(date) + pd.Timedelta(days=days)).tz_localize(timezone)
        start = int(midnight.timestamp())
        return cls(
            start=start, step_s=step_s, n_steps=(int(end.timestamp()) - start) // step_s, timezone=timezone
        )

    @property
    def steps_per_hour(self) -> int:
        """Steps in an hour."""
        return SECONDS_PER_HOUR // self.step_s

    @property
    def step_h(self) -> float:
        """Length of a step [h]."""
        return self.step_s / SECONDS_PER_HOUR

    @property
    def end(self) -> int:
        """POSIX time at which the last step ends [s]."""
        return self.start + self.n_steps * self.step_s

    @property
    def days(self) -> float:
        """Length of the grid in days of 24 hours [d]."""
        return self.n_steps * self.step_s / SECONDS_PER_DAY

    @cached_property
    def times(self) -> IntArray:
        """POSIX time of each step's start, shape (n_steps,) [s]."""
        times: IntArray = self.start + self.step_s * np.arange(self.n_steps, dtype=np.int64)
        times.setflags(write=False)
        return times

    @cached_property
    def utc(self) -> pd.DatetimeIndex:
        """Start of each step in UTC, shape (n_steps,)."""
        return pd.DatetimeIndex(pd.to_datetime(self.times, unit="s", utc=True))

    @cached_property
    def local(self) -> pd.DatetimeIndex:
        """Start of each step in local time, shape (n_steps,)."""
        return self.utc.tz_convert(self.timezone)

    @cached_property
    def hour_of_day_local(self) -> FloatArray:
        """Local time of day of each step's start, shape (n_steps,) [h]."""
        local = self.local
        return np.asarray(local.hour + local.minute / 60.0, dtype=np.float64)

    def index_of(self, time: int) -> int:
        """Step that contains POSIX ``time``.

        Raises
        ------
        IndexError
            The time lies outside the grid.
        """
        index = (time - self.start) // self.step_s
        if not 0 <= index < self.n_steps:
            raise IndexError(f"{pd.Timestamp(time, unit='s', tz='UTC')} lies outside {self.describe()}")
        return int(index)

    def part(self, first: int, n_steps: int) -> "TimeGrid":
        """Grid of ``n_steps`` steps from step ``first`` on (negative ``first`` reaches before the start)."""
        return replace(self, start=self.start + first * self.step_s, n_steps=n_steps)

    def describe(self) -> str:
        """Start and end in local time, for messages."""
        first = pd.Timestamp(self.start, unit="s", tz=self.timezone)
        last = pd.Timestamp(self.end, unit="s", tz=self.timezone)
        return f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} ({self.timezone})"
