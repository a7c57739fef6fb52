import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recosim.simulators.physics import air_to_water
from recosim.simulators.physics.air_to_water import generic_fit
from recosim.simulators.physics.heat_pump import (
    AirConditioner,
    cooling_capacity_kw,
    cooling_heat_kw,
    cooling_power_kw,
    cop,
    eer,
    heating_capacity_kw,
    heating_heat_kw,
    heating_power_kw,
    line_of_fit,
    part_load_factor,
)

UNIT = AirConditioner(heat_nominal_kw=np.array([4.0, 6.5]), cooling_nominal_kw=np.array([3.5, 6.0]))
FIT = generic_fit()
WATER = AirConditioner(
    heat_nominal_kw=np.array([4.0, 6.0]),
    cooling_nominal_kw=np.array([3.0, 5.0]),
    field_factor_heating=1.0,
    field_factor_cooling=1.0,
    modulation_min=0.25,
    degradation=0.1,
    is_air_to_water=True,
    **line_of_fit(FIT, 45.0, 7.0),
)


def test_cop_and_eer_by_hand():
    np.testing.assert_allclose(cop(UNIT, 7.0), 3.6 * 0.9)
    np.testing.assert_allclose(cop(UNIT, 1.0), 3.24 * 0.85)
    np.testing.assert_allclose(eer(UNIT, 35.0), 3.3 * 0.95)
    np.testing.assert_allclose(eer(UNIT, 31.0), 3.135 * 1.1)


def test_cop_and_eer_never_fall_below_one():
    assert cop(UNIT, -40.0) == 1.0
    assert eer(UNIT, 75.0) == 1.0
    assert cop(UNIT, -19.0) == pytest.approx(3.24 * 0.35)


def test_capacity_by_hand_and_its_limits():
    np.testing.assert_allclose(heating_capacity_kw(UNIT, 2.0), [3.6, 5.85])
    np.testing.assert_allclose(heating_capacity_kw(UNIT, 30.0), [4.8, 7.8])
    np.testing.assert_allclose(heating_capacity_kw(UNIT, -30.0), [2.4, 3.9])
    np.testing.assert_allclose(cooling_capacity_kw(UNIT, 40.0), [3.325, 5.7])
    np.testing.assert_allclose(cooling_capacity_kw(UNIT, 0.0), [4.2, 7.2])


def test_part_load_factor_by_hand():
    # minimum 0.8 kW of 4 kW: half of it leaves 1 - 0.25 (1 - 0.5)
    np.testing.assert_allclose(part_load_factor(UNIT, np.array([0.0, 0.4]), 4.0), [0.75, 0.875])
    np.testing.assert_allclose(part_load_factor(UNIT, np.array([0.8, 3.0]), 4.0), 1.0)


def test_power_by_hand():
    # 7 degC, COP 3.24, capacity 4 and 6.5 kW: 0.4 kW lies at half the lowest speed of the first unit
    np.testing.assert_allclose(
        heating_power_kw(UNIT, np.array([0.4, 3.0]), 7.0), [0.4 / (3.24 * 0.875), 3.0 / 3.24]
    )
    np.testing.assert_allclose(cooling_power_kw(UNIT, np.array([2.0, 2.0]), 35.0), 2.0 / 3.135)


@given(
    heat=st.floats(0.0, 8.0),
    outdoor=st.floats(-25.0, 48.0),
    modulation=st.floats(0.0, 1.0),
    degradation=st.floats(0.0, 0.9),
)
def test_power_and_heat_are_inverses(heat, outdoor, modulation, degradation):
    unit = AirConditioner(
        heat_nominal_kw=4.0, cooling_nominal_kw=3.5, modulation_min=modulation, degradation=degradation
    )
    back = heating_heat_kw(unit, heating_power_kw(unit, heat, outdoor), outdoor)
    assert float(back) == pytest.approx(heat, rel=1e-12, abs=1e-12)
    back = cooling_heat_kw(unit, cooling_power_kw(unit, heat, outdoor), outdoor)
    assert float(back) == pytest.approx(heat, rel=1e-12, abs=1e-12)


@given(power=st.floats(0.0, 3.0), more=st.floats(1e-6, 1.0))
def test_more_power_gives_more_heat(power, more):
    assert (heating_heat_kw(UNIT, power + more, 5.0) > heating_heat_kw(UNIT, power, 5.0)).all()


def test_without_minimum_modulation_the_device_is_linear():
    unit = AirConditioner(heat_nominal_kw=4.0, cooling_nominal_kw=3.5, modulation_min=0.0)
    power = np.array([0.0, 1e-6, 0.01, 0.5, 1.2])
    np.testing.assert_array_equal(heating_heat_kw(unit, power, 3.0), power * cop(unit, 3.0))
    np.testing.assert_array_equal(cooling_heat_kw(unit, power, 31.0), power * eer(unit, 31.0))


def test_no_heat_needs_no_power():
    assert heating_power_kw(UNIT, 0.0, 5.0).max() == 0.0
    assert heating_heat_kw(UNIT, 0.0, 5.0).max() == 0.0


def test_scalar_is_the_same_line_as_array():
    one = AirConditioner(heat_nominal_kw=4.0, cooling_nominal_kw=3.5)
    assert heating_power_kw(one, 0.4, 2.0) == heating_power_kw(UNIT, np.array([0.4, 0.4]), 2.0)[0]
    assert cooling_heat_kw(one, 0.1, 33.0) == cooling_heat_kw(UNIT, np.array([0.1, 0.4]), 33.0)[0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cop_nominal": np.array([3.0, 0.0])}, r"cop_nominal\[1\] = 0, allowed \(0, inf\)"),
        ({"field_factor_heating": 1.2}, r"field_factor_heating = 1.2, allowed \(0, 1\]"),
        ({"degradation": 1.0}, r"degradation = 1, allowed \[0, 1\)"),
        ({"heat_nominal_kw": -1.0}, "heat_nominal_kw = -1"),
    ],
)
def test_impossible_values_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        AirConditioner(**({"heat_nominal_kw": 4.0, "cooling_nominal_kw": 3.5} | changes))


