from typing import Any

import numpy as np
import pytest

from recosim.components import Devices
from recosim.results.recorder import BalanceCheck
from recosim.simulators.group import GROUP, GROUP_MODEL
from recosim.simulators.physics.hot_water import WaterHeater
from recosim.simulators.water_heaters import WaterHeaters
from recosim.timegrid import TimeGrid


def heaters(step_s: int = 900, n: int = 2, **changes: Any) -> WaterHeaters:
    given: dict[str, Any] = {"volume_l": np.full(n, 80.0), "power_max_kw": 1.2, "disinfects": False}
    devices = Devices(
        declaration=WaterHeaters.declaration,
        names=tuple(f"h{i}" for i in range(n)),
        node=np.arange(n),
        parameters=WaterHeater(**(given | changes)),
    )
    simulator = WaterHeaters()
    grid = TimeGrid(start=1_736_463_600, step_s=step_s, n_steps=20_000)
    simulator.init("water-0", grid=grid, names=devices.names, devices=devices)
    simulator.create(1, GROUP_MODEL)
    simulator.devices = devices  # type: ignore[attr-defined]
    return simulator


def run(simulator: WaterHeaters, step: int, *, power: Any = np.nan, draw: Any = 0.0, outdoor: float = 7.0):
    n = len(simulator.names)
    inputs = {
        "setpoint_power_water_heating_kw": {"host": np.broadcast_to(np.asarray(power, dtype=float), n)},
        "heat_hot_water_kw": {"inputs": np.broadcast_to(np.asarray(draw, dtype=float), n)},
        "temp_outdoor_degc": {"inputs": outdoor},
    }
    simulator.step(simulator.grid.step_s * step, {GROUP: inputs}, 0)
    out = simulator.get_data({GROUP: list(simulator.outputs)})[GROUP]
    assert not any(array.flags.writeable for array in out.values())
    return out


def test_thermostat_keeps_between_setpoint_and_deadband():
    simulator, temps, powers = heaters(n=1), [], []
    for step in range(96 * 5):
        out = run(simulator, step, draw=0.3)
        temps.append(float(out["temp_tank_degc"][0]))
        powers.append(float(out["power_water_heating_kw"][0]))
    assert max(temps) <= 55.0 + 1e-9
    assert min(temps) > 48.5, "at most one step below the dead-band before it heats"
    starts = np.diff((np.array(powers) > 0.0).astype(int)) == 1
    assert 10 < starts.sum() < 60, "it rests in between"


def test_what_is_asked_stays_within_element_and_protection():
    simulator = heaters()
    out = run(simulator, 0, power=(99.0, -3.0))
    assert out["power_water_heating_kw"].tolist() == [1.2, 0.0]
    for step in range(1, 40):
        out = run(simulator, step, power=(99.0, np.nan))
        assert out["temp_tank_degc"].max() <= 65.0 + 1e-9
    assert out["temp_tank_degc"][0] == pytest.approx(65.0)
    # what holds 65 degC is the loss: 1.2 W/K x 45 K
    assert out["power_water_heating_kw"][0] == pytest.approx(0.054)


def test_a_week_without_60_degrees_ends_by_itself_whoever_decides():
    simulator = heaters(disinfects=True)
    start = simulator.out["time_since_disinfection_s"]
    assert start[0] == 0.0 < start[1], "not all at the same time"
    reached = np.zeros(2, dtype=int)
    for step in range(96 * 15):
        out = run(simulator, step, power=(np.nan, 0.06), draw=0.01)
        reached += out["temp_tank_degc"] >= 60.0 - 1e-6
        assert (out["time_since_disinfection_s"] < 8 * 86_400.0).all()
    assert (reached >= 2).all()


def test_short_of_heat_the_tap_gets_less():
    simulator = heaters(n=1)
    for step in range(4):
        out = run(simulator, step, power=0.0, draw=4.0)
    unmet = out["heat_hot_water_unmet_kw"][0]
    assert 0.0 < unmet < 4.0
    assert out["heat_tapped_kw"][0] == pytest.approx(4.0 - unmet)
    assert out["discomfort_hot_water_k"][0] == pytest.approx(40.0 - out["temp_tank_degc"][0])
    assert run(simulator, 4, power=0.0)["discomfort_hot_water_k"][0] == 0.0, "nobody draws"


@pytest.mark.parametrize("heat_pump", [False, True])
def test_balance_closes_and_a_corrupted_heater_fails_it(heat_pump):
    simulator = heaters(heat_pump=np.full(2, heat_pump), disinfects=True)
    devices = {"water_heater": simulator.devices}
    check = BalanceCheck(devices, 2, 0.25)
    check.start({"water_heater": simulator.out})
    rng = np.random.default_rng(1)
    for step in range(200):
        power = np.where(rng.random(2) < 0.3, np.nan, rng.uniform(0.0, 1.5, 2))
        draw = rng.exponential(0.6, 2) * (rng.random(2) < 0.5)
        out = dict(run(simulator, step, power=power, draw=draw, outdoor=rng.uniform(-5.0, 20.0)))
        if heat_pump:
            assert (out["heat_ambient_kw"] >= 0.0).all()
        if step == 199:
            assert check.residual_kwh < 1e-12
            out["heat_tank_loss_kw"] = out["heat_tank_loss_kw"] * 1.5
        check.observe(
            {
                "water_heater": out,
                "load": {"power_load_kw": np.zeros(2)},
                "meter": {
                    "energy_withdrawn_kwh": out["power_water_heating_kw"] / 4,
                    "energy_injected_kwh": np.zeros(2),
                },
            }
        )
    assert check.residual_kwh > 1e-3


@pytest.mark.parametrize("step_s", [300, 3600])
def test_the_same_energy_at_other_steps(step_s):
    def hours(length):
        simulator, temps, tapped = heaters(length), [], 0.0
        for step in range(12 * 3600 // length):
            out = run(simulator, step, power=0.5, draw=(0.9, 1.4))
            tapped = tapped + out["heat_tapped_kw"] * length / 3600.0
            if (step + 1) * length % 3600 == 0:
                temps.append(out["temp_tank_degc"])
        return np.array(temps), tapped

    temps, tapped = hours(step_s)
    expected, expected_tapped = hours(900)
    assert expected.min() < 40.0 < expected.max()
    # the cold water of a step is that of its middle
    np.testing.assert_allclose(temps, expected, atol=1e-3)
    np.testing.assert_allclose(tapped, expected_tapped, atol=1e-3)
