"""The Naples study: the paper's table 3 from the plant's meters, and the command that prints it."""

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from recosim.errors import ScenarioError
from recosim.scenarios import study as studies
from recosim.scenarios.loader import load_scenario
from recosim.scenarios.naples_day import NaplesDay, Outcome
from recosim.scenarios.naples_run import in_future
from recosim.scenarios.naples_table import CASES, FUTURES, case_rows, check_rows
from recosim.scenarios.runner import build_plant
from recosim.scenarios.study import Study, naples_study
from recosim.scenarios.validation.reference import Report, checked


@pytest.fixture(scope="module")
def study() -> Study:
    return naples_study(futures="1")


@pytest.fixture(scope="module")
def outcomes(study: Study) -> dict[str, Outcome]:
    return {name: Outcome(**figures) for name, figures in study.reports["1"].figures.items()}


def test_it_is_green_and_every_figure_is_judged(study: Study) -> None:
    report = study.reports["1"]
    assert study.ok
    assert sum(row.ok is True for row in report.rows) == 13
    assert sum(row.what == "revenue from sharing" for row in report.rows) == 4


def test_bills_are_equal_and_split_into_revenue_and_final_cost(outcomes: dict[str, Outcome]) -> None:
    bills = [outcome.bill_eur for outcome in outcomes.values()]
    assert np.ptp(bills) < 1e-6
    for outcome in outcomes.values():
        assert outcome.revenue_eur + outcome.final_cost_eur == pytest.approx(outcome.bill_eur, abs=1e-6)
        assert outcome.bill_eur == pytest.approx(0.25 * (116.67 + outcome.hvac_kwh), abs=0.01)
        assert outcome.revenue_eur == pytest.approx(0.10 * outcome.shared_kwh, abs=1e-9)


def test_the_meters_show_what_was_planned(outcomes: dict[str, Outcome]) -> None:
    for outcome in outcomes.values():
        assert outcome.plan_error_eur < 1e-9
        assert outcome.residual_kwh < 1e-9
    revenues = [outcome.revenue_eur for outcome in outcomes.values()]
    assert revenues == sorted(revenues)
    assert outcomes["S1"].charged_kwh == 0.0
    assert outcomes["S2"].charged_kwh == pytest.approx(10 * 0.85 * 4.5, abs=1e-3)
    assert outcomes["S2"].hvac_kwh == pytest.approx(outcomes["S0"].hvac_kwh, abs=1e-4)
    # with one price the units may not take more, however much the incentive would pay for it
    assert outcomes["S3"].hvac_kwh == pytest.approx(outcomes["S0"].hvac_kwh, abs=1e-3)


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        (
            {"S2": {"bill_eur": 41.0}},
            {"gross bills, largest difference", "revenue + final cost - gross bill"},
        ),
        ({"S1": {"revenue_eur": 5.0}}, {"least step in revenue, S0 < S1 < S2 < S3"}),
        ({"S3": {"plan_error_eur": 1e-5}}, {"plan and meters, largest difference"}),
        ({"S3": {"temp_change_k": 0.1}}, {"warmest end of the day - start"}),
        ({"S2": {"charge_change_kwh": 0.1}}, {"batteries, end of the day - start"}),
        ({"S0": {"residual_kwh": 0.1}}, {"energy balances, largest residual"}),
    ],
)
def test_what_does_not_hold_is_red(
    outcomes: dict[str, Outcome], changes: dict[str, dict[str, float]], wrong: set[str]
) -> None:
    changed = outcomes | {name: replace(outcomes[name], **values) for name, values in changes.items()}
    red = {row.what for row in check_rows(changed) if row.ok is False}
    assert wrong <= red


def test_gains_outside_their_bands_are_red(outcomes: dict[str, Outcome]) -> None:
    poor = outcomes | {"S2": replace(outcomes["S2"], revenue_eur=1.30 * outcomes["S0"].revenue_eur)}
    assert [row.ok for row in case_rows(CASES[2], poor)] == [None, None, False, True]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["period.days=2"], "period.days = 2, allowed: 1"),
        (["forecast=high"], "forecast: allowed: perfect"),
        (["model_error=0.1"], "model_error: allowed: 0"),
        (["controller.name=mpc"], "the study has its own"),
        (["tariff.price_all_in_eur_per_kwh=null"], "price_all_in_eur_per_kwh is missing"),
        (["building.natural_night_ventilation=true"], "no windows opened at night (flat-01)"),
        (["community.dwellings[3].battery.grid_charging=false"], "without grid_charging (flat-04-battery)"),
    ],
)
def test_other_days_are_refused(overrides: list[str], message: str) -> None:
    with pytest.raises(ScenarioError) as error:
        naples_study(overrides, futures="1")
    assert message in str(error.value)


