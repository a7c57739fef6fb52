"""When waiting cycles of washing machines, dishwashers and dryers had best begin: a rule beside the LP.

A cycle is all or nothing, so it has no place in the linear programme without a binary per slot. Instead each
waiting cycle is put where it costs least by the forecast, one after the other, and what that draws becomes
part of the load the programme plans with.
"""

from dataclasses import dataclass

import numpy as np

from recosim.arrays import FloatArray, IntArray
from recosim.components import Devices
from recosim.contracts import Community, Forecast, Observation
from recosim.simulators.physics.appliance import ApplianceParameters

LEAST_SAVING_EUR = 1e-3
"""A later start must save this much: below it a household need not wait."""


def power_running_kw(devices: Devices, observation: Observation, n_steps: int, step_s: int) -> FloatArray:
    """What the cycles that run go on to draw, shape (n_steps, n_machines) [kW].

    Parameters
    ----------
    devices : Devices
        Those of the kind ``appliance``.
    """
    parameters: ApplianceParameters = devices.parameters
    remaining = np.rint(observation["cycle_remaining_s"] / step_s).astype(np.int64)
    power = np.zeros((n_steps, len(devices)))
    for d in np.flatnonzero(remaining):
        rest = parameters.powers_kw[d, parameters.n_steps[d] - remaining[d] : parameters.n_steps[d]]
        power[: len(rest), d] = rest[:n_steps]
    return power


@dataclass(frozen=True, kw_only=True)
class PlannedStarts:
    """What is decided of the cycles.

    Parameters
    ----------
    cycle_start : array, shape (n_machines,)
        1 begins now, 0 waits, NaN where nothing waits.
    power_kw : array, shape (n_steps, n_pods)
        What running and waiting cycles are planned to draw [kW].
    """

    cycle_start: FloatArray
    power_kw: FloatArray


class ApplianceStarts:
    """Puts each waiting cycle where it costs least by what is forecast.

    What a cycle draws is paid at the marginal price where it withdraws, and at the price of sale where it
    uses own surplus; what it withdraws while the community injects more than it withdraws earns the money for
    shared energy. Heating, cooling and batteries are not foreseen here.

    Parameters
    ----------
    community : Community
    """

    def __init__(self, community: Community) -> None:
        self._devices = community.devices["appliance"]
        self._parameters: ApplianceParameters = self._devices.parameters
        self._plants = community.devices["photovoltaics"]
        self._n_pods = len(community.pods)
        self._step_s = community.grid.step_s

    def plan(self, observation: Observation, forecast: Forecast) -> PlannedStarts:
        """Decide which waiting cycles begin now, and expect when the others will."""
        devices, parameters, step_s = self._devices, self._parameters, self._step_s
        n_steps = forecast.grid.n_steps
        running = power_running_kw(devices, observation, n_steps, step_s)
        planned = devices.at_nodes(running, self._n_pods)
        net = forecast.power_load_kw - self._plants.at_nodes(forecast.power_pv_kw, self._n_pods) + planned
        asked = np.full(len(devices), np.nan)
        ends = np.rint(observation["cycle_remaining_s"] / step_s).astype(np.int64)
        latest = np.rint(observation["cycle_latest_s"] / step_s).astype(np.int64)
        rate_shared = self._rate_shared(forecast)
        for d in np.flatnonzero(observation["cycle_waiting"]):
            p, length = int(devices.node[d]), int(parameters.n_steps[d])
            # a wash stands before its drying among the devices, so its end is already known
            earliest = int(ends[parameters.follows[d]]) if observation["cycle_blocked"][d] else 0
            if length > n_steps:
                continue  # left to the own rule: the forecast does not reach its end
            powers = parameters.powers_kw[d, :length]
            last = min(int(latest[d]), n_steps - length)
            starts = np.arange(min(earliest, last), last + 1)
            start = self._cheapest(starts, powers, p, net, forecast, rate_shared)
            rows = slice(start, start + length)
            net[rows, p] += powers
            planned[rows, p] += powers
            ends[d] = start + length
            asked[d] = float(start == 0)
        return PlannedStarts(cycle_start=asked, power_kw=planned)

    def _rate_shared(self, forecast: Forecast) -> FloatArray:
        """Most that a shared kWh earns: the best tranche of each pool, shape (n_steps,) [EUR/kWh]."""
        best: dict[str, FloatArray] = {}
        for tranche in forecast.shared:
            known = best.get(tranche.pool, np.zeros(forecast.grid.n_steps))
            best[tranche.pool] = np.maximum(known, tranche.rate_eur_per_kwh)
        return np.asarray(sum(best.values(), np.zeros(forecast.grid.n_steps)), dtype=np.float64)

    def _cheapest(
        self,
        starts: IntArray,
        powers: FloatArray,
        p: int,
        net: FloatArray,
        forecast: Forecast,
        rate_shared: FloatArray,
    ) -> int:
        """The earliest of the starts that cost no more than `LEAST_SAVING_EUR` above the least."""
        rows = starts[:, None] + np.arange(len(powers))
        own = np.minimum(np.maximum(-net[:, p], 0.0)[rows], powers)
        withdrawn = powers - own
        free = np.maximum(-net.sum(axis=1), 0.0)[rows]  # injected beyond all that is withdrawn
        # own surplus that is used is no longer injected, and so no longer shared by others
        shared = np.minimum(withdrawn, np.maximum(free - own, 0.0)) - np.maximum(own - free, 0.0)
        cost = (
            forecast.price_buy_eur_per_kwh[rows, p] * withdrawn
            + forecast.price_sell_eur_per_kwh[rows, p] * own
            - rate_shared[rows] * shared
        ).sum(axis=1) * (self._step_s / 3600.0)
        return int(starts[np.argmax(cost <= cost.min() + LEAST_SAVING_EUR)])
