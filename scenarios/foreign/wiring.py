"""Wires foreign simulators to the members of a world: who sees, who decides, who stands for whom."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
from mosaik.exceptions import ScenarioError, SimulationError

from recosim.components import Devices
from recosim.contracts import Community
from recosim.controllers.host import METERED, ForecastProvider
from recosim.controllers.outlook import COMMUNITY, Outlook, offered
from recosim.errors import ForeignError
from recosim.scenarios.foreign.file import ALL, Foreign, ForeignSimulator
from recosim.scenarios.foreign.process import Clock, Process, what
from recosim.scenarios.foreign.protocol import as_json
from recosim.scenarios.foreign.starter import ForeignStarter
from recosim.scenarios.foreign.values import (
    FOR_A_KIND,
    FOR_ALL,
    NOT_REPLACED,
    STORAGE,
    at,
    is_number,
    listed,
    may_be_left,
    outputs_of,
    scalars_of,
)
from recosim.scenarios.schema.messages import suggestion
from recosim.simulators.group import GROUP_MODEL, MEMBER_MODEL
from recosim.simulators.net_load import POWER_NET, NetLoad
from recosim.simulators.nodes import LOAD
from recosim.timegrid import TimeGrid

NEVER_S = 1e9
"""For mosaik's own limit on the time to start: ours says what is wrong."""


class World(Protocol):
    """What is needed of a world."""

    @property
    def mosaik(self) -> Any:
        """The mosaik world."""
        ...

    @property
    def simulators(self) -> Mapping[str, Any]:
        """Simulators of this process by group."""
        ...

    def entity(self, group: str, member: str | None = None) -> Any:
        """Entity of a group or member."""
        ...


