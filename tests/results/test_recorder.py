from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recosim.arrays import FloatArray
from recosim.components import DeviceKind, Devices
from recosim.errors import ResultsError
from recosim.results.recorder import BalanceCheck, Recorder
from recosim.results.run_file import Run, RunMeta, open_run
from recosim.results.store import RunWriter
from recosim.timegrid import TimeGrid

STEP_H = 0.25
TANKS = Devices(
    declaration=DeviceKind(
        kind="tank",
        states=("energy_tank_kwh",),
        flows={"electricity": {"power_tank_kw": 1.0}},
        stored_kwh=lambda _, states: states["energy_tank_kwh"],
        storage_flows={"power_tank_kw": 1.0},
    ),
    names=("x", "y"),
    node=np.array([1, 0], dtype=np.int64),
    parameters=None,
)
PLANTS = Devices(
    declaration=DeviceKind(kind="plant", flows={"electricity": {"power_pv_kw": -1.0}}),
    names=("roof",),
    node=np.array([1], dtype=np.int64),
    parameters=None,
)
DEVICES = {"tank": TANKS, "plant": PLANTS}
SERIES = {
    "load": {"power_load_kw": ("a", "b")},
    "tank": {"energy_tank_kwh": ("x", "y"), "power_tank_kw": ("x", "y")},
    "plant": {"power_pv_kw": ("roof",)},
    "meter": {"energy_withdrawn_kwh": ("a", "b"), "energy_injected_kwh": ("a", "b")},
}
Values = dict[str, dict[str, FloatArray]]


def values(step: int) -> Values:
    """A step in which everything adds up."""
    load = np.array([1.0, 0.5 + step])
    tank = np.array([0.5, 0.25])
    pv = np.array([3.0])
    net = load + tank[[1, 0]] - np.array([0.0, 3.0])
    return {
        "load": {"power_load_kw": load},
        "tank": {"energy_tank_kwh": 5.0 + tank * STEP_H * (step + 1), "power_tank_kw": tank},
        "plant": {"power_pv_kw": pv},
        "meter": {
            "energy_withdrawn_kwh": np.maximum(net, 0.0) * STEP_H,
            "energy_injected_kwh": np.maximum(-net, 0.0) * STEP_H,
        },
    }


def check_of(steps: list[Values]) -> float:
    check = BalanceCheck(DEVICES, 2, STEP_H)
    for one in steps:
        check.observe(one)
    return check.residual_kwh


def test_what_adds_up_leaves_no_residual() -> None:
    assert check_of([values(step) for step in range(5)]) < 1e-12


@pytest.mark.parametrize(
    ("group", "name", "residual"),
    [
        ("meter", "energy_withdrawn_kwh", 0.2),  # a meter that counts too much
        ("meter", "energy_injected_kwh", 0.2),
        ("load", "power_load_kw", 0.2 * STEP_H),
        ("plant", "power_pv_kw", 0.2 * STEP_H),
        ("tank", "energy_tank_kwh", 0.2),  # stored without having come in
        ("tank", "power_tank_kw", 0.2 * STEP_H),
    ],
)
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_one_wrong_value_is_seen(group: str, name: str, residual: float, sign: float) -> None:
    steps = [values(step) for step in range(5)]
    steps[3][group][name] = steps[3][group][name] + sign * np.eye(2)[0, : len(steps[3][group][name])] * 0.2
    assert check_of(steps) == pytest.approx(residual)


def test_the_largest_residual_stays() -> None:
    steps = [values(step) for step in range(5)]
    for step, wrong in ((1, 0.3), (3, 0.1)):
        steps[step]["meter"]["energy_injected_kwh"] = steps[step]["meter"]["energy_injected_kwh"] + wrong
    assert check_of(steps) == pytest.approx(0.3)


@pytest.mark.parametrize("name", ["energy_tank_kwh", "power_tank_kw"])
def test_a_balance_that_is_not_a_number_shows(name: str) -> None:
    steps = [values(step) for step in range(5)]
    steps[2]["tank"][name] = np.array([np.nan, 1.0])
    assert np.isnan(check_of(steps))


