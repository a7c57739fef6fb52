"""Runs side by side: differences, percentages, and what makes a comparison unfair."""

import re
from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from recosim.errors import ResultsError
from recosim.quantities import KPI_NAMES
from recosim.results.compare import compare
from recosim.results.run_file import RunMeta
from recosim.results.store import RunWriter
from recosim.timegrid import TimeGrid

GRID = TimeGrid.from_local_date("2025-07-07", 1)
SCENARIO = (
    "name: small\ncontroller: {name: %s}\nweather: {file: naples.epw}\nmembers: [{people: 2}, {people: 4}]\n"
)
RULES = {
    "cost_net_eur": -4.0,
    "objective_eur": 2.0,
    "bill_eur": 80.0,
    "self_consumption": 0.25,
    "fallbacks": 0,
}
MPC = {"cost_net_eur": -8.0, "objective_eur": 0.0, "bill_eur": 90.0, "self_consumption": 0.3, "fallbacks": 1}


def _run(
    path, kpis=RULES, *, controller="rules", grid=GRID, finish=True, temp=20.0, load=1.0, faults=(), **meta
):
    text = meta.pop("scenario_yaml", SCENARIO % controller)
    about = RunMeta(**{"name": "small", "scenario_yaml": text, "controller": controller, "seed": 1, **meta})
    series = {
        "weather": {"temp_outdoor_degc": ("site",)},
        "load": {"power_load_kw": ("a", "b")},
        "meter": {"energy_withdrawn_kwh": ("a", "b")},
    }
    n = grid.n_steps
    block = {
        "weather": {"temp_outdoor_degc": np.full((n, 1), temp)},
        "load": {"power_load_kw": np.full((n, 2), load)},
        "meter": {"energy_withdrawn_kwh": np.full((n, 2), 0.1 * len(controller))},
    }
    with RunWriter(path, meta=about, grid=grid, series=series) as writer:
        if faults:
            writer.write_faults({"text": list(faults)})
        writer.append(block, n)
        if finish:
            writer.finish({name: kpis.get(name) for name in KPI_NAMES})
    return path


@pytest.fixture
def rules(tmp_path):
    return _run(tmp_path / "rules.h5")


@pytest.fixture
def mpc(tmp_path):
    return _run(tmp_path / "mpc.h5", MPC, controller="mpc")


def test_differences_and_percentages_are_to_the_first(rules, mpc):
    comparison = compare([rules, mpc])
    assert tuple(row.kpi for row in comparison.rows) == KPI_NAMES
    assert [(run.path, run.controller, run.seed) for run in comparison.runs] == [
        (rules, "rules", 1),
        (mpc, "mpc", 1),
    ]
    net = comparison.row("cost_net_eur")
    assert (net.unit, net.values) == ("EUR", (-4.0, -8.0))
    assert net.differences == (0.0, -4.0)
    assert net.percents == (0.0, -100.0)  # of 4 EUR: cheaper is negative although the net cost is
    assert net.percents_of_bills == (0.0, -5.0)  # of 80 EUR
    objective = comparison.row("objective_eur")
    assert objective.percents_of_bills == (0.0, -2.5)
    bill = comparison.row("bill_eur")
    assert bill.percents == (0.0, 12.5)
    assert bill.percents_of_bills == (None, None)
    assert comparison.row("self_consumption").percents[1] == pytest.approx(20.0)


def test_what_is_undefined_is_none(rules, mpc):
    comparison = compare([rules, mpc])
    cycles = comparison.row("battery_cycles")
    assert cycles.values == cycles.differences == cycles.percents == (None, None)
    fallbacks = comparison.row("fallbacks")
    assert fallbacks.values == (0, 1)
    assert fallbacks.differences == (0.0, 1.0)
    assert fallbacks.percents == (None, None)
    with pytest.raises(KeyError):
        comparison.row("happiness")


def test_a_figure_that_only_one_run_has(tmp_path, rules):
    other = _run(tmp_path / "other.h5", {**RULES, "battery_cycles": 3.0})
    row = compare([rules, other]).row("battery_cycles")
    assert row.values == (None, 3.0)
    assert row.differences == (None, None)


def test_bills_of_zero_give_no_percentage(tmp_path, mpc):
    free = _run(tmp_path / "free.h5", {**RULES, "bill_eur": 0.0})
    assert compare([free, mpc]).row("cost_net_eur").percents_of_bills == (None, None)


