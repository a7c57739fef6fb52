"""No plan and no applied step is physically impossible: where the relaxation fails, the solver decides."""

import h5py
import numpy as np
import pytest
import yaml

from recosim.controllers.blocks.block import PlannedValues
from recosim.controllers.mpc import Mpc
from recosim.results.run_file import open_run
from recosim.scenarios.loader import load_scenario
from recosim.scenarios.runner import run_scenario

TOLERANCE_KW = 1e-6


# --- what is impossible, in plans and in steps ------------------------------------------------------------


def impossible_kw(model, community, window, values):
    """By how much a plan is impossible, as the worst slot of each kind [kW].

    Computed from the planned powers; what the battery may take from (or hand to) its delivery point is what
    generation leaves over (or the load needs) there in each meter slot, air conditioning included.
    """
    plan, horizon = PlannedValues(columns=model.compiled.columns, values=values), model.horizon
    pairs = model.compiled.exclusive
    dwellings, batteries = community.devices["dwelling"], community.devices["battery"]
    heating, cooling = (
        plan(f"dwelling.power_{name}_kw", len(dwellings), horizon.n_slots) for name in ("heating", "cooling")
    )
    charge, discharge = (
        plan(f"battery.power_{name}_kw", len(batteries), horizon.n_slots) for name in ("charge", "discharge")
    )
    withdrawn, injected = (plan(f"pod.power_{name}_kw", -1) for name in ("withdrawn", "injected"))
    net = window.meters(window.net_load_kw)
    np.add.at(net.T, dwellings.node, (heating + cooling)[:, horizon.meter_slot])
    net = net.T[batteries.node]
    from_grid = charge[:, horizon.meter_slot] - np.maximum(-net, 0.0)
    to_grid = discharge[:, horizon.meter_slot] - np.maximum(net, 0.0)
    mixing = np.broadcast_to(batteries.parameters.grid_charging, len(batteries))
    return {
        "breaks an exclusive pair": worst(np.minimum(values[pairs[:, 0]], values[pairs[:, 1]])),
        "heats and cools": worst(np.minimum(heating, cooling)),
        "charges and discharges": worst(np.minimum(charge, discharge)),
        "withdraws and injects": worst(np.minimum(withdrawn, injected)),
        "charges from the grid": worst(from_grid[~mixing]),
        "injects what may come from the grid": worst(to_grid[mixing]),
    }


def impossible_steps_kw(run):
    """By how much the applied steps of an open result file are impossible, as the worst of each kind [kW]."""
    flats = yaml.safe_load(run.meta.scenario_yaml)["community"]["dwellings"]
    own_only = [f["name"] for f in flats if f.get("battery") and not f["battery"].get("grid_charging")]
    pods, batteries = run.members("meter", "energy_withdrawn_kwh"), run.members("battery", "power_charge_kw")
    at_pod = [pods.index(name) for name in own_only]
    at_battery = [batteries.index(f"{name}-battery") for name in own_only]
    found = {}
    for rows in run.blocks(len(pods)):

        def kw(group, name, rows=rows):
            return run.values(group, name, rows)

        withdrawn, injected = (
            kw("meter", f"energy_{name}_kwh") / run.grid.step_h for name in ("withdrawn", "injected")
        )
        charge, discharge = kw("battery", "power_charge_kw"), kw("battery", "power_discharge_kw")
        heating, cooling = kw("dwelling", "power_heating_kw"), kw("dwelling", "power_cooling_kw")
        for name, both in (
            ("heats and cools", np.minimum(heating, cooling)),
            ("charges and discharges", np.minimum(charge, discharge)),
            ("withdraws and injects", np.minimum(withdrawn, injected)),
            ("charges from the grid", np.minimum(charge[:, at_battery], withdrawn[:, at_pod])),
        ):
            found[name] = max(found.get(name, 0.0), worst(both))
    return found


def worst(beyond_kw):
    return float(np.max(beyond_kw, initial=0.0))


def possible(found):
    return all(value <= TOLERANCE_KW for value in found.values())


class Watched(Mpc):
    """The MPC, remembering the worst of all its plans."""

    def reset(self, community, seed):
        super().reset(community, seed)
        self._community = community
        self.plans, self.broken_relaxations = 0, 0
        self.found = {}

    def decide(self, observation, forecast):
        self._window = self._model.window(observation, forecast)
        return super().decide(observation, forecast)

    def _solve(self, program):
        solution, fallback, reason = super()._solve(program)
        now = impossible_kw(self._model, self._community, self._window, solution.values)
        self.found = {name: max(value, self.found.get(name, 0.0)) for name, value in now.items()}
        self.broken_relaxations += solution.branches > 0
        self.plans += solution.usable
        return solution, fallback, reason


def check(monkeypatch, tmp_path, start, days, *overrides):
    """Run a period; every step has a plan, no plan and no step is impossible. Returns the controller."""
    made = Watched()
    monkeypatch.setattr("recosim.controllers.isolated.make_controller", lambda *_, **__: made)
    given = [f"period.start={start}", f"period.days={days}", "period.warmup_days=1", *overrides]
    result = run_scenario(load_scenario("naples", given), out=tmp_path / "run.h5")
    assert result.kpis["solve_failures"] == 0
    assert made.plans == 96 * days
    assert possible(made.found), made.found
    with open_run(result.path) as run:
        applied = impossible_steps_kw(run)
    assert possible(applied), applied
    return made


# --- a flat price -----------------------------------------------------------------------------------------

FLAT = "tariff.price_all_in_eur_per_kwh=0.25"


