from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from recosim.simulators.physics.rc_network import (
    INPUTS,
    balance_residual_kwh,
    discretise,
    heat_for_operative,
    heat_lost_kw,
    network_1r1c,
    network_from_iso13790,
    network_from_resistances,
    opened_where,
    stack_inputs,
    stored_heat_kwh,
    temperature_air_mean,
    temperature_operative,
    temperatures_after,
    temperatures_mean,
)
from recosim.simulators.physics.rc_parameters import with_air_as_operative

# TABULA IT.MidClim AB.05, AB.06, AB.08: area, H_op, H_w, H_ve
AREA = np.array([61.0, 73.0, 68.5])
H_OP = np.array([116.3, 71.4, 29.2])
H_W = np.array([39.3, 28.0, 19.2])
H_VE = np.array([41.5, 37.3, 29.1])


def flats(variant="iso", **changes):
    values = {
        "floor_area_m2": AREA,
        "conductance_opaque_w_per_k": H_OP,
        "conductance_window_w_per_k": H_W,
        "conductance_ventilation_w_per_k": H_VE,
        "capacity_mass_j_per_m2k": 162_000.0,
        "mass_area_factor": 2.5,
    }
    return network_from_iso13790(**(values | changes), variant=variant)


def inputs_of(n=3, outdoor=4.0, solair=7.0, hvac=1.5, internal=0.3, solar=0.8):
    return stack_inputs(outdoor, np.full(n, solair), hvac, internal, solar)


TEMPS = np.array([[19.0, 17.5], [20.5, 20.0], [25.0, 26.0]])


def steady_heat_w(network, temp_air, temp_outdoor):
    """Heat that holds the air with everything outside at one temperature, from the network's equations."""
    inner = network.conductance_air_mass_w_per_k
    outer = network.conductance_mass_solair_w_per_k + network.conductance_mass_outdoor_w_per_k
    through = inner * outer / (inner + outer)
    return (network.conductance_air_outdoor_w_per_k + through) * (temp_air - temp_outdoor)


def test_resistances_of_the_exact_variant_are_the_tabulated_ones():
    # design table: R_ie, R_im, R_me in K/W, rounded there
    network = flats("exact")
    np.testing.assert_allclose(
        1.0 / network.conductance_air_outdoor_w_per_k, [0.0124, 0.0153, 0.0207], rtol=5e-3
    )
    np.testing.assert_allclose(
        1.0 / network.conductance_air_mass_w_per_k, [0.00178, 0.00148, 0.00158], rtol=5e-3
    )
    np.testing.assert_allclose(
        1.0 / network.conductance_mass_solair_w_per_k, [0.0068, 0.0125, 0.0327], rtol=5e-3
    )


def test_exact_variant_loses_ua_times_difference():
    np.testing.assert_allclose(
        steady_heat_w(flats("exact"), 20.0, 0.0), (H_OP + H_W + H_VE) * 20.0, rtol=0.0, atol=1e-9
    )


def test_exact_variant_holds_its_steady_state_over_a_step():
    network = flats("exact")
    heat_kw = (H_OP + H_W + H_VE) * 20.0 / 1e3
    mass = network.conductance_air_mass_w_per_k * 20.0
    mass /= network.conductance_air_mass_w_per_k + network.conductance_mass_solair_w_per_k
    temps = np.stack([np.full(3, 20.0), mass], axis=-1)
    after = temperatures_after(
        discretise(network, 900.0), temps, stack_inputs(0.0, np.zeros(3), heat_kw, 0.0, 0.0)
    )
    np.testing.assert_allclose(after, temps, atol=1e-9)


def test_iso_variant_loses_less_by_the_known_amount():
    # BESTEST geometry: 1940.8 W against UA * 20 K = 2129.4 W
    ua_opaque = 0.534 * (21.6 + 16.2 + 9.6 + 16.2) + 0.327 * 48.0 + 0.0377 * 48.0
    ventilation = 2129.4 / 20.0 - ua_opaque - 3.1 * 12.0
    network = network_from_iso13790(
        floor_area_m2=48.0,
        conductance_opaque_w_per_k=ua_opaque,
        conductance_window_w_per_k=3.1 * 12.0,
        conductance_ventilation_w_per_k=ventilation,
        capacity_mass_j_per_m2k=42_167.0,
        mass_area_factor=2.95,
        h_is=3.45,
    )
    assert float(steady_heat_w(network, 20.0, 0.0)) == pytest.approx(1940.8, rel=5e-3)


