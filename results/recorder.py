"""The mosaik simulator that writes everything down, and checks that no energy appears or vanishes."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import mosaik_api_v3
import numpy as np

from recosim.arrays import FloatArray
from recosim.components import Devices
from recosim.results.checkpoint import Checkpoint
from recosim.results.store import RunWriter
from recosim.simulators.clock import Clock
from recosim.simulators.group import GROUP_MODEL
from recosim.simulators.nodes import LOAD, NodeSum
from recosim.timegrid import TimeGrid

WITHDRAWN, INJECTED = "energy_withdrawn_kwh", "energy_injected_kwh"


class BalanceCheck:
    """Largest energy that appeared or vanished in a step, by what the devices say they delivered.

    Two balances are closed, in float64: at each delivery point the devices' flows and the load must equal
    what was withdrawn and injected; in each device that stores, the flows in and out must equal the change
    of what it holds.
    """

    def __init__(self, devices: Mapping[str, Devices], n_pods: int, step_h: float) -> None:
        self._devices = devices
        self._nodes = NodeSum(devices, n_pods)
        self._step_h = step_h
        self._stored: dict[str, FloatArray] = {}
        self.residual_kwh = 0.0

    def get_state(self) -> dict[str, FloatArray]:
        """Largest residual so far, and what is stored, by kind."""
        return {"residual_kwh": np.array(self.residual_kwh), **self._stored}

    def set_state(self, state: Mapping[str, FloatArray]) -> None:
        """Go on from `get_state`."""
        self.residual_kwh = float(state["residual_kwh"])
        self._stored = {name: values for name, values in state.items() if name != "residual_kwh"}

    def start(self, states: Mapping[str, Mapping[str, FloatArray]]) -> None:
        """Note what is stored before the first step; ``states`` by kind and name."""
        for kind, devices in self._devices.items():
            if devices.declaration.stored_kwh is not None:
                self._stored[kind] = devices.declaration.stored_kwh(devices.parameters, states[kind])

    def observe(self, values: Mapping[str, Mapping[str, FloatArray]]) -> None:
        """Check one step; ``values`` by group and quantity."""
        flows = {name: array for kind in self._devices for name, array in values[kind].items()}
        taken = (self._nodes(flows) + values["load"][LOAD]) * self._step_h
        meter = values["meter"]
        worst = [np.max(np.abs(taken - meter[WITHDRAWN] + meter[INJECTED]))]
        for kind, devices in self._devices.items():
            declaration = devices.declaration
            if declaration.stored_kwh is None:
                continue
            stored = declaration.stored_kwh(devices.parameters, values[kind])
            if kind in self._stored:
                brought = sum(sign * values[kind][name] for name, sign in declaration.storage_flows.items())
                missing = stored - self._stored[kind] - brought * self._step_h
                worst.append(np.max(np.abs(missing)))
            self._stored[kind] = stored
        # not Python's max, which drops a NaN: a balance that cannot be computed must show
        self.residual_kwh = float(np.max([self.residual_kwh, *worst]))


class Recorder(mosaik_api_v3.Simulator):
    """Collects arrays, one entity per recorded group, and writes them a day at a time."""

    def __init__(self) -> None:
        models = {GROUP_MODEL: {"public": True, "params": ["group"], "attrs": [], "any_inputs": True}}
        super().__init__({"api_version": "3.0", "type": "time-based", "models": models})

    def init(
        self,
        sid: str,
        time_resolution: float = 1.0,
        *,
        grid: TimeGrid,
        n_warmup: int,
        writer: RunWriter,
        series: Mapping[str, Mapping[str, tuple[str, ...]]],
        balance: BalanceCheck,
        progress: Any = None,
        registry: dict[str, Any] | None = None,
        clock: Clock | None = None,
        on_block: Callable[[int, int], Checkpoint | None] | None = None,
    ) -> Any:
        """Take the writer; the ``n_warmup`` first steps are checked but not recorded.

        ``on_block`` is told, before a block of rows is written, how many there are and how many will be; it
        may give back what the run needs to go on from there.
        """
        if registry is not None:
            registry["recorder"] = self
        self._grid, self._n_warmup = grid, n_warmup
        self._writer, self._balance = writer, balance
        self._progress, self._on_block = progress, on_block
        self._clock = clock or Clock(grid=grid, n_warmup=n_warmup)
        self._rows = writer.rows_per_block
        self.states_at_start: dict[str, dict[str, FloatArray]] = {}
        self._filled = 0
        self._block = {
            group: {name: np.empty((self._rows, len(members))) for name, members in quantities.items()}
            for group, quantities in series.items()
        }
        return self.meta

    def create(self, num: int, model: str, *, group: str) -> list[Any]:
        """Create the entity that one group of devices is connected to."""
        return [{"eid": group, "type": model}]

    def step(self, time: int, inputs: Mapping[str, Mapping[str, Mapping[str, Any]]], max_advance: int) -> int:
        """Take one step's values."""
        values = {
            group: {name: np.atleast_1d(next(iter(sources.values()))) for name, sources in attrs.items()}
            for group, attrs in inputs.items()
        }
        self._balance.observe(values)
        step = self._clock.step_at(time)
        if step == self._n_warmup - 1:
            self.states_at_start = {g: dict(v) for g, v in values.items()}
        if step >= self._n_warmup:
            row = self._filled
            for group, quantities in self._block.items():
                received = values[group]
                for name, block in quantities.items():
                    block[row] = received[name]
            self._filled += 1
            if self._filled == self._rows or step + 1 == self._grid.n_steps:
                self._write()
        if self._progress is not None:
            self._progress(step + 1)
        return time + self._grid.step_s

    def _write(self) -> None:
        n = self._filled
        block = {g: {name: rows[:n] for name, rows in q.items()} for g, q in self._block.items()}
        first = self._writer.committed
        checkpoint = self._on_block(first, first + n) if self._on_block is not None else None
        self._writer.append(block, n, checkpoint)
        self._filled = 0

    def get_data(self, outputs: Mapping[str, Sequence[str]]) -> dict[str, dict[str, Any]]:
        """Nothing is handed out."""
        return {}
