import numpy as np
import pytest

from recosim.simulators.physics.solar_gains import (
    Envelope,
    envelope_of_surfaces,
    heat_solar_kw,
    shutters_closed,
    temp_solair_degc,
)

ENVELOPE = Envelope(
    aperture_m2=np.array([[1.0, 2.0], [0.0, 3.0]]),
    absorption_w_per_w_per_m2=np.array([[0.2, 0.1], [0.3, 0.0]]),
    conductance_opaque_w_per_k=np.array([50.0, 20.0]),
    sky_loss_w=np.array([10.0, 0.0]),
)
IRRADIANCE = np.array([500.0, 100.0])


def test_gains_by_hand():
    np.testing.assert_allclose(heat_solar_kw(ENVELOPE, IRRADIANCE), [0.7, 0.3])


def test_shutters_close_in_summer_on_sunny_planes_only():
    np.testing.assert_array_equal(shutters_closed(IRRADIANCE, True), [True, False])
    np.testing.assert_array_equal(shutters_closed(IRRADIANCE, False), [False, False])
    np.testing.assert_array_equal(shutters_closed(np.array([300.0, 300.1]), True), [False, True])
    np.testing.assert_allclose(
        heat_solar_kw(ENVELOPE, IRRADIANCE, shutters_closed(IRRADIANCE, True)), [0.45 * 0.5 + 0.2, 0.3]
    )


def test_sol_air_temperature_by_hand():
    # flat 0: (0.2 * 500 + 0.1 * 100 - 10) / 50 = 2 K, flat 1: 0.3 * 500 / 20 = 7.5 K
    np.testing.assert_allclose(temp_solair_degc(ENVELOPE, IRRADIANCE, 10.0), [12.0, 17.5])


def test_sky_cools_below_outdoors_at_night():
    np.testing.assert_allclose(temp_solair_degc(ENVELOPE, np.zeros(2), 10.0), [9.8, 10.0])


def test_glazing_loses_to_the_sky():
    envelope = Envelope(
        aperture_m2=np.ones((1, 2)),
        absorption_w_per_w_per_m2=np.zeros((1, 2)),
        conductance_opaque_w_per_k=np.ones(1),
        sky_loss_w=0.0,
        sky_loss_window_w=30.0,
    )
    np.testing.assert_allclose(heat_solar_kw(envelope, np.zeros(2)), [-0.03])


def test_series_is_the_same_as_step_by_step():
    irradiance = np.array([[500.0, 100.0], [0.0, 0.0], [200.0, 900.0]])
    summer = np.array([True, True, False])
    outdoor = np.array([10.0, 5.0, 20.0])
    heat = heat_solar_kw(ENVELOPE, irradiance, shutters_closed(irradiance, summer))
    temp = temp_solair_degc(ENVELOPE, irradiance, outdoor)
    assert heat.shape == temp.shape == (3, 2)
    for t in range(3):
        closed = shutters_closed(irradiance[t], bool(summer[t]))
        np.testing.assert_allclose(heat[t], heat_solar_kw(ENVELOPE, irradiance[t], closed))
        np.testing.assert_allclose(temp[t], temp_solair_degc(ENVELOPE, irradiance[t], outdoor[t]))


def test_inputs_are_left_alone():
    irradiance = IRRADIANCE.copy()
    heat_solar_kw(ENVELOPE, irradiance, shutters_closed(irradiance, True))
    temp_solair_degc(ENVELOPE, irradiance, 3.0)
    np.testing.assert_array_equal(irradiance, IRRADIANCE)


def test_a_flat_without_opaque_elements_gets_the_outdoor_temperature():
    envelope = Envelope(
        aperture_m2=np.ones((1, 2)),
        absorption_w_per_w_per_m2=np.zeros((1, 2)),
        conductance_opaque_w_per_k=np.zeros(1),
        sky_loss_w=0.0,
    )
    np.testing.assert_array_equal(temp_solair_degc(envelope, IRRADIANCE, 8.0), [8.0])


def test_impossible_values_are_named():
    values = {
        "aperture_m2": np.ones((2, 2)),
        "absorption_w_per_w_per_m2": np.ones((2, 2)),
        "conductance_opaque_w_per_k": np.ones(2),
        "sky_loss_w": 0.0,
    }
    with pytest.raises(ValueError, match=r"aperture_m2\[1, 0\] = -1"):
        Envelope(**(values | {"aperture_m2": np.array([[1.0, 1.0], [-1.0, 1.0]])}))
    with pytest.raises(ValueError, match="shapes"):
        Envelope(**(values | {"conductance_opaque_w_per_k": np.ones(3)}))


def test_envelope_of_surfaces_by_hand():
    # a south wall of 20 W/K with a window of 6 W/K, and a roof of 10 W/K; half of what comes is hidden
    envelope = envelope_of_surfaces(
        aperture_m2=np.array([[2.0, 0.0]]),
        conductance_window_w_per_k=np.array([[6.0, 0.0]]),
        conductance_wall_w_per_k=np.array([[20.0, 10.0]]),
        conductance_opaque_w_per_k=np.array([40.0]),
        sky_seen=np.array([0.5, 1.0]),
        factor_shading=0.5,
    )
    np.testing.assert_allclose(envelope.aperture_m2, [[1.0, 0.0]])
    np.testing.assert_allclose(envelope.absorption_w_per_w_per_m2, [[0.6 * 0.5 / 25.0 * 20.0, 0.12]])
    # 4.14 * 11 / 25 = 1.8216 K; (0.5 * 20 + 10) W/K and 0.5 * 6 W/K, half hidden
    np.testing.assert_allclose(envelope.sky_loss_w, [18.216])
    np.testing.assert_allclose(envelope.sky_loss_window_w, [2.7324])
    np.testing.assert_array_equal(envelope.conductance_opaque_w_per_k, [40.0])
