"""Dwellings as a mosaik simulator: 3R2C network, reversible air conditioning, local thermostat."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from recosim.arrays import BoolArray, FloatArray
from recosim.components import DeviceKind, Devices
from recosim.simulators.clock import State
from recosim.simulators.exposure import ComfortRows, Exposure
from recosim.simulators.group import DeviceGroup, read_only
from recosim.simulators.physics.comfort import ComfortSchedule, windows_open
from recosim.simulators.physics.heat_pump import (
    AirConditioner,
    cooling_capacity_kw,
    cooling_heat_kw,
    cooling_power_kw,
    heating_capacity_kw,
    heating_heat_kw,
    heating_power_kw,
)
from recosim.simulators.physics.internal_gains import heat_internal_kw
from recosim.simulators.physics.rc_network import (
    AIR,
    MASS,
    RcNetwork,
    discretise,
    heat_for_operative,
    heat_lost_kw,
    opened_where,
    stack_inputs,
    stored_heat_kwh,
    temperature_operative,
    temperatures_after,
    temperatures_mean,
)
from recosim.simulators.physics.solar_gains import (
    SHUTTER_FACTOR,
    Envelope,
    heat_solar_kw,
    shutters_closed,
    temp_solair_degc,
)
from recosim.simulators.physics.thermostat import ThermostatState, initial_state, learn, thermostat_targets

LOOK_AHEAD_HOURS = 4
ROWS_AT_ONCE = 96
TEMP_HEATING_STOPS_DEGC = 30.0
TEMP_COOLING_STOPS_DEGC = 16.0
"""A unit's own limits: it does not heat above, or cool below, whatever is asked of it."""
_TEMPS_OUTDOOR_DEGC = np.arange(-20.0, 50.0, 5.0)
CAT_II_MIN_DEGC, CAT_II_MAX_DEGC = 20.0, 26.0
"""EN 16798-1 category II, heating and cooling."""


@dataclass(frozen=True, kw_only=True)
class DwellingParameters:
    """Parameters of n dwellings.

    Parameters
    ----------
    network : RcNetwork
    envelope : Envelope
    air_conditioner : AirConditioner
    comfort : ComfortSchedule
    conductance_windows_open_w_per_k : array, shape (n,)
        What opened windows add between air and outdoors [W/K].
    gain_from_load : array, shape (n,), or float
        Share of the household load that stays inside as heat.
    shutter_factor : float
        What closed shutters let through.
    temp_initial_degc : array, shape (n,), or float
        Temperature of both nodes before the warm-up [degC].
    """

    network: RcNetwork
    envelope: Envelope
    air_conditioner: AirConditioner
    comfort: ComfortSchedule = field(default_factory=ComfortSchedule)
    conductance_windows_open_w_per_k: FloatArray
    gain_from_load: FloatArray | float = 1.0
    shutter_factor: float = SHUTTER_FACTOR
    temp_initial_degc: FloatArray | float = 20.0

    @property
    def power_standby_kw(self) -> FloatArray:
        """Constant draw of the units, shape (n,) or scalar [kW]."""
        return np.asarray(self.air_conditioner.power_standby_kw, dtype=np.float64)


def _stored_kwh(parameters: DwellingParameters, states: Mapping[str, FloatArray]) -> FloatArray:
    temps = np.stack([states["temp_indoor_degc"], states["temp_mass_degc"]], axis=1)
    return stored_heat_kwh(parameters.network, temps)


def _limits(parameters: DwellingParameters) -> dict[str, tuple[FloatArray | float, FloatArray | float]]:
    """What the units draw at most, at any temperature outdoors; a temperature may be any."""
    unit = parameters.air_conditioner
    heating = [heating_power_kw(unit, heating_capacity_kw(unit, temp), temp) for temp in _TEMPS_OUTDOOR_DEGC]
    cooling = [cooling_power_kw(unit, cooling_capacity_kw(unit, temp), temp) for temp in _TEMPS_OUTDOOR_DEGC]
    return {
        "power_heating_kw": (0.0, np.max(heating, axis=0)),
        "power_cooling_kw": (0.0, np.max(cooling, axis=0)),
    }