@pytest.mark.parametrize("start", ["2025-07-15", "2025-04-15"])
def test_no_plan_does_two_opposite_things_with_a_flat_price(monkeypatch, tmp_path, start):
    made = check(monkeypatch, tmp_path, start, 1, FLAT)
    assert made.broken_relaxations > 20  # with this price the relaxation fails for much of the day


@pytest.mark.slow
def test_batteries_that_charge_from_the_grid_never_inject(monkeypatch, tmp_path):
    grid = [f"community.dwellings[{i}].battery.grid_charging=true" for i in (2, 3, 5, 8)]
    check(monkeypatch, tmp_path, "2025-07-14", 2, FLAT, *grid)


# --- negative prices --------------------------------------------------------------------------------------


def prices_below_zero_at_noon(folder, start, eur_per_mwh):
    """A price file from ``start`` on: 110 EUR/MWh, and ``eur_per_mwh`` from 9 to 15 h UTC."""
    begins = np.datetime64(start) - np.timedelta64(2, "h")  # local midnight
    hours = begins + np.arange(4 * 24)
    of_day = (hours - hours.astype("datetime64[D]")).astype(int)
    price = np.where((of_day >= 9) & (of_day < 15), eur_per_mwh, 110.0)
    lines = [f"{hour}:00Z,{value},{value}" for hour, value in zip(hours, price, strict=True)]
    path = folder / "prices.csv"
    path.write_text("\n".join(["time_utc,PUN,CSUD", *lines]) + "\n")
    return "prices.source=file", f"prices.file={path}"


@pytest.mark.parametrize(
    ("start", "eur_per_mwh"),
    [
        ("2025-07-15", -30.0),
        ("2025-04-15", -500.0),
        pytest.param("2025-07-15", -300.0, marks=pytest.mark.slow),
        pytest.param("2025-01-14", -30.0, marks=pytest.mark.slow),
        pytest.param("2025-01-14", -300.0, marks=pytest.mark.slow),
    ],
)
def test_no_plan_does_with_negative_prices(monkeypatch, tmp_path, start, eur_per_mwh):
    """At -30 EUR/MWh injecting costs money; at -300 withdrawing is paid for; at -500 so is burning energy.

    In April nothing but the batteries is controlled: the sign of each delivery point is then known, and
    before losses in a battery earn more than its wear costs the relaxation has nothing to break.
    """
    made = check(monkeypatch, tmp_path, start, 1, *prices_below_zero_at_noon(tmp_path, start, eur_per_mwh))
    assert made.broken_relaxations > 20


# --- a week of each season --------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("start", ["2025-01-13", "2025-04-14", "2025-07-14", "2025-10-13"])
def test_no_plan_of_four_weeks_does(monkeypatch, tmp_path, start):
    check(monkeypatch, tmp_path, start, 7)


# --- the checks themselves --------------------------------------------------------------------------------


BOTH_SIDES = {
    "heats and cools": ("dwelling/power_cooling_kw", "dwelling/power_heating_kw"),
    "charges and discharges": ("battery/power_charge_kw", "battery/power_discharge_kw"),
    "withdraws and injects": ("meter/energy_injected_kwh", "meter/energy_withdrawn_kwh"),
    "charges from the grid": ("battery/power_charge_kw", "meter/energy_withdrawn_kwh"),
}


def test_an_impossible_step_is_found(tmp_path):
    """One value added to a possible day, where the other side is at work, makes it impossible."""
    given = ["period.start=2025-07-15", "period.days=1", "period.warmup_days=1"]
    path = run_scenario(load_scenario("naples", given), controller="rules", out=tmp_path / "run.h5").path
    for kind, (one, other) in BOTH_SIDES.items():
        with open_run(path) as run:
            assert possible(impossible_steps_kw(run))
            names = [run.members(*series.split("/")) for series in (one, other)]
        with h5py.File(path, "r+") as file:
            values, others = file[f"series/{one}"][:], file[f"series/{other}"]
            step, member = np.unravel_index(np.argmax(values), values.shape)
            assert values[step, member] > 0.1
            at_pod = names[0][member].removesuffix("-battery")
            place = step, names[1].index(at_pod) if "grid" in kind else member
            before, others[place] = others[place], 1e-3
        with open_run(path) as run:
            expected = 1e-3 if other.endswith("kw") else 4e-3
            assert impossible_steps_kw(run)[kind] == pytest.approx(expected)
        with h5py.File(path, "r+") as file:
            file[f"series/{other}"][place] = before


def test_an_impossible_plan_is_found(scene, model_of):
    """Powers put into the last slots of an idle plan, one kind after the other."""
    given = "naples", "2025-07-14", "community.dwellings[2].battery.grid_charging=true"
    here, model = scene(*given), model_of(*given)
    community = here.plant.community
    window = model.window(here.observation(48, np.random.default_rng(1)), here.forecast(48))
    columns, first_battery = model.compiled.columns, model.horizon.n_slots - 1
    for kind, places in (
        ("heats and cools", [("dwelling.power_heating_kw", -1), ("dwelling.power_cooling_kw", -1)]),
        ("charges and discharges", [("battery.power_charge_kw", -1), ("battery.power_discharge_kw", -1)]),
        ("withdraws and injects", [("pod.power_withdrawn_kw", -1), ("pod.power_injected_kw", -1)]),
        ("charges from the grid", [("battery.power_charge_kw", -1)]),
        ("injects what may come from the grid", [("battery.power_discharge_kw", first_battery)]),
    ):
        values = np.zeros(model.compiled.n_columns)
        assert possible(impossible_kw(model, community, window, values))
        for name, place in places:
            values[columns[name][place]] = 9.0
        assert impossible_kw(model, community, window, values)[kind] > 4.0
