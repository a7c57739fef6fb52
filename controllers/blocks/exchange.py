"""What each delivery point exchanges in every hour, at a price that is given: sharing by prices."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyomo.environ as pyo

from recosim.arrays import FloatArray
from recosim.controllers.blocks.block import PlannedValues, Window, given
from recosim.controllers.blocks.pod import PodBlock
from recosim.controllers.horizon import Horizon


class ExchangeBlock:
    """Money that a delivery point gets per kWh it withdraws and per kWh it injects, by hour.

    The prices are given, so that the cost per decision is affine in them: the compiled map from prices to
    costs is at once the map from decisions to what is exchanged. Loads that nobody controls are no part of
    it.

    Parameters
    ----------
    horizon : Horizon
    pods : PodBlock
    """

    def __init__(self, horizon: Horizon, pods: PodBlock) -> None:
        self._horizon, self._pods = horizon, pods

    def build(self, model: Any) -> pyo.Block:
        """Declare the prices and what they earn."""
        block = model.exchange = pyo.Block()
        horizon = self._horizon
        hours = [float(h) for h in horizon.meter_hours]
        in_hour = [np.flatnonzero(horizon.meter_hour == h).tolist() for h in range(horizon.n_hours)]
        block.h = pyo.RangeSet(0, horizon.n_hours - 1)
        block.p = pyo.Set(initialize=self._pods.controlled.tolist())
        block.prosumer = pyo.Set(initialize=self._pods.prosumers.tolist())
        g = given(
            block,
            price_withdrawn=(block.h, block.p),
            price_injected=(block.h, block.prosumer),
        )
        taken = self._pods.taken(model)

        def withdrawn(m: int, p: int) -> Any:
            return sum(self._pods.billed(model.pod, taken, m, p))

        block.cost_eur = pyo.Expression(
            expr=-sum(
                g.price_withdrawn[h, p] * hours[m] * withdrawn(m, p)
                for h in block.h
                for p in block.p
                for m in in_hour[h]
            )
            - sum(
                g.price_injected[h, p] * hours[m] * model.pod.power_injected_kw[m, p]
                for h in block.h
                for p in block.prosumer
                for m in in_hour[h]
            )
        )
        return block

    def give(self, window: Window) -> Mapping[str, FloatArray]:
        """Nothing: the prices come from the community."""
        return {}

    def ask(self, plan: PlannedValues) -> Mapping[str, FloatArray]:
        """Nothing: meters and money take no orders."""
        return {}
