"""Foreign simulators on a real mosaik world: group entities with arrays, member entities with numbers."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import mosaik_api_v3
import numpy as np
import pytest

from recosim.arrays import FloatArray
from recosim.contracts import Community, Forecast, Observation, Setpoints
from recosim.controllers.forecasts import PerfectForecast
from recosim.controllers.host import DecisionLog
from recosim.results.run_file import RunMeta
from recosim.results.store import RunWriter
from recosim.scenarios.loader import load_scenario
from recosim.scenarios.runner import build_plant
from recosim.scenarios.world import Plant, RecosimWorld, recorded_series

STEPS = 24
MEMBER, INDEX = "flat-04-battery", 1
ASKED = [0.3 if step % 2 else 0.8 for step in range(STEPS)]


class Foreign(mosaik_api_v3.Simulator):
    """Asks for a power, quarter by quarter, and remembers what it is told."""

    def __init__(self) -> None:
        attrs = ["ask_charge_kw", "ask_discharge_kw", "told"]
        models = {"Manager": {"public": True, "params": [], "attrs": attrs}}
        super().__init__({"api_version": "3.0", "type": "time-based", "models": models})

    def init(  # type: ignore[override]
        self, sid: str, time_resolution: float = 1.0, *, asked: Sequence[float], told: list[Any]
    ) -> Any:
        self.asked, self.told, self.now = asked, told, 0.0
        return self.meta

    def create(self, num: int, model: str, **model_params: Any) -> list[Any]:
        return [{"eid": f"manager-{i}", "type": model} for i in range(num)]

    def step(self, time: int, inputs: Mapping[str, Any], max_advance: int) -> int:
        self.now = self.asked[time // 900]
        # copied: mosaik goes on using its own dictionaries
        self.told.append({eid: dict(attrs.get("told", {})) for eid, attrs in inputs.items()})
        return time + 900

    def get_data(self, outputs: Mapping[str, Sequence[str]]) -> dict[str, dict[str, Any]]:
        values = {"ask_charge_kw": self.now, "ask_discharge_kw": 0.0}
        return {eid: {attr: values[attr] for attr in attrs} for eid, attrs in outputs.items()}


class AskAll:
    """Asks every battery to charge with 0.1 kW."""

    def reset(self, community: Community, seed: int) -> None:
        self.n = len(community.devices["battery"])

    def decide(self, observation: Observation, forecast: Forecast) -> Setpoints:
        return Setpoints(power_charge_kw=np.full(self.n, 0.1), power_discharge_kw=np.zeros(self.n))


class LeaveAll(AskAll):
    """Leaves every device to itself."""

    def decide(self, observation: Observation, forecast: Forecast) -> Setpoints:
        return Setpoints()


@pytest.fixture(scope="module")
def plant() -> Plant:
    day = ["period.start=2025-07-14", "period.days=1", "period.warmup_days=0"]
    grid_charging = [f"community.dwellings[{i}].battery.grid_charging=true" for i in (2, 3, 5, 8)]
    return build_plant(load_scenario("naples", [*day, *grid_charging]))


Make = Callable[..., RecosimWorld]


@pytest.fixture
def make(plant: Plant, tmp_path: Path) -> Iterator[Make]:
    writers: list[RunWriter] = []

    def world(controller: Any) -> RecosimWorld:
        meta = RunMeta(name="naples", scenario_yaml="name: naples", controller="test", seed=1)
        series = recorded_series(plant.community)
        writers.append(RunWriter(tmp_path / "run.h5", meta=meta, grid=plant.community.grid, series=series))
        made = RecosimWorld(
            plant,
            controller=controller,
            forecasts=PerfectForecast(plant.community, plant.series, plant.exposure, plant.series.n_beyond),
            log=DecisionLog(),
            writer=writers[0],
            seed=1,
        )
        made.mosaik.sim_config["foreign"] = {"python": f"{__name__}:Foreign"}
        return made

    yield world
    for writer in writers:
        writer.close()


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, FloatArray]]:
    """What the batteries did in each step."""
    from recosim.simulators.batteries import Batteries

    rows: list[dict[str, FloatArray]] = []
    advance = Batteries.advance

    def noting(simulator: Batteries, step: int, inputs: Mapping[str, FloatArray]) -> None:
        advance(simulator, step, inputs)
        rows.append(dict(simulator.out))

    monkeypatch.setattr(Batteries, "advance", noting)
    return rows


def run_short(world: RecosimWorld) -> None:
    """Some hours are enough here."""
    try:
        world.mosaik.run(until=STEPS * 900, print_progress=False, lazy_stepping=False)
    finally:
        world.mosaik.shutdown()


def manager(world: RecosimWorld, told: list[Any], asked: Sequence[float] = ASKED) -> Any:
    return world.mosaik.start("foreign", asked=asked, told=told).Manager()


def test_a_foreign_simulator_drives_one_battery(make: Make, recorded: list[dict[str, FloatArray]]) -> None:
    world, told = make(AskAll()), []
    battery, ours = world.entity("battery", MEMBER), manager(world, told)
    world.mosaik.connect(ours, battery, ("ask_charge_kw", "setpoint_power_charge_kw"))
    world.mosaik.connect(
        battery,
        ours,
        ("energy_battery_kwh", "told"),
        time_shifted=True,
        initial_data={"energy_battery_kwh": 0.5},
    )
    run_short(world)
    charged = np.array([row["power_charge_kw"] for row in recorded])
    np.testing.assert_allclose(charged[:, INDEX], ASKED)
    np.testing.assert_allclose(np.delete(charged, INDEX, axis=1), 0.1)
    heard = [one["manager-0"][f"battery-0.{MEMBER}"] for one in told]
    assert all(type(value) is float for value in heard)
    stored = [0.5, *(row["energy_battery_kwh"][INDEX] for row in recorded[:-1])]
    assert heard == stored, "the state at the start of the step, as for our own controllers"
    assert world.balance.residual_kwh < 1e-9


def test_the_others_are_left_to_their_own_rule(make: Make, recorded: list[dict[str, FloatArray]]) -> None:
    world, told = make(LeaveAll()), []
    battery, ours = world.entity("battery", MEMBER), manager(world, told)
    world.mosaik.connect(
        ours,
        battery,
        ("ask_charge_kw", "setpoint_power_charge_kw"),
        ("ask_discharge_kw", "setpoint_power_discharge_kw"),
    )
    run_short(world)
    charged = np.array([row["power_charge_kw"] for row in recorded])
    np.testing.assert_allclose(charged[:20, INDEX], ASKED[:20])
    assert not np.delete(charged, INDEX, axis=1)[:20].any(), "no sun before five"


def test_the_meters_count_what_the_foreign_simulator_does(
    make: Make, plant: Plant, recorded: list[dict[str, FloatArray]]
) -> None:
    world, told = make(LeaveAll()), []
    battery, ours = world.entity("battery", MEMBER), manager(world, told)
    world.mosaik.connect(ours, battery, ("ask_charge_kw", "setpoint_power_charge_kw"))
    world.mosaik.connect(ours, battery, ("ask_discharge_kw", "setpoint_power_discharge_kw"))
    meter = world.entity("meter", "flat-04")
    initial = {"energy_withdrawn_kwh": 0.0}
    world.mosaik.connect(
        meter, ours, ("energy_withdrawn_kwh", "told"), time_shifted=True, initial_data=initial
    )
    run_short(world)
    withdrawn = [one["manager-0"]["meter-0.flat-04"] for one in told][1:21]
    # by night, without air conditioning: the load, the units' standby and the battery
    load = plant.series.power_load_kw[:20, 3]
    np.testing.assert_allclose(withdrawn, (load + 0.003 + np.array(ASKED[:20])) / 4, rtol=1e-6)


@pytest.mark.parametrize("eid", [MEMBER, None])
def test_two_sources_for_one_attribute_raise(make: Make, eid: str | None) -> None:
    world = make(AskAll())
    entity = world.entity("battery", eid)
    for _ in range(2 if eid else 1):  # for the group our own controller is the other source
        world.mosaik.connect(manager(world, []), entity, ("ask_charge_kw", "setpoint_power_charge_kw"))
    where = eid or "group"
    with pytest.raises(
        ValueError, match=rf"battery\.{where}\.setpoint_power_charge_kw has 2 sources: .*foreign-0"
    ):
        run_short(world)


def test_group_arrays_are_whole_and_read_only(make: Make, plant: Plant) -> None:
    world, told = make(AskAll()), []
    ours = manager(world, told)
    names = (
        ("battery", "energy_battery_kwh"),
        ("meter", "energy_withdrawn_kwh"),
        ("dwelling", "temp_indoor_degc"),
    )
    for kind, name in names:
        world.mosaik.connect(world.entity(kind), ours, (name, "told"))
    world.mosaik.connect(world.entity("inputs"), ours, ("power_load_kw", "told"))
    run_short(world)
    sizes = {"battery-0.group": 4, "meter-0.group": 11, "dwelling-0.group": 10, "inputs-0.group": 11}
    for heard in told:
        arrays = heard["manager-0"]
        assert {source: array.shape for source, array in arrays.items()} == {
            s: (n,) for s, n in sizes.items()
        }
        for array in arrays.values():
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 1.0


TCP = """
import mosaik_api_v3

