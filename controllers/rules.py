"""What is installed today: every device follows its own rule."""

from collections.abc import Mapping

from recosim.arrays import FloatArray
from recosim.contracts import Community, Forecast, Observation, Setpoints


class Rules:
    """Leaves every device to its own rule.

    Dwellings have a programmed thermostat that holds the near edge of the comfort band, sets back when nobody
    is up, and learns how early to start; batteries charge from their own surplus and discharge to their own
    load; tanks of hot water have a thermostat with a dead-band; cars charge on arrival; plants deliver all
    they can.
    """

    def reset(self, community: Community, seed: int) -> None:
        """Nothing to forget."""

    def decide(self, observation: Observation, forecast: Forecast) -> Setpoints:
        """Ask for nothing."""
        return Setpoints()

    def get_state(self) -> dict[str, FloatArray]:
        """Nothing is remembered between steps."""
        return {}

    def set_state(self, state: Mapping[str, FloatArray]) -> None:
        """Nothing to take up."""
