"""Sun on tilted planes and the power of photovoltaic plants."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from recosim.arrays import FloatArray, IntArray
from recosim.simulators.physics.checks import Values, require_range

# pvlib is imported inside the functions that need it: its import takes a second or two.

_W_PER_KW = 1e3
_SECONDS_PER_HOUR = 3600.0
_TEMP_REFERENCE_DEGC = 25.0
# SAPM, open rack, glass/polymer: King et al. 2004, table 1
_SAPM_A, _SAPM_B, _SAPM_DELTA_K = -3.56, -0.075, 3.0
# PVWatts version 5 inverter: Dobos 2014, equation 11 and reference efficiency
_INVERTER_SQUARE, _INVERTER_LINEAR, _INVERTER_CONSTANT, _INVERTER_REFERENCE = -0.0162, 0.9858, -0.0059, 0.9637


@dataclass(frozen=True, kw_only=True)
class Plane:
    """A surface under the sky.

    Parameters
    ----------
    tilt : float
        0 horizontal, 90 a wall [deg].
    azimuth : float
        Direction it faces, clockwise from north: 90 east, 180 south, 270 west [deg].
    iam : bool
        Take off what glass reflects at slanting incidence: for modules, not for walls.
    glazing : tuple of float
        Behind a window: what it lets through at an angle of incidence over what it lets through at a right
        angle, as the coefficients of a polynomial in the angle [rad], the constant first; empty: no window.

    Raises
    ------
    ValueError
        An angle is out of range, or modules are put behind a window.
    """

    tilt: float
    azimuth: float
    iam: bool = False
    glazing: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        require_range("tilt", self.tilt, 0.0, 180.0)
        require_range("azimuth", self.azimuth, 0.0, 360.0)
        if self.iam and self.glazing:
            raise ValueError("iam and glazing: give one of them, each takes off what glass reflects")


@dataclass(frozen=True, kw_only=True)
class PvPlant:
    """Parameters of n plants; each field is an array of shape (n,) or a float for all.

    Parameters
    ----------
    power_nominal_kw : array or float
        Peak power of the modules (DC, 1000 W/m2, 25 degC) [kW].
    tilt_deg, azimuth_deg : array or float
        As in ``Plane`` [deg].
    losses : array or float
        System losses before the inverter (soiling, mismatch, wiring), [0, 1).
    efficiency_inverter : array or float
        Nominal efficiency of the inverter, (0, 1].
    dc_ac_ratio : array or float
        Peak power of the modules over the inverter's AC power.
    gamma_per_k : array or float
        Temperature coefficient of the power [1/K].
    power_auxiliary_kw : array or float
        Draw of inverter and monitoring, a load of the plant's POD; ``power_ac_kw`` does not contain it [kW].

    Raises
    ------
    ValueError
        A value is out of range; the message names field, index, value and range.
    """

    power_nominal_kw: Values
    tilt_deg: Values
    azimuth_deg: Values
    losses: Values = 0.11
    efficiency_inverter: Values = 0.96
    dc_ac_ratio: Values = 1.1
    gamma_per_k: Values = -0.0037
    power_auxiliary_kw: Values = 0.0

    def __post_init__(self) -> None:
        require_range("power_nominal_kw", self.power_nominal_kw, 0.0, np.inf, high_open=True)
        require_range("tilt_deg", self.tilt_deg, 0.0, 180.0)
        require_range("azimuth_deg", self.azimuth_deg, 0.0, 360.0)
        require_range("losses", self.losses, 0.0, 1.0, high_open=True)
        require_range("efficiency_inverter", self.efficiency_inverter, 0.0, 1.0, low_open=True)
        require_range("dc_ac_ratio", self.dc_ac_ratio, 0.0, np.inf, low_open=True, high_open=True)
        require_range("gamma_per_k", self.gamma_per_k, -0.02, 0.02)
        require_range("power_auxiliary_kw", self.power_auxiliary_kw, 0.0, np.inf, high_open=True)

    @cached_property
    def planes(self) -> tuple[Plane, ...]:
        """One plane with glass per plant, in order."""
        _, tilts, azimuths = np.broadcast_arrays(self.power_nominal_kw, self.tilt_deg, self.azimuth_deg)
        pairs = zip(np.ravel(tilts), np.ravel(azimuths), strict=True)
        return tuple(Plane(tilt=float(tilt), azimuth=float(azimuth), iam=True) for tilt, azimuth in pairs)


def irradiance_on_planes(
    *,
    times_posix_s: IntArray,
    step_s: float,
    latitude: float,
    longitude: float,
    altitude: float,
    ghi: FloatArray,
    dni: FloatArray | None,
    dhi: FloatArray | None,
    planes: Sequence[Plane],
    albedo: float = 0.2,
) -> FloatArray:
    """Global irradiance on several planes from irradiance on the horizontal.

    Parameters
    ----------
    times_posix_s : int array, shape (T,)
        Start of each step, UTC [s]. The sun is taken in the middle of the step.
    step_s : float
        Length of the step [s].
    latitude, longitude : float
        North and east positive [deg].
    altitude : float
        Above sea level [m].
    ghi : array, shape (T,)
        Global horizontal irradiance, step means [W/m2].
    dni, dhi : array, shape (T,), or None
        Direct normal and diffuse horizontal irradiance; both or neither. Without them Erbs splits GHI [W/m2].
    planes : sequence of Plane
        The surfaces.
    albedo : float
        Reflectance of the ground.

    Returns
    -------
    array, shape (T, n_planes)
        Irradiance, after reflection where ``plane.iam`` is set; never NaN or negative [W/m2].

    Raises
    ------
    ValueError
        Only one of ``dni`` and ``dhi`` is given, the lengths differ, or an irradiance is negative or NaN.

    Notes
    -----
    Sun: NREL SPA (Reda and Andreas 2004). Split: Erbs et al. 1982. Sky: Perez et al. 1990, all-sites
    coefficients. Reflection: Fresnel and Bouguer laws ("physical", De Soto et al. 2006), on the beam by its
    angle of incidence; on sky and ground light by its mean over the part of the sky or ground the plane sees
    (Marion 2017), one factor per tilt. Glazing: the beam by its angle of incidence, sky and ground light by
    the mean over the half-space of isotropic light. Where the sun is at or below the horizon in the middle of
    a step with light, it rose or set within the step: the beam is taken along that nearly horizontal
    direction and the diffuse light as isotropic. Steps with GHI = 0 get 0.
    """
    from pvlib.iam import marion_diffuse, physical
    from pvlib.irradiance import aoi, get_ground_diffuse, get_sky_diffuse

    require_range("albedo", albedo, 0.0, 1.0)
    middle = pd.DatetimeIndex(pd.to_datetime(np.asarray(times_posix_s) + step_s / 2.0, unit="s", utc=True))
    sun = _sun(middle, latitude, longitude, altitude)
    ghi, beam, diffuse = _split(middle, sun[0], ghi, dni, dhi)
    lit = ghi > 0.0
    result = np.zeros((len(ghi), len(planes)))
    if not lit.any():
        return result
    zenith, azimuth, extra, airmass = (values[lit] for values in sun)
    ghi_lit, diffuse_lit = ghi[lit], diffuse[lit]
    # 15 degrees an hour: further down than half a step the sun cannot have shone within it
    beam_lit = np.where(zenith < 90.0 + 15.0 * 0.5 * step_s / _SECONDS_PER_HOUR, beam[lit], 0.0)
    for column, plane in enumerate(planes):
        incidence = aoi(plane.tilt, plane.azimuth, zenith, azimuth)
        direct = beam_lit * np.maximum(np.cos(np.radians(incidence)), 0.0)
        sky = get_sky_diffuse(
            plane.tilt, plane.azimuth, zenith, azimuth, beam_lit, ghi_lit, diffuse_lit,
            dni_extra=extra, airmass=airmass, model="perez",
        )  # fmt: skip
        isotropic = diffuse_lit * (0.5 * (1.0 + np.cos(np.radians(plane.tilt))))
        sky = np.where((zenith < 90.0) & np.isfinite(sky), sky, isotropic)
        ground = get_ground_diffuse(plane.tilt, ghi_lit, albedo=albedo)
        if plane.iam:
            passing = marion_diffuse("physical", plane.tilt)
            direct = direct * np.nan_to_num(physical(incidence))
            # a horizontal plane sees no ground, and its factor there is not defined
            sky, ground = sky * passing["sky"], ground * np.nan_to_num(passing["ground"])
        elif plane.glazing:
            direct = direct * glazing_transmittance(plane.glazing, incidence)
            passing_diffuse = glazing_transmittance_diffuse(plane.glazing)
            sky, ground = sky * passing_diffuse, ground * passing_diffuse
        result[lit, column] = np.maximum(direct + sky + ground, 0.0)
    return result


def glazing_transmittance(coefficients: Sequence[float], incidence_deg: Values) -> FloatArray:
    """What glazing lets through of a beam, over what it lets through at a right angle.

    Parameters
    ----------
    coefficients : sequence of float
        Polynomial in the angle of incidence [rad], the constant first.
    incidence_deg : array or float
        Angle between the beam and the normal [deg]; beyond 90 nothing passes.

    Returns
    -------
    array
        Between 0 and 1; shape of ``incidence_deg``.

    Examples
    --------
    >>> float(glazing_transmittance((1.0, -0.5), 90.0).round(6))  # 1 - 0.5 pi / 2
    0.214602
    """
    angle = np.radians(np.asarray(incidence_deg, dtype=np.float64))
    passing = np.clip(np.polynomial.polynomial.polyval(angle, np.asarray(coefficients)), 0.0, 1.0)
    return np.where(np.asarray(incidence_deg) > 90.0, 0.0, passing)


def glazing_transmittance_diffuse(coefficients: Sequence[float]) -> float:
    """What glazing lets through of isotropic light, over what it lets through of a beam at a right angle.

    Parameters
    ----------
    coefficients : sequence of float
        As in ``glazing_transmittance``.

    Returns
    -------
    float
        Integral of transmittance(theta) 2 sin(theta) cos(theta) over the half-space.

    Examples
    --------
    >>> round(glazing_transmittance_diffuse((1.0,)), 12)
    1.0
    """
    nodes, weights = np.polynomial.legendre.leggauss(64)
    angle = (nodes + 1.0) * np.pi / 4.0
    passing = glazing_transmittance(coefficients, np.degrees(angle))
    return float(np.sum(weights * passing * np.sin(2.0 * angle)) * np.pi / 4.0)


def _sun(
    middle: pd.DatetimeIndex, latitude: float, longitude: float, altitude: float
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Apparent zenith and azimuth [deg], extraterrestrial irradiance [W/m2], relative air mass; mid-step."""
    from pvlib.atmosphere import get_relative_airmass
    from pvlib.irradiance import get_extra_radiation
    from pvlib.solarposition import get_solarposition

    position = get_solarposition(middle, latitude, longitude, altitude=altitude, method="nrel_numpy")
    zenith = np.asarray(position["apparent_zenith"], dtype=np.float64)
    azimuth = np.asarray(position["azimuth"], dtype=np.float64)
    extra = np.asarray(get_extra_radiation(middle.day_of_year.to_numpy()), dtype=np.float64)
    airmass = np.asarray(get_relative_airmass(np.minimum(zenith, 89.99)), dtype=np.float64)
    return zenith, azimuth, extra, airmass


