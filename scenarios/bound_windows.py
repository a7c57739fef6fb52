"""One window of the lower bound: a linear programme that every trajectory of the plant satisfies.

The programme is the controllers' own model over uniform steps, with perfect foresight, its first state a
decision with a price, and relaxed where the plant is not linear, so that it admits all that the plant can do:

* exclusive pairs (withdraw or inject, charge or discharge) are not enforced;
* nothing limits the part load of the air conditioning, and power above the contract costs nothing;
* opened windows: in summer, heat may leave by ventilation, as much as the windows let out; the rule by which
  people open them is relaxed to its chord over air temperatures of 12 to 32 degC;
* injected energy never sells below zero, since a plant can be cut off;
* where consuming pays at the margin, heat may be lost as a cycling unit loses it;
* a tank of hot water colder than the temperature of use may keep back heat from the tap, at most what it
  lacks there.

What it takes for granted of the plant: nobody heats or cools outside the season, and the seasons of heating
and cooling do not overlap. A colder flat is then never worse in summer.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Self

import highspy
import numpy as np
from scipy import sparse

from recosim.arrays import BoolArray, FloatArray
from recosim.contracts import Community, Forecast, Observation
from recosim.controllers.community_model import CommunityModel
from recosim.controllers.horizon import Horizon
from recosim.controllers.linear_program import CompiledModel, LinearProgram
from recosim.errors import SolverError
from recosim.simulators.dwellings import DwellingParameters
from recosim.simulators.physics.battery import Battery, retained_share
from recosim.simulators.physics.heat_pump import cooling_capacity_kw, heating_capacity_kw
from recosim.simulators.physics.hot_water import TEMP_TANK_MAX_DEGC, WaterHeater
from recosim.simulators.physics.rc_network import discretise, stack_inputs, temperatures_after

TEMP_SUMMER_MIN_DEGC, TEMP_SUMMER_MAX_DEGC = 12.0, 32.0
"""Air temperatures between which the rule of the windows is relaxed; units stop cooling at 16 degC."""
WARMED_AT_MOST_K = 10.0
"""Difference of temperature with which summer air warms a flat colder than all that."""

_OPTIMAL = highspy.HighsModelStatus.kOptimal


@dataclass(frozen=True, kw_only=True)
class States:
    """One number per state of the community: the states themselves, limits to them, or prices of them.

    Parameters
    ----------
    temp : array, shape (2, n_dwellings)
        Air and mass [degC or EUR/K].
    energy : array, shape (n_batteries,)
        [kWh or EUR/kWh].
    tank : array, shape (n_water_heaters,)
        Hot water [degC or EUR/K].
    """

    temp: FloatArray
    energy: FloatArray
    tank: FloatArray = field(default_factory=lambda: np.zeros(0))

    def mean(self, other: Self) -> "States":
        """Midway between two."""
        return self._with(other, lambda mine, others: (mine + others) / 2.0)

    def times(self, factor: float) -> "States":
        """All numbers multiplied."""
        return self._with(self, lambda mine, _: factor * mine)

    def hull(self, other: Self) -> tuple["States", "States"]:
        """Lower and upper limits that hold both."""
        return self._with(other, np.minimum), self._with(other, np.maximum)

    def _with(self, other: Self, combine: Callable[[FloatArray, FloatArray], FloatArray]) -> "States":
        names = [item.name for item in fields(self)]
        return States(**{name: combine(getattr(self, name), getattr(other, name)) for name in names})


@dataclass(frozen=True, kw_only=True)
class WindowSolution:
    """Optimum of a window.

    Parameters
    ----------
    value_eur : float
        Lower bound of the cost by marginal rates, plus price of the first state, minus price of the last.
    start, end : States
        The optimal trajectory's first and last state.
    slope_start : States
        Derivative of ``value_eur`` with respect to the first state, where its limits fix it.
    """

    value_eur: float
    start: States
    end: States
    slope_start: States


class WindowProgram:
    """The linear programme for windows of ``n_steps`` steps; compiled once.

    Parameters
    ----------
    community : Community
    n_steps : int
        Whole hours.
    """

    def __init__(self, community: Community, n_steps: int) -> None:
        self.n_steps = n_steps
        self._community = replace(community, price_overrun_eur_per_kwh=0.0)
        grid = community.grid
        tranches = community.sharing.rates(grid.times[:1], np.zeros(1))
        horizon = Horizon((1,) * n_steps, grid.steps_per_hour)
        self._model = CommunityModel(self._community, horizon, tranches, free_start=True)
        self._dwellings = community.devices["dwelling"]
        self._batteries = community.devices.get("battery")
        self._heaters = community.devices.get("water_heater")
        pods = self._model.blocks["pod"]
        everywhere = np.arange(len(community.pods))
        self._controlled: BoolArray = np.isin(everywhere, pods.controlled)  # type: ignore[attr-defined]
        self._prosumer: BoolArray = np.isin(everywhere, pods.prosumers)  # type: ignore[attr-defined]

    @property
    def compiled(self) -> CompiledModel:
        """The compiled model, which knows the columns by name."""
        return self._model.compiled

    def program(
        self,
        time: int,
        forecast: Forecast,
        limits: tuple[States, States],
        price_start: States,
        price_end: States,
    ) -> LinearProgram:
        """Numbers of the window that begins at ``time``; its offset holds what no decision changes.

        Parameters
        ----------
        time : int
            POSIX time, a full hour [s].
        forecast : Forecast
            What will come, for ``n_steps`` steps at least.
        limits : pair of States
            Lower and upper limits of the first state.
        price_start, price_end : States
            The first state costs ``price_start``, the last one earns ``price_end``.
        """
        compiled = self._model.compiled
        forecast = replace(forecast, price_sell_eur_per_kwh=np.maximum(forecast.price_sell_eur_per_kwh, 0.0))
        self._model.reset()  # no coefficient of another window
        window = self._model.window(self._nothing_observed(time), forecast)
        parameters = self._model.parameters(window)

        def put(name: str, values: FloatArray) -> None:
            parameters[compiled.parameters[name]] = np.ravel(values)

        lower, upper = limits
        put("dwelling.given.temp_start_min_degc", lower.temp)
        put("dwelling.given.temp_start_max_degc", upper.temp)
        put("dwelling.given.value_start_eur_per_k", price_start.temp)
        put("dwelling.given.value_eur_per_k", price_end.temp)
        for name, values in self._removal(forecast).items():
            put(f"dwelling.given.{name}", values)
        if self._batteries is not None:
            put("battery.given.energy_start_min_kwh", lower.energy)
            put("battery.given.energy_start_max_kwh", upper.energy)
            put("battery.given.energy_min_kwh", self.energy_least_kwh(lower.energy))
            put("battery.given.value_start_eur_per_kwh", price_start.energy)
            put("battery.given.value_eur_per_kwh", price_end.energy)
        if self._heaters is not None:
            put("water_heater.given.temp_start_min_degc", lower.tank)
            put("water_heater.given.temp_start_max_degc", upper.tank)
            put("water_heater.given.value_start_eur_per_k", price_start.tank)
            put("water_heater.given.value_eur_per_k", price_end.tank)
        program = compiled.evaluate(parameters)
        known = self._cost_known_eur(window.net_load_kw[: self.n_steps], forecast)
        return replace(program, offset=program.offset + known)

    def solve(self, program: LinearProgram) -> WindowSolution:
        """Optimum of a window.

        Raises
        ------
        SolverError
            There is none, which would be a defect of the model.
        """
        compiled = self._model.compiled
        highs = highspy.Highs()
        highs.setOptionValue("output_flag", False)
        highs.setOptionValue("threads", 1)
        # measured on weeks of ten flats: 4 to 7 s of CPU by interior point, with crossover or without, and as
        # much by simplex; crossover makes the dual solution, hence the bound, exact to the solver's 1e-7
        for method in ("ipm", "simplex"):
            highs.setOptionValue("solver", method)
            highs.clearModel()
            highs.passModel(_highs_lp(compiled, program))
            highs.run()
            if highs.getModelStatus() == _OPTIMAL:
                break
        else:
            status = highs.modelStatusToString(highs.getModelStatus())
            raise SolverError(f"lower bound: a window of {self.n_steps} steps ended as {status!r}")
        solution, info = highs.getSolution(), highs.getInfo()
        values, slopes = np.array(solution.col_value), np.array(solution.col_dual)
        return WindowSolution(
            value_eur=float(info.objective_function_value),
            start=self._states(values, 0),
            end=self._states(values, self.n_steps),
            slope_start=self._states(slopes, 0),
        )

    def energy_least_kwh(self, energy_kwh: FloatArray) -> FloatArray:
        """Least that batteries can hold at the end of a window: self-discharge goes on at the lower limit."""
        if self._batteries is None:
            return energy_kwh
        battery: Battery = self._batteries.parameters
        least = np.minimum(energy_kwh, np.multiply(battery.state_min, battery.capacity_kwh))
        step_s = self._community.grid.step_s
        return np.asarray(least * retained_share(battery, float(self.n_steps * step_s)), dtype=np.float64)

    def tank_limits_degc(self, temp_degc: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Limits of the tanks at the end of a window, from their lower limit at its start.

        Whoever neither heats nor insulates ends at the colder of room and cold water.
        """
        if self._heaters is None:
            return temp_degc, temp_degc
        heater: WaterHeater = self._heaters.parameters
        cold = np.subtract(heater.temp_cold_mean_degc, heater.temp_cold_amplitude_k)
        lowest = np.minimum(temp_degc, np.minimum(cold, heater.temp_room_degc))
        return lowest, np.full_like(temp_degc, TEMP_TANK_MAX_DEGC)

    def _states(self, of_columns: FloatArray, slot: int) -> States:
        """Part of a column vector that belongs to the states at the start of a slot."""
        columns, n = self._model.compiled.columns, self.n_steps + 1
        temp = of_columns[columns["dwelling.temp"]].reshape(2, n, -1)[:, slot]
        energy = tank = np.zeros(0)
        if self._batteries is not None:
            energy = of_columns[columns["battery.energy_battery_kwh"]].reshape(n, -1)[slot]
        if self._heaters is not None:
            tank = of_columns[columns["water_heater.temp_tank_degc"]].reshape(n, -1)[slot]
        return States(temp=temp, energy=energy, tank=tank)

    def _nothing_observed(self, time: int) -> Observation:
        nothing = np.zeros(len(self._community.pods))
        states = {name: np.zeros(len(devices)) for name, devices in self._community.states.items()}
        return Observation(
            time=time,
            step=0,
            states=states,
            energy_withdrawn_hour_kwh=nothing,
            energy_injected_hour_kwh=nothing,
        )

    def _removal(self, forecast: Forecast) -> dict[str, FloatArray]:
        """Limits of the heat that leaves beside the air conditioning, shape (n_steps, n_dwellings)."""
        parameters: DwellingParameters = self._dwellings.parameters
        rows = slice(0, self.n_steps)
        outdoor, summer = forecast.temp_outdoor_degc[rows, None], forecast.summer[rows, None]
        lowest = np.minimum(TEMP_SUMMER_MIN_DEGC, outdoor)
        opened = parameters.conductance_windows_open_w_per_k / 1e3
        chord = np.maximum(TEMP_SUMMER_MAX_DEGC - outdoor, 0.0) / (TEMP_SUMMER_MAX_DEGC - lowest)
        per_k = np.where(summer, opened * chord, 0.0)
        # a colder flat may take heat in, lest the programme be infeasible; nobody wants heat in summer
        least = np.where(summer, -opened * WARMED_AT_MOST_K, 0.0)
        return {
            "removal_min_kw": least,
            "removal_kw": self._lost_by_cycling_kw(forecast, outdoor) - per_k * lowest,
            "removal_kw_per_k": per_k,
        }

    def _lost_by_cycling_kw(self, forecast: Forecast, outdoor: FloatArray) -> FloatArray:
        """Heat that cycling units may lose, where a kWh withdrawn is paid more than it costs [kW]."""
        rows, unit = slice(0, self.n_steps), self._dwellings.parameters.air_conditioner
        paid = np.zeros(self.n_steps)
        for tranche in forecast.shared:
            paid += tranche.rate_eur_per_kwh[rows]
        pays = paid[:, None] > forecast.price_buy_eur_per_kwh[rows][:, self._dwellings.node]
        # less than C_d, or 1 - C_c, of the lowest capacity (see part_load_factor)
        lost = unit.degradation * unit.modulation_min * heating_capacity_kw(unit, outdoor)
        return np.where(pays & forecast.heating_season[rows, None], lost, 0.0)

    def _cost_known_eur(self, net_load_kw: FloatArray, forecast: Forecast) -> float:
        """Bills and sale of what no decision changes, which the model leaves out [EUR]."""
        rows = slice(0, self.n_steps)
        bought = np.where(self._prosumer, 0.0, np.maximum(net_load_kw, 0.0))
        sold = np.where(self._controlled, 0.0, np.maximum(-net_load_kw, 0.0))
        cost = np.sum(forecast.price_buy_eur_per_kwh[rows] * bought)
        cost -= np.sum(forecast.price_sell_eur_per_kwh[rows] * sold)
        return float(cost) * self._community.grid.step_h


