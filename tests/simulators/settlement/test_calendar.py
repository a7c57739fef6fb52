from datetime import date

import numpy as np
import pandas as pd
import pytest

from recosim.simulators.settlement.calendar import (
    EPOCH_ORDINAL,
    bands,
    day_fractions,
    holidays_italian,
    local_days,
    local_midnight,
    local_months,
    local_years,
    months_of,
    years_of,
)
from recosim.timegrid import TimeGrid


def at(time: str) -> np.ndarray:
    return np.array([int(pd.Timestamp(time).tz_localize("Europe/Rome").timestamp())])


def test_easter_monday_and_weekday_holidays() -> None:
    days = holidays_italian([2025])
    for month, day in [
        (1, 1),
        (1, 6),
        (4, 21),
        (4, 25),
        (5, 1),
        (6, 2),
        (8, 15),
        (11, 1),
        (12, 8),
        (12, 25),
        (12, 26),
    ]:
        assert date(2025, month, day).toordinal() - EPOCH_ORDINAL in days
    assert date(2025, 12, 24).toordinal() - EPOCH_ORDINAL not in days


def test_4_october_is_an_option_from_2026_on() -> None:
    # 4 October 2027 is a Monday, 4 October 2024 a Friday
    assert bands(at("2027-10-04 12:00")).tolist() == [0]
    assert bands(at("2027-10-04 12:00"), october_4=True).tolist() == [2]
    assert bands(at("2024-10-04 12:00"), october_4=True).tolist() == [0]


def test_holidays_are_keyed_by_year() -> None:
    # Easter Monday: 21 April 2025, 6 April 2026
    assert bands(at("2025-04-21 12:00")).tolist() == [2]
    assert bands(at("2026-04-21 12:00")).tolist() == [0]
    both = np.concatenate([at("2025-04-21 12:00"), at("2026-04-06 12:00")])
    assert bands(both).tolist() == [2, 2]


def test_bands_follow_local_time_in_summer_and_winter() -> None:
    # 8:00 local begins F1: 7:00 UTC in January, 6:00 UTC in July
    winter, summer = pd.Timestamp("2025-01-15T07:00Z"), pd.Timestamp("2025-07-16T06:00Z")
    times = np.array([int(t.timestamp()) + s for t in (winter, summer) for s in (-1, 0)])
    assert bands(times).tolist() == [1, 0, 1, 0]


@pytest.mark.parametrize(("day", "quarters"), [("2025-03-30", 92), ("2025-06-01", 96), ("2025-10-26", 100)])
def test_a_local_day_is_one_day(day: str, quarters: int) -> None:
    grid = TimeGrid.from_local_date(day, 1)
    assert grid.n_steps == quarters
    assert np.unique(local_days(grid.times)).size == 1
    assert day_fractions(grid.times, 900).sum() == pytest.approx(1.0, abs=1e-12)


def test_month_and_year_change_at_local_midnight() -> None:
    midnight = local_midnight(date(2025, 7, 1))
    assert midnight == int(pd.Timestamp("2025-06-30T22:00Z").timestamp())
    times = np.array([midnight - 1, midnight])
    assert (local_months(times) - 12 * 2025).tolist() == [5, 6]
    assert local_years(np.array([local_midnight(date(2026, 1, 1)) - 1])).tolist() == [2025]


def test_a_year_is_twelve_whole_months() -> None:
    grid = TimeGrid.from_local_date("2024-01-01", 366, 3600)
    months, years = months_of(grid.times, 3600), years_of(grid.times, 3600)
    assert len(months) == 12
    assert months.fraction == pytest.approx(np.ones(12))
    assert months.days[1] == pytest.approx(29.0)
    assert years.fraction == pytest.approx([1.0])
    assert months.sums(np.ones(grid.n_steps)).sum() == grid.n_steps


def test_part_of_a_month_counts_by_days() -> None:
    grid = TimeGrid.from_local_date("2025-03-25", 14, 900)  # 7 days of March, one of them short, 7 of April
    months = months_of(grid.times, 900)
    assert months.label.tolist() == [12 * 2025 + 2, 12 * 2025 + 3]
    assert months.fraction == pytest.approx([7 / 31, 7 / 30])
    ends = years_of(TimeGrid.from_local_date("2024-12-31", 3, 3600).times, 3600)
    assert ends.label.tolist() == [2024, 2025]
    assert ends.fraction == pytest.approx([1 / 366, 2 / 365])


def test_empty_run() -> None:
    nothing = np.zeros(0, dtype=np.int64)
    assert bands(nothing).size == 0
    assert months_of(nothing, 900).sums(np.zeros((0, 3))).shape == (0, 3)
