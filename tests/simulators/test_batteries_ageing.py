"""Batteries that age inside their simulator: once a day, by local time, without losing energy."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from recosim.arrays import FloatArray
from recosim.components import Devices
from recosim.results.recorder import BalanceCheck
from recosim.simulators.batteries import STATE_OF_HEALTH, Batteries
from recosim.simulators.group import GROUP, GROUP_MODEL
from recosim.simulators.physics.battery import Battery
from recosim.simulators.physics.battery_ageing import Losses
from recosim.timegrid import TimeGrid

N_PODS = 2
NODE = np.array([0, 1], dtype=np.int64)


def devices(**changes: Any) -> Devices:
    given: dict[str, Any] = {
        "capacity_kwh": np.array([5.0, 10.0]),
        "power_charge_max_kw": 2.5,
        "power_discharge_max_kw": 2.5,
        "grid_charging": True,
        "ages": np.array([True, False]),
    }
    parameters = Battery(**(given | changes))
    return Devices(
        declaration=Batteries.declaration_of(parameters), names=("x", "y"), node=NODE, parameters=parameters
    )


def batteries(own: Devices, date: str = "2025-07-14", days: int = 3, step_s: int = 3600) -> Batteries:
    grid = TimeGrid.from_local_date(date, days, step_s=step_s)
    simulator = Batteries()
    simulator.init("battery-0", grid=grid, names=own.names, devices=own, others={}, n_pods=N_PODS)
    simulator.create(1, GROUP_MODEL)
    return simulator


def run(simulator: Batteries, step: int, charge: Any = (0.0, 0.0), load: Any = (0.0, 0.0)) -> dict[str, Any]:
    asked = np.array(charge, dtype=float)
    inputs = {
        "setpoint_power_charge_kw": {"host": np.maximum(asked, 0.0)},
        "setpoint_power_discharge_kw": {"host": np.maximum(-asked, 0.0)},
        "power_load_kw": {"inputs": np.array(load)},
    }
    simulator.step(simulator.grid.step_s * step, {GROUP: inputs}, 0)
    out: dict[str, FloatArray] = simulator.get_data({GROUP: list(simulator.outputs)})[GROUP]
    assert not any(array.flags.writeable for array in out.values())
    return out


def test_batteries_that_do_not_age_are_declared_as_ever() -> None:
    own = devices(ages=False)
    assert own.declaration is Batteries.declaration
    simulator = batteries(own)
    assert STATE_OF_HEALTH not in simulator.outputs
    assert STATE_OF_HEALTH not in run(simulator, 0)


def test_a_declaration_that_forgets_ageing_is_refused() -> None:
    with pytest.raises(ValueError, match="the declaration does not fit the parameters"):
        batteries(replace(devices(), declaration=Batteries.declaration))


def test_one_that_ages_gives_all_a_state_of_health() -> None:
    own = devices()
    assert own.declaration.states == ("energy_battery_kwh", STATE_OF_HEALTH)
    simulator = batteries(own)
    assert simulator.out[STATE_OF_HEALTH].tolist() == [1.0, 1.0]
    assert run(simulator, 0)[STATE_OF_HEALTH].tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("date", "hours"), [("2025-07-14", 24), ("2025-03-30", 23), ("2025-10-26", 25), ("2025-12-31", 24)]
)
def test_health_falls_at_local_midnight_and_at_no_other_time(date: str, hours: int) -> None:
    simulator = batteries(devices(), date, days=3)
    health = [run(simulator, step)[STATE_OF_HEALTH] for step in range(hours + 25)]
    falls = np.flatnonzero(np.diff([1.0, *(row[0] for row in health)]) < 0.0)
    assert falls.tolist() == [hours - 1, hours + 23]
    assert all(row[1] == 1.0 for row in health)


def test_left_alone_it_ages_by_time_alone() -> None:
    simulator = batteries(devices(self_discharge_per_month=0.2))
    for step in range(48):
        out = run(simulator, step)
    assert simulator.losses.cycle.tolist() == [0.0, 0.0]
    assert out[STATE_OF_HEALTH][0] == 1.0 - simulator.losses.calendar[0] < 1.0


def test_used_it_ages_more_and_long_steps_age_it_as_short_ones_do() -> None:
    found = {}
    for step_s, used in ((3600, True), (900, True), (3600, False)):
        simulator = batteries(devices(), step_s=step_s)
        per_hour = 3600 // step_s
        for step in range(48 * per_hour):
            power = 1.0 if (step // per_hour) % 24 < 3 else -1.0
            out = run(simulator, step, charge=(power * used, 0.0), load=(9.0, 9.0))
        found[step_s, used] = float(out[STATE_OF_HEALTH][0])
    assert found[3600, True] < found[3600, False] - 1e-5
    assert found[900, True] == pytest.approx(found[3600, True], abs=1e-6)


def test_what_it_holds_above_its_shrunken_capacity_it_keeps_until_it_is_used() -> None:
    own = devices(self_discharge_per_month=0.0)
    simulator = batteries(own)
    check = BalanceCheck({"battery": own}, N_PODS, 1.0)
    check.start({"battery": simulator.out})

    def step_on(step: int, charge: float) -> float:
        before = simulator.out["energy_battery_kwh"]
        out = run(simulator, step, charge=(charge, 0.0), load=(9.0, 9.0))
        drawn = np.array([9.0, 9.0]) + out["power_charge_kw"] - out["power_discharge_kw"]
        meter = {"energy_withdrawn_kwh": drawn, "energy_injected_kwh": np.zeros(N_PODS)}
        check.observe({"battery": out, "load": {"power_load_kw": np.array([9.0, 9.0])}, "meter": meter})
        return float(out["energy_battery_kwh"][0] - before[0])

    for step in range(24):
        step_on(step, 2.5)
    full = simulator.energy_kwh[0]
    assert full == pytest.approx(0.95 * 5.0)
    health = simulator.out[STATE_OF_HEALTH][0]
    assert full > 0.95 * 5.0 * health
    assert step_on(24, 2.5) == 0.0  # asked to charge, it does nothing
    assert step_on(25, -1.0) < -1.0
    for step in range(26, 30):
        step_on(step, 2.5)
    assert simulator.energy_kwh[0] == pytest.approx(0.95 * 5.0 * health, abs=1e-9)
    assert check.residual_kwh < 1e-12


def test_a_battery_with_nothing_left_stands_still() -> None:
    simulator = batteries(devices())
    simulator.losses = Losses(calendar=np.array([0.9, 0.0]), cycle=np.array([0.2, 0.0]))
    for step in range(30):
        out = run(simulator, step, charge=(1.0, 1.0))
    assert out[STATE_OF_HEALTH].tolist() == [0.0, 1.0]
    for step in range(30, 60):
        out = run(simulator, step, charge=(-1.0 if step % 2 else 1.0, 0.0), load=(9.0, 9.0))
        assert out["energy_battery_kwh"][0] >= 0.0
    assert out["power_charge_kw"][0] == 0.0
    assert out[STATE_OF_HEALTH].tolist() == [0.0, 1.0]


def test_a_run_that_goes_on_from_its_states_is_the_same_run() -> None:
    """Energy, losses, health and the steps of the day so far are all there is to know."""
    one, other = batteries(devices()), batteries(devices())
    for step in range(40):
        run(one, step, charge=(np.sin(step), np.cos(step)), load=(9.0, 9.0))
    other.energy_kwh, other.losses, other.today = one.energy_kwh, one.losses, list(one.today)
    other.set_health(one.out[STATE_OF_HEALTH])
    for step in range(40, 60):
        asked: Any = (np.sin(step), np.cos(step))
        first, second = (run(each, step, charge=asked, load=(9.0, 9.0)) for each in (one, other))
        for name, values in first.items():
            np.testing.assert_array_equal(values, second[name])
