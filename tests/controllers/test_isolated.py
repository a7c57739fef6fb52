"""A controller in its own process decides as without, and ends nothing but itself."""

import re
from pathlib import Path

import numpy as np
import pytest

from recosim.controllers.answers import IsolatedFailure
from recosim.controllers.isolated import ENDED_MAX, IsolatedController
from recosim.controllers.registry import make_controller
from recosim.errors import ControllerError

SCENE = ("naples", "2025-07-14", "community.size=4")
SOURCE = """
import os, sys
import numpy as np
from recosim.contracts import Setpoints

class Stumbling:
    def __init__(self, falls=()):
        self.falls, self.horizon_steps = falls, 5

    def reset(self, community, seed):
        self.n, self.rng, self.seen = len(community.devices["dwelling"]), np.random.default_rng(seed), 0
        print("this must not be on standard output")

    def decide(self, observation, forecast):
        self.seen += 1
        self.record = {"seen": self.seen}
        if observation.step in self.falls:
            if observation.step == 1:
                os._exit(7)
            if observation.step == 2:
                raise ZeroDivisionError("oh no")
            if observation.step == 3:
                sys.exit(1)
            while True:
                pass
        if observation.step == 5:
            observation["temp_indoor_degc"][0] = 0.0
        if observation.step == 6:
            return {}
        return Setpoints(temp_cooling_degc=24.0 + self.rng.random(self.n))

class Refusing:
    def reset(self, community, seed):
        raise KeyError("tariff")
    def decide(self, observation, forecast): ...
"""


@pytest.fixture
def mine(tmp_path: Path) -> str:
    path = tmp_path / "mine.py"
    path.write_text(SOURCE)
    return f"{path}:Stumbling"


@pytest.fixture
def started():
    """``started(spec, options, ...)``: an isolated controller that is closed after the test."""
    made = []

    def start(*arguments, **keywords):
        controller = IsolatedController(*arguments, trusted=True, **keywords)
        made.append(controller)
        return controller

    yield start
    for controller in made:
        controller.close()


def test_it_decides_as_without(started, scene, mine, capfd):
    here, rng = scene(*SCENE), np.random.default_rng(0)
    isolated, plain = started(mine, {"falls": [2, 3]}), make_controller(mine, {}, trusted=True)
    assert isolated.horizon_steps == 5
    for controller in (isolated, plain):
        controller.reset(here.plant.community, 11)
    capfd.readouterr()
    for step, expected in [(0, ""), (2, "ZeroDivisionError: oh no"), (3, "SystemExit: 1"), (4, "")]:
        shown = here.observation(step, rng), here.forecast(step)
        if expected:
            with pytest.raises(IsolatedFailure, match=f"^{re.escape(expected)}$"):
                isolated.decide(*shown)
        else:
            asked, wanted = isolated.decide(*shown), plain.decide(*shown)
            assert asked["temp_cooling_degc"].tolist() == wanted["temp_cooling_degc"].tolist()
    assert isolated.record == {"seen": 4}
    assert isolated.ended == 0
    for step, expected in [
        (5, "read-only"),
        (6, "ControllerError: decide returned dict, allowed: Setpoints"),
    ]:
        with pytest.raises(IsolatedFailure, match=expected):
            isolated.decide(here.observation(step, rng), here.forecast(step))


def test_its_process_is_started_anew_three_times(started, scene, mine):
    here, rng = scene(*SCENE), np.random.default_rng(0)
    controller = started(mine, {"falls": [1, 9]}, kill_after_s=2.0)
    controller.reset(here.plant.community, 11)

    def asked(step):
        return controller.decide(here.observation(step, rng), here.forecast(step))["temp_cooling_degc"]

    first = asked(0)
    with pytest.raises(IsolatedFailure, match="process ended: it left with exit code 7; started anew"):
        asked(1)
    assert asked(0).tolist() == first.tolist()  # reset with the same seed, nothing remembered
    assert controller.record == {"seen": 1}
    with pytest.raises(IsolatedFailure, match="process ended: no answer within 2 s; started anew"):
        asked(9)
    with pytest.raises(IsolatedFailure, match="exit code 7; not started again"):
        asked(1)
    assert controller.ended == ENDED_MAX
    for _ in range(2):
        with pytest.raises(IsolatedFailure, match="ended 3 times; local rules for the rest of the run"):
            asked(0)


def test_what_it_refuses_is_an_error_here(started, scene, mine):
    with pytest.raises(ControllerError, match="no option .trips., allowed: falls"):
        started(mine, {"trips": 1})
    refusing = started(mine.replace("Stumbling", "Refusing"), {})
    with pytest.raises(ControllerError, match="controller Refusing failed in reset: KeyError: 'tariff'"):
        refusing.reset(scene(*SCENE).plant.community, 1)
