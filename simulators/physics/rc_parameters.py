"""Parameters of a dwelling's thermal network: an air node and a mass node, three branches (3R2C).

The 5R1C network of EN ISO 13790 with an air capacity added *is* such a network: its surface node has no
capacity and is eliminated by a star-mesh transformation, gains included.

Symbols of the sources: H_ie = ``conductance_air_outdoor_w_per_k`` (windows, ventilation), H_im =
``conductance_air_mass_w_per_k``, H_em = ``conductance_mass_solair_w_per_k`` (opaque elements, which see the
sol-air temperature), H_mw = ``conductance_mass_outdoor_w_per_k`` (the part of the window path that reaches
the mass, which sees the outdoor air).
"""

from dataclasses import dataclass, fields, replace

import numpy as np

from recosim.arrays import FloatArray
from recosim.simulators.physics.checks import Values, require_range

_W_PER_KW = 1e3
_AIR_WEIGHT_OPERATIVE = 0.3
_SURFACE_PER_FLOOR_AREA = 4.5


@dataclass(frozen=True, kw_only=True)
class RcNetwork:
    """Parameters of n dwellings; every field has shape (n,).

    Parameters
    ----------
    conductance_air_outdoor_w_per_k, conductance_air_mass_w_per_k : array, shape (n,)
        Branches of the air node [W/K].
    conductance_mass_solair_w_per_k, conductance_mass_outdoor_w_per_k : array, shape (n,)
        Branches of the mass node to the sol-air and to the outdoor temperature [W/K].
    capacity_air_j_per_k, capacity_mass_j_per_k : array, shape (n,)
        Heat capacities of the nodes [J/K].
    gain_internal_air, gain_internal_mass, gain_solar_air, gain_solar_mass : array, shape (n,)
        Share of the internal and solar gains that reaches each node; what is missing to 1 leaves through the
        windows at once.
    operative_air, operative_mass, operative_outdoor : array, shape (n,)
        Weights of the operative temperature, sum 1.
    operative_internal_k_per_kw, operative_solar_k_per_kw : array, shape (n,)
        What gains on the inner surfaces add to the operative temperature [K/kW].

    Raises
    ------
    ValueError
        A value is impossible; the message names field, index, value and range.
    """

    conductance_air_outdoor_w_per_k: FloatArray
    conductance_air_mass_w_per_k: FloatArray
    conductance_mass_solair_w_per_k: FloatArray
    conductance_mass_outdoor_w_per_k: FloatArray
    capacity_air_j_per_k: FloatArray
    capacity_mass_j_per_k: FloatArray
    gain_internal_air: FloatArray
    gain_internal_mass: FloatArray
    gain_solar_air: FloatArray
    gain_solar_mass: FloatArray
    operative_air: FloatArray
    operative_mass: FloatArray
    operative_outdoor: FloatArray
    operative_internal_k_per_kw: FloatArray
    operative_solar_k_per_kw: FloatArray

    def __post_init__(self) -> None:
        names = [item.name for item in fields(self)]
        arrays = np.broadcast_arrays(*(np.asarray(getattr(self, name), dtype=np.float64) for name in names))
        for name, array in zip(names, arrays, strict=True):
            object.__setattr__(self, name, np.ascontiguousarray(array).reshape(array.shape))
            if name.startswith("capacity"):
                require_range(name, array, 0.0, np.inf, low_open=True, high_open=True)
            elif name.startswith(("gain", "operative_air", "operative_mass", "operative_outdoor")):
                require_range(name, array, 0.0, 1.0)
            else:
                require_range(name, array, 0.0, np.inf, high_open=True)
        internal = self.gain_internal_air + self.gain_internal_mass
        solar = self.gain_solar_air + self.gain_solar_mass
        weights = self.operative_air + self.operative_mass + self.operative_outdoor
        require_range("gain_internal_air + gain_internal_mass", internal, 0.0, 1.0 + 1e-12)
        require_range("gain_solar_air + gain_solar_mass", solar, 0.0, 1.0 + 1e-12)
        require_range("operative_air + operative_mass + operative_outdoor", weights, 1.0 - 1e-9, 1.0 + 1e-9)


