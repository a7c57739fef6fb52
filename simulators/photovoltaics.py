"""Photovoltaic plants as a mosaik simulator."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from recosim.arrays import FloatArray, IntArray
from recosim.components import DeviceKind, Devices
from recosim.simulators.group import DeviceGroup, read_only
from recosim.simulators.physics.photovoltaics import PvPlant, power_ac_kw


@dataclass(frozen=True, kw_only=True)
class PhotovoltaicsParameters:
    """Parameters of n plants.

    Parameters
    ----------
    plant : PvPlant
    plane : array of int, shape (n,)
        Index of each plant's plane among the planes whose irradiance is given.
    """

    plant: PvPlant
    plane: IntArray

    @property
    def power_auxiliary_kw(self) -> FloatArray:
        """Constant draw of the inverters, shape (n,) or scalar [kW]."""
        return np.asarray(self.plant.power_auxiliary_kw, dtype=np.float64)

    def power_available_kw(
        self,
        irradiance_module_w_per_m2: FloatArray,
        temp_outdoor_degc: FloatArray,
        wind_speed_m_per_s: FloatArray,
    ) -> FloatArray:
        """AC power without curtailment, for module planes of shape (..., n_planes): shape (..., n) [kW]."""
        return power_ac_kw(
            self.plant,
            irradiance_module_w_per_m2[..., self.plane],
            temp_outdoor_degc[..., None],
            wind_speed_m_per_s[..., None],
        )


def _limits(parameters: PhotovoltaicsParameters) -> dict[str, tuple[FloatArray | float, FloatArray | float]]:
    return {"power_pv_limit_kw": (0.0, np.inf)}


class Photovoltaics(DeviceGroup):
    """All plants; their own rule is to deliver all they can."""

    declaration: ClassVar[DeviceKind] = DeviceKind(
        kind="photovoltaics",
        controls=("power_pv_limit_kw",),
        flows={"electricity": {"power_pv_kw": -1.0, "power_auxiliary_kw": 1.0}},
        outputs=("power_curtailed_kw",),
        limits=_limits,
    )
    signals: ClassVar[tuple[str, ...]] = (
        "irradiance_module_w_per_m2",
        "temp_outdoor_degc",
        "wind_speed_m_per_s",
    )

    def setup(self, *, devices: Devices) -> None:  # type: ignore[override]
        """Take the plants."""
        self._parameters: PhotovoltaicsParameters = devices.parameters
        n = len(devices)
        self._auxiliary = read_only(np.array(np.broadcast_to(self._parameters.power_auxiliary_kw, n)))
        self.out = self.zeros()

    def advance(self, step: int, inputs: Mapping[str, FloatArray]) -> None:
        """Power of the step, cut to what a controller allows."""
        available = self._parameters.power_available_kw(
            inputs["irradiance_module_w_per_m2"],
            inputs["temp_outdoor_degc"],
            inputs["wind_speed_m_per_s"],
        )
        limit = inputs["setpoint_power_pv_limit_kw"]
        # fmin: a NaN limit is no limit
        delivered = np.fmin(available, np.maximum(limit, 0.0))
        self.out = {
            "power_pv_kw": read_only(delivered),
            "power_auxiliary_kw": self._auxiliary,
            "power_curtailed_kw": read_only(available - delivered),
        }