def test_iso_network_keeps_the_surface_node_it_eliminates():
    # the 5R1C with its surface node, solved directly, against the reduced network: steady state with gains
    network = flats(capacity_air_j_per_m2k=1000.0)
    h_is, h_ms = 3.45 * 4.5 * AREA, 9.1 * 2.5 * AREA
    h_em = 1.0 / (1.0 / H_OP - 1.0 / h_ms)
    share = 1.0 - 2.5 / 4.5 - H_W / (9.1 * 4.5 * AREA)
    internal, solar, hvac, outdoor, solair = 300.0, 800.0, 1500.0, 4.0, 7.0
    to_air, to_mass = 0.5 * internal, 2.5 / 4.5 * (0.5 * internal + solar)
    to_surface = share * (0.5 * internal + solar)
    expected = np.empty((3, 3))
    for k in range(3):
        matrix = np.array(
            [
                [H_VE[k] + h_is[k], -h_is[k], 0.0],
                [-h_is[k], h_is[k] + H_W[k] + h_ms[k], -h_ms[k]],
                [0.0, -h_ms[k], h_ms[k] + h_em[k]],
            ]
        )
        heat = [
            to_air + hvac + H_VE[k] * outdoor,
            to_surface[k] + H_W[k] * outdoor,
            to_mass + h_em[k] * solair,
        ]
        expected[k] = np.linalg.solve(matrix, heat)
    temps = np.full((3, 2), 10.0)
    discrete = discretise(network, 86_400.0 * 100)
    after = temperatures_after(discrete, temps, inputs_of(hvac=1.5))
    np.testing.assert_allclose(after, expected[:, [0, 2]], atol=1e-7)
    operative = temperature_operative(network, after, outdoor, 0.3, 0.8)
    np.testing.assert_allclose(operative, 0.3 * expected[:, 0] + 0.7 * expected[:, 1], atol=1e-7)


@pytest.mark.parametrize("variant", ["iso", "exact"])
def test_gains_reach_the_nodes_or_leave_through_the_windows(variant):
    network = flats(variant)
    lost_solar = 1.0 - network.gain_solar_air - network.gain_solar_mass
    lost_internal = 1.0 - network.gain_internal_air - network.gain_internal_mass
    if variant == "exact":
        np.testing.assert_allclose(lost_solar, 0.0, atol=1e-12)
        np.testing.assert_allclose(lost_internal, 0.0, atol=1e-12)
    else:
        glass = H_W / (9.1 * 4.5 * AREA)
        total = 3.45 * 4.5 * AREA + H_W + 9.1 * 2.5 * AREA
        share = 1.0 - 2.5 / 4.5 - glass
        np.testing.assert_allclose(lost_solar, glass + share * H_W / total, atol=1e-12)
        np.testing.assert_allclose(lost_internal, 0.5 * lost_solar, atol=1e-12)


@pytest.mark.parametrize("variant", ["iso", "exact"])
def test_four_quarters_are_an_hour(variant):
    network = flats(variant)
    quarter, hour = discretise(network, 900.0), discretise(network, 3600.0)
    np.testing.assert_allclose(np.linalg.matrix_power(quarter.a, 4), hour.a, atol=1e-12)
    temps, means = TEMPS, []
    for _ in range(4):
        means.append(temperature_air_mean(quarter, temps, inputs_of()))
        temps = temperatures_after(quarter, temps, inputs_of())
    np.testing.assert_allclose(temps, temperatures_after(hour, TEMPS, inputs_of()), atol=1e-11)
    np.testing.assert_allclose(
        np.mean(means, axis=0), temperature_air_mean(hour, TEMPS, inputs_of()), atol=1e-11
    )


@pytest.mark.parametrize("step_s", [300.0, 1800.0])
def test_step_length_does_not_change_the_states(step_s):
    network = flats()
    reference, other = discretise(network, 900.0), discretise(network, step_s)
    expected, found = TEMPS, TEMPS
    for _ in range(8):
        expected = temperatures_after(reference, expected, inputs_of())
    for _ in range(int(8 * 900 / step_s)):
        found = temperatures_after(other, found, inputs_of())
    np.testing.assert_allclose(found, expected, atol=1e-11)


