"""Distance of runs to a lower bound, and which bounds are refused."""

import json

import numpy as np
import pytest

from recosim.errors import ResultsError
from recosim.quantities import KPI_NAMES
from recosim.results.compare import compare, objective_marginal_eur
from recosim.results.run_file import RunMeta
from recosim.results.store import RunWriter
from recosim.timegrid import TimeGrid

GRID = TimeGrid.from_local_date("2025-07-07", 1)
SCENARIO = "name: small\nseed: 1\nperiod: {days: 1}\nforecast: perfect\ncontroller: {name: rules}\n"
# J by marginal rates: 30 + 2 - 1 = 31 and 20 + 2 - 1 = 21
RULES = {"objective_eur": 30.0, "unmodelled_eur": 2.0, "fees_eur": 1.0, "bill_eur": 100.0}
MPC = {**RULES, "objective_eur": 20.0, "bill_eur": 110.0}


def run_file(path, kpis, text=SCENARIO):
    meta = RunMeta(name="small", scenario_yaml=text, controller=path.stem, seed=1)
    series = {"weather": {"temp_outdoor_degc": ("site",)}}
    with RunWriter(path, meta=meta, grid=GRID, series=series) as writer:
        writer.append({"weather": {"temp_outdoor_degc": np.full((GRID.n_steps, 1), 20.0)}}, GRID.n_steps)
        writer.finish({name: kpis.get(name) for name in KPI_NAMES})
    return path


def bound_file(path, lower_eur, text=SCENARIO):
    path.write_text(json.dumps({"lower_eur": lower_eur, "scenario_yaml": text}), encoding="utf-8")
    return path


@pytest.fixture
def runs(tmp_path):
    return [run_file(tmp_path / "rules.h5", RULES), run_file(tmp_path / "mpc.h5", MPC)]


def test_objective_by_marginal_rates():
    assert objective_marginal_eur(RULES) == 31.0
    assert objective_marginal_eur({"objective_eur": 5.0, "unmodelled_eur": None, "fees_eur": 0.0}) == 5.0


def test_regret_is_above_the_bound_and_a_share_of_the_firsts(tmp_path, runs):
    regret = compare(runs, bound_file(tmp_path / "bound.json", 11.0)).regret
    assert regret.bound_eur == 11.0
    assert regret.values_eur == (20.0, 10.0)
    assert regret.shares == (1.0, 0.5)


def test_without_a_bound_there_is_no_regret(runs):
    assert compare(runs).regret is None


@pytest.mark.parametrize(("lower_eur", "defined"), [(29.9, True), (30.1, False)])
def test_a_first_run_within_one_per_cent_of_its_bills_gives_no_share(tmp_path, runs, lower_eur, defined):
    regret = compare(runs, bound_file(tmp_path / "bound.json", lower_eur)).regret
    assert (regret.shares[0] is not None) == defined
    assert regret.values_eur[0] == pytest.approx(31.0 - lower_eur)


def test_a_run_below_the_bound_is_told(tmp_path, runs):
    comparison = compare(runs, bound_file(tmp_path / "bound.json", 22.5))
    (note,) = comparison.notes
    assert note.startswith(f"{runs[1]} is 1.50 EUR below the bound")
    assert comparison.regret.values_eur[1] == -1.5


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("days: 1", "days: 2"), r"period\.days \(2 and 1\)"),
        (("seed: 1", "seed: 4"), r"seed \(4 and 1\)"),
        (("name: small", "name: large"), r"name \(large and small\)"),
        (("seed: 1\n", "seed: 1\nhvac: {eer_nominal: 3}\n"), r"hvac\.eer_nominal \(3 and absent\)"),
    ],
)
def test_a_bound_of_another_scenario_is_refused(tmp_path, runs, change, told):
    bound = bound_file(tmp_path / "bound.json", 11.0, SCENARIO.replace(*change))
    with pytest.raises(ResultsError, match=told):
        compare(runs, bound)


def test_a_bound_holds_for_every_controller_and_forecast(tmp_path, runs):
    text = SCENARIO.replace("perfect", "high").replace("rules", "mpc") + "model_error: {cop: 0.1}\n"
    assert compare(runs, bound_file(tmp_path / "bound.json", 11.0, text)).regret is not None


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"lower_eur": null, "scenario_yaml": ""}', "{"])
def test_a_file_without_a_bound(tmp_path, runs, content):
    (tmp_path / "bound.json").write_text(content, encoding="utf-8")
    with pytest.raises(ResultsError, match=r"bound\.json holds no bound; make it with recosim bound"):
        compare(runs, tmp_path / "bound.json")


def test_a_bound_that_is_not_there(tmp_path, runs):
    with pytest.raises(ResultsError, match=r"absent\.json cannot be read: No such file"):
        compare(runs, tmp_path / "absent.json")
