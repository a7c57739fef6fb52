"""The community model against Pyomo's own solver, against the plant, and against a bill made by hand."""

import numpy as np
import pytest

from recosim.controllers.blocks.block import PlannedValues
from recosim.controllers.solver import Guards, LiveSolver
from recosim.simulators.batteries import Batteries
from recosim.simulators.dwellings import Dwellings
from recosim.simulators.physics.battery import stored_energy_after

EXACT = Guards(gap_relative=1e-9, branch_limit=100_000)
LINEAR = ("hvac.modulation_min=0.0", "building.natural_night_ventilation=false")
"""A plant without the parts that the linear model leaves out: cycling at part load, opened windows."""
FLOORS = "{kind: air_to_water, supply_heating_degc: 35, supply_cooling_degc: 18, modulation_min: 0}"
AIR_TO_WATER = [
    ("hvac={kind: air_to_water, modulation_min: 0}",),
    tuple(f"community.dwellings[{i}].hvac={FLOORS}" for i in (0, 3, 4)),
]


def solved(scene, model, step, rng, **states):
    """Observation, window and a plan for a step; the plan keeps all pairs, but need not be the best."""
    observation = scene.observation(step, rng, **states)
    window = model.window(observation, scene.forecast(step))
    parameters = model.parameters(window)
    solution = LiveSolver(model.compiled, Guards()).solve(model.compiled.evaluate(parameters))
    assert solution.usable
    return observation, window, solution


# --- the oracle -------------------------------------------------------------------------------------------

FAST = [
    ("naples-small", 1, "2025-01-14"),
    ("naples-small", 3, "2025-04-14"),
    ("naples-small", 10, "2025-07-14"),
    ("naples-small", 10, "2025-01-14"),
    ("naples", 1, "2025-07-14"),
    ("naples", 1, "2025-04-14"),
    ("naples", 3, "2025-01-14"),
    ("naples", 3, "2025-04-14"),
    ("naples", 3, "2025-10-20"),
    ("naples", 10, "2025-04-14"),
]


def check_against_pyomo(scene, model_of, pyomo_optimum, name, size, start, n_steps, seed, **kinds):
    overrides = (f"community.size={size}", *kinds.pop("overrides", ()))
    here, model = scene(name, start, *overrides), model_of(name, start, *overrides, **kinds)
    rng = np.random.default_rng(seed)
    live = LiveSolver(model.compiled, EXACT)
    branches = 0
    for step in rng.integers(0, 190, n_steps):
        observation, forecast = here.observation(int(step), rng), here.forecast(int(step))
        # the model holds coefficients of earlier steps: both sides must see one and the same vector
        parameters = model.parameters(model.window(observation, forecast)).copy()
        solution = live.solve(model.compiled.evaluate(parameters))
        assert solution.status == "optimal"
        expected = pyomo_optimum(model, parameters)
        assert solution.objective == pytest.approx(expected, rel=1e-6, abs=1e-6), f"step {step}"
        branches += solution.branches
    return branches


@pytest.mark.parametrize(("name", "size", "start"), FAST)
def test_live_solver_finds_what_pyomo_finds(scene, model_of, pyomo_optimum, name, size, start):
    check_against_pyomo(scene, model_of, pyomo_optimum, name, size, start, 2, seed=5)


def test_live_solver_finds_what_pyomo_finds_where_pairs_bind(scene, model_of, pyomo_optimum):
    """A flat price breaks the relaxation in many slots; a battery that charges from the grid in others."""
    flat = ("tariff.price_all_in_eur_per_kwh=0.25",)
    branches = check_against_pyomo(
        scene, model_of, pyomo_optimum, "naples", 1, "2025-07-14", 3, seed=2, overrides=flat
    )
    assert branches > 0
    grid = ("community.dwellings[2].battery.grid_charging=true",)
    check_against_pyomo(scene, model_of, pyomo_optimum, "naples", 3, "2025-04-14", 2, seed=3, overrides=grid)


@pytest.mark.slow
@pytest.mark.parametrize("start", ["2025-01-14", "2025-04-14", "2025-07-14", "2025-10-20"])
def test_live_solver_finds_what_pyomo_finds_for_ten_flats(scene, model_of, pyomo_optimum, start):
    check_against_pyomo(scene, model_of, pyomo_optimum, "naples", 10, start, 3, seed=8)


