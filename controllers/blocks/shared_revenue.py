"""Revenue from sharing as the objective, with bills no higher than without control (the Naples paper's).

    max   sum over futures of probability * (sum over hours of I[h] shared[h] - lambda * throughput)
    subject to   expected bill[i] <= expected bill without control[i]   for every delivery point i

Source: equations 9 to 14 of "Energy Management and Optimization of Renewable Energy Communities with Flexible
Load Coordination and Shared Energy Utilization": I is what is paid per shared kWh, lambda the price of wear,
the bill (before incentives and sales) the price of energy times what is withdrawn. The paper leaves open, or
has for one day what a rolling horizon cannot have; it is completed like this:

* Shared energy is a decision of each future, so the sum is the expectation of the hourly minimum. The paper
  has one for all futures, which is the minimum of expectations and promises more than will be paid.
* Without control means: thermostats at the near edge of the comfort band, batteries idle.
* A battery ends with no less than it would hold if idle (the paper: as full as it began), a dwelling no worse
  than without control (the paper says nothing): what is missing costs what it takes to buy it back. Otherwise
  what is stored is spent for nothing.
* The comfort band keeps its price, as in every objective here, and is never for sale; power beyond the
  contract likewise.
* The first hour is common to all futures, so what each would do without control may be out of reach: a bill
  above its limit is possible at a price that only the impossible pays.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyomo.environ as pyo

from recosim.arrays import FloatArray
from recosim.contracts import Community
from recosim.controllers.blocks.block import given
from recosim.controllers.blocks.pod import PodBlock
from recosim.controllers.horizon import Horizon
from recosim.controllers.linear_program import CompiledModel
from recosim.simulators.physics.battery import retained_share
from recosim.simulators.physics.rc_network import AIR, MASS, discretise

EXCESS_FACTOR = 100.0
"""What a euro of bill above its limit costs; a euro of bill earns far less revenue."""


class SharedRevenue:
    """The objective over several futures, and the limits that go with it.

    Parameters
    ----------
    community : Community
    horizon : Horizon
    pods : PodBlock
        The delivery points, the same in all futures.
    probabilities : array, shape (n_futures,)
        Sum 1.
    """

    def __init__(
        self, community: Community, horizon: Horizon, pods: PodBlock, probabilities: FloatArray
    ) -> None:
        self._community, self._horizon, self._pods = community, horizon, pods
        self._probabilities = probabilities
        devices = community.devices["dwelling"]
        self._dwellings = devices.parameters
        self._networks = [
            discretise(self._dwellings.network, float(n) * community.grid.step_s) for n in horizon.lengths
        ]
        self._at_pods = (devices.node[:, None] == pods.controlled).astype(np.float64)
        self._prosumer = np.isin(pods.controlled, pods.prosumers)

    def build(self, model: Any) -> list[Any]:
        """Declare the limits on ``model.future``; the cost of each future, less revenue being more cost."""
        block = model.revenue = pyo.Block()
        futures, last = model.future, self._horizon.n_slots
        n_dwellings = len(self._community.devices["dwelling"])
        n_batteries = len(self._community.devices.get("battery", ()))
        block.p = pyo.Set(initialize=self._pods.controlled.tolist())
        block.i = pyo.RangeSet(0, n_dwellings - 1)
        block.b = pyo.RangeSet(0, n_batteries - 1)
        block.node = pyo.RangeSet(AIR, MASS)
        g = given(
            block,
            bill_max_eur=(block.p,),
            temp_end_degc=(model.s, block.node, block.i),
            price_colder_eur_per_k=(block.node, block.i),
            price_warmer_eur_per_k=(block.node, block.i),
            energy_end_kwh=(block.b,),
            price_emptier_eur_per_kwh=(block.b,),
        )
        block.bill_excess_eur = pyo.Var(block.p, bounds=(0, None))
        block.colder_k = pyo.Var(model.s, block.node, block.i, bounds=(0, None))
        block.warmer_k = pyo.Var(model.s, block.node, block.i, bounds=(0, None))
        block.emptier_kwh = pyo.Var(model.s, block.b, bounds=(0, None))

        @block.Constraint(block.p)
        def bill_limit(b: Any, p: int) -> Any:
            bill = sum(float(w) * futures[s].pod.bill_eur[p] for s, w in enumerate(self._probabilities))
            return bill - b.bill_excess_eur[p] <= g.bill_max_eur[p]

        @block.Constraint(model.s, block.node, block.i)
        def ends_no_colder(b: Any, s: int, node: int, i: int) -> Any:
            return (
                futures[s].dwelling.temp[node, last, i] + b.colder_k[s, node, i]
                >= g.temp_end_degc[s, node, i]
            )

        @block.Constraint(model.s, block.node, block.i)
        def ends_no_warmer(b: Any, s: int, node: int, i: int) -> Any:
            return (
                futures[s].dwelling.temp[node, last, i] - b.warmer_k[s, node, i]
                <= g.temp_end_degc[s, node, i]
            )

        @block.Constraint(model.s, block.b)
        def ends_no_emptier(b: Any, s: int, d: int) -> Any:
            return futures[s].battery.energy_battery_kwh[last, d] + b.emptier_kwh[s, d] >= g.energy_end_kwh[d]

        excess = EXCESS_FACTOR * sum(block.bill_excess_eur[p] for p in block.p)
        return [self._cost_eur(block, futures[s], s) + excess for s in model.s]

    def _cost_eur(self, block: Any, future: Any, s: int) -> Any:
        g = block.given
        cost = future.dwelling.discomfort_eur + future.pod.overrun_eur + future.sharing.cost_eur
        if len(block.b):
            cost += future.battery.wear_eur
            cost += sum(g.price_emptier_eur_per_kwh[d] * block.emptier_kwh[s, d] for d in block.b)
        return cost + sum(
            g.price_colder_eur_per_k[node, i] * block.colder_k[s, node, i]
            + g.price_warmer_eur_per_k[node, i] * block.warmer_k[s, node, i]
            for node in block.node
            for i in block.i
        )

    def give(self, compiled: CompiledModel, parameters: FloatArray) -> None:
        """Write the limits into the parameter vector, after all futures have written theirs."""
        futures = _Given(compiled, parameters, len(self._probabilities))
        power_kw, temp_end = self._thermostat(futures)
        values = futures("dwelling", "value_eur_per_k")[0]
        limits = {
            "bill_max_eur": self._bill_eur(futures, power_kw),
            "temp_end_degc": temp_end,
            "price_colder_eur_per_k": np.maximum(values, 0.0),
            "price_warmer_eur_per_k": np.maximum(-values, 0.0),
            "energy_end_kwh": self._idle_energy_kwh(futures),
            "price_emptier_eur_per_kwh": self._value_of_charge(futures),
        }
        for name, value in limits.items():
            parameters[compiled.parameters[f"revenue.given.{name}"]] = value.ravel()

    def _thermostat(self, futures: "_Given") -> tuple[FloatArray, FloatArray]:
        """Units that hold the near edge of the band: power [kW] and temperatures at the end [degC].

        Shapes (n_futures, n_slots, n_dwellings) and (n_futures, 2, n_dwellings).
        """
        network, n_slots, n = self._dwellings.network, self._horizon.n_slots, len(self._at_pods)
        drift = futures("dwelling", "drift", 2, n_slots, n)
        cop, eer, heating_max, cooling_max, lowest, highest = (
            futures("dwelling", name, n_slots, n)
            for name in (
                "cop",
                "eer",
                "heating_max_kw",
                "cooling_max_kw",
                "temp_min_degc",
                "temp_max_degc",
            )
        )
        weights = np.stack(np.broadcast_arrays(network.operative_air, network.operative_mass))
        temp = np.zeros((len(drift), 2, n))  # what the first slot begins with is part of its drift
        power = np.zeros((len(drift), n_slots, n))
        for k, discrete in enumerate(self._networks):
            per_kw = discrete.b[:, :, 2].T
            temp = np.einsum("nab,fbn->fan", discrete.a, temp) + drift[:, :, k]
            operative = np.einsum("an,fan->fn", weights, temp)
            rise = (weights * per_kw).sum(axis=0)
            heating = np.clip((lowest[:, k] - operative) / (rise * cop[:, k]), 0.0, heating_max[:, k])
            cooling = np.clip((operative - highest[:, k]) / (rise * eer[:, k]), 0.0, cooling_max[:, k])
            temp = temp + per_kw * (cop[:, k] * heating - eer[:, k] * cooling)[:, None, :]
            power[:, k] = heating + cooling
        return power, temp

    def _bill_eur(self, futures: "_Given", power_kw: FloatArray) -> FloatArray:
        """Expected bill with ``power_kw`` and idle batteries, less known loads as in the pods' bill."""
        hours, slots = self._horizon.meter_hours, self._horizon.meter_slot
        n_pods = len(self._pods.controlled)
        net = futures("pod", "power_net_kw", len(hours), n_pods)
        price = futures("pod", "price_buy", len(hours), n_pods)
        taken = power_kw[:, slots] @ self._at_pods
        billed = np.where(self._prosumer, np.maximum(net + taken, 0.0), taken)
        bill: FloatArray = np.einsum("f,m,fmp,fmp->p", self._probabilities, hours, price, billed)
        return bill

    def _value_of_charge(self, futures: "_Given") -> FloatArray:
        """What a stored kWh is worth at the end, shape (n_batteries,) [EUR/kWh]."""
        if not len(self._community.devices.get("battery", ())):
            return np.zeros(0)
        return np.asarray(np.maximum(futures("battery", "value_eur_per_kwh")[0], 0.0), dtype=np.float64)

    def _idle_energy_kwh(self, futures: "_Given") -> FloatArray:
        """What the batteries hold at the end if nobody uses them, shape (n_batteries,)."""
        devices = self._community.devices.get("battery")
        if devices is None or not len(devices):
            return np.zeros(0)
        n = len(devices)
        energy = np.zeros(n)
        drift = futures("battery", "drift_kwh", self._horizon.n_slots, n)[0]
        for hours, added in zip(self._horizon.hours, drift, strict=True):
            energy = retained_share(devices.parameters, 3600.0 * float(hours)) * energy + added
        most: FloatArray = np.minimum(energy, devices.parameters.state_max * devices.parameters.capacity_kwh)
        return most


class _Given:
    """Given values of all futures, as they stand in the parameter vector."""

    def __init__(self, compiled: CompiledModel, parameters: FloatArray, n_futures: int) -> None:
        self._compiled, self._parameters, self._n = compiled, parameters, n_futures

    def __call__(self, block: str, name: str, *shape: int) -> FloatArray:
        """A component's values in every future, shape (n_futures, ...)."""
        places: Sequence[slice] = [
            self._compiled.parameters[f"future[{s}].{block}.given.{name}"] for s in range(self._n)
        ]
        values = np.stack([self._parameters[place] for place in places])
        return values.reshape(self._n, *shape) if shape else values
