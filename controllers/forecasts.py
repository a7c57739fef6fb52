"""What a controller expects: derived from the input series for the coming hours."""

from dataclasses import replace
from typing import Literal, Protocol

import numpy as np

from recosim.arrays import FloatArray, IntArray
from recosim.contracts import Community, Forecast, SharedTranche
from recosim.controllers.forecast_errors import (
    FACTOR_IRRADIANCE_MAX,
    STANDARD,
    ErrorSeries,
    StandardErrors,
    lead_hours,
    scale_of,
)
from recosim.sealed import sealed, sealed_fields
from recosim.simulators.exposure import Exposure
from recosim.simulators.inputs import InputSeries
from recosim.simulators.physics.internal_gains import heat_internal_kw
from recosim.simulators.physics.solar_gains import heat_solar_kw, shutters_closed, temp_solair_degc
from recosim.simulators.trips import Trips
from recosim.timegrid import SECONDS_PER_DAY

DERIVED = (
    "temp_outdoor_degc",
    "temp_solair_degc",
    "heat_internal_kw",
    "heat_solar_kw",
    "power_load_kw",
    "power_pv_kw",
    "heat_hot_water_kw",
)
"""What follows from weather and use; the rest is the same in every forecast."""
ForecastKind = Literal["perfect", "persistence", "low", "medium", "high"]


class Forecasts(Protocol):
    """Gives the forecast of each step."""

    n_steps: int

    def at(self, step: int) -> Forecast:
        """Forecast from step ``step`` of the series' grid on, ``n_steps`` long."""
        ...


def make_forecasts(
    kind: str,
    community: Community,
    series: InputSeries,
    exposure: Exposure,
    n_steps: int,
    seed: int,
) -> Forecasts:
    """Forecasts of a kind.

    Parameters
    ----------
    kind : {"perfect", "persistence", "low", "medium", "high"}
        ``persistence`` repeats the last known day, the last three err at random (`forecast_errors`).
    community : Community
        As the controller knows it: its plants decide the PV power.
    series : InputSeries
        What really comes; reaches ``n_steps`` beyond the period.
    exposure : Exposure
    n_steps : int
        Length of the horizon.
    seed : int
        The scenario's.

    Raises
    ------
    ValueError
        The kind is unknown, or the series too short.
    """
    if kind == "perfect":
        return PerfectForecast(community, series, exposure, n_steps)
    if kind == "persistence":
        return PersistenceForecast(community, series, exposure, n_steps)
    return ErringForecast(community, series, exposure, n_steps, scale=scale_of(kind), seed=seed)


class PerfectForecast:
    """Knows the series as they will come.

    Derived series (solar gains, comfort bands, PV power, prices) are computed a day at a time, so that a
    forecast costs a few slices.

    Parameters
    ----------
    community : Community
    series : InputSeries
        Reaches ``n_steps`` beyond the period.
    exposure : Exposure
    n_steps : int
        Length of the horizon.
    """

    def __init__(self, community: Community, series: InputSeries, exposure: Exposure, n_steps: int) -> None:
        if n_steps > series.n_beyond:
            raise ValueError(f"n_steps = {n_steps}, allowed: at most n_beyond = {series.n_beyond}")
        self._community = community
        self._series = series
        self._exposure = exposure
        self.n_steps = n_steps
        self._per_day = SECONDS_PER_DAY // series.grid.step_s
        self._first = -1
        self._day: Forecast

    def at(self, step: int) -> Forecast:
        """Forecast from step ``step`` of the series' grid on."""
        first = step - step % self._per_day
        if first != self._first:
            last = min(first + self._per_day + self.n_steps, self._series.grid.n_steps)
            self._day, self._first = self._rows(slice(first, last)), first
        forecast = _part(self._day, step - first, self.n_steps)
        begun = self.power_begun_kw(step, forecast.grid.n_steps)
        if begun is None:
            return forecast
        return replace(forecast, power_load_kw=sealed(forecast.power_load_kw - begun))

    def power_begun_kw(self, step: int, n_steps: int) -> FloatArray | None:
        """What cycles wished by ``step`` draw from then on, shape (n_steps, n_pods) [kW].

        They are no longer forecast: what has become of them is observed. None without shiftable appliances.
        """
        cycles = self._series.cycles
        return None if cycles is None else cycles.begun_kw(step, n_steps)

    def _rows(self, rows: slice) -> Forecast:
        series, exposure, community = self._series, self._exposure, self._community
        grid = series.grid.part(rows.start, rows.stop - rows.start)
        outdoor = series.temp_outdoor_degc[rows]
        zonal = series.price_zonal_eur_per_mwh[rows]
        comfort = exposure.comfort(rows)
        plants = community.devices["photovoltaics"].parameters
        forecast = Forecast(
            grid=grid,
            temp_outdoor_degc=outdoor,
            temp_solair_degc=exposure.temp_solair_degc(rows),
            heat_internal_kw=exposure.heat_internal_kw(rows),
            heat_solar_kw=exposure.heat_solar_kw(rows),
            temp_comfort_min_degc=comfort.temp_min_degc,
            temp_comfort_max_degc=comfort.temp_max_degc,
            occupied=comfort.occupied,
            heating_season=exposure.heating_season[rows],
            cooling_season=exposure.cooling_season[rows],
            summer=exposure.summer[rows],
            power_load_kw=series.power_as_wished_kw(rows).astype(np.float64),
            power_pv_kw=plants.power_available_kw(
                series.irradiance_module_w_per_m2[rows], outdoor, series.wind_speed_m_per_s[rows]
            ),
            price_buy_eur_per_kwh=community.tariff.rates(grid.times, series.price_pun_eur_per_mwh[rows]),
            price_sell_eur_per_kwh=community.sharing.rates_sale(grid.times, zonal),
            shared=community.sharing.rates(grid.times, zonal),
            heat_hot_water_kw=series.heat_hot_water_kw[rows],
            **_of_cars(series.trips, rows),
        )
        return sealed_fields(forecast)