@pytest.mark.slow
@pytest.mark.parametrize("start", ["2025-01-14", "2025-07-14"])
def test_live_solver_finds_what_pyomo_finds_on_the_uniform_horizon(scene, model_of, pyomo_optimum, start):
    check_against_pyomo(scene, model_of, pyomo_optimum, "naples", 3, start, 2, seed=8, horizon="uniform")


# --- the plant --------------------------------------------------------------------------------------------


def inputs_of(scene, step):
    series = scene.plant.series
    return {
        name: np.asarray(getattr(series, name)[step], dtype=np.float64)
        for name in (
            "temp_outdoor_degc",
            "irradiance_facade_w_per_m2",
            "power_load_kw",
            "occupants_home",
            "occupants_awake",
        )
    }


def dwellings_at(scene, observation):
    """The plant's dwellings, brought to the observed temperatures."""
    plant = Dwellings()
    devices = scene.plant.community.devices["dwelling"]
    plant.init(
        "dwelling",
        grid=scene.plant.series.simulated,
        names=devices.names,
        devices=devices,
        exposure=scene.plant.exposure,
    )
    plant.temps = np.stack([observation["temp_indoor_degc"], observation["temp_mass_degc"]], axis=1)
    return plant


@pytest.mark.parametrize("start", ["2025-01-14", "2025-07-14"])
@pytest.mark.parametrize("by", ["power", "temperature"])
@pytest.mark.parametrize("units", [(), *AIR_TO_WATER], ids=["splits", "air to water", "both"])
def test_dwellings_do_in_one_step_what_was_planned(scene, model_of, start, by, units):
    here, model = scene("naples", start, *LINEAR, *units), model_of("naples", start, *LINEAR, *units)
    rng = np.random.default_rng(4)
    ran = 0
    for step in (29, 70, 67, 36):  # the second, third, fourth and first quarter of an hour
        observation, window, solution = solved(here, model, step, rng)
        plan = PlannedValues(columns=model.compiled.columns, values=solution.values)
        n, n_slots = len(here.plant.community.devices["dwelling"]), model.horizon.n_slots
        heating = plan("dwelling.power_heating_kw", n, n_slots)[:, window.spare]
        cooling = plan("dwelling.power_cooling_kw", n, n_slots)[:, window.spare]
        planned = plan("dwelling.temp", 2, n_slots, n)[:, window.spare]
        plant = dwellings_at(here, observation)
        asked = {"power_heating_kw": heating, "power_cooling_kw": cooling}
        nothing = np.full(n, np.nan)
        if by == "temperature":
            asked = {name: values[:, window.spare] for name, values in model.ask(solution.values).items()}
        setpoints = {
            f"setpoint_{name}": asked.get(name, nothing)
            for name in ("power_heating_kw", "power_cooling_kw", "temp_heating_degc", "temp_cooling_degc")
        }
        plant.advance(step, inputs_of(here, step) | setpoints)
        np.testing.assert_allclose(plant.out["temp_indoor_degc"], planned[0], rtol=0, atol=1e-9)
        np.testing.assert_allclose(plant.out["temp_mass_degc"], planned[1], rtol=0, atol=1e-9)
        np.testing.assert_allclose(plant.out["power_heating_kw"], heating, rtol=0, atol=1e-9)
        np.testing.assert_allclose(plant.out["power_cooling_kw"], cooling, rtol=0, atol=1e-9)
        ran += int((heating + cooling > 1e-3).sum())
    assert ran > 3


@pytest.mark.parametrize("start", ["2025-01-14", "2025-04-14", "2025-07-14"])
def test_batteries_do_in_one_step_what_was_planned(scene, model_of, start):
    here, model = scene("naples", start), model_of("naples", start)
    community = here.plant.community
    devices = community.devices["battery"]
    n_slots, rng, moved = model.horizon.n_slots, np.random.default_rng(6), 0
    for step in (34, 45, 72, 79):
        observation, window, solution = solved(here, model, step, rng)
        plan = PlannedValues(columns=model.compiled.columns, values=solution.values)
        charge = plan("battery.power_charge_kw", len(devices), n_slots)[:, window.spare]
        discharge = plan("battery.power_discharge_kw", len(devices), n_slots)[:, window.spare]
        planned = plan("battery.energy_battery_kwh", n_slots, len(devices))[window.spare]
        before = observation["energy_battery_kwh"]
        after = stored_energy_after(devices.parameters, before, charge, discharge, 900.0)
        np.testing.assert_allclose(after, planned, rtol=0, atol=1e-9)
        # the device takes the plan as it is: nothing is cut off
        plant = Batteries()
        plant.init("battery", grid=community.grid, names=devices.names, devices=devices, others={}, n_pods=11)
        plant.energy_kwh = before.copy()
        heating = plan("dwelling.power_heating_kw", 10, n_slots)[:, window.spare]
        cooling = plan("dwelling.power_cooling_kw", 10, n_slots)[:, window.spare]
        net = window.net_load_kw[0].copy()
        net[:10] += heating + cooling
        plant.advance(
            step,
            {
                "power_load_kw": net,
                "setpoint_power_charge_kw": charge,
                "setpoint_power_discharge_kw": discharge,
            },
        )
        np.testing.assert_allclose(plant.out["energy_battery_kwh"], planned, rtol=0, atol=1e-9)
        moved += int((charge + discharge > 1e-3).sum())
    assert moved > 3


