import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from recosim.errors import BenchError, ResultsError
from recosim.results.bench_files import read_bench_run
from recosim.results.run_file import open_run
from recosim.scenarios.bench import run as bench
from recosim.scenarios.bench.controllers import contestants
from recosim.scenarios.bench.jobs import Order, Outcome, work
from recosim.scenarios.bench.plan import Pair, bounds_of, pairs_of, runs_of
from recosim.scenarios.bench.run import BenchResult, Plan, run_bench
from recosim.scenarios.loader import load_scenario
from recosim.scenarios.schema.scenario import ControllerChoice, Scenario

SOURCE = """
import numpy as np

from recosim.contracts import Setpoints


class Warm:
    def reset(self, community, seed):
        self.n_dwellings = len(community.devices["dwelling"])

    def decide(self, observation, forecast):
        print("a user may print")
        return Setpoints(temp_heating_degc=np.full(self.n_dwellings, 21.5))


class BadStart(Warm):
    def reset(self, community, seed):
        raise ValueError("no start today")


class Leaves(Warm):
    def decide(self, observation, forecast):
        raise SystemExit


class Stumbles(Warm):
    def decide(self, observation, forecast):
        if observation.step < 5:
            raise ValueError("stumbled")
        return super().decide(observation, forecast)
"""


