"""Controllers and devices in other processes, and what they may do wrong."""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import mosaik_api_v3
import numpy as np
import pytest

from recosim.contracts import Community, Forecast, Observation, Setpoints
from recosim.controllers.outlook import foreseen, price_shared_eur_per_kwh
from recosim.controllers.rules import Rules
from recosim.errors import ForeignError
from recosim.results.run_file import open_run
from recosim.scenarios.foreign.file import Foreign, ForeignSimulator, load_foreign
from recosim.scenarios.loader import load_scenario
from recosim.scenarios.runner import RunResult, build_plant, run_plant, run_scenario
from recosim.scenarios.schema.scenario import Scenario
from recosim.scenarios.world import Plant

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
DAY = ("period.start=2025-07-14", "period.days=1", "period.warmup_days=0")
PUPPET = Path(__file__).with_name("puppet.py")
MEMBER = "flat-04-battery"
NODE = pytest.mark.skipif(not shutil.which("node"), reason="Node is not installed")


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return load_scenario("naples", DAY)


@pytest.fixture(scope="module")
def plant(scenario: Scenario) -> Plant:
    return build_plant(scenario)


Run = Callable[..., RunResult]


@pytest.fixture
def run(scenario: Scenario, plant: Plant, tmp_path: Path) -> Run:
    """Run a July day with foreign simulators."""

    def running(*simulators: ForeignSimulator, controller: Any = None, out: str = "run.h5") -> RunResult:
        foreign = Foreign(list(simulators), tmp_path)
        made = controller or Rules()
        return run_plant(
            scenario, plant, made, name="rules", path=tmp_path / out, foreign=foreign, force=True
        )

    return running


def same(one: Path, other: Path, tolerance: float) -> None:
    """Every recorded series is the same."""
    with open_run(one) as a, open_run(other) as b:
        assert a.groups() == b.groups()
        for group, quantities in a.groups().items():
            for name in quantities:
                np.testing.assert_allclose(
                    a.values(group, name), b.values(group, name), rtol=0.0, atol=tolerance, err_msg=name
                )


# the examples


@NODE
def test_both_controllers_decide_the_same(scenario: Scenario, tmp_path: Path) -> None:
    paths = []
    for example in ("foreign_controller", "foreign_controller_js"):
        foreign = load_foreign(EXAMPLES / example / "foreign.yaml")
        paths.append(run_scenario(scenario, foreign=foreign, out=tmp_path / f"{example}.h5").path)
    same(paths[0], paths[1], 0.0)
    with open_run(paths[0]) as file:
        assert file.meta.controller == "rules+dusk"
        assert file.kpis is not None
        assert float(file.kpis["balance_residual_kwh"] or 0.0) < 1e-9
        asked = file.values("battery", "setpoint_power_discharge_kw")
        held = asked == 0.0
        assert 0.0 < held.mean() < 1.0
        assert np.isnan(asked[~held]).all()
        assert not file.values("battery", "power_discharge_kw")[held].any()
        cooling = file.values("dwelling", "setpoint_temp_cooling_degc")
        assert (cooling[52:56] == 24.5).all()
        assert np.isnan(cooling[:20]).all()


def battery_runs(overrides: tuple[str, ...], name: str, folder: Path, *files: str) -> list[RunResult]:
    scenario = load_scenario(name, overrides)
    plain = run_scenario(scenario, controller="rules", out=folder / "plain.h5")
    foreign = [load_foreign(EXAMPLES / "foreign_battery" / file) for file in files]
    return [
        plain,
        *(
            run_scenario(scenario, controller="rules", foreign=one, out=folder / f"{i}.h5")
            for i, one in enumerate(foreign)
        ),
    ]


def test_a_foreign_battery_is_like_our_own(tmp_path: Path) -> None:
    own, process = battery_runs(
        ("period.start=2025-07-14", "period.days=1", "period.warmup_days=1"),
        "naples",
        tmp_path,
        "foreign.yaml",
    )
    same(own.path, process.path, 1e-9)
    assert float(process.kpis["balance_residual_kwh"] or 0.0) < 1e-9


