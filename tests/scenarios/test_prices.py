"""Mapping prices onto a run, and the synthetic year against its figures."""

import numpy as np
import pandas as pd
import pytest

from recosim.errors import InputDataError, ScenarioError
from recosim.scenarios.price_files import read_prices
from recosim.scenarios.prices import ZONES, Prices, kind_of_day, price_figures, prices_on, synthetic_prices
from recosim.timegrid import TimeGrid


def make_prices(start="2024-02-27", days=4, step_s=3600, missing=()):
    grid = TimeGrid.from_local_date(start, days, step_s=step_s, timezone="UTC")
    pun = np.arange(grid.n_steps, dtype=float)
    pun[list(missing)] = np.nan
    return Prices(
        grid=grid, price_zonal_eur_per_mwh=pun + 0.5, price_pun_eur_per_mwh=pun, zone="CSUD", source="p.csv"
    )


def test_a_series_of_the_wrong_length_is_refused():
    grid = TimeGrid(start=0, step_s=3600, n_steps=3)
    with pytest.raises(ValueError, match="price_pun_eur_per_mwh has shape"):
        Prices(
            grid=grid,
            price_zonal_eur_per_mwh=np.zeros(3),
            price_pun_eur_per_mwh=np.zeros(2),
            zone="CSUD",
            source="p.csv",
        )


def test_an_hours_price_holds_for_its_four_quarters():
    zonal, pun = prices_on(make_prices(), TimeGrid.from_local_date("2024-02-28", 1))
    # Local midnight is 23:00 UTC of the first day.
    np.testing.assert_array_equal(pun, np.repeat(np.arange(23.0, 47.0), 4))
    np.testing.assert_array_equal(zonal, pun + 0.5)


def test_quarter_hour_prices_are_averaged_over_an_hour():
    grid = TimeGrid.from_local_date("2024-02-28", 1, step_s=3600, timezone="UTC")
    _, pun = prices_on(make_prices(step_s=900), grid)
    assert pun[0] == 96 + 1.5


def test_a_run_beyond_the_data_is_told_of_the_calendar():
    with pytest.raises(InputDataError) as refusal:
        prices_on(make_prices(), TimeGrid.from_local_date("2025-02-27", 1))
    message = str(refusal.value)
    assert "\n" not in message
    assert message.startswith("p.csv: no price for 2025-02-26 23:00 UTC (2025-02-27 00:00 Europe/Rome)")
    assert "prices.align: calendar" in message


def test_the_calendar_matches_another_year():
    grid = TimeGrid.from_local_date("2025-02-28", 2, step_s=3600, timezone="UTC")
    _, pun = prices_on(make_prices(), grid, align="calendar")
    # 28 February is the second day of the data, 1 March the fourth.
    np.testing.assert_array_equal(pun, np.r_[24:48, 72:96])


def test_a_leap_day_that_is_missing_in_local_time_needs_no_cure_in_other_years():
    # 29 February in Rome is 23:00 UTC of the 28th to 22:00 UTC of the 29th.
    prices = make_prices(missing=range(47, 71))
    year = TimeGrid.from_local_date("2025-02-28", 2, step_s=3600)
    _, pun = prices_on(prices, year, align="calendar")
    np.testing.assert_array_equal(pun, np.r_[23:47, 71:95])
    leap = TimeGrid.from_local_date("2024-02-28", 3, step_s=3600)
    assert np.isfinite(prices_on(prices, leap, align="calendar")[1]).all()
    with pytest.raises(
        InputDataError, match=r"no price for 2024-02-28 23:00 UTC .* 24 steps missing in between"
    ):
        prices_on(prices, leap)


def test_a_horizon_past_the_end_repeats_the_last_day():
    grid = TimeGrid.from_local_date("2024-03-01", 2, timezone="UTC")
    _, pun = prices_on(make_prices(), grid, beyond_steps=96)
    np.testing.assert_array_equal(pun[96:], pun[:96])
    with pytest.raises(InputDataError, match="2024-03-02 00:00 UTC"):
        prices_on(make_prices(), grid)


def test_an_unknown_alignment_is_refused():
    with pytest.raises(ScenarioError, match="prices.align = 'weekday', allowed: timestamp, calendar"):
        prices_on(make_prices(), TimeGrid.from_local_date("2024-02-28", 1), align="weekday")


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_each_months_mean_is_exactly_the_tables(seed):
    prices = synthetic_prices("CSUD", seed)
    month = np.asarray(prices.grid.local.month)
    means = pd.Series(prices.price_pun_eur_per_mwh).groupby(month).mean()
    # May 2024 and March 2025 as GME publishes them.
    assert means[5] == pytest.approx(94.88, abs=1e-9)
    assert means[3] == pytest.approx(120.55, abs=1e-9)
    np.testing.assert_allclose(means, price_figures()["pun_monthly_eur_per_mwh"], rtol=1e-12)
    assert prices.price_pun_eur_per_mwh.min() >= 0.0
    assert prices.price_zonal_eur_per_mwh.min() >= 0.0


