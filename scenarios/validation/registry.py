"""Which validations there are, and running them.

A new one is a module with ``validate(request: Request) -> Report`` and an entry in ``VALIDATIONS``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module

from recosim.errors import InputDataError, ScenarioError
from recosim.scenarios.validation.reference import Report, Request

DENVER = (
    "ASHRAE 140's weather of Denver (Denver Intl AP, TMY3 725650): download "
    "USA_CO_Denver.Intl.AP.725650_TMY3.epw from https://energyplus.net/weather and give it with "
    "--weather FILE"
)


@dataclass(frozen=True, kw_only=True)
class Validation:
    """One validation.

    Parameters
    ----------
    module : str
        Where its ``validate(request) -> Report`` is; imported when it runs.
    what : str
        One line for the help.
    weather : str
        Which weather file it needs and where to get it; empty: none.
    cases : bool
        It has cases that can be chosen.
    """

    module: str
    what: str
    weather: str = ""
    cases: bool = False


VALIDATIONS: Mapping[str, Validation] = {
    "bestest": Validation(
        module="recosim.scenarios.validation.bestest",
        what="thermal model of the dwellings against six programmes, ASHRAE 140-2020",
        weather=DENVER,
        cases=True,
    ),
    "irradiation": Validation(
        module="recosim.scenarios.validation.irradiation",
        what="yearly irradiation on five planes against EnergyPlus, ASHRAE 140-2020",
        weather=DENVER,
    ),
    "tabula": Validation(
        module="recosim.scenarios.validation.tabula",
        what="seasonal heat need of Italian buildings against TABULA",
    ),
    "climate": Validation(
        module="recosim.scenarios.validation.climate",
        what="synthetic years against the climate table, and Naples' yield",
        cases=True,
    ),
    "households": Validation(
        module="recosim.scenarios.validation.households",
        what="base loads of a hundred seeds against ARERA's metered days",
    ),
}


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of all that was asked for.

    Parameters
    ----------
    reports : mapping of str to Report
        By name, in the order in which they ran.
    skipped : mapping of str to str
        What could not run, and what it needs.
    """

    reports: Mapping[str, Report]
    skipped: Mapping[str, str]

    @property
    def ok(self) -> bool:
        """No row of any report is red."""
        return all(report.ok for report in self.reports.values())


def run_validations(name: str | None, request: Request) -> Outcome:
    """Run one validation, or all that can run with what is given.

    Raises
    ------
    ScenarioError
        There is no validation of that name, or it has no cases to choose from.
    InputDataError
        The one that was asked for needs a weather file.
    """
    if name is not None and name not in VALIDATIONS:
        raise ScenarioError(f"validation {name!r}, allowed: {', '.join(VALIDATIONS)}")
    if request.cases and (name is None or not VALIDATIONS[name].cases):
        with_cases = " or ".join(one for one, validation in VALIDATIONS.items() if validation.cases)
        why = "name the validation" if name is None else f"{name} has none"
        raise ScenarioError(f"--cases {','.join(request.cases)}: {why}; allowed with: {with_cases}")
    reports: dict[str, Report] = {}
    skipped: dict[str, str] = {}
    for one in VALIDATIONS if name is None else (name,):
        validation = VALIDATIONS[one]
        if validation.weather and request.weather is None:
            if name is not None:
                raise InputDataError(f"{one} needs {validation.weather}")
            skipped[one] = f"needs {validation.weather}"
        else:
            reports[one] = import_module(validation.module).validate(request)
    return Outcome(reports=reports, skipped=skipped)
