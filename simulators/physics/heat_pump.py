"""Reversible heat pumps, split or air-to-water: COP and EER, capacity, part load, power and heat."""

from dataclasses import dataclass, fields

import numpy as np

from recosim.arrays import BoolArray, FloatArray
from recosim.simulators.physics.air_to_water import AirToWaterFit
from recosim.simulators.physics.checks import Values, require_range

_TEMP_RATING_HEATING_DEGC = 7.0
_TEMP_RATING_COOLING_DEGC = 35.0
_CAPACITY_SLOPE_HEATING_PER_K = 0.02
_CAPACITY_SLOPE_COOLING_PER_K = 0.01
_CAPACITY_MIN, _CAPACITY_MAX = 0.6, 1.2
_MODULATION_NONE = 1e-30
_CYCLING_NONE = 1e-30


@dataclass(frozen=True, kw_only=True)
class AirConditioner:
    """Parameters of n units of either kind; each field is an array of shape (n,) or one value for all.

    Parameters
    ----------
    heat_nominal_kw : array or float
        Heating capacity at 7 degC outdoors [kW].
    cooling_nominal_kw : array or float
        Cooling capacity at 35 degC outdoors [kW].
    cop_nominal, eer_nominal : array or float
        COP at 7 degC and EER at 35 degC.
    slope_heating_per_k, slope_cooling_per_k : array or float
        Relative gain of COP per kelvin above 7 degC, of EER per kelvin below 35 degC [1/K].
    field_factor_heating, field_factor_cooling : array or float
        What installation and use leave of the laboratory figures, (0, 1].
    modulation_min : array or float
        Smallest share of the present capacity the compressor can run at; below it the unit cycles. 0 makes a
        linear device, heat = COP * power, as an optimisation model assumes.
    degradation : array or float
        What cycling costs, [0, 1). Of a split C_d, the share of the efficiency lost as the load goes to zero;
        of an air-to-water unit 1 - C_c, the share of the power at the lowest speed that is drawn for nothing.
    is_air_to_water : array or bool
        Which of the two laws of cycling holds.
    power_standby_kw : array or float
        Drawn at all times, running or not; the functions below leave it out, the caller adds it once [kW].

    Raises
    ------
    ValueError
        A value is out of range.

    Notes
    -----
    COP and EER are linear in the outdoor temperature and never below 1: a straight line has no meaning there,
    and an electric resistance reaches 1. This covers both kinds, as the water of an air-to-water unit has one
    temperature for each season; see `line_of_fit`. Capacity falls by 2 %/K below 7 degC and by 1 %/K above
    35 degC and stays within 0.6 to 1.2 of the nominal one.
    """

    heat_nominal_kw: Values
    cooling_nominal_kw: Values
    cop_nominal: Values = 3.6
    eer_nominal: Values = 3.3
    slope_heating_per_k: Values = 0.025
    slope_cooling_per_k: Values = 0.025
    field_factor_heating: Values = 0.9
    field_factor_cooling: Values = 0.95
    modulation_min: Values = 0.2
    degradation: Values = 0.25
    is_air_to_water: BoolArray | bool = False
    power_standby_kw: Values = 0.003

    def __post_init__(self) -> None:
        upper = {
            "field_factor_heating": 1.0,
            "field_factor_cooling": 1.0,
            "modulation_min": 1.0,
            "degradation": 1.0,
        }
        positive = ("cop_nominal", "eer_nominal", "field_factor_heating", "field_factor_cooling")
        for item in fields(self):
            require_range(
                item.name,
                getattr(self, item.name),
                0.0,
                upper.get(item.name, np.inf),
                low_open=item.name in positive,
                high_open=item.name == "degradation" or item.name not in upper,
            )


def line_of_fit(
    fit: AirToWaterFit, temp_water_heating_degc: float, temp_water_cooling_degc: float
) -> dict[str, float]:
    """COP and EER of an air-to-water unit with water of one temperature in each season.

    Parameters
    ----------
    fit : AirToWaterFit
    temp_water_heating_degc, temp_water_cooling_degc : float
        Temperature of the water as it leaves the unit [degC].

    Returns
    -------
    dict
        Values of `AirConditioner` that make `cop` and `eer` those of the fit at every outdoor temperature:
        ``cop_nominal``, ``eer_nominal``, ``slope_heating_per_k`` and ``slope_cooling_per_k``.
    """
    cop_nominal = float(fit.cop(_TEMP_RATING_HEATING_DEGC, temp_water_heating_degc))
    eer_nominal = float(fit.eer(_TEMP_RATING_COOLING_DEGC, temp_water_cooling_degc))
    return {
        "cop_nominal": cop_nominal,
        "eer_nominal": eer_nominal,
        "slope_heating_per_k": fit.cop.per_k_source / cop_nominal,
        "slope_cooling_per_k": -fit.eer.per_k_source / eer_nominal,
    }


