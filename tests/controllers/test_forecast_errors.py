from dataclasses import fields
from functools import cache
from typing import get_args

import numpy as np
import pytest

from recosim.arrays import FloatArray
from recosim.contracts import Forecast
from recosim.controllers.forecast_errors import (
    FACTOR_IRRADIANCE_MAX,
    LEVELS,
    STANDARD,
    ErrorGrowth,
    ErrorSeries,
    lead_hours,
    scale_of,
)
from recosim.controllers.forecasts import (
    ErringForecast,
    ForecastKind,
    Forecasts,
    PerfectForecast,
    make_forecasts,
)
from recosim.scenarios.loader import load_scenario
from recosim.scenarios.runner import build_plant
from recosim.scenarios.schema.scenario import Scenario
from recosim.scenarios.world import Plant
from recosim.simulators.physics.solar_gains import temp_solair_degc
from recosim.timegrid import TimeGrid

PER_DAY = 96
HORIZON = 100
LEADS = (0, 4, 24, 96)
"""Steps ahead at which the year's errors are judged: now, 1 h, 6 h and 24 h."""
DERIVED = {
    "temp_outdoor_degc",
    "temp_solair_degc",
    "heat_internal_kw",
    "heat_solar_kw",
    "power_load_kw",
    "power_pv_kw",
}


@cache
def plant_of(start: str, days: int, warmup: int = 2) -> Plant:
    given = (f"period.start={start}", f"period.days={days}", f"period.warmup_days={warmup}")
    return build_plant(load_scenario("naples", given))


def forecasts_of(plant: Plant, kind: str, seed: int = 7) -> Forecasts:
    return make_forecasts(kind, plant.community, plant.series, plant.exposure, HORIZON, seed)


def arrays(forecast: Forecast) -> dict[str, FloatArray]:
    named = {item.name: getattr(forecast, item.name) for item in fields(Forecast)}
    return {name: value for name, value in named.items() if isinstance(value, np.ndarray)}


def assert_equal(one: Forecast, other: Forecast) -> None:
    for name, values in arrays(one).items():
        np.testing.assert_array_equal(values, arrays(other)[name], err_msg=name)


def series_of(seed: int = 7, *, start: int = 1_735_686_000, n_pods: int = 3, days: int = 365) -> ErrorSeries:
    grid = TimeGrid(start=start, step_s=900, n_steps=days * PER_DAY)
    return ErrorSeries(STANDARD, grid, n_pods, seed)


@pytest.fixture(scope="module")
def year() -> dict[str, FloatArray]:
    """What forecasts of a year say, every five hours, at each lead of `LEADS`, and what came."""
    plant = plant_of("2025-01-01", 365)
    series, forecasts = plant.series, forecasts_of(plant, "medium")
    perfect = PerfectForecast(plant.community, series, plant.exposure, HORIZON)
    names = ("temp_outdoor_degc", "temp_solair_degc", "power_load_kw", "power_pv_kw", "heat_solar_kw")
    said: dict[str, list[FloatArray]] = {name: [] for name in names}
    came: dict[str, list[FloatArray]] = {name: [] for name in names}
    rows = np.arange(0, series.simulated.n_steps, 20)
    for step in rows.tolist():
        one, other = forecasts.at(step), perfect.at(step)
        for name in names:
            said[name].append(getattr(one, name)[list(LEADS)])
            came[name].append(getattr(other, name)[list(LEADS)])
    result = {f"{name}_said": np.stack(values) for name, values in said.items()}
    result |= {f"{name}_came": np.stack(values) for name, values in came.items()}
    result["sun"] = series.irradiance_global_w_per_m2[rows[:, None] + np.array(LEADS)]
    return result


def factor_of_sun(year: dict[str, FloatArray]) -> FloatArray:
    """Irradiance said over irradiance that came, from what the sun adds to the sol-air temperature."""
    added = {
        which: year[f"temp_solair_degc_{which}"][..., 0] - year[f"temp_outdoor_degc_{which}"]
        for which in ("said", "came")
    }
    at_night = added["came"][year["sun"] == 0.0][0]
    return (added["said"] - at_night) / np.where(year["sun"] > 20.0, added["came"] - at_night, np.nan)


def deviations(growth: ErrorGrowth) -> FloatArray:
    return growth.deviation(np.array(LEADS) / 4.0)


