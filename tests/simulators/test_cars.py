from typing import Any

import numpy as np
import pytest

from recosim.components import Devices
from recosim.results.recorder import BalanceCheck
from recosim.simulators.cars import Cars
from recosim.simulators.group import GROUP, GROUP_MODEL
from recosim.simulators.physics.car import Car
from recosim.simulators.trips import Trips
from recosim.timegrid import TimeGrid

GRID = TimeGrid(start=1_736_463_600, step_s=900, n_steps=40)
# away in steps 8 to 11 (4 kWh) and 14 to 15 (12 kWh); half an hour between brings 2 x 0.9 kWh
AWAY = np.zeros(40)
AWAY[8:12], AWAY[14:16] = 4.0, 24.0


def trips(*cars: Any, **changes: Any) -> Trips:
    n = len(cars) or 1
    given = {"capacity_kwh": np.full(n, 50.0), "power_max_kw": 4.0, "efficiency_charge": 0.9} | changes
    return Trips(grid=GRID, power_trip_kw=np.stack(cars or [AWAY], axis=1), car=Car(**given))


def cars(planned: Trips, energy: Any = None) -> Cars:
    n = planned.power_trip_kw.shape[1]
    devices = Devices(
        declaration=Cars.declaration,
        names=tuple(f"c{i}" for i in range(n)),
        node=np.arange(n),
        parameters=planned.car,
    )
    simulator = Cars()
    simulator.init("car-0", grid=GRID, names=devices.names, devices=devices, trips=planned)
    simulator.create(1, GROUP_MODEL)
    if energy is not None:
        simulator.energy_kwh = np.array(energy, dtype=float)
    simulator.devices = devices  # type: ignore[attr-defined]
    return simulator


def run(simulator: Cars, step: int, power: Any = np.nan) -> dict[str, Any]:
    n = len(simulator.names)
    inputs = {"setpoint_power_car_kw": {"host": np.broadcast_to(np.asarray(power, dtype=float), n)}}
    simulator.step(900 * step, {GROUP: inputs}, 0)
    out: dict[str, Any] = simulator.get_data({GROUP: list(simulator.outputs)})[GROUP]
    assert not any(array.flags.writeable for array in out.values())
    return out


def test_trips_know_when_cars_leave_and_what_they_want():
    planned = trips(AWAY, np.zeros(40))
    leaving = planned.departures
    assert leaving.step.tolist() == [8, 14]
    assert leaving.car.tolist() == [0, 0]
    assert leaving.wanted_kwh.tolist() == [4.0 + 10.0, 12.0 + 10.0]
    assert leaving.missing_kwh(8, np.array([11.0, 11.0])).tolist() == [3.0, 0.0]
    assert leaving.missing_kwh(9, np.array([11.0, 11.0])).tolist() == [0.0, 0.0]
    assert planned.next_departure[[0, 7, 8, 9, 12, 16], 0].tolist() == [8, 8, 8, 9, 14, 40]
    assert (planned.next_departure[:, 1] == 40).all()
    # the second trip wants 22 kWh, of which the stop brings 1.8: the first must leave 20.2
    assert planned.least_kwh[[14, 12, 8], 0].tolist() == pytest.approx([22.0, 20.2, 24.2])
    assert planned.least_kwh[0, 0] == pytest.approx(24.2 - 8 * 0.9)


def test_a_trip_under_way_at_the_start_or_the_end():
    away = np.zeros(40)
    away[:2], away[-3:] = 8.0, 4.0
    planned = trips(away)
    assert planned.departures.step.tolist() == [0, 37]
    assert planned.departures.wanted_kwh.tolist() == [14.0, 13.0]
    simulator = cars(planned)
    assert simulator.out["car_plugged"].tolist() == [0.0]
    assert run(simulator, 0)["power_driving_kw"].tolist() == [8.0]


def test_left_alone_it_charges_on_arrival_until_it_is_full():
    simulator = cars(trips())
    powers = np.array([run(simulator, step)["power_car_kw"][0] for step in range(40)])
    # 4 kWh back in two quarters, then 12 + 2.2 kWh: 15 full quarters of 0.9 kWh and the rest
    assert powers[:12].tolist() == [0.0] * 12
    assert powers[12:14].tolist() == [4.0] * 2
    assert powers[16:31] == pytest.approx(4.0)
    assert powers[31] == pytest.approx((14.2 - 15 * 0.9) / 0.9 / 0.25)
    assert (powers[32:] == 0.0).all()
    assert simulator.out["energy_car_battery_kwh"] == pytest.approx(50.0)


