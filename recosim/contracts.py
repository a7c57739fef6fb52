"""The contract between plant, controllers and settlement."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from recosim.arrays import BoolArray, FloatArray, IntArray
from recosim.components import Devices, Pods
from recosim.timegrid import TimeGrid


@dataclass(frozen=True, kw_only=True)
class SharedTranche:
    """Money paid per kWh of shared energy, for one set of plants.

    Energy shared in an hour is at most what the tranche's delivery points inject; the tranches of one pool
    together are at most what the community withdraws in that hour.

    Parameters
    ----------
    name : str
    pool : str
        Tranches with the same pool compete for the same withdrawals.
    rate_eur_per_kwh : array, shape (n_steps,) [EUR/kWh]
        Constant within each UTC hour.
    injecting : array of bool, shape (n_pods,)
        Delivery points whose injection counts.
    """

    name: str
    pool: str
    rate_eur_per_kwh: FloatArray
    injecting: BoolArray


class SharingScheme(Protocol):
    """How shared energy is paid."""

    def rates(self, times: IntArray, price_zonal_eur_per_mwh: FloatArray) -> tuple[SharedTranche, ...]:
        """Money per shared kWh over a horizon; ``times`` and prices have shape (n_steps,)."""
        ...

    def rates_sale(self, times: IntArray, price_zonal_eur_per_mwh: FloatArray) -> FloatArray:
        """Price of an injected kWh, shape (n_steps, n_pods), zero where nothing is sold [EUR/kWh]."""
        ...


class Tariff(Protocol):
    """What the delivery points pay for what they withdraw."""

    def rates(self, times: IntArray, price_pun_eur_per_mwh: FloatArray) -> FloatArray:
        """Marginal price of a withdrawn kWh, taxes included, shape (n_steps, n_pods) [EUR/kWh]."""
        ...


@dataclass(frozen=True, kw_only=True)
class Community:
    """Everything static that a controller may know.

    Parameters
    ----------
    name : str
    grid : TimeGrid
        The period that is simulated and counted (the warm-up lies before it).
    pods : Pods
    devices : mapping of str to Devices
        By kind, such as ``dwelling``, ``photovoltaics``, ``battery``, ``water_heater``, ``car``.
    tariff : Tariff
    sharing : SharingScheme
    price_comfort_eur_per_kh : float
        Price of one kelvin hour outside the comfort band, up to 2 K; three times that beyond [EUR/(K h)].
    price_wear_eur_per_kwh : float
        Battery wear per kWh charged or discharged at the terminals [EUR/kWh].
    price_overrun_eur_per_kwh : float
        Price of withdrawing above 1.1 times the contract power, in the optimisation only [EUR/kWh].
    """

    name: str
    grid: TimeGrid
    pods: Pods
    devices: Mapping[str, Devices]
    tariff: Tariff
    sharing: SharingScheme
    price_comfort_eur_per_kh: float = 0.50
    price_wear_eur_per_kwh: float = 0.02
    price_overrun_eur_per_kwh: float = 5.0

    def __post_init__(self) -> None:
        for what in ("states", "controls"):
            names = [name for d in self.devices.values() for name in getattr(d.declaration, what)]
            doubled = {name for name in names if names.count(name) > 1}
            if doubled:
                raise ValueError(f"{what} declared by two device kinds: {', '.join(sorted(doubled))}")

    @property
    def controls(self) -> Mapping[str, Devices]:
        """Each control a controller may set, with the devices that accept it."""
        return {name: d for d in self.devices.values() for name in d.declaration.controls}

    @property
    def states(self) -> Mapping[str, Devices]:
        """Each state, with the devices that have it."""
        return {name: d for d in self.devices.values() for name in d.declaration.states}


@dataclass(frozen=True, kw_only=True)
class Observation:
    """What a controller sees at the start of a step. Arrays are read-only.

    Parameters
    ----------
    time : int
        POSIX time [s].
    step : int
        Number of the step, 0 at the start of the period.
    states : mapping of str to array, shape (n_devices,)
        Every declared state, such as ``temp_indoor_degc`` or ``energy_battery_kwh``; ``observation["…"]``
        is short for it.
    energy_withdrawn_hour_kwh, energy_injected_hour_kwh : array, shape (n_pods,) [kWh]
        What each delivery point has withdrawn and injected since the UTC hour began.
    missing : mapping of str to array of bool, shape (n_devices,)
        Where a state's reading is missing (its value is then the last one known); absent when none is. Also
        by the names of the two energies, shape (n_pods,): their value is then that of a day before.
    """

    time: int
    step: int
    states: Mapping[str, FloatArray]
    energy_withdrawn_hour_kwh: FloatArray
    energy_injected_hour_kwh: FloatArray
    missing: Mapping[str, BoolArray] = field(default_factory=dict)

    def __getitem__(self, state: str) -> FloatArray:
        return self.states[state]


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What is expected over the horizon; row 0 is the step that begins now. Arrays are read-only.

    Parameters
    ----------
    grid : TimeGrid
        The horizon, n_steps long.
    temp_outdoor_degc : array, shape (n_steps,) [degC]
    temp_solair_degc : array, shape (n_steps, n_dwellings) [degC]
    heat_internal_kw, heat_solar_kw : array, shape (n_steps, n_dwellings) [kW]
    temp_comfort_min_degc, temp_comfort_max_degc : array, shape (n_steps, n_dwellings) [degC]
        The comfort band of the operative temperature, infinite where there is none.
    occupied : array of bool, shape (n_steps, n_dwellings)
        Where leaving the band is discomfort.
    heating_season, cooling_season, summer : array of bool, shape (n_steps,)
        ``summer``: the months in which shutters are used and windows opened.
    power_load_kw : array, shape (n_steps, n_pods) [kW]
        Household and common loads, without devices. With shiftable appliances it holds the cycles that are
        wished later than now, each beginning as wished; those already wished wait or run, and are observed
        (`recosim.controllers.appliance_starts.power_running_kw`).
    power_pv_kw : array, shape (n_steps, n_plants) [kW]
        AC power available.
    price_buy_eur_per_kwh, price_sell_eur_per_kwh : array, shape (n_steps, n_pods) [EUR/kWh]
    shared : tuple of SharedTranche
        Money per shared kWh.
    heat_hot_water_kw : array, shape (n_steps, n_water_heaters) [kW]
        Heat wanted at the taps; left out where there are no water heaters.
    power_trip_kw : array, shape (n_steps, n_cars) [kW]
        Mean power that trips take from the cars: positive in every step away, zero at home; left out where
        there are no cars. Known as the occupants are, whatever the forecast.
    energy_car_least_kwh : array, shape (n_steps, n_cars) [kWh]
        What each car must hold at the end of the step for all its coming trips, those beyond the horizon too;
        the wall box charges in time for it, whatever is asked.
    """

    grid: TimeGrid
    temp_outdoor_degc: FloatArray
    temp_solair_degc: FloatArray
    heat_internal_kw: FloatArray
    heat_solar_kw: FloatArray
    temp_comfort_min_degc: FloatArray
    temp_comfort_max_degc: FloatArray
    occupied: BoolArray
    heating_season: BoolArray
    cooling_season: BoolArray
    summer: BoolArray
    power_load_kw: FloatArray
    power_pv_kw: FloatArray
    price_buy_eur_per_kwh: FloatArray
    price_sell_eur_per_kwh: FloatArray
    shared: tuple[SharedTranche, ...]
    heat_hot_water_kw: FloatArray = field(default_factory=lambda: np.zeros((0, 0)))
    power_trip_kw: FloatArray = field(default_factory=lambda: np.zeros((0, 0)))
    energy_car_least_kwh: FloatArray = field(default_factory=lambda: np.zeros((0, 0)))

    def __post_init__(self) -> None:
        for name in ("heat_hot_water_kw", "power_trip_kw", "energy_car_least_kwh"):
            if getattr(self, name).shape == (0, 0):
                none = np.zeros((self.grid.n_steps, 0))
                none.setflags(write=False)
                object.__setattr__(self, name, none)


