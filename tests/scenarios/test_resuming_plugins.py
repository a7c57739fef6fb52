"""Controllers of users: those that say what they remember go on, the others are told at the start."""

import logging
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recosim.contracts import Community, Forecast, Observation, Setpoints
from recosim.errors import ResultsError
from recosim.results.run_file import open_run
from recosim.scenarios.loader import load_scenario
from recosim.scenarios.runner import run_scenario

Same = Callable[[Path, Path], None]
Command = Callable[..., tuple[int, str, str]]
SHORT = ("period.start=2025-01-13", "period.days=2", "period.warmup_days=0", "period.step_minutes=60")
AFTER = 30
"""Hours after which a run is interrupted: in its second day."""

PLUGIN = '''
import numpy as np
from recosim.contracts import Setpoints

class Forgetful:
    """Heats by how often it was asked."""
    def reset(self, community, seed):
        self.n, self.asked = len(community.devices["dwelling"]), 0
    def decide(self, observation, forecast):
        self.asked += 1
        return Setpoints(power_heating_kw=np.full(self.n, 0.2 + 0.01 * self.asked))

class Remembering(Forgetful):
    def get_state(self):
        return {"asked": np.array(self.asked), "text": str(self.asked).encode()}
    def set_state(self, state):
        self.asked = int(state["asked"])
        assert state["text"] == str(self.asked).encode()

class BadState(Forgetful):
    def get_state(self):
        return {"asked": self.no_such_thing}
    def set_state(self, state):
        pass

class RaggedState(BadState):
    def get_state(self):
        return {"asked": [[1.0], [1.0, 2.0]]}

class Stubborn(Remembering):
    def set_state(self, state):
        raise KeyError("no")
'''


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    path = tmp_path / "plugin.py"
    path.write_text(PLUGIN)
    return path


def cut_short(path: Path, controller: str, **given: Any) -> None:
    """Leave at ``path`` what a kill leaves, and beside it, as ``whole.h5``, the run without one."""
    whole = path.with_name("whole.h5")

    def progress(done: int, n_steps: int, time: int) -> None:
        if done == AFTER:
            shutil.copyfile(whole, path)

    scenario = load_scenario("naples-small", SHORT)
    run_scenario(scenario, controller=controller, out=whole, progress=progress, force=True, **given)


@pytest.mark.parametrize("isolated", [(True, False), (False, True)])
def test_what_remembers_goes_on_in_a_process_of_its_own_or_not(
    tmp_path: Path, plugin: Path, isolated: tuple[bool, bool], equal_to_the_bit: Same
) -> None:
    before, after = isolated
    path, controller = tmp_path / "run.h5", f"{plugin}:Remembering"
    cut_short(path, controller, isolate=before)
    scenario = load_scenario("naples-small", SHORT)
    run_scenario(scenario, controller=controller, out=path, resume=True, isolate=after)
    equal_to_the_bit(path, tmp_path / "whole.h5")


def test_what_does_not_is_told_at_the_start(recosim: Command, tmp_path: Path, plugin: Path) -> None:
    words = ["run", "naples-small", *(w for o in SHORT for w in ("--set", o)), "--out", "run.h5"]
    code, _, err = recosim(*words, "--controller", f"{plugin}:Forgetful", "--isolate")
    assert code == 0
    note = f"note: controller '{plugin}:Forgetful' cannot go on with an interrupted run: it has no get_state"
    assert err.startswith(note), err
    code, _, err = recosim(*words, "--resume", "--controller", f"{plugin}:Forgetful")
    assert code == 2
    assert "cannot go on where it stopped: it has no get_state and set_state" in err
    assert err.count("\n") == 1
    code, _, err = recosim(*words, "--force", "--controller", f"{plugin}:Remembering")
    assert (code, err) == (0, "")


@pytest.mark.parametrize(
    ("name", "isolate", "reason"),
    [
        ("BadState", True, "get_state failed: AttributeError: .*no_such_thing"),
        ("BadState", False, "get_state failed: AttributeError: .*no_such_thing"),
        ("RaggedState", False, "'asked' is list"),
    ],
)
def test_a_state_that_cannot_be_had_ends_nothing(
    tmp_path: Path,
    plugin: Path,
    caplog: pytest.LogCaptureFixture,
    isolate: bool,
    name: str,
    reason: str,
) -> None:
    path = tmp_path / "run.h5"
    with caplog.at_level(logging.WARNING, logger="recosim"):
        cut_short(path, f"{plugin}:{name}", isolate=isolate)
    (record,) = caplog.records
    assert "the run cannot be resumed after that day" in record.getMessage()
    assert re.search(reason, record.getMessage())
    with open_run(path) as run:
        assert (run.committed, run.checkpoint()) == (24, None)


