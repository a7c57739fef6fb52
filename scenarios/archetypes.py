"""Envelope figures of one Italian flat, from the block it stands in.

The table ``archetypes.yaml`` holds whole blocks. A flat takes its part of the block by floor area, and its
position decides which elements it has. The rules keep the block: the flats of all six positions, weighted
by how often each occurs, add up to it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any, Literal, get_args

import numpy as np
import yaml

from recosim.errors import ScenarioError

Archetype = Literal["AB.05", "AB.06", "AB.07", "AB.08", "nzeb-c", "nzeb-d", "nzeb-e"]
Position = Literal["middle", "corner", "top", "top-corner", "ground", "ground-corner"]
Orientation = Literal["north", "east", "south", "west", "up"]

AZIMUTH_DEG: Mapping[Orientation, float] = {"north": 0.0, "east": 90.0, "south": 180.0, "west": 270.0}
HEAT_CAPACITY_AIR_WH_PER_M3K = 0.34
# ISO 13790:2008 table 12: internal heat capacity of the classes very light to very heavy, and A_m / A_f.
CAPACITY_OF_CLASS_J_PER_M2K = (80e3, 110e3, 165e3, 260e3, 370e3)
MASS_AREA_OF_CLASS = (2.5, 2.5, 2.5, 3.0, 3.5)


@dataclass(frozen=True, kw_only=True)
class Surface:
    """A part of the envelope that sees the sun.

    Parameters
    ----------
    orientation : str
        ``north``, ``east``, ``south``, ``west``, or ``up`` for a roof.
    area_m2 : float [m2]
    u_w_per_m2k : float [W/(m2 K)]
    """

    orientation: Orientation
    area_m2: float
    u_w_per_m2k: float

    @property
    def conductance_w_per_k(self) -> float:
        """Area times U-value [W/K]."""
        return self.area_m2 * self.u_w_per_m2k

    @property
    def azimuth_deg(self) -> float:
        """Clockwise from north, 0 for a roof [deg]."""
        return AZIMUTH_DEG.get(self.orientation, 0.0)

    @property
    def tilt_deg(self) -> float:
        """From the horizontal: 0 for a roof, 90 for a wall or window [deg]."""
        return 0.0 if self.orientation == "up" else 90.0


@dataclass(frozen=True, kw_only=True)
class EnvelopeFigures:
    """What ISO 13790 needs to know of a flat.

    Parameters
    ----------
    floor_area_m2, volume_m3 : float [m2, m3]
    conductance_opaque_w_per_k : float [W/K]
        Walls, partitions, roof, floor and every thermal bridge, reduced by their temperature factors.
    conductance_window_w_per_k : float [W/K]
    conductance_ventilation_w_per_k : float [W/K]
        Use and leaks, windows closed.
    capacity_j_per_m2k : float
        Internal heat capacity per floor area [J/(m2 K)].
    mass_area_factor : float
        Effective mass area over floor area (f_m of ISO 13790).
    windows : tuple of Surface
        One per orientation.
    walls : tuple of Surface
        Opaque parts in the sun: outer walls by orientation and, under a roof, the roof. Their conductance is
        a part of ``conductance_opaque_w_per_k``; the rest faces stairs or ground, or is a thermal bridge.
    g_value : float
        Solar transmittance of the glazing at a right angle.
    fraction_frame, factor_incidence : float
        Part of the window that is frame, and reduction for slanting light.
    """

    floor_area_m2: float
    volume_m3: float
    conductance_opaque_w_per_k: float
    conductance_window_w_per_k: float
    conductance_ventilation_w_per_k: float
    capacity_j_per_m2k: float
    mass_area_factor: float
    windows: tuple[Surface, ...]
    walls: tuple[Surface, ...]
    g_value: float
    fraction_frame: float
    factor_incidence: float


@dataclass(frozen=True, kw_only=True)
class _Element:
    part: str
    area_m2: float
    u_w_per_m2k: float
    resistance_unheated_m2k_per_w: float = 0.0
    factor_temperature: float = 1.0

    @property
    def u_effective_w_per_m2k(self) -> float:
        return self.factor_temperature / (1.0 / self.u_w_per_m2k + self.resistance_unheated_m2k_per_w)


@dataclass(frozen=True, kw_only=True)
class _Block:
    description: str
    area_reference_m2: float
    apartments: int
    storeys: int
    elements: tuple[_Element, ...]
    windows_m2: Mapping[Orientation, float]
    u_window_w_per_m2k: float
    g_value: float
    thermal_bridges_w_per_m2k: float
    air_change_per_h: float

    @property
    def share_corner(self) -> float:
        """Part of the flats that stand at an end: two on each storey."""
        return min(1.0, 2.0 * self.storeys / self.apartments)


@cache
def _table() -> dict[str, Any]:
    text = files("recosim.scenarios").joinpath("archetypes.yaml").read_text(encoding="utf-8")
    table: dict[str, Any] = yaml.safe_load(text)
    return table


@cache
def _block(archetype: str) -> _Block:
    table = _table()
    retrofit = table["retrofits"].get(archetype)
    row = table["blocks"][retrofit["block"] if retrofit else archetype]
    elements = tuple(_Element(**element) for element in row["elements"])
    window = dict(row["windows"])
    use = table["boundary"]["air_change_use_per_h"]
    air_change = use + row["air_change_infiltration_per_h"]
    bridges = row["thermal_bridges_w_per_m2k"]
    if retrofit:
        u_new = retrofit["u_w_per_m2k"]
        elements = tuple(
            _Element(**{**element, "u_w_per_m2k": u_new[element["part"]]}) for element in row["elements"]
        )
        window |= retrofit["windows"]
        air_change = retrofit["air_change_per_h"]
        bridges = 0.0
    return _Block(
        description=(retrofit or row)["description"],
        area_reference_m2=row["area_reference_m2"],
        apartments=row["apartments"],
        storeys=row["storeys"],
        elements=elements,
        windows_m2={o: window[f"{o}_m2"] for o in AZIMUTH_DEG},
        u_window_w_per_m2k=window["u_w_per_m2k"],
        g_value=window["g_value"],
        thermal_bridges_w_per_m2k=bridges,
        air_change_per_h=air_change,
    )


def archetype_descriptions() -> dict[str, str]:
    """Name and description of every archetype, in the order of the table."""
    return {name: _block(name).description for name in get_args(Archetype)}


def position_shares(archetype: str) -> dict[str, float]:
    """How often each position occurs in the block, adding up to one.

    One storey in ``storeys`` lies under the roof and one on the ground; two flats of each storey stand at an
    end.

    Raises
    ------
    ScenarioError
        The archetype is unknown.
    """
    _check("archetype", archetype, get_args(Archetype))
    block = _block(archetype)
    storey = {"": 1.0 - 2.0 / block.storeys, "top": 1.0 / block.storeys, "ground": 1.0 / block.storeys}
    end = block.share_corner
    return {
        "middle": storey[""] * (1.0 - end),
        "corner": storey[""] * end,
        "top": storey["top"] * (1.0 - end),
        "top-corner": storey["top"] * end,
        "ground": storey["ground"] * (1.0 - end),
        "ground-corner": storey["ground"] * end,
    }


def envelope_of(
    archetype: str, position: str, floor_area_m2: float, roof_u_w_per_m2k: float | None = None
) -> EnvelopeFigures:
    """Envelope figures of a flat: the block's figures per floor area, by position.

    * Roof and floor belong to the uppermost and the lowest storey alone; there, a flat has ``storeys`` times
      the block's mean area of them.
    * The outer wall of an end flat is ``ratio_facade_corner`` times that of a flat between two others, and
      the mean over a storey is the block's. Walls between them follow the windows' orientations; the extra
      wall of an end flat, which may look anywhere, is spread over all four.
    * Windows and partitions to the stairs are the block's mean in every position: windows are sized by floor
      area (one eighth of it at least, decree of 5 July 1975), whatever the facade.
    * Thermal bridges go with the area of the element they surround.

    Parameters
    ----------
    archetype : str
        ``AB.05`` to ``AB.08``, ``nzeb-c``, ``nzeb-d`` or ``nzeb-e``.
    position : str
        ``middle``, ``corner``, ``top``, ``top-corner``, ``ground`` or ``ground-corner``.
    floor_area_m2 : float [m2]
    roof_u_w_per_m2k : float, optional
        U-value of a roof that was insulated since, where it is lower than the archetype's [W/(m2 K)].

    Raises
    ------
    ScenarioError
        An archetype or position is unknown, or the area is not positive.

    Source: areas and U-values TABULA/EPISCOPE and decree of 26 June 2015 (``archetypes.yaml``); heat capacity
    and A_m ISO 13790:2008 table 12.

    Examples
    --------
    >>> flat = envelope_of("AB.05", "middle", 61.0)
    >>> round(flat.conductance_window_w_per_k, 1)  # 61 m2 * 320.68 m2 / 2438.65 m2 * 4.9 W/m2K
    39.3
    """
    _check("archetype", archetype, get_args(Archetype))
    _check("position", position, get_args(Position))
    if not floor_area_m2 > 0.0:
        raise ScenarioError(f"floor_area_m2 = {floor_area_m2}, allowed: above 0")
    block, boundary = _roofed(_block(archetype), roof_u_w_per_m2k), _table()["boundary"]
    scale = floor_area_m2 / block.area_reference_m2
    area_window_block = sum(block.windows_m2.values())
    walls = _sunlit(block, position, scale)
    windows = tuple(
        Surface(orientation=orientation, area_m2=area * scale, u_w_per_m2k=block.u_window_w_per_m2k)
        for orientation, area in block.windows_m2.items()
    )
    area_shaded = scale * sum(e.area_m2 * _share(block, e.part, position) for e in _shaded(block))
    conductance_shaded = scale * sum(
        e.area_m2 * e.u_effective_w_per_m2k * _share(block, e.part, position) for e in _shaded(block)
    )
    area_all = sum(w.area_m2 for w in walls) + area_shaded + area_window_block * scale
    volume = boundary["height_room_m"] * floor_area_m2
    return EnvelopeFigures(
        floor_area_m2=floor_area_m2,
        volume_m3=volume,
        conductance_opaque_w_per_k=sum(w.conductance_w_per_k for w in walls)
        + conductance_shaded
        + block.thermal_bridges_w_per_m2k * area_all,
        conductance_window_w_per_k=sum(w.conductance_w_per_k for w in windows),
        conductance_ventilation_w_per_k=HEAT_CAPACITY_AIR_WH_PER_M3K * block.air_change_per_h * volume,
        capacity_j_per_m2k=boundary["capacity_j_per_m2k"],
        mass_area_factor=mass_area_factor_of(boundary["capacity_j_per_m2k"]),
        windows=windows,
        walls=walls,
        g_value=block.g_value,
        fraction_frame=boundary["fraction_frame"],
        factor_incidence=boundary["factor_incidence"],
    )


def _roofed(block: _Block, roof_u_w_per_m2k: float | None) -> _Block:
    """The block with its roof insulated to a U-value, if that is an improvement."""
    if roof_u_w_per_m2k is None:
        return block
    elements = tuple(
        replace(e, u_w_per_m2k=min(e.u_w_per_m2k, roof_u_w_per_m2k)) if e.part == "roof" else e
        for e in block.elements
    )
    return replace(block, elements=elements)


def mass_area_factor_of(capacity_j_per_m2k: float) -> float:
    """Effective mass area over floor area, interpolated between the classes of ISO 13790 table 12.

    Examples
    --------
    >>> mass_area_factor_of(162e3), mass_area_factor_of(212.5e3)
    (2.5, 2.75)
    """
    return float(np.interp(capacity_j_per_m2k, CAPACITY_OF_CLASS_J_PER_M2K, MASS_AREA_OF_CLASS))


def _shaded(block: _Block) -> list[_Element]:
    return [e for e in block.elements if e.part in ("partition", "floor")]


def _share(block: _Block, part: str, position: str) -> float:
    """Area of an element in a flat of this position over the block's mean, at equal floor area."""
    if part == "roof":
        return float(block.storeys) if position.startswith("top") else 0.0
    if part == "floor":
        return float(block.storeys) if position.startswith("ground") else 0.0
    if part == "wall":
        between = _share_between(block)
        return between * _ratio_facade_corner() if position.endswith("corner") else between
    return 1.0


