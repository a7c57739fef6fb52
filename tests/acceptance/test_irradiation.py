"""Annual irradiation on five planes in Denver against EnergyPlus (ASHRAE 140-2020, table B8-13)."""

import numpy as np
import pandas as pd
import pytest

from recosim.simulators.physics.photovoltaics import Plane, irradiance_on_planes

# EnergyPlus's figures [kWh/m2] among the six programmes' of ASHRAE 140
ENERGYPLUS = {"horizontal": 1664.0, "north": 438.0, "east": 1062.0, "south": 1370.0, "west": 967.0}
RANGES = {
    "north": (399.0, 477.0),
    "east": (1017.0, 1068.0),
    "south": (1291.0, 1387.0),
    "west": (903.0, 997.0),
}
PLANES = [
    Plane(tilt=0.0, azimuth=180.0),
    Plane(tilt=90.0, azimuth=0.0),
    Plane(tilt=90.0, azimuth=90.0),
    Plane(tilt=90.0, azimuth=180.0),
    Plane(tilt=90.0, azimuth=270.0),
]


@pytest.fixture(scope="module")
def denver(shared_data):
    file = shared_data / "validation" / "USA_CO_Denver.Intl.AP.725650_TMY3.epw"
    if not file.is_file():
        pytest.skip("the Denver weather is not here")
    return pd.read_csv(file, skiprows=8, header=None)


@pytest.fixture(scope="module")
def annual_kwh_per_m2(denver):
    # an EPW hour is labelled by its end, in standard time, here UTC-7
    starts = pd.Timestamp("2001-01-01", tz="Etc/GMT+7") + pd.to_timedelta(np.arange(len(denver)), unit="h")
    irradiance = irradiance_on_planes(
        times_posix_s=np.array([int(start.timestamp()) for start in starts]),
        step_s=3600,
        latitude=39.83,
        longitude=-104.65,
        altitude=1650.0,
        ghi=denver[13].to_numpy(float),
        dni=denver[14].to_numpy(float),
        dhi=denver[15].to_numpy(float),
        planes=PLANES,
    )
    assert np.isfinite(irradiance).all()
    return dict(zip(ENERGYPLUS, irradiance.sum(axis=0) / 1e3, strict=True))


def test_weather_is_the_one_of_the_published_figures(denver):
    assert len(denver) == 8760
    assert list(denver.loc[0, 1:3]) == [1, 1, 1]


@pytest.mark.parametrize("plane", ENERGYPLUS)
def test_annual_irradiation_agrees_with_energyplus(annual_kwh_per_m2, plane):
    assert annual_kwh_per_m2[plane] == pytest.approx(ENERGYPLUS[plane], rel=0.015)


def test_horizontal_irradiation_agrees_closely(annual_kwh_per_m2):
    assert annual_kwh_per_m2["horizontal"] == pytest.approx(ENERGYPLUS["horizontal"], rel=0.005)


@pytest.mark.parametrize("plane", RANGES)
def test_annual_irradiation_on_walls_lies_in_the_range_of_the_programmes(annual_kwh_per_m2, plane):
    low, high = RANGES[plane]
    assert low <= annual_kwh_per_m2[plane] <= high