@pytest.mark.slow
def test_a_month_with_the_same_battery_in_and_out_of_the_process(tmp_path: Path) -> None:
    month = (
        "period.start=2025-06-01",
        "period.days=30",
        "community.dwellings[3].photovoltaics={power_kw: 3.0}",
        "community.dwellings[3].battery={capacity_kwh: 5.0}",
    )
    own, inside, outside = battery_runs(month, "naples-small", tmp_path, "in_process.yaml", "foreign.yaml")
    same(inside.path, outside.path, 1e-9)
    same(own.path, outside.path, 1e-9)
    for name, value in inside.kpis.items():
        if name not in ("cpu_s",) and value is not None:
            assert float(outside.kpis[name] or 0.0) == pytest.approx(float(value), abs=1e-9, rel=0.0), name
            assert float(own.kpis[name] or 0.0) == pytest.approx(float(value), abs=1e-6), name
    assert float(outside.kpis["battery_cycles"] or 0.0) > 10.0
    assert float(outside.kpis["balance_residual_kwh"] or 0.0) < 1e-6


# a controller in this process that notes what it is shown

SEEN: list[tuple[int, dict[str, dict[str, Any]]]] = []
ASK: dict[str, float | None] = {}
ATTRS = {
    "battery": [
        "energy_battery_kwh",
        "power_load_kw",
        "power_pv_kw",
        "price_buy_eur_per_kwh",
        "forecast_price_sell_eur_per_kwh",
        "price_shared_eur_per_kwh",
        "energy_withdrawn_hour_kwh",
        "setpoint_power_charge_kw",
        "setpoint_power_discharge_kw",
    ],
    "dwelling": ["temp_mass_degc", "temp_comfort_max_degc", "forecast_occupied", "forecast_heat_solar_kw"],
    "photovoltaics": ["forecast_power_pv_kw"],
    "community": ["energy_injected_hour_kwh", "temp_outdoor_degc", "forecast_power_pv_kw", "power_load_kw"],
}


class Watcher(mosaik_api_v3.Simulator):
    def __init__(self) -> None:
        models = {
            kind: {"public": True, "params": ["name", "capacity_kwh", "pod", "step_s"], "attrs": attrs}
            for kind, attrs in ATTRS.items()
        }
        super().__init__({"api_version": "3.0", "type": "time-based", "models": models})  # type: ignore[arg-type]
        self.created: dict[str, dict[str, Any]] = {}
        SEEN.clear()

    def create(self, num: int, model: str, **params: Any) -> list[Any]:
        self.created[params["name"]] = params
        return [{"eid": params["name"], "type": model}]

    def step(self, time: int, inputs: Any, max_advance: int) -> int:
        seen = {
            eid: {attr: next(iter(v.values())) for attr, v in attrs.items()} for eid, attrs in inputs.items()
        }
        SEEN.append((time, seen))
        return time + 900

    def get_data(self, outputs: Any) -> Any:
        return {eid: {attr: ASK.get(eid) for attr in attrs} for eid, attrs in outputs.items()}


@pytest.fixture
def watcher() -> ForeignSimulator:
    ASK.clear()
    return ForeignSimulator(name="watcher", python=f"{__name__}:Watcher", controls="all")


class Noting(Rules):
    """Leaves all to the rules, and keeps what it is shown."""

    def reset(self, community: Community, seed: int) -> None:
        self.seen: list[tuple[Observation, Forecast]] = []

    def decide(self, observation: Observation, forecast: Forecast) -> Setpoints:
        self.seen.append((observation, forecast))
        return Setpoints()


