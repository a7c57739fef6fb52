"""Washing machines, dishwashers and dryers as a mosaik simulator."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from recosim.arrays import BoolArray, FloatArray, IntArray
from recosim.components import DeviceKind, Devices
from recosim.simulators.clock import State
from recosim.simulators.cycles import Cycles
from recosim.simulators.group import DeviceGroup, read_only
from recosim.simulators.physics.appliance import ApplianceParameters, begins, power_of_step_kw

NEVER = np.iinfo(np.int64).max


def _limits(parameters: ApplianceParameters) -> dict[str, tuple[FloatArray | float, FloatArray | float]]:
    return {"cycle_start": (0.0, 1.0)}


class Appliances(DeviceGroup):
    """All machines whose cycles can be moved; their own rule is to begin as the household wishes.

    The states hold for the end of a step, so a cycle that is wished at 10:00 waits in what a controller sees
    at 10:00. A cycle that has begun runs through; it begins by itself at the latest step the household
    accepts. A drying does not begin before its wash has ended: until then it waits and is blocked.
    """

    declaration: ClassVar[DeviceKind] = DeviceKind(
        kind="appliance",
        states=("cycle_waiting", "cycle_blocked", "cycle_latest_s", "cycle_remaining_s"),
        controls=("cycle_start",),
        flows={"electricity": {"power_appliance_kw": 1.0}},
        limits=_limits,
    )

    def setup(self, *, devices: Devices, cycles: Cycles) -> None:  # type: ignore[override]
        """Take the machines and what is wished of them."""
        self._parameters: ApplianceParameters = devices.parameters
        self._cycles = cycles
        n = len(devices)
        # cycles by machine: a machine's own stand together, in order; one more stands for "no further"
        order = np.argsort(cycles.machine, kind="stable")
        self._order = np.append(order, len(cycles))
        counts = np.bincount(cycles.machine, minlength=n)
        self._last = np.cumsum(counts)
        self._next: IntArray = (self._last - counts).astype(np.int64)
        self._wished = np.append(cycles.step_wished, NEVER)
        self._latest = np.append(cycles.step_latest, NEVER)
        self._after = np.append(cycles.after, -1)
        self._ends = np.full(len(cycles) + 1, NEVER)
        self._ends[-1] = -1  # what no cycle follows has ended long ago
        self._step_of_cycle: IntArray = np.full(n, -1, dtype=np.int64)
        self.out = self.zeros() | self._states(0)

    def advance(self, step: int, inputs: Mapping[str, FloatArray]) -> None:
        """Begin what is to begin, and go on with what runs."""
        parameters = self._parameters
        current = self._current()
        waiting, blocked, until_latest = self._waiting(step, current)
        begun = begins(inputs["setpoint_cycle_start"], waiting, blocked, until_latest)
        self._ends[current[begun]] = step + parameters.n_steps[begun]
        running = np.where(begun, 0, self._step_of_cycle)
        power = power_of_step_kw(parameters, running)
        running = np.where(running >= 0, running + 1, -1)
        ended = running == parameters.n_steps
        self._next = self._next + ended
        self._step_of_cycle = np.where(ended, -1, running)
        self.out = {**self._states(step + 1), "power_appliance_kw": read_only(power)}

    def get_state(self) -> dict[str, NDArray[Any]]:
        """Which cycle each machine is at, how far it is, and when the cycles before ended."""
        return {
            **super().get_state(),
            "next": self._next,
            "ends": self._ends.copy(),
            "step_of_cycle": self._step_of_cycle,
        }

    def set_state(self, state: State) -> None:
        """Go on from `get_state`."""
        super().set_state(state)
        self._next, self._ends = np.array(state["next"]), np.array(state["ends"])
        self._step_of_cycle = np.array(state["step_of_cycle"])

    def _current(self) -> IntArray:
        """The cycle that each machine runs or waits for."""
        return np.asarray(self._order[np.where(self._next < self._last, self._next, -1)], dtype=np.int64)

    def _waiting(self, step: int, current: IntArray) -> tuple[BoolArray, BoolArray, IntArray]:
        """Which cycles wait at the start of a step, which are blocked, and steps until they must begin."""
        waiting = (self._step_of_cycle < 0) & (self._wished[current] <= step)
        blocked = waiting & (self._ends[self._after[current]] > step)
        return waiting, blocked, np.where(waiting, self._latest[current] - step, 0)

    def _states(self, step: int) -> dict[str, FloatArray]:
        """What a controller sees at the start of ``step``."""
        step_s = float(self.grid.step_s)
        waiting, blocked, until_latest = self._waiting(step, self._current())
        running = self._step_of_cycle
        remaining = np.where(running >= 0, self._parameters.n_steps - running, 0)
        return {
            "cycle_waiting": read_only(waiting.astype(np.float64)),
            "cycle_blocked": read_only(blocked.astype(np.float64)),
            "cycle_latest_s": read_only(np.asarray(until_latest * step_s, dtype=np.float64)),
            "cycle_remaining_s": read_only(np.asarray(remaining * step_s, dtype=np.float64)),
        }
