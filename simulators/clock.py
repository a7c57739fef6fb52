"""Where a world's mosaik time begins on its grid, and after which steps it is remembered."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from numpy.typing import NDArray

from recosim.timegrid import SECONDS_PER_DAY, TimeGrid

State: TypeAlias = Mapping[str, NDArray[Any]]
"""What a simulator or a controller remembers between steps, as plain arrays under names."""


@dataclass(frozen=True, kw_only=True)
class Clock:
    """The steps of a world.

    Parameters
    ----------
    grid : TimeGrid
        Warm-up and period.
    n_warmup : int
        Steps before the period.
    first : int
        Step with which mosaik's time begins: 0, or later where an interrupted run goes on.

    Examples
    --------
    >>> clock = Clock(grid=TimeGrid(start=0, step_s=900, n_steps=400), n_warmup=96, first=192)
    >>> clock.step_at(1800), clock.ends_day(191), clock.ends_day(192), clock.ends_day(399)
    (194, True, False, True)
    """

    grid: TimeGrid
    n_warmup: int = 0
    first: int = 0

    def step_at(self, time: int) -> int:
        """Step of the grid that begins at mosaik's ``time``."""
        return self.first + time // self.grid.step_s

    @property
    def until(self) -> int:
        """Mosaik's time at which the last step ends [s]."""
        return (self.grid.n_steps - self.first) * self.grid.step_s

    @property
    def steps_per_day(self) -> int:
        """Steps in 24 hours."""
        return SECONDS_PER_DAY // self.grid.step_s

    def ends_day(self, step: int) -> bool:
        """Whether a step is the last of a day of 24 hours, from the start of the period, or of all."""
        done = step + 1 - self.n_warmup
        return done > 0 and (done % self.steps_per_day == 0 or step + 1 == self.grid.n_steps)