def test_it_is_shown_what_every_controller_is_shown(
    scenario: Scenario, plant: Plant, tmp_path: Path, watcher: ForeignSimulator
) -> None:
    erring = load_scenario("naples", (*DAY, "forecast=medium", "period.warmup_days=1"))
    warm, noting = build_plant(erring), Noting()
    foreign = Foreign([watcher], tmp_path)
    run_plant(erring, warm, noting, name="noting", path=tmp_path / "run.h5", foreign=foreign)
    assert [time for time, _ in SEEN] == [86_400 + 900 * i for i in range(96)], "not in the warm-up"
    community = warm.community
    batteries, i = community.devices["battery"], community.devices["battery"].names.index(MEMBER)
    pod = batteries.node[i]
    plants = community.devices["photovoltaics"]
    for (_, seen), (observation, forecast) in zip(SEEN, noting.seen, strict=True):
        battery, flat, whole = seen[MEMBER], seen["flat-04"], seen["community"]
        assert battery["energy_battery_kwh"] == observation["energy_battery_kwh"][i]
        assert battery["power_load_kw"] == forecast.power_load_kw[0, pod]
        assert battery["power_pv_kw"] == forecast.power_pv_kw[0, plants.node == pod].sum()
        assert battery["price_buy_eur_per_kwh"] == forecast.price_buy_eur_per_kwh[0, pod]
        assert (
            battery["forecast_price_sell_eur_per_kwh"] == forecast.price_sell_eur_per_kwh[:96, pod].tolist()
        )
        assert battery["price_shared_eur_per_kwh"] == price_shared_eur_per_kwh(forecast)[0]
        assert battery["energy_withdrawn_hour_kwh"] == observation.energy_withdrawn_hour_kwh[pod]
        assert flat["temp_mass_degc"] == observation["temp_mass_degc"][3]
        band = forecast.temp_comfort_max_degc[0, 3]
        assert flat["temp_comfort_max_degc"] == (band if np.isfinite(band) else None)
        assert flat["forecast_occupied"] == forecast.occupied[:96, 3].tolist()
        assert flat["forecast_heat_solar_kw"] == forecast.heat_solar_kw[:96, 3].tolist()
        roof = plants.names[-1]
        assert seen[roof]["forecast_power_pv_kw"] == forecast.power_pv_kw[:96, -1].tolist()
        assert whole["energy_injected_hour_kwh"] == observation.energy_injected_hour_kwh.sum()
        assert whole["temp_outdoor_degc"] == forecast.temp_outdoor_degc[0]
        assert whole["power_load_kw"] == forecast.power_load_kw[0].sum()
        assert whole["forecast_power_pv_kw"] == forecast.power_pv_kw[:96].sum(axis=1).tolist()


class Charge(Rules):
    """Asks every battery to charge with 0.1 kW."""

    def reset(self, community: Community, seed: int) -> None:
        self.n = len(community.devices["battery"])

    def decide(self, observation: Observation, forecast: Forecast) -> Setpoints:
        return Setpoints(power_charge_kw=np.full(self.n, 0.1), power_discharge_kw=np.zeros(self.n))


def test_its_set_points_win_where_it_gives_any(run: Run, watcher: ForeignSimulator) -> None:
    ASK[MEMBER] = 0.25  # charge and discharge: their difference is nothing
    one = watcher.model_copy(update={"controls": {"battery": [MEMBER]}})
    result = run(one, controller=Charge())
    with open_run(result.path) as file:
        i = file.members("battery", "power_charge_kw").index(MEMBER)
        asked = file.values("battery", "setpoint_power_charge_kw")
        assert (asked[:, i] == 0.25).all()
        np.testing.assert_allclose(np.delete(asked, i, axis=1), 0.1, rtol=1e-6)
        assert not file.values("battery", "power_charge_kw")[:, i].any()
        assert np.delete(file.values("battery", "power_charge_kw"), i, axis=1).any()


def test_null_leaves_a_device_to_itself_and_not_to_the_other_controller(
    run: Run, watcher: ForeignSimulator
) -> None:
    left = run(watcher, controller=Charge(), out="left.h5")
    rules = run(watcher, out="rules.h5")
    same(left.path, rules.path, 0.0)