def cop(unit: AirConditioner, temp_outdoor_degc: Values) -> FloatArray:
    """COP in steady operation, at least 1.

    Parameters
    ----------
    unit : AirConditioner
        n units.
    temp_outdoor_degc : array, shape (..., n), or float
        Outdoor temperature [degC].

    Returns
    -------
    array, shape (..., n)
        COP_7 field_factor (1 + slope (T - 7)).
    """
    line = 1.0 + unit.slope_heating_per_k * (temp_outdoor_degc - _TEMP_RATING_HEATING_DEGC)
    return np.maximum(unit.cop_nominal * unit.field_factor_heating * line, 1.0)


def eer(unit: AirConditioner, temp_outdoor_degc: Values) -> FloatArray:
    """EER in steady operation, at least 1.

    Parameters
    ----------
    unit : AirConditioner
        n units.
    temp_outdoor_degc : array, shape (..., n), or float
        Outdoor temperature [degC].

    Returns
    -------
    array, shape (..., n)
        EER_35 field_factor (1 + slope (35 - T)).
    """
    line = 1.0 + unit.slope_cooling_per_k * (_TEMP_RATING_COOLING_DEGC - temp_outdoor_degc)
    return np.maximum(unit.eer_nominal * unit.field_factor_cooling * line, 1.0)


def heating_capacity_kw(unit: AirConditioner, temp_outdoor_degc: Values) -> FloatArray:
    """Largest heat the units can deliver.

    Parameters
    ----------
    unit : AirConditioner
        n units.
    temp_outdoor_degc : array, shape (..., n), or float
        Outdoor temperature [degC].

    Returns
    -------
    array, shape (..., n)
        heat_nominal (1 + 0.02 (T - 7)), between 0.6 and 1.2 of nominal [kW].
    """
    share = 1.0 + _CAPACITY_SLOPE_HEATING_PER_K * (temp_outdoor_degc - _TEMP_RATING_HEATING_DEGC)
    return np.multiply(unit.heat_nominal_kw, np.minimum(np.maximum(share, _CAPACITY_MIN), _CAPACITY_MAX))


def cooling_capacity_kw(unit: AirConditioner, temp_outdoor_degc: Values) -> FloatArray:
    """Largest heat the units can remove.

    Parameters
    ----------
    unit : AirConditioner
        n units.
    temp_outdoor_degc : array, shape (..., n), or float
        Outdoor temperature [degC].

    Returns
    -------
    array, shape (..., n)
        cooling_nominal (1 - 0.01 (T - 35)), between 0.6 and 1.2 of nominal [kW].
    """
    share = 1.0 - _CAPACITY_SLOPE_COOLING_PER_K * (temp_outdoor_degc - _TEMP_RATING_COOLING_DEGC)
    return np.multiply(unit.cooling_nominal_kw, np.minimum(np.maximum(share, _CAPACITY_MIN), _CAPACITY_MAX))


def part_load_factor(unit: AirConditioner, heat_kw: Values, capacity_kw: Values) -> FloatArray:
    """Share of the steady efficiency that is left at part load.

    Parameters
    ----------
    unit : AirConditioner
        n units.
    heat_kw, capacity_kw : array, shape (..., n), or float
        Heat delivered or removed and its present maximum [kW].

    Returns
    -------
    array, shape (..., n)
        1 while the compressor modulates. Below, where it cycles at its lowest speed, 1 - C_d (1 - CR) of a
        split and CR / (C_c CR + 1 - C_c) of an air-to-water unit, 0 without any heat.

    Notes
    -----
    Source: EN 14825:2018, clause 11 (air-to-air C_d = 0.25, air-to-water C_c = 0.9), with the capacity ratio
    CR taken against the lowest speed of an inverter unit.
    """
    ratio = np.minimum(heat_kw / _lowest_kw(unit, capacity_kw), 1.0)
    of_split = 1.0 - unit.degradation * (1.0 - ratio)
    if not np.any(unit.is_air_to_water):
        return of_split
    ratio = np.maximum(ratio, _CYCLING_NONE)
    return np.where(unit.is_air_to_water, ratio / (ratio + unit.degradation * (1.0 - ratio)), of_split)


