import math

import pytest

from recosim.scenarios.validation.reference import Report, checked, published_table, shown

RANGE = {"low": 1.0, "high": 2.0, "source": "a table"}


@pytest.mark.parametrize(
    ("value", "ok"), [(1.0, True), (1.5, True), (2.0, True), (0.999, False), (2.001, False)]
)
def test_a_row_is_green_within_its_range(value, ok):
    assert checked("load", "kW", value, **RANGE).ok is ok


def test_a_figure_that_is_no_number_is_red():
    assert checked("load", "kW", math.nan, **RANGE).ok is False


def test_a_side_without_limit_allows_everything():
    assert checked("load", "kW", -1e9, None, 2.0, "a table").ok is True
    assert checked("load", "kW", 1e9, 1.0, None, "a table").ok is True


def test_how_far_outside_has_a_sign():
    assert checked("load", "kW", 0.75, **RANGE).outside == pytest.approx(-0.25)
    assert checked("load", "kW", 2.5, **RANGE).outside == pytest.approx(0.5)
    assert checked("load", "kW", 1.5, **RANGE).outside == 0.0


def test_a_row_that_is_only_shown_decides_nothing():
    outside = shown("load", "kW", 5.0, **RANGE)
    assert outside.ok is None and outside.outside == pytest.approx(3.0)
    green, red = checked("load", "kW", 1.5, **RANGE), checked("load", "kW", 5.0, **RANGE)
    assert Report(title="x", rows=[outside, green]).ok
    assert not Report(title="x", rows=[outside, green, red]).ok


def test_tables_are_read_without_their_comments():
    table = published_table("bestest.csv")
    assert list(table["case"].unique())[:2] == ["600", "640"]
    assert len(published_table("tabula.csv")) == 42
