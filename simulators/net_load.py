"""What a delivery point takes before its storage: what a foreign battery needs to know."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from recosim.arrays import FloatArray
from recosim.components import DeviceKind, Devices
from recosim.simulators.group import DeviceGroup, read_only
from recosim.simulators.nodes import LOAD, NodeSum

POWER_NET = "power_net_kw"


class NetLoad(DeviceGroup):
    """Load and all devices but the storage, one member per delivery point: positive takes, negative feeds."""

    declaration: ClassVar[DeviceKind] = DeviceKind(kind="net_load", outputs=(POWER_NET,))
    inputs: ClassVar[tuple[str, ...]] = (LOAD,)

    def setup(self, *, others: Mapping[str, Devices]) -> None:  # type: ignore[override]
        """Take the devices that are no storage."""
        self._sum = NodeSum(others, len(self.names))
        self.signals = self._sum.names  # type: ignore[misc]
        self.out = self.zeros()

    def advance(self, step: int, inputs: Mapping[str, FloatArray]) -> None:
        """Add up the step, as the batteries do."""
        self.out = {POWER_NET: read_only(np.asarray(inputs[LOAD] + self._sum(inputs), dtype=np.float64))}