def load(seed: int) -> Scenario:
    return load_scenario("naples-small", ["period.warmup_days=0", f"seed={seed}"])


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("mine") / "mine.py"
    path.write_text(SOURCE)
    return path


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Do the jobs in this process; gives the names of those that were done."""
    done: list[str] = []

    @contextmanager
    def client(workers: int, scheduler: str | None) -> Iterator[None]:
        yield None

    def outcomes(
        client: Any, orders: Sequence[Order], do: Callable[[Order], Outcome]
    ) -> Iterator[tuple[Order, Outcome]]:
        for order in orders[::-1]:  # in no order a bench could rely on
            done.append(order.job.name)
            yield order, do(order)

    monkeypatch.setattr(bench, "dask_client", client)
    monkeypatch.setattr(bench, "outcomes", outcomes)
    return done


def plan(text: str, *, n_seeds: int = 1, bound: bool = False) -> Plan:
    found = contestants(text, ControllerChoice())
    return Plan(
        load=load,
        contestants=found,
        forecasts=("perfect",),
        pairs=pairs_of(load(1), n_seeds, (), 1),
        bound=bound,
    )


def without_times(path: Path) -> Any:
    def strip(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: strip(item) for key, item in value.items() if key != "ms_per_decision"}
        return [strip(item) for item in value] if isinstance(value, list) else value

    return strip(json.loads(path.read_text()))


def bench_of(text: str, folder: Path, **options: Any) -> BenchResult:
    return run_bench(plan(text, **options), folder, workers=1)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, mine: Path) -> Path:
    """A finished bench: rules and a controller by path, one day, one seed."""
    folder = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        here.__wrapped__(patch)  # type: ignore[attr-defined]
        result = bench_of(f"rules,{mine}:Warm", folder)
    assert result.board is not None
    assert not result.failures
    return folder


@pytest.fixture
def copied(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "bench"))


def test_a_controller_by_path_stands_in_the_leaderboard(finished: Path) -> None:
    content = json.loads((finished / "leaderboard.json").read_text())
    names = {each["controller"] for each in content["leaderboards"][0]["standings"]}
    assert names == {"rules", "mine.py:Warm"}
    assert (finished / "leaderboard.html").stat().st_size > 1_000_000
    assert len((finished / "leaderboard.csv").read_text().splitlines()) == 3
    assert not [path for path in (finished / ".bench").iterdir() if path.name != "lock"]


def test_figures_are_those_of_the_files(finished: Path) -> None:
    (path,) = finished.glob("*-rules-*.h5")
    found = read_bench_run(path)
    with open_run(path) as run:
        table = run.settlement("members")
        net_kwh = (
            run.values("meter", "energy_withdrawn_kwh") - run.values("meter", "energy_injected_kwh")
        ).sum()
        excess_eur = run.settlement_attrs()["premium_excess_eur"]
    assert found.power_net_kw.shape == (96,)
    assert found.power_net_kw.sum() / 4.0 == pytest.approx(net_kwh)
    assert set(found.cost_member_eur) == set(table["pod"])
    fees_eur = float(found.kpis["fees_eur"] or 0.0)
    not_shared_out_eur = fees_eur - excess_eur
    assert sum(found.cost_member_eur.values()) + not_shared_out_eur == pytest.approx(
        found.kpis["cost_net_eur"],
        abs=0.05,  # shares are paid in cents
    )
    assert found.hours_discomfort < found.hours_occupied <= 10 * 24.0  # ten flats, one day
    assert found.hours_occupied > 10 * 6.0
    assert found.ms_per_decision is not None
    assert found.steps_local_rules == 0


def test_what_is_finished_is_not_made_again(copied: Path, mine: Path, here: list[str]) -> None:
    before = without_times(copied / "leaderboard.json")
    page = (copied / "leaderboard.html").read_bytes()
    result = bench_of(f"rules,{mine}:Warm", copied)
    assert (here, result.n_made, result.n_kept) == ([], 0, 2)
    assert without_times(copied / "leaderboard.json") == before
    assert (copied / "leaderboard.html").read_bytes() == page


def test_what_is_half_written_damaged_or_other_is_made_again(
    copied: Path, mine: Path, here: list[str]
) -> None:
    before = without_times(copied / "leaderboard.json")
    rules, warm = copied.glob("*-rules-*.h5"), copied.glob("*-Warm-*.h5")
    (path,) = rules
    with h5py.File(path, "r+") as file:
        file["meta"].attrs["complete"] = False
    (other,) = warm
    other.write_bytes(other.read_bytes()[:1000])
    (copied / ".bench" / "left").mkdir()
    (copied / ".bench" / "left" / "partial.h5").write_bytes(b"half")
    result = bench_of(f"rules,{mine}:Warm", copied)
    assert result.n_made == 2
    assert without_times(copied / "leaderboard.json") == before
    assert not (copied / ".bench" / "left").exists()


def test_only_what_changed_is_made_again(copied: Path, mine: Path, here: list[str], tmp_path: Path) -> None:
    edited = tmp_path / "mine.py"
    edited.write_text(SOURCE.replace("21.5", "20.5"))
    bench_of(f"rules,{edited}:Warm", copied)
    assert [name for name in here if "Warm" in name] == here
    assert len(here) == 1


def test_a_file_that_no_bench_made_is_left_alone(copied: Path, here: list[str]) -> None:
    (path,) = copied.glob("*-rules-*.h5")
    with h5py.File(path, "r+") as file:
        del file["meta/bench"]
    with pytest.raises(ResultsError, match="no bench has made"):
        bench_of("rules", copied)
    assert not here


def test_runs_that_fail_do_not_harm_the_others(tmp_path: Path, mine: Path, here: list[str]) -> None:
    spec = ",".join(["idle", *(f"{mine}:{name}" for name in ("BadStart", "Leaves", "Stumbles"))])
    result = bench_of(spec, tmp_path)
    assert list(result.failures) == [
        "naples-small-mine-BadStart-perfect-2025-01-01-1d-seed1",
        "naples-small-mine-Leaves-perfect-2025-01-01-1d-seed1",
    ]
    assert "no start today" in result.failures["naples-small-mine-BadStart-perfect-2025-01-01-1d-seed1"]
    assert "called exit()" in result.failures["naples-small-mine-Leaves-perfect-2025-01-01-1d-seed1"]
    assert result.board is not None
    assert [each.controller for each in result.board.tables[0].standings] == ["mine.py:Stumbles", "idle"]
    assert [round(each.discomfort_share or 0.0) for each in result.board.tables[0].standings] == [0, 1]
    assert any("mine.py:Stumbles failed in 5 steps" in note for note in result.board.notes)
    assert len(result.warnings) == 4
    assert not [path for path in tmp_path.glob("*.h5") if "Leaves" in path.name or "BadStart" in path.name]
    again = bench_of(spec, tmp_path)
    assert again.failures == result.failures
    assert again.n_kept == 2


def test_nothing_finished_gives_no_leaderboard(tmp_path: Path, mine: Path, here: list[str]) -> None:
    result = bench_of(f"{mine}:BadStart", tmp_path)
    assert result.board is None
    assert not result.files
    assert len(result.failures) == 1


def test_bound_gives_the_regret_and_is_kept(tmp_path: Path, here: list[str]) -> None:
    result = bench_of("rules", tmp_path, bound=True)
    assert result.board is not None
    regret = result.board.tables[0].standings[0].regret_eur
    assert regret is not None
    assert regret.mean > 0.0
    assert len(here) == 2
    again = bench_of("rules", tmp_path, bound=True)
    assert len(here) == 2
    assert again.board == replace_paths(result.board, again.board)


def replace_paths(board: Any, like: Any) -> Any:
    """The same board; arrays in its runs compare by identity, so they are taken from the other."""
    for ours, theirs in zip(board.tables[0].runs, like.tables[0].runs, strict=True):
        np.testing.assert_array_equal(ours.run.power_net_kw, theirs.run.power_net_kw)
    return replace(
        board, tables=tuple(replace(t, runs=o.runs) for t, o in zip(board.tables, like.tables, strict=True))
    )


def test_where_no_bound_is_possible_there_is_a_note(tmp_path: Path, here: list[str]) -> None:
    def shiftable(seed: int) -> Scenario:
        changes = ["period.warmup_days=0", "community.shiftable_appliances=true", f"seed={seed}"]
        return load_scenario("naples-small", changes)

    result = run_bench(replace(plan("idle", bound=True), load=shiftable), tmp_path, workers=1)
    assert not result.failures
    assert result.board is not None
    assert any(note.startswith("no regret: ") for note in result.board.notes)


def test_two_benches_in_one_folder(tmp_path: Path, here: list[str]) -> None:
    with bench._own(tmp_path), pytest.raises(BenchError, match="another bench is at work"):
        bench_of("idle", tmp_path)


def test_folder_that_is_a_file(tmp_path: Path, here: list[str]) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ResultsError, match="cannot be written"):
        bench_of("idle", tmp_path / "file")


@pytest.fixture
def order(tmp_path: Path, mine: Path) -> Order:
    (job,) = runs_of(
        load, contestants(f"{mine}:Warm", ControllerChoice()), ("perfect",), pairs_of(load(1), 1, (), 1)
    )
    token = tmp_path / "token"
    token.touch()
    return Order(
        job=job,
        folder=str(tmp_path),
        token=str(token),
        versions=job.identity["versions"],
        recosim_sha256=job.identity["recosim_sha256"],
    )


def test_worker_on_another_disk(order: Order) -> None:
    Path(order.token).unlink()
    assert "--out must be a folder that all workers share" in work(order).error


def test_worker_with_other_versions(order: Order) -> None:
    assert "has other versions than the bench" in work(replace(order, versions={})).error
    assert "has another recosim" in work(replace(order, recosim_sha256="0")).error


def test_worker_without_the_file_of_the_controller(order: Order, tmp_path: Path) -> None:
    assert order.job.contestant is not None

    def with_file(file: str, sha256: str) -> Order:
        found = replace(order.job.contestant, code_file=file, code_sha256=sha256)  # type: ignore[type-var]
        return replace(order, job=replace(order.job, contestant=found))

    assert "must be at this place on all workers" in work(with_file(str(tmp_path / "none.py"), "0")).error
    changed = work(with_file(str(order.job.contestant.code_file), "0")).error
    assert "has another" in changed
    assert "mine.py" in changed


def test_a_bench_that_has_ended_ends_its_runs(order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    # the token is there when the run begins, and gone at the end of the first simulated day
    seen = Path(order.token)
    monkeypatch.setattr("recosim.scenarios.bench.jobs._check_worker", lambda order: seen.unlink())
    assert "the bench has ended" in work(order).error
    assert not list(seen.parent.glob("*.h5"))


def test_pair_names() -> None:
    week = Pair(seed=3, start=load(1).period.date_start, days=7, week=1)
    assert week.name == "2025-w01-seed3"


def test_bounds_are_one_per_pair() -> None:
    pairs = pairs_of(load(1), 2, (1, 27), None)
    assert [job.file_name for job in bounds_of(load, pairs)] == [
        f"naples-small-bound-2025-w{week}-seed{seed}.json" for seed in (1, 2) for week in ("01", "27")
    ]