def test_a_year_of_temperatures_errs_as_calibrated(year: dict[str, FloatArray]) -> None:
    error = year["temp_outdoor_degc_said"] - year["temp_outdoor_degc_came"]
    rmse = np.sqrt(np.mean(error**2, axis=0))
    np.testing.assert_allclose(rmse, deviations(STANDARD.temperature), rtol=0.15)
    assert (np.diff(rmse) > 0.1).all()
    assert rmse[-1] == pytest.approx(1.5, rel=0.15)
    assert abs(error.mean()) < 0.15


def test_a_year_of_sun_errs_as_calibrated(year: dict[str, FloatArray]) -> None:
    factor = factor_of_sun(year)
    rmse = np.sqrt(np.nanmean((factor - 1.0) ** 2, axis=0))
    np.testing.assert_allclose(rmse, deviations(STANDARD.irradiance), rtol=0.15)
    assert (np.diff(rmse) > 0.02).all()
    assert np.nanmax(factor) <= FACTOR_IRRADIANCE_MAX + 1e-9


def test_the_sun_errs_by_a_quarter_of_the_mean_a_day_ahead(year: dict[str, FloatArray]) -> None:
    sun, factor = year["sun"][:, -1], factor_of_sun(year)[:, -1]
    day = ~np.isnan(factor)
    rmse = np.sqrt(np.mean(((factor - 1.0) * sun)[day] ** 2)) / sun[day].mean()
    assert rmse == pytest.approx(0.25, rel=0.15)


def test_a_year_of_loads_errs_as_calibrated(year: dict[str, FloatArray]) -> None:
    said, came = year["power_load_kw_said"], year["power_load_kw_came"]
    error = said / came - 1.0
    rmse = np.sqrt(np.mean(error**2, axis=(0, 2)))
    np.testing.assert_allclose(rmse, deviations(STANDARD.load), rtol=0.15)
    assert (said >= 0.0).all()
    between = np.corrcoef(error[:, -1].T) - np.eye(said.shape[2])
    assert np.abs(between).max() < 0.12


def test_the_night_stays_dark(year: dict[str, FloatArray]) -> None:
    night = year["sun"] == 0.0
    assert night.mean() > 0.3
    assert (year["power_pv_kw_said"][night] == 0.0).all()
    same = year["heat_solar_kw_said"][night], year["heat_solar_kw_came"][night]
    np.testing.assert_array_equal(*same)
    assert (year["power_pv_kw_said"] >= 0.0).all()


@pytest.mark.parametrize("level", list(LEVELS))
def test_levels_differ_by_their_factor(level: str) -> None:
    plant = plant_of("2025-03-10", 3)
    known = PerfectForecast(plant.community, plant.series, plant.exposure, HORIZON).at(100)
    medium, other = (forecasts_of(plant, kind).at(100) for kind in ("medium", level))
    drift = other.temp_outdoor_degc - known.temp_outdoor_degc
    expected = scale_of(level) * (medium.temp_outdoor_degc - known.temp_outdoor_degc)
    np.testing.assert_allclose(drift, expected, atol=1e-12)
    assert scale_of("low") == 0.5
    assert 1.5 <= scale_of("high") <= 2.0


def test_high_errors_stay_within_bounds() -> None:
    plant = plant_of("2025-03-10", 3)
    forecasts = forecasts_of(plant, "high")
    many = [forecasts.at(step) for step in range(0, 300, 10)]
    assert min(forecast.power_load_kw.min() for forecast in many) == 0.0  # cut off there, never below
    assert min(forecast.power_pv_kw.min() for forecast in many) == 0.0


def test_without_errors_everything_derived_is_that_of_the_perfect_forecast() -> None:
    plant = plant_of("2025-07-14", 2)
    made = (plant.community, plant.series, plant.exposure, HORIZON)
    none, perfect = ErringForecast(*made, scale=0.0, seed=1), PerfectForecast(*made)
    for step in (0, 150, 383):
        one, other = arrays(none.at(step)), arrays(perfect.at(step))
        assert one.keys() == other.keys()
        for name, values in one.items():
            np.testing.assert_allclose(values, other[name], rtol=1e-12, atol=1e-12, err_msg=name)
            assert not values.flags.writeable