def test_a_foreign_controller_drives_a_foreign_battery(run: Run, watcher: ForeignSimulator) -> None:
    ASK[MEMBER] = 0.25
    battery = EXAMPLES / "foreign_battery" / "battery.py"
    cellar = ForeignSimulator(name="cellar", python=f"{battery}:Batteries", replaces={"battery": [MEMBER]})
    both = run(watcher, cellar, out="both.h5")
    alone = run(watcher, out="alone.h5")
    same(both.path, alone.path, 1e-9)
    with open_run(both.path) as file:
        i = file.members("battery", "power_charge_kw").index(MEMBER)
        assert not file.values("battery", "power_charge_kw")[:, i].any()


# devices that lie

LIES: dict[str, Any] = {}


class Liar(mosaik_api_v3.Simulator):
    def __init__(self) -> None:
        self.said: Mapping[str, Any] = {
            "energy_battery_kwh": 1.0,
            "power_charge_kw": 0.0,
            "power_discharge_kw": 0.0,
            "power_loss_kw": 0.0,
        } | {name: value for name, value in LIES.items() if name != "ahead"}
        attrs = [name for name, value in self.said.items() if value != "left out"]
        models = {"battery": {"public": True, "params": [], "attrs": attrs}}
        super().__init__({"api_version": "3.0", "type": "time-based", "models": models})  # type: ignore[arg-type]

    def create(self, num: int, model: str, **params: Any) -> list[Any]:
        return [{"eid": "liar", "type": model}]

    def step(self, time: int, inputs: Any, max_advance: int) -> int:
        return time + int(LIES.get("ahead", 900))

    def get_data(self, outputs: Any) -> Any:
        return {eid: {attr: self.said[attr] for attr in attrs} for eid, attrs in outputs.items()}


LIAR = ForeignSimulator(name="liar", python=f"{__name__}:Liar", replaces={"battery": [MEMBER]})


class Roof(mosaik_api_v3.Simulator):
    """A plant of 5 kW per 1000 W/m2."""

    def __init__(self) -> None:
        told = [
            "irradiance_module_w_per_m2",
            "temp_outdoor_degc",
            "power_load_kw",
            "setpoint_power_pv_limit_kw",
        ]
        attrs = [*told, "power_pv_kw", "power_auxiliary_kw", "power_curtailed_kw"]
        models = {"photovoltaics": {"public": True, "params": [], "attrs": attrs}}
        super().__init__({"api_version": "3.0", "type": "time-based", "models": models})  # type: ignore[arg-type]
        SEEN.clear()

    def create(self, num: int, model: str, **params: Any) -> list[Any]:
        return [{"eid": "roof", "type": model}]

    def step(self, time: int, inputs: Any, max_advance: int) -> int:
        SEEN.append((time, {name: next(iter(v.values())) for name, v in inputs["roof"].items()}))
        return time + 900

    def get_data(self, outputs: Any) -> Any:
        irradiance = float(SEEN[-1][1]["irradiance_module_w_per_m2"])  # type: ignore[arg-type]
        said = {"power_pv_kw": irradiance / 200.0, "power_auxiliary_kw": 0.01, "power_curtailed_kw": 0.0}
        return {eid: {attr: said[attr] for attr in attrs} for eid, attrs in outputs.items()}


def test_a_foreign_plant_feeds_its_delivery_point(run: Run, plant: Plant) -> None:
    plants, series = plant.community.devices["photovoltaics"], plant.series
    name, i = plants.names[0], 0
    roof = ForeignSimulator(name="roof", python=f"{__name__}:Roof", replaces={"photovoltaics": [name]})
    result = run(roof)
    irradiance = series.irradiance_module_w_per_m2[:96, plants.parameters.plane[i]]
    with open_run(result.path) as file:
        np.testing.assert_allclose(
            file.values("photovoltaics", "power_pv_kw")[:, i], irradiance / 200.0, rtol=1e-6
        )
    for step, (_, told) in enumerate(SEEN):
        assert told["temp_outdoor_degc"] == series.temp_outdoor_degc[step]
        assert told["power_load_kw"] == series.power_load_kw[step, plants.node[i]]
        assert told["setpoint_power_pv_limit_kw"] is None
    assert irradiance.max() > 500.0
    assert float(result.kpis["balance_residual_kwh"] or 0.0) < 1e-9


