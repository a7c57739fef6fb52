"""What comes from outside: weather, loads, occupants and prices, as series and as a mosaik simulator."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import mosaik_api_v3
import numpy as np
from numpy.typing import NDArray

from recosim.arrays import FloatArray
from recosim.simulators.clock import Clock
from recosim.simulators.cycles import Cycles
from recosim.simulators.group import GROUP, GROUP_MODEL, MEMBER_MODEL, read_only
from recosim.simulators.trips import Trips
from recosim.timegrid import TimeGrid

PACE = "pace"
"""What is connected here, one step late, holds the inputs back: they would run ahead of all others to the end
of the year, and mosaik would keep every value until it is asked for."""


@dataclass(frozen=True, kw_only=True)
class InputSeries:
    """The exogenous series of a run.

    Parameters
    ----------
    grid : TimeGrid
        Time axis of the series: warm-up, period and the horizon after its end.
    n_warmup, n_beyond : int
        Steps before the period and after it.
    temp_outdoor_degc, wind_speed_m_per_s, irradiance_global_w_per_m2 : array, shape (n_steps,)
    irradiance_facade_w_per_m2 : array, shape (n_steps, 5) [W/m2]
        On vertical planes to north, east, south and west, and on the horizontal.
    irradiance_module_w_per_m2 : array, shape (n_steps, n_planes) [W/m2]
        On each distinct plane of photovoltaic modules, reflection taken off.
    power_load_kw : array, shape (n_steps, n_pods) [kW]
        Household and common loads, without ``cycles``; float32 to hold a year of a thousand homes, float64
        with cycles, which then add up with it exactly.
    occupants_home, occupants_awake : array of int8, shape (n_steps, n_dwellings)
    price_zonal_eur_per_mwh, price_pun_eur_per_mwh : array, shape (n_steps,) [EUR/MWh]
    heat_hot_water_kw : array, shape (n_steps, n_water_heaters) [kW]
        Heat wanted at the taps; left out where there are no water heaters.
    cycles : Cycles or None
        Cycles of shiftable appliances; None where these are part of the load.
    trips : Trips or None
        Trips of the electric cars; None where there are none.
    """

    grid: TimeGrid
    n_warmup: int
    n_beyond: int
    temp_outdoor_degc: FloatArray
    wind_speed_m_per_s: FloatArray
    irradiance_global_w_per_m2: FloatArray
    irradiance_facade_w_per_m2: FloatArray
    irradiance_module_w_per_m2: FloatArray
    power_load_kw: NDArray[np.float32] | FloatArray
    occupants_home: NDArray[np.int8]
    occupants_awake: NDArray[np.int8]
    price_zonal_eur_per_mwh: FloatArray
    price_pun_eur_per_mwh: FloatArray
    heat_hot_water_kw: FloatArray = field(default_factory=lambda: np.zeros((0, 0)))
    cycles: Cycles | None = None
    trips: Trips | None = None

    def __post_init__(self) -> None:
        if self.heat_hot_water_kw.shape == (0, 0):
            object.__setattr__(self, "heat_hot_water_kw", np.zeros((self.grid.n_steps, 0)))

    def power_as_wished_kw(self, rows: slice) -> NDArray[np.float32] | FloatArray:
        """Loads over ``rows`` with every cycle beginning as wished, shape (n_rows, n_pods) [kW]."""
        load = self.power_load_kw[rows]
        if self.cycles is None:
            return load
        inside = slice(*rows.indices(self.grid.n_steps)[:2])
        return np.asarray(load + self.cycles.power_kw(inside), dtype=np.float64)

    @property
    def period(self) -> TimeGrid:
        """The counted period."""
        return self.grid.part(self.n_warmup, self.grid.n_steps - self.n_warmup - self.n_beyond)

    @property
    def simulated(self) -> TimeGrid:
        """Warm-up and period: what the world steps through."""
        return self.grid.part(0, self.grid.n_steps - self.n_beyond)


class Inputs(mosaik_api_v3.Simulator):
    """Hands out each step's weather, prices, loads and occupants.

    The group entity has whole arrays; each delivery point is a member entity with its own load.
    """

    signals = (
        "temp_outdoor_degc",
        "wind_speed_m_per_s",
        "irradiance_global_w_per_m2",
        "irradiance_facade_w_per_m2",
        "irradiance_module_w_per_m2",
        "price_zonal_eur_per_mwh",
        "price_pun_eur_per_mwh",
        "occupants_home",
        "occupants_awake",
        "heat_hot_water_kw",
    )

    def __init__(self) -> None:
        super().__init__({"api_version": "3.0", "type": "time-based", "models": {}})
        self._step = 0
        self._index: dict[str, int] = {}

    def init(
        self,
        sid: str,
        time_resolution: float = 1.0,
        *,
        series: InputSeries,
        pod_names: Sequence[str],
        clock: Clock | None = None,
    ) -> Any:
        """Take the series; ``pod_names`` become the members."""
        self._series = series
        self._clock = clock or Clock(grid=series.simulated)
        self._index = {name: i for i, name in enumerate(pod_names)}
        self.meta["models"] = {
            GROUP_MODEL: {"public": True, "params": [], "attrs": [*self.signals, "power_load_kw", PACE]},
            MEMBER_MODEL: {"public": False, "params": [], "attrs": ["power_load_kw"]},
        }
        return self.meta

    def create(self, num: int, model: str, **model_params: Any) -> list[Any]:
        """Create the one group with a member per delivery point."""
        children = [{"eid": name, "type": MEMBER_MODEL} for name in self._index]
        return [{"eid": GROUP, "type": GROUP_MODEL, "children": children}]

    def step(self, time: int, inputs: Mapping[str, Any], max_advance: int) -> int:
        """Move to the step that begins at ``time``."""
        self._step = self._clock.step_at(time)
        return time + self._series.grid.step_s

    def get_data(self, outputs: Mapping[str, Sequence[str]]) -> dict[str, dict[str, Any]]:
        """Values that hold over the present step."""
        data: dict[str, dict[str, Any]] = {}
        for eid, attrs in outputs.items():
            values = {attr: getattr(self._series, attr)[self._step] for attr in attrs}
            if eid == GROUP:
                data[eid] = {attr: read_only(np.asarray(v, dtype=np.float64)) for attr, v in values.items()}
            else:
                data[eid] = {attr: float(v[self._index[eid]]) for attr, v in values.items()}
        return data
