from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from recosim.arrays import FloatArray
from recosim.components import DeviceKind, Devices
from recosim.results.recorder import BalanceCheck
from recosim.simulators.batteries import Batteries
from recosim.simulators.faults import Outage
from recosim.simulators.group import GROUP, GROUP_MODEL
from recosim.simulators.physics.battery import SECONDS_PER_MONTH, Battery
from recosim.timegrid import TimeGrid

GRID = TimeGrid(start=0, step_s=900, n_steps=2000)
NODE = np.array([2, 0], dtype=np.int64)
N_PODS = 3
PLANTS = Devices(
    declaration=DeviceKind(kind="plant", flows={"electricity": {"power_pv_kw": -1.0}}),
    names=("roof",),
    node=np.array([2], dtype=np.int64),
    parameters=None,
)


def devices(**changes: Any) -> Devices:
    given: dict[str, Any] = {
        "capacity_kwh": np.array([5.0, 10.0]),
        "power_charge_max_kw": 2.5,
        "power_discharge_max_kw": 2.5,
        "efficiency_charge": 0.9,
        "efficiency_discharge": 0.8,
        "self_discharge_per_month": 0.0,
        "grid_charging": True,
    }
    return Devices(
        declaration=Batteries.declaration,
        names=("x", "y"),
        node=NODE,
        parameters=Battery(**(given | changes)),
    )


def batteries(trips: Sequence[Outage] = (), **changes: Any) -> Batteries:
    simulator = Batteries()
    own = devices(**changes)
    others = {"plant": PLANTS}
    simulator.init(
        "battery-0", grid=GRID, names=own.names, devices=own, others=others, n_pods=N_PODS, trips=trips
    )
    simulator.create(1, GROUP_MODEL)
    return simulator


def run(
    simulator: Batteries,
    step: int,
    *,
    charge: Any = (np.nan, np.nan),
    discharge: Any = (np.nan, np.nan),
    load: Any = (0.0, 0.0, 0.0),
    pv: float = 0.0,
) -> dict[str, FloatArray]:
    inputs = {
        "setpoint_power_charge_kw": {"host": np.array(charge, dtype=float)},
        "setpoint_power_discharge_kw": {"host": np.array(discharge, dtype=float)},
        "power_load_kw": {"inputs": np.array(load)},
        "power_pv_kw": {"plant": np.array([pv])},
    }
    simulator.step(900 * step, {GROUP: inputs}, 0)
    out: dict[str, FloatArray] = simulator.get_data({GROUP: list(simulator.outputs)})[GROUP]
    assert not any(array.flags.writeable for array in out.values())
    return out


def test_begins_at_its_lower_limit() -> None:
    assert batteries().out["energy_battery_kwh"].tolist() == [0.5, 1.0]


def test_gives_back_eta_times_eta_of_what_it_took() -> None:
    simulator = batteries()
    start = simulator.out["energy_battery_kwh"]
    taken = returned = np.zeros(2)
    for step in range(4):
        taken = taken + run(simulator, step, charge=(2.0, 1.0), discharge=(0.0, 0.0))["power_charge_kw"] / 4
    for step in range(4, 60):
        out = run(simulator, step, charge=(0.0, 0.0), discharge=(2.0, 2.0), load=(9.0, 9.0, 9.0))
        returned = returned + out["power_discharge_kw"] / 4
    assert taken.tolist() == [2.0, 1.0]
    np.testing.assert_allclose(returned, 0.9 * 0.8 * taken, rtol=1e-12)
    np.testing.assert_allclose(simulator.out["energy_battery_kwh"], start, atol=1e-12)


def test_own_rule_sees_the_net_of_its_own_delivery_point() -> None:
    simulator = batteries()
    # battery x at delivery point 2, where 3 kW of sun meet 1 kW of load; y at 0, with load and nothing stored
    out = run(simulator, 0, load=(1.5, 7.0, 1.0), pv=3.0)
    assert out["power_charge_kw"].tolist() == [2.0, 0.0]
    assert out["power_discharge_kw"].tolist() == [0.0, 0.0]
    out = run(simulator, 1, load=(0.0, 7.0, 0.25))
    assert out["power_discharge_kw"].tolist() == [0.25, 0.0]