class Reach:
    """What temperatures the dwellings can have: full power at all times, windows as it may come.

    Both networks, with windows closed and opened, keep the order of temperatures, so limits stay limits.

    Parameters
    ----------
    community : Community
    """

    def __init__(self, community: Community) -> None:
        self._parameters: DwellingParameters = community.devices["dwelling"].parameters
        step_s = community.grid.step_s
        self._closed = discretise(self._parameters.network, step_s)
        self._opened = discretise(
            self._parameters.network, step_s, self._parameters.conductance_windows_open_w_per_k
        )

    def after(
        self, lower: FloatArray, upper: FloatArray, forecast: Forecast, n_steps: int
    ) -> tuple[FloatArray, FloatArray]:
        """Limits after ``n_steps`` steps, from limits of shape (2, n_dwellings) [degC]."""
        unit = self._parameters.air_conditioner
        low, high = lower.T, upper.T
        for step in range(n_steps):
            outdoor = forecast.temp_outdoor_degc[step]
            heat = heating_capacity_kw(unit, outdoor) * forecast.heating_season[step]
            cold = cooling_capacity_kw(unit, outdoor) * forecast.cooling_season[step]
            maps = (self._closed, self._opened) if forecast.summer[step] else (self._closed,)
            driven = [
                stack_inputs(
                    outdoor,
                    forecast.temp_solair_degc[step],
                    hvac,
                    forecast.heat_internal_kw[step],
                    forecast.heat_solar_kw[step],
                )
                for hvac in (-cold, heat)
            ]
            low = np.min([temperatures_after(each, low, driven[0]) for each in maps], axis=0)
            high = np.max([temperatures_after(each, high, driven[1]) for each in maps], axis=0)
        return low.T, high.T


def _highs_lp(compiled: CompiledModel, program: LinearProgram) -> highspy.HighsLp:
    """The programme as HiGHS takes it."""
    place = compiled.moving_row, compiled.moving_column
    stored = np.asarray(compiled.matrix[place]).ravel()
    moved = sparse.coo_array((program.moving - stored, place), shape=compiled.matrix.shape)
    matrix = (compiled.matrix + moved).tocsc()
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = compiled.n_columns, compiled.n_rows
    lp.offset_, lp.col_cost_ = program.offset, program.cost
    lp.col_lower_, lp.col_upper_ = program.column_lower, program.column_upper
    lp.row_lower_, lp.row_upper_ = program.row_lower, program.row_upper
    lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    lp.a_matrix_.start_ = matrix.indptr
    lp.a_matrix_.index_ = matrix.indices
    lp.a_matrix_.value_ = matrix.data
    return lp