@pytest.mark.parametrize("kind", ["persistence", "medium"])
def test_only_sun_temperature_and_load_err(kind: str) -> None:
    plant = plant_of("2025-07-14", 2)
    one = forecasts_of(plant, kind).at(200)
    other = forecasts_of(plant, "perfect").at(200)
    differing = {
        name for name, values in arrays(one).items() if not np.array_equal(values, arrays(other)[name])
    }
    assert differing == DERIVED
    assert one.grid == other.grid
    for mine, known in zip(one.shared, other.shared, strict=True):
        np.testing.assert_array_equal(mine.rate_eur_per_kwh, known.rate_eur_per_kwh)


def test_derived_values_follow_from_what_is_said() -> None:
    plant, step = plant_of("2025-01-20", 2), 200
    one, other = forecasts_of(plant, "medium").at(step), forecasts_of(plant, "perfect").at(step)
    devices, series = plant.community.devices, plant.series
    dwellings = devices["dwelling"].parameters
    added = (one.power_load_kw - other.power_load_kw)[:, devices["dwelling"].node]
    assert dwellings.gain_from_load == 1.0
    np.testing.assert_allclose(one.heat_internal_kw - other.heat_internal_kw, added, atol=1e-12)
    # in winter no shutter closes: the gains at noon tell the factor on the sun, the same on every plane
    sky_kw = np.asarray(dwellings.envelope.sky_loss_window_w) / 1e3
    noon = slice(34, 52)
    factor = ((one.heat_solar_kw + sky_kw) / (other.heat_solar_kw + sky_kw).clip(1e-9))[noon]
    assert np.ptp(factor[:, 0]) > 0.01
    np.testing.assert_allclose(factor, np.broadcast_to(factor[:, :1], factor.shape), rtol=1e-9)
    rows = slice(step + noon.start, step + noon.stop)
    power = devices["photovoltaics"].parameters.power_available_kw(
        series.irradiance_module_w_per_m2[rows] * factor[:, :1],
        one.temp_outdoor_degc[noon],
        series.wind_speed_m_per_s[rows],
    )
    np.testing.assert_allclose(one.power_pv_kw[noon], power, rtol=1e-9)
    solair = temp_solair_degc(
        dwellings.envelope,
        series.irradiance_facade_w_per_m2[rows] * factor[:, :1],
        one.temp_outdoor_degc[noon],
    )
    np.testing.assert_allclose(one.temp_solair_degc[noon], solair, rtol=1e-9)


def test_forecasts_issued_in_a_row_agree() -> None:
    plant = plant_of("2025-03-10", 3)
    forecasts, truth = forecasts_of(plant, "medium"), plant.series.temp_outdoor_degc
    deviation = STANDARD.temperature.deviation(lead_hours(plant.series.grid.part(0, HORIZON)))
    for step in (94, 95, 200):
        errors = [forecasts.at(s).temp_outdoor_degc - truth[s : s + HORIZON] for s in (step, step + 1)]
        np.testing.assert_allclose(errors[0][1:] / deviation[1:], errors[1][:-1] / deviation[:-1], atol=1e-9)
        assert (np.abs(errors[1][:-1]) < np.abs(errors[0][1:])).all()


def test_the_errors_do_not_depend_on_who_asks_when() -> None:
    plant = plant_of("2025-03-10", 3)
    one, other = forecasts_of(plant, "medium"), forecasts_of(plant, "medium")
    in_order = {step: one.at(step) for step in range(0, 250, 10)}
    for step in (240, 0, 130, 120):
        assert_equal(other.at(step), in_order[step])


def test_the_errors_do_not_depend_on_how_long_a_run_is() -> None:
    short, long = plant_of("2025-03-10", 3), plant_of("2025-03-10", 4)
    for kind in ("persistence", "medium"):
        assert_equal(forecasts_of(short, kind).at(250), forecasts_of(long, kind).at(250))


def test_seeds() -> None:
    plant = plant_of("2025-03-10", 3)
    one, same, other = (forecasts_of(plant, "medium", seed).at(150) for seed in (7, 7, 8))
    assert_equal(one, same)
    for name in DERIVED:
        assert not np.array_equal(arrays(one)[name], arrays(other)[name])


