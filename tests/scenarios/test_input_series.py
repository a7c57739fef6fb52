from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recosim.errors import InputDataError, ScenarioError
from recosim.scenarios.community import parts_of
from recosim.scenarios.input_series import HORIZON_HOURS, series_of, times_of
from recosim.scenarios.loader import load_scenario
from recosim.simulators.inputs import InputSeries

NEAR_NAPLES = "location={latitude_deg: 40.85, longitude_deg: 14.27, timezone: %s}"


def series(*overrides: str, name: str = "naples") -> InputSeries:
    scenario = load_scenario(name, ["period.days=1", "period.warmup_days=1", *overrides])
    return series_of(scenario, parts_of(scenario), times_of(scenario))


@pytest.fixture(scope="module")
def july() -> InputSeries:
    return series("period.start=2025-07-14")


@pytest.mark.parametrize(
    ("date", "days", "n_steps"),
    [("2025-07-14", 1, 96), ("2025-03-30", 1, 92), ("2025-10-26", 1, 100), ("2025-03-29", 3, 284)],
)
def test_times(date: str, days: int, n_steps: int) -> None:
    times = times_of(load_scenario("naples", [f"period.start={date}", f"period.days={days}"]))
    assert times.period.n_steps == n_steps
    assert (times.n_warmup, times.n_beyond) == (3 * 96, 4 * HORIZON_HOURS)
    local = times.period.local
    assert f"{local[0]:%Y-%m-%d %H:%M}" == f"{date} 00:00"
    assert times.whole.times[times.n_warmup] == times.period.start
    assert times.whole.end == times.period.end + 3600 * HORIZON_HOURS


def test_timezone_is_the_places_or_the_one_given() -> None:
    assert times_of(load_scenario("naples")).period.timezone == "Europe/Rome"
    given = load_scenario("naples", [NEAR_NAPLES % "Europe/Athens", "weather.place=naples"])
    assert times_of(given).period.timezone == "Europe/Athens"


@pytest.mark.parametrize(
    ("zone", "date", "words"),
    [
        ("Asia/Kolkata", "2025-07-14", "inside an hour of UTC"),
        ("America/Santiago", "2025-09-07", "no such midnight"),
        ("America/Havana", "2025-11-02", "no such midnight"),
    ],
)
def test_midnights_that_cannot_be_used(zone: str, date: str, words: str) -> None:
    scenario = load_scenario("naples", [NEAR_NAPLES % zone, "weather.place=naples", f"period.start={date}"])
    with pytest.raises(ScenarioError, match=f"{date}.*{zone}.*{words}"):
        times_of(scenario)


def test_shapes(july: InputSeries) -> None:
    n = july.grid.n_steps
    assert n == 96 + 96 + 100
    assert july.irradiance_facade_w_per_m2.shape == (n, 5)
    assert july.irradiance_module_w_per_m2.shape == (n, 5)  # one roof and four azimuths
    assert july.power_load_kw.shape == (n, 11)
    assert july.power_load_kw.dtype == np.float32
    assert july.occupants_home.shape == july.occupants_awake.shape == (n, 10)
    for name in ("temp_outdoor_degc", "wind_speed_m_per_s", "price_zonal_eur_per_mwh"):
        assert getattr(july, name).shape == (n,)
        assert np.isfinite(getattr(july, name)).all()


def test_sun_shines_by_day(july: InputSeries) -> None:
    hour = july.grid.local.hour
    assert not july.irradiance_module_w_per_m2[(hour >= 22) | (hour < 4)].any()
    assert (july.irradiance_module_w_per_m2[(hour >= 10) & (hour < 16)] > 0.0).all()
    east, west = july.irradiance_facade_w_per_m2[:, 1], july.irradiance_facade_w_per_m2[:, 3]
    assert east[hour == 8].mean() > west[hour == 8].mean()
    assert west[hour == 18].mean() > east[hour == 18].mean()


def test_awake_are_at_home(july: InputSeries) -> None:
    assert (july.occupants_awake <= july.occupants_home).all()
    assert (july.occupants_home >= 0).all()


def test_loads_lie_at_their_delivery_points() -> None:
    made = series("period.start=2025-07-14", "community.plants[0].pod=own")
    assert (made.power_load_kw[:, :11] > 0.0).any(axis=0).all()
    assert not made.power_load_kw[:, 11].any(), "a plant's own meter has no load"
    assert (
        not series("period.start=2025-07-14", "community.common_services.energy_kwh_per_year=0")
        .power_load_kw[:, 10]
        .any()
    )


def test_warmup_repeats_the_first_price(july: InputSeries) -> None:
    for price in (july.price_zonal_eur_per_mwh, july.price_pun_eur_per_mwh):
        assert (price[:96] == price[96]).all()
        assert np.ptp(price[96:192]) > 0.0


def test_a_moment_does_not_depend_on_the_window() -> None:
    short, long = series("period.start=2025-07-15"), series("period.start=2025-07-14", "period.days=3")
    offset = (short.grid.start - long.grid.start) // 900
    assert offset == 96
    rows = slice(offset, offset + 192)
    for name in ("temp_outdoor_degc", "power_load_kw", "occupants_home", "irradiance_module_w_per_m2"):
        np.testing.assert_array_equal(getattr(short, name)[:192], getattr(long, name)[rows], err_msg=name)


