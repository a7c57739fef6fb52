"""Numbers as people read them."""

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

from recosim.quantities import KPI_NAMES, quantity
from recosim.readable import GROUP_BEGINS, grouped, percent, readable
from recosim.results.compare import ComparedRun, Comparison, ComparisonRow
from recosim.tables import change, comparison_table, description_of, kpi_table, listing_table


def text_of(table: Table) -> str:
    console = Console(width=200)
    with console.capture() as capture:
        console.print(table)
    return capture.get()


def line_of(table: Table, word: str) -> list[str]:
    (line,) = [line for line in text_of(table).splitlines() if word in line]
    return line.split(word)[1].split()


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "EUR", "–"),
        (float("nan"), "kWh", "–"),
        (0.0, "kWh", "0.00"),
        (-0.004, "EUR", "0.00"),
        (-0.006, "EUR", "-0.01"),
        (-0.0001, "%", "0.0"),
        (0.0, "1", "0"),
        (1234.5, "EUR", "1,234.50"),
        (1234.5, "kWh", "1,234"),
        (123.45, "kWh", "123.5"),
        (-1.234, "kW", "-1.23"),
        (3.2e-13, "kWh", "0.00"),
        (5.3e-14, "K h", "0.00"),
        (7.0, "d", "7"),
        (0.2567, "%", "25.7"),
        (12.0, "1", "12"),
        (12.5, "1", "12.50"),
    ],
)
def test_readable(value: float | None, unit: str, text: str) -> None:
    assert readable(value, unit) == text


def test_the_balance_residual_shows_its_order_of_magnitude() -> None:
    assert readable(3.2e-13, "kWh", "balance_residual_kwh") == "3.2e-13"
    assert readable(0.0, "kWh", "balance_residual_kwh") == "0.00"


def test_percent() -> None:
    assert [percent(v) for v in (-0.04, 0.04)] == ["0.0 %", "0.0 %"]
    assert [percent(v) for v in (12.34, -3.0, 0.0, None, float("inf"))] == [
        "+12.3 %",
        "-3.0 %",
        "0.0 %",
        "–",
        "–",
    ]


def test_groups_cover_every_key_figure_in_order() -> None:
    groups = dict(grouped(KPI_NAMES))
    assert list(groups) == list(GROUP_BEGINS.values())
    assert [name for names in groups.values() for name in names] == list(KPI_NAMES)


def test_an_unknown_key_figure_is_printed_last() -> None:
    assert list(grouped(["energy_hydrogen_kwh", "bill_eur"])) == [
        ("Money", ["bill_eur"]),
        ("Other", ["energy_hydrogen_kwh"]),
    ]


def test_kpi_table() -> None:
    table = kpi_table({"bill_eur": 98.9, "self_consumption": 0.25, "solve_ms_p99": None, "fallbacks": 0}, "t")
    assert line_of(table, "bills for withdrawn energy") == ["98.90", "EUR"]
    assert line_of(table, "self-consumption, physical") == ["25.0", "%"]
    assert "solve time" not in text_of(table)  # nothing was solved
    assert line_of(table, "decisions left to a fallback") == ["0"]


def row_of(kpi: str, reference: float | None, value: float | None, percents: float | None) -> ComparisonRow:
    difference = None if reference is None or value is None else value - reference
    return ComparisonRow(
        kpi=kpi,
        unit="1",
        meaning=kpi,
        values=(reference, value),
        differences=(0.0, difference),
        percents=(0.0, percents),
        percents_of_bills=(None, None),
    )


def test_changes() -> None:
    assert change(row_of("bill_eur", 100.0, 123.0, 23.0), 1, "EUR") == "+23.0 %"
    assert change(row_of("discomfort_kh", 5e-13, 1e-13, -80.0), 1, "K h") == "–"
    assert change(row_of("heat_unmet_kwh", 2.0, 1e-13, -100.0), 1, "kWh") == "-100.0 %"
    assert change(row_of("self_consumption", 0.312, 0.248, -20.5), 1, "%") == "-6.4 pp"
    assert change(row_of("self_consumption", None, 0.248, None), 1, "%") == "–"
    assert change(row_of("balance_residual_kwh", 4e-14, 8e-14, 100.0), 1, "kWh") == "+100.0 %"


def test_every_label_fits_beside_two_runs_in_80_columns() -> None:
    assert {name: quantity(name).meaning for name in KPI_NAMES if len(quantity(name).meaning) > 38} == {}


def test_a_title_is_not_folded_to_the_width_of_the_entries() -> None:
    title = "/a/long/path/to/a/weather/file.csv"
    assert text_of(listing_table(title, {"a": "b"})).splitlines()[0].strip() == title


def test_controllers_are_described_by_their_docstring_without_importing_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def described(value: str) -> str:
        return description_of(EntryPoint(name="x", value=value, group="recosim.controllers"))

    assert described("recosim.controllers.rules:Rules") == "Leaves every device to its own rule."
    (tmp_path / "other_people.py").write_text(
        'raise RuntimeError(\'imported\')\nclass Theirs:\n    """One.\n\n    Two."""\nclass Bare: ...\n'
    )
    (tmp_path / "broken_module.py").write_text("class (")
    monkeypatch.syspath_prepend(tmp_path)
    assert described("other_people:Theirs") == "One."
    for value in ("other_people:Bare", "other_people:Absent", "broken_module:X", "no_such_module.at_all:X"):
        assert described(value) == value


def compared(controllers: list[str]) -> Comparison:
    def row(kpi: str, values: tuple[float, float], of_bills: float | None) -> ComparisonRow:
        relative = 100.0 * (values[1] - values[0]) / values[0]
        return ComparisonRow(
            kpi=kpi,
            unit="EUR",
            meaning=kpi,
            values=values,
            differences=(0.0, values[1] - values[0]),
            percents=(0.0, relative),
            percents_of_bills=(None if of_bills is None else 0.0, of_bills),
        )

    runs = [
        ComparedRun(path=Path(f"runs/{letter}.h5"), scenario="s", controller=name, seed=1)
        for letter, name in zip("ab", controllers, strict=True)
    ]
    rows = (row("cost_net_eur", (50.0, 40.0), -8.0), row("bill_eur", (125.0, 130.0), None))
    return Comparison(runs=tuple(runs), rows=rows, notes=())


def test_comparison_table() -> None:
    table = comparison_table(compared(["rules", "mpc"]))
    assert line_of(table, "cost_net_eur") == ["50.00", "40.00", "-20.0", "%", "EUR"]
    assert line_of(table, "bill_eur") == ["125.00", "130.00", "+4.0", "%", "EUR"]
    assert line_of(table, "in per cent of the bills") == ["-8.0", "%"]


def test_columns_are_named_by_what_tells_the_runs_apart() -> None:
    assert "mpc" in text_of(comparison_table(compared(["rules", "mpc"])))
    alike = text_of(comparison_table(compared(["rules", "rules"])))
    assert " a " in alike
    assert " b " in alike