def test_step_agrees_with_an_ode_solver():
    network = flats()
    discrete = discretise(network, 900.0)
    u = inputs_of()
    after, mean = temperatures_after(discrete, TEMPS, u), temperatures_mean(discrete, TEMPS, u)
    for k in range(3):

        def rates(_, x, k=k):
            outdoor, solair, hvac, internal, solar = u[k]
            h_im = network.conductance_air_mass_w_per_k[k]
            air = network.conductance_air_outdoor_w_per_k[k] * (outdoor - x[0]) + h_im * (x[1] - x[0])
            air += 1e3 * (hvac + network.gain_internal_air[k] * internal + network.gain_solar_air[k] * solar)
            mass = h_im * (x[0] - x[1]) + network.conductance_mass_solair_w_per_k[k] * (solair - x[1])
            mass += network.conductance_mass_outdoor_w_per_k[k] * (outdoor - x[1])
            mass += 1e3 * (network.gain_internal_mass[k] * internal + network.gain_solar_mass[k] * solar)
            return [
                air / network.capacity_air_j_per_k[k],
                mass / network.capacity_mass_j_per_k[k],
                x[0],
                x[1],
            ]

        end = solve_ivp(
            rates, (0.0, 900.0), [*TEMPS[k], 0.0, 0.0], method="DOP853", rtol=1e-11, atol=1e-11
        ).y[:, -1]
        np.testing.assert_allclose(after[k], end[:2], atol=1e-9)
        np.testing.assert_allclose(mean[k], end[2:] / 900.0, atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(
    air=st.floats(-20.0, 45.0),
    mass=st.floats(-20.0, 45.0),
    outdoor=st.floats(-20.0, 45.0),
    solair=st.floats(-20.0, 70.0),
    hvac=st.floats(-8.0, 8.0),
    internal=st.floats(0.0, 3.0),
    solar=st.floats(0.0, 6.0),
    step_s=st.sampled_from([300.0, 900.0, 1800.0, 3600.0]),
    variant=st.sampled_from(["iso", "exact"]),
    extra=st.sampled_from([0.0, 60.0]),
)
def test_energy_balance_closes_at_both_nodes(
    air, mass, outdoor, solair, hvac, internal, solar, step_s, variant, extra
):
    network = flats(variant)
    discrete = discretise(network, step_s, extra)
    temps = np.tile([air, mass], (3, 1))
    u = inputs_of(outdoor=outdoor, solair=solair, hvac=hvac, internal=internal, solar=solar)
    after, mean = temperatures_after(discrete, temps, u), temperatures_mean(discrete, temps, u)
    residual = balance_residual_kwh(network, temps, after, mean, u, step_s, extra)
    assert np.abs(residual).max() < 1e-9


def test_energy_balance_sees_a_device_that_lies():
    network, u = flats(), inputs_of()
    discrete = discretise(network, 900.0)
    after, mean = temperatures_after(discrete, TEMPS, u), temperatures_mean(discrete, TEMPS, u)
    claimed = u.copy()
    claimed[1, INPUTS.index("heat_hvac_kw")] += 0.01
    residual = balance_residual_kwh(network, TEMPS, after, mean, claimed, 900.0)
    np.testing.assert_allclose(residual[:, 0], [0.0, -0.0025, 0.0], atol=1e-9)
    np.testing.assert_allclose(residual[:, 1], 0.0, atol=1e-9)


@pytest.mark.parametrize("variant", ["iso", "exact"])
def test_heat_put_in_is_stored_or_lost(variant):
    network, u = flats(variant), inputs_of(hvac=-2.0)
    discrete = discretise(network, 900.0, 40.0)
    after, mean = temperatures_after(discrete, TEMPS, u), temperatures_mean(discrete, TEMPS, u)
    stored = stored_heat_kwh(network, after) - stored_heat_kwh(network, TEMPS)
    put_in = (-2.0 + 0.3 + 0.8) * 0.25
    np.testing.assert_allclose(put_in - 0.25 * heat_lost_kw(network, mean, u, 40.0), stored, atol=1e-9)


def test_stored_heat_by_hand():
    network = network_from_resistances(
        resistance_air_outdoor_k_per_w=0.01,
        resistance_air_mass_k_per_w=0.002,
        resistance_mass_outdoor_k_per_w=0.01,
        capacity_air_j_per_k=3.6e5,
        capacity_mass_j_per_k=3.6e6,
    )
    # 0.1 kWh/K * 20 K + 1 kWh/K * 18 K
    assert float(stored_heat_kwh(network, np.array([20.0, 18.0]))) == pytest.approx(20.0)


def test_constant_outdoors_without_hvac_is_where_it_ends():
    temps = TEMPS
    discrete = discretise(flats(), 3600.0)
    u = inputs_of(outdoor=12.0, solair=12.0, hvac=0.0, internal=0.0, solar=0.0)
    for _ in range(24 * 60):
        temps = temperatures_after(discrete, temps, u)
    np.testing.assert_allclose(temps, 12.0, atol=1e-6)
    np.testing.assert_allclose(temperature_operative(flats(), temps, 12.0, 0.0, 0.0), 12.0, atol=1e-6)


def test_one_resistance_one_capacity_has_its_closed_form():
    network = network_1r1c(
        resistance_k_per_w=np.array([0.005, 0.01]), capacity_j_per_k=np.array([14.4e6, 5e6])
    )
    discrete = discretise(network, 900.0)
    temps = np.array([[26.0, 26.0], [18.0, 18.0]])
    u = stack_inputs(30.0, np.full(2, 99.0), np.array([-2.0, 1.0]), 0.4, 0.2)
    decay = np.exp(-900.0 / (np.array([0.005, 0.01]) * np.array([14.4e6, 5e6])))
    end = 30.0 + np.array([0.005, 0.01]) * 1e3 * np.array([-2.0 + 0.6, 1.0 + 0.6])
    after = temperatures_after(discrete, temps, u)
    np.testing.assert_allclose(after[:, 0], decay * temps[:, 0] + (1.0 - decay) * end, rtol=1e-13)
    np.testing.assert_allclose(after[:, 1], temps[:, 1])
    np.testing.assert_allclose(temperature_operative(network, after, 30.0, 0.4, 0.2), after[:, 0])
    mean = temperatures_mean(discrete, temps, u)
    assert np.abs(balance_residual_kwh(network, temps, after, mean, u, 900.0)).max() < 1e-9


def test_reference_zero_air_capacity_is_the_iso_network():
    # EN ISO 13790 Annex C, Crank-Nicolson on the mass node only, free floating over a cold and a sunny day
    network = flats(capacity_air_j_per_m2k=10.0)
    discrete = discretise(network, 3600.0)
    h_is, h_ms = 3.45 * 4.5 * AREA, 9.1 * 2.5 * AREA
    h_em = 1.0 / (1.0 / H_OP - 1.0 / h_ms)
    share = 1.0 - 2.5 / 4.5 - H_W / (9.1 * 4.5 * AREA)
    h1 = 1.0 / (1.0 / H_VE + 1.0 / h_is)
    h2 = h1 + H_W
    h3 = 1.0 / (1.0 / h2 + 1.0 / h_ms)
    capacity = 162_000.0 * AREA
    temps, mass, errors = np.full((3, 2), 15.0), np.full(3, 15.0), []
    for hour in range(24 * 14):
        outdoor = 6.0 + 5.0 * np.sin(2.0 * np.pi * (hour - 9) / 24.0)
        solar = 1000.0 * max(np.sin(2.0 * np.pi * (hour % 24 - 6) / 24.0), 0.0)
        internal = 250.0
        phi_m = 2.5 / 4.5 * (0.5 * internal + solar)
        phi_st = share * (0.5 * internal + solar)
        phi_ia = 0.5 * internal
        total = phi_m + h_em * outdoor + h3 * (phi_st + H_W * outdoor + h1 * (phi_ia / H_VE + outdoor)) / h2
        new = (mass * (capacity / 3600.0 - 0.5 * (h3 + h_em)) + total) / (
            capacity / 3600.0 + 0.5 * (h3 + h_em)
        )
        mean = 0.5 * (mass + new)
        surface = h_ms * mean + phi_st + H_W * outdoor + h1 * (outdoor + phi_ia / H_VE)
        surface /= h_ms + H_W + h1
        air = (h_is * surface + H_VE * outdoor + phi_ia) / (h_is + H_VE)
        mass = new
        u = inputs_of(outdoor=outdoor, solair=outdoor, hvac=0.0, internal=internal / 1e3, solar=solar / 1e3)
        errors.append(temperature_air_mean(discrete, temps, u) - air)
        temps = temperatures_after(discrete, temps, u)
    assert np.sqrt(np.mean(np.square(errors))) < 0.05
    assert np.abs(temps[:, 1] - mass).max() < 0.05


@pytest.mark.parametrize("target", [20.0, 26.0])
def test_heat_for_operative_hits_the_target_at_the_end(target):
    network = flats()
    discrete = discretise(network, 900.0)
    u = inputs_of()
    before = u.copy()
    heat = heat_for_operative(network, discrete, TEMPS, u, target)
    np.testing.assert_array_equal(u, before)
    u[:, INPUTS.index("heat_hvac_kw")] = heat
    after = temperatures_after(discrete, TEMPS, u)
    np.testing.assert_allclose(temperature_operative(network, after, 4.0, 0.3, 0.8), target, atol=1e-10)


def test_a_thermostat_that_senses_the_air():
    network = with_air_as_operative(flats())
    np.testing.assert_array_equal(temperature_operative(network, TEMPS, 4.0, 0.3, 0.8), TEMPS[:, 0])
    discrete, u = discretise(network, 900.0), inputs_of()
    u[:, INPUTS.index("heat_hvac_kw")] = heat_for_operative(network, discrete, TEMPS, u, 20.0)
    np.testing.assert_allclose(temperatures_after(discrete, TEMPS, u)[:, 0], 20.0, atol=1e-10)
    np.testing.assert_array_equal(discrete.a, discretise(flats(), 900.0).a)


def test_heat_for_no_target_is_no_finite_heat():
    network = flats()
    heat = heat_for_operative(
        network, discretise(network, 900.0), TEMPS, inputs_of(), np.array([-np.inf, 20, np.inf])
    )
    assert heat[0] == -np.inf and np.isfinite(heat[1]) and heat[2] == np.inf


def test_opened_windows_act_on_those_who_opened_them():
    network = flats()
    closed, opened = discretise(network, 900.0), discretise(network, 900.0, 50.0 * np.ones(3))
    u = inputs_of(hvac=0.0)
    shut, wide = temperatures_after(closed, TEMPS, u), temperatures_after(opened, TEMPS, u)
    assert (wide[:, 0] < shut[:, 0]).all()
    mask = np.array([True, False, True])
    mixed = temperatures_after(opened_where(closed, opened, mask), TEMPS, u)
    np.testing.assert_array_equal(mixed, np.where(mask[:, None], wide, shut))
    assert opened_where(closed, opened, np.zeros(3, bool)) is closed
    assert opened_where(closed, opened, np.ones(3, bool)) is opened


def test_scalar_is_the_same_line_as_array():
    network = flats()
    one = network_from_iso13790(
        floor_area_m2=61.0,
        conductance_opaque_w_per_k=116.3,
        conductance_window_w_per_k=39.3,
        conductance_ventilation_w_per_k=41.5,
        capacity_mass_j_per_m2k=162_000.0,
        mass_area_factor=2.5,
    )
    discrete, single = discretise(network, 900.0), discretise(one, 900.0)
    u = inputs_of()
    np.testing.assert_allclose(
        temperatures_after(single, TEMPS[0], u[0]), temperatures_after(discrete, TEMPS, u)[0]
    )
    np.testing.assert_allclose(
        temperatures_mean(single, TEMPS[0], u[0]), temperatures_mean(discrete, TEMPS, u)[0]
    )
    np.testing.assert_allclose(
        heat_for_operative(one, single, TEMPS[0], u[0], 20.0),
        heat_for_operative(network, discrete, TEMPS, u, 20.0)[0],
    )


def test_operative_temperature_of_a_series():
    network = flats()
    series = np.stack([TEMPS, TEMPS + 1.0])
    outdoor = np.array([[4.0], [6.0]])
    found = temperature_operative(network, series, outdoor, 0.3, 0.8)
    np.testing.assert_allclose(found[1], temperature_operative(network, TEMPS + 1.0, 6.0, 0.3, 0.8))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"floor_area_m2": np.array([61.0, 0.0, 68.5])}, r"floor_area_m2\[1\] = 0"),
        ({"conductance_window_w_per_k": np.array([1.0, 2.0, -3.0])}, r"conductance_window_w_per_k\[2\] = -3"),
        (
            {"conductance_ventilation_w_per_k": np.array([np.nan, 2.0, 3.0])},
            r"ventilation_w_per_k\[0\] = nan",
        ),
        ({"mass_area_factor": 5.0}, "mass_area_factor"),
        ({"capacity_mass_j_per_m2k": 0.0}, r"capacity_mass_j_per_k\[0\] = 0"),
        ({"conductance_opaque_w_per_k": np.array([1.0, 9e3, 1.0])}, r"conductance_opaque_w_per_k .*\[1\]"),
        ({"variant": "precise"}, "allowed 'iso' or 'exact'"),
    ],
)
def test_impossible_values_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        flats(**changes)


def test_weights_that_do_not_sum_to_one_are_refused():
    with pytest.raises(ValueError, match="operative_air"):
        replace(flats(), operative_air=np.zeros(3))
    with pytest.raises(ValueError, match="step_s"):
        discretise(flats(), 0.0)


def test_a_flat_without_opaque_elements_is_possible():
    network = flats(conductance_opaque_w_per_k=np.zeros(3))
    np.testing.assert_array_equal(network.conductance_mass_solair_w_per_k, 0.0)