@pytest.mark.parametrize("isolate", [False, True])
def test_a_state_that_is_not_taken_is_told(
    recosim: Command, tmp_path: Path, plugin: Path, isolate: bool
) -> None:
    cut_short(tmp_path / "run.h5", f"{plugin}:Stubborn")
    words = ["run", "naples-small", *(w for o in SHORT for w in ("--set", o)), "--out", "run.h5"]
    words += ["--isolate"] if isolate else []
    code, _, err = recosim(*words, "--resume", "--controller", f"{plugin}:Stubborn")
    assert code == 2
    assert "error: the controller cannot go on: set_state failed: " in err
    assert "KeyError" in err
    assert err.count("\n") == 1
    with open_run(tmp_path / "run.h5") as run:
        assert run.committed == 24


def test_changed_code_is_noticed(recosim: Command, tmp_path: Path, plugin: Path) -> None:
    cut_short(tmp_path / "run.h5", f"{plugin}:Remembering", isolate=True)
    plugin.write_text(PLUGIN.replace("0.01", "0.02"))
    words = ["run", "naples-small", *(w for o in SHORT for w in ("--set", o)), "--out", "run.h5"]
    code, _, err = recosim(*words, "--resume", "--isolate", "--controller", f"{plugin}:Remembering")
    assert code == 2
    assert f"was begun with other code of {plugin}:Remembering: its file has changed since" in err


class Random:
    """Decides by chance, and remembers its generator: bytes among the arrays."""

    def reset(self, community: Community, seed: int) -> None:
        self.n, self.rng = len(community.devices["dwelling"]), np.random.Generator(np.random.PCG64(seed))

    def decide(self, observation: Observation, forecast: Forecast) -> Setpoints:
        return Setpoints(power_heating_kw=self.rng.uniform(0.0, 0.5, self.n))

    def get_state(self) -> Mapping[str, Any]:
        return {"generator": repr(self.rng.bit_generator.state).encode()}

    def set_state(self, state: Mapping[str, Any]) -> None:
        self.rng.bit_generator.state = eval(state["generator"], {})  # noqa: S307  our own text


def test_a_random_generator_goes_on(tmp_path: Path, equal_to_the_bit: Same) -> None:
    path, controller = tmp_path / "run.h5", f"{__file__}:Random"
    cut_short(path, controller)
    run_scenario(load_scenario("naples-small", SHORT), controller=controller, out=path, resume=True)
    equal_to_the_bit(path, tmp_path / "whole.h5")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "run.h5 is not there: name a result file"),
        (b"day;kWh\n1;2\n", "run.h5 is not an HDF5 file"),
        (b"", "run.h5 is not an HDF5 file"),
    ],
)
def test_another_file_is_refused(recosim: Command, tmp_path: Path, content: bytes | None, told: str) -> None:
    if content is not None:
        (tmp_path / "run.h5").write_bytes(content)
    words = ["run", "naples-small", *(w for o in SHORT for w in ("--set", o)), "--out", "run.h5"]
    code, out, err = recosim(*words, "--resume")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert told in err


def test_a_complete_run_is_not_resumed(recosim: Command, tmp_path: Path) -> None:
    cut_short(tmp_path / "run.h5", "rules")
    words = ["run", "naples-small", *(w for o in SHORT for w in ("--set", o)), "--controller", "rules"]
    code, _, err = recosim(*words, "--resume", "--out", "whole.h5")
    assert code == 2
    assert "whole.h5 is complete: there is nothing to resume" in err


def test_another_version_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cut_short(tmp_path / "run.h5", "rules")
    monkeypatch.setattr("recosim.scenarios.runner.installed_versions", lambda: {"highspy": "9.9"})
    with pytest.raises(ResultsError, match=r"another version of highspy \(.*, now 9\.9\)"):
        run_scenario(
            load_scenario("naples-small", SHORT), controller="rules", out=tmp_path / "run.h5", resume=True
        )