def test_net_load_is_what_the_meters_see_of_uncontrolled_devices(scene, model_of):
    here, model = scene("naples", "2025-07-14"), model_of("naples", "2025-07-14")
    community, rng = here.plant.community, np.random.default_rng(0)
    window = model.window(here.observation(40, rng), here.forecast(40))
    plants = community.devices["photovoltaics"]
    expected = window.forecast.power_load_kw.copy()
    for i, node in enumerate(plants.node):
        expected[:, node] -= window.forecast.power_pv_kw[:, i]
    expected[:, :10] += 0.003  # standby of ten units
    expected[:, 10] += 0.020  # auxiliaries of the roof plant
    np.testing.assert_allclose(window.net_load_kw, expected, atol=1e-12)


# --- money ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("start", ["2025-01-14", "2025-07-14"])
def test_objective_is_the_money_of_the_plan(scene, model_of, start):
    """The objective, computed once more from the planned powers with numpy alone."""
    here, model = scene("naples", start), model_of("naples", start)
    community, horizon = here.plant.community, model.horizon
    rng = np.random.default_rng(9)
    for step in (42, 71):
        observation, window, solution = solved(here, model, step, rng)
        forecast, k_of_m = window.forecast, horizon.meter_slot
        plan = PlannedValues(columns=model.compiled.columns, values=solution.values)
        n_slots, hours = horizon.n_slots, horizon.meter_hours[:, None]
        hvac = (
            plan("dwelling.power_heating_kw", 10, n_slots) + plan("dwelling.power_cooling_kw", 10, n_slots)
        ).T
        charge = plan("battery.power_charge_kw", 4, n_slots).T
        discharge = plan("battery.power_discharge_kw", 4, n_slots).T
        net = window.meters(window.net_load_kw)
        base = net.copy()
        net[:, :10] += hvac[k_of_m]
        net[:, community.devices["battery"].node] += (charge - discharge)[k_of_m]
        withdrawn, injected = np.maximum(net, 0.0), np.maximum(-net, 0.0)

        buy = window.meters(forecast.price_buy_eur_per_kwh)
        sell = window.meters(forecast.price_sell_eur_per_kwh)
        bought, sold = buy * hours * withdrawn, sell * hours * injected
        consumers = [p for p in range(10) if p not in community.devices["battery"].node]
        known = (buy * hours * base)[:, consumers].sum()  # of consumers only what is decided is counted
        cost = bought[:, :10].sum() - known - sold[:, :10].sum()
        margin = 1.1 * community.pods.power_contract_kw[:10]
        quarters = horizon.meter_hours < 1.0
        over = np.maximum(withdrawn[quarters][:, :10] - margin, 0.0)
        cost += community.price_overrun_eur_per_kwh * (hours[quarters] * over).sum()

        taken = np.zeros(horizon.n_hours)
        given_out = np.zeros((horizon.n_hours, len(community.pods)))
        np.add.at(taken, horizon.meter_hour, (withdrawn * hours).sum(axis=1))
        np.add.at(given_out, horizon.meter_hour, injected * hours)
        taken[0] += observation.energy_withdrawn_hour_kwh.sum()
        given_out[0] += observation.energy_injected_hour_kwh
        starts = horizon.steps_per_hour * np.arange(horizon.n_hours)
        pools = {}
        for tranche in forecast.shared:
            rate = horizon.window(tranche.rate_eur_per_kwh, window.spare)[starts + 3]
            pools.setdefault(tranche.pool, []).append((rate, given_out @ tranche.injecting))
        for parts in pools.values():
            for h in range(horizon.n_hours):
                left = taken[h]
                for rate, available in sorted(((r[h], a[h]) for r, a in parts), key=lambda part: -part[0]):
                    shared = min(left, available)
                    cost -= rate * shared
                    left -= shared

        slot_hours = horizon.hours[:, None]
        cost += community.price_wear_eur_per_kwh * (slot_hours * (charge + discharge)).sum()
        cost += _discomfort_eur(here, model, window, plan)
        given = {
            name: np.asarray(values)
            for block in ("battery", "dwelling")
            for name, values in model.blocks[block].give(window).items()
        }
        last_energy = plan("battery.energy_battery_kwh", n_slots, 4)[-1]
        last_temp = plan("dwelling.temp", 2, n_slots, 10)[:, -1]
        cost -= (given["value_eur_per_kwh"] * last_energy).sum()
        cost -= (given["value_eur_per_k"] * last_temp).sum()
        assert solution.objective == pytest.approx(cost, abs=1e-6)


