"""The one base between mosaik and arrays.

A simulator built on `DeviceGroup` holds all devices of a kind as arrays of shape (n,). It shows mosaik one
*group* entity, whose attribute values are whole arrays (fast, used inside), and one *member* entity per
device as its child, with scalar values (open: any foreign simulator can be connected to one battery).
A member's own value overrides the group's for that member: what it is asked for, and, where a foreign device
stands in its place, what it says it has done.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import mosaik_api_v3
import numpy as np
from numpy.typing import NDArray

from recosim.arrays import FloatArray
from recosim.components import DeviceKind
from recosim.simulators.clock import Clock, State
from recosim.timegrid import TimeGrid

GROUP = "group"
GROUP_MODEL = "Group"
MEMBER_MODEL = "Member"


def read_only(values: FloatArray) -> FloatArray:
    """Close an array for writing and return it: arrays pass between simulators by reference."""
    values.setflags(write=False)
    return values


class DeviceGroup(mosaik_api_v3.Simulator):
    """All devices of one kind as one time-based mosaik simulator.

    A subclass declares its ``declaration`` and the names of what it reads, and defines `advance`.

    Attributes
    ----------
    declaration : DeviceKind
        States, controls and flows of the kind.
    signals : tuple of str
        Inputs that belong to the whole group (outdoor temperature); any shape.
    inputs : tuple of str
        Inputs with one value per member, beside the set-points; shape (n,).
    """

    declaration: ClassVar[DeviceKind]
    signals: ClassVar[tuple[str, ...]] = ()
    inputs: ClassVar[tuple[str, ...]] = ()

    def __init__(self) -> None:
        super().__init__({"api_version": "3.0", "type": "time-based", "models": {}})
        self.grid: TimeGrid
        self.clock: Clock
        self.remembered: State = {}
        self.names: tuple[str, ...] = ()
        self.out: dict[str, FloatArray] = {}
        self.asked: dict[str, FloatArray] = {}
        self._index: dict[str, int] = {}

    def init(
        self,
        sid: str,
        time_resolution: float = 1.0,
        *,
        grid: TimeGrid,
        names: Sequence[str],
        registry: dict[str, Any] | None = None,
        clock: Clock | None = None,
        **params: Any,
    ) -> Any:
        """Declare the group and its members.

        Parameters
        ----------
        grid : TimeGrid
            The time axis of the world, warm-up included.
        names : sequence of str
            Name of each member, also its entity id.
        registry : dict, optional
            The simulator enters itself under its kind, for those who build the world in the same process.
        clock : Clock, optional
            Where on the grid mosaik's time begins; left out: at its start.
        **params
            Handed to `setup`.
        """
        if len(set(names)) != len(names) or GROUP in names:
            raise ValueError(f"{self.declaration.kind}: member names must differ and not be {GROUP!r}")
        self.grid = grid
        self.clock = clock or Clock(grid=grid)
        self.names = tuple(names)
        self._index = {name: i for i, name in enumerate(self.names)}
        if registry is not None:
            registry[self.declaration.kind] = self
        self.setup(**params)
        members = [*self.inputs, *self.declaration.setpoints, *self.outputs]
        self.meta["models"] = {
            GROUP_MODEL: {"public": True, "params": [], "attrs": [*self.signals, *members]},
            MEMBER_MODEL: {"public": False, "params": [], "attrs": members},
        }
        return self.meta

    @property
    def outputs(self) -> tuple[str, ...]:
        """What the group hands out: states, flows and further outputs."""
        return tuple(name for name in self.declaration.recorded if name not in self.declaration.setpoints)

    def setup(self, **params: Any) -> None:
        """Take the kind's parameters; sets the initial ``out``."""

    def zeros(self) -> dict[str, FloatArray]:
        """Every output at zero: ``out`` before the first step."""
        return {name: read_only(np.zeros(len(self.names))) for name in self.outputs}

    def create(self, num: int, model: str, **model_params: Any) -> list[Any]:
        """Create the group entity with its members as children; there is exactly one."""
        if num != 1 or model != GROUP_MODEL:
            raise ValueError(f"{self.declaration.kind}: create one {GROUP_MODEL}, its members come with it")
        children = [{"eid": name, "type": MEMBER_MODEL} for name in self.names]
        return [{"eid": GROUP, "type": GROUP_MODEL, "children": children}]

    def step(self, time: int, inputs: Mapping[str, Mapping[str, Mapping[str, Any]]], max_advance: int) -> int:
        """Advance one step and ask to be called again at the next."""
        step = self.clock.step_at(time)
        values = self.gather(inputs)
        self.asked = {name: values[name] for name in self.declaration.setpoints}
        self.advance(step, values)
        for eid, attributes in inputs.items():
            own = {} if eid == GROUP else {a: v for a, v in attributes.items() if a in self.out}
            if own:
                self.stand_in(eid, {attr: self._one(eid, attr, sources) for attr, sources in own.items()})
        if self.clock.ends_day(step):
            self.remembered = self.get_state()
        return time + self.grid.step_s

    def stand_in(self, member: str, values: Mapping[str, float]) -> None:
        """Let a member's outputs be these, which a foreign device in its place reports."""
        for name, value in values.items():
            whole = np.array(self.out[name])
            whole[self._index[member]] = value
            self.out[name] = read_only(whole)

    def advance(self, step: int, inputs: Mapping[str, FloatArray]) -> None:
        """Compute ``out`` for step number ``step`` of the world's grid."""
        raise NotImplementedError

    def get_state(self) -> dict[str, NDArray[Any]]:
        """Everything the group needs to go on after the step it has made; subclasses add their own."""
        return {f"out/{name}": values for name, values in self.out.items()}

    def set_state(self, state: State) -> None:
        """Go on from what `get_state` gave, instead of from the beginning."""
        self.out = {
            name.removeprefix("out/"): read_only(np.array(values))
            for name, values in state.items()
            if name.startswith("out/")
        }

    def get_data(self, outputs: Mapping[str, Sequence[str]]) -> dict[str, dict[str, Any]]:
        """Hand out arrays for the group, scalars for members."""
        data: dict[str, dict[str, Any]] = {}
        known = self.out | self.asked
        for eid, attrs in outputs.items():
            if eid == GROUP:
                data[eid] = {attr: known[attr] for attr in attrs}
            else:
                i = self._index[eid]
                data[eid] = {attr: float(known[attr][i]) for attr in attrs}
        return data

    def gather(self, inputs: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> dict[str, FloatArray]:
        """One array per attribute from what mosaik delivers; set-points nobody sets are NaN, or None.

        Raises
        ------
        ValueError
            Two sources give one attribute of one entity, or an array has the wrong shape.
        """
        n = len(self.names)
        values: dict[str, FloatArray] = {name: np.full(n, np.nan) for name in self.declaration.setpoints}
        for attr, sources in inputs.get(GROUP, {}).items():
            value = np.asarray(self._one(GROUP, attr, sources), dtype=np.float64)
            if attr not in self.signals and value.shape != (n,):
                raise ValueError(f"{self.declaration.kind}.{attr}: shape {value.shape}, expected {(n,)}")
            values[attr] = value
        for eid, attributes in inputs.items():
            if eid == GROUP:
                continue
            for attr, sources in attributes.items():
                own = np.array(values.get(attr, np.full(n, np.nan)))
                value = self._one(eid, attr, sources)
                own[self._index[eid]] = np.nan if value is None else value
                values[attr] = own
        return values

    def _one(self, eid: str, attr: str, sources: Mapping[str, Any]) -> Any:
        if len(sources) != 1:
            given = ", ".join(sorted(sources))
            raise ValueError(f"{self.declaration.kind}.{eid}.{attr} has {len(sources)} sources: {given}")
        return next(iter(sources.values()))
