"""Sun on a dwelling: gains through windows, and the sol-air temperature of the opaque elements."""

from dataclasses import dataclass

import numpy as np

from recosim.arrays import BoolArray, FloatArray
from recosim.simulators.physics.checks import Values, require_range

SHUTTER_IRRADIANCE_W_PER_M2 = 300.0
SHUTTER_FACTOR = 0.45
_W_PER_KW = 1e3
# only keeps 0/0 away from a flat without opaque elements, whose sol-air temperature acts on nothing
_CONDUCTANCE_NONE_W_PER_K = 1e-9


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """What n dwellings show to the sun on ``n_planes`` planes.

    Parameters
    ----------
    aperture_m2 : array, shape (n, n_planes)
        Effective collecting area of the windows, A_w (1 - F_f) F_w g F_sh [m2].
    absorption_w_per_w_per_m2 : array, shape (n, n_planes)
        alpha U A F_sh / h_e of the opaque elements: heat that enters per irradiance [W per W/m2].
    conductance_opaque_w_per_k : array, shape (n,)
        H_op [W/K].
    sky_loss_w : array, shape (n,), or float
        Extra radiation of the opaque elements to the sky, sum(U A F_r h_r dT_sky / h_e) [W].
    sky_loss_window_w : array, shape (n,), or float
        The same of the glazing; taken off the gains through the windows, then negative at night [W].

    Raises
    ------
    ValueError
        A value is negative or the shapes do not agree.

    Notes
    -----
    Source: EN ISO 13790:2008, clause 11.3 (effective collecting area, sky radiation).
    """

    aperture_m2: FloatArray
    absorption_w_per_w_per_m2: FloatArray
    conductance_opaque_w_per_k: FloatArray
    sky_loss_w: Values
    sky_loss_window_w: Values = 0.0

    def __post_init__(self) -> None:
        names = ("aperture_m2", "absorption_w_per_w_per_m2", "conductance_opaque_w_per_k")
        for name in (*names, "sky_loss_w", "sky_loss_window_w"):
            require_range(name, getattr(self, name), 0.0, np.inf, high_open=True)
        shapes = [np.shape(getattr(self, name)) for name in names]
        if shapes[1] != shapes[0] or shapes[2] != shapes[0][:-1]:
            found = ", ".join(f"{name} {shape}" for name, shape in zip(names, shapes, strict=True))
            raise ValueError(f"shapes: {found}; allowed (n, n_planes), (n, n_planes), (n,)")


def envelope_of_surfaces(
    *,
    aperture_m2: FloatArray,
    conductance_window_w_per_k: FloatArray,
    conductance_wall_w_per_k: FloatArray,
    conductance_opaque_w_per_k: FloatArray,
    sky_seen: FloatArray,
    factor_shading: float = 1.0,
    absorptance: float = 0.6,
    surface_outside_w_per_m2k: float = 25.0,
    sky_radiative_w_per_m2k: float = 4.14,
    sky_below_air_k: float = 11.0,
) -> Envelope:
    """Envelope of n dwellings from the areas and conductances on each plane.

    Parameters
    ----------
    aperture_m2 : array, shape (n, n_planes)
        Collecting area of the windows, unshaded, A_w (1 - F_f) F_w g [m2].
    conductance_window_w_per_k, conductance_wall_w_per_k : array, shape (n, n_planes)
        Glazing, and the opaque elements that see the sun [W/K].
    conductance_opaque_w_per_k : array, shape (n,)
        H_op, all opaque elements, those that see no sun included [W/K].
    sky_seen : array, shape (n_planes,)
        Form factor to the sky: 0.5 a wall, 1 a roof.
    factor_shading : float
        F_sh; what hides the sun hides the sky as well.
    absorptance : float
        Of the opaque surfaces, for the sun.
    surface_outside_w_per_m2k, sky_radiative_w_per_m2k : float
        h_e and h_r, outer surface coefficient and its radiative part [W/(m2 K)].
    sky_below_air_k : float
        Apparent difference between outdoor air and sky [K].

    Returns
    -------
    Envelope
        Fields of shape (n, n_planes) and (n,).

    Notes
    -----
    Source: EN ISO 13790:2008, clauses 11.3.3 to 11.3.5 and 11.4.6.
    """
    to_sky = factor_shading * sky_radiative_w_per_m2k * sky_below_air_k / surface_outside_w_per_m2k * sky_seen
    return Envelope(
        aperture_m2=factor_shading * aperture_m2,
        absorption_w_per_w_per_m2=absorptance
        * factor_shading
        / surface_outside_w_per_m2k
        * conductance_wall_w_per_k,
        conductance_opaque_w_per_k=conductance_opaque_w_per_k,
        sky_loss_w=conductance_wall_w_per_k @ to_sky,
        sky_loss_window_w=conductance_window_w_per_k @ to_sky,
    )


def shutters_closed(irradiance_plane_w_per_m2: FloatArray, summer: BoolArray | bool) -> BoolArray:
    """Planes on which people close the shutters.

    Parameters
    ----------
    irradiance_plane_w_per_m2 : array, shape (..., n_planes)
        Global irradiance on each plane [W/m2].
    summer : bool array, shape (...), or bool
        June to September.

    Returns
    -------
    bool array, shape (..., n_planes)
        In summer, where the plane gets more than 300 W/m2.
    """
    return np.logical_and(
        irradiance_plane_w_per_m2 > SHUTTER_IRRADIANCE_W_PER_M2, np.asarray(summer, dtype=np.bool_)[..., None]
    )


def heat_solar_kw(
    envelope: Envelope,
    irradiance_plane_w_per_m2: FloatArray,
    shutters_closed_plane: BoolArray | bool = False,
    shutter_factor: float = SHUTTER_FACTOR,
) -> FloatArray:
    """Gains through the windows.

    Parameters
    ----------
    envelope : Envelope
        n dwellings.
    irradiance_plane_w_per_m2 : array, shape (..., n_planes)
        Global irradiance on each plane [W/m2].
    shutters_closed_plane : bool array, shape (..., n_planes), or bool
        From ``shutters_closed``.
    shutter_factor : float
        What closed shutters let through.

    Returns
    -------
    array, shape (..., n)
        Gain, net of the glazing's radiation to the sky [kW].
    """
    passing = np.where(shutters_closed_plane, shutter_factor, 1.0) * irradiance_plane_w_per_m2
    heat = passing @ envelope.aperture_m2.T
    heat -= envelope.sky_loss_window_w
    heat /= _W_PER_KW
    return np.asarray(heat, dtype=np.float64)


def temp_solair_degc(
    envelope: Envelope, irradiance_plane_w_per_m2: FloatArray, temp_outdoor_degc: Values
) -> FloatArray:
    """Sol-air temperature of the opaque elements.

    Parameters
    ----------
    envelope : Envelope
        n dwellings.
    irradiance_plane_w_per_m2 : array, shape (..., n_planes)
        Global irradiance on each plane, outside the shutters [W/m2].
    temp_outdoor_degc : array, shape (...), or float
        Outdoor temperature [degC].

    Returns
    -------
    array, shape (..., n)
        T_e + (sum(absorption I) - sky_loss) / H_op [degC].
    """
    heat = irradiance_plane_w_per_m2 @ envelope.absorption_w_per_w_per_m2.T
    heat -= envelope.sky_loss_w
    heat /= np.maximum(envelope.conductance_opaque_w_per_k, _CONDUCTANCE_NONE_W_PER_K)
    heat += np.asarray(temp_outdoor_degc)[..., None]
    return np.asarray(heat, dtype=np.float64)
