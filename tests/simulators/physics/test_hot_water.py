"""The tank against a fine integration, against itself at other steps, and by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recosim.simulators.physics.hot_water import (
    WATER_KWH_PER_L_K,
    WaterHeater,
    decay,
    heat_of_draw_kwh,
    heat_per_power,
    heat_to_reach,
    tank_after,
    temp_cold_degc,
)

COLD = np.array([8.0, 8.0, 8.0, 8.0, 16.0, 8.0])
START = np.array([55.0, 42.0, 36.0, 39.0, 40.0, 64.0])
HEAT = np.array([0.0, 0.0, 1.5, 6.0, 0.0, 1.2])
DRAW = np.array([2.0, 6.0, 0.0, 3.0, 1.0, 0.0])


def heater(**changes):
    return WaterHeater(**({"volume_l": 80.0, "power_max_kw": 1.2} | changes))


def fine(tank, temp, heat, draw, cold, step_s, n=200_000):
    """Heun's method with many small steps: temperature at the end, heat tapped and lost [kWh]."""
    capacity, hours = tank.volume_l * WATER_KWH_PER_L_K, step_s / 3600.0 / n
    flow = draw / (tank.temp_tap_degc - cold)

    def leaves(t):
        return flow * (np.minimum(t, tank.temp_tap_degc) - cold), tank.loss_w_per_k / 1e3 * (t - 20.0)

    tapped = lost = np.zeros_like(temp)
    for _ in range(n):
        tap, loss = leaves(temp)
        guess = temp + (heat - tap - loss) / capacity * hours
        tap_after, loss_after = leaves(guess)
        tapped = tapped + (tap + tap_after) / 2.0 * hours
        lost = lost + (loss + loss_after) / 2.0 * hours
        temp = temp + (2.0 * heat - tap - tap_after - loss - loss_after) / (2.0 * capacity) * hours
    return temp, tapped, lost


def test_the_exact_step_is_a_fine_integration():
    tank = heater()
    temp, tapped, lost = tank_after(tank, START, HEAT, DRAW, COLD, 900.0)
    crossed = (temp >= 40.0) != (START >= 40.0)
    assert crossed.sum() >= 3, "tanks must pass the temperature of use in both directions"
    expected, expected_tapped, expected_lost = fine(tank, START, HEAT, DRAW, COLD, 900.0)
    np.testing.assert_allclose(temp, expected, atol=1e-7)
    np.testing.assert_allclose(tapped * 0.25, expected_tapped, atol=1e-9)
    np.testing.assert_allclose(lost * 0.25, expected_lost, atol=1e-9)


