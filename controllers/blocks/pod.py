"""Delivery points in the optimisation: what is withdrawn and injected, and at what price."""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import pyomo.environ as pyo

from recosim.arrays import FloatArray, IntArray
from recosim.components import ELECTRICITY
from recosim.contracts import Community
from recosim.controllers.blocks.block import PlannedValues, Window, given
from recosim.controllers.horizon import Horizon

CONTRACT_MARGIN = 1.1
"""Power available continuously, as a share of the contract."""
CHORD_STEPS = 8


class Consumer(Protocol):
    """A block whose devices take electricity and give none."""

    def power_max_kw(self, window: Window) -> FloatArray:
        """Most electric power each device can take in each slot, shape (n_slots, n_devices) [kW]."""
        ...


class PodBlock:
    """Every delivery point with something to control.

    A *consumer* has neither photovoltaics nor battery: it never injects, and its withdrawal is an expression
    of its devices. A *prosumer* has a column for each direction, of which one is zero. A delivery point
    without controlled devices is known beforehand and enters the sharing block only.

    That a prosumer never withdraws and injects at once, and charges from its surplus only, is not linear. It
    is declared as SOS1 pairs for the solver to enforce where the relaxation breaks them, and three things
    keep the relaxation close: limits that hold in the slot, and for a surplus S and consumption u <= u_max
    behind the meter the chords of the two regimes (inject: withdrawal = 0; withdraw: charge = 0)

        withdrawal <= load beyond generation + (1 - S / u_max) u,      charge / S + u / u_max <= 1.

    Parameters
    ----------
    community : Community
    horizon : Horizon
    consumers : mapping of str to Consumer
        By kind of device, the blocks of everything controlled that consumes.
    """

    def __init__(self, community: Community, horizon: Horizon, consumers: Mapping[str, Consumer]) -> None:
        self._consumers = consumers
        self._community = community
        self._horizon = horizon
        controlled = {int(p) for kind in consumers for p in community.devices[kind].node}
        batteries = community.devices.get("battery")
        feeding = set(community.devices["photovoltaics"].node.tolist())
        if batteries is not None:
            controlled |= set(batteries.node.tolist())
            feeding |= set(batteries.node.tolist())
        self.controlled: IntArray = np.array(sorted(controlled), dtype=np.int64)
        self.prosumers: IntArray = np.array(sorted(controlled & feeding), dtype=np.int64)

    def build(self, model: Any) -> pyo.Block:
        """Declare withdrawal, injection, the balance and its cost."""
        block = model.pod = pyo.Block()
        horizon = self._horizon
        hours = [float(h) for h in horizon.meter_hours]
        quarters = [m for m in range(len(hours)) if hours[m] < 1.0]
        contract = self._community.pods.power_contract_kw
        block.p = pyo.Set(initialize=self.controlled.tolist())
        block.prosumer = pyo.Set(initialize=self.prosumers.tolist())
        block.m = pyo.RangeSet(0, len(hours) - 1)
        g = given(
            block,
            power_net_kw=(block.m, block.p),
            price_buy=(block.m, block.p),
            price_sell=(block.m, block.prosumer),
            withdrawal_max_kw=(block.m, block.prosumer),
            injection_max_kw=(block.m, block.prosumer),
            power_deficit_kw=(block.m, block.prosumer),
            chord_withdrawal=(block.m, block.prosumer),
            chord_charge=(block.m, block.prosumer),
            chord_limit_kw=(block.m, block.prosumer),
        )
        block.power_withdrawn_kw = pyo.Var(block.m, block.prosumer, bounds=(0, None))
        block.power_injected_kw = pyo.Var(block.m, block.prosumer, bounds=(0, None))
        block.power_overrun_kw = pyo.Var(pyo.Set(initialize=quarters), block.p, bounds=(0, None))
        taken = self.taken(model)
        consumed = {
            p: [(power, d, sign) for power, d, sign in flows if power.parent_block() is not storage]
            for storage in (model.find_component("battery"),)
            for p, flows in taken.items()
        }

        @block.Expression(block.m, block.prosumer)
        def consumption_kw(b: Any, m: int, p: int) -> Any:
            return sum(sign * power[d, int(horizon.meter_slot[m])] for power, d, sign in consumed[p])

        @block.Expression(block.m, block.p)
        def net_kw(b: Any, m: int, p: int) -> Any:
            return g.power_net_kw[m, p] + sum(
                sign * power[d, int(horizon.meter_slot[m])] for power, d, sign in taken[p]
            )

        @block.Expression(block.m, block.p)
        def withdrawal_kw(b: Any, m: int, p: int) -> Any:
            return b.power_withdrawn_kw[m, p] if p in b.prosumer else b.net_kw[m, p]

        @block.Constraint(block.m, block.prosumer)
        def balance(b: Any, m: int, p: int) -> Any:
            return b.power_withdrawn_kw[m, p] - b.power_injected_kw[m, p] == b.net_kw[m, p]

        @block.Constraint(block.m, block.prosumer)
        def withdrawal_limit(b: Any, m: int, p: int) -> Any:
            return b.power_withdrawn_kw[m, p] <= g.withdrawal_max_kw[m, p]

        @block.Constraint(block.m, block.prosumer)
        def withdrawal_chord(b: Any, m: int, p: int) -> Any:
            most = g.power_deficit_kw[m, p] + g.chord_withdrawal[m, p] * b.consumption_kw[m, p]
            return b.power_withdrawn_kw[m, p] <= most

        @block.Constraint(block.m, block.prosumer)
        def injection_limit(b: Any, m: int, p: int) -> Any:
            return b.power_injected_kw[m, p] <= g.injection_max_kw[m, p]

        @block.Constraint(quarters, block.p)
        def contract_power(b: Any, m: int, p: int) -> Any:
            limit = CONTRACT_MARGIN * float(contract[p])
            return b.withdrawal_kw[m, p] - b.power_overrun_kw[m, p] <= limit

        @block.SOSConstraint(block.m, block.prosumer, sos=1)
        def withdraws_or_injects(b: Any, m: int, p: int) -> Any:
            return [b.power_withdrawn_kw[m, p], b.power_injected_kw[m, p]]

        self._battery_exclusions(model, block)

        @block.Expression(block.p)
        def bill_eur(b: Any, p: int) -> Any:
            return sum(
                g.price_buy[m, p] * hours[m] * taken_power
                for m in b.m
                for taken_power in self.billed(b, taken, m, p)
            )

        block.overrun_eur = pyo.Expression(
            expr=sum(
                self._community.price_overrun_eur_per_kwh * hours[m] * block.power_overrun_kw[m, p]
                for m in quarters
                for p in block.p
            )
        )
        block.cost_eur = pyo.Expression(
            expr=sum(block.bill_eur[p] for p in block.p)
            - sum(
                g.price_sell[m, p] * hours[m] * block.power_injected_kw[m, p]
                for m in block.m
                for p in block.prosumer
            )
            + block.overrun_eur
        )
        return block

    def billed(self, block: Any, taken: Mapping[int, list[Any]], m: int, p: int) -> list[Any]:
        """What a decision adds to the bill: for a consumer, its known load is left out."""
        if p in block.prosumer:
            return [block.power_withdrawn_kw[m, p]]
        k = int(self._horizon.meter_slot[m])
        return [sign * power[d, k] for power, d, sign in taken[p]]

    def taken(self, model: Any) -> dict[int, list[Any]]:
        """For each POD, the controlled powers that flow there: (variable, device, sign)."""
        taken: dict[int, list[Any]] = {int(p): [] for p in self.controlled}
        for kind, devices in self._community.devices.items():
            block = model.find_component(kind)
            for name, sign in devices.declaration.flows.get(ELECTRICITY, {}).items():
                power = None if block is None else block.find_component(name)
                if power is None:
                    continue
                for d, p in enumerate(devices.node):
                    taken[int(p)].append((power, d, sign))
        return taken

    def _battery_exclusions(self, model: Any, block: Any) -> None:
        """Charge from own surplus only, or (with grid charging) discharge to the own load only."""
        batteries = self._community.devices.get("battery")
        if batteries is None:
            return
        horizon, charging = self._horizon, batteries.parameters.grid_charging

        @block.Constraint(block.m, [d for d in range(len(batteries)) if not charging[d]])
        def charge_chord(b: Any, m: int, d: int) -> Any:
            k, p = int(horizon.meter_slot[m]), int(batteries.node[d])
            charge = b.given.chord_charge[m, p] * model.battery.power_charge_kw[d, k]
            return charge + b.consumption_kw[m, p] <= b.given.chord_limit_kw[m, p]

        @block.SOSConstraint(block.m, range(len(batteries)), sos=1)
        def renewable_only(b: Any, m: int, d: int) -> Any:
            k, p = int(horizon.meter_slot[m]), int(batteries.node[d])
            if charging[d]:
                return [model.battery.power_discharge_kw[d, k], b.power_injected_kw[m, p]]
            return [model.battery.power_charge_kw[d, k], b.power_withdrawn_kw[m, p]]

    def give(self, window: Window) -> Mapping[str, FloatArray]:
        """Values of the given components; spare slots have neither load nor price."""
        forecast = window.forecast
        net = window.net_meters_kw
        consumption, storage_most, storage_least = self._controlled_range(window)
        most, least = net + consumption + storage_most, net + storage_least
        surplus = np.maximum(-net, 0.0)
        share = np.minimum(surplus / np.maximum(consumption, 1e-6), 1.0)
        present = (self._horizon.meter_starts >= window.spare)[:, None]
        p, own = self.controlled, self.prosumers
        return {
            "power_net_kw": net[:, p],
            "price_buy": window.meters(forecast.price_buy_eur_per_kwh)[:, p],
            "price_sell": window.meters(forecast.price_sell_eur_per_kwh)[:, own],
            "withdrawal_max_kw": np.where(present, np.maximum(most, 0.0), 0.0)[:, own],
            "injection_max_kw": np.where(present, np.maximum(-least, 0.0), 0.0)[:, own],
            "power_deficit_kw": (np.maximum(net, 0.0) + storage_most)[:, own],
            # rounded towards the weaker side, so that the matrix seldom changes
            "chord_withdrawal": (np.ceil((1.0 - share) * CHORD_STEPS) / CHORD_STEPS)[:, own],
            "chord_charge": (CHORD_STEPS / np.ceil(np.maximum(share, 0.05) * CHORD_STEPS))[:, own],
            "chord_limit_kw": np.maximum(consumption, surplus)[:, own],
        }

    def ask(self, plan: PlannedValues) -> Mapping[str, FloatArray]:
        """Nothing: meters and money take no orders."""
        return {}

    def _controlled_range(self, window: Window) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Most that consumers take, (n_meter_slots, n_pods), and range of the storage, (n_pods,) [kW]."""
        n = len(self._community.pods)
        most, least = np.zeros(n), np.zeros(n)
        taken = [
            self._community.devices[kind].at_nodes(block.power_max_kw(window), n)
            for kind, block in self._consumers.items()
        ]
        consumption = sum(taken[1:], start=taken[0])[self._horizon.meter_slot]
        batteries = self._community.devices.get("battery")
        if batteries is not None:
            battery = batteries.parameters
            # a battery that may not draw from the grid never adds to a withdrawal
            charging = np.where(battery.grid_charging, battery.power_charge_max_kw, 0.0)
            np.add.at(most, batteries.node, charging)
            # and one that may never feeds the grid
            discharging = np.where(battery.grid_charging, 0.0, battery.power_discharge_max_kw)
            np.add.at(least, batteries.node, -discharging)
        return consumption, most, least