class _DerivedForecast:
    """Forecast whose weather and load are not those that come; what follows from them follows here.

    Prices, comfort bands, occupants, trips by car, calendars and the wind are those that come.
    """

    def __init__(self, community: Community, series: InputSeries, exposure: Exposure, n_steps: int) -> None:
        self._known = PerfectForecast(community, series, exposure, n_steps)
        self._series = series
        self._dwellings = community.devices["dwelling"]
        self._plants = community.devices["photovoltaics"].parameters
        self.n_steps = n_steps

    def _derived(
        self,
        known: Forecast,
        step: int,
        temp_outdoor_degc: FloatArray,
        irradiance_facade_w_per_m2: FloatArray,
        irradiance_module_w_per_m2: FloatArray,
        power_load_kw: FloatArray,
        heat_hot_water_kw: FloatArray,
        power_begun_kw: FloatArray | None,
    ) -> Forecast:
        """The load holds all cycles as wished; those that have been wished by now only warm the dwellings."""
        series, parameters = self._series, self._dwellings.parameters
        rows = slice(step, step + known.grid.n_steps)
        closed = shutters_closed(irradiance_facade_w_per_m2, known.summer)
        forecast = replace(
            known,
            temp_outdoor_degc=temp_outdoor_degc,
            temp_solair_degc=temp_solair_degc(
                parameters.envelope, irradiance_facade_w_per_m2, temp_outdoor_degc
            ),
            heat_internal_kw=heat_internal_kw(
                power_load_kw[:, self._dwellings.node],
                series.occupants_home[rows],
                series.occupants_awake[rows],
                parameters.gain_from_load,
            ),
            heat_solar_kw=heat_solar_kw(
                parameters.envelope, irradiance_facade_w_per_m2, closed, parameters.shutter_factor
            ),
            power_load_kw=power_load_kw if power_begun_kw is None else power_load_kw - power_begun_kw,
            power_pv_kw=self._plants.power_available_kw(
                irradiance_module_w_per_m2, temp_outdoor_degc, series.wind_speed_m_per_s[rows]
            ),
            heat_hot_water_kw=heat_hot_water_kw,
        )
        return replace(forecast, **{name: sealed(getattr(forecast, name)) for name in DERIVED})


