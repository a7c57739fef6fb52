"""Wished cycles of washing machines, dishwashers and dryers: when each is wished, and what it draws."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from recosim.arrays import FloatArray, IntArray
from recosim.simulators.physics.appliance import ApplianceParameters


@dataclass(frozen=True, kw_only=True)
class Cycles:
    """All cycles that may be moved, in the order of their wishes. Steps count from the start of the series.

    Parameters
    ----------
    machine : array of int, shape (n_cycles,)
        Index of the device.
    step_wished, step_latest : array of int, shape (n_cycles,)
        First and last step in which the cycle may begin; ``step_wished`` ascends.
    after : array of int, shape (n_cycles,)
        Cycle that must have ended before (the wash before its drying), -1 where there is none.
    node : array of int, shape (n_machines,)
        Delivery point of each device.
    n_pods : int
    parameters : ApplianceParameters

    Raises
    ------
    ValueError
        Wishes do not ascend, a cycle must begin before it is wished, or before that which it follows can
        have ended.
    """

    machine: IntArray
    step_wished: IntArray
    step_latest: IntArray
    after: IntArray
    node: IntArray
    n_pods: int
    parameters: ApplianceParameters

    def __post_init__(self) -> None:
        if np.any(np.diff(self.step_wished) < 0):
            raise ValueError("step_wished does not ascend, allowed: cycles in the order of their wishes")
        if np.any(self.step_latest < self.step_wished):
            worst = int(np.argmax(self.step_wished - self.step_latest))
            raise ValueError(
                f"step_latest[{worst}] = {self.step_latest[worst]}, allowed: step_wished = "
                f"{self.step_wished[worst]} or later"
            )
        follows = self.after >= 0
        before = self.after[follows]
        ends = self.step_latest[before] + self.parameters.n_steps[self.machine[before]]
        if np.any(ends > self.step_latest[follows]):
            raise ValueError("a cycle may still run when the one that follows it must begin")

    def __len__(self) -> int:
        return len(self.machine)

    @cached_property
    def _longest(self) -> int:
        return int(self.parameters.powers_kw.shape[1])

    def power_kw(self, rows: slice) -> FloatArray:
        """What cycles draw in ``rows`` if each begins as wished, shape (n_rows, n_pods) [kW]."""
        first = int(np.searchsorted(self.step_wished, rows.start - self._longest, side="right"))
        last = int(np.searchsorted(self.step_wished, rows.stop, side="left"))
        return self._drawn(slice(first, last), rows)

    def begun_kw(self, step: int, n_steps: int) -> FloatArray:
        """What cycles wished in ``step`` or before draw from ``step`` on if each begins as wished.

        Returns
        -------
        array, shape (n_steps, n_pods) [kW]
        """
        first = int(np.searchsorted(self.step_wished, step - self._longest, side="right"))
        last = int(np.searchsorted(self.step_wished, step, side="right"))
        return self._drawn(slice(first, last), slice(step, step + n_steps))

    def _drawn(self, cycles: slice, rows: slice) -> FloatArray:
        power = np.zeros((rows.stop - rows.start, self.n_pods))
        machine, wished = self.machine[cycles], self.step_wished[cycles]
        node, powers = self.node[machine], self.parameters.powers_kw[machine]
        for offset in range(self._longest):
            row = wished + offset - rows.start
            inside = (row >= 0) & (row < len(power))
            np.add.at(power, (row[inside], node[inside]), powers[inside, offset])
        return power
