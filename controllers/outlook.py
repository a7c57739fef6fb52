"""What a controller outside the process is told besides the states: forecasts and meters, as plain numbers.

A foreign simulator receives no whole arrays. This simulator holds the forecast that every controller of the
run gets, and hands each device its own part of it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import mosaik_api_v3
import numpy as np

from recosim.arrays import FloatArray
from recosim.components import Devices
from recosim.contracts import Community, Forecast
from recosim.controllers.host import METERED, ForecastProvider
from recosim.simulators.group import GROUP, GROUP_MODEL, MEMBER_MODEL
from recosim.timegrid import SECONDS_PER_HOUR, TimeGrid

COMMUNITY = "community"
"""Stands beside the kinds of devices: sums over all delivery points."""
FORECAST_PREFIX = "forecast_"
HOURS = 24
"""Length of a forecast handed out."""

_OF_THE_SITE = ("temp_outdoor_degc", "price_shared_eur_per_kwh")
_OF_A_NODE = ("power_load_kw", "power_pv_kw")
_PRICES = ("price_buy_eur_per_kwh", "price_sell_eur_per_kwh")
_OF_A_KIND: Mapping[str, tuple[str, ...]] = {
    "dwelling": (
        "temp_comfort_min_degc",
        "temp_comfort_max_degc",
        "occupied",
        "heat_internal_kw",
        "heat_solar_kw",
    ),
    "water_heater": ("heat_hot_water_kw",),
    "car": ("power_trip_kw", "energy_car_least_kwh"),
}


def foreseen(kind: str) -> tuple[str, ...]:
    """Names of what is forecast for a kind of device, or for ``COMMUNITY``."""
    prices = () if kind == COMMUNITY else _PRICES
    return (*_OF_THE_SITE, *_OF_A_NODE, *prices, *_OF_A_KIND.get(kind, ()))


def offered(kind: str) -> tuple[str, ...]:
    """Attributes that a member of a kind hands out.

    A forecast's own name is its first step, the one that begins now; with ``FORECAST_PREFIX`` it is a list,
    a number per step over the next 24 hours.
    """
    names = foreseen(kind)
    return (*names, *(FORECAST_PREFIX + name for name in names), *METERED)


def price_shared_eur_per_kwh(forecast: Forecast) -> FloatArray:
    """Most that one more shared kWh earns: the best tranche of each pool, shape (n_steps,) [EUR/kWh]."""
    best: dict[str, FloatArray] = {}
    for tranche in forecast.shared:
        rate = np.asarray(tranche.rate_eur_per_kwh, dtype=np.float64)
        best[tranche.pool] = np.maximum(best.get(tranche.pool, rate), rate)
    return sum(best.values(), start=np.zeros(forecast.grid.n_steps))


class Outlook(mosaik_api_v3.Simulator):
    """One entity per device that a foreign controller deals with; its group takes the meters' readings."""

    def __init__(self) -> None:
        attrs = [*offered(COMMUNITY), *_PRICES, *(FORECAST_PREFIX + name for name in _PRICES)]
        for names in _OF_A_KIND.values():
            attrs += [*names, *(FORECAST_PREFIX + name for name in names)]
        models = {
            GROUP_MODEL: {"public": True, "params": [], "attrs": list(METERED)},
            MEMBER_MODEL: {"public": True, "params": ["kind", "index"], "attrs": attrs},
        }
        super().__init__({"api_version": "3.0", "type": "time-based", "models": models})
        self._members: dict[str, tuple[str, int]] = {}

    def init(
        self,
        sid: str,
        time_resolution: float = 1.0,
        *,
        grid: TimeGrid,
        community: Community,
        forecasts: ForecastProvider,
    ) -> Any:
        """Take the forecasts of the run."""
        self._grid, self._community, self._forecasts = grid, community, forecasts
        self._n_steps = HOURS * grid.steps_per_hour
        return self.meta

    def create(self, num: int, model: str, kind: str = "", index: int = 0) -> list[Any]:
        """Create the group, or a member's part."""
        if model == GROUP_MODEL:
            return [{"eid": GROUP, "type": model}]
        name = "" if kind == COMMUNITY else self._community.devices[kind].names[index]
        eid = f"{kind}/{name}" if name else kind
        self._members[eid] = kind, index
        return [{"eid": eid, "type": model}]

    def step(self, time: int, inputs: Mapping[str, Mapping[str, Mapping[str, Any]]], max_advance: int) -> int:
        """Take the readings up to ``time``, and the forecast from then on."""
        self._forecast = self._forecasts.at(time // self._grid.step_s)
        begins = (self._grid.start + time) % SECONDS_PER_HOUR == 0
        readings = {name: next(iter(sources.values())) for name, sources in inputs[GROUP].items()}
        self._metered = {name: np.zeros_like(v) if begins else v for name, v in readings.items()}
        return time + self._grid.step_s

    def get_data(self, outputs: Mapping[str, Sequence[str]]) -> dict[str, dict[str, Any]]:
        """Numbers for what is now, lists for forecasts."""
        return {eid: {attr: self._value(eid, attr) for attr in attrs} for eid, attrs in outputs.items()}

    def _value(self, eid: str, attr: str) -> float | list[float]:
        kind, index = self._members[eid]
        if attr in METERED:
            metered = self._metered[attr]
            return float(metered.sum() if kind == COMMUNITY else metered[self._node(kind, index)])
        values = self._rows(attr.removeprefix(FORECAST_PREFIX), kind, index)
        return values[: self._n_steps].tolist() if attr.startswith(FORECAST_PREFIX) else float(values[0])

    def _node(self, kind: str, index: int) -> int:
        return int(self._community.devices[kind].node[index])

    def _rows(self, name: str, kind: str, index: int) -> FloatArray:
        """One member's part of a forecast, shape (n_steps,)."""
        forecast = self._forecast
        if name == "temp_outdoor_degc":
            return forecast.temp_outdoor_degc
        if name == "price_shared_eur_per_kwh":
            return price_shared_eur_per_kwh(forecast)
        values: FloatArray = getattr(forecast, name)
        if name == "power_pv_kw":
            return self._of_plants(values, self._community.devices["photovoltaics"], kind, index)
        if kind == COMMUNITY:
            return np.asarray(values.sum(axis=1), dtype=np.float64)
        own = name in _OF_A_KIND.get(kind, ())
        return np.asarray(values[:, index if own else self._node(kind, index)], dtype=np.float64)

    def _of_plants(self, values: FloatArray, plants: Devices, kind: str, index: int) -> FloatArray:
        belongs: Callable[[], Any] = {
            COMMUNITY: lambda: np.ones(len(plants), dtype=bool),
            plants.kind: lambda: np.arange(len(plants)) == index,
        }.get(kind, lambda: plants.node == self._node(kind, index))
        return np.asarray(values[:, belongs()].sum(axis=1), dtype=np.float64)
