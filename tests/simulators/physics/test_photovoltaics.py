import numpy as np
import pandas as pd
import pytest

from recosim.simulators.physics.photovoltaics import (
    Plane,
    PvPlant,
    glazing_transmittance,
    glazing_transmittance_diffuse,
    irradiance_on_planes,
    power_ac_kw,
)

NAPLES = {"latitude": 40.85, "longitude": 14.27, "altitude": 20.0}
START = int(pd.Timestamp("2025-06-20", tz="UTC").timestamp())
PLANES = [
    Plane(tilt=0.0, azimuth=180.0),
    Plane(tilt=30.0, azimuth=180.0),
    Plane(tilt=30.0, azimuth=180.0, iam=True),
    Plane(tilt=90.0, azimuth=90.0),
    Plane(tilt=90.0, azimuth=270.0),
    Plane(tilt=0.0, azimuth=0.0, iam=True),
]


def clear_sky(step_s=900, days=1, start=START):
    from pvlib.location import Location

    times = start + step_s * np.arange(days * 86_400 // step_s)
    middle = pd.DatetimeIndex(pd.to_datetime(times + step_s // 2, unit="s", utc=True))
    sky = Location(NAPLES["latitude"], NAPLES["longitude"], altitude=NAPLES["altitude"]).get_clearsky(
        middle, model="haurwitz"
    )
    return times, sky["ghi"].to_numpy()


@pytest.fixture(scope="module")
def june():
    times, ghi = clear_sky()
    on_planes = irradiance_on_planes(
        times_posix_s=times, step_s=900, ghi=ghi, dni=None, dhi=None, planes=PLANES, **NAPLES
    )
    return times, ghi, on_planes


def test_dark_at_night_and_never_nan(june):
    _, ghi, on_planes = june
    assert np.isfinite(on_planes).all() and (on_planes >= 0.0).all()
    assert (ghi == 0.0).sum() > 20
    np.testing.assert_array_equal(on_planes[ghi == 0.0], 0.0)
    assert (on_planes[ghi > 0.0] > 0.0).all()


def test_a_horizontal_plane_sees_the_horizontal_irradiance(june):
    _, ghi, on_planes = june
    assert on_planes[:, 0].sum() == pytest.approx(ghi.sum(), rel=2e-3)


def test_morning_sun_in_the_east_evening_sun_in_the_west(june):
    times, _, on_planes = june
    hour = (times - START) / 3600.0
    morning, evening = hour < 10.0, hour > 13.0
    assert on_planes[morning, 3].sum() > 2.0 * on_planes[morning, 4].sum()
    assert on_planes[evening, 4].sum() > 2.0 * on_planes[evening, 3].sum()


def test_reflection_takes_a_few_per_cent(june):
    _, _, on_planes = june
    assert 0.94 < on_planes[:, 2].sum() / on_planes[:, 1].sum() < 0.99
    assert 0.94 < on_planes[:, 5].sum() / on_planes[:, 0].sum() < 0.99


def test_the_sun_is_taken_in_the_middle_of_the_step(june):
    # on the day of the equinox east and west see mirrored skies around solar noon
    noon_utc = 12.0 - NAPLES["longitude"] / 15.0 + 1.8 / 60.0  # equation of time on 20 June: -1.8 min
    start = START + int(round((noon_utc * 3600.0 - 6 * 3600) / 60)) * 60
    times = start + 3600 * np.arange(12)
    ghi = np.full(12, 400.0)
    planes = [Plane(tilt=90.0, azimuth=90.0), Plane(tilt=90.0, azimuth=270.0)]
    east, west = irradiance_on_planes(
        times_posix_s=times, step_s=3600, ghi=ghi, dni=None, dhi=None, planes=planes, **NAPLES
    ).T
    np.testing.assert_allclose(east, west[::-1], rtol=0.02)


def test_light_with_the_sun_below_the_horizon_is_isotropic():
    times = np.array([START])  # midnight UTC
    planes = [Plane(tilt=0.0, azimuth=180.0), Plane(tilt=90.0, azimuth=180.0)]
    found = irradiance_on_planes(
        times_posix_s=times,
        step_s=900,
        ghi=np.array([10.0]),
        dni=np.array([50.0]),
        dhi=np.array([10.0]),
        planes=planes,
        albedo=0.2,
        **NAPLES,
    )
    # half the sky and half the ground; the beam, 25 degrees below the horizon, is refused
    np.testing.assert_allclose(found, [[10.0, 5.0 + 1.0]], atol=1e-9)


def test_given_beam_and_diffuse_are_used():
    times = np.array([START + 11 * 3600])  # about solar noon
    found = irradiance_on_planes(
        times_posix_s=times,
        step_s=900,
        ghi=np.array([500.0]),
        dni=np.array([0.0]),
        dhi=np.array([500.0]),
        planes=[
            Plane(tilt=0.0, azimuth=180.0),
            Plane(tilt=90.0, azimuth=90.0),
            Plane(tilt=90.0, azimuth=270.0),
        ],
        **NAPLES,
    )
    assert found[0, 0] == pytest.approx(500.0, rel=1e-6)
    assert found[0, 1] == pytest.approx(found[0, 2], rel=0.05)


def test_bad_input_is_refused():
    times, good = np.array([START, START + 900]), np.array([1.0, 2.0])

    def call(**changes):
        values = {"ghi": good, "dni": None, "dhi": None}
        return irradiance_on_planes(
            times_posix_s=times, step_s=900, planes=PLANES, **NAPLES, **(values | changes)
        )

    with pytest.raises(ValueError, match="both, or neither"):
        call(dni=good)
    with pytest.raises(ValueError, match=r"ghi\[1\] = nan"):
        call(ghi=np.array([1.0, np.nan]))
    with pytest.raises(ValueError, match="ghi has shape"):
        call(ghi=np.ones(3))


def test_power_agrees_with_pvlib():
    from pvlib.inverter import pvwatts
    from pvlib.pvsystem import pvwatts_dc
    from pvlib.temperature import TEMPERATURE_MODEL_PARAMETERS, sapm_cell

    rng = np.random.default_rng(1)
    sun, temp, wind = (
        rng.uniform(0, 1200, (200, 3)),
        rng.uniform(-5, 40, (200, 1)),
        rng.uniform(0, 12, (200, 1)),
    )
    sun[:20] = 0.0
    nominal = np.array([3.0, 20.0, 6.0])
    plant = PvPlant(power_nominal_kw=nominal, tilt_deg=20.0, azimuth_deg=180.0)
    cell = sapm_cell(sun, temp, wind, **TEMPERATURE_MODEL_PARAMETERS["sapm"]["open_rack_glass_polymer"])
    direct = pvwatts_dc(sun, cell, nominal, -0.0037) * 0.89
    expected = pvwatts(direct, nominal / 1.1 / 0.96, 0.96)
    found = power_ac_kw(plant, sun, temp, wind)
    np.testing.assert_allclose(found, expected, atol=1e-12)
    np.testing.assert_array_equal(found[:20], 0.0)


def test_power_by_hand():
    # still air, 0 degC, 800 W/m2: cell at 800 (exp(-3.56) + 0.003) = 25.152 degC
    plant = PvPlant(power_nominal_kw=10.0, tilt_deg=20.0, azimuth_deg=180.0)
    direct = 10.0 * 0.89 * 0.8 * (1.0 - 0.0037 * (800.0 * (np.exp(-3.56) + 0.003) - 25.0))
    rated = 10.0 / 1.1 / 0.96
    share = direct / rated
    eta = 0.96 / 0.9637 * (-0.0162 * share - 0.0059 / share + 0.9858)
    assert float(power_ac_kw(plant, np.float64(800.0), 0.0, 0.0)) == pytest.approx(eta * direct, rel=1e-12)


def test_power_is_clipped_at_the_inverter():
    plant = PvPlant(power_nominal_kw=np.array([11.0, 3.3]), tilt_deg=20.0, azimuth_deg=180.0, losses=0.0)
    np.testing.assert_allclose(power_ac_kw(plant, np.full(2, 1400.0), -10.0, 5.0), [10.0, 3.0])


def test_no_power_at_night():
    plant = PvPlant(power_nominal_kw=np.array([3.0, 20.0]), tilt_deg=20.0, azimuth_deg=180.0)
    np.testing.assert_array_equal(power_ac_kw(plant, np.zeros(2), -5.0, 3.0), 0.0)


def test_planes_of_plants():
    plant = PvPlant(power_nominal_kw=np.ones(2), tilt_deg=20.0, azimuth_deg=np.array([160.0, 250.0]))
    assert plant.planes == (
        Plane(tilt=20.0, azimuth=160.0, iam=True),
        Plane(tilt=20.0, azimuth=250.0, iam=True),
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"losses": 1.0}, r"losses = 1, allowed \[0, 1\)"),
        ({"power_nominal_kw": np.array([1.0, -2.0])}, r"power_nominal_kw\[1\] = -2"),
        ({"tilt_deg": 200.0}, "tilt_deg"),
    ],
)
def test_impossible_values_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        PvPlant(**({"power_nominal_kw": 3.0, "tilt_deg": 20.0, "azimuth_deg": 180.0} | changes))


