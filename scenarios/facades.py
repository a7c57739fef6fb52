"""What a flat shows to sun and sky, on the planes of the buildings."""

from collections.abc import Sequence

import numpy as np

from recosim.arrays import FloatArray
from recosim.scenarios.archetypes import EnvelopeFigures, Orientation, Surface
from recosim.scenarios.weather.series import Weather
from recosim.simulators.physics.photovoltaics import Plane, irradiance_on_planes
from recosim.simulators.physics.solar_gains import Envelope, envelope_of_surfaces

FACADES: tuple[Orientation, ...] = ("north", "east", "south", "west", "up")
"""Planes of the buildings, in the order of the facade irradiance."""
SKY_SEEN = np.array([1.0 if facade == "up" else 0.5 for facade in FACADES])
"""Form factors of the facades to the sky (EN ISO 13790, 11.4.6)."""


def planes_of_facades() -> tuple[Plane, ...]:
    """The planes of `FACADES`."""
    surfaces = [Surface(orientation=facade, area_m2=1.0, u_w_per_m2k=1.0) for facade in FACADES]
    return tuple(Plane(tilt=surface.tilt_deg, azimuth=surface.azimuth_deg) for surface in surfaces)


def irradiance_on(weather: Weather, planes: Sequence[Plane]) -> FloatArray:
    """Irradiance on planes, shape (n_steps, n_planes) [W/m2]."""
    return irradiance_on_planes(
        times_posix_s=weather.grid.times,
        step_s=weather.grid.step_s,
        latitude=weather.latitude,
        longitude=weather.longitude,
        altitude=weather.altitude_m,
        ghi=weather.irradiance_global_w_per_m2,
        dni=weather.irradiance_direct_w_per_m2,
        dhi=weather.irradiance_diffuse_w_per_m2,
        planes=planes,
    )


def envelope_on_facades(flat: EnvelopeFigures, factor_shading: float) -> Envelope:
    """Collecting areas of windows and walls by facade, and what is lost to the sky, of one flat."""
    through = (1.0 - flat.fraction_frame) * flat.factor_incidence * flat.g_value
    aperture = np.zeros(len(FACADES))
    for window in flat.windows:
        aperture[FACADES.index(window.orientation)] += window.area_m2 * through
    return envelope_of_surfaces(
        aperture_m2=aperture,
        conductance_window_w_per_k=_conductances(flat.windows),
        conductance_wall_w_per_k=_conductances(flat.walls),
        conductance_opaque_w_per_k=np.asarray(flat.conductance_opaque_w_per_k),
        sky_seen=SKY_SEEN,
        factor_shading=factor_shading,
    )


def _conductances(surfaces: tuple[Surface, ...]) -> FloatArray:
    """Conductance of surfaces on each facade [W/K]."""
    conductance = np.zeros(len(FACADES))
    for surface in surfaces:
        conductance[FACADES.index(surface.orientation)] += surface.conductance_w_per_k
    return conductance