def network_from_iso13790(
    *,
    floor_area_m2: Values,
    conductance_opaque_w_per_k: Values,
    conductance_window_w_per_k: Values,
    conductance_ventilation_w_per_k: Values,
    capacity_mass_j_per_m2k: Values,
    mass_area_factor: Values,
    capacity_air_j_per_m2k: Values = 10_000.0,
    h_is: Values = 3.45,
    h_ms: Values = 9.1,
    variant: str = "iso",
) -> RcNetwork:
    """Exact reduction of the EN ISO 13790 hourly network (5R1C) to air and mass.

    Parameters
    ----------
    floor_area_m2 : array or float
        Conditioned floor area A_f [m2].
    conductance_opaque_w_per_k, conductance_window_w_per_k : array or float
        H_op (with thermal bridges) and H_w [W/K].
    conductance_ventilation_w_per_k : array or float
        H_ve, ventilation and infiltration [W/K].
    capacity_mass_j_per_m2k, capacity_air_j_per_m2k : array or float
        Capacity of the mass (c_m) and of air and furniture, per floor area [J/(m2 K)].
    mass_area_factor : array or float
        f_m = A_m / A_f, effective mass area per floor area; at most 4.5.
    h_is, h_ms : array or float
        Surface coefficients air-surface and surface-mass [W/(m2 K)].
    variant : {"iso", "exact"}
        ``iso`` is the standard's network: its load at a given air temperature lies below UA * dT, because the
        surface resistance is in series with U-values that contain one already. ``exact`` (variant P) loses
        exactly (H_op + H_w + H_ve) * dT in steady state.

    Returns
    -------
    RcNetwork
        Fields of shape (n,).

    Raises
    ------
    ValueError
        A value is impossible, H_op is not below the conductance in series with it, or the variant is unknown.

    Notes
    -----
    Source: EN ISO 13790:2008, clause 12.2.2, equations (C.1) to (C.3), (C.10) for T_s and 0.3/0.7 for the
    operative temperature; star-mesh elimination of the surface node.
    """
    area = np.asarray(floor_area_m2, dtype=np.float64)
    opaque = np.asarray(conductance_opaque_w_per_k, dtype=np.float64)
    window = np.asarray(conductance_window_w_per_k, dtype=np.float64)
    ventilation = np.asarray(conductance_ventilation_w_per_k, dtype=np.float64)
    factor = np.asarray(mass_area_factor, dtype=np.float64)
    require_range("floor_area_m2", area, 0.0, low_open=True)
    require_range("mass_area_factor", factor, 0.0, _SURFACE_PER_FLOOR_AREA, low_open=True)
    for name, values in (
        ("conductance_opaque_w_per_k", opaque),
        ("conductance_window_w_per_k", window),
        ("conductance_ventilation_w_per_k", ventilation),
    ):
        require_range(name, values, 0.0)

    mass_share = factor / _SURFACE_PER_FLOOR_AREA
    surface_area = _SURFACE_PER_FLOOR_AREA * area
    air_surface = h_is * surface_area
    surface_mass = h_ms * factor * area
    if variant == "iso":
        total = air_surface + window + surface_mass
        air_mass = air_surface * surface_mass / total
        air_outdoor = ventilation + air_surface * window / total
        mass_outdoor = window * surface_mass / total
        series = surface_mass
        surface_share = 1.0 - mass_share - window / (h_ms * surface_area)
        surface_outdoor = window / total
    elif variant == "exact":
        total = air_surface + surface_mass
        air_mass = air_surface * surface_mass / total
        air_outdoor = ventilation + window
        mass_outdoor = np.zeros_like(total)
        series = air_mass
        surface_share = 1.0 - mass_share
        surface_outdoor = np.zeros_like(total)
    else:
        raise ValueError(f"variant = {variant!r}, allowed 'iso' or 'exact'")
    require_range(
        "conductance_opaque_w_per_k / the conductance in series", opaque / series, 0.0, 1.0, high_open=True
    )
    require_range("share of the gains on the inner surface", surface_share, 0.0, 1.0)

    to_air, to_mass = air_surface / total, surface_mass / total
    radiant = 1.0 - _AIR_WEIGHT_OPERATIVE
    # H_em = 1/(1/H_op - 1/H_series), written so that H_op = 0 is allowed
    return RcNetwork(
        conductance_air_outdoor_w_per_k=air_outdoor,
        conductance_air_mass_w_per_k=air_mass,
        conductance_mass_solair_w_per_k=opaque * series / (series - opaque),
        conductance_mass_outdoor_w_per_k=mass_outdoor,
        capacity_air_j_per_k=capacity_air_j_per_m2k * area,
        capacity_mass_j_per_k=capacity_mass_j_per_m2k * area,
        gain_internal_air=0.5 + 0.5 * surface_share * to_air,
        gain_internal_mass=0.5 * mass_share + 0.5 * surface_share * to_mass,
        gain_solar_air=surface_share * to_air,
        gain_solar_mass=mass_share + surface_share * to_mass,
        operative_air=_AIR_WEIGHT_OPERATIVE + radiant * to_air,
        operative_mass=radiant * to_mass,
        operative_outdoor=radiant * surface_outdoor,
        operative_internal_k_per_kw=radiant * 0.5 * surface_share / total * _W_PER_KW,
        operative_solar_k_per_kw=radiant * surface_share / total * _W_PER_KW,
    )


