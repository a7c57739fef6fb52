from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recosim.simulators.physics.rc_network import (
    INPUTS,
    discretise,
    heat_for_operative,
    network_from_iso13790,
    stack_inputs,
    temperature_operative,
    temperatures_after,
)
from recosim.simulators.physics.thermostat import initial_state, learn, thermostat_targets

L = 16
NAN = np.nan
NONE_UPPER = np.full((L, 1), np.inf)
NONE_LOWER = np.full((L, 1), -np.inf)


def edges(now, then, at):
    values = np.full((L, 1), float(now))
    values[at:] = then
    return values


def heating_target(temp, lower, rate=1.0, state=None):
    state = state or replace(initial_state(1), rate_heating_k_per_h=np.array([rate]))
    return thermostat_targets(state, np.array([temp]), lower, NONE_UPPER, 900.0)[0][0]


def test_follows_the_band_when_nothing_comes():
    assert heating_target(19.0, edges(18.0, 18.0, 0)) == 18.0
    assert heating_target(15.0, edges(20.0, 20.0, 0)) == 20.0


def test_off_outside_the_seasons():
    heating, cooling = thermostat_targets(initial_state(1), np.array([20.0]), NONE_LOWER, NONE_UPPER, 900.0)
    assert heating[0] == -np.inf and cooling[0] == np.inf


def test_starts_when_the_rise_takes_as_long_as_is_left():
    # 2 K at 1 K/h: two hours, eight steps, before the edge
    assert heating_target(18.0, edges(18.0, 20.0, 9)) == 18.0
    assert heating_target(18.0, edges(18.0, 20.0, 8)) == 20.0
    assert heating_target(18.0, edges(18.0, 20.0, 5), rate=2.0) == 18.0
    assert heating_target(18.0, edges(18.0, 20.0, 4), rate=2.0) == 20.0


def test_does_not_start_early_for_a_falling_edge():
    assert heating_target(18.0, edges(20.0, 16.0, 2)) == 20.0
    assert heating_target(15.0, edges(20.0, 16.0, 2)) == 20.0


def test_cooling_mirrors_heating():
    state = initial_state(1)  # 1.5 K/h: 3 K take two hours
    for at, expected in ((9, 30.0), (8, 26.0)):
        _, cooling = thermostat_targets(state, np.array([29.0]), NONE_LOWER, edges(30.0, 26.0, at), 900.0)
        assert cooling[0] == expected


def test_an_early_start_goes_on_until_its_edge():
    # at 19.9 degC nothing would start, but the flat is under way to 20
    under_way = replace(initial_state(1), edge_heating_degc=np.array([20.0]))
    assert heating_target(19.9, edges(18.0, 20.0, 3)) == 18.0
    assert heating_target(19.9, edges(18.0, 20.0, 3), state=under_way) == 20.0
    assert heating_target(19.9, edges(18.0, 19.0, 3), state=under_way) == 18.0  # plans have changed


def learned(before, after, target, lower, state=None):
    state = state or initial_state(1)
    args = [np.array([x]) for x in (before, after, target, np.inf, lower, np.inf)]
    return learn(state, *args, 900.0)


def test_learns_the_observed_rate_in_an_early_start():
    state = learned(18.0, 18.5, 20.0, 18.0)  # 2 K/h seen, 1 K/h known
    assert state.rate_heating_k_per_h[0] == pytest.approx(1.1)
    assert state.rate_cooling_k_per_h[0] == 1.5
    assert state.edge_heating_degc[0] == 20.0


def test_learns_nothing_at_part_power():
    state = learned(19.8, 20.0, 20.0, 18.0)  # the target was reached within the step
    assert state.rate_heating_k_per_h[0] == 1.0
    state = learned(21.0, 20.9, 20.0, 20.0)
    assert state.rate_heating_k_per_h[0] == 1.0
    assert state.edge_heating_degc[0] == -np.inf


def test_learns_nothing_while_off():
    state = learned(18.0, 18.4, -np.inf, -np.inf)
    assert state.rate_heating_k_per_h[0] == 1.0
    assert state.edge_heating_degc[0] == -np.inf


def test_learns_nothing_where_somebody_else_decided():
    state = learned(18.0, 18.5, NAN, 18.0)
    assert state.rate_heating_k_per_h[0] == 1.0
    assert state.edge_heating_degc[0] == -np.inf


def test_learns_the_cooling_rate():
    before, after, target, upper = (np.array([x]) for x in (29.0, 28.5, 26.0, 30.0))
    off = np.array([-np.inf])
    state = learn(initial_state(1), before, after, off, target, off, upper, 900.0)
    assert state.rate_cooling_k_per_h[0] == pytest.approx(1.55)
    assert state.edge_cooling_degc[0] == 26.0


@given(steps=st.lists(st.floats(-5.0, 5.0), min_size=1, max_size=60))
def test_rates_stay_within_their_bounds(steps):
    state = initial_state(1)
    for rise in steps:
        state = learned(10.0, 10.0 + rise, 20.0, 18.0, state)
        assert 0.3 - 1e-12 <= state.rate_heating_k_per_h[0] <= 6.0 + 1e-12


def test_a_flat_learns_to_be_warm_in_time():
    network = network_from_iso13790(
        floor_area_m2=np.array([73.0]),
        conductance_opaque_w_per_k=71.4,
        conductance_window_w_per_k=28.0,
        conductance_ventilation_w_per_k=37.3,
        capacity_mass_j_per_m2k=162_000.0,
        mass_area_factor=2.5,
    )
    discrete = discretise(network, 900.0)
    state = replace(initial_state(1), rate_heating_k_per_h=np.array([6.0]))  # far too confident
    temps = np.full((1, 2), 18.0)
    u = stack_inputs(5.0, np.full(1, 5.0), 0.0, 0.2, 0.0)
    column = INPUTS.index("heat_hvac_kw")
    shortfall = []
    for step in range(96 * 14):
        day = (np.arange(step, step + L) % 96)[:, None]
        lower = np.where((day >= 28) & (day < 88), 20.0, 16.0)  # 7 to 22
        before = temperature_operative(network, temps, 5.0, 0.2, 0.0)
        if step % 96 == 28:
            shortfall.append(20.0 - before[0])
        heating, cooling = thermostat_targets(state, before, lower, NONE_UPPER, 900.0)
        u[:, column] = 0.0
        u[:, column] = np.clip(heat_for_operative(network, discrete, temps, u, heating), 0.0, 5.0)
        temps = temperatures_after(discrete, temps, u)
        after = temperature_operative(network, temps, 5.0, 0.2, 0.0)
        state = learn(state, before, after, heating, cooling, lower[0], NONE_UPPER[0], 900.0)
    assert shortfall[1] > 0.3
    assert max(np.abs(shortfall[-5:])) < 0.1
