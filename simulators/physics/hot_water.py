"""Domestic hot water: a mixed tank, heated by an element or a heat pump, tapped at the temperature of use."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from recosim.arrays import BoolArray, FloatArray
from recosim.simulators.physics.air_to_water import cop, generic_fit
from recosim.simulators.physics.checks import Values, require_range

WATER_KWH_PER_L_K = 1.163e-3
"""Heat capacity of a litre of water [kWh/(l K)]."""
TEMP_TANK_MAX_DEGC = 65.0
"""The tank's own protection: it is not heated above, whatever is asked of it."""
TEMP_DISINFECTION_DEGC = 60.0
SECONDS_BETWEEN_DISINFECTIONS = 7 * 86_400.0
"""A tank that has not been at 60 degC for a week is heated to it (legionella)."""
APPROACH_K = 5.0
"""How much warmer than the tank the water leaves the heat pump."""
_COLDEST_DAY = 45.0  # mid-February
_DAYS_PER_YEAR = 365.25
_SECONDS_PER_DAY = 86_400.0
_SECONDS_PER_HOUR = 3600.0
_BISECTIONS = 60
_SERIES_BELOW = 1e-4


@dataclass(frozen=True, kw_only=True)
class WaterHeater:
    """Parameters of n water heaters; each field is an array of shape (n,) or a scalar for all.

    Parameters
    ----------
    volume_l : array or float
        Water in the tank [l].
    power_max_kw : array or float
        Electric power of the element or the compressor [kW].
    heat_pump : bool array or bool
        True: heat comes from the outdoor air by `air_to_water`. False: an element, one to one.
    loss_w_per_k : array or float
        Loss to the room per kelvin [W/K].
    temp_setpoint_degc, deadband_k : array or float
        The thermostat heats up to the set-point, and again when the tank is ``deadband_k`` below [degC, K].
    temp_tap_degc : array or float
        Temperature of use, to which tank and cold water are mixed, (25, 50] [degC].
    temp_cold_mean_degc, temp_cold_amplitude_k : array or float
        Cold water over the year [degC, K].
    temp_room_degc : array or float
        Temperature around the tank [degC].
    disinfects : bool array or bool
        Whether a week without 60 degC is ended by the device itself.

    Raises
    ------
    ValueError
        A value is out of range; the message names field, index, value and range.
    """

    volume_l: Values
    power_max_kw: Values
    heat_pump: BoolArray | bool = False
    loss_w_per_k: Values = 1.2
    temp_setpoint_degc: Values = 55.0
    deadband_k: Values = 5.0
    temp_tap_degc: Values = 40.0
    temp_cold_mean_degc: Values = 12.0
    temp_cold_amplitude_k: Values = 4.0
    temp_room_degc: Values = 20.0
    disinfects: BoolArray | bool = True

    def __post_init__(self) -> None:
        require_range("volume_l", self.volume_l, 0.0, np.inf, low_open=True, high_open=True)
        for name in ("power_max_kw", "loss_w_per_k"):
            require_range(name, getattr(self, name), 0.0, np.inf, high_open=True)
        require_range("temp_tap_degc", self.temp_tap_degc, 25.0, 50.0, low_open=True)
        require_range("temp_setpoint_degc", self.temp_setpoint_degc, 25.0, TEMP_TANK_MAX_DEGC)
        lowest = np.subtract(self.temp_setpoint_degc, self.deadband_k)
        require_range("temp_setpoint_degc - deadband_k - temp_tap_degc", lowest - self.temp_tap_degc, 0.0)
        require_range("deadband_k", self.deadband_k, 0.0, np.inf, high_open=True)
        require_range("temp_cold_mean_degc", self.temp_cold_mean_degc, 0.0, 25.0)
        require_range("temp_cold_amplitude_k", self.temp_cold_amplitude_k, 0.0, np.inf, high_open=True)
        warmest = np.add(self.temp_cold_mean_degc, self.temp_cold_amplitude_k)
        coldest = np.subtract(self.temp_cold_mean_degc, self.temp_cold_amplitude_k)
        require_range("temp_cold_mean_degc + temp_cold_amplitude_k", warmest, 0.0, 25.0)
        require_range("temp_cold_mean_degc - temp_cold_amplitude_k", coldest, 0.0)
        require_range("temp_room_degc", self.temp_room_degc, -30.0, 50.0)

    @property
    def capacity_kwh_per_k(self) -> Values:
        """Heat that warms the tank by a kelvin [kWh/K]."""
        return WATER_KWH_PER_L_K * self.volume_l


