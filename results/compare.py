"""Comparison of finished runs, the first being the reference."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from recosim.errors import ResultsError
from recosim.quantities import KPI_NAMES, quantity
from recosim.results.differences import (
    FAULTS,
    NAMED_AT_MOST,
    differences,
    differing_faults,
    differing_keys,
    settings_of,
)
from recosim.results.fault_costs import costs_of_faults
from recosim.results.run_file import Kpi, Run, damage_told, open_run

KPIS_PER_BILLS = ("cost_net_eur", "objective_eur")
"""Figures that may be near zero or negative, so their changes are also given in per cent of the bills."""

REGRET_SHARE_OF_BILLS = 0.01
"""A first run nearer to the bound than this share of its bills gives no relative regret."""

BOUND_TOLERANCE_EUR = 1e-3
"""Series are kept in single precision, so J is not exact beyond this."""

_NOT_IN_BOUND = ("controller", "forecast", "model_error", FAULTS)
_BOUND_MAX_BYTES = 50_000_000


@dataclass(frozen=True, kw_only=True)
class ComparedRun:
    """One of the runs.

    Parameters
    ----------
    path : Path
    scenario, controller : str
    seed : int
    """

    path: Path
    scenario: str
    controller: str
    seed: int


@dataclass(frozen=True, kw_only=True)
class ComparisonRow:
    """One key figure over all runs; the tuples have one entry per run, the first is the reference.

    Parameters
    ----------
    kpi : str
    unit : str
    meaning : str
    values : tuple of float, int or None
    differences : tuple of float or None
        To the first run; None where either value is.
    percents : tuple of float or None
        Difference in per cent of the first run's magnitude; None also where that is zero.
    percents_of_bills : tuple of float or None
        Difference in per cent of the first run's gross bills, for ``KPIS_PER_BILLS`` only.
    """

    kpi: str
    unit: str
    meaning: str
    values: tuple[Kpi, ...]
    differences: tuple[float | None, ...]
    percents: tuple[float | None, ...]
    percents_of_bills: tuple[float | None, ...]


@dataclass(frozen=True, kw_only=True)
class Regret:
    """How far the runs are above a lower bound; the tuples have one entry per run.

    Parameters
    ----------
    bound_eur : float
        The lower bound [EUR].
    values_eur : tuple of float
        J by marginal rates less the bound [EUR].
    shares : tuple of float or None
        ``values_eur`` as a share of the first run's, None where that is less than ``REGRET_SHARE_OF_BILLS``.
    """

    bound_eur: float
    values_eur: tuple[float, ...]
    shares: tuple[float | None, ...]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Key figures side by side.

    Parameters
    ----------
    runs : tuple of ComparedRun
    rows : tuple of ComparisonRow
        In the order of ``KPI_NAMES``.
    notes : tuple of str
        What differs between the runs besides the controller; empty where the comparison is fair.
    regret : Regret or None
        Distance to a lower bound, where one was given.
    """

    runs: tuple[ComparedRun, ...]
    rows: tuple[ComparisonRow, ...]
    notes: tuple[str, ...]
    regret: Regret | None = None

    def row(self, kpi: str) -> ComparisonRow:
        """Row of a key figure.

        Raises
        ------
        KeyError
            There is no such figure.
        """
        for row in self.rows:
            if row.kpi == kpi:
                return row
        raise KeyError(kpi)


def compare(paths: Sequence[Path], bound: Path | None = None) -> Comparison:
    """Compare finished runs; differences are to the first.

    Parameters
    ----------
    paths : sequence of Path
        Two or more result files.
    bound : Path, optional
        What ``recosim bound --json`` wrote for their scenario.

    Raises
    ------
    ResultsError
        Fewer than two files, or one cannot be read or is not complete, or the bound is of another scenario.

    Source: percentages of the gross bills as in "Comparing controllers", because the net cost of a summer
    week is near zero.
    """
    if len(paths) < 2:
        raise ResultsError(f"{len(paths)} result file given, allowed: 2 or more")
    runs: list[ComparedRun] = []
    kpis: list[Mapping[str, Kpi]] = []
    notes: list[str] = []
    bounded = None if bound is None else _read_bound(bound)
    with open_run(paths[0]) as first:
        for path in paths:
            with open_run(path) as run, damage_told(path):
                if not run.complete:
                    raise ResultsError(
                        f"{path} is not complete: {run.committed} of {run.grid.n_steps} steps are in it; "
                        "finish it with --resume, run it again with --force, or leave it out"
                    )
                runs.append(
                    ComparedRun(
                        path=run.path,
                        scenario=run.meta.name,
                        controller=run.meta.controller,
                        seed=run.meta.seed,
                    )
                )
                if bounded is not None:
                    bounded.must_hold_for(run)
                kpis.append(run.kpis)
                if len(runs) > 1:
                    notes.extend([*differing_faults(first, run), *differences(first, run)])
    notes.extend(cost.in_words() for cost in costs_of_faults(paths))
    regret = None if bounded is None else _regret(bounded.lower_eur, kpis)
    if regret is not None:
        notes.extend(_below_bound(regret, runs))
    return Comparison(
        runs=tuple(runs),
        rows=tuple(_row(name, kpis) for name in KPI_NAMES),
        notes=tuple(notes),
        regret=regret,
    )


