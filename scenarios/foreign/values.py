"""What a foreign simulator may be told, must give, and may answer."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from recosim.arrays import FloatArray
from recosim.components import Devices
from recosim.quantities import Sign, quantity
from recosim.scenarios.foreign.protocol import as_json
from recosim.simulators.net_load import POWER_NET
from recosim.simulators.nodes import LOAD

STORAGE = "battery"
_TOLERANCE = 1e-9
FOR_ALL = ("temp_outdoor_degc", "irradiance_global_w_per_m2", "wind_speed_m_per_s", LOAD)
FOR_A_KIND: Mapping[str, tuple[str, ...]] = {
    "dwelling": ("irradiance_facade_w_per_m2", "occupants_home", "occupants_awake"),
    "photovoltaics": ("irradiance_module_w_per_m2",),
    "water_heater": ("heat_hot_water_kw",),
    STORAGE: (POWER_NET,),
}
"""What a foreign device may be told, beside its set-points: series of its group, or of its delivery point."""
NOT_REPLACED = ("appliance", "car")
"""Their cycles and trips are part of the inputs."""


def outputs_of(devices: Devices) -> tuple[str, ...]:
    """Everything that what stands for one of these devices must give."""
    declaration = devices.declaration
    return tuple(name for name in declaration.recorded if name not in declaration.setpoints)


def scalars_of(devices: Devices, i: int) -> dict[str, Any]:
    """Parameters of one device that are one number each."""
    found: dict[str, Any] = {}
    if is_dataclass(devices.parameters):
        for field in fields(devices.parameters):
            value = np.asarray(getattr(devices.parameters, field.name))
            if value.dtype.kind in "bif" and value.shape in ((), (len(devices),)):
                found[field.name] = np.broadcast_to(value, len(devices))[i].item()
    return found


def at(index: int) -> Callable[[FloatArray], float | None]:
    """Pick one value of an array, as JSON."""
    return lambda values: as_json(float(values[index]))


def may_be_left(value: Any) -> str | None:
    """What is allowed instead of a set-point, None where it is fine."""
    left = value is None or (isinstance(value, float) and np.isnan(value))
    wrong = None if left else _number(value)
    return wrong and f"{wrong}, or null to leave it to the device's own rule"


def is_number(name: str) -> Callable[[Any], str | None]:
    """Check by the table of quantities."""
    described = quantity(name)
    lowest = 0.0 if described.sign is Sign.NON_NEGATIVE else -np.inf
    highest = np.inf
    if described.bounds is not None:
        lowest, highest = described.bounds

    def check(value: Any) -> str | None:
        wrong = _number(value)
        if wrong is None and not lowest - _TOLERANCE <= value <= highest + _TOLERANCE:
            limits = "not negative" if (lowest, highest) == (0.0, np.inf) else f"[{lowest:g}, {highest:g}]"
            return f"a number, {limits} ({described.unit})"
        return wrong

    return check


def _number(value: Any) -> str | None:
    good = isinstance(value, int | float) and not isinstance(value, bool) and np.isfinite(value)
    return None if good else "a number"


def listed(names: Sequence[str], most: int = 12) -> str:
    """Names for a message."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