class Dwellings(DeviceGroup):
    """All dwellings; their own rule is a thermostat with set-back and optimum start."""

    declaration: ClassVar[DeviceKind] = DeviceKind(
        kind="dwelling",
        states=("temp_indoor_degc", "temp_mass_degc"),
        controls=("power_heating_kw", "power_cooling_kw", "temp_heating_degc", "temp_cooling_degc"),
        flows={"electricity": {"power_heating_kw": 1.0, "power_cooling_kw": 1.0, "power_standby_kw": 1.0}},
        outputs=(
            "temp_operative_degc",
            "heat_heating_kw",
            "heat_cooling_kw",
            "heat_gain_kw",
            "heat_loss_kw",
            "heat_unmet_kw",
            "discomfort_heating_k",
            "discomfort_cooling_k",
            "outside_cat_ii",
        ),
        stored_kwh=_stored_kwh,
        storage_flows={
            "heat_heating_kw": 1.0,
            "heat_cooling_kw": -1.0,
            "heat_gain_kw": 1.0,
            "heat_loss_kw": -1.0,
        },
        limits=_limits,
    )
    signals: ClassVar[tuple[str, ...]] = (
        "temp_outdoor_degc",
        "irradiance_facade_w_per_m2",
        "power_load_kw",
        "occupants_home",
        "occupants_awake",
    )

    def setup(  # type: ignore[override]
        self, *, devices: Devices, exposure: Exposure, appliances: Devices | None = None
    ) -> None:
        """Take parameters and schedules; the dwellings begin at their initial temperature.

        What ``appliances`` draw warms the dwellings as the load does.
        """
        self._appliances = appliances
        if appliances is not None:
            self.signals = (*Dwellings.signals, "power_appliance_kw")  # type: ignore[misc]
        parameters: DwellingParameters = devices.parameters
        self._parameters = parameters
        self._node = devices.node
        self._exposure = exposure
        self._closed = discretise(parameters.network, self.grid.step_s)
        self._opened = discretise(
            parameters.network, self.grid.step_s, parameters.conductance_windows_open_w_per_k
        )
        n = len(devices)
        initial = np.array(np.broadcast_to(parameters.temp_initial_degc, n), dtype=np.float64)
        self.temps = np.stack([initial, initial], axis=1)
        self.thermostat: ThermostatState = initial_state(n)
        self._look_ahead = LOOK_AHEAD_HOURS * self.grid.steps_per_hour
        self._comfort: ComfortRows
        self._comfort_first = -1
        self._operative = initial
        self.out = self.zeros()
        self.out["temp_indoor_degc"] = read_only(self.temps[:, AIR].copy())
        self.out["temp_mass_degc"] = read_only(self.temps[:, MASS].copy())
        standby = np.broadcast_to(parameters.power_standby_kw, n)
        self._standby = read_only(np.array(standby))

    def advance(self, step: int, inputs: Mapping[str, FloatArray]) -> None:
        """One exact step of every dwelling."""
        p = self._parameters
        outdoor = inputs["temp_outdoor_degc"]
        irradiance = inputs["irradiance_facade_w_per_m2"]
        summer = self._exposure.summer[step]
        load = inputs["power_load_kw"]
        if self._appliances is not None:
            load = load + self._appliances.at_nodes(inputs["power_appliance_kw"], len(load))
        internal = heat_internal_kw(
            load[self._node],
            inputs["occupants_home"],
            inputs["occupants_awake"],
            p.gain_from_load,
        )
        solar = heat_solar_kw(p.envelope, irradiance, shutters_closed(irradiance, summer), p.shutter_factor)
        free = stack_inputs(outdoor, temp_solair_degc(p.envelope, irradiance, outdoor), 0.0, internal, solar)
        airing = windows_open(self.temps[:, AIR], outdoor, summer)
        discrete = opened_where(self._closed, self._opened, airing) if airing.any() else self._closed
        lower, upper, occupied = self._band(step)
        cooling_upper = upper if self._exposure.cooling_season[step] else np.full_like(upper, np.inf)
        targets = thermostat_targets(self.thermostat, self._operative, lower, cooling_upper, self.grid.step_s)
        heat, cold, unmet = self._delivered(inputs, free, discrete, targets, outdoor)
        by_rule = np.all([np.isnan(inputs[name]) for name in self.declaration.setpoints], axis=0)
        driven = free
        driven[:, 2] = heat - cold
        before = self.temps
        mean = temperatures_mean(discrete, before, driven)
        self.temps = temperatures_after(discrete, before, driven)
        operative = temperature_operative(p.network, self.temps, outdoor, internal, solar)
        self.thermostat = learn(
            self.thermostat,
            self._operative,
            operative,
            # a step that a controller decided teaches the thermostat nothing
            np.where(by_rule, targets[0], np.nan),
            np.where(by_rule, targets[1], np.nan),
            lower[0],
            cooling_upper[0],
            self.grid.step_s,
        )
        self._operative = operative
        extra = np.where(airing, p.conductance_windows_open_w_per_k, 0.0)
        out = {
            "temp_indoor_degc": self.temps[:, AIR].copy(),
            "temp_mass_degc": self.temps[:, MASS].copy(),
            "power_heating_kw": heating_power_kw(p.air_conditioner, heat, outdoor),
            "power_cooling_kw": cooling_power_kw(p.air_conditioner, cold, outdoor),
            "power_standby_kw": self._standby,
            "temp_operative_degc": operative,
            "heat_heating_kw": heat,
            "heat_cooling_kw": cold,
            "heat_gain_kw": internal + solar,
            "heat_loss_kw": heat_lost_kw(p.network, mean, driven, extra),
            "heat_unmet_kw": unmet,
        }
        out |= self._comfort_outputs(step, operative, lower[0], upper[0], occupied)
        self.out = {name: read_only(values) for name, values in out.items()}

    def get_state(self) -> dict[str, NDArray[Any]]:
        """Temperatures, and what the thermostats have learned and pursue."""
        return {
            **super().get_state(),
            "temps": self.temps,
            "operative": self._operative,
            **{f"thermostat/{name}": values for name, values in vars(self.thermostat).items()},
        }

    def set_state(self, state: State) -> None:
        """Go on from `get_state`."""
        super().set_state(state)
        self.temps, self._operative = np.array(state["temps"]), np.array(state["operative"])
        learned = {f.name: np.array(state[f"thermostat/{f.name}"]) for f in fields(ThermostatState)}
        self.thermostat = ThermostatState(**learned)

    def _band(self, step: int) -> tuple[FloatArray, FloatArray, BoolArray]:
        """Edges now and over the look-ahead, and who is at home now."""
        if not self._comfort_first <= step < self._comfort_first + ROWS_AT_ONCE or self._comfort_first < 0:
            self._comfort_first = step
            self._comfort = self._exposure.comfort(slice(step, step + ROWS_AT_ONCE + self._look_ahead))
        row = step - self._comfort_first
        ahead = slice(row, row + self._look_ahead)
        comfort = self._comfort
        return comfort.temp_min_degc[ahead], comfort.temp_max_degc[ahead], comfort.occupied[row]

    def _delivered(
        self,
        inputs: Mapping[str, FloatArray],
        free: FloatArray,
        discrete: Any,
        targets: tuple[FloatArray, FloatArray],
        outdoor: FloatArray,
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Heat, cold and unmet demand [kW]: asked powers win over asked temperatures over the thermostat."""
        p, unit = self._parameters, self._parameters.air_conditioner
        set_heating, set_cooling = inputs["setpoint_temp_heating_degc"], inputs["setpoint_temp_cooling_degc"]
        target_heating = np.where(np.isnan(set_heating), targets[0], set_heating)
        target_cooling = np.where(np.isnan(set_cooling), targets[1], set_cooling)
        target_heating = np.minimum(target_heating, TEMP_HEATING_STOPS_DEGC)
        target_cooling = np.maximum(target_cooling, TEMP_COOLING_STOPS_DEGC)
        most_heat, most_cold = heating_capacity_kw(unit, outdoor), cooling_capacity_kw(unit, outdoor)

        def needed(target: FloatArray | float) -> FloatArray:
            return heat_for_operative(p.network, discrete, self.temps, free, target)

        wanted_heat = np.maximum(needed(target_heating), 0.0)
        wanted_cold = np.maximum(-needed(target_cooling), 0.0)
        ask_heating, ask_cooling = inputs["setpoint_power_heating_kw"], inputs["setpoint_power_cooling_kw"]
        heat, cold = np.minimum(wanted_heat, most_heat), np.minimum(wanted_cold, most_cold)
        unmet = wanted_heat - heat + wanted_cold - cold
        by_power = ~(np.isnan(ask_heating) & np.isnan(ask_cooling))
        if by_power.any():
            # a power asked for one direction only switches the other off
            asked_heat = heating_heat_kw(unit, np.maximum(np.nan_to_num(ask_heating), 0.0), outdoor)
            asked_cold = cooling_heat_kw(unit, np.maximum(np.nan_to_num(ask_cooling), 0.0), outdoor)
            stop_heat = np.maximum(needed(TEMP_HEATING_STOPS_DEGC), 0.0)
            stop_cold = np.maximum(-needed(TEMP_COOLING_STOPS_DEGC), 0.0)
            asked_heat = np.minimum(asked_heat, np.minimum(most_heat, stop_heat))
            asked_cold = np.minimum(asked_cold, np.minimum(most_cold, stop_cold))
            heat, cold = np.where(by_power, asked_heat, heat), np.where(by_power, asked_cold, cold)
            unmet = np.where(by_power, 0.0, unmet)
        heats = heat >= cold  # one refrigerant circuit: never both at once
        return np.where(heats, heat, 0.0), np.where(heats, 0.0, cold), unmet

    def _comfort_outputs(
        self, step: int, operative: FloatArray, lower: FloatArray, upper: FloatArray, occupied: BoolArray
    ) -> dict[str, FloatArray]:
        cold = np.where(occupied, np.maximum(lower - operative, 0.0), 0.0)
        warm = np.where(occupied, np.maximum(operative - upper, 0.0), 0.0)
        heating, cooling = self._exposure.heating_season[step], self._exposure.cooling_season[step]
        outside = (heating & (operative < CAT_II_MIN_DEGC)) | (cooling & (operative > CAT_II_MAX_DEGC))
        beyond, none = cold + warm, np.zeros_like(cold)
        return {
            "discomfort_heating_k": beyond if heating else none,
            "discomfort_cooling_k": beyond if cooling and not heating else none,
            "outside_cat_ii": (outside & occupied).astype(np.float64),
        }
