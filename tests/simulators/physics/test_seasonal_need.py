import numpy as np
import pytest

from recosim.simulators.physics.seasonal_need import (
    REDUCTION_HOUSES,
    degree_days_and_heating_days,
    heat_need_kwh_per_m2,
    reduction_temperature,
)

AB_05 = {
    "conductance_transmission_w_per_m2k": 2.551236,
    "conductance_ventilation_w_per_m2k": 0.68,
    "degree_days_kd": 2575.2,
    "heat_solar_kwh_per_m2": 13.051095,
    "heat_internal_kwh_per_m2": 12.528,
    "reduction_temperature": 0.898292,
}


def test_the_block_of_the_design_page():
    assert float(heat_need_kwh_per_m2(**AB_05)) == pytest.approx(155.707258, abs=1e-4)


def test_without_gains_all_that_is_lost_is_needed():
    need = heat_need_kwh_per_m2(**(AB_05 | {"heat_solar_kwh_per_m2": 0.0, "heat_internal_kwh_per_m2": 0.0}))
    assert float(need) == pytest.approx(0.024 * 3.231236 * 0.898292 * 2575.2, rel=1e-12)


def test_gains_equal_to_losses_by_hand():
    # h = 1, 1000 K d: 24 kWh/m2 lost; tau = 45 h, a = 2.3, eta = a/(a + 1)
    values = {
        "conductance_transmission_w_per_m2k": 0.8,
        "conductance_ventilation_w_per_m2k": 0.2,
        "degree_days_kd": 1000.0,
        "heat_internal_kwh_per_m2": 12.0,
    }
    need = heat_need_kwh_per_m2(**values, heat_solar_kwh_per_m2=12.0)
    assert float(need) == pytest.approx(24.0 * (1.0 - 2.3 / 3.3), rel=1e-12)
    beside = heat_need_kwh_per_m2(**values, heat_solar_kwh_per_m2=np.array([12.0 - 1e-6, 12.0 + 1e-6]))
    np.testing.assert_allclose(beside, need, atol=1e-5)


def test_need_falls_with_gains_and_is_never_negative():
    need = heat_need_kwh_per_m2(**(AB_05 | {"heat_solar_kwh_per_m2": np.array([0.0, 50.0, 300.0, 3000.0])}))
    assert (np.diff(need) < 0.0).all()
    assert (need >= 0.0).all()


@pytest.mark.parametrize("loss", [0.3, 0.5])
def test_a_building_that_loses_little_is_warm_throughout(loss):
    assert float(reduction_temperature(loss)) == 1.0


def test_reduction_of_houses_is_the_tabulated_one():
    # TH.02 and TH.08 of the Italian typology
    found = reduction_temperature([3.8171788256227775, 0.9902274615329048], *REDUCTION_HOUSES)
    np.testing.assert_allclose(found, [0.8060940391459075, 0.9019545076934191], rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "value"),
    [("degree_days_kd", -1.0), ("heat_solar_kwh_per_m2", np.nan), ("capacity_wh_per_m2k", np.inf)],
)
def test_impossible_values_are_named(name, value):
    with pytest.raises(ValueError, match=name):
        heat_need_kwh_per_m2(**(AB_05 | {name: value}))


def test_nothing_lost_is_refused():
    with pytest.raises(ValueError, match="heat lost over the season = 0"):
        heat_need_kwh_per_m2(**(AB_05 | {"degree_days_kd": 0.0}))


def test_degree_days_count_cold_days_alone():
    total, heated = degree_days_and_heating_days(np.array([-5.0, 11.9, 12.0, 25.0]), 12.0)
    assert total == pytest.approx(25.0 + 8.1)
    assert heated.tolist() == [True, True, False, False]
