"""When cars are away, what their trips take, and what they must hold for that."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from recosim.arrays import BoolArray, FloatArray, IntArray
from recosim.simulators.group import read_only
from recosim.simulators.physics.car import Car, least_energy_kwh
from recosim.timegrid import TimeGrid


@dataclass(frozen=True, kw_only=True)
class Departures:
    """Every time that a car leaves, in the order of the steps.

    Parameters
    ----------
    step, car : array of int, shape (n_departures,)
        First step away, and index of the car.
    wanted_kwh : array, shape (n_departures,)
        Trip and reserve, at most the capacity [kWh].
    """

    step: IntArray
    car: IntArray
    wanted_kwh: FloatArray

    def missing_kwh(self, step: int, energy_kwh: FloatArray) -> FloatArray:
        """What cars that leave now lack of what they want, zero for all others, as ``energy_kwh`` [kWh]."""
        missing = np.zeros_like(energy_kwh)
        now = slice(*np.searchsorted(self.step, (step, step + 1)).tolist())
        cars = self.car[now]
        missing[cars] = np.maximum(self.wanted_kwh[now] - energy_kwh[cars], 0.0)
        return missing


@dataclass(frozen=True, kw_only=True)
class Trips:
    """The trips of all cars over the series of a run; no controller changes them.

    Parameters
    ----------
    grid : TimeGrid
        Time axis of the series.
    power_trip_kw : array, shape (n_steps, n_cars) [kW]
        Mean power that a trip takes from the battery: positive in every step away, zero at home.
    car : Car
        n cars.
    """

    grid: TimeGrid
    power_trip_kw: FloatArray
    car: Car

    @cached_property
    def plugged(self) -> BoolArray:
        """Whether each car is at home; taken so after the end, shape (n_steps + 1, n_cars)."""
        return np.pad(self.power_trip_kw == 0.0, ((0, 1), (0, 0)), constant_values=True)

    @cached_property
    def least_kwh(self) -> FloatArray:
        """Least energy with which all trips can be made, shape (n_steps + 1, n_cars) [kWh]."""
        return read_only(least_energy_kwh(self.car, self.power_trip_kw, float(self.grid.step_s)))

    @cached_property
    def next_departure(self) -> NDArray[np.int32]:
        """First step from each one on in which the car is away, shape (n_steps + 1, n_cars).

        Where it stays at home until the end of the series, the number of its steps.
        """
        n_steps = self.grid.n_steps
        steps = np.where(self.plugged, n_steps, np.arange(n_steps + 1)[:, None]).astype(np.int32)
        return np.minimum.accumulate(steps[::-1], axis=0, out=steps[::-1])[::-1]

    @cached_property
    def departures(self) -> Departures:
        """Every departure of the series."""
        capacity, reserve = (
            np.broadcast_to(values, self.power_trip_kw.shape[1])
            for values in (self.car.capacity_kwh, self.car.reserve_kwh)
        )
        steps, cars, wanted = [], [], []
        for car, power in enumerate(self.power_trip_kw.T):
            away = np.diff(power > 0.0, prepend=False, append=False)
            starts, stops = np.flatnonzero(away).reshape(-1, 2).T  # it leaves, it comes home, it leaves ...
            total = np.concatenate([[0.0], np.cumsum(power)])
            trips = (total[stops] - total[starts]) * self.grid.step_h
            steps.append(starts)
            cars.append(np.full(len(starts), car))
            wanted.append(np.minimum(trips + reserve[car], capacity[car]))
        step, car_of = (np.concatenate([*parts, np.zeros(0, dtype=np.int64)]) for parts in (steps, cars))
        order = np.argsort(step, kind="stable")
        return Departures(step=step[order], car=car_of[order], wanted_kwh=np.concatenate(wanted)[order])