def _discomfort_eur(scene, model, window, plan):
    network = scene.plant.community.devices["dwelling"].parameters.network
    horizon, forecast = model.horizon, window.forecast
    air, mass = plan("dwelling.temp", 2, horizon.n_slots, 10)
    operative = (
        network.operative_air * air
        + network.operative_mass * mass
        + network.operative_outdoor * window.slots(forecast.temp_outdoor_degc)[:, None]
        + network.operative_internal_k_per_kw * window.slots(forecast.heat_internal_kw)
        + network.operative_solar_k_per_kw * window.slots(forecast.heat_solar_kw)
    )
    total = 0.0
    for k in range(window.spare, horizon.n_slots):
        rows = slice(horizon.starts[k] - window.spare, horizon.starts[k] - window.spare + horizon.lengths[k])
        low = forecast.temp_comfort_min_degc[rows].max(axis=0)
        high = forecast.temp_comfort_max_degc[rows].min(axis=0)
        beyond = np.maximum(np.maximum(low - operative[k], operative[k] - high), 0.0)
        occupied = forecast.occupied[rows].mean(axis=0)
        priced = np.minimum(beyond, 2.0) + 3.0 * np.maximum(beyond - 2.0, 0.0)
        total += 0.5 * horizon.hours[k] * (occupied * priced).sum()
    return total


def test_metered_energy_of_the_running_hour_is_part_of_the_hour(scene, model_of):
    """What is already injected can still be shared by withdrawing more before the hour ends."""
    here, model = scene("naples", "2025-07-14"), model_of("naples", "2025-07-14")
    rng = np.random.default_rng(1)
    observation = here.observation(46, rng)  # third quarter of the hour
    window = model.window(observation, here.forecast(46))
    assert window.spare == 2
    given = model.blocks["sharing"].give(window)
    injected, withdrawn = given["injected_kwh"], given["withdrawn_kwh"]
    common = window.net_load_kw[:2, 10].clip(min=0).sum() / 4  # known beforehand, the rest of the hour
    assert withdrawn[0] == pytest.approx(observation.energy_withdrawn_hour_kwh.sum() + common)
    for j, tranche in enumerate(window.forecast.shared):
        out = (-window.net_load_kw[:2, 10]).clip(min=0).sum() / 4 * tranche.injecting[10]
        metered = observation.energy_injected_hour_kwh @ tranche.injecting
        assert injected[j, 0] == pytest.approx(metered + out)


def test_spare_slots_have_no_effect(scene, model_of):
    here, model = scene("naples", "2025-01-14"), model_of("naples", "2025-01-14")
    rng = np.random.default_rng(2)
    observation, window, solution = solved(here, model, 67, rng)
    assert window.spare == 3
    plan = PlannedValues(columns=model.compiled.columns, values=solution.values)
    n_slots = model.horizon.n_slots
    for name, n in (
        ("dwelling.power_heating_kw", 10),
        ("dwelling.power_cooling_kw", 10),
        ("battery.power_charge_kw", 4),
        ("battery.power_discharge_kw", 4),
    ):
        assert not plan(name, n, n_slots)[:, :3].any()
    for name in ("pod.power_withdrawn_kw", "pod.power_injected_kw"):
        assert not plan(name, 37, 4)[:3].any()
    temps = plan("dwelling.temp", 2, n_slots, 10)
    for node, state in enumerate(("temp_indoor_degc", "temp_mass_degc")):
        np.testing.assert_allclose(temps[node, :3], np.tile(observation[state], (3, 1)), atol=1e-8)
    energy = plan("battery.energy_battery_kwh", n_slots, 4)[:3]
    np.testing.assert_allclose(energy, np.tile(observation["energy_battery_kwh"], (3, 1)), atol=1e-9)
