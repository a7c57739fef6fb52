import logging
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from recosim.errors import ControllerError, ResultsError, ScenarioError
from recosim.quantities import KPI_NAMES
from recosim.results.run_file import open_run
from recosim.scenarios.loader import load_scenario
from recosim.scenarios.runner import RunResult, build_plant, check_scenario, default_path, run_scenario
from recosim.simulators.settlement.hourly import sum_by_hour

JULY = ("period.start=2025-07-14", "period.days=1", "period.warmup_days=1")
MONEY = ("bill_eur", "fees_eur", "revenue_sale_eur", "premium_eur", "valorisation_eur")

Run = Callable[..., RunResult]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run a day in a folder of its own, each kind of run once."""

    @cache
    def running(*overrides: str, name: str = "naples", controller: str | None = None) -> RunResult:
        out = tmp_path_factory.mktemp("runs") / "run.h5"
        return run_scenario(load_scenario(name, [*JULY, *overrides]), controller=controller, out=out)

    return running


@pytest.fixture(scope="module")
def naples(run: Run) -> RunResult:
    return run("period.days=2")


def test_what_a_run_gives(naples: RunResult) -> None:
    assert tuple(naples.kpis) == KPI_NAMES
    assert (naples.scenario_name, naples.controller) == ("naples", "rules")
    with open_run(naples.path) as run:
        assert run.complete
        assert run.kpis == naples.kpis
        assert run.meta.seed == 1
        assert run.grid_committed.n_steps == 2 * 96
        assert len(run.controller()["milliseconds"]) == 2 * 96
        assert run.settlement_tables() == ("hourly", "members", "monthly")


def test_scenario_in_the_file_gives_the_same_run(naples: RunResult, tmp_path: Path) -> None:
    with open_run(naples.path) as run:
        (tmp_path / "again.yaml").write_text(run.meta.scenario_yaml, encoding="utf-8")
    again = run_scenario(load_scenario(str(tmp_path / "again.yaml")), out=tmp_path / "again.h5")
    same = {name: value for name, value in naples.kpis.items() if name != "cpu_s"}
    assert {name: value for name, value in again.kpis.items() if name != "cpu_s"} == same


def figures(result: RunResult) -> dict[str, float]:
    return {name: float(value) for name, value in result.kpis.items() if value is not None}


def test_net_cost(naples: RunResult) -> None:
    kpis = figures(naples)
    bill, fees, sale, premium, valorisation = (kpis[name] for name in MONEY)
    assert min(bill, fees, sale, premium, valorisation) > 0.0
    assert kpis["cost_net_eur"] == pytest.approx(bill + fees - sale - premium - valorisation)


def test_objective_is_net_cost_comfort_and_wear_less_the_value_of_what_is_stored(run: Run) -> None:
    result = run("comfort.price_comfort_eur_per_kh=0.8", "hvac.eer_nominal=1", "comfort.cooling_home_degc=16")
    kpis = figures(result)
    with open_run(result.path) as file:
        throughput = sum(
            file.values("battery", name).sum() / 4 for name in ("power_charge_kw", "power_discharge_kw")
        )
        discomfort = file.values("dwelling", "discomfort_cooling_k")
    comfort = 0.8 / 4 * (discomfort + 2.0 * np.maximum(discomfort - 2.0, 0.0)).sum()
    assert comfort > 0.0
    assert kpis["cost_comfort_eur"] == pytest.approx(comfort, rel=1e-5)
    assert kpis["cost_wear_eur"] == pytest.approx(0.02 * throughput, rel=1e-5)
    total = kpis["cost_net_eur"] + comfort + 0.02 * throughput - kpis["value_stored_change_eur"]
    assert kpis["objective_eur"] == pytest.approx(total, rel=1e-6)


def test_value_of_what_the_batteries_hold(run: Run) -> None:
    # in April heat is worth nothing: what is stored is what the batteries hold
    result = run("period.start=2025-04-15")
    kpis = figures(result)
    plant = build_plant(load_scenario("naples", [*JULY, "period.start=2025-04-15"]))
    community, series = plant.community, plant.series
    price = community.tariff.rates(community.grid.times, series.price_pun_eur_per_mwh[96:192]).mean(axis=0)
    with open_run(result.path) as file:
        stored = file.values("battery", "energy_battery_kwh")
        charge, discharge, loss = (
            file.values("battery", name)[0] / 4
            for name in ("power_charge_kw", "power_discharge_kw", "power_loss_kw")
        )
    change = stored[-1] - (stored[0] - charge + discharge + loss)
    assert np.abs(change).max() > 0.01
    assert kpis["energy_stored_change_kwh"] == pytest.approx(change.sum(), abs=1e-5)
    worth = 0.95 * price[community.devices["battery"].node]
    assert kpis["value_stored_change_eur"] == pytest.approx(float(worth @ change), abs=1e-5)


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        ["settlement.settlement_step=quarter"],
        pytest.param(["settlement.configuration=NONE"], marks=pytest.mark.slow),
        pytest.param(
            ["tariff.kind=bands", "settlement.regime=transitional", "settlement.allocation.key=equal"],
            marks=pytest.mark.slow,
        ),
    ],
)
def test_the_run_settles_as_the_settlement_does_on_the_stored_meters(run: Run, overrides: list[str]) -> None:
    result = run(*overrides)
    plant = build_plant(load_scenario("naples", [*JULY, *overrides]))
    community, counted = plant.community, slice(plant.series.n_warmup, plant.series.n_warmup + 96)
    zonal, pun = plant.series.price_zonal_eur_per_mwh[counted], plant.series.price_pun_eur_per_mwh[counted]
    times = community.grid.times
    with open_run(result.path) as file:
        withdrawn = file.values("meter", "energy_withdrawn_kwh")
        injected = file.values("meter", "energy_injected_kwh")
        hourly, members = file.settlement("hourly"), file.settlement("members")
        monthly, attrs = file.settlement("monthly"), file.settlement_attrs()
    settled = community.sharing.settle(times, withdrawn, injected, zonal)  # type: ignore[attr-defined]
    hours, by_hour = sum_by_hour(times, withdrawn)
    bill = community.tariff.bill(hours, by_hour, pun[::4], 3600)  # type: ignore[attr-defined]
    for name in (
        "energy_shared_kwh",
        "energy_incentivised_kwh",
        "premium_eur",
        "valorisation_eur",
        "sale_eur",
    ):
        np.testing.assert_allclose(hourly[name], getattr(settled, name), atol=1e-9, err_msg=name)
    np.testing.assert_array_equal(hourly["time"], settled.times)
    np.testing.assert_allclose(members["bill_eur"], bill.by_pod_eur, atol=1e-9)
    np.testing.assert_allclose(members["share_premium_eur"], settled.share_premium_eur, atol=1e-9)
    np.testing.assert_allclose(monthly["total_eur"], bill.total_eur, atol=1e-9)
    assert attrs["premium_excess_eur"] == pytest.approx(settled.premium_excess_eur)
    kpis = figures(result)
    assert kpis["bill_eur"] == pytest.approx(float(bill.total_eur.sum()))
    assert kpis["revenue_sale_eur"] == pytest.approx(settled.sale_total_eur)
    assert kpis["premium_eur"] == pytest.approx(settled.premium_total_eur)
    assert kpis["valorisation_eur"] == pytest.approx(settled.valorisation_total_eur)
    assert kpis["fees_eur"] == pytest.approx(settled.fees_eur)
    assert kpis["energy_shared_kwh"] == pytest.approx(settled.energy_shared_total_kwh)
    assert sum(members["bill_eur"]) == pytest.approx(kpis["bill_eur"])
    assert monthly["year"].tolist() == [2025]
    assert monthly["month"].tolist() == [7]


def test_energies_of_the_figures_are_those_of_the_series(naples: RunResult) -> None:
    kpis = figures(naples)
    with open_run(naples.path) as run:
        sums = {
            "energy_pv_kwh": run.values("photovoltaics", "power_pv_kw").sum() / 4,
            "energy_load_kwh": run.values("load", "power_load_kw").sum() / 4,
            "energy_withdrawn_kwh": run.values("meter", "energy_withdrawn_kwh").sum(),
            "energy_injected_kwh": run.values("meter", "energy_injected_kwh").sum(),
            "peak_pod_kw": run.values("meter", "energy_withdrawn_kwh").max() * 4,
        }
    assert {name: kpis[name] for name in sums} == pytest.approx(sums)
    assert kpis["simulated_days"] == 2.0
    assert naples.kpis["solve_ms_median"] is None
    assert (kpis["fallbacks"], kpis["solve_failures"]) == (0, 0)


@pytest.mark.parametrize("days", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_warmup_is_recorded_nowhere_and_counted_nowhere(naples: RunResult, run: Run, days: int) -> None:
    result = run("period.days=2", f"period.warmup_days={days}")
    with open_run(result.path) as one, open_run(naples.path) as other:
        assert one.grid == other.grid
        assert one.committed == 2 * 96
        np.testing.assert_array_equal(
            one.values("load", "power_load_kw"), other.values("load", "power_load_kw")
        )
        for quantity in ("temp_indoor_degc",):
            assert not np.array_equal(
                one.values("dwelling", quantity)[0], other.values("dwelling", quantity)[0]
            )
        assert len(one.settlement("hourly")["time"]) == 48
    for name in ("energy_load_kwh", "energy_pv_kwh", "simulated_days"):
        assert result.kpis[name] == naples.kpis[name]


def test_progress_counts_the_warmup_too(tmp_path: Path) -> None:
    scenario = load_scenario("naples-small", JULY)
    calls: list[tuple[int, int, int]] = []
    run_scenario(scenario, out=tmp_path / "a.h5", progress=lambda *call: calls.append(call))
    start = build_plant(scenario).community.grid.start - 86_400
    assert calls == [(done, 192, start + 900 * done) for done in range(1, 193)]


FAILING = '''
import numpy as np
from recosim.contracts import Setpoints

class Failing:
    """Fails in six ways, each in one step; asks for 0.1 kW in the others."""

    def reset(self, community, seed):
        self.n = len(community.devices["battery"])

    def decide(self, observation, forecast):
        asked = np.full(self.n, 0.1)
        if observation.step == 10:
            raise RuntimeError("no idea")
        if observation.step == 20:
            return Setpoints(power_charge_kw=asked[:-1])
        if observation.step == 30:
            return Setpoints(power_antimatter_kw=asked)
        if observation.step == 40:
            return Setpoints(power_charge_kw=asked * np.inf)
        if observation.step == 50:
            return None
        if observation.step == 60:
            observation["energy_battery_kwh"][:] = 5.0
        return Setpoints(power_charge_kw=asked)

class Raising(Failing):
    def decide(self, observation, forecast):
        raise RuntimeError("never any idea")

class Unfit:
    def __init__(self, gain=1.0):
        raise ValueError("gain must be negative")
'''


@pytest.fixture
def failing(tmp_path: Path) -> Path:
    path = tmp_path / "failing.py"
    path.write_text(FAILING, encoding="utf-8")
    return path


def test_a_failing_controller_leaves_the_step_to_the_local_rules(
    run: Run, failing: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="recosim"):
        result = run(controller=f"{failing}:Failing")
    steps = [10, 20, 30, 40, 50, 60]
    assert (result.kpis["fallbacks"], result.kpis["solve_failures"]) == (6, 6)
    with open_run(result.path) as file:
        table = file.controller()
        asked = file.values("battery", "setpoint_power_charge_kw")
        assert file.complete
    assert np.flatnonzero(table["fallback"] == "local rules").tolist() == steps
    assert np.flatnonzero(np.isnan(asked).all(axis=1)).tolist() == steps
    np.testing.assert_allclose(np.delete(asked, steps, axis=0), 0.1, rtol=1e-6)
    words = ("no idea", "shape", "antimatter", "flat-03-battery is infinite", "NoneType", "read-only")
    for step, word in zip(steps, words, strict=True):
        assert word in table["status"][step]
    assert set(np.delete(table["status"], steps)) == {"ok"}
    assert "2025-07-14 02:30" in caplog.text, "the time is told"


def test_a_controller_that_never_decides_is_the_local_rules(
    run: Run, failing: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.CRITICAL, logger="recosim"):
        result = run(controller=f"{failing}:Raising")
    rules = run()
    assert result.kpis["fallbacks"] == result.kpis["solve_failures"] == 96
    assert result.kpis["objective_eur"] == rules.kpis["objective_eur"]
    with open_run(result.path) as one, open_run(rules.path) as other:
        for group, quantities in one.groups().items():
            for name in quantities:
                np.testing.assert_array_equal(one.values(group, name), other.values(group, name))


def test_a_controller_that_cannot_be_made(failing: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.h5"
    with pytest.raises(ControllerError, match="gain must be negative"):
        run_scenario(load_scenario("naples", JULY), controller=f"{failing}:Unfit", out=out)
    assert not out.exists()


def test_a_scenario_names_installed_controllers_only() -> None:
    with pytest.raises(ControllerError, match="nobody"):
        run_scenario(load_scenario("naples", [*JULY, "controller.name=nobody"]), out=Path("never.h5"))


def test_an_existing_file_is_kept_unless_forced(naples: RunResult) -> None:
    scenario = load_scenario("naples-small", JULY)
    before = naples.path.read_bytes()
    with pytest.raises(ResultsError, match="exists already"):
        run_scenario(scenario, out=naples.path)
    assert naples.path.read_bytes() == before


def test_forced(tmp_path: Path) -> None:
    out = tmp_path / "a.h5"
    out.write_text("old", encoding="utf-8")
    run_scenario(load_scenario("naples-small", JULY), out=out, force=True)
    with open_run(out) as run:
        assert run.complete


def test_default_path_says_what_it_is() -> None:
    scenario = load_scenario("naples", [*JULY, "seed=7"])
    assert default_path(scenario, "mpc") == Path("runs/naples-mpc-2025-07-14-1d-seed7.h5")
    assert default_path(scenario, "my/own.py:Mine").name == "naples-own-2025-07-14-1d-seed7.h5"


def test_check_loads_everything_and_runs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lines = check_scenario(load_scenario("naples", JULY))
    assert "2025-07-14 00:00 to 2025-07-15 00:00" in lines[0]
    assert lines[1] == "delivery points: 11, dwelling: 10, photovoltaics: 5, battery: 4"
    assert not any(tmp_path.iterdir())
    with pytest.raises(ScenarioError, match="nowhere.csv"):
        check_scenario(load_scenario("naples", [*JULY, "weather={source: file, file: nowhere.csv}"]))


def test_one_resistance_one_capacity_runs(run: Run) -> None:
    direct = [
        f"community.dwellings[{i}].{key}"
        for i in range(10)
        for key in (
            "archetype=null",
            "thermal={model: 1r1c, resistance_k_per_w: 0.008, capacity_j_per_k: 2.0e7, aperture_east_m2: 2}",
        )
    ]
    result = run(*direct)
    assert figures(result)["balance_residual_kwh"] < 1e-9
    with open_run(result.path) as file:
        indoor = file.values("dwelling", "temp_indoor_degc")
        np.testing.assert_array_equal(file.values("dwelling", "temp_operative_degc"), indoor)
        assert (file.values("dwelling", "temp_mass_degc") == 20.0).all(), "the node that is not there"
    assert 15.0 < indoor.min() < indoor.max() < 40.0
    assert figures(result)["energy_hvac_kwh"] > 1.0


def test_no_plants_at_all(run: Run) -> None:
    nothing = [
        f"community.dwellings[{i}].{d}=null" for i in (2, 3, 5, 8) for d in ("photovoltaics", "battery")
    ]
    result = run("community.plants=[]", *nothing)
    kpis = result.kpis
    assert kpis["energy_pv_kwh"] is None
    assert (kpis["premium_eur"], kpis["energy_injected_kwh"], kpis["fees_eur"]) == (0.0, 0.0, 0.0)
    assert kpis["cost_net_eur"] == kpis["bill_eur"]


@pytest.mark.parametrize("size", [1, 25])
def test_other_sizes(run: Run, size: int) -> None:
    result = run(f"community.size={size}", "period.warmup_days=0")
    assert figures(result)["balance_residual_kwh"] < 1e-9
    with open_run(result.path) as file:
        assert len(file.members("dwelling", "temp_indoor_degc")) == size
        assert file.values("meter", "energy_withdrawn_kwh").shape == (96, size + 1)


@pytest.mark.slow
def test_a_thousand_dwellings(run: Run) -> None:
    result = run("community.size=1000", "period.warmup_days=0")
    assert figures(result)["balance_residual_kwh"] < 1e-6
    with open_run(result.path) as file:
        assert file.values("dwelling", "temp_indoor_degc").shape == (96, 1000)
        assert len(file.members("battery", "energy_battery_kwh")) == 400
        # 2000 kWp of common plants are two of one megawatt, the most that may take part
        assert [name for name in file.members("photovoltaics", "power_pv_kw") if name.startswith("roof")] == [
            "roof-1",
            "roof-2",
        ]


def test_measured_weather_and_prices(run: Run, shared_data: Path) -> None:
    weather = shared_data / "weather" / "rome_nsrdb_15min_2019.csv"
    prices = shared_data / "prices" / "it_dayahead_zonal_2023-11_2024-10_utc.csv"
    result = run(
        "period.days=2",
        "location.place=rome",
        "settlement.region=Lazio",
        f"weather={{source: file, file: {weather}}}",
        f"prices={{source: file, file: {prices}, align: calendar}}",
    )
    kpis = figures(result)
    assert kpis["balance_residual_kwh"] < 1e-9
    assert kpis["simulated_days"] == 2.0
    with open_run(result.path) as file:
        pun = file.values("price", "price_pun_eur_per_mwh")
        outdoor = file.values("weather", "temp_outdoor_degc")
    assert 30.0 < pun.min() < pun.max() < 300.0
    assert 10.0 < outdoor.min() < outdoor.max() < 40.0
    # 32 kWp on two July days
    assert 32 * 2 * 2.0 < kpis["energy_pv_kwh"] < 32 * 2 * 7.5