# --- air-to-water -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("heating", "cooling"), [(35.0, 18.0), (45.0, 7.0), (55.0, 12.0)])
def test_cop_and_eer_of_an_air_to_water_unit_are_those_of_the_fit(heating, cooling):
    unit = AirConditioner(
        heat_nominal_kw=4.0,
        cooling_nominal_kw=3.5,
        field_factor_heating=1.0,
        field_factor_cooling=1.0,
        **line_of_fit(FIT, heating, cooling),
    )
    outdoor = np.linspace(-25.0, 60.0, 35)  # both ends lie where a resistance is better
    expected = air_to_water.cop(FIT, outdoor, heating)
    np.testing.assert_allclose(cop(unit, outdoor), expected, rtol=1e-12)
    assert expected.min() == 1.0
    expected = air_to_water.eer(FIT, outdoor, cooling)
    np.testing.assert_allclose(eer(unit, outdoor), expected, rtol=1e-12)
    assert expected.min() == 1.0


def test_part_load_factor_of_an_air_to_water_unit_by_hand():
    # minimum 1 kW of 4 kW: half of it leaves 0.5 / (0.9 * 0.5 + 0.1)
    np.testing.assert_allclose(part_load_factor(WATER, np.array([0.5, 0.1]), 4.0), [0.5 / 0.55, 0.1 / 0.19])
    np.testing.assert_allclose(part_load_factor(WATER, np.array([1.0, 3.0]), 4.0), 1.0)
    np.testing.assert_allclose(part_load_factor(WATER, 0.0, 4.0), 0.0, atol=1e-12)


def test_power_of_an_air_to_water_unit_by_hand():
    # 7 degC and water of 45 degC: COP 4.183; a tenth of the lowest 1 kW is drawn for nothing
    np.testing.assert_allclose(
        heating_power_kw(WATER, np.array([0.5, 3.0]), 7.0), [0.55 / 4.183, 3.0 / 4.183], rtol=1e-3
    )
    assert (heating_power_kw(WATER, 0.0, 7.0) == 0.0).all()
    assert (heating_heat_kw(WATER, 0.09 / 4.183, 7.0) == 0.0).all()
    assert (heating_heat_kw(WATER, 0.2 / 4.183, 7.0) > 0.0).tolist() == [True, True]


@given(
    heat=st.floats(1e-6, 8.0),
    outdoor=st.floats(-25.0, 48.0),
    modulation=st.floats(0.0, 1.0),
    degradation=st.floats(0.0, 0.9),
)
def test_power_and_heat_of_an_air_to_water_unit_are_inverses(heat, outdoor, modulation, degradation):
    unit = AirConditioner(
        heat_nominal_kw=4.0,
        cooling_nominal_kw=3.5,
        modulation_min=modulation,
        degradation=degradation,
        is_air_to_water=True,
    )
    back = heating_heat_kw(unit, heating_power_kw(unit, heat, outdoor), outdoor)
    assert float(back) == pytest.approx(heat, rel=1e-9, abs=1e-12)
    back = cooling_heat_kw(unit, cooling_power_kw(unit, heat, outdoor), outdoor)
    assert float(back) == pytest.approx(heat, rel=1e-9, abs=1e-12)


@given(heat=st.floats(0.0, 4.0), more=st.floats(1e-6, 1.0), outdoor=st.floats(-10.0, 40.0))
def test_more_heat_takes_more_power_and_a_linear_unit_the_least(heat, more, outdoor):
    here = heating_power_kw(WATER, heat, outdoor)
    assert (heating_power_kw(WATER, heat + more, outdoor) > here).all()
    assert (here >= heat / cop(WATER, outdoor) - 1e-12).all()


@pytest.mark.parametrize("degradation", [0.0, 0.1])
def test_without_minimum_modulation_an_air_to_water_unit_is_linear(degradation):
    unit = AirConditioner(
        heat_nominal_kw=4.0,
        cooling_nominal_kw=3.5,
        modulation_min=0.0,
        degradation=degradation,
        is_air_to_water=True,
    )
    power = np.array([0.0, 1e-6, 0.01, 0.5, 1.2])
    np.testing.assert_array_equal(heating_heat_kw(unit, power, 3.0), power * cop(unit, 3.0))
    heat = np.array([0.0, 1e-6, 0.3, 4.0])
    np.testing.assert_array_equal(heating_power_kw(unit, heat, 3.0), heat / cop(unit, 3.0))


def test_units_of_both_kinds_side_by_side_do_what_each_does_alone():
    both = AirConditioner(
        heat_nominal_kw=4.0,
        cooling_nominal_kw=3.5,
        modulation_min=0.25,
        degradation=np.array([0.25, 0.1]),
        is_air_to_water=np.array([False, True]),
    )
    alone = [
        AirConditioner(
            heat_nominal_kw=4.0,
            cooling_nominal_kw=3.5,
            modulation_min=0.25,
            degradation=degradation,
            is_air_to_water=kind,
        )
        for degradation, kind in ((0.25, False), (0.1, True))
    ]
    value = np.linspace(0.0, 2.0, 9)[:, None]
    for function in (heating_power_kw, heating_heat_kw, cooling_power_kw, cooling_heat_kw):
        expected = [function(unit, value, 12.0) for unit in alone]
        np.testing.assert_array_equal(function(both, value, 12.0), np.hstack(expected))
