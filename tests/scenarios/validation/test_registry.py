from importlib import import_module
from pathlib import Path

import pytest

from recosim.errors import InputDataError, ScenarioError
from recosim.scenarios.validation import registry
from recosim.scenarios.validation.reference import Report, Request, checked
from recosim.scenarios.validation.registry import VALIDATIONS, Validation, run_validations


def validate(request: Request) -> Report:
    return Report(title="one", rows=[checked("x", "kW", 3.0, 1.0, 2.0, "a table")], notes=list(request.cases))


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> None:
    """A validation without needs and one that wants weather, both in this file."""
    here = Validation(module="here", what="", cases=True)
    monkeypatch.setattr(registry, "import_module", lambda _: Here)
    monkeypatch.setattr(
        registry, "VALIDATIONS", {"free": here, "needy": Validation(module="here", what="", weather="a file")}
    )


class Here:
    validate = staticmethod(validate)


def test_every_validation_can_be_imported() -> None:
    for validation in VALIDATIONS.values():
        assert callable(import_module(validation.module).validate)


@pytest.mark.usefixtures("two")
def test_without_a_name_all_that_can_run() -> None:
    outcome = run_validations(None, Request())
    assert list(outcome.reports) == ["free"]
    assert outcome.skipped == {"needy": "needs a file"}
    assert not outcome.ok, "its one row is red"


@pytest.mark.usefixtures("two")
def test_with_weather_all_run() -> None:
    outcome = run_validations(None, Request(weather=Path("denver.epw")))
    assert list(outcome.reports) == ["free", "needy"] and not outcome.skipped


@pytest.mark.usefixtures("two")
def test_what_cannot_run_says_what_it_needs() -> None:
    with pytest.raises(InputDataError, match="needy needs a file"):
        run_validations("needy", Request())


@pytest.mark.usefixtures("two")
def test_cases_go_to_the_validation_that_is_named() -> None:
    assert run_validations("free", Request(cases=("a",))).reports["free"].notes == ["a"]
    with pytest.raises(ScenarioError, match="name the validation; allowed with: free"):
        run_validations(None, Request(cases=("a",)))


@pytest.mark.usefixtures("two")
def test_cases_where_there_are_none_and_unknown_names() -> None:
    with pytest.raises(ScenarioError, match="needy has none; allowed with: free"):
        run_validations("needy", Request(weather=Path("x"), cases=("600",)))
    with pytest.raises(ScenarioError, match="allowed: free, needy"):
        run_validations("nope", Request())


def test_where_to_get_the_weather() -> None:
    for name in ("bestest", "irradiation"):
        with pytest.raises(InputDataError, match=r"725650.*energyplus\.net.*--weather"):
            run_validations(name, Request())