def test_energy_that_a_foreign_device_makes_up_is_seen(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = run(LIAR)
    assert float(honest.kpis["balance_residual_kwh"] or 0.0) < 1e-9
    monkeypatch.setitem(LIES, "power_discharge_kw", 0.2)
    assert run(LIAR).kpis["balance_residual_kwh"] == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("lie", "message"),
    [
        ({"power_charge_kw": -0.2}, r"power_charge_kw of flat-04-battery = -0.2, allowed: a number, not neg"),
        ({"power_loss_kw": None}, "power_loss_kw of flat-04-battery = None, allowed: a number"),
        ({"power_loss_kw": float("nan")}, "power_loss_kw of flat-04-battery = nan, allowed: a number"),
        ({"energy_battery_kwh": -1.0}, "energy_battery_kwh of flat-04-battery at the start = -1.0"),
        ({"power_loss_kw": "left out"}, "model battery lacks attribute 'power_loss_kw'"),
        ({"power_load": 1.0}, "attribute 'power_load', did you mean 'power_load_kw'"),
        ({"ahead": 1800}, r"step answered 1800, allowed: 0 \+ 900"),
    ],
)
def test_what_a_device_may_not_say(
    run: Run, monkeypatch: pytest.MonkeyPatch, lie: dict[str, Any], message: str
) -> None:
    for name, value in lie.items():
        monkeypatch.setitem(LIES, name, value)
    with pytest.raises(ForeignError, match=message):
        run(LIAR)


# processes that fail

FAILURES = {
    "dies first": "ended with code 3 before it connected",
    "never connects": r"did not connect within 0\.5 s",
    "meta": r"init answered \[\], allowed: a mapping",
    "old": "'api_version': '2.2'.*allowed: api_version 3.0, type time-based",
    "hybrid": "'type': 'hybrid'.*allowed: api_version 3.0, type time-based",
    "model": "has models: batteries; allowed: battery, community",
    "attribute": "attribute 'energy_kwh'.* allowed: setpoint_power_charge_kw",
    "dies": "at 2025-07-14 01:30 ended with code 7 instead of answering step",
    "hangs": r"at 2025-07-14 01:30 did not answer step within 0\.5 s",
    "http": "sent a message of 1213486160 bytes, allowed: 4 bytes of length and JSON",
    "no json": "sent b'hello', allowed: 4 bytes of length and JSON",
    "no message": "sent {}, allowed: 4 bytes of length and JSON",
    "raises": "failed in step: ValueError: I do not know",
    "time as text": "step answered 'soon', allowed: the time of its next step",
    "same time": r"step answered 5400, allowed: 5400 \+ 900 n",
    "between": r"step answered 5460, allowed: 5400 \+ 900 n",
    "lacks": "get_data answered None, allowed: setpoint_power_charge_kw of flat-",
    "text": r"01:30 gave setpoint_power_charge_kw of flat-\S+ = 'much', allowed: a number, or null",
    "true": "= True, allowed: a number, or null",
    "list": r"= \[1.0\], allowed: a number, or null",
    "infinite": "= inf, allowed: a number, or null",
}


def puppet(mode: str, folder: Path, **more: Any) -> ForeignSimulator:
    words = ["%(python)s", str(PUPPET), "%(addr)s", mode, str(folder / "pid")]
    times = {"timeout_start_s": 0.5 if mode == "never connects" else 20.0}
    times["timeout_s"] = 0.5 if mode == "hangs" else 20.0
    return ForeignSimulator(
        name="puppet", command=shlex.join(words), controls={"battery": "all"}, **times | more
    )


