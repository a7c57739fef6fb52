"""Everything off: the case in which nothing is heated, cooled or stored."""

from collections.abc import Mapping

import numpy as np

from recosim.arrays import FloatArray
from recosim.contracts import Community, Forecast, Observation, Setpoints


class Idle:
    """Asks every heating, cooling and storage device for no power."""

    def reset(self, community: Community, seed: int) -> None:
        """Note which powers can be switched off."""
        self._off = {
            name: np.zeros(len(devices))
            for name, devices in community.controls.items()
            if name.startswith("power_") and not name.endswith("_limit_kw")
        }

    def decide(self, observation: Observation, forecast: Forecast) -> Setpoints:
        """Ask for zero."""
        return Setpoints(**self._off)

    def get_state(self) -> dict[str, FloatArray]:
        """Nothing is remembered between steps."""
        return {}

    def set_state(self, state: Mapping[str, FloatArray]) -> None:
        """Nothing to take up."""
