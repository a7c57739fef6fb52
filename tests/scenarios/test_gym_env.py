"""The Gymnasium environment: its contract, its rewards, and the agent as a controller."""

import gc
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recosim.controllers.agent import ACTIONS, AgentController, AgentView
from recosim.errors import ControllerError, ScenarioError
from recosim.quantities import quantity
from recosim.results.run_file import open_run
from recosim.scenarios.loader import load_scenario
from recosim.scenarios.runner import build_plant, run_plant

gymnasium = pytest.importorskip("gymnasium")

from gymnasium.utils.env_checker import check_env  # noqa: E402

from recosim.scenarios import gym_env  # noqa: E402
from recosim.scenarios.gym_env import CommunityEnv  # noqa: E402

DAY = ("period.start=2025-07-14", "period.days=1", "period.warmup_days=1")


def episodes() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "recosim episode"]


@pytest.fixture(scope="module")
def shared() -> CommunityEnv:
    return CommunityEnv("naples", overrides=DAY)


@pytest.fixture
def env(shared: CommunityEnv) -> Iterator[CommunityEnv]:
    yield shared
    shared.close()
    assert not episodes(), "close leaves no thread behind"


class HandWritten:
    """Charges while the roofs deliver, discharges in the evening; cools a little ahead."""

    def __init__(self, view: AgentView) -> None:
        self.pv = view.observation_names.index("power_pv_kw+0h")
        self.evening = view.observation_names.index("cos_day"), view.observation_names.index("sin_day")
        self.batteries = np.array([name.startswith("battery") for name in view.action_names])

    def predict(self, observation: Any, deterministic: bool = False) -> tuple[Any, None]:
        assert deterministic
        sunny = observation[self.pv] > 5.0
        late = observation[self.evening[1]] < -0.5
        battery = 0.7 if sunny else -0.4 * late
        return np.where(self.batteries, battery, -0.4 if sunny else 0.1).astype(np.float32), None


def play(env: CommunityEnv, agent: Any, **reset: Any) -> tuple[float, dict[str, Any], list[Any]]:
    observation, info = env.reset(**reset)
    seen, total, done = [observation], 0.0, False
    while not done:
        observation, reward, done, truncated, info = env.step(
            agent.predict(observation, deterministic=True)[0]
        )
        assert not truncated
        assert env.observation_space.contains(observation)
        seen.append(observation)
        total += reward
    return total, info, seen


def test_gymnasium_finds_nothing_wrong(env: CommunityEnv) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check_env(env)
    said = " ".join(str(one.message) for one in caught if "gymnasium" in str(one.filename))
    # quantities without limits, and an environment that is not registered: no more
    for part in ("minimum value is -infinity", "maximum value is infinity", "not having a spec"):
        said = said.replace(part, "")
    assert said.count("WARN") == 3
    assert "seed" not in said


@pytest.mark.parametrize(
    "more", [(), ("forecast=medium", "model_error=0.1", "community.dwellings[0].hot_water={}")]
)
def test_rewards_add_up_to_j_and_an_agent_as_controller_is_the_same_run(
    tmp_path: Path, more: tuple[str, ...]
) -> None:
    overrides = (*DAY, *more)
    actions = (*ACTIONS[:3], *(("power_water_heating_kw",) if more else ()), "power_pv_limit_kw")
    env = CommunityEnv("naples", overrides=overrides, actions=actions, folder=tmp_path)
    agent = HandWritten(AgentView(build_plant(env._scenario).community, actions))
    total, info, seen = play(env, agent)
    kpis = info["kpis"]
    due = kpis["objective_eur"] + kpis["unmodelled_eur"] - kpis["fees_eur"]
    # the file holds powers and temperatures in single precision
    assert total == pytest.approx(-due, abs=1e-6)
    assert kpis["cost_wear_eur"] > 0.1
    assert len(seen) == 97
    assert not np.array_equal(seen[-1], seen[-2])
    scenario = load_scenario("naples", overrides)
    plant = build_plant(scenario)
    controller = AgentController(agent, actions)
    again = run_plant(scenario, plant, controller, name="agent", path=tmp_path / "agent.h5")
    assert again.kpis["fallbacks"] == 0
    assert {k: v for k, v in again.kpis.items() if k != "cpu_s"} == {
        k: v for k, v in kpis.items() if k != "cpu_s"
    }
    with open_run(Path(info["file"])) as a, open_run(again.path) as b:
        for group, names in a.groups().items():
            for name in names:
                np.testing.assert_array_equal(a.values(group, name), b.values(group, name), err_msg=name)
        asked = a.values("battery", "setpoint_power_charge_kw")
        assert np.isfinite(asked).all()
        assert asked.max() > 0.0
    env.close()