class Recording:
    """A recorder over two days and a warm-up, fed by hand."""

    def __init__(self, path: Path, *, n_warmup: int = 4, n_period: int = 192) -> None:
        period = TimeGrid.from_local_date("2025-06-02", 2).part(0, n_period)
        self.world = period.part(-n_warmup, n_warmup + n_period)
        meta = RunMeta(name="test", scenario_yaml="name: test", controller="rules", seed=0)
        self.writer = RunWriter(path, meta=meta, grid=period, series=SERIES)
        self.recorder = Recorder()
        self.progress: list[int] = []
        self.recorder.init(
            "recorder-0",
            grid=self.world,
            n_warmup=n_warmup,
            writer=self.writer,
            series=SERIES,
            balance=BalanceCheck(DEVICES, 2, STEP_H),
            progress=self.progress.append,
        )
        for group in SERIES:
            assert self.recorder.create(1, "Group", group=group) == [{"eid": group, "type": "Group"}]

    def step(self, step: int, **changes: Any) -> int:
        given = values(step)
        for name, value in changes.items():
            given["tank"][name] = value
        inputs = {g: {name: {"sim-0.group": v} for name, v in q.items()} for g, q in given.items()}
        return self.recorder.step(900 * step, inputs, 0)


def read(path: Path) -> Run:
    return open_run(path)


def test_period_is_recorded_and_warmup_is_not(tmp_path: Path) -> None:
    recording = Recording(tmp_path / "a.h5")
    for step in range(recording.world.n_steps):
        assert recording.step(step) == 900 * (step + 1)
    recording.writer.close()
    with read(tmp_path / "a.h5") as run:
        assert run.committed == 192
        load = run.values("load", "power_load_kw")
        assert load[:, 1].tolist() == [0.5 + step for step in range(4, 196)]
        assert run.members("tank", "power_tank_kw") == ("x", "y")
    assert recording.progress == list(range(1, 197))


def test_states_at_start_are_those_at_the_end_of_the_warmup(tmp_path: Path) -> None:
    recording = Recording(tmp_path / "a.h5")
    for step in range(10):
        recording.step(step)
    recording.writer.close()
    start = recording.recorder.states_at_start["tank"]["energy_tank_kwh"]
    assert start.tolist() == values(3)["tank"]["energy_tank_kwh"].tolist()


def test_without_warmup_the_recorder_knows_no_start(tmp_path: Path) -> None:
    recording = Recording(tmp_path / "a.h5", n_warmup=0)
    for step in range(10):
        recording.step(step)
    recording.writer.close()
    assert recording.recorder.states_at_start == {}


def test_rows_are_committed_a_day_at_a_time(tmp_path: Path) -> None:
    recording = Recording(tmp_path / "a.h5")
    seen = []
    for step in range(recording.world.n_steps):
        recording.step(step)
        seen.append(recording.writer.committed)
    recording.writer.close()
    assert seen == [0] * 99 + [96] * 96 + [192]


@pytest.mark.parametrize("n_period", [92, 100, 188])
def test_days_with_a_clock_change_are_written_to_the_end(tmp_path: Path, n_period: int) -> None:
    recording = Recording(tmp_path / "a.h5", n_period=n_period)
    for step in range(recording.world.n_steps):
        recording.step(step)
    recording.writer.close()
    with read(tmp_path / "a.h5") as run:
        assert run.committed == n_period
        assert run.last("load", "power_load_kw")[1] == 0.5 + recording.world.n_steps - 1


def test_a_value_that_is_no_number_stops_the_run(tmp_path: Path) -> None:
    recording = Recording(tmp_path / "a.h5")
    with pytest.raises(ResultsError, match="tank/power_tank_kw of y is nan at 2025-06-02 11:30"):
        for step in range(recording.world.n_steps):
            recording.step(step, **({"power_tank_kw": np.array([1.0, np.nan])} if step == 50 else {}))
    recording.writer.close()


def test_scalars_are_recorded_as_one_member(tmp_path: Path) -> None:
    grid = TimeGrid.from_local_date("2025-06-02", 1)
    series = {"weather": {"temp_outdoor_degc": ("site",)}} | {
        "load": SERIES["load"],
        "meter": SERIES["meter"],
    }
    meta = RunMeta(name="test", scenario_yaml="name: test", controller="rules", seed=0)
    writer = RunWriter(tmp_path / "a.h5", meta=meta, grid=grid, series=series)
    recorder = Recorder()
    recorder.init(
        "recorder-0", grid=grid, n_warmup=0, writer=writer, series=series, balance=BalanceCheck({}, 2, STEP_H)
    )
    for step in range(96):
        zero = {"sim": np.zeros(2)}
        inputs: dict[str, Any] = {
            "weather": {"temp_outdoor_degc": {"inputs-0.group": np.array(float(step))}},
            "load": {"power_load_kw": zero},
            "meter": {"energy_withdrawn_kwh": zero, "energy_injected_kwh": zero},
        }
        recorder.step(900 * step, inputs, 0)
    writer.close()
    with read(tmp_path / "a.h5") as run:
        assert run.values("weather", "temp_outdoor_degc")[:, 0].tolist() == list(range(96))


def test_nothing_is_handed_out() -> None:
    assert Recorder().get_data({"load": ["power_load_kw"]}) == {}