def test_seed_decides() -> None:
    first, again, other = (series("period.start=2025-07-14", f"seed={seed}") for seed in (1, 1, 2))
    for name in ("temp_outdoor_degc", "power_load_kw", "occupants_home", "price_zonal_eur_per_mwh"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
        assert not np.array_equal(getattr(first, name), getattr(other, name)), name


def test_warmup_before_the_year_lives_like_its_first_day() -> None:
    made = series("period.start=2025-01-01", "period.warmup_days=2")
    for rows in (slice(0, 96), slice(96, 192)):
        np.testing.assert_array_equal(made.power_load_kw[rows, :10], made.power_load_kw[192:288, :10])
        np.testing.assert_array_equal(made.occupants_home[rows], made.occupants_home[192:288])


def test_horizon_after_the_year_lives_like_its_last_days() -> None:
    made = series("period.start=2025-12-31", "period.warmup_days=1")
    last = slice(96, 192)
    np.testing.assert_array_equal(made.power_load_kw[192:288, :10], made.power_load_kw[last, :10])
    np.testing.assert_array_equal(made.price_pun_eur_per_mwh[192:288], made.price_pun_eur_per_mwh[last])


@pytest.mark.parametrize("zone", ["Europe/London", "Europe/Athens"])
@pytest.mark.parametrize("date", ["2025-01-01", "2025-12-31"])
def test_synthetic_prices_reach_to_both_ends_of_a_year_in_any_zone(zone: str, date: str) -> None:
    made = series(NEAR_NAPLES % zone, "weather.place=naples", f"period.start={date}", name="naples-small")
    assert np.isfinite(made.price_pun_eur_per_mwh).all()


def test_a_period_over_new_year() -> None:
    made = series("period.start=2025-12-31", "period.days=2", name="naples-small")
    assert np.isfinite(made.price_pun_eur_per_mwh).all()
    day = made.power_load_kw[96:192, :10], made.power_load_kw[192:288, :10]
    assert not np.array_equal(*day), "the second year is lived, not repeated"


def price_file(path: Path, step: str, n: int) -> Path:
    times = pd.date_range("2025-07-13T22:00Z", periods=n, freq=step)
    prices = 100.0 + np.arange(n)
    frame = pd.DataFrame({"time_utc": times.strftime("%Y-%m-%dT%H:%MZ"), "PUN": prices, "CSUD": prices + 10})
    frame.to_csv(path, index=False)
    return path


def from_file(path: Path, *overrides: str) -> InputSeries:
    source = f"prices={{source: file, file: {path}, zone: CSUD}}"
    return series("period.start=2025-07-14", source, *overrides, name="naples-small")


def test_quarter_hourly_prices_become_hourly_means(tmp_path: Path) -> None:
    # settlement and bills are by the hour: a controller must not plan with what will not be paid
    made = from_file(price_file(tmp_path / "p.csv", "15min", 4 * 49))
    np.testing.assert_allclose(made.price_pun_eur_per_mwh[96:104], [101.5] * 4 + [105.5] * 4)
    np.testing.assert_allclose(made.price_zonal_eur_per_mwh[96:100], 111.5)


def test_past_the_end_of_the_prices_the_last_day_is_repeated(tmp_path: Path) -> None:
    made = from_file(price_file(tmp_path / "p.csv", "h", 24))
    np.testing.assert_array_equal(made.price_pun_eur_per_mwh[192:288], made.price_pun_eur_per_mwh[96:192])


def test_prices_must_cover_the_period(tmp_path: Path) -> None:
    with pytest.raises(InputDataError, match="p.csv: no price for 2025-07-14 21:00 UTC"):
        from_file(price_file(tmp_path / "p.csv", "h", 23))


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(ScenarioError, match="nowhere.csv"):
        from_file(Path("nowhere.csv"))


def test_weather_of_a_file(shared_data: Path) -> None:
    path = shared_data / "weather" / "rome_nsrdb_15min_2019.csv"
    made = series(
        "period.start=2025-07-14",
        "location.place=rome",
        f"weather={{source: file, file: {path}}}",
        name="naples-small",
    )
    frame = pd.read_csv(path, skiprows=2)
    # the first quarter of 14 July local time begins at 22:00 UTC on the 13th, whatever the year
    row = frame.query("Month == 7 and Day == 13 and Hour == 22 and Minute == 0").iloc[0]
    assert abs(made.temp_outdoor_degc[96] - row["Temperature"]) < 0.5
    assert 15.0 < made.temp_outdoor_degc[96:192].mean() < 32.0
    assert made.irradiance_global_w_per_m2[96:192].max() > 500.0


def test_prices_of_another_year(shared_data: Path) -> None:
    path = shared_data / "prices" / "it_dayahead_zonal_2023-11_2024-10_utc.csv"
    made = from_file(path, "prices.align=calendar")
    row = pd.read_csv(path).set_index("time_utc").loc["2024-07-13T22:00Z"]
    assert made.price_pun_eur_per_mwh[96] == pytest.approx(row["PUN"])
    assert made.price_zonal_eur_per_mwh[96] == pytest.approx(row["CSUD"])
    with pytest.raises(InputDataError, match="prices.align: calendar"):
        from_file(path)