def test_the_same_seed_gives_the_same_episodes() -> None:
    env = CommunityEnv(
        "naples", overrides=(*DAY, "forecast=medium"), starts=("2025-07-14", "2025-01-13"), vary=True
    )
    agent = HandWritten(env._view)
    first = [play(env, agent, seed=5), play(env, agent)]
    again = [play(env, agent, seed=5), play(env, agent)]
    for (total, info, seen), (total_again, info_again, seen_again) in zip(first, again, strict=True):
        assert total == total_again
        np.testing.assert_array_equal(seen, seen_again)
        assert (info["seed"], info["start"]) == (info_again["seed"], info_again["start"])
    assert first[0][1]["seed"] == 5
    assert first[1][1]["seed"] not in (5, 1)
    assert first[0][0] != first[1][0]
    env.close()


def test_without_vary_the_households_stay(env: CommunityEnv) -> None:
    _, first = env.reset(seed=7)
    plant = env._plant
    _, second = env.reset()
    assert (first["seed"], second["seed"]) == (7, 7)
    assert env._plant is plant
    _, third = env.reset(options={"start": "2025-01-13"})
    assert (third["seed"], third["start"]) == (7, "2025-01-13")


def test_what_is_observed_is_named_and_bounded(env: CommunityEnv) -> None:
    assert len(env.observation_names) == env.observation_space.shape[0]
    assert len(set(env.observation_names)) == len(env.observation_names)
    space = dict(
        zip(
            env.observation_names,
            zip(env.observation_space.low, env.observation_space.high, strict=True),
            strict=True,
        )
    )
    assert space["temp_indoor_degc[flat-01]"] == quantity("temp_indoor_degc").bounds
    assert space["energy_battery_kwh[flat-04-battery]"] == (0.0, np.inf)
    assert space["sin_day"] == (-1.0, 1.0)
    observation, info = env.reset(seed=1)
    seen = dict(zip(env.observation_names, observation.tolist(), strict=True))
    episode = env._episode
    assert episode is not None
    state, forecast = episode.last
    assert seen["temp_indoor_degc[flat-01]"] == np.float32(state["temp_indoor_degc"][0])
    assert seen["power_load_kw+3h"] == pytest.approx(forecast.power_load_kw[12].sum(), rel=1e-6)
    assert (seen["sin_day"], seen["cos_day"]) == (0.0, 1.0), "local midnight"
    assert (seen["weekend"], seen["cooling_season"], seen["heating_season"]) == (0.0, 1.0, 0.0)
    assert info["start"] == "2025-07-14"


def test_what_actions_ask_for(env: CommunityEnv) -> None:
    n = len(env.action_names)
    assert env.action_names[:1] == ("battery[flat-03-battery]",)
    view = env._view
    most, least, middle = (view.decode(np.full(n, value)) for value in (1.0, -1.0, 0.0))
    battery = env._plant.community.devices["battery"].parameters
    np.testing.assert_array_equal(most["power_charge_kw"], np.broadcast_to(battery.power_charge_max_kw, 4))
    np.testing.assert_array_equal(
        least["power_discharge_kw"], np.broadcast_to(battery.power_discharge_max_kw, 4)
    )
    assert not most["power_discharge_kw"].any()
    assert not least["power_charge_kw"].any()
    assert not middle["power_charge_kw"].any()
    assert most["temp_heating_degc"].tolist() == [24.0] * 10
    assert middle["temp_cooling_degc"].tolist() == [26.0] * 10


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (np.zeros(3), r"shape \(3,\), allowed: \(24,\)"),
        (np.full(24, 1.5), r"action battery\[flat-03-battery\] = 1.5, allowed: \[-1, 1\]"),
        (np.full(24, np.nan), r"action battery\[flat-03-battery\] = nan, allowed: \[-1, 1\]"),
    ],
)
def test_an_action_that_is_none_is_refused_and_the_episode_goes_on(
    env: CommunityEnv, action: Any, message: str
) -> None:
    env.reset(seed=1)
    with pytest.raises(ControllerError, match=message):
        env.step(action)
    _, reward, done, _, _ = env.step(np.zeros(24))
    assert np.isfinite(reward)
    assert not done


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"actions": ("batteries",)}, "'batteries', allowed: battery, temp_heating_degc"),
        (
            {"actions": ("power_water_heating_kw",)},
            "'power_water_heating_kw', but the community has no device",
        ),
        ({"actions": ()}, "actions: none, allowed"),
        ({"leads_h": (0.0, 24.0)}, "leads_h: 24, allowed: whole steps from 0 to 23 h"),
        ({"leads_h": (0.1,)}, r"leads_h: 0\.1, allowed"),
    ],
)
def test_what_cannot_be_made(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ControllerError, match=message):
        CommunityEnv("naples", overrides=DAY, **given)