def gone(folder: Path) -> bool:
    try:
        os.kill(int((folder / "pid").read_text()), 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux ends processes with the one that started them"
)
def test_a_killed_run_takes_its_simulators_along(tmp_path: Path) -> None:
    words = shlex.join(["%(python)s", str(PUPPET), "%(addr)s", "never connects", str(tmp_path / "pid")])
    described = [{"name": "puppet", "command": words, "controls": "all", "timeout_start_s": 100}]
    (tmp_path / "foreign.yaml").write_text(json.dumps({"simulators": described}))
    command = [sys.executable, "-m", "recosim", "run", "naples", "--days", "1", "--foreign", "foreign.yaml"]
    run = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 60.0
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        assert time.monotonic() < until
        time.sleep(0.02)
    run.kill()
    run.wait()
    while not gone(tmp_path):
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.mark.parametrize("mode", FAILURES)
def test_what_fails_is_said_and_nothing_is_left_behind(run: Run, tmp_path: Path, mode: str) -> None:
    with pytest.raises(ForeignError, match=f"foreign simulator 'puppet'.*{FAILURES[mode]}"):
        run(puppet(mode, tmp_path))
    assert gone(tmp_path)
    assert not (tmp_path / "run.h5").exists(), "no day was finished"


def test_one_that_works_is_ended_too(run: Run, tmp_path: Path) -> None:
    result = run(puppet("number", tmp_path))
    assert gone(tmp_path)
    with open_run(result.path) as file:
        assert (file.values("battery", "setpoint_power_charge_kw") == 0.5).all()


def test_one_that_does_not_want_to_end_is_ended(run: Run, tmp_path: Path) -> None:
    run(puppet("ignores stop", tmp_path))
    assert gone(tmp_path)


def test_a_program_that_is_not_there(run: Run, tmp_path: Path) -> None:
    one = ForeignSimulator(name="none", command="no-such-program %(addr)s", controls="all")
    with pytest.raises(ForeignError, match="'none' cannot be started: no-such-program: No such file"):
        run(one)


def test_nobody_at_the_address(run: Run) -> None:
    one = ForeignSimulator(name="none", connect="127.0.0.1:1", controls="all")
    with pytest.raises(ForeignError, match="'none': nobody answers at 127.0.0.1:1 .*start it first"):
        run(one)


def test_two_may_not_decide_the_same(run: Run, watcher: ForeignSimulator) -> None:
    with pytest.raises(
        ForeignError, match="'watcher' and foreign simulator 'second' both give setpoint_power"
    ):
        run(watcher, watcher.model_copy(update={"name": "second"}))
    with pytest.raises(ForeignError, match="'liar' and foreign simulator 'second' both replace flat-04-batt"):
        run(LIAR, LIAR.model_copy(update={"name": "second"}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"python": "nowhere:Thing"}, "python = nowhere:Thing: ModuleNotFoundError"),
        ({"python": "nowhere.py:Thing"}, "python = nowhere.py:Thing: FileNotFoundError"),
        ({"python": f"{__name__}:Noting"}, "has no class Noting that is a mosaik_api_v3.Simulator"),
        ({"controls": {"batttery": "all"}}, "'batttery', did you mean 'battery'"),
        ({"controls": {"battery": ["flat-4-battery"]}}, "'flat-4-battery', did you mean 'flat-04-battery'"),
        ({"controls": None, "replaces": {"appliance": ["x"]}}, "'appliance'; allowed here: dwelling, photov"),
        ({"parameters": {"capacity": 3.0}}, "parameter 'capacity', allowed by its model"),
    ],
)
def test_what_a_file_may_not_name(
    run: Run, watcher: ForeignSimulator, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(ForeignError, match=message):
        run(watcher.model_copy(update=change))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds nothing, allowed: simulators"),
        ("simulators: []", "simulators"),
        (
            "simulators: [{name: a, command: 'x %(addr)s'}]",
            "none of them given, allowed: exactly one of controls",
        ),
        ("simulators: [{name: a, controls: all}]", "none of them given, allowed: exactly one of command"),
        ("simulators: [{name: a, command: x, controls: all}]", r"command has no %\(addr\)s"),
        (
            "simulators: [{name: a, command: 'x %(addr)s', connect: 'h:1', controls: all}]",
            "command and connect given, allowed: exactly one",
        ),
        ("simulators: [{name: a, connect: here, controls: all}]", r"connect"),
        ("simulators: [{name: a, connect: 'h:1', controls: most}]", r"controls"),
        ("simulators: [{name: a, connect: 'h:1', controls: all, timeout_s: 0}]", r"timeout_s = 0, allowed"),
        ("simulators: [{name: a, connect: 'h:1', contrls: all}]", r"contrls.*did you mean 'controls'"),
        (
            "simulators: [{name: a, connect: 'h:1', controls: all}, {name: a, python: 'm:C', controls: all}]",
            "two simulators are called 'a'",
        ),
    ],
)
def test_a_file_that_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "foreign.yaml").write_text(text)
    with pytest.raises(ForeignError, match=message) as raised:
        load_foreign(tmp_path / "foreign.yaml")
    assert "foreign.yaml" in str(raised.value)


