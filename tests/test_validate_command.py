"""The command ``validate``: its table, its JSON, its exit code."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from recosim.scenarios.validation import households, registry
from recosim.scenarios.validation.reference import Report, Request, checked, shown
from recosim.scenarios.validation.registry import VALIDATIONS, Validation
from recosim.tables import validation_table

Command = Callable[..., tuple[int, str, str]]


def report(value: float = 1.5) -> Report:
    return Report(
        title="Loads",
        rows=[
            checked(
                "heating",
                "MWh",
                value,
                1.0,
                2.0,
                "table 1",
                group="case A",
                published="1.2 to 1.8",
                beside=9.0,
            ),
            shown("cooling", "MWh", 0.5, "table 2", 0.7, 0.9, group="case A"),
        ],
        figures={"A": {"heating_mwh": value}},
        beside="h_is 3.45",
        notes=["what it is about"],
    )


@pytest.fixture
def replaced(monkeypatch: pytest.MonkeyPatch) -> Callable[[Mapping[str, Callable[[Request], Report]]], None]:
    """Put functions in the place of the validations; those named ``needy…`` want a weather file."""

    def put(functions: Mapping[str, Callable[[Request], Report]]) -> None:
        monkeypatch.setattr(
            registry,
            "VALIDATIONS",
            {
                name: Validation(
                    module=name, what="", weather="a file" if name.startswith("needy") else "", cases=True
                )
                for name in functions
            },
        )
        monkeypatch.setattr(registry, "import_module", lambda name: SimpleNamespace(validate=functions[name]))

    return put


def lines_of(of: Report) -> list[list[str]]:
    console = Console(width=200)
    with console.capture() as capture:
        console.print(validation_table(of))
    return [line.split() for line in capture.get().splitlines()]


def test_figures_stand_beside_their_references() -> None:
    lines = lines_of(report())
    assert ["ours", "h_is", "3.45", "published", "allowed", "unit"] in lines
    assert ["case", "A"] in lines
    assert ["heating", "1.500", "9.000", "1.2", "to", "1.8", "1.000", "to", "2.000", "MWh", "green"] in lines
    shown_only = ["cooling", "0.500", "–", "(0.700", "to", "0.900)", "MWh", "outside", "by", "-0.200"]
    assert shown_only in lines


def test_a_red_figure_says_by_how_much() -> None:
    (line,) = [line for line in lines_of(report(2.25)) if line[:1] == ["heating"]]
    assert line[-3:] == ["RED", "by", "0.250"]


@pytest.mark.parametrize(("value", "code"), [(1.5, 0), (2.5, 1)])
def test_the_exit_code_is_1_when_a_row_is_red(
    recosim: Command, replaced: Callable, value: float, code: int
) -> None:
    replaced({"one": lambda _: report(value)})
    found, out, err = recosim("validate")
    assert (found, err) == (code, "")
    assert "Sources: table 1; table 2" in out and "note: what it is about" in out
    assert f"{1 - code} green, {code} red" in out


def test_cases_may_be_listed_or_repeated(recosim: Command, replaced: Callable) -> None:
    asked: list[Request] = []

    def validate(request: Request) -> Report:
        asked.append(request)
        return report()

    replaced({"one": validate})
    assert recosim("validate", "one", "--cases", "600, 640", "--cases", "900", "--weather", "w.epw")[0] == 0
    assert asked == [Request(weather=Path("w.epw"), cases=("600", "640", "900"))]


def test_json_has_the_figures_the_rows_and_what_was_skipped(recosim: Command, replaced: Callable) -> None:
    def noisy(_: Request) -> Report:
        print("a library says hello")  # noqa: T201
        return report(2.5)

    replaced({"one": noisy, "needy": lambda _: report()})
    code, out, _ = recosim("validate", "--json", "-")
    found = json.loads(out)
    assert code == 1
    assert (found["ok"], found["one"]["ok"]) == (False, False)
    assert found["one"]["A"] == {"heating_mwh": 2.5}
    assert found["one"]["rows"][0]["high"] == 2.0 and found["one"]["rows"][1]["ok"] is None
    assert found["skipped"] == {"needy": "needs a file"}


def test_what_cannot_run_is_named_and_the_rest_runs(recosim: Command, replaced: Callable) -> None:
    replaced({"needy": lambda _: report(), "one": lambda _: report()})
    code, out, _ = recosim("validate")
    assert code == 0
    assert "needy: not run, it needs a file" in out and "Loads" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nope"], "allowed: bestest, irradiation, tabula"),
        (["bestest"], "--weather FILE"),
        (["bestest", "--weather", "absent.epw"], "absent.epw"),
        (["tabula", "--json", "x.txt"], "--json x.txt"),
    ],
)
def test_mistakes_are_one_line(recosim: Command, arguments: list[str], words: str) -> None:
    code, out, err = recosim("validate", *arguments)
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1 and words in err


def test_the_help_names_every_validation(recosim: Command) -> None:
    text = " ".join(recosim("validate", "--help")[1].split())
    assert all(name in text for name in VALIDATIONS)


def test_tabula_as_a_user_runs_it(recosim: Command) -> None:
    code, out, _ = recosim("validate", "tabula", "--json", "-")
    found = json.loads(out)
    assert code == 0
    assert len(found["static"]) == 42
    assert set(found["dynamic"]) == {"AB.05", "AB.06", "AB.07", "AB.08"}


@pytest.mark.parametrize(("least", "code"), [(0.9, 0), (0.999, 1)])
def test_households_as_a_user_runs_it(
    recosim: Command, monkeypatch: pytest.MonkeyPatch, least: float, code: int
) -> None:
    monkeypatch.setattr(households, "SEEDS", range(10))
    monkeypatch.setattr(households, "CORRELATION_LEAST", least)
    found, out, err = recosim("validate", "households", "--json", "-")
    figures = json.loads(out)
    assert (found, figures["ok"], err) == (code, code == 0, "")
    assert figures["n_homes"] == 100
    assert 19.0 <= figures["evening_peak_first_h"] <= figures["evening_peak_last_h"] <= 22.0
