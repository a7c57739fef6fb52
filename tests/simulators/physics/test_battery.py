import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recosim.simulators.physics.battery import (
    SECONDS_PER_MONTH,
    Battery,
    clip_to_limits,
    power_limits,
    retained_share,
    self_consumption,
    stored_energy_after,
)


def battery(**changes):
    values = {"capacity_kwh": 5.0, "power_charge_max_kw": 2.5, "power_discharge_max_kw": 2.5}
    return Battery(**(values | changes))


LOSSLESS_IDLE = {"self_discharge_per_month": 0.0}
NAN = np.nan


def test_step_by_hand():
    after = stored_energy_after(
        battery(**LOSSLESS_IDLE), np.array([2.0, 2.0]), np.array([2.0, 0.0]), np.array([0.0, 1.9]), 900.0
    )
    np.testing.assert_allclose(after, [2.0 + 0.95 * 0.5, 2.0 - 0.5])


def test_returns_both_efficiencies_of_what_it_took():
    unit = battery(efficiency_charge=0.93, efficiency_discharge=0.9, **LOSSLESS_IDLE)
    energy = stored_energy_after(unit, np.array([1.0]), np.array([2.0]), np.array([0.0]), 3600.0)
    back = (energy - 1.0) * 0.9
    assert back[0] == pytest.approx(2.0 * 0.93 * 0.9)
    assert stored_energy_after(unit, energy, np.zeros(1), back, 3600.0)[0] == pytest.approx(1.0)


@pytest.mark.parametrize(("charge", "discharge"), [(1.0, 0.0), (0.0, 1.0)])
def test_quarters_and_hours_give_the_same_energy(charge, discharge):
    unit = battery(**LOSSLESS_IDLE)
    energy = np.array([2.5])
    for _ in range(4):
        energy = stored_energy_after(unit, energy, np.array([charge]), np.array([discharge]), 900.0)
    hour = stored_energy_after(unit, np.array([2.5]), np.array([charge]), np.array([discharge]), 3600.0)
    np.testing.assert_allclose(energy, hour, rtol=1e-14)


def test_self_discharge_does_not_depend_on_the_step():
    unit = battery()
    energy = 4.0
    for _ in range(4):
        energy = stored_energy_after(unit, energy, 0.0, 0.0, 900.0)
    assert energy == pytest.approx(stored_energy_after(unit, 4.0, 0.0, 0.0, 3600.0), rel=1e-14)
    assert stored_energy_after(unit, 4.0, 0.0, 0.0, SECONDS_PER_MONTH) == pytest.approx(4.0 * 0.98)
    assert retained_share(unit, 900.0) ** 4 == pytest.approx(retained_share(unit, 3600.0), rel=1e-14)


def test_an_idle_battery_at_its_minimum_may_fade():
    unit = battery()
    energy = np.array([0.5])
    for _ in range(1000):
        energy = stored_energy_after(unit, energy, np.zeros(1), np.zeros(1), 900.0)
    assert 0.48 < energy[0] < 0.5
    with pytest.raises(ValueError, match="battery 0"):
        stored_energy_after(unit, energy, np.zeros(1), np.array([1e-6]), 900.0)
    assert power_limits(unit, energy, 900.0)[1][0] == 0.0


def test_leaving_the_limits_raises_and_names_the_battery():
    unit = battery(capacity_kwh=np.array([5.0, 5.0]))
    with pytest.raises(ValueError, match=r"battery 1: .* = 4\.8.*allowed \[0\.5, 4\.75\]"):
        stored_energy_after(unit, np.array([2.0, 4.5]), np.array([0.0, 1.3]), np.zeros(2), 900.0)
    with pytest.raises(ValueError, match="battery 0"):
        stored_energy_after(unit, np.array([0.6, 2.0]), np.zeros(2), np.array([1.0, 0.0]), 900.0)
    with pytest.raises(ValueError, match="battery 0"):
        stored_energy_after(unit, np.array([NAN, 2.0]), np.zeros(2), np.zeros(2), 900.0)


