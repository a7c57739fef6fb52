"""Batteries charge from their own surplus, and discharge in the dear hours only."""

import numpy as np
from pydantic import BaseModel, Field

from recosim.contracts import Community, Forecast, Observation, Setpoints

HOURS_AHEAD = 24


class DearHours:
    """Keeps what batteries hold for the dearest hours of the coming day.

    Everything but batteries is left to the devices' own rules.
    """

    class Options(BaseModel):
        """What ``--set controller.quantile=0.7`` sets; unknown names and other values are refused."""

        quantile: float = Field(
            default=0.5, ge=0.0, le=1.0, description="Hours whose price is at or above it are dear."
        )

    horizon_steps = HOURS_AHEAD * 4

    def __init__(self, options: Options) -> None:
        self.options = options
        self.record: dict[str, float | int | str] = {}

    def reset(self, community: Community, seed: int) -> None:
        """Take note of which batteries there are; a community may have none."""
        self.batteries = community.devices.get("battery")
        self.plants = community.devices["photovoltaics"]
        self.n_pods = len(community.pods)
        self.n_ahead = HOURS_AHEAD * community.grid.steps_per_hour

    def decide(self, observation: Observation, forecast: Forecast) -> Setpoints:
        """Set charge and discharge of every battery for the step that begins now."""
        if self.batteries is None:
            return Setpoints()
        node, limits = self.batteries.node, self.batteries.parameters
        plants_kw = self.plants.at_nodes(forecast.power_pv_kw[0], self.n_pods)
        surplus_kw = (plants_kw - forecast.power_load_kw[0])[node]
        prices = forecast.price_buy_eur_per_kwh[: self.n_ahead, node]
        dear = prices[0] >= np.quantile(prices, self.options.quantile, axis=0)
        self.record = {"batteries_in_dear_hours": int(dear.sum())}
        discharge_kw = np.clip(-surplus_kw, 0.0, limits.power_discharge_max_kw)
        return Setpoints(
            power_charge_kw=np.clip(surplus_kw, 0.0, limits.power_charge_max_kw),
            power_discharge_kw=np.where(dear, discharge_kw, 0.0),
        )
