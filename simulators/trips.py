"""When cars are away, what their trips take, and what they must hold for that."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from recosim.arrays import BoolArray, FloatArray, IntArray
from recosim.simulators.group import read_only
from recosim.simulators.physics.car import Car, least_energy_kwh
from recosim.timegrid import TimeGrid


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
        """Whether each car is at home; False after the end, shape (n_steps + 1, n_cars)."""
        home = np.zeros((self.grid.n_steps + 1, self.power_trip_kw.shape[1]), dtype=np.bool_)
        home[:-1] = self.power_trip_kw == 0.0
        return home

    @cached_property
    def departs(self) -> BoolArray:
        """Whether each car leaves at the start of the step, shape (n_steps, n_cars)."""
        away = ~self.plugged[:-1]
        before = np.vstack([np.zeros((1, away.shape[1]), dtype=np.bool_), away[:-1]])
        return np.asarray(away & ~before, dtype=np.bool_)

    @cached_property
    def least_kwh(self) -> FloatArray:
        """Least energy with which all trips can be made, shape (n_steps + 1, n_cars) [kWh]."""
        return read_only(least_energy_kwh(self.car, self.power_trip_kw, float(self.grid.step_s)))

    @cached_property
    def wanted_kwh(self) -> FloatArray:
        """What a car wants to leave with: trip and reserve, zero where none leaves, as ``departs`` [kWh]."""
        starts, columns = np.nonzero(self.departs)
        total = np.vstack([np.zeros((1, self.power_trip_kw.shape[1])), np.cumsum(self.power_trip_kw, axis=0)])
        until = self._next_change(starts, columns)
        trips = (total[until, columns] - total[starts, columns]) * self.grid.step_h
        capacity, reserve = (
            np.broadcast_to(values, self.power_trip_kw.shape[1])[columns]
            for values in (self.car.capacity_kwh, self.car.reserve_kwh)
        )
        wanted = np.zeros_like(self.power_trip_kw)
        wanted[starts, columns] = np.minimum(trips + reserve, capacity)
        return wanted

    @cached_property
    def next_departure(self) -> IntArray:
        """First step from each one on in which the car is away, shape (n_steps + 1, n_cars).

        Where it stays at home until the end of the series, the number of its steps.
        """
        n_steps = self.grid.n_steps
        steps = np.where(self.plugged, n_steps, np.arange(n_steps + 1)[:, None])
        return np.asarray(np.minimum.accumulate(steps[::-1], axis=0)[::-1], dtype=np.int64)

    def _next_change(self, starts: IntArray, columns: IntArray) -> IntArray:
        """Step in which each absence that begins in ``starts`` ends."""
        n_steps = self.grid.n_steps
        steps = np.where(self.plugged, np.arange(n_steps + 1)[:, None], n_steps)
        following = np.minimum.accumulate(steps[::-1], axis=0)[::-1]
        return np.asarray(following[starts, columns], dtype=np.int64)
