"""One day of a community as the Naples paper poses it: what is known, what may move, and what happens else.

The paper's community: photovoltaics on meters of their own, flats that withdraw and never inject, batteries
that charge from the grid. Whatever is not decided is left to its own rule, and predicted by it: a thermostat
that holds the edge of the comfort band, a battery that feeds its own load until it is empty.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from recosim.arrays import FloatArray, IntArray
from recosim.components import Devices
from recosim.contracts import Community, Forecast, Observation
from recosim.controllers.community_model import constant_load_kw
from recosim.controllers.day_ahead_devices import AirConditioning, Storage, air_conditioning_of, storage_of
from recosim.errors import ControllerError
from recosim.simulators.dwellings import DwellingParameters

HVAC, BATTERY = "hvac", "battery"
DECIDED = (HVAC, BATTERY)
"""Kinds of device that a day-ahead plan may decide."""


@dataclass(frozen=True, kw_only=True)
class DayProblem:
    """A day; S futures, K steps, H hours, P delivery points.

    Parameters
    ----------
    step_h : float
    hour : array of int, shape (K,)
        Hour of each step.
    probabilities : array, shape (S,)
    rate_eur_per_kwh : array, shape (H,)
        Money for a shared kWh.
    price_eur_per_kwh : array, shape (K, P)
        Of a withdrawn kWh.
    injected_kwh : array, shape (S, H)
        By the plants.
    load_kw : array, shape (S, K, P)
        What no device takes.
    limit_kw : array, shape (S, K, P)
        Most that may be withdrawn: the contract, or what is withdrawn without control where that is more.
    air_conditioning : AirConditioning
    storage : Storage or None
    """

    step_h: float
    hour: IntArray
    probabilities: FloatArray
    rate_eur_per_kwh: FloatArray
    price_eur_per_kwh: FloatArray
    injected_kwh: FloatArray
    load_kw: FloatArray
    limit_kw: FloatArray
    air_conditioning: AirConditioning
    storage: Storage | None

    @property
    def n_hours(self) -> int:
        """Number of hours."""
        return len(self.rate_eur_per_kwh)

    def withdrawn_kw(self, hvac_kw: FloatArray, battery_kw: FloatArray | None) -> FloatArray:
        """Withdrawal with these powers of all units and batteries, shape (S, K, P)."""
        total = self.load_kw.copy()
        np.add.at(total.T, self.air_conditioning.node, hvac_kw.T)
        if self.storage is not None and battery_kw is not None:
            np.add.at(total.T, self.storage.node, battery_kw.T)
        return total

    @property
    def base_kw(self) -> FloatArray:
        """Withdrawal without control, shape (S, K, P)."""
        battery = None if self.storage is None else self.storage.base_kw
        return self.withdrawn_kw(self.air_conditioning.base_kw, battery)

    def hourly_kwh(self, withdrawn_kw: FloatArray) -> FloatArray:
        """Withdrawal of all delivery points together by hour, shape (S, H)."""
        total = withdrawn_kw.sum(axis=2) * self.step_h
        hourly: FloatArray = np.zeros((len(total), self.n_hours))
        np.add.at(hourly.T, self.hour, total.T)
        return hourly

    def revenue_eur(self, withdrawn_kw: FloatArray) -> float:
        """What sharing earns: the expectation of the hourly minimum."""
        shared = np.minimum(self.injected_kwh, self.hourly_kwh(withdrawn_kw))
        return float(self.probabilities @ (shared @ self.rate_eur_per_kwh))

    def bill_eur(self, withdrawn_kw: FloatArray) -> FloatArray:
        """Expected bill of each delivery point before incentives, shape (P,)."""
        return np.asarray(
            np.einsum("s,skp,kp->p", self.probabilities, withdrawn_kw, self.price_eur_per_kwh) * self.step_h
        )


def pose_day(
    community: Community,
    observation: Observation,
    futures: Sequence[Forecast],
    probabilities: FloatArray,
    *,
    n_steps: int,
    band_k: float,
) -> DayProblem:
    """The problem of the ``n_steps`` that begin now.

    Parameters
    ----------
    community : Community
    observation : Observation
        At the start of an hour.
    futures : sequence of Forecast
    probabilities : array, shape (n_futures,)
    n_steps : int
        Whole hours.
    band_k : float
        How far a plan may move a temperature from the thermostat's set-point, up and down [K].

    Raises
    ------
    ControllerError
        The community is not of the paper's kind.
    """
    refuse_other_kinds(community)
    grid = community.grid
    rows = slice(0, n_steps)
    first = futures[0]
    plants, n_pods = community.devices["photovoltaics"], len(community.pods)
    _refuse_other_payments(plants, first)
    # behind a plant's own meter, what it takes itself and what it gives are one
    constant = constant_load_kw(community)
    net = np.stack(
        [
            future.power_load_kw[rows] + constant - plants.at_nodes(future.power_pv_kw[rows], n_pods)
            for future in futures
        ]
    )
    load, sun = np.maximum(net, 0.0), np.maximum(-net, 0.0).sum(axis=2) * grid.step_h
    hour = np.arange(n_steps, dtype=np.int64) // grid.steps_per_hour
    n_hours = int(hour[-1]) + 1
    units = air_conditioning_of(community, observation, futures, n_steps, band_k)
    before = load.copy()
    np.add.at(before.T, units.node, units.base_kw.T)
    rate = sum((t.rate_eur_per_kwh[rows] for t in first.shared), start=np.zeros(n_steps))
    posed = DayProblem(
        step_h=grid.step_h,
        hour=hour,
        probabilities=probabilities,
        rate_eur_per_kwh=rate[:: grid.steps_per_hour],
        price_eur_per_kwh=first.price_buy_eur_per_kwh[rows],
        injected_kwh=sun.reshape(len(futures), n_hours, -1).sum(axis=2),
        load_kw=load,
        limit_kw=np.zeros(0),
        air_conditioning=units,
        storage=storage_of(community, observation, before),
    )
    limit = np.maximum(community.pods.power_contract_kw, posed.base_kw)
    return replace(posed, limit_kw=limit)


def _refuse_other_payments(plants: Devices, forecast: Forecast) -> None:
    """Raise a ControllerError where plants are paid differently, or one of them is not paid at all."""
    for tranche in forecast.shared:
        if len(forecast.shared) > 1 or not tranche.injecting[plants.node].all():
            raise ControllerError(
                "day-ahead knows one payment for what all plants share, here some are paid otherwise; "
                "use mpc, or plants of one date and one grant"
            )


def other_kinds(community: Community) -> dict[str, Devices]:
    """Devices that a controller decides and the paper does not know, such as hot water, by kind."""
    known = ("dwelling", "photovoltaics", "battery")
    return {
        kind: devices for kind, devices in community.devices.items() if kind not in known and len(devices)
    }


def refuse_other_kinds(community: Community) -> None:
    """Raise a ControllerError where a day-ahead plan would not be what the meters show."""
    devices = community.devices
    plants, dwellings = devices["photovoltaics"], devices["dwelling"]
    behind = [name for name, p in zip(plants.names, plants.node, strict=True) if p in dwellings.node]
    problems = {
        "photovoltaics behind a flat's meter": behind,
        **{f"devices of kind {kind}": others.names for kind, others in other_kinds(community).items()},
    }
    if "battery" in devices:
        batteries = devices["battery"]
        charging = np.broadcast_to(batteries.parameters.grid_charging, len(batteries))
        problems["battery without grid_charging"] = [
            name for name, may in zip(batteries.names, charging, strict=True) if not may
        ]
    parameters: DwellingParameters = dwellings.parameters
    opened = np.flatnonzero(parameters.conductance_windows_open_w_per_k)
    problems["windows opened at night"] = [dwellings.names[i] for i in opened]
    for what, names in problems.items():
        if len(names):
            raise ControllerError(
                f"day-ahead knows no {what} ({names[0]}), allowed: a community like naples-paper; "
                "use mpc for others"
            )


def checked_kinds(controls: object, where: str) -> tuple[str, ...]:
    """The kinds named, in the order of ``DECIDED``.

    Raises
    ------
    ControllerError
        One of them is unknown or named twice, or it is no list.
    """
    named = tuple(controls) if isinstance(controls, list | tuple) else (controls,)
    known = all(isinstance(kind, str) and kind in DECIDED for kind in named)
    if named == (controls,) or not known or len(set(named)) < len(named):
        raise ControllerError(
            f"{where}.controls = {controls!r}, allowed: a list of {' and '.join(DECIDED)}, each once; "
            "what is not in it is left to the devices' own rules"
        )
    return tuple(kind for kind in DECIDED if kind in named)
