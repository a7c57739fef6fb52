import csv
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recosim.errors import ScenarioError
from recosim.scenarios.archetypes import (
    Archetype,
    Position,
    archetype_descriptions,
    envelope_of,
    mass_area_factor_of,
    position_shares,
)

TABULA = ("AB.05", "AB.06", "AB.07", "AB.08")
ARCHETYPES = get_args(Archetype)
POSITIONS = get_args(Position)


def block_mean(archetype, what):
    """Mean over the block of a figure per floor area."""
    shares = position_shares(archetype)
    return sum(share * what(envelope_of(archetype, position, 1.0)) for position, share in shares.items())


def tabula_row(shared_data, archetype):
    with (shared_data / "buildings" / "tabula_it.csv").open(encoding="utf-8") as file:
        rows = {row["Code_BuildingVariant"]: row for row in csv.DictReader(file)}
    row = rows[f"IT.MidClim.{archetype}.Gen.ReEx.001.001"]
    return lambda name: float(row[name])


@pytest.mark.parametrize("archetype", TABULA)
def test_block_adds_up_to_tabula(shared_data, archetype):
    tabula = tabula_row(shared_data, archetype)
    area = tabula("A_C_Ref")
    transmission = block_mean(
        archetype, lambda flat: flat.conductance_opaque_w_per_k + flat.conductance_window_w_per_k
    )
    assert transmission == pytest.approx(tabula("h_Transmission"), rel=1e-12)
    window = envelope_of(archetype, "corner", area)
    assert window.conductance_window_w_per_k == pytest.approx(tabula("H_Transmission_Window_1"), rel=1e-12)
    assert window.conductance_ventilation_w_per_k == pytest.approx(tabula("h_Ventilation") * area, rel=1e-12)
    assert window.g_value == pytest.approx(tabula("g_gl_n_Window_1"))
    assert window.capacity_j_per_m2k == pytest.approx(tabula("c_m") * 3600.0)
    for surface in window.windows:
        assert surface.area_m2 == pytest.approx(tabula(f"A_Window_{surface.orientation.title()}"))


@pytest.mark.parametrize("archetype", TABULA)
def test_seasonal_heat_need_of_tabula(shared_data, archetype):
    """TABULA's seasonal method on our figures gives TABULA's published heat need."""
    tabula = tabula_row(shared_data, archetype)
    h_tr = block_mean(archetype, lambda f: f.conductance_opaque_w_per_k + f.conductance_window_w_per_k)
    h_ve = block_mean(archetype, lambda f: f.conductance_ventilation_w_per_k)
    capacity_wh = block_mean(archetype, lambda f: f.capacity_j_per_m2k) / 3600.0
    reduction = tabula("F_red_temp")
    gains = tabula("q_sol") + tabula("q_int")
    losses = 0.024 * (h_tr + h_ve) * reduction * 2575.2
    exponent = 0.8 + capacity_wh / (h_tr + h_ve) / 30.0
    gamma = gains / losses
    usable = (1.0 - gamma**exponent) / (1.0 - gamma ** (exponent + 1.0))
    assert losses - usable * gains == pytest.approx(tabula("q_h_nd"), rel=1e-3)


def test_ab05_middle_by_hand():
    flat = envelope_of("AB.05", "middle", 61.0)
    scale = 61.0 / 2438.65
    between = 1.0 / (1.0 + 0.4 * 0.467)  # 16 of 40 flats stand at an end
    wall, stairs = 2239.0 * between, 1033.0
    opaque = wall * 1.10 + stairs / (1.0 / 1.26 + 0.3) + 0.1 * (wall + stairs + 320.68)
    assert flat.conductance_opaque_w_per_k == pytest.approx(scale * opaque, rel=1e-12)
    assert flat.conductance_window_w_per_k == pytest.approx(scale * 320.68 * 4.9, rel=1e-12)
    assert flat.conductance_ventilation_w_per_k == pytest.approx(0.34 * 0.8 * 2.5 * 61.0)
    assert flat.volume_m3 == pytest.approx(152.5)
    assert flat.mass_area_factor == 2.5
    assert (flat.fraction_frame, flat.factor_incidence) == (0.3, 0.9)


@pytest.mark.parametrize("archetype", ARCHETYPES)
def test_positions_are_ordered(archetype):
    loss = {p: envelope_of(archetype, p, 80.0).conductance_opaque_w_per_k for p in POSITIONS}
    assert loss["middle"] < loss["corner"] < loss["top-corner"]
    assert loss["middle"] < loss["top"] < loss["top-corner"]
    assert loss["middle"] < loss["ground"] < loss["ground-corner"]
    windows = {envelope_of(archetype, p, 80.0).conductance_window_w_per_k for p in POSITIONS}
    assert len(windows) == 1
    assert sum(position_shares(archetype).values()) == pytest.approx(1.0)