def test_asked_for_more_than_it_can() -> None:
    out = run(batteries(), 0, charge=(99.0, 1.0), discharge=(0.0, 99.0), load=(9.0, 9.0, 9.0))
    assert out["power_charge_kw"].tolist() == [2.5, 0.0]
    assert out["power_discharge_kw"].tolist() == [0.0, 0.0], "nothing above the lower limit"


def test_loss_explains_what_is_stored() -> None:
    simulator = batteries(self_discharge_per_month=0.2)
    rng = np.random.default_rng(3)
    for step in range(50):
        before = simulator.out["energy_battery_kwh"]
        out = run(simulator, step, load=rng.uniform(0, 3, 3), pv=rng.uniform(0, 6))
        change = (out["power_charge_kw"] - out["power_discharge_kw"] - out["power_loss_kw"]) / 4
        np.testing.assert_allclose(out["energy_battery_kwh"] - before, change, atol=1e-12)
        assert (out["power_loss_kw"] >= 0.0).all()


def test_left_alone_it_loses_its_share_in_a_month() -> None:
    simulator = batteries(self_discharge_per_month=0.1, state_min=0.0, grid_charging=True)
    run(simulator, 0, charge=(2.0, 2.0), discharge=(0.0, 0.0))
    full = simulator.out["energy_battery_kwh"]
    for step in range(1, 961):
        run(simulator, step, charge=(0.0, 0.0), discharge=(0.0, 0.0))
    np.testing.assert_allclose(simulator.out["energy_battery_kwh"], full * 0.9 ** (10 / 30.4375), rtol=1e-9)


@pytest.mark.parametrize(("name", "seen"), [("power_charge_kw", True), ("power_load_kw", False)])
def test_a_corrupted_battery_fails_the_balance(name: str, seen: bool) -> None:
    simulator = batteries()
    check = BalanceCheck({"battery": devices(), "plant": PLANTS}, N_PODS, GRID.step_h)
    for step in range(3):
        out = dict(run(simulator, step, charge=(1.0, 1.0), discharge=(0.0, 0.0)))
        net = np.array([out["power_charge_kw"][1], 0.0, out["power_charge_kw"][0]])
        if step == 2 and seen:
            out[name] = out[name] * 1.01
        check.observe(
            {
                "battery": out,
                "plant": {"power_pv_kw": np.zeros(1)},
                "load": {"power_load_kw": np.zeros(N_PODS)},
                "meter": {"energy_withdrawn_kwh": net / 4, "energy_injected_kwh": np.zeros(N_PODS)},
            }
        )
    assert (check.residual_kwh > 1e-3) == seen


def test_a_tripped_battery_does_nothing_of_what_is_asked_or_of_its_own() -> None:
    simulator = batteries(trips=[Outage(first=1, end=3, index=1)], self_discharge_per_month=0.5)
    charged = run(simulator, 0, charge=(2.0, 2.0), discharge=(0.0, 0.0))
    asked = run(simulator, 1, charge=(2.0, 2.0), discharge=(0.0, 0.0))
    own_rule = run(simulator, 2, load=(1.0, 0.0, 1.0))
    after = run(simulator, 3, load=(1.0, 0.0, 1.0))
    assert asked["power_charge_kw"].tolist() == [2.0, 0.0]
    assert own_rule["power_discharge_kw"].tolist() == [1.0, 0.0]
    assert after["power_discharge_kw"].tolist() == [1.0, 1.0]
    # what is stored leaks on: half of it in a month
    kept = 0.5 ** (2 * 900.0 / SECONDS_PER_MONTH)
    assert own_rule["energy_battery_kwh"][1] == pytest.approx(kept * charged["energy_battery_kwh"][1])
    leaked_kw = (asked["energy_battery_kwh"][1] - own_rule["energy_battery_kwh"][1]) * 4.0
    assert own_rule["power_loss_kw"][1] == pytest.approx(leaked_kw)