def test_unknown_futures_are_refused() -> None:
    with pytest.raises(ScenarioError, match="--scenarios 2x2: allowed: 1, 3x3"):
        naples_study(futures="2x2")


def test_a_future_scales_the_sun_and_the_load_of_the_day_alone() -> None:
    scenario = load_scenario("naples-paper", ["period.warmup_days=0"])
    plant = build_plant(scenario)
    temps = np.full(10, 25.5)
    more = in_future(plant, scenario, temps, 1.1, 0.9)
    assert more.series.power_load_kw == pytest.approx(0.9 * plant.series.power_load_kw)
    was, now = (
        p.community.devices["photovoltaics"].parameters.power_available_kw(
            plant.series.irradiance_module_w_per_m2,
            plant.series.temp_outdoor_degc,
            plant.series.wind_speed_m_per_s,
        )
        for p in (plant, more)
    )
    assert now == pytest.approx(1.1 * was)
    assert more.community.devices["dwelling"].parameters.temp_initial_degc is temps


def test_probabilities_add_up() -> None:
    for futures in FUTURES.values():
        assert futures.probabilities.sum() == pytest.approx(1.0)
        assert len(futures.factors) == len(futures.probabilities)


@pytest.mark.slow
def test_nine_scenarios_and_other_batteries() -> None:
    study = naples_study(futures="3x3", sensitivity=True)
    assert study.ok
    figures = study.reports["3x3"].figures
    promise = figures["one_shared_energy_for_all"]["S3"]
    assert promise["promised_eur"] > figures["S3"]["revenue_eur"] > promise["paid_eur"] + 0.1
    assert figures["S3"]["n_columns"] == 9 * (10 * 96 * 6 + 24)
    batteries = study.reports["sensitivity"].figures
    gains = [batteries[f"battery {kwh} kWh"]["S2"]["revenue_eur"] for kwh in ("2", "3", "4.5", "6", "9")]
    assert gains == sorted(gains)
    for eta in ("0.95", "0.90"):
        lossy = batteries[f"efficiency {eta} each way"]
        assert abs(lossy["S2"]["revenue_eur"] - lossy["S0"]["revenue_eur"]) <= 1e-6
        assert lossy["S3"]["revenue_eur"] > lossy["S0"]["revenue_eur"] + 1.0


def test_meters_show_what_was_planned_beside_standby_and_common_services() -> None:
    overrides = [
        "community.size=2",
        "community.common_services={}",
        "community.plants[0].pod=common",
        "community.plants[0].power_auxiliary_kw=0.05",
        "hvac.power_standby_kw=0.01",
    ]
    day = NaplesDay(load_scenario("naples-paper", overrides), FUTURES["1"])
    base, decided = day.outcome(()), day.outcome(("hvac", "battery"))
    assert (base.n_columns, base.charged_kwh) == (0, 0.0)
    assert decided.revenue_eur > base.revenue_eur + 0.1
    for outcome in (base, decided):
        assert outcome.plan_error_eur < 1e-9
        assert outcome.bill_eur == pytest.approx(base.bill_eur, abs=1e-6)


Command = Callable[..., tuple[int, str, str]]


def test_the_command_prints_the_table(
    recosim: Command, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(studies, "naples_study", lambda *_, **__: study)
    code, out, _ = recosim("study", "naples", "--scenarios", "1")
    assert code == 0
    assert "S2: batteries decided" in out
    assert "13 green, 0 red" in out
    code, out, _ = recosim("study", "naples", "--json", "-")
    assert code == 0
    content = json.loads(out)
    assert content["ok"] is True
    assert content["1"]["figures"]["S3"]["revenue_eur"] == pytest.approx(13.94, abs=0.01)


def test_the_command_ends_with_1_on_red(recosim: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    red = Report(title="red", rows=[checked("gain", "%", 5.0, 10.0, 20.0, "table 3")])
    monkeypatch.setattr(studies, "naples_study", lambda *_, **__: Study(reports={"1": red}))
    code, out, _ = recosim("study", "naples")
    assert code == 1
    assert "0 green, 1 red" in out


def test_the_command_refuses_in_one_line(recosim: Command) -> None:
    code, out, err = recosim("study", "naples", "--scenarios", "5")
    assert (code, out) == (2, "")
    assert err.strip() == "error: --scenarios 5: allowed: 1, 3x3; left out: both"