def with_air_as_operative(network: RcNetwork) -> RcNetwork:
    """The same network, its operative temperature being that of the air: for thermostats that sense the air.

    Parameters
    ----------
    network : RcNetwork
        Fields of shape (n,).

    Returns
    -------
    RcNetwork
        Weights of the operative temperature 1 for the air and 0 for everything else.
    """
    one, zero = np.ones_like(network.operative_air), np.zeros_like(network.operative_air)
    return replace(
        network,
        operative_air=one,
        operative_mass=zero,
        operative_outdoor=zero,
        operative_internal_k_per_kw=zero,
        operative_solar_k_per_kw=zero,
    )


def network_from_resistances(
    *,
    resistance_air_outdoor_k_per_w: Values,
    resistance_air_mass_k_per_w: Values,
    resistance_mass_outdoor_k_per_w: Values,
    capacity_air_j_per_k: Values,
    capacity_mass_j_per_k: Values,
    gain_internal_air: Values = 1.0,
    gain_solar_air: Values = 1.0,
    operative_air: Values = 1.0,
) -> RcNetwork:
    """3R2C network given directly, as identified from measurements or taken from a paper.

    Parameters
    ----------
    resistance_air_outdoor_k_per_w, resistance_air_mass_k_per_w : array or float
        R_ie and R_im [K/W]; infinity leaves the branch out.
    resistance_mass_outdoor_k_per_w : array or float
        R_me, from the mass to the sol-air temperature [K/W].
    capacity_air_j_per_k, capacity_mass_j_per_k : array or float
        Heat capacities [J/K].
    gain_internal_air, gain_solar_air : array or float
        Share of the gains that enters the air; the rest enters the mass.
    operative_air : array or float
        Weight of the air in the operative temperature; the rest is the mass.

    Returns
    -------
    RcNetwork
        Fields of shape (n,).

    Raises
    ------
    ValueError
        A resistance or capacity is not positive, or a share is outside [0, 1].
    """
    resistances = {
        "resistance_air_outdoor_k_per_w": resistance_air_outdoor_k_per_w,
        "resistance_air_mass_k_per_w": resistance_air_mass_k_per_w,
        "resistance_mass_outdoor_k_per_w": resistance_mass_outdoor_k_per_w,
    }
    for name, values in resistances.items():
        require_range(name, values, 0.0, low_open=True)
    air_outdoor, air_mass, mass_solair = (1.0 / np.asarray(r, dtype=np.float64) for r in resistances.values())
    internal, solar, air = (
        np.asarray(share, dtype=np.float64) for share in (gain_internal_air, gain_solar_air, operative_air)
    )
    zero = np.zeros(())
    return RcNetwork(
        conductance_air_outdoor_w_per_k=air_outdoor,
        conductance_air_mass_w_per_k=air_mass,
        conductance_mass_solair_w_per_k=mass_solair,
        conductance_mass_outdoor_w_per_k=zero,
        capacity_air_j_per_k=np.asarray(capacity_air_j_per_k, dtype=np.float64),
        capacity_mass_j_per_k=np.asarray(capacity_mass_j_per_k, dtype=np.float64),
        gain_internal_air=internal,
        gain_internal_mass=1.0 - internal,
        gain_solar_air=solar,
        gain_solar_mass=1.0 - solar,
        operative_air=air,
        operative_mass=1.0 - air,
        operative_outdoor=zero,
        operative_internal_k_per_kw=zero,
        operative_solar_k_per_kw=zero,
    )


def network_1r1c(*, resistance_k_per_w: Values, capacity_j_per_k: Values) -> RcNetwork:
    """One resistance, one capacity: C dT/dt = (T_e - T)/R + all gains; the operative temperature is T.

    The mass node is there but unconnected: it keeps its temperature and holds 1 J/K.

    Parameters
    ----------
    resistance_k_per_w : array or float
        R [K/W].
    capacity_j_per_k : array or float
        C [J/K].

    Returns
    -------
    RcNetwork
        Fields of shape (n,).

    Raises
    ------
    ValueError
        A value is not positive.
    """
    return network_from_resistances(
        resistance_air_outdoor_k_per_w=resistance_k_per_w,
        resistance_air_mass_k_per_w=np.inf,
        resistance_mass_outdoor_k_per_w=np.inf,
        capacity_air_j_per_k=capacity_j_per_k,
        capacity_mass_j_per_k=1.0,
    )