def test_the_series_remembers_as_long_as_it_should() -> None:
    z = series_of().rows(0, 365 * PER_DAY)
    for growth, values in (
        (STANDARD.temperature, z.temperature),
        (STANDARD.irradiance, z.irradiance),
        (STANDARD.load, z.load[:, 1]),
    ):
        assert values.std() == pytest.approx(1.0, abs=0.06)
        assert abs(values.mean()) < 0.12
        for lag in (1, 4, 16):
            correlation = np.corrcoef(values[:-lag], values[lag:])[0, 1]
            assert correlation == pytest.approx(np.exp(-lag / 4 / growth.memory_h), abs=0.05)
    assert abs(np.corrcoef(z.temperature, z.irradiance)[0, 1]) < 0.1


def test_the_series_is_smooth_at_midnight() -> None:
    values = series_of().rows(0, 365 * PER_DAY).temperature
    steps = np.abs(np.diff(values))
    midnight = (np.arange(len(steps)) + 1) % PER_DAY == 4  # the grid begins at 23:00 UTC
    assert steps[midnight].mean() == pytest.approx(steps[~midnight].mean(), rel=0.15)


def test_the_series_belongs_to_the_time_not_to_the_grid() -> None:
    one = series_of().rows(100, 300)
    later = series_of(start=1_735_686_000 + 100 * 900).rows(0, 200)
    more_pods = series_of(n_pods=5).rows(100, 300)
    for other in (later, more_pods):
        np.testing.assert_array_equal(one.temperature, other.temperature)
        np.testing.assert_array_equal(one.irradiance, other.irradiance)
    np.testing.assert_array_equal(one.load, later.load)


def test_persistence_repeats_the_last_known_day() -> None:
    plant = plant_of("2025-03-10", 3)
    step, series = 250, plant.series
    forecast = forecasts_of(plant, "persistence").at(step)
    yesterday = slice(step - PER_DAY, step)
    np.testing.assert_array_equal(forecast.temp_outdoor_degc[:PER_DAY], series.temp_outdoor_degc[yesterday])
    np.testing.assert_array_equal(forecast.power_load_kw[:PER_DAY], series.power_load_kw[yesterday])
    # the step a day from now has the time of day of the present one, which nobody knows yet
    assert forecast.temp_outdoor_degc[PER_DAY] == series.temp_outdoor_degc[step - PER_DAY]
    perfect = forecasts_of(plant, "perfect").at(step - PER_DAY)
    dark = perfect.power_pv_kw[:PER_DAY] == 0.0
    np.testing.assert_array_equal(forecast.power_pv_kw[:PER_DAY] == 0.0, dark)
    np.testing.assert_allclose(forecast.heat_solar_kw[:PER_DAY], perfect.heat_solar_kw[:PER_DAY], atol=1e-12)


def test_persistence_before_the_first_day_takes_the_first_day() -> None:
    plant = plant_of("2025-03-10", 2, warmup=0)
    outdoor = plant.series.temp_outdoor_degc
    forecasts = forecasts_of(plant, "persistence")
    assert (forecasts.at(0).temp_outdoor_degc == np.r_[outdoor[:PER_DAY], outdoor[:4]]).all()
    # 48 hours back of a horizon's end on the first day: the first day again
    assert (forecasts.at(10).temp_outdoor_degc[PER_DAY:] == outdoor[10:14]).all()


def test_kinds() -> None:
    plant = plant_of("2025-03-10", 2, warmup=0)
    assert type(forecasts_of(plant, "perfect")) is PerfectForecast
    annotation = Scenario.model_fields["forecast"].annotation
    assert get_args(annotation) == get_args(ForecastKind)
    for kind in get_args(ForecastKind):
        assert forecasts_of(plant, kind).n_steps == HORIZON
    with pytest.raises(ValueError, match="'excellent', allowed: low, medium, high"):
        forecasts_of(plant, "excellent")
    with pytest.raises(ValueError, match="n_steps = 500"):
        make_forecasts("medium", plant.community, plant.series, plant.exposure, 500, 0)


def test_growth_by_hand() -> None:
    growth = ErrorGrowth(first=0.1, day_ahead=0.5, growth_h=12.0, memory_h=3.0)
    # (1 - e^-1)/(1 - e^-2) = 0.7311
    np.testing.assert_allclose(growth.deviation(np.array([0.0, 12.0, 24.0])), [0.1, 0.39242, 0.5], atol=1e-5)
    assert growth.persistence(3.0) == pytest.approx(np.exp(-1.0))
