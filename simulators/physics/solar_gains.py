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
