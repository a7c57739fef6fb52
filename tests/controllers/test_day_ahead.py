"""The day-ahead plan: the Naples paper's equations, and what follows from them."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from recosim.contracts import Forecast, Observation
from recosim.controllers.day_ahead import DayAhead, asked_of, steps_to_midnight
from recosim.controllers.day_ahead_devices import AirConditioning, Storage
from recosim.controllers.day_ahead_plan import NET_COST, DayPlan, penalty_least_eur_per_kwh, plan_day
from recosim.controllers.day_ahead_problem import DayProblem, pose_day
from recosim.errors import ControllerError

DAY = ("naples-paper", "2025-07-16")
SMALL = 1e-4
CASES = (("hvac",), ("battery",), ("hvac", "battery"))


def observed(scene: Any) -> Observation:
    community = scene.plant.community
    n, nothing = len(community.devices["dwelling"]), np.zeros(len(community.pods))
    battery = community.devices["battery"].parameters
    return Observation(
        time=community.grid.start,
        step=0,
        states={
            "temp_indoor_degc": np.full(n, 26.0),
            "temp_mass_degc": np.full(n, 26.0),
            "energy_battery_kwh": battery.state_min * battery.capacity_kwh,
        },
        energy_withdrawn_hour_kwh=nothing,
        energy_injected_hour_kwh=nothing,
    )


@pytest.fixture(scope="module")
def day(scene: Callable[..., Any]) -> Any:
    return scene(*DAY)


def posed(day: Any, futures: list[Forecast] | None = None, probabilities: Any = None) -> DayProblem:
    futures = futures or [day.forecast(0)]
    weights = np.ones(1) if probabilities is None else np.array(probabilities)
    return pose_day(day.plant.community, observed(day), futures, weights, n_steps=96, band_k=1.0)


@pytest.fixture(scope="module")
def problem(day: Any) -> DayProblem:
    return posed(day)


@pytest.fixture(scope="module")
def plans(problem: DayProblem) -> dict[tuple[str, ...], DayPlan]:
    return {case: plan_day(problem, case, price_throughput_eur_per_kwh=SMALL) for case in CASES}


def with_efficiency(problem: DayProblem, efficiency: float) -> DayProblem:
    assert problem.storage is not None
    n = len(problem.storage.into)
    storage = replace(problem.storage, into=np.full(n, efficiency), out=np.full(n, 1.0 / efficiency))
    return replace(problem, storage=storage)


def test_each_kind_that_is_decided_adds_revenue(problem: DayProblem, plans: Any) -> None:
    base = problem.revenue_eur(problem.base_kw)
    gains = [problem.revenue_eur(plans[case].withdrawn_kw) / base - 1.0 for case in CASES]
    assert 0.10 <= gains[0] <= 0.20
    assert 0.35 <= gains[1] <= 0.50
    assert 0.50 <= gains[2] <= 0.70


@pytest.mark.parametrize("case", CASES)
def test_every_bill_stays_what_it_was(
    problem: DayProblem, plans: dict[tuple[str, ...], DayPlan], case: tuple[str, ...]
) -> None:
    before, after = problem.bill_eur(problem.base_kw), problem.bill_eur(plans[case].withdrawn_kw)
    assert after == pytest.approx(before, abs=1e-8)
    assert before.sum() == pytest.approx(0.25 * problem.base_kw.sum() / 4)


@pytest.mark.parametrize("case", CASES)
def test_shared_energy_is_the_sum_of_hourly_minima(problem: DayProblem, plans: Any, case: Any) -> None:
    plan = plans[case]
    withdrawn = plan.withdrawn_kw[0].sum(axis=1).reshape(24, 4).sum(axis=1) / 4
    shared = np.minimum(withdrawn, problem.injected_kwh[0]).sum()
    assert plan.promised_eur == pytest.approx(0.10 * shared, abs=1e-9)


def test_a_plan_keeps_every_limit(problem: DayProblem, plans: Any) -> None:
    plan, units, storage = plans["hvac", "battery"], problem.air_conditioning, problem.storage
    assert storage is not None
    temps = np.full(10, 26.0)
    gain, keeps = units.rise_k_per_kw[..., 0], units.keeps[:, 0, 0]
    air = []
    for k in range(96):
        carried = 0.0 if k == 0 else keeps * temps  # the first drift holds the first temperature
        temps = carried + units.drift[0, k, :, 0] + gain[k] * plan.hvac_kw[0, k]
        air.append(temps)
    assert np.min(air) > 25.0 - 1e-6
    assert np.max(air) < 27.0 + 1e-6
    assert (temps < 26.0 + 1e-6).all()
    net = plan.charge_kw[0] - plan.discharge_kw[0]
    energy = 0.45 + np.cumsum(net, axis=0) / 4
    assert energy.min() > 0.45 - 1e-6
    assert energy.max() < 0.95 * 4.5 + 1e-6
    assert energy[-1] == pytest.approx(np.full(10, 0.45), abs=1e-6)
    flats = plan.withdrawn_kw[0, :, :10]
    assert flats.min() > -1e-6
    assert flats.max() < 4.5 + 1e-6


@pytest.mark.parametrize("efficiency", [0.99, 0.95, 0.90])
def test_batteries_with_losses_gain_nothing_at_one_price(problem: DayProblem, efficiency: float) -> None:
    lossy = with_efficiency(problem, efficiency)
    penalty = 1.02 * penalty_least_eur_per_kwh(0.10, efficiency, efficiency)
    plan = plan_day(lossy, ("battery",), price_throughput_eur_per_kwh=penalty)
    gain = lossy.revenue_eur(plan.withdrawn_kw) - lossy.revenue_eur(lossy.base_kw)
    assert abs(gain) <= 1e-6
    assert plan.charge_kw is not None
    assert plan.charge_kw.max() < 1e-6


@pytest.mark.parametrize(("share_of_threshold", "burns"), [(0.98, True), (1.02, False)])
def test_without_a_limit_on_bills_lossy_batteries_burn_energy_below_a_price(
    problem: DayProblem, share_of_threshold: float, burns: bool
) -> None:
    lossy = with_efficiency(problem, 0.95)
    penalty = share_of_threshold * penalty_least_eur_per_kwh(0.10, 0.95, 0.95)
    plan = plan_day(lossy, ("battery",), price_throughput_eur_per_kwh=penalty, bill_limit=False)
    assert plan.charge_kw is not None
    assert plan.discharge_kw is not None
    at_once = np.minimum(plan.charge_kw, plan.discharge_kw).max()
    assert at_once > 1.0 if burns else at_once < 1e-6


def test_least_net_cost_never_costs_more_and_never_burns(problem: DayProblem, plans: Any) -> None:
    lossy = with_efficiency(problem, 0.95)
    plan = plan_day(lossy, ("hvac", "battery"), objective=NET_COST)

    def net_cost(withdrawn: Any) -> float:
        return float(lossy.bill_eur(withdrawn).sum() - lossy.revenue_eur(withdrawn))

    penalty = 1.02 * penalty_least_eur_per_kwh(0.10, 0.95, 0.95)
    most_revenue = plan_day(lossy, ("hvac", "battery"), price_throughput_eur_per_kwh=penalty)
    assert net_cost(plan.withdrawn_kw) < net_cost(most_revenue.withdrawn_kw) < net_cost(lossy.base_kw)
    assert plan.charge_kw is not None
    assert plan.discharge_kw is not None
    assert np.minimum(plan.charge_kw, plan.discharge_kw).max() < 1e-6


def test_one_shared_energy_for_all_futures_promises_what_is_not_paid(day: Any) -> None:
    known = day.forecast(0)
    futures = [replace(known, power_pv_kw=known.power_pv_kw * factor) for factor in (0.6, 1.2)]
    problem = posed(day, futures, [0.5, 0.5])
    kinds = ("hvac", "battery")
    own = plan_day(problem, kinds, price_throughput_eur_per_kwh=SMALL)
    common = plan_day(problem, kinds, price_throughput_eur_per_kwh=SMALL, shared_per_future=False)
    paid = problem.revenue_eur(common.withdrawn_kw)
    assert own.promised_eur == pytest.approx(problem.revenue_eur(own.withdrawn_kw), abs=1e-9)
    assert common.promised_eur > own.promised_eur > paid + 0.05


def by_hand(storage: Storage | None = None) -> DayProblem:
    """One flat of 1 kWh an hour over three hours, sun of 0, 3 and 0 kWh, one step an hour."""
    nothing = np.zeros((1, 3, 1))
    units = AirConditioning(
        node=np.zeros(1, dtype=np.int64),
        keeps=np.zeros((1, 2, 2)),
        rise_k_per_kw=np.zeros((3, 1, 2)),
        drift=np.zeros((1, 3, 1, 2)),
        weights=np.array([[1.0, 0.0]]),
        lowest=np.full((1, 3, 1), -np.inf),
        highest=np.full((1, 3, 1), np.inf),
        temp_end_max=np.full((1, 1, 2), np.inf),
        temp_end_min=np.full((1, 1, 2), -np.inf),
        power_max_kw=np.zeros((3, 1)),
        heats=np.zeros(3, dtype=np.bool_),
        base_kw=nothing,
    )
    return DayProblem(
        step_h=1.0,
        hour=np.arange(3),
        probabilities=np.ones(1),
        rate_eur_per_kwh=np.full(3, 0.10),
        price_eur_per_kwh=np.full((3, 1), 0.25),
        injected_kwh=np.array([[0.0, 3.0, 0.0]]),
        load_kw=np.ones((1, 3, 1)),
        limit_kw=np.full((1, 3, 1), 10.0),
        air_conditioning=units,
        storage=storage,
    )


def test_a_battery_worked_by_hand() -> None:
    # from 0.5 kWh: 0.5 out before the sun, 1.5 in, 1 out after it, no more than the load; 1 + 1.5 kWh shared
    one = np.ones(1)
    storage = Storage(
        node=np.zeros(1, dtype=np.int64),
        start_kwh=0.5 * one,
        least_kwh=0.0 * one,
        most_kwh=2.0 * one,
        end_kwh=np.array([[0.5]]),
        keeps=one,
        into=one,
        out=one,
        charge_max_kw=5.0 * one,
        discharge_max_kw=5.0 * one,
        base_kw=np.zeros((1, 3, 1)),
    )
    plan = plan_day(by_hand(storage), ("battery",), price_throughput_eur_per_kwh=SMALL)
    assert plan.promised_eur == pytest.approx(0.25)
    assert plan.charge_kw is not None
    assert plan.discharge_kw is not None
    assert plan.charge_kw.ravel() == pytest.approx([0.0, 1.5, 0.0])
    assert plan.discharge_kw.ravel() == pytest.approx([0.5, 0.0, 1.0])
    assert plan.withdrawn_kw.ravel() == pytest.approx([0.5, 2.5, 0.0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"controls": ["hvac", "boiler"]},
            "day-ahead.controls = ['hvac', 'boiler'], allowed: a list of hvac",
        ),
        ({"controls": ["hvac", "hvac"]}, "each once"),
        ({"controls": "hvac"}, "allowed: a list of"),
        ({"controls": 3}, "allowed: a list of"),
        ({"objective": "profit"}, "day-ahead.objective = 'profit', allowed: net_cost, shared_revenue"),
        ({"band_k": -1.0}, "day-ahead.band_k = -1.0, allowed: [0, 10] K"),
        ({"band_k": True}, "allowed: [0, 10] K"),
    ],
)
def test_options_that_do_not_fit(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ControllerError) as error:
        DayAhead(**options)
    assert message in str(error.value)


def test_other_communities_are_refused(scene: Callable[..., Any]) -> None:
    controller = DayAhead()
    with pytest.raises(ControllerError, match="photovoltaics behind a flat's meter \\(flat-03-pv\\)"):
        controller.reset(scene("naples", "2025-07-14").plant.community, seed=1)


def test_plants_that_are_paid_differently_are_refused(day: Any) -> None:
    known = day.forecast(0)
    (tranche,) = known.shared
    for shared in ((tranche, tranche), (replace(tranche, injecting=np.zeros(11, dtype=np.bool_)),)):
        with pytest.raises(ControllerError, match="one payment for what all plants share"):
            posed(day, [replace(known, shared=shared)])


def test_the_controller_follows_its_plan_and_plans_again_at_midnight(day: Any) -> None:
    controller = DayAhead(controls=["battery"], objective="shared_revenue")
    controller.reset(day.plant.community, seed=1)
    first, now = day.forecast(0), observed(day)
    assert steps_to_midnight(first) == 96
    problem = posed(day)
    plan = plan_day(problem, ("battery",), price_throughput_eur_per_kwh=SMALL)
    expected = asked_of(problem, plan, ("battery",))
    for step in (0, 57):
        asked = controller.decide(replace(now, time=now.time + 900 * step, step=step), day.forecast(step))
        assert set(asked) == {"power_charge_kw", "power_discharge_kw"}
        assert asked["power_charge_kw"] == pytest.approx(expected["power_charge_kw"][step])
    assert controller.record == {"status": "planned", "fallback": ""}
    controller.decide(replace(now, time=now.time + 900 * 96, step=96), day.forecast(96))
    assert controller.record["status"] == "optimal"


def test_nothing_decided_asks_for_nothing(day: Any) -> None:
    controller = DayAhead(controls=[])
    controller.reset(day.plant.community, seed=1)
    assert list(controller.decide(observed(day), day.forecast(0))) == []
