"""Real runs, really killed (kill -9) at random moments: every file opens, goes on, and equals the whole run.

``make soak`` kills a year of `rules` 30 times and two weeks of `mpc` 30 times; without ``--soak`` there are
five kills of shorter runs. A run is begun and killed, resumed and killed, and so on; one that reaches its
end is compared and begun again. Of four kills one falls anywhere into the start of the process, one anywhere
into the simulation, and two into the writing of a day.
"""

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import pytest

from recosim.results.atomic_file import journal_of
from recosim.results.run_file import open_run

Same = Callable[[Path, Path], None]
pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no kill -9 here")
COMMIT_S = 0.02
"""About as long as it takes to write a day."""
POLL_S = 0.0005
WAYS = ("writing", "anywhere", "start", "writing")
"""In which part of a process's life it is killed, in turn."""
END_AT = 40
"""Where an HDF5 file says where it ends."""
TIMED = ("cpu_s", "solve_ms_median", "solve_ms_p95", "solve_ms_p99")


@dataclass
class Killer:
    """Runs one command over and over, and kills it.

    Parameters
    ----------
    words : list of str
        Scenario and options.
    folder : Path
    rng : Random
    """

    words: list[str]
    folder: Path
    rng: random.Random
    committed: int = 0
    kills: int = 0
    moments: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.path, self.whole = self.folder / "run.h5", self.folder / "whole.h5"
        process, began = self._begun("whole"), time.monotonic()
        while not self.whole.exists() and process.poll() is None:
            time.sleep(POLL_S)
        self.start_s = time.monotonic() - began
        assert process.wait() == 0, (self.folder / "whole.txt").read_text()
        self.run_s = time.monotonic() - began - self.start_s

    def _begun(self, name: str, *more: str) -> subprocess.Popen[bytes]:
        words = [sys.executable, "-m", "recosim", "run", *self.words]
        words += ["--out", f"{name}.h5", "--json", f"{name}.json", *more]
        with (self.folder / f"{name}.txt").open("wb") as errors:
            return subprocess.Popen(words, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=errors)

    def begin(self) -> subprocess.Popen[bytes]:
        """Begin the run, or go on with it."""
        return self._begun("run", *(["--resume"] if self.path.exists() else []))

    def life(self, most_s: float) -> bool:
        """Begin or go on, and kill; whether the run came to its end before."""
        process, way = self.begin(), WAYS[self.kills % len(WAYS)]
        if way == "start":
            self._wait(process, self.rng.uniform(0.0, self.start_s))
        else:
            self._wait(process, self.start_s + self.rng.uniform(0.0, most_s))
        if way == "writing":
            self._until_it_writes(process)
        process.kill()
        code = process.wait()
        assert code in (0, -signal.SIGKILL), (self.folder / "run.txt").read_text()
        self.kills += code != 0
        return code == 0

    def _wait(self, process: subprocess.Popen[bytes], time_s: float) -> None:
        try:
            process.wait(time_s)
        except subprocess.TimeoutExpired:
            return

    def _until_it_writes(self, process: subprocess.Popen[bytes]) -> None:
        seen = self._seen()
        while self._seen() == seen and process.poll() is None:
            time.sleep(POLL_S)
        time.sleep(self.rng.uniform(0.0, COMMIT_S))

    def _seen(self) -> tuple[int, int]:
        if not self.path.exists():
            return 0, 0
        there = self.path.stat()
        return there.st_size, there.st_mtime_ns

    def check(self, same: Same) -> None:
        """The file opens, by us and by plain h5py, and holds all that was committed before, as it was."""
        if not self.path.exists():
            assert self.committed == 0
            self._note("before there was a file")
            return
        with self.path.open("rb", buffering=0) as file:
            half_changed = journal_of(file) is not None
            file.seek(END_AT)
            half_written = int.from_bytes(file.read(8), "little") < self.path.stat().st_size
        if not half_changed:
            with h5py.File(self.path) as file:
                plain = int(file["committed"][()])
        with open_run(self.path) as run, open_run(self.whole) as other:
            assert half_changed or run.committed == plain
            assert run.committed >= self.committed
            self.committed = run.committed
            for group, names in other.groups().items():
                for name in names:
                    expected = other.values(group, name, slice(0, run.committed))
                    assert run.values(group, name).tobytes() == expected.tobytes(), f"{group}/{name}"
            complete = run.complete
        partly = "while a day was written" if half_written else "between days"
        self._note("complete" if complete else "while bytes changed" if half_changed else partly)
        if complete:
            same(self.path, self.whole)
        if complete or not self.committed:
            self.path.unlink()  # there is nothing to go on with
            self.committed = 0

    def _note(self, moment: str) -> None:
        self.moments[moment] = self.moments.get(moment, 0) + 1

    def ended(self, same: Same) -> None:
        """Compare a run that came to its end, and make room for the next."""
        same(self.path, self.whole)
        assert self._figures("run") == self._figures("whole")
        self.path.unlink()
        self.committed = 0

    def _figures(self, name: str) -> dict[str, Any]:
        figures = json.loads((self.folder / f"{name}.json").read_text())
        figures["file"] = ""
        figures["kpis"] = {name: value for name, value in figures["kpis"].items() if name not in TIMED}
        return dict(figures)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "kills", "soaked", "kills_soaked"),
    [
        ("naples-small --start 2025-03-29 --days 10", 3, "naples", 30),
        ("naples-small --controller mpc --days 2", 2, "naples --controller mpc --days 14", 30),
    ],
    ids=["rules", "mpc"],
)
def test_killed_runs_go_on(
    words: str,
    kills: int,
    soaked: str,
    kills_soaked: int,
    tmp_path: Path,
    equal_to_the_bit: Same,
    soaking: bool,
    capsys: pytest.CaptureFixture[str],
) -> None:
    command, wanted = (soaked, kills_soaked) if soaking else (words, kills)
    killer = Killer(command.split(), tmp_path, random.Random(1))
    n_ended = 0
    while killer.kills < wanted:
        if killer.life(most_s=1.5 * killer.run_s / wanted):
            killer.ended(equal_to_the_bit)
            n_ended += 1
        else:
            killer.check(equal_to_the_bit)
    last = killer.begin()
    assert last.wait() == 0, (tmp_path / "run.txt").read_text()
    killer.ended(equal_to_the_bit)
    with capsys.disabled():
        told = ", ".join(f"{number} {moment}" for moment, number in killer.moments.items())
        print(f"\n{command}: {killer.kills} kills ({told}), {n_ended + 1} runs came to their end")  # noqa: T201