def test_a_scenario_that_is_wrong() -> None:
    with pytest.raises(ScenarioError, match="no scenario 'napels', did you mean 'naples'"):
        CommunityEnv("napels")


def test_steps_only_within_an_episode(env: CommunityEnv) -> None:
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.step(np.zeros(24))
    play(env, HandWritten(env._view), seed=1)
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.step(np.zeros(24))
    with pytest.raises(ValueError, match="options: 'day', allowed: start"):
        env.reset(options={"day": 3})


def test_reset_and_close_in_the_middle_leave_nothing_behind(env: CommunityEnv) -> None:
    for _ in range(3):
        env.reset()
        env.step(np.zeros(24))
        assert len(episodes()) == 1
    env.close()
    assert not episodes()
    env.close()
    env.reset()
    env.step(np.zeros(24))


def test_an_environment_that_is_forgotten_ends_its_thread() -> None:
    env = CommunityEnv("naples", overrides=DAY)
    env.reset(seed=1)
    assert len(episodes()) == 1
    del env
    gc.collect()
    assert not episodes()


def test_what_fails_in_the_run_is_raised_where_the_user_is(
    env: CommunityEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    from recosim.simulators.batteries import Batteries

    env.reset(seed=1)
    env.step(np.zeros(24))

    def failing(*args: Any) -> None:
        raise ValueError("the cellar is flooded")

    monkeypatch.setattr(Batteries, "advance", failing)
    with pytest.raises(ValueError, match="the cellar is flooded"):
        env.step(np.zeros(24))
    assert not episodes()
    with pytest.raises(ValueError, match="the cellar is flooded"):
        env.reset()
    monkeypatch.undo()
    env.reset()
    env.step(np.zeros(24))


def test_an_agent_that_fails_is_replaced_by_the_rules(tmp_path: Path) -> None:
    class Wild:
        def predict(self, observation: Any, deterministic: bool = False) -> tuple[Any, None]:
            return np.full(24, 2.0), None

    scenario = load_scenario("naples", (*DAY, "period.warmup_days=0"))
    plant = build_plant(scenario)
    result = run_plant(scenario, plant, AgentController(Wild()), name="wild", path=tmp_path / "run.h5")
    assert result.kpis["fallbacks"] == 96


def test_without_gymnasium_it_says_what_to_install() -> None:
    code = "import sys; sys.modules['gymnasium'] = None; import recosim.scenarios.gym_env"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "ImportError: recosim.scenarios.gym_env needs Gymnasium: pip install 'recosim[gym]'" in done.stderr


def test_the_runs_themselves_do_not_need_gymnasium() -> None:
    modules = "recosim.controllers.agent, recosim.scenarios.runner"
    code = f"import sys; sys.modules['gymnasium'] = None; import {modules}"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert gym_env.NAME == "gym"


def test_the_documentation_runs(capsys: pytest.CaptureFixture[str]) -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "gymnasium.md"
    text = page.read_text()
    exec(compile(text.split("```python\n")[1].split("```")[0], str(page), "exec"), {})  # noqa: S102
    total, objective = map(float, capsys.readouterr().out.split())
    assert total < 0.0 < objective
    for action in ACTIONS:
        assert f"`{action}`" in text
