"""Meters: the balance of every delivery point, quarter-hour by quarter-hour."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from recosim.arrays import FloatArray
from recosim.components import DeviceKind, Devices
from recosim.simulators.group import DeviceGroup, read_only
from recosim.simulators.nodes import LOAD, NodeSum


class Meters(DeviceGroup):
    """One meter per delivery point; withdrawal and injection are never both positive in a quarter-hour."""

    declaration: ClassVar[DeviceKind] = DeviceKind(
        kind="meter",
        outputs=(
            "energy_withdrawn_kwh",
            "energy_injected_kwh",
            "energy_withdrawn_hour_kwh",
            "energy_injected_hour_kwh",
        ),
    )
    inputs: ClassVar[tuple[str, ...]] = (LOAD,)

    def setup(self, *, devices: Mapping[str, Devices]) -> None:  # type: ignore[override]
        """Take what flows at the delivery points."""
        self._sum = NodeSum(devices, len(self.names))
        self.signals = self._sum.names  # type: ignore[misc]
        self.out = self.zeros()

    def advance(self, step: int, inputs: Mapping[str, FloatArray]) -> None:
        """Meter the step, and add it to the running hour."""
        energy = (inputs[LOAD] + self._sum(inputs)) * self.grid.step_h
        withdrawn, injected = np.maximum(energy, 0.0), np.maximum(-energy, 0.0)
        begins = (self.grid.start + step * self.grid.step_s) % 3600 == 0
        hour_withdrawn = withdrawn if begins else self.out["energy_withdrawn_hour_kwh"] + withdrawn
        hour_injected = injected if begins else self.out["energy_injected_hour_kwh"] + injected
        self.out = {
            "energy_withdrawn_kwh": read_only(withdrawn),
            "energy_injected_kwh": read_only(injected),
            "energy_withdrawn_hour_kwh": read_only(hour_withdrawn),
            "energy_injected_hour_kwh": read_only(hour_injected),
        }
