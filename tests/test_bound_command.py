"""The command ``bound``, and the regret in ``compare``."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

from recosim.cli import main
from recosim.results.compare import ComparedRun, Comparison, Regret
from recosim.scenarios.bound import Bound, WindowBound
from recosim.tables import bound_table, comparison_table

DAY = ["--start", "2025-07-14", "--days", "1", "--set", "community.size=2", "--set", "period.warmup_days=0"]


@pytest.fixture
def recosim(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., str]:
    """Run a command in a folder of its own; what it prints."""
    monkeypatch.chdir(tmp_path)

    def command(*arguments: str) -> str:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        captured = capsys.readouterr()
        assert ended.value.code == 0, captured.err
        return captured.out

    return command


def text_of(table: Table) -> str:
    console = Console(width=200)
    with console.capture() as capture:
        console.print(table)
    return capture.get()


def line_of(table: Table, words: str) -> list[str]:
    (line,) = [line for line in text_of(table).splitlines() if words in line]
    return line.split(words)[1].split()


def bound(upper_eur: float | None = 20.0) -> Bound:
    gap = None if upper_eur is None else upper_eur - 12.5
    return Bound(
        scenario="naples",
        start="2025-07-14",
        days=7,
        seed=1,
        lower_eur=12.5,
        upper_eur=upper_eur,
        bills_eur=None if upper_eur is None else 100.0,
        gap_eur=gap,
        gap_percent_of_bills=gap,
        weeks=(WindowBound(start="2025-07-14", days=7.0, lower_eur=12.5, seconds=1.0),),
        seconds_lower=1.0,
        seconds_upper=2.0,
        scenario_yaml="name: naples\n",
    )


def test_bound_table() -> None:
    table = bound_table(bound())
    assert "naples, 7 days from 2025-07-14, seed 1" in text_of(table)
    assert line_of(table, "lower bound of J, by marginal rates") == ["12.50", "EUR"]
    assert line_of(table, "J that mpc reaches on the linear plant") == ["20.00", "EUR"]
    assert line_of(table, "gap") == ["7.50", "EUR"]
    assert line_of(table, "in per cent of the bills") == ["7.50", "%"]


def test_bound_table_without_the_upper_value() -> None:
    assert line_of(bound_table(bound(None)), "J that mpc reaches on the linear plant") == ["–", "EUR"]


@pytest.mark.parametrize(("shares", "shown"), [((1.0, 0.254), ["25.4", "%"]), ((None, None), ["–"])])
def test_regret_in_a_comparison(shares: tuple[float | None, float | None], shown: list[str]) -> None:
    runs = tuple(
        ComparedRun(path=Path(f"{name}.h5"), scenario="s", controller=name, seed=1)
        for name in ("rules", "mpc")
    )
    regret = Regret(bound_eur=1.0, values_eur=(20.0, 5.08), shares=shares)
    table = comparison_table(Comparison(runs=runs, rows=(), notes=(), regret=regret))
    assert line_of(table, "in per cent of the first") == ["20.00", "5.08", *shown, "EUR"]


def test_from_a_bound_to_the_regret(recosim: Callable[..., str]) -> None:
    printed = recosim("bound", "naples", *DAY, "--lower-only", "--json", "bound.json")
    assert "lower bound of J" in printed
    assert "note: the lower bound admits opened windows" in printed
    content = json.loads(Path("bound.json").read_text(encoding="utf-8"))
    assert (content["scenario"], content["start"], content["days"]) == ("naples", "2025-07-14", 1)
    assert content["upper_eur"] is None
    assert [week["start"] for week in content["weeks"]] == ["2025-07-14"]
    for controller in ("rules", "idle"):
        recosim("run", "naples", *DAY, "--controller", controller, "--out", f"{controller}.h5")
    compared = recosim("compare", "rules.h5", "idle.h5", "--bound", "bound.json", "--json", "-")
    regret = json.loads(compared)["regret"]
    assert regret["bound_eur"] == content["lower_eur"]
    assert min(regret["values_eur"]) > 0.0


def test_only_json_goes_to_standard_output(recosim: Callable[..., str]) -> None:
    found = json.loads(recosim("bound", "naples", *DAY, "--json", "-"))
    assert found["lower_eur"] < found["upper_eur"]
    assert found["gap_eur"] == pytest.approx(found["upper_eur"] - found["lower_eur"])
    assert found["gap_percent_of_bills"] == pytest.approx(100.0 * found["gap_eur"] / found["bills_eur"])