def _share_between(block: _Block) -> float:
    return 1.0 / (1.0 + block.share_corner * (_ratio_facade_corner() - 1.0))


def _ratio_facade_corner() -> float:
    return float(_table()["positions"]["ratio_facade_corner"])


def _sunlit(block: _Block, position: str, scale: float) -> tuple[Surface, ...]:
    """Outer walls by orientation, and the roof of a top flat."""
    outer = [e for e in block.elements if e.part == "wall"]
    area = scale * sum(e.area_m2 for e in outer)
    u_wall = sum(e.area_m2 * e.u_effective_w_per_m2k for e in outer) / sum(e.area_m2 for e in outer)
    facade = area * _share_between(block)
    gable = area * _share(block, "wall", position) - facade
    area_window_block = sum(block.windows_m2.values())
    surfaces = [
        Surface(
            orientation=orientation,
            area_m2=facade * window / area_window_block + gable / len(AZIMUTH_DEG),
            u_w_per_m2k=u_wall,
        )
        for orientation, window in block.windows_m2.items()
    ]
    if position.startswith("top"):
        surfaces += [
            Surface(
                orientation="up",
                area_m2=scale * e.area_m2 * _share(block, "roof", position),
                u_w_per_m2k=e.u_effective_w_per_m2k,
            )
            for e in block.elements
            if e.part == "roof"
        ]
    return tuple(surfaces)


def _check(what: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ScenarioError(f"{what} = {value!r}, allowed: {', '.join(allowed)}")