def test_states_tell_a_controller_what_it_must_know():
    simulator = cars(trips(), energy=[30.0])
    before = simulator.out
    assert before["car_plugged"].tolist() == [1.0]
    assert before["car_departure_s"].tolist() == [8 * 900.0]
    assert before["energy_car_needed_kwh"] == pytest.approx(24.2)
    for step in range(8):
        out = run(simulator, step, 0.0)
    assert out["car_plugged"].tolist() == [0.0]
    assert out["car_departure_s"].tolist() == out["energy_car_needed_kwh"].tolist() == [0.0]
    for step in range(8, 12):
        out = run(simulator, step, 0.0)
    assert out["car_plugged"].tolist() == [1.0]
    assert out["energy_car_battery_kwh"] == pytest.approx(30.0 - 4.0)
    assert out["car_departure_s"].tolist() == [2 * 900.0]
    for step in range(12, 16):
        out = run(simulator, step, 0.0)
    assert out["car_departure_s"].tolist() == [(40 - 16) * 900.0], "to the end of what is known"
    assert out["energy_car_needed_kwh"].tolist() == [10.0]


@pytest.mark.parametrize("asked", [0.0, -3.0, 0.3])
def test_who_asks_for_too_little_still_leaves_with_enough(asked):
    simulator = cars(trips(), energy=[19.0])
    outs = [run(simulator, step, asked) for step in range(40)]
    energy = np.array([19.0, *(out["energy_car_battery_kwh"][0] for out in outs)])
    assert energy[8] == pytest.approx(24.2)
    assert energy[14] == pytest.approx(22.0)
    assert energy.min() >= 10.0 - 1e-9
    assert sum(out["energy_car_unmet_kwh"][0] for out in outs) == 0.0
    if asked <= 0.0:
        # 24.2 - 19 kWh take 5.78 quarters: it begins in step 2, not at once, and not at full power
        powers = [out["power_car_kw"][0] for out in outs[:8]]
        assert powers[:2] == [0.0, 0.0]
        assert powers[2] == pytest.approx(4.0 * (5.2 / 0.9 - 5))
        assert powers[3:] == pytest.approx([4.0] * 5)


def test_what_cannot_be_had_is_reported_and_charged_elsewhere():
    simulator = cars(trips(), energy=[2.0])
    outs = [run(simulator, step, 0.0) for step in range(40)]
    unmet = np.array([out["energy_car_unmet_kwh"][0] for out in outs])
    # 2 + 8 x 0.9 = 9.2 of 14 kWh; 9.2 - 4 + 1.8 = 7 of 22
    assert unmet[[8, 14]] == pytest.approx([4.8, 15.0])
    assert unmet.sum() == pytest.approx(19.8)
    driven = np.array([out["power_driving_kw"][0] for out in outs]) / 4
    assert driven[8:12].sum() == pytest.approx(4.0)
    assert driven[14:16].sum() == pytest.approx(7.0), "no more than was in it"
    assert outs[15]["energy_car_battery_kwh"] == pytest.approx(0.0)
    assert outs[16]["power_car_kw"].tolist() == [4.0], "below the reserve it charges at once"


def test_what_is_asked_stays_within_the_wall_box():
    simulator = cars(trips(np.zeros(40), np.zeros(40)), energy=[20.0, 49.91])
    out = run(simulator, 0, (100.0, 100.0))
    assert out["power_car_kw"].tolist() == pytest.approx([4.0, 0.4])
    assert out["energy_car_battery_kwh"].tolist() == pytest.approx([20.9, 50.0])
    assert out["power_car_loss_kw"].tolist() == pytest.approx([0.4, 0.04])


def test_balance_closes_and_a_corrupted_car_fails_it():
    rng = np.random.default_rng(5)
    simulator = cars(trips(AWAY, 6.0 * AWAY, np.roll(AWAY, 3)), energy=[20.0, 25.0, 50.0])
    check = BalanceCheck({"car": simulator.devices}, 3, 0.25)
    check.start({"car": {"energy_car_battery_kwh": simulator.energy_kwh}})
    for step in range(40):
        out = dict(run(simulator, step, np.where(rng.random(3) < 0.3, np.nan, rng.uniform(-1.0, 6.0, 3))))
        if step == 39:
            assert check.residual_kwh < 1e-12
            out["power_car_loss_kw"] = out["power_car_loss_kw"] + 0.5
        check.observe(
            {
                "car": out,
                "load": {"power_load_kw": np.zeros(3)},
                "meter": {
                    "energy_withdrawn_kwh": out["power_car_kw"] / 4,
                    "energy_injected_kwh": np.zeros(3),
                },
            }
        )
    assert check.residual_kwh > 0.1