class PersistenceForecast(_DerivedForecast):
    """Expects of each time of day what the last day gave that is known: 24 hours earlier, or 48.

    Days before the series are taken to be like its first day, so a run without warm-up begins with a perfect
    forecast.

    Parameters
    ----------
    community : Community
    series : InputSeries
    exposure : Exposure
    n_steps : int
        Length of the horizon.
    """

    def __init__(self, community: Community, series: InputSeries, exposure: Exposure, n_steps: int) -> None:
        super().__init__(community, series, exposure, n_steps)
        self._per_day = SECONDS_PER_DAY // series.grid.step_s
        leads = np.arange(n_steps)
        self._rows: IntArray = leads - self._per_day * (leads // self._per_day + 1)

    def at(self, step: int) -> Forecast:
        """Forecast from step ``step`` of the series' grid on."""
        series, known = self._series, self._known.at(step)
        rows = step + self._rows[: known.grid.n_steps]
        rows = np.where(rows < 0, rows % self._per_day, rows)
        first = int(rows.min())
        wished = series.power_as_wished_kw(slice(first, int(rows.max()) + 1))
        power_load = wished[rows - first].astype(np.float64)
        return self._derived(
            known,
            step,
            series.temp_outdoor_degc[rows],
            series.irradiance_facade_w_per_m2[rows],
            series.irradiance_module_w_per_m2[rows],
            power_load,
            series.heat_hot_water_kw[rows],
            self._begun_kw(rows),
        )

    def _begun_kw(self, rows: IntArray) -> FloatArray | None:
        """Cycles of the repeated day that were wished by the hour that is now."""
        begun = self._known.power_begun_kw(int(rows[0]), len(rows))
        # where the rows jump back to the day's beginning, what had begun has ended or is not repeated
        return None if begun is None else begun * (rows == rows[0] + np.arange(len(rows)))[:, None]


class ErringForecast(_DerivedForecast):
    """Errs on outdoor temperature, irradiance and load as described in `forecast_errors`.

    Parameters
    ----------
    community : Community
    series : InputSeries
    exposure : Exposure
    n_steps : int
        Length of the horizon.
    scale : float
        Factor on the standard errors.
    seed : int
    """

    def __init__(
        self,
        community: Community,
        series: InputSeries,
        exposure: Exposure,
        n_steps: int,
        *,
        scale: float,
        seed: int,
    ) -> None:
        super().__init__(community, series, exposure, n_steps)
        grid = series.grid
        leads = lead_hours(grid.part(0, n_steps))
        self._deviation_temperature = STANDARD.temperature.deviation(leads, scale)
        self._deviation_irradiance = STANDARD.irradiance.deviation(leads, scale)
        self._deviation_load = STANDARD.load.deviation(leads, scale)[:, None]
        heaters = community.devices.get("water_heater")
        # who uses more electricity than expected also draws more hot water
        self._water_nodes = np.zeros(0, dtype=np.int64) if heaters is None else heaters.node
        self._errors = ErrorSeries(STANDARD, grid, len(community.pods), seed)
        self._per_day = SECONDS_PER_DAY // grid.step_s
        self._first = -1
        self._day: StandardErrors

    def at(self, step: int) -> Forecast:
        """Forecast from step ``step`` of the series' grid on."""
        series, known = self._series, self._known.at(step)
        n = known.grid.n_steps
        first = step - step % self._per_day
        if first != self._first:
            self._day, self._first = self._errors.rows(first, first + self._per_day + self.n_steps), first
        ahead, rows = slice(step - first, step - first + n), slice(step, step + n)
        drift = self._deviation_temperature[:n] * self._day.temperature[ahead]
        sun = 1.0 + self._deviation_irradiance[:n] * self._day.irradiance[ahead]
        use = 1.0 + self._deviation_load[:n] * self._day.load[ahead]
        sun = np.clip(sun, 0.0, FACTOR_IRRADIANCE_MAX)[:, None]
        begun = self._known.power_begun_kw(step, n)
        power_load = known.power_load_kw if begun is None else known.power_load_kw + begun
        return self._derived(
            known,
            step,
            known.temp_outdoor_degc + drift,
            series.irradiance_facade_w_per_m2[rows] * sun,
            series.irradiance_module_w_per_m2[rows] * sun,
            power_load * np.maximum(use, 0.0),
            known.heat_hot_water_kw * np.maximum(use, 0.0)[:, self._water_nodes],
            None if begun is None else begun * np.maximum(use, 0.0),
        )


def _of_cars(trips: Trips | None, rows: slice) -> dict[str, FloatArray]:
    if trips is None:
        return {}
    return {
        "power_trip_kw": trips.power_trip_kw[rows],
        "energy_car_least_kwh": trips.least_kwh[1:][rows],
    }


def _part(forecast: Forecast, first: int, n_steps: int) -> Forecast:
    rows = slice(first, first + n_steps)
    fields = {
        name: value[rows]
        for name in Forecast.__dataclass_fields__
        if isinstance(value := getattr(forecast, name), np.ndarray)
    }
    shared = tuple(
        SharedTranche(
            name=t.name, pool=t.pool, rate_eur_per_kwh=t.rate_eur_per_kwh[rows], injecting=t.injecting
        )
        for t in forecast.shared
    )
    return Forecast(grid=forecast.grid.part(first, n_steps), shared=shared, **fields)
