"""Builds the mosaik world of a run: which simulators, and what flows between them."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

import mosaik

from recosim.arrays import FloatArray
from recosim.components import SETPOINT_PREFIX, Devices
from recosim.contracts import Community, Controller
from recosim.controllers.faulty_view import FaultyView
from recosim.controllers.host import METERED, DecisionLog, ForecastProvider
from recosim.controllers.remembering import give_state
from recosim.results.checkpoint import Checkpoint
from recosim.results.recorder import BalanceCheck
from recosim.results.run_file import damage_told
from recosim.results.store import RunWriter
from recosim.simulators.clock import Clock
from recosim.simulators.exposure import Exposure
from recosim.simulators.faults import Faults
from recosim.simulators.group import GROUP_MODEL
from recosim.simulators.gse import Accounts
from recosim.simulators.inputs import PACE, Inputs, InputSeries
from recosim.simulators.nodes import LOAD

SIMULATORS: Mapping[str, Any] = {
    "inputs": {"python": "recosim.simulators.inputs:Inputs"},
    "controller": {"python": "recosim.controllers.host:ControllerHost"},
    "photovoltaics": {"python": "recosim.simulators.photovoltaics:Photovoltaics"},
    "dwelling": {"python": "recosim.simulators.dwellings:Dwellings"},
    "appliance": {"python": "recosim.simulators.appliances:Appliances"},
    "car": {"python": "recosim.simulators.cars:Cars"},
    "battery": {"python": "recosim.simulators.batteries:Batteries"},
    "water_heater": {"python": "recosim.simulators.water_heaters:WaterHeaters"},
    "meter": {"python": "recosim.simulators.meters:Meters"},
    "gse": {"python": "recosim.simulators.gse:Gse"},
    "recorder": {"python": "recosim.results.recorder:Recorder"},
}
CANCEL_S = 0.2
WEATHER = ("temp_outdoor_degc", "irradiance_global_w_per_m2", "wind_speed_m_per_s")
PRICES = ("price_zonal_eur_per_mwh", "price_pun_eur_per_mwh")
METER = ("energy_withdrawn_kwh", "energy_injected_kwh")


def recorded_series(community: Community) -> dict[str, dict[str, tuple[str, ...]]]:
    """What the recorder keeps: group, quantity, members."""
    series: dict[str, dict[str, tuple[str, ...]]] = {
        "weather": dict.fromkeys(WEATHER, ("site",)),
        "price": dict.fromkeys(PRICES, ("market",)),
        "load": {LOAD: community.pods.names},
    }
    for kind, devices in community.devices.items():
        if len(devices):
            series[kind] = dict.fromkeys(devices.declaration.recorded, devices.names)
    series["meter"] = dict.fromkeys(METER, community.pods.names)
    return series


@dataclass(frozen=True, kw_only=True)
class Plant:
    """Everything a world is built from.

    Parameters
    ----------
    community : Community
    series : InputSeries
    exposure : Exposure
    """

    community: Community
    series: InputSeries
    exposure: Exposure

    @property
    def devices(self) -> dict[str, Devices]:
        """Kinds that have devices."""
        return {kind: devices for kind, devices in self.community.devices.items() if len(devices)}


def _empty_world() -> Any:
    # what is faster is measured: no cache and no lazy stepping, about a third less time per step
    return mosaik.World(dict(SIMULATORS), cache=False, skip_greetings=True, configure_logging=False)


class ForeignSimulators(Protocol):
    """What takes part in a world from outside."""

    def start(self, world: "RecosimWorld") -> None:
        """Start it, when our own simulators have been started but not connected."""
        ...

    def connect(self, world: "RecosimWorld") -> None:
        """Connect it, when our own simulators are."""
        ...


class RecosimWorld:
    """A mosaik world with its simulators started and connected.

    Parameters
    ----------
    plant : Plant
    controller : Controller
    forecasts : ForecastProvider
    log : DecisionLog
    writer : RunWriter
    seed : int
    progress : callable or None
        Called with the number of steps done, warm-up included.
    time_budget_ms : float or None
        Longest decision that counts; None: any [ms].
    foreign : ForeignSimulators or None
        Simulators from outside, which are started before the others are connected and connected after them.
    faults : Faults or None
        What is out of order, forecasts aside.
    """

    def __init__(
        self,
        plant: Plant,
        *,
        controller: Controller,
        forecasts: ForecastProvider,
        log: DecisionLog,
        writer: RunWriter,
        seed: int,
        progress: Callable[[int], None] | None = None,
        time_budget_ms: float | None = None,
        foreign: ForeignSimulators | None = None,
        checkpoint: Checkpoint | None = None,
        faults: Faults | None = None,
    ) -> None:
        self._plant = plant
        self._trips = () if faults is None else faults.trips
        self.view = None if faults is None else FaultyView(faults, plant.community)
        self._grid = plant.series.simulated
        first = 0 if checkpoint is None else plant.series.n_warmup + writer.committed
        self._clock = Clock(grid=self._grid, n_warmup=plant.series.n_warmup, first=first)
        self._log, self._writer, self._n_before = log, writer, writer.committed
        self._devices = plant.devices
        self._time_budget_ms, self._has_foreign = time_budget_ms, foreign is not None
        self.balance = BalanceCheck(self._devices, len(plant.community.pods), self._grid.step_h)
        self.mosaik = _empty_world()
        self._groups: dict[str, Any] = {}
        self._simulators: dict[str, Any] = {}
        try:
            self._start(controller, forecasts, log, writer, seed, progress)
            if foreign is not None:
                foreign.start(self)
            self._states_before = {kind: dict(self._simulators[kind].out) for kind in self._devices}
            if checkpoint is None:
                self.balance.start(self._states_before)
            else:
                with damage_told(writer.path):
                    self._go_on(controller, checkpoint)
            self._connect()
            if foreign is not None:
                foreign.connect(self)
        except BaseException:
            self.mosaik.shutdown()
            raise

    def run(self) -> None:
        """Step through warm-up and period."""
        try:
            if self._clock.until:  # else the last day was committed before the run was interrupted
                self.mosaik.run(until=self._clock.until, print_progress=False, lazy_stepping=False)
        except BaseException:
            self._cancel()
            raise
        finally:
            self.mosaik.shutdown()

    def _cancel(self) -> None:
        """End what waits for a step that will never come; asyncio would complain of it on the terminal."""
        loop = self.mosaik.loop
        # a task that Ctrl-C went through would complain, too, that nobody asked how it ended
        loop.set_exception_handler(lambda _loop, _context: None)
        while tasks := asyncio.all_tasks(loop):
            for task in tasks:
                task.cancel()
            # Ctrl-C comes out of the loop once for every task that it goes through; and a task may have
            # missed that it was cancelled, where what it waited for came at that moment
            with suppress(SystemExit):
                loop.run_until_complete(asyncio.wait(tasks, timeout=CANCEL_S))

    def accounts(self) -> Accounts:
        """What the hours so far cost and earned."""
        accounts: Accounts = self._simulators["gse"].accounts()
        return accounts

    @property
    def simulators(self) -> Mapping[str, Any]:
        """The simulators of this process that hold devices, meters or accounts, by group."""
        return self._simulators

    @property
    def states_at_start(self) -> Mapping[str, Mapping[str, FloatArray]]:
        """State of each kind when the period began, by kind and name."""
        recorded: dict[str, dict[str, FloatArray]] = self._simulators["recorder"].states_at_start
        return self._states_before | recorded

    def _on_block(self, first: int, last: int) -> Checkpoint | None:
        """Write the decisions of rows that are about to be committed; what is needed to go on after them."""
        self._writer.write_controller(self._log.columns(first - self._n_before, last - self._n_before))
        decided = self._simulators["controller"].remembered
        if decided is None or self._has_foreign:
            return None  # what the controller or a foreign simulator remembers is not known
        simulators = {name: self._simulators[name].remembered for name in (*self._devices, "meter")}
        at_start = self.states_at_start
        starts = {f"{kind}/{name}": a for kind in self._devices for name, a in at_start[kind].items()}
        return {
            **simulators,
            "start": starts,
            "balance": self.balance.get_state(),
            "controller": decided,
            "view": self._simulators["controller"].remembered_view,
        }

    def _go_on(self, controller: Controller, checkpoint: Checkpoint) -> None:
        """Give every simulator and the controller what they remembered when the run was interrupted."""
        for name in (*self._devices, "meter"):
            self._simulators[name].set_state(checkpoint[name])
        give_state(controller, checkpoint.get("controller", {}))
        if self.view is not None:
            self.view.set_state(checkpoint.get("view", {}))
        self.balance.set_state(checkpoint["balance"])
        self._states_before = {}
        for path, values in checkpoint["start"].items():
            kind, _, name = path.partition("/")
            self._states_before.setdefault(kind, {})[name] = values
        series, run = self._plant.series, self._writer.so_far()
        rows = slice(series.n_warmup, series.n_warmup + self._n_before)
        self._simulators["gse"].count(
            *(run.values("meter", name) for name in METER),
            series.price_zonal_eur_per_mwh[rows],
            series.price_pun_eur_per_mwh[rows],
        )

    def entity(self, group: str, member: str | None = None) -> Any:
        """Mosaik entity of a group or one of its members, to connect a foreign simulator before `run`.

        Groups: ``inputs``, ``meter``, ``gse``, ``controller`` and the kinds of devices. A group's attributes
        are whole arrays, a member's are numbers.

        Raises
        ------
        KeyError
            There is no such group or member.
        """
        entity = self._groups[group]
        return entity if member is None else {child.eid: child for child in entity.children}[member]

    def _start(
        self,
        controller: Controller,
        forecasts: ForecastProvider,
        log: DecisionLog,
        writer: RunWriter,
        seed: int,
        progress: Callable[[int], None] | None,
    ) -> None:
        plant, community, grid = self._plant, self._plant.community, self._grid
        pods = community.pods
        n_warmup = plant.series.n_warmup
        own: Mapping[str, Mapping[str, Any]] = {
            "dwelling": {"exposure": plant.exposure, "appliances": self._devices.get("appliance")},
            "appliance": {"cycles": plant.series.cycles},
            "photovoltaics": {},
            "battery": {
                "others": {kind: d for kind, d in self._devices.items() if kind != "battery"},
                "n_pods": len(pods),
                "trips": self._trips,
            },
            "water_heater": {},
            "car": {"trips": plant.series.trips},
        }
        self._begin("inputs", series=plant.series, pod_names=pods.names, clock=self._clock)
        for kind, devices in self._devices.items():
            self._begin(
                kind,
                grid=grid,
                names=devices.names,
                devices=devices,
                registry=self._simulators,
                clock=self._clock,
                **own[kind],
            )
        self._begin(
            "meter",
            grid=grid,
            names=pods.names,
            devices=self._devices,
            registry=self._simulators,
            clock=self._clock,
        )
        self._begin(
            "gse",
            grid=grid,
            period=plant.series.period,
            tariff=community.tariff,
            sharing=community.sharing,
            n_pods=len(pods),
            registry=self._simulators,
            clock=self._clock,
        )
        self._begin(
            "controller",
            grid=grid,
            n_warmup=n_warmup,
            community=community,
            controller=controller,
            forecasts=forecasts,
            log=log,
            seed=seed,
            time_budget_ms=self._time_budget_ms,
            registry=self._simulators,
            clock=self._clock,
            view=self.view,
        )
        self._series = recorded_series(community)
        recorder = self.mosaik.start(
            "recorder",
            grid=grid,
            n_warmup=n_warmup,
            writer=writer,
            series=self._series,
            balance=self.balance,
            progress=progress,
            registry=self._simulators,
            clock=self._clock,
            on_block=self._on_block,
        )
        self._sinks = {group: recorder.Group(group=group) for group in self._series}

    def _begin(self, name: str, **params: Any) -> None:
        """Start a simulator and create its group."""
        self._groups[name] = getattr(self.mosaik.start(name, **params), GROUP_MODEL)()

    def _connect(self) -> None:
        world, groups = self.mosaik, self._groups
        inputs, host, meters = groups["inputs"], groups["controller"], groups["meter"]
        world.connect(inputs, meters, LOAD)
        for kind, devices in self._devices.items():
            group, declaration = groups[kind], devices.declaration
            if declaration.states:
                initial = {name: self._simulators[kind].out[name] for name in declaration.states}
                world.connect(group, host, *declaration.states, time_shifted=True, initial_data=initial)
            if declaration.controls:
                world.connect(host, group, *(SETPOINT_PREFIX + name for name in declaration.controls))
        nothing = {name: self._simulators["meter"].out[name] for name in METERED}
        world.connect(meters, host, *METERED, time_shifted=True, initial_data=nothing)
        paced = {METERED[0]: nothing[METERED[0]]}
        world.connect(meters, inputs, (METERED[0], PACE), time_shifted=True, initial_data=paced)
        for kind in self._devices:
            offered = {*Inputs.signals, LOAD}
            simulator = self._simulators[kind]
            wanted = [name for name in (*simulator.signals, *simulator.inputs) if name in offered]
            world.connect(inputs, groups[kind], *wanted)
        for kind, devices in self._devices.items():
            flows = [name for flow in devices.declaration.flows.values() for name in flow]
            world.connect(groups[kind], meters, *flows)
            if kind == "appliance":
                world.connect(groups[kind], groups["dwelling"], *flows)
            if "battery" in self._devices and kind != "battery":
                world.connect(groups[kind], groups["battery"], *flows)
        world.connect(meters, groups["gse"], *METERED)
        world.connect(inputs, groups["gse"], *PRICES)
        world.connect(inputs, self._sinks["weather"], *WEATHER)
        world.connect(inputs, self._sinks["price"], *PRICES)
        world.connect(inputs, self._sinks["load"], LOAD)
        world.connect(meters, self._sinks["meter"], *METER)
        for kind, devices in self._devices.items():
            world.connect(groups[kind], self._sinks[kind], *self._simulators[kind].outputs)
            if devices.declaration.setpoints:
                # from the devices, who know whose set-points they were given
                world.connect(groups[kind], self._sinks[kind], *devices.declaration.setpoints)
