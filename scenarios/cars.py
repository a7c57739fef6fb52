"""Electric cars of a scenario: the devices, and how their households use them."""

from collections.abc import Sequence

import numpy as np

from recosim.arrays import FloatArray
from recosim.components import Devices
from recosim.scenarios.car_trips import SHARE_BY_CAR, SPREAD_MINUTES, CarUse
from recosim.scenarios.schema import car as described
from recosim.scenarios.schema.community import Dwelling
from recosim.simulators.cars import Cars
from recosim.simulators.physics.car import Car


def cars_of(dwellings: Sequence[Dwelling]) -> Devices | None:
    """One device per dwelling with a car, named ``dwelling-car``; None where no dwelling has one.

    The dwellings stand first among the delivery points, in their order.
    """
    found = [(i, flat.name, flat.car) for i, flat in enumerate(dwellings) if flat.car is not None]
    if not found:
        return None

    def column(name: str) -> FloatArray:
        return np.array([getattr(car, name) for _, _, car in found], dtype=np.float64)

    return Devices(
        declaration=Cars.declaration,
        names=tuple(f"{name}-car" for _, name, _ in found),
        node=np.array([i for i, _, _ in found], dtype=np.int64),
        parameters=Car(
            capacity_kwh=column("capacity_kwh"),
            power_max_kw=column("power_kw"),
            efficiency_charge=column("efficiency_charge"),
            state_min=column("state_min"),
        ),
    )


def use_of(car: described.Car) -> CarUse:
    """How a household uses its car."""
    hours = None
    if car.departure_h is not None and car.arrival_h is not None:
        hours = (car.departure_h, car.arrival_h)
    return CarUse(
        distance_km=(car.distance_weekday_km, car.distance_saturday_km, car.distance_sunday_km),
        consumption_kwh_per_km=car.consumption_kwh_per_km,
        trip_most_kwh=(1.0 - car.state_min) * car.capacity_kwh,
        share_by_car=SHARE_BY_CAR if car.share_by_car is None else car.share_by_car,
        hours=hours,
        spread_minutes=SPREAD_MINUTES if car.spread_minutes is None else car.spread_minutes,
    )