class Wiring:
    """The foreign simulators of one world.

    Parameters
    ----------
    foreign : Foreign
    community : Community
    grid : TimeGrid
        Warm-up included.
    n_warmup : int
        Steps before controllers are asked.
    forecasts : ForecastProvider
        What every controller of the run is told.
    processes : list of Process
        Every process that is started is entered here.
    """

    def __init__(
        self,
        foreign: Foreign,
        community: Community,
        grid: TimeGrid,
        n_warmup: int,
        forecasts: ForecastProvider,
        processes: list[Process],
    ) -> None:
        self._foreign, self._community, self._grid = foreign, community, grid
        self._n_warmup, self._forecasts, self._processes = n_warmup, forecasts, processes
        self._devices = {kind: devices for kind, devices in community.devices.items() if len(devices)}
        self._entities: dict[str, dict[tuple[str, str], Any]] = {}
        self._attrs: dict[tuple[str, str], list[str]] = {}
        self._clock = Clock(grid)
        self._net: Any = None
        self._outlook: Any = None
        self._parts: dict[tuple[str, str], Any] = {}
        self._taken: dict[tuple[str, str, str], str] = {}

    def start(self, world: World) -> None:
        """Start all, before anything is connected: what stands for a device says how it begins."""
        world.mosaik.config["start_timeout"] = NEVER_S
        for one in self._foreign.simulators:
            chosen = self._chosen(one)
            starter = ForeignStarter(one, self._foreign.folder, self._clock, self._processes)
            try:
                factory = world.mosaik.start(starter, sim_id=f"foreign-{one.name}")
                self._entities[one.name] = self._created(one, factory, chosen)
                if not one.is_controller:
                    self._begin(one, world)
            except (ScenarioError, SimulationError) as error:
                raise ForeignError(f"{what(one.name)}: {error}") from error

    def connect(self, world: World) -> None:
        """Connect all; foreign controllers first, whose set-points win over those of the run's own."""
        asked: dict[tuple[str, str, str], tuple[Any, str, str]] = {}
        for one in self._foreign.simulators:
            if one.is_controller:
                asked |= self._connect_controller(one, world)
        for one in self._foreign.simulators:
            if not one.is_controller:
                self._connect_device(one, world, asked)

    # who takes part

    def _chosen(self, one: ForeignSimulator) -> dict[str, tuple[str, ...]]:
        """Members by kind; controllers also have the community."""
        given = one.controls if one.is_controller else one.replaces
        if given == ALL:
            return {kind: devices.names for kind, devices in self._devices.items()} | {
                COMMUNITY: (COMMUNITY,)
            }
        where = f"{what(one.name)}: {'controls' if one.is_controller else 'replaces'}"
        chosen: dict[str, tuple[str, ...]] = {}
        for kind, names in dict(given or {}).items():
            kinds = [k for k in self._devices if one.is_controller or k not in NOT_REPLACED]
            if kind not in kinds:
                close = suggestion(kind, kinds) or ";"
                raise ForeignError(f"{where}: {kind!r}{close} allowed here: {', '.join(kinds)}")
            there = self._devices[kind].names
            for name in () if names == ALL else names:
                if name not in there:
                    close = suggestion(name, there) or ";"
                    raise ForeignError(f"{where}.{kind}: {name!r}{close} allowed: {listed(there)}")
            chosen[kind] = there if names == ALL else tuple(dict.fromkeys(names))
        return chosen | ({COMMUNITY: (COMMUNITY,)} if one.is_controller else {})

    def _created(
        self, one: ForeignSimulator, factory: Any, chosen: Mapping[str, Sequence[str]]
    ) -> dict[tuple[str, str], Any]:
        """One entity for each member whose kind the simulator has a model of."""
        models = _models(factory)
        kinds = [kind for kind in chosen if kind in models]
        if not kinds or (not one.is_controller and len(kinds) < len(chosen)):
            have = ", ".join(models) or "none"
            raise ForeignError(f"{what(one.name)} has models: {have}; allowed: {', '.join(chosen)}")
        entities = {}
        for kind in kinds:
            params = models[kind]["params"]
            unknown = [name for name in one.parameters if name not in params]
            if unknown:
                raise ForeignError(
                    f"{what(one.name)}: parameter {unknown[0]!r}, allowed by its model {kind}: "
                    f"{', '.join(params) or 'none'}"
                )
            for name in chosen[kind]:
                known = self._told(kind, name) | one.parameters
                given = {key: value for key, value in known.items() if key in params}
                entities[kind, name] = getattr(factory, kind)(**given)
            self._attrs[one.name, kind] = self._checked_attrs(one, kind, models[kind]["attrs"])
        return entities

    def _told(self, kind: str, name: str) -> dict[str, Any]:
        """What recosim knows of a device: offered to ``create``."""
        grid = self._grid
        told: dict[str, Any] = {
            "name": name,
            "time_start_s": grid.start,
            "step_s": grid.step_s,
            "timezone": grid.timezone,
        }
        if kind == COMMUNITY:
            return told | {"n_pods": len(self._community.pods)}
        devices = self._devices[kind]
        i = devices.names.index(name)
        pods, pod = self._community.pods, int(devices.node[i])
        contract_kw = float(np.broadcast_to(pods.power_contract_kw, len(pods))[pod])
        return told | scalars_of(devices, i) | {"pod": pods.names[pod], "power_contract_kw": contract_kw}

    def _checked_attrs(self, one: ForeignSimulator, kind: str, attrs: list[str]) -> list[str]:
        allowed = self._allowed(one, kind)
        for attr in attrs:
            if attr not in allowed:
                close = suggestion(attr, allowed) or ";"
                raise ForeignError(
                    f"{what(one.name)}: model {kind} has attribute {attr!r}{close} allowed: "
                    f"{', '.join(allowed)}"
                )
        required = () if one.is_controller else outputs_of(self._devices[kind])
        missing = [attr for attr in required if attr not in attrs]
        if missing:
            raise ForeignError(
                f"{what(one.name)}: model {kind} lacks attribute {missing[0]!r}; what stands for a {kind} "
                f"gives {', '.join(required)}"
            )
        return attrs

    def _allowed(self, one: ForeignSimulator, kind: str) -> list[str]:
        if kind == COMMUNITY:
            return list(offered(kind))
        declaration = self._devices[kind].declaration
        if one.is_controller:
            return [*declaration.setpoints, *declaration.states, *offered(kind)]
        return [*outputs_of(self._devices[kind]), *declaration.setpoints, *FOR_ALL, *FOR_A_KIND.get(kind, ())]

    # controllers

    def _connect_controller(
        self, one: ForeignSimulator, world: World
    ) -> dict[tuple[str, str, str], tuple[Any, str, str]]:
        asked = {}
        world.mosaik.set_initial_event(f"foreign-{one.name}", self._n_warmup * self._grid.step_s)
        for (kind, name), entity in self._entities[one.name].items():
            attrs = self._attrs[one.name, kind]
            told = [attr for attr in attrs if attr in offered(kind)]
            if told:
                world.mosaik.connect(self._part(world, kind, name), entity, *told)
            if kind == COMMUNITY:
                continue
            declaration = self._devices[kind].declaration
            states = [attr for attr in attrs if attr in declaration.states]
            member = world.entity(kind, name)
            if states:
                i, out = self._devices[kind].names.index(name), world.simulators[kind].out
                initial = {state: float(out[state][i]) for state in states}
                world.mosaik.connect(member, entity, *states, time_shifted=True, initial_data=initial)
            for attr in (attr for attr in attrs if attr in declaration.setpoints):
                before = self._taken.setdefault((kind, name, attr), one.name)
                if before != one.name:
                    raise ForeignError(
                        f"{what(before)} and {what(one.name)} both give {attr} of {name}; allowed: one"
                    )
                checked = self._checked(one, f"{attr} of {name}", may_be_left)
                world.mosaik.connect(entity, member, attr, transform=checked)
                asked[kind, name, attr] = (entity, attr, one.name)
        return asked

    def _part(self, world: World, kind: str, name: str) -> Any:
        """A member's part of the outlook, which is started when the first is asked for."""
        if self._outlook is None:
            world.mosaik.sim_config["outlook"] = {"python": f"{Outlook.__module__}:{Outlook.__name__}"}
            self._outlook = world.mosaik.start(
                "outlook", grid=self._grid, community=self._community, forecasts=self._forecasts
            )
            # the readings also keep it from running ahead of all others
            nothing = {metered: np.zeros(len(self._community.pods)) for metered in METERED}
            group = getattr(self._outlook, GROUP_MODEL)()
            world.mosaik.connect(
                world.entity("meter"), group, *METERED, time_shifted=True, initial_data=nothing
            )
            world.mosaik.set_initial_event("outlook-0", self._n_warmup * self._grid.step_s)
        if (kind, name) not in self._parts:
            index = 0 if kind == COMMUNITY else self._devices[kind].names.index(name)
            self._parts[kind, name] = getattr(self._outlook, MEMBER_MODEL)(kind=kind, index=index)
        return self._parts[kind, name]

    # devices

    def _begin(self, one: ForeignSimulator, world: World) -> None:
        """Take the states with which the foreign devices begin; their flows begin at zero."""
        for (kind, name), entity in self._entities[one.name].items():
            before = self._taken.setdefault((kind, name, ""), one.name)
            if before != one.name:
                raise ForeignError(
                    f"{what(before)} and {what(one.name)} both replace {name}; allowed: one of them"
                )
            states = self._devices[kind].declaration.states
            if states:
                given = world.mosaik.get_data([entity], *states)[entity]
                check = {s: self._checked(one, f"{s} of {name} at the start", is_number(s)) for s in states}
                world.simulators[kind].stand_in(name, {s: check[s](given[s]) for s in states})

    def _connect_device(
        self,
        one: ForeignSimulator,
        world: World,
        asked: Mapping[tuple[str, str, str], tuple[Any, str, str]],
    ) -> None:
        for (kind, name), entity in self._entities[one.name].items():
            devices = self._devices[kind]
            i, attrs = devices.names.index(name), self._attrs[one.name, kind]
            member = world.entity(kind, name)
            for attr in outputs_of(devices):
                checked = self._checked(one, f"{attr} of {name}", is_number(attr))
                world.mosaik.connect(entity, member, attr, transform=checked)
            for attr in (attr for attr in attrs if attr in devices.declaration.setpoints):
                source = asked.get((kind, name, attr))
                if source is None:
                    world.mosaik.connect(world.entity("controller"), entity, attr, transform=at(i))
                else:
                    world.mosaik.connect(source[0], entity, source[1])
            for attr in (attr for attr in attrs if attr in (*FOR_ALL, *FOR_A_KIND.get(kind, ()))):
                self._tell(world, devices, i, entity, attr)

    def _tell(self, world: World, devices: Devices, i: int, entity: Any, attr: str) -> None:
        inputs, pod = world.entity("inputs"), int(devices.node[i])
        if attr == POWER_NET:
            world.mosaik.connect(self._net_at(world, pod), entity, attr)
        elif attr == LOAD:
            world.mosaik.connect(inputs, entity, attr, transform=at(pod))
        elif attr == "irradiance_module_w_per_m2":
            world.mosaik.connect(inputs, entity, attr, transform=at(int(devices.parameters.plane[i])))
        elif attr in ("occupants_home", "occupants_awake", "heat_hot_water_kw"):
            world.mosaik.connect(inputs, entity, attr, transform=at(i))
        else:
            world.mosaik.connect(inputs, entity, attr, transform=as_json)

    def _net_at(self, world: World, pod: int) -> Any:
        """What a delivery point takes before storage."""
        if self._net is None:
            others = {kind: devices for kind, devices in self._devices.items() if kind != STORAGE}
            world.mosaik.sim_config["net_load"] = {"python": f"{NetLoad.__module__}:{NetLoad.__name__}"}
            names = self._community.pods.names
            started = world.mosaik.start("net_load", grid=self._grid, names=names, others=others)
            self._net = getattr(started, GROUP_MODEL)()
            world.mosaik.connect(world.entity("inputs"), self._net, LOAD)
            for kind, devices in others.items():
                flows = [name for flow in devices.declaration.flows.values() for name in flow]
                world.mosaik.connect(world.entity(kind), self._net, *flows)
        return self._net.children[pod]

    def _checked(
        self, one: ForeignSimulator, which: str, check: Callable[[Any], str | None]
    ) -> Callable[[Any], float]:
        """Transform that lets a value through, or says what is wrong with it."""

        def through(value: Any) -> float:
            wrong = check(value)
            if wrong is not None:
                raise ForeignError(
                    f"{what(one.name)}{self._clock} gave {which} = {value!r:.60}, allowed: {wrong}"
                )
            return float("nan") if value is None else float(value)

        return through


@contextmanager
def ended_afterwards() -> Iterator[list[Process]]:
    """A list of processes, all of which are ended when the block is left, however it is left."""
    processes: list[Process] = []
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()


def _models(factory: Any) -> dict[str, Any]:
    """Public models by name, as the simulator describes them."""
    models = factory.meta["models"]
    return {name: model for name, model in models.items() if model.get("public", True)}