@given(share=st.floats(0.1, 0.95), step_s=st.sampled_from([300.0, 900.0, 3600.0]), eta=st.floats(0.5, 1.0))
def test_power_limits_reach_the_state_limits_exactly(share, step_s, eta):
    unit = battery(
        power_charge_max_kw=1e3,
        power_discharge_max_kw=1e3,
        efficiency_charge=eta,
        efficiency_discharge=eta,
    )
    energy = 5.0 * share
    charge, discharge = power_limits(unit, energy, step_s)
    full = stored_energy_after(unit, energy, charge, 0.0, step_s)
    empty = stored_energy_after(unit, energy, 0.0, discharge, step_s)
    assert float(full) == pytest.approx(4.75, abs=1e-9)
    assert float(empty) == pytest.approx(min(0.5, energy * retained_share(unit, step_s)), abs=1e-9)


def test_power_limits_are_those_of_the_converter_in_between():
    charge, discharge = power_limits(battery(power_discharge_max_kw=1.5), np.array([2.5]), 900.0)
    assert charge[0] == 2.5 and discharge[0] == 1.5


def test_local_rule_takes_the_surplus_and_feeds_the_load():
    charge, discharge = self_consumption(battery(), np.full(4, 2.5), np.array([-1.0, 0.8, -9.0, 0.0]), 900.0)
    np.testing.assert_allclose(charge, [1.0, 0.0, 2.5, 0.0])
    np.testing.assert_allclose(discharge, [0.0, 0.8, 0.0, 0.0])


def test_nan_leaves_a_battery_to_the_local_rule():
    net = np.array([-1.0, 0.8, -1.0, -1.0])
    charge, discharge = clip_to_limits(
        battery(), np.full(4, 2.5), np.array([NAN, 0.5, NAN, 0.3]), np.array([NAN, NAN, 0.7, 0.0]), net, 900.0
    )
    np.testing.assert_allclose(charge, [1.0, 0.0, 1.0, 0.3])
    np.testing.assert_allclose(discharge, [0.0, 0.8, 0.0, 0.0])


def test_both_asked_are_netted():
    charge, discharge = clip_to_limits(
        battery(grid_charging=True),
        np.full(2, 2.5),
        np.array([1.5, 0.2]),
        np.array([0.5, 0.7]),
        np.full(2, 2.0),
        900.0,
    )
    np.testing.assert_allclose(charge, [1.0, 0.0])
    np.testing.assert_allclose(discharge, [0.0, 0.5])


def test_grid_charging_decides_what_is_refused():
    unit = battery(grid_charging=np.array([False, True, False, True]))
    charge, discharge = clip_to_limits(
        unit,
        np.full(4, 2.5),
        np.array([2.0, 2.0, 0.0, 0.0]),
        np.array([0.0, 0.0, 2.0, 2.0]),
        np.array([-0.4, -0.4, 0.3, 0.3]),
        900.0,
    )
    np.testing.assert_allclose(charge, [0.4, 2.0, 0.0, 0.0])  # own surplus only, or from the grid too
    np.testing.assert_allclose(discharge, [0.0, 0.0, 2.0, 0.3])  # into the grid too, or own load only


@given(
    energy=st.floats(0.4, 4.75),
    charge=st.floats(0.0, 10.0) | st.just(NAN),
    discharge=st.floats(0.0, 10.0) | st.just(NAN),
    net=st.floats(-5.0, 5.0),
    grid=st.booleans(),
)
def test_whatever_is_asked_the_device_keeps_its_limits(energy, charge, discharge, net, grid):
    unit = battery(grid_charging=grid)
    took, gave = clip_to_limits(unit, energy, charge, discharge, net, 900.0)
    assert 0.0 <= took <= 2.5 and 0.0 <= gave <= 2.5
    assert took == 0.0 or gave == 0.0
    if grid:
        assert gave <= max(net, 0.0)
    else:
        assert took <= max(-net, 0.0)
    stored_energy_after(unit, energy, took, gave, 900.0)  # does not raise


def test_scalar_is_the_same_line_as_array():
    assert stored_energy_after(battery(), 2.0, 1.0, 0.0, 900.0) == stored_energy_after(
        battery(), np.array([2.0]), np.array([1.0]), np.array([0.0]), 900.0
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"efficiency_charge": 1.2}, r"efficiency_charge = 1.2, allowed \(0, 1\]"),
        ({"capacity_kwh": np.array([5.0, -5.0])}, r"capacity_kwh\[1\] = -5"),
        ({"state_min": 0.96}, "state_max - state_min"),
        ({"self_discharge_per_month": 1.0}, "self_discharge_per_month"),
    ],
)
def test_impossible_values_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        battery(**changes)