@dataclass(frozen=True, kw_only=True)
class ForecastSet:
    """Several futures over the same horizon, with their probabilities.

    Parameters
    ----------
    probabilities : array, shape (n_members,)
        Positive, sum 1.
    members : tuple of Forecast
        They differ in what is uncertain, such as sun and load, and may share the other arrays.

    Raises
    ------
    ValueError
        Numbers of members and probabilities differ, probabilities are no probabilities, or the members do
        not begin and end together.
    """

    probabilities: FloatArray
    members: tuple[Forecast, ...]

    def __post_init__(self) -> None:
        p = self.probabilities
        if p.shape != (len(self.members),) or not self.members:
            raise ValueError(f"probabilities have shape {p.shape} for {len(self.members)} members")
        if not ((p > 0.0).all() and abs(p.sum() - 1.0) < 1e-9):
            raise ValueError(f"probabilities = {p.tolist()}, allowed: positive numbers with sum 1")
        if any(member.grid != self.members[0].grid for member in self.members):
            raise ValueError("members lie on different grids, allowed: one horizon for all")


class Setpoints:
    """What a controller asks for: any subset of the declared controls.

    What is left out, or NaN, is left to the device's own rule (thermostat, self-consumption). A battery's
    ``power_charge_kw`` and ``power_discharge_kw`` belong together: with one alone the other is 0, and NaN
    stands in both or in neither.

    Parameters
    ----------
    **values : array-like, shape (n_devices,)
        By the name of the control, such as ``power_charge_kw`` or ``temp_heating_degc``.

    Examples
    --------
    >>> Setpoints(power_charge_kw=[0.5, 0.0])["power_charge_kw"].tolist()
    [0.5, 0.0]
    """

    def __init__(self, **values: ArrayLike) -> None:
        self._values = {name: np.array(value, dtype=np.float64) for name, value in values.items()}

    def __getitem__(self, control: str) -> FloatArray:
        return self._values[control]

    def __contains__(self, control: object) -> bool:
        return control in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __repr__(self) -> str:
        return f"Setpoints({', '.join(self._values)})"


class Controller(Protocol):
    """Decides, at the start of each step, what the devices shall do.

    A controller may also define ``get_state() -> Mapping[str, ndarray | bytes]`` and ``set_state(state)``,
    so that an interrupted run can go on where it stopped, and an attribute ``record``, a mapping of names to
    numbers or text that describes its last decision. ``docs/controllers.md`` is the whole contract;
    ``recosim check-controller`` tries it.
    """

    def reset(self, community: Community, seed: int) -> None:
        """Forget everything; called once before the period begins."""
        ...

    def decide(self, observation: Observation, forecast: Forecast) -> Setpoints:
        """Decide for the step that begins now."""
        ...
