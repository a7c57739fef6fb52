"""From a scenario to the series that drive it: weather, loads, occupants, prices."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from recosim.arrays import FloatArray, IntArray
from recosim.errors import ScenarioError
from recosim.scenarios.climate import place_named
from recosim.scenarios.common_services import common_services_load_kw
from recosim.scenarios.community import COMMON, Parts, households_of
from recosim.scenarios.facades import irradiance_on, planes_of_facades
from recosim.scenarios.household_steps import means_on, quarters_of, sums_on
from recosim.scenarios.occupancy import household_series
from recosim.scenarios.price_files import read_prices
from recosim.scenarios.prices import MARKET_TIMEZONE, Prices, prices_on, synthetic_prices
from recosim.scenarios.schema.scenario import Scenario
from recosim.scenarios.shiftable import cycles_of
from recosim.scenarios.weather.series import Weather, weather_on
from recosim.scenarios.weather.source import weather_of
from recosim.simulators.cycles import Cycles
from recosim.simulators.inputs import InputSeries
from recosim.simulators.physics.hot_water import heat_of_draw_kwh, temp_cold_degc
from recosim.simulators.settlement.premium import market_zone_of_region
from recosim.simulators.trips import Trips
from recosim.timegrid import SECONDS_PER_HOUR, TimeGrid

HORIZON_HOURS = 25
"""How far a controller may look beyond the end of the period."""
ROWS_AT_ONCE = 4096


@dataclass(frozen=True, kw_only=True)
class Times:
    """The time axes of a run.

    Parameters
    ----------
    period : TimeGrid
        What is counted.
    n_warmup, n_beyond : int
        Steps before and after it.
    """

    period: TimeGrid
    n_warmup: int
    n_beyond: int

    @property
    def whole(self) -> TimeGrid:
        """Warm-up, period and horizon."""
        return self.period.part(-self.n_warmup, self.n_warmup + self.period.n_steps + self.n_beyond)


def times_of(scenario: Scenario, horizon_steps: int = 0) -> Times:
    """Time axes of a scenario: whole local days from local midnight.

    ``horizon_steps`` is how far the controller looks; `HORIZON_HOURS` at least are kept.

    Raises
    ------
    ScenarioError
        The period does not begin and end with an hour of UTC.
    """
    period = scenario.period
    timezone = timezone_of(scenario)
    what = f"period.start = {period.date_start}, days = {period.days} in {timezone}"
    try:
        grid = TimeGrid.from_local_date(
            period.date_start.isoformat(), period.days, 60 * period.step_minutes, timezone
        )
    except Exception as error:  # pandas 2 raises what pytz raises, pandas 3 a ValueError
        raise ScenarioError(
            f"{what}: no such midnight, the clocks change then ({error}); move the period by a day"
        ) from error
    if grid.start % SECONDS_PER_HOUR or grid.end % SECONDS_PER_HOUR:
        raise ScenarioError(
            f"{what}: midnight lies inside an hour of UTC, by which energy is settled; allowed: a timezone "
            "that is whole hours from UTC"
        )
    per_day = 24 * grid.steps_per_hour
    beyond = max(HORIZON_HOURS * grid.steps_per_hour, horizon_steps)
    return Times(period=grid, n_warmup=period.warmup_days * per_day, n_beyond=beyond)


def timezone_of(scenario: Scenario) -> str:
    """Zone that decides local time."""
    place = scenario.location.place
    return scenario.location.timezone if place is None else place_named(place).timezone


def series_of(scenario: Scenario, parts: Parts, times: Times) -> InputSeries:
    """All series of a run.

    Raises
    ------
    InputDataError
        A file cannot be read, or does not cover the run.
    """
    whole = times.whole
    weather = weather_on(weather_of(scenario), whole, times.n_beyond)
    zonal, pun = _prices(scenario, times)
    homes = _households(scenario, parts, times, weather)
    facades = planes_of_facades()
    irradiance = irradiance_on(weather, (*facades, *parts.planes_module))
    return InputSeries(
        grid=whole,
        n_warmup=times.n_warmup,
        n_beyond=times.n_beyond,
        temp_outdoor_degc=weather.temp_outdoor_degc,
        wind_speed_m_per_s=weather.wind_speed_m_per_s,
        irradiance_global_w_per_m2=weather.irradiance_global_w_per_m2,
        irradiance_facade_w_per_m2=irradiance[:, : len(facades)],
        irradiance_module_w_per_m2=irradiance[:, len(facades) :],
        power_load_kw=homes.power_load_kw,
        occupants_home=homes.occupants_home,
        occupants_awake=homes.occupants_awake,
        price_zonal_eur_per_mwh=zonal,
        price_pun_eur_per_mwh=pun,
        heat_hot_water_kw=_heat_hot_water_kw(parts, whole, homes.volume_hot_water_l),
        cycles=homes.cycles,
        trips=_trips(parts, whole, homes.power_trip_kw),
    )


def _prices(scenario: Scenario, times: Times) -> tuple[FloatArray, FloatArray]:
    """Zonal price and PUN, means over the hour; the warm-up, which is not paid, repeats the first price."""
    described = scenario.prices
    zone = described.zone or market_zone_of_region(scenario.settlement.region)
    needed = times.period.part(0, times.period.n_steps + times.n_beyond)
    if described.file is not None:
        prices = read_prices(scenario.path_of(described.file), zone)
        zonal, pun = prices_on(prices, needed, described.align, times.n_beyond)
    else:
        zonal, pun = _synthetic_prices(zone, scenario.seed, needed, times.n_beyond)

    def hourly(price: FloatArray) -> FloatArray:
        # premium, sale and bills are by the hour: what is planned with must be what is paid
        per_hour = times.period.steps_per_hour
        means = price.reshape(-1, per_hour).mean(axis=1)
        return np.pad(np.repeat(means, per_hour), (times.n_warmup, 0), mode="edge")

    return hourly(zonal), hourly(pun)


def _synthetic_prices(zone: str, seed: int, needed: TimeGrid, n_beyond: int) -> tuple[FloatArray, FloatArray]:
    """Synthetic prices of every calendar year that the period touches."""
    years_market = needed.utc[: needed.n_steps - n_beyond].tz_convert(MARKET_TIMEZONE).year
    years = range(int(years_market[0]), int(years_market[-1]) + 1)
    made = [synthetic_prices(zone, seed, year) for year in years]
    joined = Prices(
        grid=made[0].grid.part(0, sum(one.grid.n_steps for one in made)),
        price_zonal_eur_per_mwh=np.concatenate([one.price_zonal_eur_per_mwh for one in made]),
        price_pun_eur_per_mwh=np.concatenate([one.price_pun_eur_per_mwh for one in made]),
        zone=zone,
        source=made[0].source,
    )
    return prices_on(joined, needed, "timestamp", n_beyond)


@dataclass(frozen=True, kw_only=True)
class _Homes:
    """What the households bring into the series, as in `InputSeries`."""

    power_load_kw: NDArray[np.float32] | FloatArray
    occupants_home: NDArray[np.int8]
    occupants_awake: NDArray[np.int8]
    volume_hot_water_l: NDArray[np.float32]
    power_trip_kw: NDArray[np.float32]
    cycles: Cycles | None = None


def _households(scenario: Scenario, parts: Parts, times: Times, weather: Weather) -> _Homes:
    """Load of every delivery point, people at home and awake, hot water, trips, cycles outside the load."""
    step_s = times.period.step_s
    whole = quarters_of(times.whole)
    households = households_of(scenario)
    inside = _rows_in_years_of_period(whole, times)
    made = household_series(
        households,
        whole.part(inside.start, inside.stop - inside.start),
        scenario.seed,
        latitude_deg=weather.latitude,
        longitude_deg=weather.longitude,
    )
    rows = _nearest_day(whole, inside) - inside.start
    power = np.zeros((whole.n_steps, len(parts.pods)), dtype=np.float32)
    power[:, : len(households)] = made.power_load_kw[rows]
    common = scenario.community.common_services
    if common is not None:
        power[:, parts.pods.names.index(COMMON)] = common_services_load_kw(
            common.energy_kwh_per_year, whole, scenario.seed
        )
    homes = _Homes(
        power_load_kw=means_on(step_s, power),
        occupants_home=means_on(step_s, made.occupants_home[rows]),
        occupants_awake=means_on(step_s, made.occupants_awake[rows]),
        volume_hot_water_l=sums_on(step_s, made.volume_hot_water_l[rows]),
        power_trip_kw=means_on(step_s, made.power_trip_kw[rows]),
    )
    if "appliance" not in parts.devices:
        return homes
    cycles = cycles_of(
        made.machines,
        households,
        parts.devices["appliance"],
        n_pods=len(parts.pods),
        first_row=inside.start,
        n_simulated=times.n_warmup + times.period.n_steps,
    )
    # in float64, so that load and cycles add up to what they were taken from
    base = power.astype(np.float64)
    for first in range(0, whole.n_steps, ROWS_AT_ONCE):  # a year of a thousand homes is large
        part = slice(first, min(first + ROWS_AT_ONCE, whole.n_steps))
        base[part] -= cycles.power_kw(part)
    return replace(homes, power_load_kw=base, cycles=cycles)


def _heat_hot_water_kw(parts: Parts, grid: TimeGrid, volume_l: NDArray[np.float32]) -> FloatArray:
    """Heat wanted at the taps, shape (n_steps, n_water_heaters) [kW]."""
    heaters = parts.devices.get("water_heater")
    if heaters is None:
        return np.zeros((grid.n_steps, 0))
    cold = temp_cold_degc(heaters.parameters, (grid.times + grid.step_s / 2.0)[:, None])
    return heat_of_draw_kwh(heaters.parameters, volume_l.astype(np.float64), cold) / grid.step_h


def _trips(parts: Parts, grid: TimeGrid, power_trip_kw: NDArray[np.float32]) -> Trips | None:
    cars = parts.devices.get("car")
    if cars is None:
        return None
    return Trips(grid=grid, power_trip_kw=power_trip_kw.astype(np.float64), car=cars.parameters)


def _rows_in_years_of_period(whole: TimeGrid, times: Times) -> slice:
    """Rows of the calendar years that the period touches: others would be made for a few days only."""
    years = whole.local.year
    first, last = years[[whole.index_of(times.period.start), whole.index_of(times.period.end - 1)]]
    rows = np.flatnonzero((years >= first) & (years <= last))
    return slice(int(rows[0]), int(rows[-1]) + 1)


def _nearest_day(whole: TimeGrid, inside: slice) -> IntArray:
    """For each row of the grid the row inside ``inside`` at the same time of the nearest day."""
    per_day = 24 * whole.steps_per_hour
    rows = np.arange(whole.n_steps, dtype=np.int64)
    before, after = np.maximum(inside.start - rows, 0), np.maximum(rows - inside.stop + 1, 0)
    nearest: IntArray = rows + per_day * -(-before // per_day) - per_day * -(-after // per_day)
    return nearest
