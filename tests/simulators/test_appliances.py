from collections.abc import Callable

import numpy as np
import pytest

from recosim.arrays import FloatArray
from recosim.components import Devices
from recosim.simulators.appliances import Appliances
from recosim.simulators.cycles import Cycles
from recosim.simulators.physics.appliance import ApplianceParameters
from recosim.timegrid import TimeGrid

PARAMETERS = ApplianceParameters(
    powers_kw=np.array([[1.0, 2.0, 0.0], [4.0, 5.0, 6.0]]),
    n_steps=np.array([2, 3]),
    follows=np.array([-1, 0]),
)
GRID = TimeGrid.from_local_date("2025-01-15", 1, 900, "Europe/Rome").part(0, 16)

Ask = Callable[[int, dict[str, FloatArray]], list[float]]


def appliances(cycles: Cycles) -> Appliances:
    simulator = Appliances()
    devices = Devices(
        declaration=Appliances.declaration,
        names=("washer", "dryer"),
        node=cycles.node,
        parameters=cycles.parameters,
    )
    simulator.init("appliance-0", grid=GRID, names=devices.names, devices=devices, cycles=cycles)
    return simulator


def household() -> Cycles:
    """A wash wished in step 2 with its drying in step 4, and another wash in step 9."""
    return Cycles(
        machine=np.array([0, 1, 0]),
        step_wished=np.array([2, 4, 9]),
        step_latest=np.array([5, 7, 11]),
        after=np.array([-1, 0, -1]),
        node=np.array([0, 0]),
        n_pods=1,
        parameters=PARAMETERS,
    )


def run(simulator: Appliances, ask: Ask) -> tuple[FloatArray, list[dict[str, FloatArray]]]:
    """Powers over the steps, and what a controller saw at the start of each."""
    powers, seen = [], []
    for step in range(GRID.n_steps):
        seen.append(simulator.out)
        simulator.advance(step, {"setpoint_cycle_start": np.array(ask(step, simulator.out))})
        powers.append(simulator.out["power_appliance_kw"])
    return np.array(powers), seen


def begins_at(powers: FloatArray, machine: int) -> list[int]:
    first = PARAMETERS.powers_kw[machine, 0]
    return np.flatnonzero(powers[:, machine] == first).tolist()


def test_own_rule_begins_as_wished() -> None:
    powers, _ = run(appliances(household()), lambda step, seen: [np.nan, np.nan])
    assert powers[:, 0].tolist() == [0, 0, 1, 2, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0]
    assert powers[:, 1].tolist() == [0, 0, 0, 0, 4, 5, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    assert powers.sum() == household().power_kw(slice(0, 16)).sum()


def test_what_is_kept_waiting_begins_at_the_latest_step() -> None:
    powers, _ = run(appliances(household()), lambda step, seen: [0.0, 0.0])
    assert begins_at(powers, 0) == [5, 11]
    assert begins_at(powers, 1) == [7]
    assert powers.sum() == household().power_kw(slice(0, 16)).sum()


def test_nothing_begins_before_it_is_wished_and_what_has_begun_runs_through() -> None:
    powers, _ = run(appliances(household()), lambda step, seen: [float(step in (0, 1, 3)), 0.0])
    assert powers[:6, 0].tolist() == [0, 0, 0, 1, 2, 0]


def test_a_drying_waits_for_its_wash() -> None:
    powers, seen = run(appliances(household()), lambda step, seen: [float(step >= 4), 1.0])
    assert begins_at(powers, 0)[0] == 4
    assert begins_at(powers, 1) == [6]
    assert [step for step, states in enumerate(seen) if states["cycle_blocked"][1]] == [4, 5]


def test_what_a_controller_sees_at_the_start_of_a_step() -> None:
    _, seen = run(appliances(household()), lambda step, seen: [0.0, 0.0])
    waiting = [step for step, states in enumerate(seen) if states["cycle_waiting"][0]]
    assert waiting == [2, 3, 4, 5, 9, 10, 11]
    assert [seen[step]["cycle_latest_s"][0] for step in (1, 2, 4, 5, 6)] == [0.0, 2700.0, 900.0, 0.0, 0.0]
    assert [seen[step]["cycle_remaining_s"][0] for step in (5, 6, 7)] == [0.0, 900.0, 0.0]


def test_a_cycle_wished_at_the_very_beginning_is_seen() -> None:
    cycles = Cycles(
        machine=np.array([0]),
        step_wished=np.array([0]),
        step_latest=np.array([3]),
        after=np.array([-1]),
        node=np.array([0, 0]),
        n_pods=1,
        parameters=PARAMETERS,
    )
    simulator = appliances(cycles)
    assert simulator.out["cycle_waiting"].tolist() == [1.0, 0.0]
    assert simulator.out["cycle_latest_s"].tolist() == [2700.0, 0.0]


@pytest.mark.parametrize("seed", range(5))
def test_whatever_is_asked_every_cycle_runs_once_within_its_limits(seed: int) -> None:
    rng = np.random.default_rng(seed)
    powers, _ = run(appliances(household()), lambda step, seen: rng.choice([0.0, 1.0, np.nan], 2).tolist())
    first, second = begins_at(powers, 0)
    (drying,) = begins_at(powers, 1)
    assert 2 <= first <= 5
    assert 9 <= second <= 11
    assert first + 2 <= drying <= 7
    assert powers.sum() == pytest.approx(2 * 3.0 + 15.0)
