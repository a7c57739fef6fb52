"""One machine whose cycle draws 1 kW for two quarter-hours, in a flat with a plant, beside another flat."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from recosim.components import Devices
from recosim.contracts import Community, Forecast, Observation, SharedTranche
from recosim.controllers.appliance_starts import ApplianceStarts, PlannedStarts, power_running_kw
from recosim.simulators.appliances import Appliances
from recosim.simulators.physics.appliance import ApplianceParameters

N_STEPS = 12
PARAMETERS = ApplianceParameters(
    powers_kw=np.array([[1.0, 1.0, 0.0], [2.0, 2.0, 2.0]]),
    n_steps=np.array([2, 3]),
    follows=np.array([-1, 0]),
)
Plan = Callable[..., PlannedStarts]


@pytest.fixture
def base(scene: Callable[..., object]) -> tuple[Community, Forecast, Observation]:
    """Flat 4 of naples, which has a plant, with two machines; nothing is drawn, all prices are the same."""
    made = scene("naples", "2025-07-14")
    community, forecast = made.plant.community, made.forecast(0)  # type: ignore[attr-defined]
    rows = slice(0, N_STEPS)
    n_pods, n_plants = len(community.pods), len(community.devices["photovoltaics"])
    forecast = replace(
        forecast,
        grid=forecast.grid.part(0, N_STEPS),
        power_load_kw=np.zeros((N_STEPS, n_pods)),
        power_pv_kw=np.zeros((N_STEPS, n_plants)),
        price_buy_eur_per_kwh=np.full((N_STEPS, n_pods), 0.30),
        price_sell_eur_per_kwh=np.full((N_STEPS, n_pods), 0.10),
        shared=(),
        temp_outdoor_degc=forecast.temp_outdoor_degc[rows],
    )
    devices = Devices(
        declaration=Appliances.declaration,
        names=("washer", "dryer"),
        node=np.array([pod_of_flat(community)] * 2),
        parameters=PARAMETERS,
    )
    community = replace(community, devices={**community.devices, "appliance": devices})
    observation = Observation(
        time=int(forecast.grid.start),
        step=0,
        states=states(),
        energy_withdrawn_hour_kwh=np.zeros(n_pods),
        energy_injected_hour_kwh=np.zeros(n_pods),
    )
    return community, forecast, observation


def pod_of_flat(community: Community) -> int:
    plants = community.devices["photovoltaics"]
    return int(plants.node[np.flatnonzero(community.pods.is_dwelling[plants.node])[0]])


def states(**given: list[float]) -> dict[str, np.ndarray]:
    names = ("cycle_waiting", "cycle_blocked", "cycle_latest_s", "cycle_remaining_s")
    return {name: np.array(given.get(name, [0.0, 0.0])) for name in names}


WASH_WAITS = {"cycle_waiting": [1.0, 0.0], "cycle_latest_s": [8 * 900.0, 0.0]}


def plan_of(base: tuple[Community, Forecast, Observation], **given: list[float]) -> PlannedStarts:
    community, forecast, observation = base
    return ApplianceStarts(community).plan(replace(observation, states=states(**given)), forecast)


def drawn(plan: PlannedStarts, base: tuple[Community, Forecast, Observation]) -> list[int]:
    """Steps in which the flat's machines draw, all else drawing nothing."""
    p = pod_of_flat(base[0])
    assert np.delete(plan.power_kw, p, axis=1).max() == 0.0
    return np.flatnonzero(plan.power_kw[:, p]).tolist()


def test_where_nothing_waits_nothing_is_asked(base: tuple[Community, Forecast, Observation]) -> None:
    plan = plan_of(base)
    assert np.isnan(plan.cycle_start).all()
    assert plan.power_kw.max() == 0.0


def test_without_a_reason_to_wait_it_begins_as_wished(base: tuple[Community, Forecast, Observation]) -> None:
    plan = plan_of(base, **WASH_WAITS)
    assert plan.cycle_start[0] == 1.0
    assert drawn(plan, base) == [0, 1]