def test_the_year_is_the_local_one():
    prices = synthetic_prices("NORD", 0, year=2024)
    assert f"{prices.grid.local[0]:%Y-%m-%d %H:%M}" == "2024-01-01 00:00"
    assert prices.grid.n_steps == 8784
    grid = TimeGrid.from_local_date("2024-01-01", 366)
    assert np.isfinite(prices_on(prices, grid)[0]).all()


def test_peaks_valley_and_weekends():
    years = [synthetic_prices("CSUD", seed) for seed in range(5)]
    local = years[0].grid.local
    pun = pd.Series(np.mean([year.price_pun_eur_per_mwh for year in years], axis=0))
    kind = kind_of_day(years[0].grid)
    hour, month = np.asarray(local.hour), np.asarray(local.month)
    ratio = pun / pun.groupby(month).transform("mean")
    workday = ratio[kind == 0].groupby(hour[kind == 0]).mean()
    assert workday[8] > workday[13] + 0.2
    assert workday[20] > workday[13] + 0.2
    assert ratio[kind == 2].mean() < ratio[kind == 1].mean() < ratio[kind == 0].mean()
    valley = ratio[(hour >= 12) & (hour <= 15)].groupby(month[(hour >= 12) & (hour <= 15)]).mean()
    assert valley[3:9].max() < valley[[1, 2, 11, 12]].min()


def test_holidays_are_sundays():
    grid = TimeGrid.from_local_date("2025-04-24", 3, step_s=3600)
    # 25 April 2025, a Friday, is Liberation Day.
    np.testing.assert_array_equal(kind_of_day(grid)[::24], [0, 2, 1])


def test_zones_part_from_the_pun_as_in_the_data(shared_data):
    path = next((shared_data / "prices").glob("*.csv"))
    for zone in ZONES:
        real = read_prices(path, zone)
        years = [synthetic_prices(zone, seed) for seed in range(3)]
        ratio = np.mean([y.price_zonal_eur_per_mwh.mean() / y.price_pun_eur_per_mwh.mean() for y in years])
        expected = np.nanmean(real.price_zonal_eur_per_mwh) / np.nanmean(real.price_pun_eur_per_mwh)
        assert ratio == pytest.approx(expected, abs=0.01)
    same = np.mean(years[0].price_zonal_eur_per_mwh == years[0].price_pun_eur_per_mwh)
    assert 0.55 < same < 0.8


def test_the_shape_is_the_datas(shared_data):
    real = read_prices(next((shared_data / "prices").glob("*.csv")))
    there = np.isfinite(real.price_pun_eur_per_mwh)
    local = real.grid.local
    frame = pd.DataFrame(
        {
            "pun": real.price_pun_eur_per_mwh,
            "month": local.month,
            "hour": local.hour,
            "kind": kind_of_day(real.grid),
        }
    )[there]
    frame["ratio"] = frame["pun"] / frame.groupby("month")["pun"].transform("mean")
    workdays = frame[frame["kind"] == 0].groupby(["month", "hour"])["ratio"].mean().unstack()
    np.testing.assert_allclose(workdays, price_figures()["shape_weekday"], atol=0.011)
    sundays = frame[(frame["kind"] == 2) & frame["month"].isin([6, 7, 8])].groupby("hour")["ratio"].mean()
    np.testing.assert_allclose(sundays, price_figures()["shape_sunday"]["summer"], atol=0.011)


def test_a_seed_repeats_and_zones_share_the_pun():
    one, again, other = synthetic_prices("CSUD", 7), synthetic_prices("CSUD", 7), synthetic_prices("SICI", 7)
    np.testing.assert_array_equal(one.price_zonal_eur_per_mwh, again.price_zonal_eur_per_mwh)
    np.testing.assert_array_equal(one.price_pun_eur_per_mwh, other.price_pun_eur_per_mwh)
    assert not np.array_equal(one.price_zonal_eur_per_mwh, other.price_zonal_eur_per_mwh)
    assert not np.array_equal(one.price_pun_eur_per_mwh, synthetic_prices("CSUD", 8).price_pun_eur_per_mwh)


def test_unknown_zones_and_seeds_are_refused():
    with pytest.raises(
        ScenarioError, match="zone = 'NAPOLI', allowed: NORD, CNOR, CSUD, SUD, CALA, SICI, SARD"
    ):
        synthetic_prices("NAPOLI", 0)
    with pytest.raises(ScenarioError, match="seed = -2, allowed: 0 or more"):
        synthetic_prices("SUD", -2)
