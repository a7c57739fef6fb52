"""Electric car: what a wall box puts into its battery, what trips take out, and when charging cannot wait."""

from dataclasses import dataclass

import numpy as np

from recosim.arrays import BoolArray, FloatArray
from recosim.simulators.physics.checks import Values, require_range

_SECONDS_PER_HOUR = 3600.0


@dataclass(frozen=True, kw_only=True)
class Car:
    """Parameters of n cars with their wall boxes; each field is an array of shape (n,) or a scalar for all.

    Parameters
    ----------
    capacity_kwh : array or float
        Usable capacity [kWh].
    power_max_kw : array or float
        Power of the wall box at the terminals; any power up to it can be had [kW].
    efficiency_charge : array or float
        Terminals to battery, (0, 1].
    state_min : array or float
        What the driver wants left on coming home, as a share of the capacity, [0, 1).

    Raises
    ------
    ValueError
        A value is out of range; the message names field, index, value and range.
    """

    capacity_kwh: Values
    power_max_kw: Values
    efficiency_charge: Values = 0.90
    state_min: Values = 0.20

    def __post_init__(self) -> None:
        for name in ("capacity_kwh", "power_max_kw"):
            require_range(name, getattr(self, name), 0.0, np.inf, low_open=True, high_open=True)
        require_range("efficiency_charge", self.efficiency_charge, 0.0, 1.0, low_open=True)
        require_range("state_min", self.state_min, 0.0, 1.0, high_open=True)

    @property
    def reserve_kwh(self) -> Values:
        """Energy wanted on coming home [kWh]."""
        return np.multiply(self.state_min, self.capacity_kwh)


def charging_kw(
    car: Car,
    energy_kwh: FloatArray,
    asked_kw: FloatArray,
    plugged: BoolArray,
    least_kwh: FloatArray,
    step_s: float,
) -> FloatArray:
    """Power at the terminals: what is asked for, within limits and never too late for the next trips.

    Parameters
    ----------
    car : Car
        n cars.
    energy_kwh : array, shape (n,)
        In the battery at the start of the step [kWh].
    asked_kw : array, shape (n,)
        Wanted by a controller; NaN charges at full power until the battery is full [kW].
    plugged : array of bool, shape (n,)
        Whether the car is at home.
    least_kwh : array, shape (n,)
        What the battery must hold at the end of the step (`least_energy_kwh`) [kWh].
    step_s : float
        Length of the step [s].

    Returns
    -------
    array, shape (n,) [kW]

    Examples
    --------
    A car with 19 kWh must have 20 in an hour: who asks for nothing gets 1 kWh / 0.8, who is away nothing.

    >>> car = Car(capacity_kwh=50.0, power_max_kw=3.7, efficiency_charge=0.8)
    >>> home = np.array([True, False])
    >>> charging_kw(car, np.full(2, 19.0), np.zeros(2), home, np.full(2, 20.0), 3600.0).tolist()
    [1.25, 0.0]
    """
    per_kw = np.multiply(car.efficiency_charge, step_s / _SECONDS_PER_HOUR)
    room = np.maximum(car.capacity_kwh - energy_kwh, 0.0) / per_kw
    must = np.maximum(least_kwh - energy_kwh, 0.0) / per_kw
    wanted = np.where(np.isnan(asked_kw), car.power_max_kw, np.maximum(np.nan_to_num(asked_kw), must))
    power = np.minimum(np.minimum(wanted, car.power_max_kw), room)
    return np.asarray(np.where(plugged, power, 0.0), dtype=np.float64)


def energy_after(
    car: Car, energy_kwh: FloatArray, charge_kw: FloatArray, trip_kw: FloatArray, step_s: float
) -> tuple[FloatArray, FloatArray]:
    """Energy in the battery at the end of a step, and what the trip took from it.

    Parameters
    ----------
    car : Car
        n cars.
    energy_kwh : array, shape (n,)
        At the start of the step [kWh].
    charge_kw : array, shape (n,)
        At the terminals, from `charging_kw` [kW].
    trip_kw : array, shape (n,)
        Mean power that the trip wants [kW].
    step_s : float
        Length of the step [s].

    Returns
    -------
    energy_kwh : array, shape (n,)
        E + eta P dt - driving dt [kWh].
    driving_kw : array, shape (n,)
        Less than wanted where the battery is empty: the rest is charged elsewhere [kW].
    """
    hours = step_s / _SECONDS_PER_HOUR
    charged = energy_kwh + np.multiply(car.efficiency_charge, charge_kw) * hours
    driving = np.minimum(trip_kw, charged / hours)
    # the rounding of a full battery or an empty one must not grow
    after = np.clip(charged - driving * hours, 0.0, np.maximum(car.capacity_kwh, energy_kwh))
    return np.asarray(after, dtype=np.float64), np.asarray(driving, dtype=np.float64)


def least_energy_kwh(car: Car, trip_kw: FloatArray, step_s: float) -> FloatArray:
    """Energy below which some coming trip could no longer be made, whatever is charged before it.

    Read backwards from the end: a trip needs what it takes and leaves the reserve; every step at home before
    it lowers the need by what full power would bring. So a stop that is too short to charge for the trip
    after it raises what the trips before it must leave.

    Parameters
    ----------
    car : Car
        n cars.
    trip_kw : array, shape (n_steps, n)
        Mean power that trips take, positive in every step away and zero at home [kW].
    step_s : float
        Length of a step [s].

    Returns
    -------
    array, shape (n_steps + 1, n)
        At the start of each step and at the end of the last; at most the capacity [kWh].

    Examples
    --------
    A trip of 6 kWh in the third hour, with 10 kWh to be left; the wall box brings 2 kWh an hour.

    >>> car = Car(capacity_kwh=50.0, power_max_kw=2.5, efficiency_charge=0.8)
    >>> least_energy_kwh(car, np.array([[0.0], [0.0], [6.0], [0.0]]), 3600.0)[:, 0].tolist()
    [12.0, 14.0, 16.0, 10.0, 10.0]
    """
    n_steps, n = trip_kw.shape
    hours = step_s / _SECONDS_PER_HOUR
    least = np.empty((n_steps + 1, n))
    least[n_steps] = reserve = np.broadcast_to(car.reserve_kwh, n)
    change = np.where(trip_kw > 0.0, trip_kw, -np.multiply(car.efficiency_charge, car.power_max_kw)) * hours
    capacity = np.broadcast_to(np.asarray(car.capacity_kwh, dtype=np.float64), n)
    for k in range(n_steps - 1, -1, -1):
        np.add(least[k + 1], change[k], out=least[k])
        np.minimum(np.maximum(least[k], reserve, out=least[k]), capacity, out=least[k])
    return least