def test_the_file_in_the_documentation(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "foreign.md").read_text()
    (tmp_path / "foreign.yaml").write_text(text.split("```yaml\n")[1].split("```")[0])
    assert load_foreign(tmp_path / "foreign.yaml").names == ["dusk", "cellar"]


def test_the_documentation_names_what_is_offered(plant: Plant) -> None:
    text = (ROOT / "docs" / "foreign.md").read_text()
    community = plant.community
    controls = [f"`setpoint_{control}`" for control in community.controls]
    told = {name for kind in ("dwelling", "water_heater", "car", "battery") for name in foreseen(kind)}
    for name in (*controls, *(f"`{name}`" for name in told)):
        assert name in text, name


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ForeignError, match=r"nowhere\.yaml: No such file"):
        load_foreign(tmp_path / "nowhere.yaml")


def test_the_command_says_what_failed_and_what_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from recosim.cli import main

    monkeypatch.chdir(tmp_path)
    python = shlex.quote(sys.executable)
    (tmp_path / "foreign.yaml").write_text(
        f"simulators: [{{name: puppet, command: {python} {PUPPET} %(addr)s hangs pid, timeout_s: 0.5, "
        "controls: {battery: all}}]"
    )
    words = ["run", "naples", "--start", "2025-07-14", "--days", "1", "--set", "period.warmup_days=0"]
    with pytest.raises(SystemExit) as ended:
        main([*words, "--foreign", "foreign.yaml", "--json", "-"])
    assert ended.value.code == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert "note: foreign simulators (puppet) keep their own state: no resuming of this run" in err
    assert "did not answer step within 0.5 s" in err
    assert "no day was finished, so no result file was written" in err
    assert "Traceback" not in err
    assert "Task" not in err
    assert gone(tmp_path)


def test_ctrl_c_ends_the_process_too(tmp_path: Path) -> None:
    python = shlex.quote(sys.executable)
    (tmp_path / "foreign.yaml").write_text(
        f"simulators: [{{name: puppet, command: {python} {PUPPET} %(addr)s hangs pid, timeout_s: 600, "
        "controls: {battery: all}}]"
    )
    words = ["run", "naples", "--days", "1", "--set", "period.warmup_days=0", "--foreign", "foreign.yaml"]
    running = subprocess.Popen(
        [sys.executable, "-m", "recosim", *words], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    until = time.monotonic() + 120.0
    while not (tmp_path / "hangs").exists() and time.monotonic() < until:
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 130, err
    assert "interrupted: no day was finished" in err
    assert "Task" not in err
    assert gone(tmp_path)
