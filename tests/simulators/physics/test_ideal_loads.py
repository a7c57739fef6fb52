import numpy as np
import pytest

from recosim.simulators.physics.ideal_loads import ideal_loads
from recosim.simulators.physics.rc_network import (
    discretise,
    network_1r1c,
    network_from_iso13790,
    stack_inputs,
    temperature_air_mean,
    temperatures_after,
)
from recosim.simulators.physics.rc_parameters import with_air_as_operative

OFF_HEATING, OFF_COOLING = -np.inf, np.inf


def flat(n=1):
    network = network_from_iso13790(
        floor_area_m2=np.full(n, 61.0),
        conductance_opaque_w_per_k=116.3,
        conductance_window_w_per_k=39.3,
        conductance_ventilation_w_per_k=41.5,
        capacity_mass_j_per_m2k=162_000.0,
        mass_area_factor=2.5,
    )
    return with_air_as_operative(network)


def constant(outdoor, n_steps, n=1, **gains):
    row = stack_inputs(outdoor, np.full(n, outdoor), 0.0, gains.get("internal", 0.0), gains.get("solar", 0.0))
    return np.tile(row, (n_steps, 1, 1))


def targets(heating, cooling, n_steps, n=1):
    return np.full((n_steps, n), heating), np.full((n_steps, n), cooling)


def test_steady_heating_by_hand():
    # one resistance of 0.005 K/W, 20 K: 4 kW
    network = network_1r1c(resistance_k_per_w=np.array([0.005]), capacity_j_per_k=np.array([3.6e6]))
    loads = ideal_loads(network, 900.0, constant(0.0, 96), *targets(20.0, 27.0, 96))
    np.testing.assert_allclose(loads.heat_kw[-1], 4.0, rtol=1e-9)
    np.testing.assert_allclose(loads.temp_air_degc[-1], 20.0, rtol=1e-9)


def test_gains_are_taken_off():
    network = network_1r1c(resistance_k_per_w=np.array([0.005]), capacity_j_per_k=np.array([3.6e6]))
    loads = ideal_loads(network, 900.0, constant(0.0, 96, internal=1.0, solar=0.5), *targets(20.0, 27.0, 96))
    np.testing.assert_allclose(loads.heating_kw[-1], 2.5, rtol=1e-9)
    np.testing.assert_array_equal(loads.cooling_kw, 0.0)


def test_it_cools_as_well_and_rests_between():
    inputs = np.concatenate([constant(40.0, 960), constant(23.0, 960)])
    loads = ideal_loads(flat(), 900.0, inputs, *targets(20.0, 26.0, 1920), temp_initial_degc=26.0)
    assert (loads.cooling_kw[:960] > 0.0).all()
    np.testing.assert_allclose(loads.temp_air_degc[900], 26.0, atol=0.01)
    np.testing.assert_array_equal(loads.heat_kw[-1], 0.0)


def test_a_plant_that_is_off_lets_the_dwelling_float():
    inputs, network = constant(5.0, 50), flat()
    loads = ideal_loads(network, 900.0, inputs, *targets(OFF_HEATING, OFF_COOLING, 50))
    temps, discrete = np.full((1, 2), 20.0), discretise(network, 900.0)
    for step in range(50):
        mean = temperature_air_mean(discrete, temps, inputs[step])
        np.testing.assert_allclose(loads.temp_air_degc[step], mean, rtol=1e-13)
        temps = temperatures_after(discrete, temps, inputs[step])
    np.testing.assert_array_equal(loads.heat_kw, 0.0)


def test_a_fan_cools_only_those_who_have_it_on():
    on = np.zeros((20, 2), dtype=bool)
    on[5:10, 1] = True
    loads = ideal_loads(
        flat(2),
        900.0,
        constant(5.0, 20, n=2),
        *targets(OFF_HEATING, OFF_COOLING, 20, n=2),
        conductance_extra_w_per_k=400.0,
        extra_on=on,
    )
    without, with_fan = loads.temp_air_degc.T
    np.testing.assert_array_equal(without[:5], with_fan[:5])
    assert (with_fan[5:] < without[5:]).all()
    gap = without - with_fan
    assert gap[9] > gap[10] > gap[19] > 0.0


def test_the_inputs_are_left_as_they_are():
    inputs = constant(0.0, 4)
    before = inputs.copy()
    ideal_loads(flat(), 900.0, inputs, *targets(20.0, 27.0, 4))
    np.testing.assert_array_equal(inputs, before)


def test_set_points_that_cross_are_refused():
    with pytest.raises(ValueError, match="target_heating_degc is above"):
        ideal_loads(flat(), 900.0, constant(0.0, 4), *targets(27.0, 20.0, 4))


@pytest.mark.parametrize("step_s", [300.0, 1800.0, 3600.0])
def test_heat_hardly_depends_on_the_step(step_s):
    def heat_kwh(step):
        n_steps = int(5 * 86_400 / step)
        inputs = constant(0.0, n_steps)
        loads = ideal_loads(flat(), step, inputs, *targets(20.0, 27.0, n_steps))
        return loads.heating_kw.sum() * step / 3600.0

    assert heat_kwh(step_s) == pytest.approx(heat_kwh(900.0), rel=2e-3)