DOUBLE_GLAZING = (1.0, -0.189, 0.644, -0.596)


def test_glazing_by_hand():
    # at 60 deg, theta = 1.0472: 1 - 0.197920 + 0.706230 - 0.684437
    assert float(glazing_transmittance(DOUBLE_GLAZING, 60.0)) == pytest.approx(0.823873, abs=1e-5)
    passing = glazing_transmittance(DOUBLE_GLAZING, np.array([0.0, 89.9, 120.0]))
    assert passing[0] == 1.0 and passing[1] == 0.0 and passing[2] == 0.0, "never negative"


def test_glazing_in_diffuse_light_is_its_mean_over_the_half_space():
    # a transmittance that falls linearly to 0.5 at 90 deg: 1 - (1/pi) * integral of theta sin(2 theta) = 3/4
    assert glazing_transmittance_diffuse((1.0, -1.0 / np.pi)) == pytest.approx(0.75, abs=1e-12)
    theta = np.linspace(0.0, np.pi / 2.0, 200_001)
    weighted = glazing_transmittance(DOUBLE_GLAZING, np.degrees(theta)) * np.sin(2.0 * theta)
    assert glazing_transmittance_diffuse(DOUBLE_GLAZING) == pytest.approx(
        np.trapezoid(weighted, theta), abs=1e-4
    )


def test_a_window_gets_less_than_its_wall_and_a_clear_one_the_same(june):
    times, ghi, _ = june
    walls = [Plane(tilt=90.0, azimuth=180.0, glazing=glazing) for glazing in ((), (1.0,), DOUBLE_GLAZING)]
    wall, clear, double = irradiance_on_planes(
        times_posix_s=times, step_s=900, ghi=ghi, dni=None, dhi=None, planes=walls, **NAPLES
    ).T
    np.testing.assert_allclose(clear, wall, rtol=1e-12)
    lit = wall > 0.0
    # at noon in June the beam falls steeply on a south wall: less passes than of the diffuse light
    assert (double[lit] < wall[lit]).all()
    assert 0.5 < double.sum() / wall.sum() < glazing_transmittance_diffuse(DOUBLE_GLAZING)


def test_modules_are_not_put_behind_a_window():
    with pytest.raises(ValueError, match="iam and glazing"):
        Plane(tilt=30.0, azimuth=180.0, iam=True, glazing=(1.0,))