def objective_marginal_eur(kpis: Mapping[str, Kpi]) -> float:
    """J of a run by the marginal rates that a controller plans with [EUR].

    Fixed parts of the bills, the excise exemption and fees are not in it; bounds are given in it.
    """
    names = ("objective_eur", "unmodelled_eur", "fees_eur")
    objective, unmodelled, fees = (float(kpis.get(name) or 0.0) for name in names)
    return objective + unmodelled - fees


@dataclass(frozen=True)
class _LowerBound:
    path: Path
    lower_eur: float
    scenario_yaml: str

    def must_hold_for(self, run: Run) -> None:
        """Refuse a run of another scenario, period or seed."""
        ours = settings_of(self.scenario_yaml, self.path, _NOT_IN_BOUND)
        theirs = settings_of(run.meta.scenario_yaml, run.path, _NOT_IN_BOUND)
        keys = differing_keys(ours, theirs)
        if keys:
            told = ", ".join(
                f"{key} ({ours.get(key, 'absent')} and {theirs.get(key, 'absent')})"
                for key in keys[:NAMED_AT_MOST]
            )
            raise ResultsError(
                f"{self.path} bounds another scenario than that of {run.path}; they differ in {told}: make "
                "the bound with the same scenario, period and seed"
            )


def _read_bound(path: Path) -> _LowerBound:
    if path.exists() and not (path.is_file() and path.stat().st_size <= _BOUND_MAX_BYTES):
        raise ResultsError(f"{path} holds no bound; make it with recosim bound --json {path}")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return _LowerBound(path, float(content["lower_eur"]), str(content["scenario_yaml"]))
    except OSError as error:
        raise ResultsError(
            f"{path} cannot be read: {error.strerror}; make it with recosim bound --json"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise ResultsError(f"{path} holds no bound; make it with recosim bound --json {path}") from error


def _regret(lower_eur: float, kpis: Sequence[Mapping[str, Kpi]]) -> Regret:
    values = tuple(objective_marginal_eur(figures) - lower_eur for figures in kpis)
    least = REGRET_SHARE_OF_BILLS * abs(kpis[0].get("bill_eur") or 0.0)
    defined = abs(values[0]) > least
    return Regret(
        bound_eur=lower_eur,
        values_eur=values,
        shares=tuple(value / values[0] if defined else None for value in values),
    )


def _below_bound(regret: Regret, runs: Sequence[ComparedRun]) -> list[str]:
    """Tell which runs did what the bound takes for impossible."""
    return [
        f"{run.path} is {-value:.2f} EUR below the bound: its controller does what the bound takes for "
        "impossible, such as heating or cooling outside the season"
        for run, value in zip(runs, regret.values_eur, strict=True)
        if value < -BOUND_TOLERANCE_EUR
    ]


def _row(name: str, kpis: Sequence[Mapping[str, Kpi]]) -> ComparisonRow:
    values = tuple(figures.get(name) for figures in kpis)
    differences = tuple(_difference(value, values[0]) for value in values)
    bills = kpis[0].get("bill_eur") if name in KPIS_PER_BILLS else None
    entry = quantity(name)
    return ComparisonRow(
        kpi=name,
        unit=entry.unit,
        meaning=entry.meaning,
        values=values,
        differences=differences,
        percents=tuple(_percent(d, values[0]) for d in differences),
        percents_of_bills=tuple(_percent(d, bills) for d in differences),
    )


def _difference(value: Kpi, reference: Kpi) -> float | None:
    return None if value is None or reference is None else float(value - reference)


def _percent(difference: float | None, whole: Kpi) -> float | None:
    if difference is None or whole is None or whole == 0:
        return None
    return 100.0 * difference / abs(whole)