def test_corner_has_the_facade_of_rse_apartments(shared_data):
    yaml = pytest.importorskip("yaml")
    text = (shared_data / "buildings" / "apartments_rse" / "building_east.yml").read_text(encoding="utf-8")
    north, _, east, _, south, *_ = yaml.safe_load(text)["A_walls"]
    ratio = (north + east + south) / (north + south)

    def walls(position):
        return sum(s.area_m2 for s in envelope_of("AB.06", position, 80.0).walls)

    assert walls("corner") / walls("middle") == pytest.approx(ratio, rel=1e-3)


def test_roof_is_seen_from_the_top_floor_only():
    for position in POSITIONS:
        flat = envelope_of("AB.06", position, 100.0)
        roofs = [wall for wall in flat.walls if wall.orientation == "up"]
        assert len(roofs) == (1 if position.startswith("top") else 0)
        assert sum(w.conductance_w_per_k for w in flat.walls) < flat.conductance_opaque_w_per_k
    assert roofs == []
    (roof,) = (w for w in envelope_of("AB.06", "top", 100.0).walls if w.orientation == "up")
    assert roof.area_m2 == pytest.approx(687.5 * 6 / 3506.25 * 100.0)
    assert (roof.tilt_deg, roof.azimuth_deg) == (0.0, 0.0)
    assert [w.azimuth_deg for w in flat.windows] == [0.0, 90.0, 180.0, 270.0]
    assert {w.tilt_deg for w in flat.windows} == {90.0}


def test_retrofit_keeps_the_block_and_changes_the_figures():
    old, new = envelope_of("AB.05", "middle", 61.0), envelope_of("nzeb-c", "middle", 61.0)
    assert [w.area_m2 for w in new.windows] == [w.area_m2 for w in old.windows]
    assert new.conductance_window_w_per_k == pytest.approx(old.conductance_window_w_per_k * 2.2 / 4.9)
    assert new.conductance_ventilation_w_per_k == pytest.approx(16.6, abs=0.05)
    assert new.g_value == 0.5
    losses = [envelope_of(f"nzeb-{zone}", "top", 80.0).conductance_opaque_w_per_k for zone in "cde"]
    assert losses == sorted(losses, reverse=True)


def test_design_page_figures_of_the_average_apartment():
    """H_op, H_w, H_ve of models.md 1.7, per average apartment."""
    expected = {
        "AB.05": (61.0, 116.3, 39.3, 41.5),
        "AB.06": (73.0, 71.4, 28.0, 37.3),
        "AB.07": (77.2, 67.5, 47.0, 39.4),
        "AB.08": (68.5, 29.2, 19.2, 29.1),
    }
    for archetype, (area, *figures) in expected.items():
        names = ("opaque", "window", "ventilation")
        found = [
            area * block_mean(archetype, lambda f, n=name: getattr(f, f"conductance_{n}_w_per_k"))
            for name in names
        ]
        assert found == pytest.approx(figures, abs=0.1)


@given(
    archetype=st.sampled_from(ARCHETYPES),
    position=st.sampled_from(POSITIONS),
    area=st.floats(10.0, 1000.0),
)
def test_everything_goes_with_floor_area(archetype, position, area):
    flat, unit = envelope_of(archetype, position, area), envelope_of(archetype, position, 1.0)
    for name in ("opaque", "window", "ventilation"):
        value = getattr(flat, f"conductance_{name}_w_per_k")
        assert value > 0.0
        assert value == pytest.approx(area * getattr(unit, f"conductance_{name}_w_per_k"), rel=1e-9)
    # otherwise the 5R1C network has no conductance left between mass and outdoors
    assert flat.conductance_opaque_w_per_k < 9.1 * flat.mass_area_factor * area


@pytest.mark.parametrize(("capacity", "factor"), [(50e3, 2.5), (165e3, 2.5), (260e3, 3.0), (1e6, 3.5)])
def test_mass_area_factor(capacity, factor):
    assert mass_area_factor_of(capacity) == pytest.approx(factor)
    assert np.isscalar(mass_area_factor_of(capacity))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("AB.99", "middle", 50.0), "archetype = 'AB.99', allowed: AB.05"),
        (("AB.05", "attic", 50.0), "position = 'attic', allowed: middle, corner"),
        (("AB.05", "middle", 0.0), "floor_area_m2 = 0.0, allowed: above 0"),
        (("AB.05", "middle", float("nan")), "floor_area_m2 = nan"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ScenarioError, match=message.replace(".", r"\.")):
        envelope_of(*arguments)


def test_descriptions():
    assert list(archetype_descriptions()) == list(ARCHETYPES)
    assert all(archetype_descriptions().values())
