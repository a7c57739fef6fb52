"""Envelope figures of a flat of a scenario: by its archetype or by its own areas and U-values."""

from dataclasses import replace

from recosim.scenarios.archetypes import (
    AZIMUTH_DEG,
    CAPACITY_OF_CLASS_J_PER_M2K,
    HEAT_CAPACITY_AIR_WH_PER_M3K,
    MASS_AREA_OF_CLASS,
    EnvelopeFigures,
    Surface,
    envelope_of,
)
from recosim.scenarios.schema.community import Dwelling
from recosim.scenarios.schema.envelope import GivenEnvelope, Mass, Walls, Windows
from recosim.simulators.physics.rc_parameters import RcNetwork, network_from_iso13790

AIR_CHANGE_PER_H = 0.5
"""Use and leaks of a flat with an envelope of its own that says nothing of them (UNI 10339, EN 12831)."""
MASS: Mass = "medium"
MASSES: tuple[Mass, ...] = ("very-light", "light", "medium", "heavy", "very-heavy")
"""Classes of ISO 13790:2008, table 12."""


def figures_of(flat: Dwelling, roof_u_w_per_m2k: float | None = None) -> EnvelopeFigures:
    """Envelope figures of a flat with an archetype or an envelope; its own details replace those of either.

    Parameters
    ----------
    flat : Dwelling
    roof_u_w_per_m2k : float, optional
        U-value of an archetype's roof that was insulated since [W/(m2 K)].
    """
    if flat.envelope is not None:
        figures = _given(flat.envelope, flat.floor_area_m2)
    else:
        figures = envelope_of(str(flat.archetype), flat.position, flat.floor_area_m2, roof_u_w_per_m2k)
    if flat.glazing is not None:
        windows = tuple(replace(w, u_w_per_m2k=flat.glazing.u_w_per_m2k) for w in figures.windows)
        figures = replace(
            figures,
            windows=windows,
            conductance_window_w_per_k=sum(w.conductance_w_per_k for w in windows),
            g_value=flat.glazing.g_value,
        )
    if flat.air_change_per_h is not None:
        ventilation = HEAT_CAPACITY_AIR_WH_PER_M3K * flat.air_change_per_h * figures.volume_m3
        figures = replace(figures, conductance_ventilation_w_per_k=ventilation)
    if flat.mass is not None:
        capacity, factor = _mass(flat.mass)
        figures = replace(figures, capacity_j_per_m2k=capacity, mass_area_factor=factor)
    return figures


def network_of(figures: EnvelopeFigures) -> RcNetwork:
    """Thermal network of a flat, every field a scalar."""
    return network_from_iso13790(
        floor_area_m2=figures.floor_area_m2,
        conductance_opaque_w_per_k=figures.conductance_opaque_w_per_k,
        conductance_window_w_per_k=figures.conductance_window_w_per_k,
        conductance_ventilation_w_per_k=figures.conductance_ventilation_w_per_k,
        capacity_mass_j_per_m2k=figures.capacity_j_per_m2k,
        mass_area_factor=figures.mass_area_factor,
    )


def _given(envelope: GivenEnvelope, floor_area_m2: float) -> EnvelopeFigures:
    walls, windows = _surfaces(envelope.walls), _surfaces(envelope.windows)
    if envelope.roof is not None:
        u_roof = envelope.roof.u_w_per_m2k * envelope.roof.factor_temperature
        walls += (Surface(orientation="up", area_m2=envelope.roof.area_m2, u_w_per_m2k=u_roof),)
    shaded = sum(
        part.area_m2 * part.u_w_per_m2k * part.factor_temperature
        for part in (envelope.floor, envelope.partition)
        if part is not None
    )
    glass = envelope.windows or Windows(u_w_per_m2k=1.0)  # no windows: what their panes are does not matter
    volume = envelope.height_m * floor_area_m2
    capacity, factor = _mass(MASS)
    return EnvelopeFigures(
        floor_area_m2=floor_area_m2,
        volume_m3=volume,
        conductance_opaque_w_per_k=sum(w.conductance_w_per_k for w in walls)
        + shaded
        + envelope.thermal_bridges_w_per_k,
        conductance_window_w_per_k=sum(w.conductance_w_per_k for w in windows),
        conductance_ventilation_w_per_k=HEAT_CAPACITY_AIR_WH_PER_M3K * AIR_CHANGE_PER_H * volume,
        capacity_j_per_m2k=capacity,
        mass_area_factor=factor,
        windows=windows,
        walls=walls,
        g_value=glass.g_value,
        fraction_frame=glass.fraction_frame,
        factor_incidence=glass.factor_incidence,
    )


def _surfaces(part: Walls | Windows | None) -> tuple[Surface, ...]:
    if part is None:
        return ()
    return tuple(
        Surface(orientation=o, area_m2=getattr(part, f"{o}_m2"), u_w_per_m2k=part.u_w_per_m2k)
        for o in AZIMUTH_DEG
    )


def _mass(mass: Mass) -> tuple[float, float]:
    """Internal heat capacity per floor area [J/(m2 K)], and mass area over floor area."""
    number = MASSES.index(mass)
    return CAPACITY_OF_CLASS_J_PER_M2K[number], MASS_AREA_OF_CLASS[number]
