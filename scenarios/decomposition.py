"""Global irradiance split into beam and diffuse."""

from dataclasses import replace

import numpy as np
import pandas as pd

from recosim.scenarios.weather.series import Weather

ZENITH_MAX_DEG = 87.0
COS_ZENITH_MIN = 0.065


def with_direct_and_diffuse(weather: Weather) -> Weather:
    """Weather with its direct normal and diffuse irradiance, from the global one.

    The diffuse share is that of the hour, as the correlation was fitted: taken for shorter steps, it would
    find too much beam under broken clouds. GHI = DHI + DNI cos(zenith) in each step; all is diffuse with the
    sun below 3 degrees.

    Parameters
    ----------
    weather : Weather
        Whole hours of UTC, with global irradiance.

    Source: Erbs, Klein and Duffie (1982), Solar Energy 28, 293, equation 1; by pvlib.
    """
    # pvlib takes a second to import; only a synthetic year needs it here.
    from pvlib import irradiance, solarposition

    grid, ghi = weather.grid, weather.irradiance_global_w_per_m2
    middles = grid.utc + pd.Timedelta(seconds=grid.step_s / 2)
    sun = solarposition.ephemeris(middles, weather.latitude, weather.longitude)
    zenith = sun["apparent_zenith"].to_numpy(dtype=np.float64)
    cosine = np.cos(np.radians(zenith))

    def hourly(values: np.ndarray) -> np.ndarray:
        return np.asarray(values.reshape(-1, grid.steps_per_hour).mean(axis=1))

    # The mean of the cosine, not that of the angle: it is what the irradiance above the atmosphere follows.
    zenith_hour = np.degrees(np.arccos(np.maximum(hourly(np.maximum(cosine, 0.0)), COS_ZENITH_MIN)))
    ghi_hour = hourly(ghi)
    day = middles.day_of_year.to_numpy()[:: grid.steps_per_hour]
    found = irradiance.erbs(ghi_hour, zenith_hour, day, min_cos_zenith=COS_ZENITH_MIN)
    share = np.divide(found["dhi"], ghi_hour, out=np.ones_like(ghi_hour), where=ghi_hour > 0.0)
    high = zenith < ZENITH_MAX_DEG
    diffuse = np.where(high, np.repeat(np.clip(share, 0.0, 1.0), grid.steps_per_hour), 1.0) * ghi
    direct = np.where(high, (ghi - diffuse) / np.where(high, cosine, 1.0), 0.0)
    return replace(weather, irradiance_direct_w_per_m2=direct, irradiance_diffuse_w_per_m2=diffuse)
