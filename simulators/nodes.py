"""Nodes: what the devices' declared flows add up to at each delivery point."""

from collections.abc import Mapping

import numpy as np

from recosim.arrays import FloatArray
from recosim.components import ELECTRICITY, Devices

LOAD = "power_load_kw"


class NodeSum:
    """Sums the declared electricity flows of devices at their delivery points."""

    def __init__(self, devices: Mapping[str, Devices], n_nodes: int) -> None:
        self._n = n_nodes
        self._terms = [
            (name, sign, d.node)
            for d in devices.values()
            for name, sign in d.declaration.flows.get(ELECTRICITY, {}).items()
        ]

    @property
    def names(self) -> tuple[str, ...]:
        """The flows that are summed."""
        return tuple(name for name, _, _ in self._terms)

    def __call__(self, flows: Mapping[str, FloatArray]) -> FloatArray:
        """Power taken from each delivery point, shape (n_nodes,) [kW]."""
        total = np.zeros(self._n)
        for name, sign, node in self._terms:
            total += sign * np.bincount(node, flows[name], self._n)
        return total