@pytest.mark.parametrize("minutes", [5, 15, 30])
def test_steps_compose(minutes):
    tank, temp = heater(), START
    tapped = lost = np.zeros_like(START)
    for _ in range(60 // minutes):
        temp, tap, loss = tank_after(tank, temp, HEAT / 4.0, DRAW / 4.0, COLD, 60.0 * minutes)
        tapped, lost = tapped + tap * minutes / 60.0, lost + loss * minutes / 60.0
    hour, tap, loss = tank_after(tank, START, HEAT / 4.0, DRAW / 4.0, COLD, 3600.0)
    np.testing.assert_allclose(temp, hour, atol=1e-10)
    np.testing.assert_allclose(tapped, tap, atol=1e-12)
    np.testing.assert_allclose(lost, loss, atol=1e-12)


@settings(deadline=None, max_examples=300)
@given(
    temp=st.floats(8.0, 65.0),
    heat=st.floats(0.0, 10.0),
    draw=st.floats(0.0, 20.0),
    cold=st.floats(4.0, 20.0),
    loss=st.sampled_from([0.0, 1e-6, 1.2, 30.0]),
    step_s=st.sampled_from([300.0, 900.0, 3600.0]),
)
def test_energy_is_kept_and_the_tap_never_gives_more_than_wanted(temp, heat, draw, cold, loss, step_s):
    tank = heater(loss_w_per_k=loss)
    after, tapped, lost = tank_after(tank, np.array([temp]), heat, np.array([draw]), np.array([cold]), step_s)
    stored = tank.capacity_kwh_per_k * (after - temp)
    assert stored == pytest.approx((heat - tapped - lost) * step_s / 3600.0, abs=1e-10)
    assert tapped <= draw + 1e-9
    if min(temp, float(after[0])) >= 40.0:
        assert tapped == pytest.approx(draw, abs=1e-9)


@settings(deadline=None, max_examples=100)
@given(temp=st.floats(10.0, 65.0), target=st.floats(40.0, 65.0), draw=st.floats(0.0, 10.0))
def test_heat_to_reach_reaches(temp, target, draw):
    tank, start, cold = heater(), np.array([temp]), np.array([10.0])
    heat = heat_to_reach(tank, start, target, np.array([draw]), cold, 900.0)
    after, _, _ = tank_after(tank, start, heat, np.array([draw]), cold, 900.0)
    if heat > 0.0:
        assert after == pytest.approx(target, abs=1e-9)
    else:
        assert after >= target - 1e-9


def test_a_tank_left_alone_cools_towards_the_room():
    tank = heater(loss_w_per_k=1.5)
    after, _, lost = tank_after(tank, np.array([60.0]), 0.0, np.zeros(1), np.array([10.0]), 86_400.0)
    rate = 1.5e-3 / (80.0 * 1.163e-3)
    assert after == pytest.approx(20.0 + 40.0 * np.exp(-24.0 * rate))
    assert lost * 24.0 == pytest.approx(80.0 * 1.163e-3 * (60.0 - after))
    keeps, per_kw = decay(tank, 86_400.0)
    assert keeps == pytest.approx(np.exp(-24.0 * rate))
    assert per_kw == pytest.approx((1.0 - keeps) / 1.5e-3)


def test_a_shower_by_hand():
    # 40 l at 40 degC from water of 8 degC: 40 x 1.163 Wh x 32 K
    tank = heater()
    assert heat_of_draw_kwh(tank, np.array([40.0]), np.array([8.0])) == pytest.approx(1.48864)


def test_cold_water_over_the_year():
    tank = heater(temp_cold_mean_degc=np.array([12.0, 15.0]), temp_cold_amplitude_k=np.array([4.0, 0.0]))
    year = 86_400.0 * np.arange(366)[:, None]
    cold = temp_cold_degc(tank, year)
    assert cold.shape == (366, 2)
    assert cold[:, 0].min() == pytest.approx(8.0, abs=1e-3)
    assert int(cold[:, 0].argmin()) == 45
    assert cold[:, 0].max() == pytest.approx(16.0, abs=1e-3)
    assert np.ptp(cold[:, 1]) == 0.0


def test_heat_pump_gains_on_mild_days_and_an_element_never():
    tank = heater(heat_pump=np.array([True, False]))
    cold_day = heat_per_power(tank, 0.0, np.array([50.0, 50.0]))
    mild_day = heat_per_power(tank, 15.0, np.array([50.0, 50.0]))
    assert 1.5 < cold_day[0] < mild_day[0] < 5.0
    assert cold_day[1] == mild_day[1] == 1.0
    assert heat_per_power(heater(), 5.0, np.array([50.0, 60.0])).tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"volume_l": 0.0}, r"volume_l = 0, allowed \(0, inf\)"),
        ({"power_max_kw": np.array([1.0, -1.0])}, r"power_max_kw\[1\] = -1"),
        ({"loss_w_per_k": np.nan}, "loss_w_per_k = nan"),
        ({"temp_setpoint_degc": 70.0}, r"temp_setpoint_degc = 70, allowed \[25, 65\]"),
        ({"deadband_k": 20.0}, "temp_setpoint_degc - deadband_k - temp_tap_degc = -5"),
        ({"temp_cold_amplitude_k": 15.0}, r"temp_cold_mean_degc \+ temp_cold_amplitude_k = 27"),
    ],
)
def test_bad_parameters(changes, message):
    with pytest.raises(ValueError, match=message):
        heater(**changes)
