"""What one step of a run adds to J."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from recosim.arrays import FloatArray
from recosim.results.kpis import cost_comfort_eur
from recosim.scenarios.world import Plant

HOURS_AT_ONCE = 24


class StepCost:
    """Cost of each step by the marginal rates that controllers plan with.

    Bought and sold energy, discomfort and battery wear count in the step in which they occur, shared energy
    at the end of its hour. Summed over a run, and less the value of what is stored at its end, this is
    ``objective_eur + unmodelled_eur - fees_eur`` of its key figures.

    Parameters
    ----------
    plant : Plant
    """

    def __init__(self, plant: Plant) -> None:
        self._plant, self._community = plant, plant.community
        self._grid = plant.community.grid
        per_hour = self._grid.steps_per_hour
        first = plant.series.n_warmup
        counted = slice(first, first + self._grid.n_steps, per_hour)
        self._times = self._grid.times[::per_hour]
        self._zonal = plant.series.price_zonal_eur_per_mwh[counted]
        self._pun = plant.series.price_pun_eur_per_mwh[counted]
        tranches = self._community.sharing.rates(self._times, self._zonal)
        # those that pay best over the whole run are served first, as in the settlement's own comparison
        self._tranches = sorted(tranches, key=lambda t: -float(np.mean(t.rate_eur_per_kwh)))
        self._prices = lru_cache(maxsize=2)(self._prices_of)

    def _prices_of(self, block: int) -> tuple[FloatArray, FloatArray]:
        rows = slice(block * HOURS_AT_ONCE, (block + 1) * HOURS_AT_ONCE)
        buying = self._community.tariff.rates(self._times[rows], self._pun[rows])
        selling = self._community.sharing.rates_sale(self._times[rows], self._zonal[rows])
        return buying, selling

    def eur(self, step: int, out: Mapping[str, Mapping[str, FloatArray]]) -> float:
        """Cost of step ``step`` of the period; ``out`` holds the outputs of meters and devices after it."""
        grid, community, meter = self._grid, self._community, out["meter"]
        hour, quarter = divmod(step, grid.steps_per_hour)
        buying, selling = self._prices(hour // HOURS_AT_ONCE)
        row = hour % HOURS_AT_ONCE
        cost = float(buying[row] @ meter["energy_withdrawn_kwh"])
        cost -= float(selling[row] @ meter["energy_injected_kwh"])
        if quarter == grid.steps_per_hour - 1:
            cost -= self._shared_eur(hour, meter)
        dwellings = out["dwelling"]
        beyond_k = dwellings["discomfort_heating_k"] + dwellings["discomfort_cooling_k"]
        cost += cost_comfort_eur(beyond_k, grid.step_h, community.price_comfort_eur_per_kh)
        if "water_heater" in out:
            short_k = out["water_heater"]["discomfort_hot_water_k"]
            cost += cost_comfort_eur(short_k, grid.step_h, community.price_comfort_eur_per_kh)
        if "battery" in out:
            through_kw = float(
                np.sum(out["battery"]["power_charge_kw"] + out["battery"]["power_discharge_kw"])
            )
            cost += community.price_wear_eur_per_kwh * through_kw * grid.step_h
        return cost

    def _shared_eur(self, hour: int, meter: Mapping[str, Any]) -> float:
        withdrawn = float(meter["energy_withdrawn_hour_kwh"].sum())
        injected = meter["energy_injected_hour_kwh"]
        left: dict[str, float] = {}
        earned = 0.0
        for tranche in self._tranches:
            room = left.setdefault(tranche.pool, withdrawn)
            shared = min(float(injected @ tranche.injecting), room)
            left[tranche.pool] = room - shared
            earned += float(tranche.rate_eur_per_kwh[hour]) * shared
        return earned
