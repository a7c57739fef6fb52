"""What devices that nobody decides will do over a forecast: thermostats and batteries by their own rules."""

import numpy as np

from recosim.arrays import FloatArray
from recosim.components import Devices
from recosim.contracts import Forecast, Observation
from recosim.simulators.batteries import STATE_OF_HEALTH
from recosim.simulators.dwellings import (
    TEMP_COOLING_STOPS_DEGC,
    TEMP_HEATING_STOPS_DEGC,
    DwellingParameters,
)
from recosim.simulators.physics.battery import Battery, clip_to_limits, stored_energy_after
from recosim.simulators.physics.battery_ageing import aged
from recosim.simulators.physics.comfort import windows_open
from recosim.simulators.physics.heat_pump import (
    cooling_capacity_kw,
    cooling_power_kw,
    heating_capacity_kw,
    heating_power_kw,
)
from recosim.simulators.physics.rc_network import (
    AIR,
    discretise,
    heat_for_operative,
    opened_where,
    stack_inputs,
    temperatures_after,
)


def thermostats(
    parameters: DwellingParameters, temps: FloatArray, forecast: Forecast, n_steps: int
) -> tuple[FloatArray, FloatArray]:
    """Thermostats that hold the present edge of the comfort band, without the early starts they learn.

    Parameters
    ----------
    parameters : DwellingParameters
        n dwellings.
    temps : array, shape (n, 2)
        Air and mass now [degC].
    forecast : Forecast
    n_steps : int

    Returns
    -------
    power : array, shape (n_steps, n)
        Electric, heating and cooling together [kW].
    temps : array, shape (n_steps, n, 2)
        At the end of each step [degC].
    """
    unit, network = parameters.air_conditioner, parameters.network
    closed = discretise(network, forecast.grid.step_s)
    opened = discretise(network, forecast.grid.step_s, parameters.conductance_windows_open_w_per_k)
    lower = np.minimum(forecast.temp_comfort_min_degc, TEMP_HEATING_STOPS_DEGC)
    upper = np.where(forecast.cooling_season[:, None], forecast.temp_comfort_max_degc, np.inf)
    upper = np.maximum(upper, TEMP_COOLING_STOPS_DEGC)
    power, after = np.zeros((n_steps, len(temps))), np.zeros((n_steps, len(temps), 2))
    for k, outdoor in enumerate(forecast.temp_outdoor_degc[:n_steps]):
        internal, solar = forecast.heat_internal_kw[k], forecast.heat_solar_kw[k]
        driven = stack_inputs(outdoor, forecast.temp_solair_degc[k], 0.0, internal, solar)
        discrete = opened_where(closed, opened, windows_open(temps[:, AIR], outdoor, forecast.summer[k]))
        wanted_heat = heat_for_operative(network, discrete, temps, driven, lower[k])
        wanted_cold = -heat_for_operative(network, discrete, temps, driven, upper[k])
        heat = np.clip(wanted_heat, 0.0, heating_capacity_kw(unit, outdoor))
        cold = np.clip(wanted_cold, 0.0, np.where(heat > 0.0, 0.0, cooling_capacity_kw(unit, outdoor)))
        power[k] = heating_power_kw(unit, heat, outdoor) + cooling_power_kw(unit, cold, outdoor)
        driven[:, 2] = heat - cold
        temps = after[k] = temperatures_after(discrete, temps, driven)
    return power, after


def batteries(
    battery: Battery, energy_kwh: FloatArray, net_kw: FloatArray, step_s: float
) -> tuple[FloatArray, FloatArray]:
    """Batteries that take the surplus and feed the load of their own delivery point.

    Parameters
    ----------
    battery : Battery
        n batteries, from `present`.
    energy_kwh : array, shape (n,)
        Stored now [kWh].
    net_kw : array, shape (n_steps, n)
        Load minus generation at each battery's delivery point, without the battery [kW].
    step_s : float

    Returns
    -------
    power : array, shape (n_steps, n)
        Negative when discharging [kW].
    energy : array, shape (n,)
        Stored at the end [kWh].
    """
    power, nothing = np.zeros_like(net_kw), np.full(net_kw.shape[1], np.nan)
    for k, net in enumerate(net_kw):
        charge, discharge = clip_to_limits(battery, energy_kwh, nothing, nothing, net, step_s)
        energy_kwh = stored_energy_after(battery, energy_kwh, charge, discharge, step_s)
        power[k] = charge - discharge
    return power, energy_kwh


def present(devices: Devices, observation: Observation) -> Battery:
    """The batteries as they are now, aged where they age."""
    battery: Battery = devices.parameters
    if STATE_OF_HEALTH not in devices.declaration.states:
        return battery
    return aged(battery, observation[STATE_OF_HEALTH])
