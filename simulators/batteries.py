"""Batteries as a mosaik simulator."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from recosim.arrays import FloatArray
from recosim.components import DeviceKind, Devices
from recosim.simulators.group import DeviceGroup, read_only
from recosim.simulators.nodes import LOAD, NodeSum
from recosim.simulators.physics.battery import (
    Battery,
    clip_to_limits,
    retained_share,
    stored_energy_after,
)


def _stored_kwh(battery: Battery, states: Mapping[str, FloatArray]) -> FloatArray:
    return states["energy_battery_kwh"]


class Batteries(DeviceGroup):
    """All batteries; their own rule is to charge from own surplus and discharge to own load."""

    declaration: ClassVar[DeviceKind] = DeviceKind(
        kind="battery",
        states=("energy_battery_kwh",),
        controls=("power_charge_kw", "power_discharge_kw"),
        flows={"electricity": {"power_charge_kw": 1.0, "power_discharge_kw": -1.0}},
        outputs=("power_loss_kw",),
        stored_kwh=_stored_kwh,
        storage_flows={"power_charge_kw": 1.0, "power_discharge_kw": -1.0, "power_loss_kw": -1.0},
    )

    def setup(self, *, devices: Devices, others: Mapping[str, Devices], n_pods: int) -> None:  # type: ignore[override]
        """Take the batteries, which begin at their lower limit, and the other devices at their PODs."""
        self._battery: Battery = devices.parameters
        self._node = devices.node
        self._others = NodeSum(others, n_pods)
        self.signals = (LOAD, *self._others.names)  # type: ignore[misc]
        n = len(devices)
        self.energy_kwh = np.array(np.broadcast_to(self._battery.state_min * self._battery.capacity_kwh, n))
        self.out = self.zeros()
        self.out["energy_battery_kwh"] = read_only(self.energy_kwh.copy())

    def advance(self, step: int, inputs: Mapping[str, FloatArray]) -> None:
        """Charge and discharge within every limit."""
        battery, step_s = self._battery, float(self.grid.step_s)
        before = self.energy_kwh
        net = (inputs[LOAD] + self._others(inputs))[self._node]
        charge, discharge = clip_to_limits(
            battery,
            before,
            inputs["setpoint_power_charge_kw"],
            inputs["setpoint_power_discharge_kw"],
            net,
            step_s,
        )
        self.energy_kwh = stored_energy_after(battery, before, charge, discharge, step_s)
        conversion = (1.0 - battery.efficiency_charge) * charge + (
            1.0 / battery.efficiency_discharge - 1.0
        ) * discharge
        leaked = (1.0 - retained_share(battery, step_s)) * before * 3600.0 / step_s
        self.out = {
            "energy_battery_kwh": read_only(self.energy_kwh),
            "power_charge_kw": read_only(charge),
            "power_discharge_kw": read_only(discharge),
            "power_loss_kw": read_only(np.asarray(conversion + leaked, dtype=np.float64)),
        }