def test_waits_for_a_lower_price(base: tuple[Community, Forecast, Observation]) -> None:
    base[1].price_buy_eur_per_kwh[5:7] = 0.20
    plan = plan_of(base, **WASH_WAITS)
    assert plan.cycle_start[0] == 0.0
    assert drawn(plan, base) == [5, 6]


def test_waits_no_longer_than_the_household(base: tuple[Community, Forecast, Observation]) -> None:
    base[1].price_buy_eur_per_kwh[9:] = 0.20
    plan = plan_of(base, cycle_waiting=[1.0, 0.0], cycle_latest_s=[7 * 900.0, 0.0])
    assert drawn(plan, base) == [0, 1]
    plan = plan_of(base, **WASH_WAITS)
    assert drawn(plan, base) == [8, 9]


def test_waits_for_own_surplus(base: tuple[Community, Forecast, Observation]) -> None:
    community, forecast, _ = base
    own = np.flatnonzero(community.devices["photovoltaics"].node == pod_of_flat(community))
    forecast.power_pv_kw[4:6, own] = 1.5
    assert drawn(plan_of(base, **WASH_WAITS), base) == [4, 5]


def test_waits_for_the_surplus_of_the_community_where_sharing_pays(
    base: tuple[Community, Forecast, Observation],
) -> None:
    community, forecast, observation = base
    other = np.flatnonzero(community.devices["photovoltaics"].node != pod_of_flat(community))[0]
    forecast.power_pv_kw[3:5, other] = 1.5
    assert drawn(plan_of(base, **WASH_WAITS), base) == [0, 1]
    tranche = SharedTranche(
        name="premium",
        pool="all",
        rate_eur_per_kwh=np.full(N_STEPS, 0.12),
        injecting=np.ones(len(community.pods), dtype=bool),
    )
    paid = (community, replace(forecast, shared=(tranche,)), observation)
    assert drawn(plan_of(paid, **WASH_WAITS), base) == [3, 4]


def test_a_blocked_drying_is_planned_after_its_wash(
    base: tuple[Community, Forecast, Observation],
) -> None:
    base[1].price_buy_eur_per_kwh[2:4] = 0.20
    plan = plan_of(
        base, cycle_waiting=[1.0, 1.0], cycle_blocked=[0.0, 1.0], cycle_latest_s=[4 * 900.0, 6 * 900.0]
    )
    assert plan.cycle_start.tolist() == [0.0, 0.0]
    assert drawn(plan, base) == [2, 3, 4, 5, 6]


def test_running_cycles_go_on(base: tuple[Community, Forecast, Observation]) -> None:
    community, _, observation = base
    running = replace(observation, states=states(cycle_remaining_s=[900.0, 1800.0]))
    power = power_running_kw(community.devices["appliance"], running, N_STEPS, 900)
    assert power[:3].tolist() == [[1.0, 2.0], [0.0, 2.0], [0.0, 0.0]]
    plan = plan_of(base, cycle_remaining_s=[900.0, 1800.0])
    assert plan.power_kw[:3, pod_of_flat(community)].tolist() == [3.0, 2.0, 0.0]


def test_what_the_forecast_does_not_reach_is_left_to_the_own_rule(
    base: tuple[Community, Forecast, Observation],
) -> None:
    community, forecast, observation = base
    rows = slice(0, 1)
    short = replace(
        forecast,
        grid=forecast.grid.part(0, 1),
        power_load_kw=forecast.power_load_kw[rows],
        power_pv_kw=forecast.power_pv_kw[rows],
        price_buy_eur_per_kwh=forecast.price_buy_eur_per_kwh[rows],
        price_sell_eur_per_kwh=forecast.price_sell_eur_per_kwh[rows],
    )
    plan = plan_of((community, short, observation), **WASH_WAITS)
    assert np.isnan(plan.cycle_start).all()