def _split(
    middle: pd.DatetimeIndex,
    zenith: FloatArray,
    ghi: FloatArray,
    dni: FloatArray | None,
    dhi: FloatArray | None,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """GHI, beam (DNI) and diffuse (DHI) [W/m2]."""
    from pvlib.irradiance import erbs

    if (dni is None) != (dhi is None):
        raise ValueError("only one of dni and dhi is given: give both, or neither and GHI is split by Erbs")
    series = {"ghi": ghi} if dni is None or dhi is None else {"ghi": ghi, "dni": dni, "dhi": dhi}
    arrays = {name: np.asarray(values, dtype=np.float64) for name, values in series.items()}
    for name, values in arrays.items():
        if values.shape != zenith.shape:
            raise ValueError(f"{name} has shape {values.shape}, allowed {zenith.shape} as times_posix_s")
        require_range(name, values, 0.0, np.inf, high_open=True)
    total = arrays["ghi"]
    if "dni" in arrays:
        return total, arrays["dni"], arrays["dhi"]
    parts = erbs(total, zenith, middle.day_of_year.to_numpy())
    beam, diffuse = (np.nan_to_num(np.asarray(parts[key], dtype=np.float64)) for key in ("dni", "dhi"))
    return total, beam, diffuse


def power_ac_kw(
    plant: PvPlant,
    irradiance_effective_w_per_m2: FloatArray,
    temp_outdoor_degc: Values,
    wind_speed_m_per_s: Values,
) -> FloatArray:
    """AC power of the plants.

    Parameters
    ----------
    plant : PvPlant
        n plants.
    irradiance_effective_w_per_m2 : array, shape (..., n)
        From ``irradiance_on_planes``, reflection taken off [W/m2].
    temp_outdoor_degc, wind_speed_m_per_s : array broadcasting against (..., n), or float
        Outdoor temperature [degC], wind at 10 m [m/s]. Series of shape (T,) enter as (T, 1).

    Returns
    -------
    array, shape (..., n)
        Power at the inverter's terminals, 0 at night, at most power_nominal / dc_ac_ratio [kW].

    Notes
    -----
    Cell temperature: SAPM for open racks and glass/polymer modules (King et al. 2004, equations 11 and 12),
    from the irradiance after reflection. Modules and inverter: PVWatts version 5 (Dobos 2014, equations 8
    and 11).
    """
    sun = irradiance_effective_w_per_m2
    per_irradiance = np.exp(_SAPM_A + _SAPM_B * wind_speed_m_per_s) + _SAPM_DELTA_K / _W_PER_KW
    above_reference = temp_outdoor_degc + sun * per_irradiance - _TEMP_REFERENCE_DEGC
    direct = plant.power_nominal_kw * (1.0 - plant.losses) / _W_PER_KW * sun
    direct = direct * (1.0 + plant.gamma_per_k * above_reference)
    power_max = np.divide(plant.power_nominal_kw, plant.dc_ac_ratio)
    # eta pdc with eta = eta_nom/eta_ref (a z + b/z + c), z = pdc/pdc0, multiplied out: at night z is 0
    rated = power_max / plant.efficiency_inverter
    scale = plant.efficiency_inverter / _INVERTER_REFERENCE
    share = direct / np.maximum(rated, 1e-30)
    power = scale * (direct * (_INVERTER_SQUARE * share + _INVERTER_LINEAR) + _INVERTER_CONSTANT * rated)
    return np.minimum(np.maximum(power, 0.0), power_max)
