"""Studies: a published paper's results beside ours, green or red."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from recosim.errors import ScenarioError
from recosim.scenarios.loader import load_scenario
from recosim.scenarios.naples_day import NaplesDay, Outcome
from recosim.scenarios.naples_table import CASES, EQUAL_EUR, FUTURES, case_rows, check_rows, percent
from recosim.scenarios.schema.scenario import Scenario
from recosim.scenarios.validation.reference import Report, Row, checked, shown

NAPLES = "naples-paper"
CAPACITIES_KWH = (2.0, 3.0, 4.5, 6.0, 9.0)
EFFICIENCIES = (1.0, 0.95, 0.90)
SHARED_REPLICA_KWH = {2.0: 119.7, 3.0: 128.2, 4.5: 141.8, 6.0: 151.5, 9.0: 163.3}
"""Shared energy of the replication, all decided, by battery size."""

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True)
class Study:
    """Reports by name; ``ok`` where no row of them is red."""

    reports: Mapping[str, Report]

    @property
    def ok(self) -> bool:
        """No row of any report is red."""
        return all(report.ok for report in self.reports.values())


def naples_study(
    overrides: Sequence[str] = (),
    *,
    futures: str | None = None,
    sensitivity: bool = False,
    progress: Progress | None = None,
) -> Study:
    """The Naples paper's table 3 beside ours.

    Parameters
    ----------
    overrides : sequence of str
        Changes of the scenario ``naples-paper``, as in `load_scenario`.
    futures : {"1", "3x3"}, optional
        Scenarios of sun and load; left out: both, one after the other.
    sensitivity : bool
        Also other sizes and efficiencies of the batteries, with one scenario of sun and load.
    progress : callable, optional
        Told what goes on, how much of it is done and how much there is.

    Raises
    ------
    ScenarioError
        The overrides do not fit, or make another kind of community, or ``futures`` is unknown.
    """
    if futures is not None and futures not in FUTURES:
        raise ScenarioError(f"--scenarios {futures}: allowed: {', '.join(FUTURES)}; left out: both")
    scenario = load_scenario(NAPLES, overrides)
    _refuse_other_studies(scenario)
    chosen = tuple(FUTURES) if futures is None else (futures,)
    variants = [(c, e) for c, e in _variants() if sensitivity]
    steps = _Steps(progress, len(chosen) * len(CASES) + len(variants))
    reports = {name: _table_report(scenario, name, steps) for name in chosen}
    if sensitivity:
        reports["sensitivity"] = _sensitivity_report(scenario, variants, steps)
    return Study(reports=reports)


def _refuse_other_studies(scenario: Scenario) -> None:
    """Raise a ScenarioError where the paper's equations do not hold, or an override would do nothing."""
    default = Scenario.model_fields
    for wrong, what in (
        (scenario.period.days != 1, f"period.days = {scenario.period.days}, allowed: 1"),
        (
            not any(flat.battery for flat in scenario.community.dwellings),
            "community.dwellings: no battery, allowed: one at least",
        ),
        (
            scenario.tariff.price_all_in_eur_per_kwh is None,
            "tariff.price_all_in_eur_per_kwh is missing, allowed: one price that contains everything",
        ),
        (scenario.forecast != default["forecast"].default, "forecast: allowed: perfect"),
        (scenario.model_error != default["model_error"].default, "model_error: allowed: 0"),
        (
            scenario.controller != default["controller"].default,
            "controller: the study has its own; use recosim run for others",
        ),
    ):
        if wrong:
            raise ScenarioError(f"{what} (study naples)")


