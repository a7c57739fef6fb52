"""How good a controller can be: a lower bound of J over a period, and a value that is reached.

Both are in J by the marginal rates that a controller plans with: `objective_eur` + `unmodelled_eur` -
`fees_eur` of a run. Fixed parts of the bills, the excise exemption and fees fall out, since no linear
programme can hold them and no controller changes them by much.

The lower bound adds up windows of a week, each solved with perfect foresight on a relaxed plant (see
`bound_windows`). Where two windows meet, the state is free in both, and has a price: what the first window
earns for it, the second pays. Whatever the prices, the minima add up to at most J of any trajectory (it is
the Lagrangian relaxation of "the second begins where the first ended"); good prices, taken from a pass that
hands the states on, make the bound tight. At both ends of the period the price is that of J itself, and the
period begins in the state that the warm-up leaves.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

import numpy as np

from recosim.arrays import FloatArray
from recosim.contracts import Forecast
from recosim.controllers.forecasts import PerfectForecast
from recosim.controllers.host import DecisionLog
from recosim.controllers.rules import Rules
from recosim.errors import ScenarioError
from recosim.results.compare import objective_marginal_eur
from recosim.results.store import RunWriter
from recosim.scenarios.bound_windows import Reach, States, WindowProgram, WindowSolution
from recosim.scenarios.event_loops import beside_a_running_loop
from recosim.scenarios.loader import scenario_yaml
from recosim.scenarios.runner import build_plant, run_scenario
from recosim.scenarios.schema.hvac import AirToWater, Split
from recosim.scenarios.schema.scenario import ControllerChoice, ModelError, Scenario
from recosim.scenarios.stored_value import worth_of_states, worth_of_tanks
from recosim.scenarios.world import Plant, RecosimWorld
from recosim.simulators.physics.battery import Battery
from recosim.timegrid import SECONDS_PER_DAY

DAYS_PER_WINDOW = 7
OBJECTIVE = "J by marginal rates: objective_eur + unmodelled_eur - fees_eur of a run"
NOTE_ON_WINDOWS = (
    "the lower bound admits opened windows, which the run keeps closed; for a gap without them: "
    "--set building.natural_night_ventilation=false"
)

Progress = Callable[[int, int, int], None]


@dataclass(frozen=True, kw_only=True)
class WindowBound:
    """Part of the lower bound that falls to one window.

    Parameters
    ----------
    start : str
        First day, local, ISO 8601.
    days : float
    lower_eur : float
        Least cost of the window, with what its first state costs and its last one earns [EUR].
    seconds : float
        CPU time of its linear programmes [s].
    """

    start: str
    days: float
    lower_eur: float
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Bound:
    """Between which values the least possible J of a scenario lies.

    Parameters
    ----------
    scenario : str
    start : str
        First day, local, ISO 8601.
    days : int
    seed : int
    objective : str
        What the values are.
    lower_eur : float
        No trajectory of the plant has a smaller J [EUR].
    upper_eur : float or None
        J of the predictive controller with a uniform horizon and perfect forecasts on the nominal linear
        plant: no minimum modulation, windows closed; None where it was not asked for [EUR].
    bills_eur : float or None
        Gross bills of that run [EUR].
    gap_eur, gap_percent_of_bills : float or None
        ``upper_eur - lower_eur``.
    weeks : tuple of WindowBound
    seconds_lower, seconds_upper : float
        CPU time [s].
    scenario_yaml : str
        The scenario, by which runs that do not belong are told.
    notes : tuple of str
        What the reader of the figures should know.
    """

    scenario: str
    start: str
    days: int
    seed: int
    objective: str = OBJECTIVE
    lower_eur: float
    upper_eur: float | None
    bills_eur: float | None
    gap_eur: float | None
    gap_percent_of_bills: float | None
    weeks: tuple[WindowBound, ...]
    seconds_lower: float
    seconds_upper: float
    scenario_yaml: str
    notes: tuple[str, ...] = ()


def bound_scenario(scenario: Scenario, *, upper: bool = True, progress: Progress | None = None) -> Bound:
    """Lower bound and upper value of a scenario's J.

    Parameters
    ----------
    scenario : Scenario
        Its choice of controller, forecast and model error plays no part.
    upper : bool
        Whether the upper value is computed, which takes a whole run.
    progress : callable, optional
        Called with steps done, steps in all, and the POSIX time reached; both halves count.

    Raises
    ------
    RecosimError
        Scenario or data are wrong, or a linear programme has no optimum.
    """
    began = time.process_time()
    weeks = lower_bound(scenario, progress=progress)
    middle = time.process_time()
    lower = sum(week.lower_eur for week in weeks)
    value, bills = upper_value(scenario, progress=progress) if upper else (None, None)
    gap = None if value is None else value - lower
    return Bound(
        scenario=scenario.name,
        start=scenario.period.date_start.isoformat(),
        days=scenario.period.days,
        seed=scenario.seed,
        lower_eur=lower,
        upper_eur=value,
        bills_eur=bills,
        gap_eur=gap,
        gap_percent_of_bills=100.0 * gap / bills if gap is not None and bills else None,
        weeks=weeks,
        seconds_lower=middle - began,
        seconds_upper=time.process_time() - middle,
        scenario_yaml=scenario_yaml(scenario),
        notes=(NOTE_ON_WINDOWS,) if scenario.building.natural_night_ventilation else (),
    )


def _refuse_what_is_not_bounded(scenario: Scenario) -> None:
    if scenario.community.shiftable_appliances:
        raise ScenarioError(
            f"{scenario.name}: community.shiftable_appliances = true, allowed: false for a bound, which "
            "knows no cycles that move; --set community.shiftable_appliances=false"
        )

    for index, flat in enumerate(scenario.community.dwellings):
        if flat.car is not None:
            raise ScenarioError(
                f"bound: community.dwellings[{index}].car is given, allowed: no cars, which a bound does not "
                f"know; --set 'community.dwellings[{index}].car=null'"
            )


def linear_scenario(scenario: Scenario) -> Scenario:
    """The same scenario on the nominal linear plant, under the best controller there is."""
    community = scenario.community
    flats = tuple(
        flat if flat.hvac is None else flat.model_copy(update={"hvac": _without_cycling(flat.hvac)})
        for flat in community.dwellings
    )
    return scenario.model_copy(
        update={
            "hvac": _without_cycling(scenario.hvac),
            "community": community.model_copy(update={"dwellings": flats}),
            "building": scenario.building.model_copy(update={"natural_night_ventilation": False}),
            "controller": ControllerChoice(name="mpc", options={"horizon": "uniform"}),
            "forecast": "perfect",
            "model_error": ModelError(),
            "faults": (),
        }
    )


def _without_cycling(hvac: Split | AirToWater) -> Split | AirToWater:
    return hvac.model_copy(update={"modulation_min": 0.0})


def upper_value(scenario: Scenario, *, progress: Progress | None = None) -> tuple[float, float]:
    """J by marginal rates that one rolling solution with perfect forecasts reaches, and its gross bills.

    It runs on `linear_scenario`.
    """
    with TemporaryDirectory() as folder:
        result = run_scenario(linear_scenario(scenario), out=Path(folder) / "upper.h5", progress=progress)
    return objective_marginal_eur(result.kpis), float(result.kpis["bill_eur"] or 0.0)


def lower_bound(
    scenario: Scenario, *, days_per_window: int = DAYS_PER_WINDOW, progress: Progress | None = None
) -> tuple[WindowBound, ...]:
    """Windows whose ``lower_eur`` add up to what J by marginal rates cannot fall below.

    It holds for the scenario's own plant and for the linear one, from the state that the warm-up leaves in
    either of them.

    Parameters
    ----------
    scenario : Scenario
    days_per_window : int
        Longer windows give a tighter bound, and larger linear programmes.
    progress : callable, optional

    Raises
    ------
    RecosimError
        Scenario or data are wrong, or a linear programme has no optimum.
    """
    _refuse_what_is_not_bounded(scenario)
    return _LowerBound(scenario, days_per_window, progress).windows()


class _LowerBound:
    """The windows of a period: their programmes, where they meet, and what their states are worth there."""

    def __init__(self, scenario: Scenario, days_per_window: int, progress: Progress | None) -> None:
        self._progress = progress
        _refuse_heat_pumps(scenario)
        per_day = SECONDS_PER_DAY // (60 * scenario.period.step_minutes)
        longest = days_per_window * per_day
        self._plant = plant = build_plant(scenario, longest)
        self._grid = grid = plant.community.grid
        self._edges = [*range(0, grid.n_steps, longest), grid.n_steps]
        self._n = len(self._edges) - 1
        self._forecasts = PerfectForecast(plant.community, plant.series, plant.exposure, longest)
        linear = build_plant(linear_scenario(scenario), longest)
        self._first = states_after_warmup(plant).hull(states_after_warmup(linear))
        self._programs: dict[int, WindowProgram] = {}
        self._seconds = [0.0] * self._n
        self._done = 0

    def windows(self) -> tuple[WindowBound, ...]:
        prices = self._prices()
        limits = self._first
        reach = Reach(self._plant.community)
        result = []
        for number in range(self._n):
            solution = self._solved(number, limits, prices[number], prices[number + 1])
            n_steps = self._edges[number + 1] - self._edges[number]
            low, high = reach.after(limits[0].temp, limits[1].temp, self._forecast(number), n_steps)
            least = self._program(number).energy_least_kwh(limits[0].energy)
            tank_low, tank_high = self._program(number).tank_limits_degc(limits[0].tank)
            limits = (
                States(temp=low, energy=least, tank=tank_low),
                States(temp=high, energy=self._energy_most_kwh(), tank=tank_high),
            )
            grid = self._grid.part(self._edges[number], n_steps)
            result.append(
                WindowBound(
                    start=grid.local[0].date().isoformat(),
                    days=grid.days,
                    lower_eur=solution.value_eur,
                    seconds=self._seconds[number],
                )
            )
        return tuple(result)

    def _prices(self) -> list[States]:
        """Price of the state where windows begin and end.

        One pass through the period hands each window's last state to the next one, which tells how much more
        it costs from a state that is a little higher; what a kelvin saves at the mean price stands for what
        has not been solved yet.
        """
        last = self._grid.n_steps
        of_objective = self._price(0, last)
        prices = [
            of_objective,
            *(self._price(*ends) for ends in pairwise(self._edges[:-1])),
            of_objective,
        ]
        state = self._first[0].mean(self._first[1])
        for number in range(self._n if self._n > 1 else 0):
            solution = self._solved(number, (state, state), state.times(0.0), prices[number + 1])
            if number:
                prices[number] = solution.slope_start.times(-1.0)
            state = solution.end
        return prices

    def _price(self, first: int, last: int) -> States:
        """What the state is worth after the steps between."""
        temp, energy = worth_of_states(self._plant, first, last)
        return States(temp=temp, energy=energy, tank=worth_of_tanks(self._plant, first, last))

    def _solved(
        self, number: int, limits: tuple[States, States], price_start: States, price_end: States
    ) -> WindowSolution:
        began = time.process_time()
        first = self._edges[number]
        program, forecast = self._program(number), self._forecast(number)
        begins = int(self._grid.times[first])
        solution = program.solve(program.program(begins, forecast, limits, price_start, price_end))
        self._seconds[number] += time.process_time() - began
        if self._progress is not None:
            self._done += self._edges[number + 1] - first
            passes = 2 if self._n > 1 else 1
            self._progress(self._done, passes * self._grid.n_steps, begins)
        return solution

    def _program(self, number: int) -> WindowProgram:
        n_steps = self._edges[number + 1] - self._edges[number]
        if n_steps not in self._programs:
            self._programs[n_steps] = WindowProgram(self._plant.community, n_steps)
        return self._programs[n_steps]

    def _forecast(self, number: int) -> Forecast:
        return self._forecasts.at(self._plant.series.n_warmup + self._edges[number])

    def _energy_most_kwh(self) -> FloatArray:
        batteries = self._plant.community.devices.get("battery")
        if batteries is None:
            return np.zeros(0)
        battery: Battery = batteries.parameters
        most = np.broadcast_to(np.multiply(battery.state_max, battery.capacity_kwh), len(batteries))
        return np.asarray(most, dtype=np.float64)


def _refuse_heat_pumps(scenario: Scenario) -> None:
    for index, flat in enumerate(scenario.community.dwellings):
        if flat.hot_water is not None and flat.hot_water.kind == "heat_pump":
            raise ScenarioError(
                f"bound: community.dwellings[{index}].hot_water.kind = 'heat_pump', allowed: boiler; its COP "
                "depends on the tank's temperature, which no linear programme holds; run without a bound"
            )


@beside_a_running_loop()
def states_after_warmup(plant: Plant) -> States:
    """State in which the warm-up under the local rules leaves the community."""
    series = plant.series
    world = RecosimWorld(
        # a period of no steps: the world ends where the warm-up does
        replace(plant, series=replace(series, n_beyond=series.grid.n_steps - series.n_warmup)),
        controller=Rules(),
        forecasts=PerfectForecast(plant.community, series, plant.exposure, 1),
        log=DecisionLog(),
        writer=cast("RunWriter", _NoWriter()),
        seed=0,
    )
    if series.n_warmup:
        world.run()
    else:
        world.mosaik.shutdown()
    dwelling = world.states_at_start["dwelling"]
    return States(
        temp=np.stack([dwelling["temp_indoor_degc"], dwelling["temp_mass_degc"]]),
        energy=world.states_at_start.get("battery", {}).get("energy_battery_kwh", np.zeros(0)),
        tank=world.states_at_start.get("water_heater", {}).get("temp_tank_degc", np.zeros(0)),
    )


class _NoWriter:
    """Stands for the result file of a world that records nothing."""

    rows_per_block = 1
    committed = 0
