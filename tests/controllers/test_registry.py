"""Controllers are found by entry point, module or path, and their options are checked."""

import pytest

from recosim.controllers.registry import controller_names, make_controller
from recosim.controllers.rules import Rules
from recosim.errors import ControllerError

SOURCE = """
from pydantic import BaseModel
from recosim.contracts import Setpoints

class Off:
    def __init__(self, level=0.0):
        self.level = level
    def reset(self, community, seed): ...
    def decide(self, observation, forecast):
        return Setpoints()

class Half:
    def reset(self, community, seed): ...

class Far(Off):
    horizon_steps = "96"

class Modelled(Off):
    class Options(BaseModel):
        level: float = 1.0
    def __init__(self, options):
        self.level = options.level
"""


def test_library_controllers_are_installed():
    assert {"idle", "mpc", "mpc-stochastic", "rules"} <= set(controller_names())
    assert isinstance(make_controller("rules", {}), Rules)


def test_by_module():
    made = make_controller("recosim.controllers.rules:Rules", {}, trusted=True)
    assert isinstance(made, Rules)


def test_by_path_in_a_folder_with_a_controllers_folder_of_its_own(tmp_path, monkeypatch):
    (tmp_path / "controllers").mkdir()
    (tmp_path / "controllers" / "__init__.py").write_text("raise RuntimeError('the wrong one')")
    path = tmp_path / "controllers" / "mine.py"
    path.write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    assert make_controller("controllers/mine.py:Off", {"level": 2.0}, trusted=True).level == 2.0


def test_a_scenario_may_name_no_code(tmp_path):
    with pytest.raises(ControllerError, match="command line"):
        make_controller("os:system", {})


@pytest.mark.parametrize(
    ("spec", "options", "what"),
    [
        ("ruels", {}, "'ruels' is not installed, allowed: .*rules"),
        ("rules", {"level": 1}, "no option 'level'"),
        ("{path}:Off", {"speed": 1}, "no option 'speed', allowed: level"),
        ("{path}:Missing", {}, "no class Missing"),
        ("{path}:Half", {}, "no method decide"),
        ("{path}:Far", {}, "horizon_steps = '96', allowed: a whole number, 0 or more"),
        ("{path}:Modelled", {"level": "high"}, "option level = 'high', allowed: a number"),
        ("{folder}/none.py:Off", {}, "none.py is not there"),
        ("no.such.module:Off", {}, "ModuleNotFoundError"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, spec, options, what):
    path = tmp_path / "mine.py"
    path.write_text(SOURCE)
    with pytest.raises(ControllerError, match=what):
        make_controller(spec.format(path=path, folder=tmp_path), options, trusted=True)