def test_another_controller_alone_is_fair(rules, mpc):
    assert compare([rules, mpc]).notes == ()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seed": 2}, "seed: 2 and 1"),
        ({"scenario_yaml": SCENARIO.replace("naples", "rome") % "mpc"}, "scenario: weather.file"),
        ({"scenario_yaml": SCENARIO.replace("people: 4", "people: 3") % "mpc"}, r"members\[1\]\.people"),
        ({"scenario_yaml": SCENARIO % "mpc" + "horizon: 24\n"}, "scenario: horizon"),
        (
            {"grid": TimeGrid.from_local_date("2025-07-08", 1)},
            "period: 2025-07-08 00:00 to .*2025-07-07 00:00",
        ),
        ({"grid": TimeGrid.from_local_date("2025-07-07", 1, 1800)}, "steps of 1800 s and .*steps of 900 s"),
        ({"temp": 21.0}, "influence: weather"),
        ({"load": 1.1}, "influence: load"),
        ({"versions": {"highspy": "0.1"}}, "different versions of .*highspy"),
    ],
)
def test_what_differs_is_noted(tmp_path, rules, change, said):
    other = _run(tmp_path / "other.h5", MPC, controller="mpc", **change)
    (note,) = compare([rules, other]).notes
    assert str(other) in note
    assert str(rules) in note
    assert re.search(said, note)


def test_a_long_list_of_differences_is_cut(tmp_path, rules):
    text = SCENARIO % "rules" + "".join(f"option_{i}: 1\n" for i in range(9))
    other = _run(tmp_path / "other.h5", scenario_yaml=text)
    (note,) = compare([rules, other]).notes
    assert note.endswith("option_5 and 3 more")


def test_an_unfinished_run_is_refused(tmp_path, rules):
    half = _run(tmp_path / "half.h5", finish=False)
    with pytest.raises(ResultsError, match=r"half\.h5 is not complete: 96 of 96 steps"):
        compare([rules, half])


def test_at_least_two_files_that_are_there(tmp_path, rules):
    with pytest.raises(ResultsError, match="1 result file given, allowed: 2 or more"):
        compare([rules])
    with pytest.raises(ResultsError, match=r"absent\.h5 is not there"):
        compare([rules, tmp_path / "absent.h5"])


def test_a_file_may_be_compared_with_itself(rules):
    comparison = compare([rules, rules])
    assert comparison.notes == ()
    assert all(d in (0.0, None) for row in comparison.rows for d in row.differences)


def test_a_comparison_is_frozen(rules, mpc):
    comparison = compare([rules, mpc])
    with pytest.raises(FrozenInstanceError):
        comparison.notes = ()


WITH_FAULTS = SCENARIO % "rules" + "faults: [{kind: link_down, member: a}]\n"


def test_the_cost_of_faults_is_told_where_all_else_is_equal(rules, tmp_path):
    faulty = _run(
        tmp_path / "faulty.h5",
        RULES
        | {"objective_eur": 3.5, "cost_net_eur": -3.0, "cost_comfort_eur": 0.25, "bill_eur": 81.25}
        | {"discomfort_kh": 0.5, "solve_failures": 2},
        faults=["a: link down"],
        scenario_yaml=WITH_FAULTS,
    )
    alone, cost = compare([rules, faulty]).notes
    assert alone == f"{faulty} alone has faults: a: link down"
    assert cost.startswith(f"the faults cost 1.50 EUR of J in {faulty}: +1.00 EUR net, ")
    assert cost.endswith(
        " (bills +1.25 EUR, discomfort +0.50 K h, solves without an optimum +2); all else is equal"
    )
    # whichever is the reference
    assert compare([faulty, rules]).notes == (alone, cost)
    assert compare([faulty, faulty]).notes == ()


def test_the_cost_of_faults_is_found_beside_any_of_the_runs(rules, tmp_path):
    mpc, faulty = (
        _run(
            tmp_path / f"mpc-{len(faults)}.h5",
            MPC | {"objective_eur": 4.0 * len(faults)},
            controller="mpc",
            faults=faults,
            scenario_yaml=SCENARIO % "mpc" + "faults: [{kind: link_down, member: a}]\n" * len(faults),
        )
        for faults in ((), ("a: link down",))
    )
    (cost,) = (note for note in compare([rules, mpc, faulty]).notes if "the faults cost" in note)
    assert cost.startswith(f"the faults cost 4.00 EUR of J in {faulty}: ")


def test_no_cost_of_faults_beside_another_controller_or_seed(rules, tmp_path):
    other = _run(
        tmp_path / "other.h5",
        MPC,
        controller="mpc",
        faults=[f"fault {n}" for n in range(8)],
        scenario_yaml=WITH_FAULTS,
    )
    (note,) = compare([rules, other]).notes
    assert note.endswith("fault 4; fault 5 and 2 more")
    seed = _run(tmp_path / "seed.h5", seed=2, faults=["x"], scenario_yaml=WITH_FAULTS)
    notes = compare([rules, seed]).notes
    assert len(notes) == 2
    assert not any("the faults cost" in note for note in notes)