def temp_cold_degc(heater: WaterHeater, times: ArrayLike) -> FloatArray:
    """Temperature of the cold water, a cosine over the year, coldest in mid-February.

    Parameters
    ----------
    heater : WaterHeater
        n water heaters.
    times : array, shape (..., 1), or float
        POSIX time [s].

    Returns
    -------
    array, shape (..., n) [degC]

    Examples
    --------
    >>> heater = WaterHeater(volume_l=80.0, power_max_kw=1.2)
    >>> [round(float(temp_cold_degc(heater, (day + 0.0) * 86_400.0)), 1) for day in (45, 45 + 365.25 / 2)]
    [8.0, 16.0]
    """
    day = np.asarray(times) / _SECONDS_PER_DAY - _COLDEST_DAY
    season = np.cos(2.0 * np.pi * day / _DAYS_PER_YEAR)
    return np.asarray(heater.temp_cold_mean_degc - heater.temp_cold_amplitude_k * season, dtype=np.float64)


def heat_of_draw_kwh(heater: WaterHeater, volume_l: FloatArray, cold_degc: FloatArray) -> FloatArray:
    """Heat in a volume at the temperature of use, above cold water.

    Parameters
    ----------
    heater : WaterHeater
        n water heaters.
    volume_l : array, shape (..., n)
        Water drawn at ``temp_tap_degc`` [l].
    cold_degc : array, shape (..., n)
        Cold water [degC].

    Returns
    -------
    array, shape (..., n) [kWh]
    """
    heat: FloatArray = WATER_KWH_PER_L_K * volume_l * (heater.temp_tap_degc - cold_degc)
    return heat


def heat_per_power(heater: WaterHeater, outdoor_degc: Values, temp_tank_degc: Values) -> FloatArray:
    """Heat into the tank per electric power: the heat pump's COP, 1 for an element.

    Parameters
    ----------
    heater : WaterHeater
        n water heaters.
    outdoor_degc, temp_tank_degc : array, shape (..., n), or float
        Outdoor air, and the tank, to which the water leaves 5 K warmer [degC].

    Returns
    -------
    array, shape (..., n)
    """
    is_heat_pump = np.asarray(heater.heat_pump)
    if not is_heat_pump.any():
        # reading the heat pumps' database takes a while
        return np.ones(np.broadcast_shapes(np.shape(outdoor_degc), np.shape(temp_tank_degc)))
    efficiency = cop(generic_fit(), outdoor_degc, np.add(temp_tank_degc, APPROACH_K))
    return np.where(is_heat_pump, efficiency, 1.0)


def decay(heater: WaterHeater, step_s: float) -> tuple[FloatArray, FloatArray]:
    """How a tank that is at least at the temperature of use answers over a step.

    Parameters
    ----------
    heater : WaterHeater
        n water heaters.
    step_s : float
        Length of the step [s].

    Returns
    -------
    keeps : array, shape (n,)
        Share of its temperature above the room that it keeps, exp(-UA dt / C).
    per_kw : array, shape (n,)
        Rise of the temperature at the end per kW of net heat during the step [K/kW].
    """
    hours = step_s / _SECONDS_PER_HOUR
    rate = np.asarray(heater.loss_w_per_k) / 1e3 / heater.capacity_kwh_per_k
    held, _ = _held(rate, hours)
    return np.exp(-rate * hours), held / heater.capacity_kwh_per_k


