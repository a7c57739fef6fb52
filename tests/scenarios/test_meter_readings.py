"""Readings as meters and spreadsheets export them: read alike, or refused by file, column, time and cure."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recosim.errors import RecosimError
from recosim.scenarios.meter_readings import read_hourly_prices, read_readings
from recosim.scenarios.schema.metered import MeteredCommunity
from recosim.scenarios.settle import load_metered_community, settle_files

COMMUNITY = """configuration: CER
region: Campania
plants:
  - {pod: A, power_kw: 20, technology: photovoltaic, commissioned: 2024-06-01}
members:
  - {pod: A, kind: company, primary_substation: AC1}
  - {pod: B, primary_substation: AC1}
"""
QUARTERS = pd.date_range("2025-10-26", "2025-10-27", freq="15min", tz="Europe/Rome", inclusive="left")
RNG = np.random.default_rng(1)
TABLE = pd.DataFrame(
    {
        "time": [time.isoformat() for time in QUARTERS],
        "A:withdrawal_kwh": RNG.random(100).round(4),
        "A:injection_kwh": RNG.random(100).round(4),
        "B:withdrawal_kwh": RNG.random(100).round(4),
    }
)
TEXT = TABLE.to_csv(index=False, lineterminator="\n")
PRICE_TEXT = "time,zonal_price_eur_per_mwh\n" + "".join(
    f"{time.isoformat()},{100 + hour}\n" for hour, time in enumerate(QUARTERS[::4])
)
Change = Callable[[str], str]


def lines(change: Callable[[list[str]], list[str]]) -> Change:
    return lambda text: "\n".join(change(text.split("\n")))


def cell(row: int, column: int, value: str) -> Change:
    def changed(rows: list[str]) -> list[str]:
        cells = rows[row - 1].split(",")
        cells[column] = value
        return [*rows[: row - 1], ",".join(cells), *rows[row:]]

    return lines(changed)


def times(write: Callable[[pd.Timestamp], str]) -> Change:
    return lambda text: TABLE.assign(time=[write(t) for t in QUARTERS]).to_csv(index=False)


def italian(text: str) -> str:
    return text.replace(",", ";").replace(".", ",")


@pytest.fixture
def community() -> MeteredCommunity:
    return MeteredCommunity.model_validate(
        {
            "configuration": "CER",
            "region": "Campania",
            "plants": [{"pod": "A", "power_kw": 20.0, "commissioned": "2024-06-01"}],
            "members": [{"pod": "A"}, {"pod": "B"}],
        }
    )


@pytest.mark.parametrize(
    ("change", "encoding"),
    [
        (lambda text: text, "utf-8"),
        (lambda text: text.replace("\n", "\r\n"), "utf-8-sig"),
        (lambda text: text, "utf-16"),
        (italian, "utf-8"),
        (italian, "utf-16"),
        (lambda text: italian(text).replace("\n", "\r\n"), "utf-8-sig"),
        (lambda text: text.replace(",", ";"), "utf-8"),
        (lambda text: text.replace(",", "\t"), "utf-8"),
        (lambda text: text.replace(",", ", "), "utf-8"),
        (lambda text: text + "\n\n,,,\n", "utf-8"),
        (lambda text: text.rstrip("\n"), "utf-8"),
        (times(lambda t: t.tz_convert("UTC").strftime("%Y-%m-%dT%H:%MZ")), "utf-8"),
        (times(lambda t: t.tz_convert("UTC").strftime("%Y%m%dT%H%M%S+0000")), "utf-8"),
        (times(lambda t: t.tz_convert("UTC").strftime("%Y-%m-%d %H:%M:%S.000+00:00")), "utf-8"),
        (lambda text: TABLE[list(TABLE)[::-1]].to_csv(index=False), "utf-8"),
    ],
)
def test_files_that_mean_the_same_are_read_alike(
    change: Change, encoding: str, community: MeteredCommunity, tmp_path: Path
) -> None:
    path = tmp_path / "readings.csv"
    path.write_bytes(change(TEXT).encode(encoding))
    read = read_readings(path, community, "community.yaml")
    assert (read.grid.start, read.grid.step_s, read.grid.n_steps) == (QUARTERS[0].timestamp(), 900, 100)
    assert read.pods == ("A", "B")
    np.testing.assert_array_equal(read.withdrawn_kwh, TABLE[["A:withdrawal_kwh", "B:withdrawal_kwh"]])
    np.testing.assert_array_equal(read.injected_kwh[:, 0], TABLE["A:injection_kwh"])
    assert not read.injected_kwh[:, 1].any()


def test_seventeen_digits_come_back_to_the_bit(community: MeteredCommunity, tmp_path: Path) -> None:
    exact = TABLE.assign(**{"A:injection_kwh": np.random.default_rng(3).random(100) / 3.0})
    exact.to_csv(tmp_path / "readings.csv", index=False)
    read = read_readings(tmp_path / "readings.csv", community, "community.yaml")
    np.testing.assert_array_equal(read.injected_kwh[:, 0], exact["A:injection_kwh"])


@pytest.mark.parametrize(("day", "quarters"), [("2025-03-30", 92), ("2025-07-01", 96), ("2025-10-26", 100)])
def test_days_of_a_clock_change(day: str, quarters: int, community: MeteredCommunity, tmp_path: Path) -> None:
    end = pd.Timestamp(day) + pd.Timedelta(days=1)
    index = pd.date_range(day, end, freq="15min", tz="Europe/Rome", inclusive="left")
    table = pd.DataFrame({"time": [t.isoformat() for t in index]})
    for column in TABLE.columns[1:]:
        table[column] = 0.25
    table.to_csv(tmp_path / "readings.csv", index=False)
    assert read_readings(tmp_path / "readings.csv", community, "c").grid.n_steps == quarters


@pytest.mark.parametrize(
    ("change", "message"),
    [
        # who is metered and who is listed
        (lambda t: t.replace("B:with", "C:with"), "column C:withdrawal_kwh: delivery point 'C' is neither"),
        (
            lambda t: TABLE.drop(columns="B:withdrawal_kwh").to_csv(index=False),
            "no column for the member 'B'",
        ),
        (
            lambda t: TABLE.drop(columns="A:injection_kwh").to_csv(index=False),
            "column A:injection_kwh is missing, but a plant of 20 kW stands behind 'A'",
        ),
        (lambda t: t.replace("B:withdrawal_kwh", "B:power_kw"), "column B:power_kw: unknown; allowed: time"),
        (lambda t: t.replace("B:with", "A:with"), "column A:withdrawal_kwh is there twice"),
        (lambda t: t.replace("B:with", "A :with"), "column A :withdrawal_kwh is there twice"),
        (lambda t: t.replace("time,", "when,"), "column time is missing; the columns found are when, A:with"),
        (lambda t: t.replace("\n", ",\n"), "column 5 has no title"),
        # times
        (
            times(lambda t: t.strftime("%Y-%m-%dT%H:%M:%S")),
            "row 2: '2025-10-26T00:00:00' does not say its of",
        ),
        (times(lambda t: t.strftime("%Y-%m-%d")), "row 2: '2025-10-26' does not say its offset"),
        (cell(52, 0, "2025-10-26T11:30:00"), "row 52: '2025-10-26T11:30:00' does not say its offset"),
        (times(lambda t: t.strftime("%d/%m/%Y %H:%M")), "row 2: '26/10/2025 00:00' is no time"),
        (cell(9, 0, ""), "row 9: '' is blank"),
        (lines(lambda r: r[:31] + r[32:]), "no row for 2025-10-26T06:30:00+01:00 (1 missing"),
        (
            lines(lambda r: r[:32] + r[31:]),
            "row 33 (2025-10-26T06:30:00+01:00) has the time of the row before",
        ),
        (lines(lambda r: [r[0], *r[50:101], *r[1:50]]), "row 53 (2025-10-26T00:00:00+02:00) is earlier"),
        (
            lines(lambda r: r[:49] + r[49::4]),
            "from row 50 (2025-10-26T11:00:00+01:00) the rows are 60 min ap",
        ),
        (lines(lambda r: [r[0], *r[1::2]]), "30 min after the row before, allowed: 60 or 15 min"),
        (
            lines(lambda r: [r[0], *r[2:]]),
            "row 2 (2025-10-26T00:15:00+02:00) does not begin an hour; are the",
        ),
        (
            lines(lambda r: r[:50]),
            "row 50 (2025-10-26T11:00:00+01:00), does not end an hour; was the file cut",
        ),
        (times(lambda t: (t + pd.Timedelta(seconds=7)).isoformat()), "does not begin a step of 15 min"),
        (
            times(lambda t: t.strftime("%Y-%m-%dT%H:%M:%S+01:00")),
            "row 14 (2025-10-26T02:00:00+01:00) is earl",
        ),
        # numbers
        (
            cell(9, 2, "-0.1"),
            "column A:injection_kwh, row 9 (2025-10-26T01:45:00+02:00): -0.1 kWh, allowed: 0",
        ),
        (cell(9, 2, ""), "column A:injection_kwh, row 9 (2025-10-26T01:45:00+02:00): blank or no finite"),
        (cell(9, 2, "NaN"), "column A:injection_kwh, row 9 (2025-10-26T01:45:00+02:00): blank or no finite"),
        (cell(9, 2, "inf"), "column A:injection_kwh, row 9 (2025-10-26T01:45:00+02:00): blank or no finite"),
        (cell(9, 2, "n/d"), "column A:injection_kwh, row 9 (2025-10-26T01:45:00+02:00): 'n/d' is no number"),
        (cell(9, 2, '"0,5"'), "'0,5' is no number (1 in the column); allowed: digits and one decimal point"),
        (cell(9, 2, "0,5"), "row 9 (2025-10-26T01:45:00+02:00) has 5 cells, allowed: 4"),
        (lambda t: italian(t).replace(";0,", ";0.", 1), "the numbers hold points and commas"),
        (
            lambda t: t[:-9],
            "column B:withdrawal_kwh, row 101 (2025-10-26T23:45:00+01:00): blank or no finite",
        ),
        (lambda t: t[:-30], "row 101: '2025-10-26T23:45:' is no time"),
        (lambda t: "", "is empty or no text"),
        (lambda t: "\0\1\2" * 50, "is empty or no text"),
        (lambda t: t.split("\n")[0] + "\n", "no rows below the titles"),
    ],
)
def test_what_is_wrong_is_named(
    change: Change, message: str, community: MeteredCommunity, tmp_path: Path
) -> None:
    path = tmp_path / "readings.csv"
    path.write_text(change(TEXT))
    with pytest.raises(RecosimError) as error:
        read_readings(path, community, "community.yaml")
    assert message in str(error.value)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)


def test_points_between_thousands_are_not_taken_for_decimals(
    community: MeteredCommunity, tmp_path: Path
) -> None:
    path = tmp_path / "readings.csv"
    rows = [f"{time};1.234;2.345;3.456" for time in TABLE.time]
    path.write_text("\n".join([TEXT.split("\n")[0].replace(",", ";"), *rows]))
    with pytest.raises(RecosimError, match="the numbers hold points, which may divide thousands or decimals"):
        read_readings(path, community, "community.yaml")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "power_kw: 20",
            "power_kw: 1000.01",
            "plant 'A': power_kw = 1000.01, allowed (0, 1000]; only plants up",
        ),
        ("2024-06-01", "2024-06-01, grant_percent: 41", "plant 'A': grant_percent = 41, allowed [0, 40]"),
        ("{pod: B, primary_substation: AC1", "{pod: B, primary_substation: AC2", "member 'B' under 'AC2'"),
        ("region:", "regions:", "regions: unknown key, did you mean 'region'?"),
        ("power_kw", "power", "plants[0].power: unknown key"),
        ("region: Campania", "region: Campaña", "region = 'Campaña', did you mean 'Campania'?"),
        ("{pod: B", "{pod: A", "pod 'A' is listed 2 times"),
        ("2024-06-01", "01/06/2024", "plants[0].commissioned = '01/06/2024', allowed: a date as YYYY-MM-DD"),
        ("company", "firm", "members[0].kind = 'firm', allowed: natural_person"),
        ("region:", "allocation: coincident\nregion:", "did you mean 'coincident_withdrawal'?"),
        ("region:", "settlement_step: quarter\nregion:", None),
        ("configuration: CER", "configuration: AID\nregime: transitional", "knows no AID"),
        (
            "plants:",
            "plants:\n  - {pod: A, power_kw: 3, commissioned: 2010-01-01}",
            "stand behind one delivery",
        ),
        (COMMUNITY, "", "holds nothing, allowed: configuration"),
        ("configuration: CER\n", "", "configuration is missing"),
    ],
)
def test_a_wrong_community_is_named(old: str, new: str, message: str | None, tmp_path: Path) -> None:
    assert old in COMMUNITY
    readings, community = tmp_path / "readings.csv", tmp_path / "community.yaml"
    readings.write_text(TEXT)
    community.write_text(COMMUNITY.replace(old, new, 1), encoding="utf-8")
    prices = tmp_path / "prices.csv"
    prices.write_text(PRICE_TEXT)
    if message is None:
        assert settle_files(readings, community, prices).settlement.energy_shared_total_kwh > 0.0
        return
    with pytest.raises(RecosimError) as error:
        settle_files(readings, community, prices)
    assert message in str(error.value)
    assert "community.yaml" in str(error.value)


def test_hours_cannot_be_settled_by_quarters(tmp_path: Path) -> None:
    readings, community = tmp_path / "readings.csv", tmp_path / "community.yaml"
    TABLE.iloc[::4].to_csv(readings, index=False)
    community.write_text(COMMUNITY + "settlement_step: quarter\n")
    with pytest.raises(RecosimError, match="needs energies by quarter-hour, but the rows are 3600 s apart"):
        settle_files(readings, community)


def test_the_file_of_a_community_is_read_as_written(tmp_path: Path) -> None:
    path = tmp_path / "community.yaml"
    path.write_text(
        COMMUNITY.replace("photovoltaic", "PV").replace("2024-06-01", "'2024-06-01'").replace("AC1", "17")
        + "allocation: equal\nfees: {gse: true, rid: false}\n"
    )
    read = load_metered_community(path)
    assert read.allocation.key == "equal"
    assert (read.fees.gse, read.fees.rid) == (True, False)
    assert read.plants[0].technology == "photovoltaic"
    assert read.plants[0].commissioned.isoformat() == "2024-06-01"
    assert read.members[1].primary_substation == "17"
    assert read.members[1].kind == "natural_person"


@pytest.mark.parametrize(
    "text",
    [
        PRICE_TEXT,
        "time_utc,CSUD,PUN\n"
        + "".join(f"{t.tz_convert('UTC'):%Y-%m-%dT%H:%M},{100 + i},1\n" for i, t in enumerate(QUARTERS[::4])),
        "time,zonal_price_eur_per_mwh,pun_eur_per_mwh\n"
        + "".join(f"{t.isoformat()},{100 + i // 4 + (i % 4 - 1.5)},\n" for i, t in enumerate(QUARTERS)),
        "time,zonal_price_eur_per_mwh\n"
        + "".join(
            f"{t.isoformat()},{100 + i // 4}\n" for i, t in enumerate(QUARTERS) if i % 4 == 0 or i >= 48
        ),
        italian(PRICE_TEXT),
    ],
)
def test_prices_by_hour_by_quarter_and_by_both(
    text: str, community: MeteredCommunity, tmp_path: Path
) -> None:
    (tmp_path / "prices.csv").write_text(text)
    hours = np.array([int(t.timestamp()) for t in QUARTERS[::4]])
    price = read_hourly_prices(tmp_path / "prices.csv", community, hours).zonal_eur_per_mwh
    np.testing.assert_allclose(price, 100.0 + np.arange(25), rtol=1e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lines(lambda r: r[:20]),
            "no price for the hour from 2025-10-26 17:00 UTC (2025-10-26 18:00 Europe/R",
        ),
        (lines(lambda r: r[:10] + r[11:]), "(hours without: 1)"),
        (
            lambda t: (
                t.split("\n")[0]
                + "\n"
                + "".join(f"{q.isoformat()},100\n" for i, q in enumerate(QUARTERS) if i != 33)
            ),
            "a part of the price for the hour from 2025-10-26 06:00 UTC",
        ),
        (cell(4, 1, ""), "row 4 (2025-10-26T02:00:00+02:00): blank or no finite number"),
        (cell(4, 1, "9999"), "9999, allowed [-500, 5000] EUR/MWh"),
        (lambda t: t.replace(",1", ",0.1"), "is the column in EUR/kWh? Multiply it by 1000"),
        (
            lambda t: t.replace("zonal", "national"),
            "column zonal_price_eur_per_mwh (or CSUD, the zone of Campan",
        ),
        (lambda t: t.replace("+01:00", "").replace("+02:00", ""), "does not say its offset"),
    ],
)
def test_prices_that_do_not_serve_are_refused(
    change: Change, message: str, community: MeteredCommunity, tmp_path: Path
) -> None:
    path = tmp_path / "prices.csv"
    path.write_text(change(PRICE_TEXT))
    hours = np.array([int(time.timestamp()) for time in QUARTERS[::4]])
    with pytest.raises(RecosimError) as error:
        read_hourly_prices(path, community, hours)
    assert message in str(error.value)
    assert str(error.value).startswith(f"{path}: ")
