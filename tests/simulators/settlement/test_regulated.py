import csv
from pathlib import Path

import pytest

from recosim.simulators.settlement import regulated
from recosim.simulators.settlement.checks import SettlementError
from recosim.simulators.settlement.regulated import by_voltage, figure, figure_names, value


@pytest.mark.parametrize(
    ("name", "year", "expected"),
    [
        ("trase_eur_per_mwh", 2021, 7.61),
        ("trase_eur_per_mwh", 2023, 8.48),
        ("trase_eur_per_mwh", 2025, 10.57),
        ("btau_eur_per_mwh", 2024, 0.65),
        ("price_minimum_photovoltaic_eur_per_mwh", 2025, 46.8),
        ("price_minimum_photovoltaic_eur_per_mwh", 2026, 47.5),
    ],
)
def test_published_figures(name: str, year: int, expected: float) -> None:
    assert value(name, year) == expected
    assert figure(name, year).note == ""


def test_a_later_year_uses_the_last_one_and_says_so() -> None:
    found = figure("trase_eur_per_mwh", 2040)
    assert found.value == 10.57
    assert (found.year, found.year_used) == (2040, 2026)
    assert "2040" in found.note
    assert "2026" in found.note


@pytest.mark.parametrize("year", [2019, 2022])
def test_an_earlier_year_or_a_gap_is_refused(year: int) -> None:
    with pytest.raises(SettlementError, match=f"tariff_year = {year}.*2020-2021, 2023, 2024-2026"):
        value("trase_eur_per_mwh", year)


def test_unknown_figure_and_voltage() -> None:
    with pytest.raises(SettlementError, match="allowed: trase_eur_per_mwh"):
        value("trase", 2024)
    with pytest.raises(SettlementError, match="voltage = 'BT', allowed: LV, MV, HV"):
        by_voltage("avoided_losses", ("BT",), 2024)
    assert by_voltage("avoided_losses", ("LV", "MV", "HV"), 2024).tolist() == [0.026, 0.012, 0.0]


def test_every_row_has_a_source_and_no_years_overlap() -> None:
    text = (Path(regulated.__file__).parent / "regulated.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    assert len(rows) > 20
    for row in rows:
        assert len(row["source"]) > 10, row
        assert row["unit"]
        assert int(row["year_first"]) <= int(row["year_last"])
    for name in figure_names():
        years = [
            year
            for row in rows
            if row["figure"] == name
            for year in range(int(row["year_first"]), int(row["year_last"]) + 1)
        ]
        assert len(years) == len(set(years)), name
