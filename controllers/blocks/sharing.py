"""Shared energy in the optimisation: per hour, what is injected and withdrawn at the same time."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyomo.environ as pyo

from recosim.arrays import BoolArray, FloatArray
from recosim.contracts import Community, SharedTranche
from recosim.controllers.blocks.block import PlannedValues, Window, given
from recosim.controllers.blocks.pod import PodBlock
from recosim.controllers.horizon import Horizon


class SharingBlock:
    """The hourly minimum of injection and withdrawal, for each tranche of payment."""

    def __init__(
        self, community: Community, horizon: Horizon, pods: PodBlock, tranches: tuple[SharedTranche, ...]
    ) -> None:
        self._horizon = horizon
        self._pods = pods
        self._tranches = tranches
        self._first_of_hour = np.searchsorted(horizon.meter_hour, np.arange(horizon.n_hours))
        n = len(community.pods)
        prosumer: BoolArray = np.zeros(n, dtype=np.bool_)
        prosumer[pods.prosumers] = True
        controlled: BoolArray = np.zeros(n, dtype=np.bool_)
        controlled[pods.controlled] = True
        self._prosumer, self._known = prosumer, ~controlled

    def build(self, model: Any) -> pyo.Block:
        """Declare shared energy and the money it earns."""
        block = model.sharing = pyo.Block()
        horizon = self._horizon
        hours = horizon.meter_hours
        in_hour = [np.flatnonzero(horizon.meter_hour == h).tolist() for h in range(horizon.n_hours)]
        pools = tuple(dict.fromkeys(t.pool for t in self._tranches))
        block.j = pyo.RangeSet(0, len(self._tranches) - 1)
        block.h = pyo.RangeSet(0, horizon.n_hours - 1)
        g = given(
            block,
            injected_kwh=(block.j, block.h),
            withdrawn_kwh=(block.h,),
            rate=(block.j, block.h),
        )
        block.energy_shared_kwh = pyo.Var(block.j, block.h, bounds=(0, None))

        @block.Constraint(block.j, block.h)
        def shared_is_injected(b: Any, j: int, h: int) -> Any:
            counted = [p for p in self._pods.prosumers.tolist() if self._tranches[j].injecting[p]]
            planned = sum(
                float(hours[m]) * model.pod.power_injected_kw[m, p] for m in in_hour[h] for p in counted
            )
            return b.energy_shared_kwh[j, h] <= g.injected_kwh[j, h] + planned

        @block.Constraint(list(pools), block.h)
        def shared_is_withdrawn(b: Any, pool: str, h: int) -> Any:
            planned = sum(
                float(hours[m]) * model.pod.withdrawal_kw[m, p]
                for m in in_hour[h]
                for p in self._pods.controlled.tolist()
            )
            competing = sum(b.energy_shared_kwh[j, h] for j in b.j if self._tranches[j].pool == pool)
            return competing <= g.withdrawn_kwh[h] + planned

        block.cost_eur = pyo.Expression(
            expr=-sum(g.rate[j, h] * block.energy_shared_kwh[j, h] for j in block.j for h in block.h)
        )
        return block

    def give(self, window: Window) -> Mapping[str, FloatArray]:
        """Values of the given components: what this hour's meters hold already, and what is known ahead."""
        horizon, observation = window.horizon, window.observation
        tranches = window.forecast.shared
        net = window.net_meters_kw
        to_hours = horizon.meter_hours[:, None]
        known_out = self._hourly(np.where(self._known, np.maximum(net, 0.0), 0.0) * to_hours).sum(axis=1)
        known_in = self._hourly(np.where(self._known, np.maximum(-net, 0.0), 0.0) * to_hours)
        injected = np.stack([known_in @ t.injecting for t in tranches]) if tranches else np.zeros((0, 0))
        rate = np.zeros((len(tranches), horizon.n_hours))
        if window.spare:
            known_out[0] += observation.energy_withdrawn_hour_kwh.sum()
        for j, tranche in enumerate(tranches):
            if window.spare:
                injected[j, 0] += observation.energy_injected_hour_kwh @ tranche.injecting
            last_of_hour = horizon.steps_per_hour * (np.arange(horizon.n_hours) + 1) - 1
            rate[j] = tranche.rate_eur_per_kwh[last_of_hour - window.spare]
        return {"injected_kwh": injected, "withdrawn_kwh": known_out, "rate": rate}

    def ask(self, plan: PlannedValues) -> Mapping[str, FloatArray]:
        """Nothing: meters and money take no orders."""
        return {}

    def _hourly(self, energy: FloatArray) -> FloatArray:
        sums: FloatArray = np.add.reduceat(energy, self._first_of_hour, axis=0)
        return sums
