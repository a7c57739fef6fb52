import logging
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recosim.arrays import FloatArray
from recosim.contracts import Forecast, Observation, Setpoints
from recosim.controllers.forecasts import PerfectForecast
from recosim.controllers.host import DecisionLog
from recosim.controllers.rules import Rules
from recosim.errors import ControllerError
from recosim.results.run_file import RunMeta
from recosim.results.store import RunWriter
from recosim.scenarios.loader import load_scenario
from recosim.scenarios.runner import build_plant
from recosim.scenarios.world import SIMULATORS, Plant, RecosimWorld, recorded_series
from recosim.simulators.batteries import Batteries
from recosim.simulators.dwellings import Dwellings
from recosim.simulators.group import read_only
from recosim.simulators.meters import Meters

DAY = ("period.start=2025-07-14", "period.days=1", "period.warmup_days=1")


@pytest.fixture(scope="module")
def plant() -> Plant:
    return build_plant(load_scenario("naples", DAY))


@pytest.fixture(scope="module")
def cold() -> Plant:
    """Without a warm-up."""
    return build_plant(load_scenario("naples", [*DAY, "period.warmup_days=0"]))


Make = Callable[..., RecosimWorld]


@pytest.fixture
def make(plant: Plant, tmp_path: Path) -> Iterator[Make]:
    writers: list[RunWriter] = []

    def world(controller: Any = None, plant: Plant = plant, **options: Any) -> RecosimWorld:
        meta = RunMeta(name="naples", scenario_yaml="name: naples", controller="rules", seed=1)
        series = recorded_series(plant.community)
        path = tmp_path / f"{len(writers)}.h5"
        writer = RunWriter(path, meta=meta, grid=plant.community.grid, series=series)
        writers.append(writer)
        return RecosimWorld(
            plant,
            controller=controller or Rules(),
            forecasts=PerfectForecast(plant.community, plant.series, plant.exposure, plant.series.n_beyond),
            log=DecisionLog(),
            writer=writer,
            seed=1,
            **options,
        )

    yield world
    for writer in writers:
        writer.close()


def test_what_is_recorded(plant: Plant) -> None:
    series = recorded_series(plant.community)
    assert list(series) == ["weather", "price", "load", "dwelling", "photovoltaics", "battery", "meter"]
    assert series["load"] == {"power_load_kw": plant.community.pods.names}
    assert series["battery"]["setpoint_power_charge_kw"] == plant.community.devices["battery"].names
    assert set(series["dwelling"]) >= {"temp_indoor_degc", "power_heating_kw", "heat_unmet_kw"}


def test_a_kind_without_devices_takes_no_part() -> None:
    nothing = [f"community.dwellings[{i}].photovoltaics=null" for i in (2, 3, 5, 8)]
    plant = build_plant(load_scenario("naples", [*DAY, "community.plants=[]", *nothing]))
    assert set(plant.devices) == {"dwelling", "battery"}
    assert "photovoltaics" not in recorded_series(plant.community)


def test_a_run_adds_up(make: Make) -> None:
    seen: list[int] = []
    world = make(progress=seen.append)
    world.run()
    assert seen == list(range(1, 193))
    assert 0.0 <= world.balance.residual_kwh < 1e-9
    assert len(world.accounts().times) == 24


class Corrupt:
    """A device that hands out something else than what it did, in one step."""

    def __init__(self, name: str, index: int, by: float) -> None:
        self.name, self.index, self.by = name, index, by

    def into(self, monkeypatch: pytest.MonkeyPatch, kind: Any, step: int = 40) -> None:
        advance = kind.advance

        def corrupted(simulator: Any, number: int, inputs: Mapping[str, FloatArray]) -> None:
            advance(simulator, number, inputs)
            if number == step:
                wrong = simulator.out[self.name].copy()
                wrong[self.index] += self.by
                simulator.out[self.name] = read_only(wrong)

        monkeypatch.setattr(kind, "advance", corrupted)


@pytest.mark.parametrize(
    ("kind", "name", "residual"),
    [
        (Batteries, "energy_battery_kwh", 0.4),  # energy out of nothing
        (Batteries, "power_charge_kw", 0.1),  # charges less than it says: the store notices
        (Batteries, "power_loss_kw", 0.1),
        (Dwellings, "temp_indoor_degc", None),
        (Dwellings, "heat_cooling_kw", 0.1),
        (Dwellings, "heat_gain_kw", 0.1),
        (Meters, "energy_withdrawn_kwh", 0.4),  # a meter that counts what nobody took
        (Meters, "energy_injected_kwh", 0.4),
    ],
)
def test_one_corrupted_device_is_seen(
    make: Make, cold: Plant, monkeypatch: pytest.MonkeyPatch, kind: Any, name: str, residual: float | None
) -> None:
    Corrupt(name, 2, 0.4).into(monkeypatch, kind)
    world = make(plant=cold)
    world.run()
    assert world.balance.residual_kwh > 1e-3
    if residual is not None:
        assert world.balance.residual_kwh == pytest.approx(residual, rel=1e-6)