def _lowest_kw(unit: AirConditioner, capacity_kw: Values) -> FloatArray:
    return np.maximum(np.multiply(unit.modulation_min, capacity_kw), _MODULATION_NONE)


def _power_kw(
    unit: AirConditioner, heat_kw: Values, capacity_kw: Values, efficiency: FloatArray
) -> FloatArray:
    return heat_kw / (efficiency * part_load_factor(unit, heat_kw, capacity_kw))


def _heat_kw(
    unit: AirConditioner, power_kw: Values, capacity_kw: Values, efficiency: FloatArray
) -> FloatArray:
    # heat = q (1 - C_d + C_d heat/lowest) solved for heat, with q the heat of a unit that does not cycle
    steady = np.multiply(power_kw, efficiency)
    lowest = _lowest_kw(unit, capacity_kw)
    kept = 1.0 - unit.degradation
    of_split = steady * (kept / (1.0 - unit.degradation * np.minimum(steady / lowest, 1.0)))
    if not np.any(unit.is_air_to_water):
        return of_split
    # q = C_c heat + (1 - C_c) lowest: what a cycling unit draws for nothing comes first
    cycling = np.maximum(steady - unit.degradation * lowest, 0.0) / kept
    return np.where(unit.is_air_to_water, np.where(steady < lowest, cycling, steady), of_split)


def heating_power_kw(unit: AirConditioner, heat_kw: Values, temp_outdoor_degc: Values) -> FloatArray:
    """Electric power for a wanted heat, without standby; the inverse of ``heating_heat_kw``.

    Parameters
    ----------
    unit : AirConditioner
        n units.
    heat_kw : array, shape (..., n), or float
        Heat delivered, not negative; limit it to ``heating_capacity_kw`` first [kW].
    temp_outdoor_degc : array, shape (..., n), or float
        Outdoor temperature [degC].

    Returns
    -------
    array, shape (..., n)
        Mean power over the step [kW].
    """
    return _power_kw(
        unit, heat_kw, heating_capacity_kw(unit, temp_outdoor_degc), cop(unit, temp_outdoor_degc)
    )


def heating_heat_kw(unit: AirConditioner, power_kw: Values, temp_outdoor_degc: Values) -> FloatArray:
    """Heat for a given electric power; the inverse of ``heating_power_kw``.

    Parameters
    ----------
    unit : AirConditioner
        n units.
    power_kw : array, shape (..., n), or float
        Mean power over the step, without standby, not negative [kW].
    temp_outdoor_degc : array, shape (..., n), or float
        Outdoor temperature [degC].

    Returns
    -------
    array, shape (..., n)
        Heat delivered; not limited to the capacity. Zero for less power than an air-to-water unit that cycles
        draws for nothing [kW].
    """
    return _heat_kw(
        unit, power_kw, heating_capacity_kw(unit, temp_outdoor_degc), cop(unit, temp_outdoor_degc)
    )


def cooling_power_kw(unit: AirConditioner, heat_kw: Values, temp_outdoor_degc: Values) -> FloatArray:
    """Electric power to remove a wanted heat, without standby; the inverse of ``cooling_heat_kw``.

    Parameters
    ----------
    unit : AirConditioner
        n units.
    heat_kw : array, shape (..., n), or float
        Heat removed, not negative; limit it to ``cooling_capacity_kw`` first [kW].
    temp_outdoor_degc : array, shape (..., n), or float
        Outdoor temperature [degC].

    Returns
    -------
    array, shape (..., n)
        Mean power over the step [kW].
    """
    return _power_kw(
        unit, heat_kw, cooling_capacity_kw(unit, temp_outdoor_degc), eer(unit, temp_outdoor_degc)
    )


def cooling_heat_kw(unit: AirConditioner, power_kw: Values, temp_outdoor_degc: Values) -> FloatArray:
    """Heat removed for a given electric power; the inverse of ``cooling_power_kw``.

    Parameters
    ----------
    unit : AirConditioner
        n units.
    power_kw : array, shape (..., n), or float
        Mean power over the step, without standby, not negative [kW].
    temp_outdoor_degc : array, shape (..., n), or float
        Outdoor temperature [degC].

    Returns
    -------
    array, shape (..., n)
        Heat removed, as a positive number; limited as in ``heating_heat_kw`` [kW].
    """
    return _heat_kw(
        unit, power_kw, cooling_capacity_kw(unit, temp_outdoor_degc), eer(unit, temp_outdoor_degc)
    )
