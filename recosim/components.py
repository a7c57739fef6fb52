"""What a community consists of: device kinds, devices, delivery points.

A *device kind* is declared once, in the file of its mosaik adapter, and every part of the program reads that
declaration: the meter sums what the flows say, the recorder records states, controls and flows, and a
controller may ask for the declared controls.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from recosim.arrays import BoolArray, FloatArray, IntArray

ELECTRICITY = "electricity"
SETPOINT_PREFIX = "setpoint_"


@dataclass(frozen=True, kw_only=True)
class DeviceKind:
    """Declaration of a kind of device.

    Parameters
    ----------
    kind : str
        Name of the kind, also of its optimisation block.
    states : tuple of str
        Quantities that carry over from step to step.
    controls : tuple of str
        Quantities a controller may ask for.
    flows : mapping of str to mapping of str to float
        For each carrier, the outputs that cross the node's border; +1 takes from the node, -1 feeds it.
    outputs : tuple of str
        Further quantities worth recording.
    stored_kwh : function or None
        ``(parameters, states) -> array, shape (n,)``: energy that the states hold [kWh].
    storage_flows : mapping of str to float
        Outputs that change what is stored, +1 into the store; together they must explain every change of
        ``stored_kwh``, losses included.
    limits : function or None
        ``parameters -> {control: (low, high)}``: what a device can follow at best, each a number or an array
        of shape (n,); what is asked beyond is clipped.
    together : tuple of pairs of str
        Controls of one device: where a controller gives one, the other is 0, and both are NaN or neither is.
    """

    kind: str
    states: tuple[str, ...] = ()
    controls: tuple[str, ...] = ()
    flows: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    outputs: tuple[str, ...] = ()
    stored_kwh: Callable[[Any, Mapping[str, FloatArray]], FloatArray] | None = None
    storage_flows: Mapping[str, float] = field(default_factory=dict)
    limits: Callable[[Any], Mapping[str, tuple[FloatArray | float, FloatArray | float]]] | None = None
    together: tuple[tuple[str, str], ...] = ()

    @property
    def setpoints(self) -> tuple[str, ...]:
        """Names under which the adapter receives what a controller asks for."""
        return tuple(SETPOINT_PREFIX + control for control in self.controls)

    @property
    def recorded(self) -> tuple[str, ...]:
        """States, flows, further outputs and set-points: what the recorder keeps, each name once."""
        flows = tuple(name for carrier in self.flows.values() for name in carrier)
        return tuple(dict.fromkeys((*self.states, *flows, *self.outputs, *self.setpoints)))


@dataclass(frozen=True, kw_only=True)
class Devices:
    """All devices of one kind.

    Parameters
    ----------
    declaration : DeviceKind
    names : tuple of str
        One name per device, unique within the kind.
    node : array of int, shape (n_devices,)
        Index of the delivery point (POD) at which each device's electricity balances.
    parameters : object
        The kind's frozen dataclass of arrays over the devices.
    """

    declaration: DeviceKind
    names: tuple[str, ...]
    node: IntArray
    parameters: Any

    @property
    def kind(self) -> str:
        """Name of the kind."""
        return self.declaration.kind

    def __len__(self) -> int:
        return len(self.names)

    def at_nodes(self, values: FloatArray, n_nodes: int) -> FloatArray:
        """Sum of a quantity over the devices of each node, shape (..., n_nodes)."""
        total: FloatArray = np.zeros((*values.shape[:-1], n_nodes))
        np.add.at(total.T, self.node, values.T)  # views, devices first
        return total


@dataclass(frozen=True, kw_only=True)
class Pods:
    """Delivery points: where withdrawal and injection are metered and billed.

    Parameters
    ----------
    names : tuple of str
    power_contract_kw : array, shape (n_pods,) [kW]
    is_dwelling : array of bool, shape (n_pods,)
        True for a flat's POD, False for common services or a plant of its own.
    """

    names: tuple[str, ...]
    power_contract_kw: FloatArray
    is_dwelling: BoolArray

    def __len__(self) -> int:
        return len(self.names)
