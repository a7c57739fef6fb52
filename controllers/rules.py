"""What is installed today: every device follows its own rule."""

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