def tank_after(
    heater: WaterHeater,
    temp_degc: FloatArray,
    heat_kw: Values,
    draw_kw: FloatArray,
    cold_degc: FloatArray,
    step_s: float,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Exact step of the tank under constant heat and draw.

    Parameters
    ----------
    heater : WaterHeater
        n water heaters.
    temp_degc : array, shape (n,)
        Tank at the start of the step [degC].
    heat_kw : array, shape (n,)
        Into the tank [kW].
    draw_kw : array, shape (n,)
        Heat that is wanted at the tap, of water mixed to ``temp_tap_degc`` [kW].
    cold_degc : array, shape (n,)
        Cold water [degC].
    step_s : float
        Length of the step [s].

    Returns
    -------
    temp_degc : array, shape (n,)
        Tank at the end of the step [degC].
    heat_tapped_kw : array, shape (n,)
        Mean heat that left by the tap; less than wanted while the tank is below ``temp_tap_degc`` [kW].
    heat_loss_kw : array, shape (n,)
        Mean loss to the room, negative in a tank colder than the room [kW].

    Notes
    -----
    A tank above the temperature of use is mixed with cold water, so what leaves does not depend on its own
    temperature; below, all the water at the tap comes from the tank:

        C dT/dt = Q - UA (T - T_room) - w (min(T, T_tap) - T_cold),   w = draw / (T_tap - T_cold)

    Either part is linear, and a temperature that moves towards its equilibrium passes T_tap at most once.
    """
    temp, heat, draw, cold = (
        np.asarray(array, dtype=np.float64)
        for array in np.broadcast_arrays(temp_degc, heat_kw, draw_kw, cold_degc)
    )
    capacity, loss = heater.capacity_kwh_per_k, np.asarray(heater.loss_w_per_k) / 1e3
    flow = draw / (heater.temp_tap_degc - cold)
    hours = np.full(temp.shape, step_s / _SECONDS_PER_HOUR)

    def slope_and_rate(mixed: BoolArray) -> tuple[FloatArray, FloatArray]:
        """dT/dt = slope - rate T, above the temperature of use (mixed) and below it."""
        heat_in = heat + loss * heater.temp_room_degc - np.where(mixed, draw, -flow * cold)
        return heat_in / capacity, (loss + np.where(mixed, 0.0, flow)) / capacity

    mixed = temp >= heater.temp_tap_degc
    slope, rate = slope_and_rate(mixed)
    after, area = _affine(temp, slope, rate, hours)
    below = np.where(mixed, 0.0, area)
    crossed = mixed != (after >= heater.temp_tap_degc)
    below_h = np.where(mixed, 0.0, hours)
    if crossed.any():
        tap = np.broadcast_to(np.asarray(heater.temp_tap_degc, dtype=np.float64), temp.shape)
        first_h = np.where(crossed, _hours_to(temp, tap, slope, rate, crossed), hours)
        _, first = _affine(temp, slope, rate, first_h)
        slope, rate = slope_and_rate(~mixed)
        after_second, second = _affine(tap, slope, rate, hours - first_h)
        after = np.where(crossed, after_second, after)
        area = np.where(crossed, first + second, area)
        below = np.where(crossed, np.where(mixed, second, first), below)
        below_h = np.where(crossed, np.where(mixed, hours - first_h, first_h), below_h)
    tapped = (draw * (hours - below_h) + flow * (below - cold * below_h)) / hours
    lost = loss * (area / hours - heater.temp_room_degc)
    return after, tapped, lost


def heat_to_reach(
    heater: WaterHeater,
    temp_degc: FloatArray,
    target_degc: Values,
    draw_kw: FloatArray,
    cold_degc: FloatArray,
    step_s: float,
) -> FloatArray:
    """Constant heat with which the tank is at a temperature at the end of the step.

    Parameters
    ----------
    heater : WaterHeater
        n water heaters.
    temp_degc : array, shape (n,)
        Tank at the start of the step [degC].
    target_degc : array, shape (n,), or float
        At its end, not below ``temp_tap_degc`` [degC].
    draw_kw, cold_degc, step_s
        As in `tank_after`.

    Returns
    -------
    array, shape (n,)
        Not negative: zero where the tank is above the target without any [kW].
    """
    keeps, per_kw = decay(heater, step_s)
    wanted = target_degc - heater.temp_room_degc - keeps * (temp_degc - heater.temp_room_degc)
    heat = np.asarray(np.maximum(wanted / per_kw + draw_kw, 0.0), dtype=np.float64)
    cold_tank = temp_degc < heater.temp_tap_degc
    if not (cold_tank & (heat > 0.0)).any():
        return heat
    # a tank below the temperature of use hands out less than is wanted, so it needs less than that
    low, high = np.zeros_like(heat), heat
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2.0
        enough = tank_after(heater, temp_degc, middle, draw_kw, cold_degc, step_s)[0] >= target_degc
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return np.where(cold_tank, low, heat)


def _held(rate: FloatArray, hours: Values) -> tuple[FloatArray, FloatArray]:
    """Integrals of exp(-rate t) over the time, once and twice; plain t and t^2 / 2 for no rate [h, h2]."""
    x = np.asarray(rate * hours)
    small = x < _SERIES_BELOW
    safe = np.where(small, 1.0, x)
    once = np.where(small, 1.0 - x / 2.0 * (1.0 - x / 3.0), -np.expm1(-safe) / safe)
    twice = np.where(small, 0.5 - x / 6.0 * (1.0 - x / 4.0), (1.0 + np.expm1(-safe) / safe) / safe)
    return once * hours, twice * hours * hours


def _affine(
    temp: FloatArray, slope: FloatArray, rate: FloatArray, hours: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Temperature after the time, and its integral over it, of dT/dt = slope - rate T."""
    once, twice = _held(rate, hours)
    return temp + (slope - rate * temp) * once, temp * hours + (slope - rate * temp) * twice


def _hours_to(
    temp: FloatArray, target: FloatArray, slope: FloatArray, rate: FloatArray, where: BoolArray
) -> FloatArray:
    """Time after which dT/dt = slope - rate T has brought the temperature to the target."""
    towards = np.where(where, slope - rate * target, 1.0)
    gap = np.where(where, target - temp, 0.0)
    x = rate * gap / towards
    small = np.abs(x) < _SERIES_BELOW
    logarithm = np.where(small, 1.0 - x / 2.0 * (1.0 - 2.0 * x / 3.0), np.log1p(x) / np.where(small, 1.0, x))
    return gap / towards * logarithm