class Cellar(mosaik_api_v3.Simulator):
    def __init__(self):
        attrs = ["ask_kw", "none_kw", "told"]
        models = {"Cellar": {"public": True, "params": [], "attrs": attrs}}
        super().__init__({"api_version": "3.0", "type": "time-based", "models": models})
    def create(self, num, model):
        return [{"eid": "cellar", "type": model}]
    def step(self, time, inputs, max_advance):
        (stored,) = inputs["cellar"]["told"].values()
        self.ask = 0.25 if stored < 1.0 else 0.0
        return time + 900
    def get_data(self, outputs):
        values = {"ask_kw": self.ask, "none_kw": 0.0}
        return {eid: {attr: values[attr] for attr in attrs} for eid, attrs in outputs.items()}

mosaik_api_v3.start_simulation(Cellar())
"""


def test_another_process_drives_one_battery(
    make: Make, recorded: list[dict[str, FloatArray]], tmp_path: Path
) -> None:
    (tmp_path / "cellar.py").write_text(TCP, encoding="utf-8")
    world = make(LeaveAll())
    command = f"{sys.executable} {tmp_path / 'cellar.py'} %(addr)s"
    world.mosaik.sim_config["cellar"] = {"cmd": command}
    cellar, battery = world.mosaik.start("cellar").Cellar(), world.entity("battery", MEMBER)
    world.mosaik.connect(
        cellar, battery, ("ask_kw", "setpoint_power_charge_kw"), ("none_kw", "setpoint_power_discharge_kw")
    )
    world.mosaik.connect(
        battery,
        cellar,
        ("energy_battery_kwh", "told"),
        time_shifted=True,
        initial_data={"energy_battery_kwh": 0.5},
    )
    run_short(world)
    charged = np.array([row["power_charge_kw"][INDEX] for row in recorded])
    # 0.25 kW * 0.95 / 4 an hour: nine quarters from 0.5 to above 1 kWh
    assert charged[:9].tolist() == [0.25] * 9
    assert not charged[9:20].any()
    assert world.balance.residual_kwh < 1e-9
