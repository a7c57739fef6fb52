"""The reader of price files: columns, times and what it refuses."""

import numpy as np
import pytest

from recosim.errors import InputDataError
from recosim.scenarios.price_files import read_prices
from recosim.timegrid import TimeGrid


def price_lines(header="time_utc,PUN,CSUD,NORD", hours=30):
    lines = [header]
    for hour in range(hours):
        lines.append(
            f"2025-03-{1 + hour // 24:02d}T{hour % 24:02d}:00Z,{100 + hour},{110 + hour},{90 + hour}"
        )
    return lines


@pytest.fixture
def write(tmp_path):
    def write_lines(lines):
        path = tmp_path / "prices.csv"
        path.write_text("\n".join(lines) + "\n")
        return path

    return write_lines


def refusal(path, zone="CSUD"):
    with pytest.raises(InputDataError) as caught:
        read_prices(path, zone)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(str(path))
    return message


def test_zone_and_pun_by_their_columns(write):
    prices = read_prices(write(price_lines()), "NORD")
    assert prices.grid == TimeGrid(start=1740787200, step_s=3600, n_steps=30)
    np.testing.assert_array_equal(prices.price_pun_eur_per_mwh, 100.0 + np.arange(30))
    np.testing.assert_array_equal(prices.price_zonal_eur_per_mwh, 90.0 + np.arange(30))
    assert prices.zone == "NORD"


def test_named_columns_and_semicolons(write):
    lines = price_lines("time,pun_eur_per_mwh,zonal_price_eur_per_mwh,other")
    lines = [line.replace(",", ";") for line in lines]
    assert read_prices(write(lines)).price_zonal_eur_per_mwh[0] == 110.0


def test_offsets_are_respected_and_none_is_utc(write):
    utc = read_prices(write(price_lines()))
    offset = read_prices(write([line.replace("Z,", "+01:00,") for line in price_lines()]))
    naive = read_prices(write([line.replace("Z,", ",") for line in price_lines()]))
    assert offset.grid.start == utc.grid.start - 3600
    assert naive.grid.start == utc.grid.start


def test_missing_rows_stay_nan(write):
    lines = price_lines()
    del lines[5:8]
    prices = read_prices(write(lines))
    assert prices.grid.n_steps == 30
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(prices.price_pun_eur_per_mwh)), [4, 5, 6])
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(prices.price_zonal_eur_per_mwh)), [4, 5, 6])


@pytest.mark.parametrize("value", ["", "nan", "1O4", "104;5"])
def test_a_typo_is_refused_by_column_row_and_time(write, value):
    lines = price_lines()
    lines[5] = f"2025-03-01T04:00Z,{value},114,94"
    assert "column PUN, row 6 (2025-03-01 04:00 UTC): " in refusal(write(lines))


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (
            lambda lines: lines.insert(6, lines[5]),
            "row 7 (2025-03-01 04:00 UTC) has the time of the row before",
        ),
        (
            lambda lines: lines.insert(3, lines.pop(6)),
            "row 5 (2025-03-01 02:00 UTC) is earlier than the row before",
        ),
        (
            lambda lines: lines.__setitem__(5, lines[5].replace("T04:00", "T04:20")),
            "does not lie on the file's step",
        ),
        (
            lambda lines: lines.__setitem__(5, lines[5].replace("T04:00", "T4h")),
            "row 6: '2025-03-01T4hZ' is no time",
        ),
        (lambda lines: lines.__delitem__(slice(2, None)), "1 rows of prices; give at least two hours"),
        (
            lambda lines: lines.__setitem__(0, "time_utc,PUN,NORD,SUD"),
            "column CSUD or zonal_price_eur_per_mwh is",
        ),
        (lambda lines: lines.__setitem__(0, "when,PUN,CSUD,SUD"), "column time_utc or time is missing"),
        (lambda lines: lines.__setitem__(0, "time,pun,CSUD,SUD"), "column PUN or pun_eur_per_mwh is missing"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(write, edit, words):
    lines = price_lines()
    edit(lines)
    assert words in refusal(write(lines))


def test_prices_per_kwh_are_refused(write):
    lines = price_lines()[:1] + [f"2025-03-01T{h:02d}:00Z,0.1,0.1,0.1" for h in range(24)]
    assert "the largest price is 0.1, expected EUR/MWh; is the column in EUR/kWh" in refusal(write(lines))
    lines = price_lines()
    lines[5] = "2025-03-01T04:00Z,104000,114,94"
    assert "row 6 (2025-03-01 04:00 UTC): 104000, allowed [-500, 5000] EUR/MWh" in refusal(write(lines))


def test_the_columns_of_any_file_fit_into_a_message(write):
    assert len(refusal(write([",".join(["a long name of a column"] * 5000), "1", "2"]))) < 1000
    assert "and 4980 more" in refusal(write([",".join(["x"] * 5000), "1", "2"]))


def test_a_file_that_is_not_there_is_refused(tmp_path):
    assert "cannot be read" in refusal(tmp_path / "absent.csv")


def test_the_published_year(shared_data):
    path = next((shared_data / "prices").glob("*.csv"))
    prices = read_prices(path)
    assert f"{prices.grid.local[0]:%Y-%m-%d %H:%M}" == "2023-11-01 00:00"
    assert prices.grid.n_steps == 8784
    assert np.isnan(prices.price_pun_eur_per_mwh).sum() == 24
    assert np.nanmean(prices.price_pun_eur_per_mwh) == pytest.approx(106.11, abs=0.01)
    assert np.nanmean(prices.price_zonal_eur_per_mwh) == pytest.approx(107.45, abs=0.01)