class _Steps:
    """Counts what is done."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0

    def __call__(self, what: str) -> None:
        if self._progress is not None:
            self._progress(what, self._done, self._total)
        self._done += 1


def _table_report(scenario: Scenario, futures: str, steps: _Steps) -> Report:
    day = NaplesDay(scenario, FUTURES[futures])
    outcomes: dict[str, Outcome] = {}
    for case in CASES:
        steps(f"{futures}, {case.name}")
        outcomes[case.name] = day.outcome(case.controls)
    rows = [row for case in CASES for row in case_rows(case, outcomes)]
    rows += check_rows(outcomes)
    notes = [
        "ours is what the meters show after the day has been lived through, plan what was planned before it",
        "battery size and lossless batteries set S2: it gains 0.10 EUR for each kWh charged by day, and "
        "nothing at all with any loss (--sensitivity)",
    ]
    figures: dict[str, Any] = {name: vars(outcome) for name, outcome in outcomes.items()}
    if len(FUTURES[futures].factors) > 1:
        promises = _promises(day)
        figures["one_shared_energy_for_all"] = promises
        promised, paid = promises["S3"]["promised_eur"], promises["S3"]["paid_eur"]
        notes.append(
            "with one shared energy for all scenarios of sun and load, as the paper writes it, S3 would "
            f"promise {promised:.2f} EUR (the minimum of expectations) and be paid {paid:.2f} EUR (the "
            "expectation of the minimum); here every scenario has its own"
        )
        notes.append("each scenario of sun and load is planned knowing which one comes, as in the paper")
    what = "one scenario of sun and load" if futures == "1" else f"{futures} scenarios of sun and load"
    return Report(
        title=f"Naples paper, table 3: {what}", rows=rows, figures=figures, beside="plan", notes=notes
    )


def _promises(day: NaplesDay) -> dict[str, dict[str, float]]:
    """What a plan with one shared energy for all futures promises, and what it would be paid."""
    promises = {}
    for case in CASES[1:]:
        plan = day.plan(case.controls, shared_per_future=False)
        paid = day.problem.revenue_eur(plan.withdrawn_kw)
        promises[case.name] = {"promised_eur": plan.promised_eur, "paid_eur": paid}
    return promises


def _variants() -> list[tuple[float | None, float | None]]:
    """Capacities and efficiencies to try, None where the scenario's own is kept."""
    return [(kwh, None) for kwh in CAPACITIES_KWH] + [(None, eta) for eta in EFFICIENCIES]


def _sensitivity_report(
    scenario: Scenario, variants: list[tuple[float | None, float | None]], steps: _Steps
) -> Report:
    rows: list[Row] = []
    figures: dict[str, Any] = {}
    for capacity, efficiency in variants:
        what = (
            f"battery {capacity:g} kWh" if capacity is not None else f"efficiency {efficiency:.2f} each way"
        )
        steps(what)
        day = NaplesDay(_with_batteries(scenario, capacity, efficiency), FUTURES["1"])
        outcomes = {case.name: day.outcome(case.controls) for case in CASES if case.name != "S1"}
        figures[what] = {name: vars(outcome) for name, outcome in outcomes.items()}
        base = outcomes["S0"]
        for name in ("S2", "S3"):
            gain = percent(outcomes[name].revenue_eur, base.revenue_eur)
            label = f"{name}, revenue against S0"
            if name == "S2" and efficiency is not None and efficiency < 1.0:
                gain_eur = abs(outcomes[name].revenue_eur - base.revenue_eur)
                source = "one price for all hours: what a battery loses raises the bill, which may not rise"
                rows.append(checked("S2, gain", "EUR", gain_eur, None, EQUAL_EUR, source, group=what))
            else:
                rows.append(shown(label, "%", gain, "no published figure", group=what))
        replica = SHARED_REPLICA_KWH.get(capacity or 0.0)
        published = "" if replica is None else f"({replica})"
        shared = outcomes["S3"].shared_kwh
        rows.append(shown("S3, shared", "kWh", shared, "replication", group=what, published=published))
    notes = [
        "in brackets: shared energy of a replication of the paper with other profiles",
        "batteries begin the day empty, as their own rule leaves them, and must hand out before midnight "
        "what they take: beyond the evening's load, size brings nothing",
        "losses lower what S3 gains too; throughput then costs a little more than burning energy could earn",
    ]
    title = "Naples paper, batteries of other sizes and efficiencies"
    return Report(title=title, rows=rows, figures=figures, notes=notes)


def _with_batteries(scenario: Scenario, capacity_kwh: float | None, efficiency: float | None) -> Scenario:
    """The scenario with batteries of another capacity or efficiency."""
    changes: dict[str, float] = {}
    if capacity_kwh is not None:
        changes["capacity_kwh"] = capacity_kwh
    if efficiency is not None:
        changes |= {"efficiency_charge": efficiency, "efficiency_discharge": efficiency}
    flats = tuple(
        flat
        if flat.battery is None
        else flat.model_copy(update={"battery": flat.battery.model_copy(update=changes)})
        for flat in scenario.community.dwellings
    )
    community = scenario.community.model_copy(update={"dwellings": flats})
    return scenario.model_copy(update={"community": community})
