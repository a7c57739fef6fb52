"""What is stored in a community counts in J: what its states are worth."""

import numpy as np

from recosim.arrays import FloatArray
from recosim.controllers.storage_value import (
    value_of_car,
    value_of_charge,
    value_of_kelvin,
    value_of_tank,
)
from recosim.scenarios.world import Plant


def worth_of_tanks(plant: Plant, first: int, last: int) -> FloatArray:
    """Worth of a kelvin in each tank of hot water after a part of the period, shape (n_heaters,) [EUR/K].

    Parameters as in `worth_of_states`.
    """
    heaters = plant.community.devices.get("water_heater")
    if heaters is None:
        return np.zeros(0)
    outdoor = plant.series.temp_outdoor_degc[plant.series.n_warmup :][first:last]
    return value_of_tank(heaters.parameters, _price_mean(plant)[heaters.node], float(outdoor.mean()))


def worth_of_cars(plant: Plant) -> FloatArray:
    """Worth of a kWh in each car, shape (n_cars,) [EUR/kWh]."""
    cars = plant.community.devices.get("car")
    return np.zeros(0) if cars is None else value_of_car(cars.parameters, _price_mean(plant)[cars.node])


def worth_of_states(plant: Plant, first: int, last: int) -> tuple[FloatArray, FloatArray]:
    """Worth of temperatures and of stored energy after a part of the period.

    Heat is worth heating saved if the part ends in the heating season, cooling to be done in the cooling
    season, nothing between; both at the mean price of the period and the weather of the part.

    Parameters
    ----------
    plant : Plant
    first, last : int
        First step of the part, and the one after its last, counted from the start of the period.

    Returns
    -------
    temp : array, shape (2, n_dwellings)
        Air and mass [EUR/K].
    energy : array, shape (n_batteries,)
        [EUR/kWh].
    """
    community, series, exposure = plant.community, plant.series, plant.exposure
    price = _price_mean(plant)
    part = slice(series.n_warmup + first, series.n_warmup + last)
    dwellings, batteries = community.devices["dwelling"], community.devices.get("battery")
    temp = value_of_kelvin(
        dwellings.parameters,
        price[dwellings.node],
        temp_outdoor_degc=float(series.temp_outdoor_degc[part].mean()),
        heating=bool(exposure.heating_season[part.stop - 1]),
        cooling=bool(exposure.cooling_season[part.stop - 1]),
    )
    if batteries is None:
        return temp, np.zeros(0)
    return temp, value_of_charge(batteries.parameters, price[batteries.node])


def _price_mean(plant: Plant) -> FloatArray:
    """Mean buying price of each delivery point over the period, shape (n_pods,) [EUR/kWh]."""
    series, grid = plant.series, plant.community.grid
    hours = slice(None, None, grid.steps_per_hour)  # within an hour no price changes
    pun = series.price_pun_eur_per_mwh[series.n_warmup : series.n_warmup + grid.n_steps]
    return np.asarray(
        np.mean(plant.community.tariff.rates(grid.times[hours], pun[hours]), axis=0), dtype=np.float64
    )