def test_a_plant_that_the_meters_do_not_see(make: Make, cold: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    world = make(plant=cold)
    meters = world._simulators["meter"]
    whole = meters._sum

    def without_plants(flows: Mapping[str, FloatArray]) -> FloatArray:
        found: FloatArray = whole({**flows, "power_pv_kw": 0.0 * flows["power_pv_kw"]})
        return found

    monkeypatch.setattr(meters, "_sum", without_plants)
    world.run()
    assert world.balance.residual_kwh > 1.0


def test_the_first_step_is_checked_too(make: Make, cold: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    Corrupt("energy_battery_kwh", 0, 0.4).into(monkeypatch, Batteries, step=0)
    world = make(plant=cold)
    world.run()
    assert world.balance.residual_kwh == pytest.approx(0.4)


def test_states_at_start(make: Make, plant: Plant) -> None:
    world = make()
    before = world.states_at_start
    assert (before["dwelling"]["temp_indoor_degc"] == 20.0).all()
    assert before["battery"]["energy_battery_kwh"].tolist() == [0.5] * 4
    world.run()
    after = world.states_at_start
    assert not np.allclose(after["dwelling"]["temp_indoor_degc"], 20.0)
    assert (after["battery"]["energy_battery_kwh"] > 0.5).all(), "the night of a July day"
    other = make(Watching())  # the warm-up is not its business
    other.run()
    for kind in ("dwelling", "battery", "photovoltaics"):
        for name, values in after[kind].items():
            np.testing.assert_array_equal(values, other.states_at_start[kind][name], err_msg=name)


def test_without_warmup_the_start_is_the_initial_state(make: Make, cold: Plant) -> None:
    world = make(plant=cold)
    world.run()
    assert (world.states_at_start["dwelling"]["temp_indoor_degc"] == 20.0).all()


def test_entities(make: Make) -> None:
    world = make()
    assert world.entity("battery", "flat-04-battery").eid == "flat-04-battery"
    assert world.entity("meter", "common").type == "Member"
    assert world.entity("dwelling").type == "Group"
    with pytest.raises(KeyError, match="flat-05-battery"):
        world.entity("battery", "flat-05-battery")
    with pytest.raises(KeyError, match="windmill"):
        world.entity("windmill")
    world.mosaik.shutdown()


def test_simulators_added_to_a_world_stay_in_it(make: Make) -> None:
    world = make()
    world.mosaik.sim_config["foreign"] = {"python": "nowhere:Nothing"}
    world.mosaik.shutdown()
    assert "foreign" not in SIMULATORS


class Watching:
    """Notes what it observes; may change it, and asks every battery for 0.1 kW."""

    def __init__(self) -> None:
        self.seen: list[Observation] = []

    def reset(self, community: Any, seed: int) -> None:
        self.community, self.seed = community, seed

    def decide(self, observation: Observation, forecast: Forecast) -> Setpoints:
        self.seen.append(observation)
        self.forecast = forecast
        return Setpoints(power_charge_kw=np.full(4, 0.1), power_discharge_kw=np.zeros(4))


def test_a_controller_sees_the_state_at_the_start_of_its_step(make: Make, plant: Plant) -> None:
    controller = Watching()
    world = make(controller)
    world.run()
    period = plant.community.grid
    assert [observation.time for observation in controller.seen] == period.times.tolist()
    assert [observation.step for observation in controller.seen] == list(range(96))
    start = world.states_at_start
    for kind, name in (("dwelling", "temp_indoor_degc"), ("battery", "energy_battery_kwh")):
        np.testing.assert_array_equal(controller.seen[0][name], start[kind][name])
    hour = [observation.energy_withdrawn_hour_kwh for observation in controller.seen]
    assert all(not counted.any() for counted in hour[::4])
    assert all((counted >= before).all() for before, counted in zip(hour[1::4], hour[2::4], strict=True))
    assert sum(counted.sum() for counted in hour[3::4]) > 0.0


def test_everything_a_controller_gets_is_read_only(make: Make) -> None:
    controller = Watching()
    make(controller).run()
    for observation in (controller.seen[0], controller.seen[1], controller.seen[-1]):
        arrays = [
            *observation.states.values(),
            observation.energy_withdrawn_hour_kwh,
            observation.energy_injected_hour_kwh,
        ]
        assert not any(array.flags.writeable for array in arrays)
    forecast = controller.forecast
    arrays = [getattr(forecast, name) for name in Forecast.__dataclass_fields__]
    assert not any(array.flags.writeable for array in arrays if isinstance(array, np.ndarray))


def test_an_error_while_starting_ends_the_world(make: Make) -> None:
    class Broken(Watching):
        def reset(self, community: Any, seed: int) -> None:
            raise KeyError("broken")

    with pytest.raises(ControllerError, match="broken"):
        make(Broken())


def test_an_error_while_running_ends_the_world(
    make: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def burns(simulator: Any, number: int, inputs: Any) -> None:
        raise ZeroDivisionError("battery on fire")

    world = make()
    monkeypatch.setattr(Batteries, "advance", burns)
    with caplog.at_level(logging.CRITICAL), pytest.raises(ZeroDivisionError, match="on fire"):
        world.run()
    assert world.mosaik.loop.is_closed()
