"""What must hold whatever the model: energy is neither made nor lost, the sun sets, seeds repeat."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recosim.arrays import FloatArray
from recosim.results.run_file import Run, open_run
from recosim.scenarios.community import comfort_calendar
from recosim.scenarios.loader import load_scenario
from recosim.scenarios.runner import RunResult, build_plant, run_scenario
from recosim.simulators.dwellings import Dwellings
from recosim.simulators.exposure import Exposure
from recosim.simulators.group import GROUP, GROUP_MODEL
from recosim.timegrid import TimeGrid

SEASONS = {"winter": "2025-01-14", "spring": "2025-04-15", "summer": "2025-07-14"}


def run_in(folder: Path, *overrides: str, controller: str | None = None) -> RunResult:
    scenario = load_scenario("naples", ["period.days=1", "period.warmup_days=1", *overrides])
    return run_scenario(scenario, controller=controller, out=folder / "run.h5")


@pytest.fixture(scope="module", params=SEASONS)
def result(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    folder = tmp_path_factory.mktemp(request.param)
    return run_in(folder, f"period.start={SEASONS[request.param]}", "period.days=2")


Series = Callable[[str, str], FloatArray]


@pytest.fixture(scope="module")
def series(result: RunResult) -> Series:
    with open_run(result.path) as run:
        values = {
            (group, name): run.values(group, name) for group, names in run.groups().items() for name in names
        }
    return lambda group, name: values[group, name]


def hourly(values: FloatArray) -> FloatArray:
    total: FloatArray = values.sum(axis=1).reshape(-1, 4).sum(axis=1)
    return total


def test_meters_add_up_to_the_communitys_balance(series: Series) -> None:
    metered = (series("meter", "energy_injected_kwh") - series("meter", "energy_withdrawn_kwh")).sum(axis=1)
    taken = {
        ("photovoltaics", "power_pv_kw"): 1,
        ("photovoltaics", "power_auxiliary_kw"): -1,
        ("load", "power_load_kw"): -1,
        ("dwelling", "power_heating_kw"): -1,
        ("dwelling", "power_cooling_kw"): -1,
        ("dwelling", "power_standby_kw"): -1,
        ("battery", "power_charge_kw"): -1,
        ("battery", "power_discharge_kw"): 1,
    }
    balance = sum(sign * series(*name).sum(axis=1) for name, sign in taken.items()) / 4
    np.testing.assert_allclose(metered, balance, atol=1e-5)  # the series are float32, the meters float64


def test_balance_residual(result: RunResult) -> None:
    residual = result.kpis["balance_residual_kwh"]
    assert residual is not None
    assert 0.0 < residual < 1e-6


def test_a_meter_never_counts_both_ways_in_a_step(series: Series) -> None:
    withdrawn, injected = series("meter", "energy_withdrawn_kwh"), series("meter", "energy_injected_kwh")
    assert withdrawn.min() >= 0.0
    assert injected.min() >= 0.0
    assert not (np.minimum(withdrawn, injected) > 0.0).any()


def test_the_sun_sets(result: RunResult, series: Series) -> None:
    with open_run(result.path) as run:
        hour = run.grid.hour_of_day_local
    night = (hour >= 21.5) | (hour < 4.5)
    power = series("photovoltaics", "power_pv_kw")
    assert not power[night].any()
    assert (power[(hour >= 12) & (hour < 14)] > 0.0).all()
    assert (power <= np.array([20.0, 3.0, 3.0, 3.0, 3.0])).all()


def test_shared_energy_exceeds_neither_side_in_any_hour(result: RunResult, series: Series) -> None:
    with open_run(result.path) as run:
        shared = run.settlement("hourly")["energy_shared_kwh"]
        incentivised = run.settlement("hourly")["energy_incentivised_kwh"].sum(axis=1)
    injected, withdrawn = (
        hourly(series("meter", "energy_injected_kwh")),
        hourly(series("meter", "energy_withdrawn_kwh")),
    )
    np.testing.assert_allclose(shared, np.minimum(injected, withdrawn), atol=1e-9)
    assert (incentivised <= shared + 1e-9).all()
    assert shared.sum() > 1.0


def test_batteries_give_back_less_than_they_take(series: Series) -> None:
    stored, charge, discharge, loss = (
        series("battery", name)
        for name in ("energy_battery_kwh", "power_charge_kw", "power_discharge_kw", "power_loss_kw")
    )
    brought = (charge - discharge - loss)[1:] / 4
    np.testing.assert_allclose(np.diff(stored, axis=0), brought, atol=1e-5)
    leaked = (1.0 - 0.98 ** (900.0 / (365.25 / 12 * 86_400.0))) * stored[:-1] * 4
    converted = 0.05 * charge + (1 / 0.95 - 1) * discharge
    np.testing.assert_allclose(loss[1:], converted[1:] + leaked, atol=1e-5)
    assert stored.min() >= 0.5 * 0.98
    assert stored.max() <= 0.95 * 5.0 + 1e-6
    assert not (np.minimum(charge, discharge) > 0.0).any()


def test_batteries_charge_from_their_own_surplus_only(result: RunResult, series: Series) -> None:
    with open_run(result.path) as run:
        pods = [run.members("meter", "energy_withdrawn_kwh").index(f"flat-{i:02}") for i in (3, 4, 6, 9)]
    charge, withdrawn = series("battery", "power_charge_kw"), series("meter", "energy_withdrawn_kwh")[:, pods]
    assert charge.max() > 0.1
    assert not (withdrawn[charge > 1e-9] > 0.0).any()


def test_heating_and_cooling_follow_the_season(result: RunResult, series: Series) -> None:
    with open_run(result.path) as run:
        month = run.grid.local[0].month
    heated, cooled = series("dwelling", "heat_heating_kw").sum(), series("dwelling", "heat_cooling_kw").sum()
    assert (heated > 1.0, cooled > 1.0) == {1: (True, False), 4: (False, False), 7: (False, True)}[month]
    # air to air units move more heat than they take power
    power = series("dwelling", "power_heating_kw") + series("dwelling", "power_cooling_kw")
    assert (
        series("dwelling", "heat_heating_kw") + series("dwelling", "heat_cooling_kw") >= power - 1e-6
    ).all()
    indoor = series("dwelling", "temp_indoor_degc")
    assert 10.0 < indoor.min() < indoor.max() < 33.0


def test_heat_is_neither_made_nor_lost(result: RunResult, series: Series) -> None:
    scenario = load_scenario("naples", ["period.days=1", "period.warmup_days=0"])
    network = build_plant(scenario).community.devices["dwelling"].parameters.network
    stored = (
        network.capacity_air_j_per_k * series("dwelling", "temp_indoor_degc")
        + network.capacity_mass_j_per_k * series("dwelling", "temp_mass_degc")
    ) / 3.6e6
    brought = sum(
        sign * series("dwelling", name)
        for name, sign in (
            ("heat_heating_kw", 1),
            ("heat_cooling_kw", -1),
            ("heat_gain_kw", 1),
            ("heat_loss_kw", -1),
        )
    )
    total = np.asarray(brought)[1:].sum(axis=0) / 4
    np.testing.assert_allclose(stored[-1] - stored[0], total, atol=2e-4)


def test_flats_without_heating_become_as_cold_as_outdoors() -> None:
    """The ten flats of naples in a world of 5 degC without sun, people, or radiation to the sky."""
    scenario = load_scenario("naples", ["period.start=2025-04-02", "period.days=20", "period.warmup_days=0"])
    short = build_plant(load_scenario("naples", ["period.days=1", "period.warmup_days=0"]))
    devices = short.community.devices["dwelling"]
    dark = replace(devices.parameters.envelope, sky_loss_w=np.zeros(10), sky_loss_window_w=np.zeros(10))
    devices = replace(devices, parameters=replace(devices.parameters, envelope=dark))
    grid = TimeGrid.from_local_date("2025-04-02", 20)
    n = grid.n_steps + 100
    nobody = np.zeros((n, 10), dtype=np.int8)
    series = replace(
        short.series,
        grid=grid.part(0, n),
        temp_outdoor_degc=np.full(n, 5.0),
        irradiance_facade_w_per_m2=np.zeros((n, 5)),
        power_load_kw=np.zeros((n, 11), dtype=np.float32),
        occupants_home=nobody,
        occupants_awake=nobody,
    )
    flats = Dwellings()
    exposure = Exposure(series, devices, comfort_calendar(scenario.comfort))
    flats.init("dwelling-0", grid=grid, names=devices.names, devices=devices, exposure=exposure)
    flats.create(1, GROUP_MODEL)
    values = {
        "temp_outdoor_degc": 5.0,
        "irradiance_facade_w_per_m2": np.zeros(5),
        "power_load_kw": np.zeros(11),
        "occupants_home": np.zeros(10),
        "occupants_awake": np.zeros(10),
    }
    inputs = {GROUP: {name: {"x": value} for name, value in values.items()}}
    spread = []
    for step in range(grid.n_steps):
        flats.step(900 * step, inputs, 0)
        spread.append(float(np.abs(flats.out["temp_indoor_degc"] - 5.0).max()))
    assert spread[-1] < 0.01
    assert (np.diff(spread) <= 0.0).all(), "without ever turning back"
    np.testing.assert_allclose(flats.out["temp_mass_degc"], 5.0, atol=0.01)
    np.testing.assert_allclose(flats.out["heat_loss_kw"], 0.0, atol=1e-2)


def all_series(path: Path) -> dict[str, FloatArray]:
    with open_run(path) as run:
        found = {f"{g}/{name}": run.values(g, name) for g, names in run.groups().items() for name in names}
        for table in run.settlement_tables():
            found |= {f"{table}/{name}": column for name, column in run.settlement(table).items()}
    return found


@pytest.fixture(scope="module")
def july(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., RunResult]:
    """A day in July, each kind of run made once."""

    @cache
    def made(seed: int, controller: str, number: int = 0) -> RunResult:
        folder = tmp_path_factory.mktemp(f"{controller}-{seed}-{number}")
        return run_in(folder, "period.start=2025-07-14", f"seed={seed}", controller=controller)

    return made


def without_time(result: RunResult) -> dict[str, Any]:
    return {name: value for name, value in result.kpis.items() if name != "cpu_s"}


def test_same_seed_same_file_and_another_seed_another(july: Callable[..., RunResult]) -> None:
    first, again, other = july(5, "rules"), july(5, "rules", 1), july(6, "rules")
    assert first.path != again.path
    one, two, three = (all_series(result.path) for result in (first, again, other))
    assert set(one) == set(two) == set(three)
    for name, values in one.items():
        np.testing.assert_array_equal(values, two[name], err_msg=name)
    assert without_time(first) == without_time(again)
    for name in ("load/power_load_kw", "weather/temp_outdoor_degc", "price/price_pun_eur_per_mwh"):
        assert not np.array_equal(one[name], three[name]), name
    assert first.kpis["objective_eur"] != other.kpis["objective_eur"]


def test_what_comes_from_outside_does_not_depend_on_the_controller(july: Callable[..., RunResult]) -> None:
    rules, idle = (all_series(july(5, name).path) for name in ("rules", "idle"))
    for name in rules:
        if name.startswith(("weather/", "price/", "load/")) or name == "photovoltaics/power_pv_kw":
            np.testing.assert_array_equal(rules[name], idle[name], err_msg=name)
    assert not idle["dwelling/power_cooling_kw"].any()
    assert not idle["battery/power_charge_kw"].any()
    assert (idle["dwelling/temp_indoor_degc"][-1] > rules["dwelling/temp_indoor_degc"][-1]).any()


def test_controllers_start_from_equal_states(july: Callable[..., RunResult]) -> None:
    """The first step's flows lead back to one state: the warm-up follows the local rules for everybody."""
    starts = []
    for name in ("rules", "idle"):
        with open_run(july(5, name).path) as run:
            starts.append(state_before(run))
            assert run.committed == 96
    np.testing.assert_allclose(starts[0], starts[1], atol=1e-5)
    assert (starts[0] > 0.6).any()


def state_before(run: Run) -> FloatArray:
    stored, charge, discharge, loss = (
        run.values("battery", name, slice(0, 1))[0]
        for name in ("energy_battery_kwh", "power_charge_kw", "power_discharge_kw", "power_loss_kw")
    )
    return np.asarray(stored - (charge - discharge - loss) / 4)
