"""The one table of quantities: name, unit, sign, bounds, meaning.

Recorder, exports and axis labels read it. A device kind that comes later need not be entered here to be
recorded: the unit of an unknown quantity follows from the end of its name (``quantity_place_unit``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from math import inf
from types import MappingProxyType

from recosim.components import SETPOINT_PREFIX


class Sign(StrEnum):
    """Which values a quantity takes."""

    NON_NEGATIVE = "non-negative"
    EITHER = "either"


@dataclass(frozen=True, kw_only=True)
class Quantity:
    """What a name stands for.

    Parameters
    ----------
    name : str
        ``quantity_place_unit``.
    unit : str
        As printed, ``1`` for a pure number or a fraction.
    sign : Sign
    bounds : tuple of float, or None
        Lowest and highest value that makes sense, both included; None where nothing but the sign limits it.
    meaning : str
    """

    name: str
    unit: str
    sign: Sign
    bounds: tuple[float, float] | None
    meaning: str

    @property
    def label(self) -> str:
        """Meaning and unit, for an axis or a column head."""
        return self.meaning if self.unit == "1" else f"{self.meaning} [{self.unit}]"


# the longest ending that fits decides
_UNIT_BY_ENDING: Mapping[str, str] = {
    "_eur_per_mwh": "EUR/MWh",
    "_eur_per_kwh": "EUR/kWh",
    "_eur_per_kh": "EUR/(K h)",
    "_w_per_m2": "W/m2",
    "_m_per_s": "m/s",
    "_degc": "degC",
    "_kwh": "kWh",
    "_kwp": "kW",
    "_eur": "EUR",
    "_kh": "K h",
    "_kw": "kW",
    "_kg": "kg",
    "_ms": "ms",
    "_k": "K",
    "_s": "s",
}


def unit_of(name: str) -> str:
    """Tell the unit from the end of a quantity's name, ``1`` where it names none.

    Examples
    --------
    >>> unit_of("power_pv_kw"), unit_of("price_buy_eur_per_kwh"), unit_of("battery_cycles")
    ('kW', 'EUR/kWh', '1')
    """
    for ending in sorted(_UNIT_BY_ENDING, key=len, reverse=True):
        if name.endswith(ending):
            return _UNIT_BY_ENDING[ending]
    return "1"


def _q(
    name: str,
    meaning: str,
    *,
    unit: str | None = None,
    sign: Sign = Sign.NON_NEGATIVE,
    bounds: tuple[float, float] | None = None,
) -> Quantity:
    return Quantity(name=name, unit=unit or unit_of(name), sign=sign, bounds=bounds, meaning=meaning)


_EITHER = Sign.EITHER
_TEMPERATURE = (-90.0, 100.0)
_FRACTION = (0.0, 1.0)

_SERIES = (
    # weather and prices
    _q("temp_outdoor_degc", "outdoor air temperature", sign=_EITHER, bounds=(-90.0, 60.0)),
    _q("irradiance_global_w_per_m2", "global horizontal irradiance", bounds=(0.0, 1600.0)),
    _q("wind_speed_m_per_s", "wind speed at 10 m"),
    _q("price_zonal_eur_per_mwh", "zonal price", sign=_EITHER, bounds=(-500.0, 5000.0)),
    _q("price_pun_eur_per_mwh", "national price (PUN)", sign=_EITHER, bounds=(-500.0, 5000.0)),
    # delivery points
    _q("power_load_kw", "household and common loads, without devices"),
    _q("energy_withdrawn_kwh", "energy withdrawn from the grid"),
    _q("energy_injected_kwh", "energy injected into the grid"),
    # dwellings
    _q("temp_indoor_degc", "indoor air temperature", sign=_EITHER, bounds=_TEMPERATURE),
    _q("temp_mass_degc", "temperature of the building mass", sign=_EITHER, bounds=_TEMPERATURE),
    _q("temp_operative_degc", "operative temperature", sign=_EITHER, bounds=_TEMPERATURE),
    _q("temp_heating_degc", "heating set-point", sign=_EITHER, bounds=_TEMPERATURE),
    _q("temp_cooling_degc", "cooling set-point", sign=_EITHER, bounds=_TEMPERATURE),
    _q("power_heating_kw", "electric power for heating"),
    _q("power_cooling_kw", "electric power for cooling"),
    _q("power_standby_kw", "standby power of heating and cooling"),
    _q("heat_heating_kw", "heat delivered to the dwelling"),
    _q("heat_cooling_kw", "heat removed from the dwelling"),
    _q("heat_gain_kw", "solar and internal gains", sign=_EITHER),
    _q("heat_loss_kw", "heat lost outdoors", sign=_EITHER),
    _q("heat_unmet_kw", "heat or cold that the device could not deliver"),
    _q("discomfort_heating_k", "operative temperature below the band, occupied steps"),
    _q("discomfort_cooling_k", "operative temperature above the band, occupied steps"),
    _q("outside_cat_ii", "occupied and outside EN 16798-1 category II", bounds=_FRACTION),
    # batteries
    _q("energy_battery_kwh", "energy stored at the end of the step"),
    _q("state_of_health_battery", "capacity left, as a share of the nominal one", bounds=_FRACTION),
    _q("power_charge_kw", "charging power at the terminals"),
    _q("power_discharge_kw", "discharging power at the terminals"),
    _q("power_loss_kw", "lost in charging, discharging and by self-discharge"),
    # hot water
    _q("temp_tank_degc", "temperature of the hot water tank", sign=_EITHER, bounds=_TEMPERATURE),
    _q("time_since_disinfection_s", "time since the tank was last at 60 degC"),
    _q("power_water_heating_kw", "electric power for hot water"),
    _q("heat_hot_water_kw", "heat wanted at the taps"),
    _q("heat_water_heating_kw", "heat into the tank"),
    _q("heat_ambient_kw", "heat taken from the outdoor air"),
    _q("heat_tapped_kw", "heat drawn from the tank"),
    _q("heat_tank_loss_kw", "heat lost by the tank", sign=_EITHER),
    _q("heat_hot_water_unmet_kw", "heat missing at the taps"),
    _q("discomfort_hot_water_k", "tank below the temperature of use, steps with a draw"),
    # electric cars
    _q("energy_car_battery_kwh", "energy in the car at the end of the step"),
    _q("car_plugged", "the car is at home, at the wall box", bounds=_FRACTION),
    _q("car_departure_s", "time until the car leaves"),
    _q("energy_car_needed_kwh", "energy needed when the car leaves"),
    _q("power_car_kw", "charging power of the car"),
    _q("power_driving_kw", "taken from the car's battery by the trip"),
    _q("power_trip_kw", "wanted by the trip"),
    _q("power_car_loss_kw", "lost when charging the car"),
    _q("energy_car_unmet_kwh", "missing in the car when it left"),
    # washing machines, dishwashers, dryers
    _q("cycle_waiting", "a wished cycle has not begun", bounds=_FRACTION),
    _q("cycle_blocked", "the cycle that comes before has not ended", bounds=_FRACTION),
    _q("cycle_latest_s", "time until the waiting cycle must begin"),
    _q("cycle_remaining_s", "time until the running cycle ends"),
    _q("cycle_start", "1 begins the waiting cycle, 0 lets it wait", bounds=_FRACTION),
    _q("power_appliance_kw", "power of the machine's cycle"),
    # photovoltaics
    _q("power_pv_kw", "AC power of the plant, delivered"),
    _q("power_curtailed_kw", "AC power curtailed"),
    _q("power_auxiliary_kw", "power the plant draws itself"),
    _q("power_pv_limit_kw", "limit on the plant's AC power"),
)

_KPIS = (
    # money, for the run
    _q("cost_net_eur", "net cost", sign=_EITHER),
    _q("bill_eur", "bills for withdrawn energy", sign=_EITHER),
    _q("fees_eur", "fees"),
    _q("revenue_sale_eur", "sale of injected energy", sign=_EITHER),
    _q("premium_eur", "premium on shared energy"),
    _q("valorisation_eur", "valorisation of shared energy"),
    _q("cost_comfort_eur", "discomfort at the comfort price"),
    _q("cost_wear_eur", "battery wear"),
    _q("energy_stored_change_kwh", "change of the stored energy", sign=_EITHER),
    _q("value_stored_change_eur", "value of the stored energy's change", sign=_EITHER),
    _q("objective_eur", "J: net cost + comfort + wear - stored", sign=_EITHER),
    _q("unmodelled_eur", "settled outside the controller's model", sign=_EITHER),
    # energy
    _q("energy_shared_kwh", "shared energy"),
    _q("energy_incentivised_kwh", "shared energy that earns the premium"),
    # withdrawn and injected: as the series
    _q("energy_pv_kwh", "photovoltaic energy, AC, delivered"),
    _q("energy_pv_curtailed_kwh", "photovoltaic energy curtailed"),
    _q("energy_load_kwh", "base loads and common services"),
    _q("energy_hvac_kwh", "heating and cooling, electric"),
    _q("heat_unmet_kwh", "heat or cold not delivered"),
    _q("energy_hot_water_kwh", "hot water, electric"),
    _q("hot_water_unmet_kwh", "heat missing at the taps"),
    _q("energy_car_kwh", "cars, electric"),
    _q("car_unmet_kwh", "missing in cars when they left"),
    # shares
    _q("self_consumption", "self-consumption, physical", sign=_EITHER, bounds=(-inf, 1.0)),
    _q("self_sufficiency", "self-sufficiency, physical", sign=_EITHER),
    _q("self_consumption_collective", "self-consumption with shared energy", sign=_EITHER),
    _q("self_sufficiency_collective", "self-sufficiency with shared energy", sign=_EITHER),
    _q("shared_fraction", "shared energy per photovoltaic energy"),
    # grid
    _q("peak_withdrawal_kw", "largest net withdrawal, substation"),
    _q("peak_injection_kw", "largest net injection, substation"),
    _q("peak_pod_kw", "largest withdrawal, delivery point"),
    _q("contract_overruns", "steps above 1.1 x contract power"),
    _q("co2_kg", "CO2 of the withdrawn energy"),
    # comfort
    _q("discomfort_kh", "discomfort, all dwellings"),
    _q("discomfort_heating_kh", "discomfort, heating season"),
    _q("discomfort_cooling_kh", "discomfort, cooling season"),
    _q("discomfort_worst_kh", "discomfort, worst dwelling"),
    _q("discomfort_hot_water_kh", "tanks below the temperature of use"),
    _q("hours_outside_cat_ii", "occupied, outside EN 16798-1 cat. II", unit="h"),
    # running
    _q("battery_cycles", "full cycles, mean of the batteries"),
    _q("battery_state_of_health", "state of health at the end, mean", bounds=_FRACTION),
    _q("balance_residual_kwh", "largest energy balance residual"),
    _q("solve_ms_median", "solve time, median", unit="ms"),
    _q("solve_ms_p95", "solve time, 95th percentile", unit="ms"),
    _q("solve_ms_p99", "solve time, 99th percentile", unit="ms"),
    _q("solve_failures", "solves without an optimum"),
    _q("fallbacks", "decisions left to a fallback"),
    _q("simulated_days", "days simulated", unit="d"),
    _q("cpu_s", "CPU time"),
)

QUANTITIES: Mapping[str, Quantity] = MappingProxyType({q.name: q for q in (*_SERIES, *_KPIS)})

KPI_NAMES: tuple[str, ...] = (
    # in the order in which they are printed
    *("cost_net_eur", "bill_eur", "fees_eur", "revenue_sale_eur", "premium_eur", "valorisation_eur"),
    *("cost_comfort_eur", "cost_wear_eur", "energy_stored_change_kwh", "value_stored_change_eur"),
    *("objective_eur", "unmodelled_eur"),
    *("energy_shared_kwh", "energy_incentivised_kwh", "energy_withdrawn_kwh", "energy_injected_kwh"),
    *("energy_pv_kwh", "energy_pv_curtailed_kwh", "energy_load_kwh", "energy_hvac_kwh", "heat_unmet_kwh"),
    *("energy_hot_water_kwh", "hot_water_unmet_kwh"),
    *("energy_car_kwh", "car_unmet_kwh"),
    *("self_consumption", "self_sufficiency", "self_consumption_collective"),
    *("self_sufficiency_collective", "shared_fraction"),
    *("peak_withdrawal_kw", "peak_injection_kw", "peak_pod_kw", "contract_overruns", "co2_kg"),
    *("discomfort_kh", "discomfort_heating_kh", "discomfort_cooling_kh", "discomfort_worst_kh"),
    *("discomfort_hot_water_kh", "hours_outside_cat_ii"),
    *("battery_cycles", "battery_state_of_health", "balance_residual_kwh"),
    *("solve_ms_median", "solve_ms_p95", "solve_ms_p99"),
    *("solve_failures", "fallbacks", "simulated_days", "cpu_s"),
)


def quantity(name: str) -> Quantity:
    """Look a quantity up; a set-point is described as the control it asks for.

    A name that is not in the table gets the unit of its ending and its own words as meaning, so that a new
    device kind is recorded and drawn without a change here.

    Examples
    --------
    >>> quantity("setpoint_power_charge_kw").label
    'charging power at the terminals, as asked for [kW]'
    >>> quantity("power_electrolyser_kw").label
    'power electrolyser [kW]'
    """
    if name in QUANTITIES:
        return QUANTITIES[name]
    if name.startswith(SETPOINT_PREFIX):
        control = quantity(name.removeprefix(SETPOINT_PREFIX))
        return replace(control, name=name, meaning=f"{control.meaning}, as asked for")
    unit = unit_of(name)
    words = name
    for ending, ending_unit in _UNIT_BY_ENDING.items():
        if ending_unit == unit:
            words = words.removesuffix(ending)
    return Quantity(name=name, unit=unit, sign=Sign.EITHER, bounds=None, meaning=words.replace("_", " "))
