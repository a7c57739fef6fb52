"""What stored energy is worth: at the end of a horizon for the optimisation, at the end of a run for J."""

import numpy as np

from recosim.arrays import FloatArray
from recosim.contracts import Forecast
from recosim.simulators.dwellings import DwellingParameters
from recosim.simulators.physics.battery import Battery
from recosim.simulators.physics.car import Car
from recosim.simulators.physics.heat_pump import cop, eer
from recosim.simulators.physics.hot_water import WaterHeater, heat_per_power

J_PER_KWH = 3.6e6


def price_mean(price_buy_eur_per_kwh: FloatArray) -> FloatArray:
    """Mean buying price of each delivery point, shape (n_pods,) [EUR/kWh]."""
    mean: FloatArray = price_buy_eur_per_kwh.mean(axis=0)
    return mean


def value_of_charge(battery: Battery, price_eur_per_kwh: FloatArray) -> FloatArray:
    """Worth of a stored kWh: what it saves at the terminals, shape (n_batteries,) [EUR/kWh]."""
    return battery.efficiency_discharge * price_eur_per_kwh


def value_of_car(car: Car, price_eur_per_kwh: FloatArray) -> FloatArray:
    """Worth of a kWh in each car: what it saves at the terminals, shape (n_cars,) [EUR/kWh]."""
    return np.asarray(price_eur_per_kwh / car.efficiency_charge, dtype=np.float64)


def value_of_tank(heater: WaterHeater, price_eur_per_kwh: FloatArray, temp_outdoor_degc: float) -> FloatArray:
    """Worth of a kelvin in each tank: the heating it saves, shape (n_heaters,) [EUR/K]."""
    efficiency = heat_per_power(heater, temp_outdoor_degc, heater.temp_setpoint_degc)
    return np.asarray(heater.capacity_kwh_per_k * price_eur_per_kwh / efficiency, dtype=np.float64)


def value_of_heat(
    dwellings: DwellingParameters, forecast: Forecast, price_eur_per_kwh: FloatArray
) -> FloatArray:
    """Worth of a kelvin in each node at the end of the forecast, shape (2, n_dwellings) [EUR/K].

    A kelvin more saves heating at the mean price and COP in the heating season, costs cooling in the cooling
    season, and is worth nothing between seasons.
    """
    return value_of_kelvin(
        dwellings,
        price_eur_per_kwh,
        temp_outdoor_degc=float(forecast.temp_outdoor_degc.mean()),
        heating=bool(forecast.heating_season[-1]),
        cooling=bool(forecast.cooling_season[-1]),
    )


def value_of_kelvin(
    dwellings: DwellingParameters,
    price_eur_per_kwh: FloatArray,
    *,
    temp_outdoor_degc: float,
    heating: bool,
    cooling: bool,
) -> FloatArray:
    """Worth of a kelvin in the air and the mass node, shape (2, n_dwellings) [EUR/K]."""
    device = dwellings.air_conditioner
    outdoor = np.asarray(temp_outdoor_degc)
    capacity_kwh_per_k = (
        np.stack([dwellings.network.capacity_air_j_per_k, dwellings.network.capacity_mass_j_per_k])
        / J_PER_KWH
    )
    if heating:
        return capacity_kwh_per_k * price_eur_per_kwh / cop(device, outdoor)
    if cooling:
        return -capacity_kwh_per_k * price_eur_per_kwh / eer(device, outdoor)
    return np.zeros_like(capacity_kwh_per_k)
