"""The homes that validate households makes, its table of ARERA's, and that it can turn red."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recosim.errors import ScenarioError
from recosim.scenarios.community import parts_of
from recosim.scenarios.household_year import DAY_TYPES
from recosim.scenarios.input_series import series_of, times_of
from recosim.scenarios.loader import load_scenario
from recosim.scenarios.validation import households
from recosim.scenarios.validation.households import (
    CLASSES,
    MONTHS,
    SEEDS,
    Homes,
    arera_days,
    figures_of,
    homes_of_scenario,
    mean_days,
    rows_of,
    sample_of_homes,
    validate,
)
from recosim.scenarios.validation.reference import Request, published_table

ITALIAN = {"weekday": "Giorno feriale", "saturday": "Sabato", "sunday": "Domenica"}


@pytest.fixture(scope="module")
def homes() -> Homes:
    return homes_of_scenario()


@pytest.fixture(scope="module")
def hundred():
    return sample_of_homes(range(10))


@pytest.fixture(scope="module")
def figures(hundred):
    return figures_of(hundred)


def red(found):
    return [f"{row.group}: {row.what}" for row in rows_of(found) if row.ok is False]


def test_the_table_is_areras(shared_data: Path):
    file = shared_data / "loads" / "arera_mean_hourly_withdrawal.csv"
    if not file.is_file():
        pytest.skip("ARERA's withdrawals are not here")
    whole = pd.read_csv(file)
    whole.columns = ["month", "region", "power", "day", "hour", "kwh"]
    whole = whole[whole["region"] == "Campania"]
    ours = published_table("arera.csv")
    assert len(ours) == len(CLASSES) * len(MONTHS) * len(DAY_TYPES)
    for _, row in ours.iterrows():
        same = (whole["power"] == row["power_contract_kw"]) & (whole["month"] == row["month"])
        theirs = whole[same & (whole["day"] == ITALIAN[row["day_type"]])].sort_values("hour")
        assert theirs["hour"].tolist() == list(range(24))
        assert row.iloc[3:].tolist() == theirs["kwh"].tolist()


def test_metered_days_by_hand():
    small, large = (arera_days(power_class) for power_class in CLASSES.values())
    assert small.shape == large.shape == (3, 3, 24)
    # April, weekday, midnight; May, Saturday, noon; October, Sunday, noon.
    assert [small[0, 0, 0], small[1, 1, 12], small[2, 2, 12]] == [0.1934, 0.2536, 0.3433]
    assert large[0, 0, 0] == 0.336


def test_the_homes_are_those_of_a_run(homes):
    week = ["seed=3", "period.start=2025-03-27", "period.days=7", "period.warmup_days=0"]
    scenario = load_scenario("naples", week)
    times = times_of(scenario)
    drawn = series_of(scenario, parts_of(scenario), times).power_load_kw[: times.period.n_steps]
    first = homes.year.grid.index_of(times.period.start)
    made = homes.power_kw(3)[first : first + times.period.n_steps]
    assert np.array_equal(drawn[:, : made.shape[1]], made)


def test_mean_days_of_a_known_load(homes):
    year = homes.year
    power = np.column_stack([np.floor(year.hour), year.month + 100.0 * year.day_type])
    by_hour, by_day = mean_days(power, year)
    assert np.array_equal(by_hour, np.broadcast_to(np.arange(24.0), (3, 3, 24)))
    expected = np.array([[month + 100.0 * day for day in range(3)] for month in (4, 5, 10)])
    assert np.array_equal(by_day, np.broadcast_to(expected[:, :, None], (3, 3, 24)))


def test_a_hundred_homes_are_as_they_must_be(figures):
    assert red(figures) == []
    assert figures["n_homes"] == 100
    checked = [row for row in rows_of(figures) if row.ok is not None]
    assert len(checked) == 7 + 2 * 9


def test_other_seeds_are_too():
    assert red(figures_of(sample_of_homes(range(5000, 5010)))) == []


@pytest.mark.slow
def test_a_hundred_seeds_as_a_user_asks_for_them():
    report = validate(Request())
    assert len(SEEDS) == 100
    assert report.figures["n_homes"] == 1000
    assert report.ok, [row for row in report.rows if row.ok is False]
    assert report.figures["correlation_min"] > 0.93


@pytest.mark.parametrize(
    ("figure", "value", "what"),
    [
        ("energy_error_max", 0.021, "100 homes: yearly energy, largest error"),
        ("energy_error_max", float("nan"), "100 homes: yearly energy, largest error"),
        ("peaks_share", 0.94, "100 homes: homes with a peak of 1.5 to 3.5 kW"),
        ("n_twins", 1, "100 homes: homes that equal another"),
        ("peaks_share_min", 0.94, "each 100 of them: homes with a peak of 1.5 to 3.5 kW, fewest"),
        ("evening_peak_first_h", 13.1, "each 100 of them: peak of the mean day, earliest"),
        ("evening_peak_last_h", 22.1, "each 100 of them: peak of the mean day, latest"),
        ("likeness_max", 0.51, "each 100 of them: correlation of two homes, largest"),
    ],
)
def test_a_figure_outside_its_range_is_red(figures, figure, value, what):
    assert red(figures | {figure: value}) == [what]


def test_a_curve_that_is_not_areras_is_red(hundred):
    late = hundred.curves_kw.copy()
    late[~hundred.small, 1, 0] = np.roll(late[~hundred.small, 1, 0], 6, axis=-1)
    found = red(figures_of(replace(hundred, curves_kw=late)))
    assert found == ["mean days, contracts above 3 kW: correlation, May weekday"]


def test_figures_of_a_sample_follow_its_homes(hundred):
    peaks = hundred.peak_kw.copy()
    peaks[:8] = 3.6
    energies = hundred.energy_error.copy()
    energies[3] = -0.03
    noon = np.roll(hundred.quarters_kw, -32, axis=1)
    found = figures_of(replace(hundred, peak_kw=peaks, energy_error=energies, quarters_kw=noon))
    assert found["peaks_share"] <= 0.92
    assert found["energy_error_max"] == pytest.approx(0.03)
    assert found["evening_peak_last_h"] == pytest.approx(figures_of(hundred)["evening_peak_last_h"] - 8.0)


def test_homes_that_are_alike_are_noticed(monkeypatch):
    always = Homes.power_kw
    monkeypatch.setattr(Homes, "power_kw", lambda self, seed: always(self, 0))
    found = figures_of(sample_of_homes(range(10)))
    assert found["n_twins"] == 90
    assert found["likeness_max"] == pytest.approx(1.0)


def test_seeds_come_in_hundreds_of_homes():
    for seeds in (range(0), range(7)):
        with pytest.raises(ScenarioError, match=rf"{len(seeds)} of them, allowed: multiples of 10"):
            sample_of_homes(seeds)


def test_progress_counts_the_seeds(monkeypatch):
    told = []
    monkeypatch.setattr(households, "SEEDS", range(10))
    report = validate(Request(progress=lambda *what: told.append(what)))
    assert told == [("households", done, 10) for done in range(1, 11)]
    assert report.title == "Households of naples, 10 seeds"
