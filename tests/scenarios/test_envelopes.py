"""Flats described by areas and U-values, and details that replace those of an archetype."""

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from recosim.errors import ScenarioError
from recosim.scenarios.archetypes import envelope_of
from recosim.scenarios.community import parts_of
from recosim.scenarios.envelopes import figures_of
from recosim.scenarios.loader import load_scenario
from recosim.scenarios.runner import run_scenario
from recosim.scenarios.schema.community import Dwelling

SIDES = ("north", "east", "south", "west")
FLAT = {
    "name": "a",
    "floor_area_m2": 80.0,
    "people": 2,
    "energy_base_kwh_per_year": 2200.0,
    "heating_nominal_kw": 5.0,
    "cooling_nominal_kw": 4.0,
}
ENVELOPE: dict[str, Any] = {
    "walls": {"u_w_per_m2k": 0.8, "north_m2": 15.0, "south_m2": 12.0},
    "windows": {"u_w_per_m2k": 2.0, "g_value": 0.6, "north_m2": 3.0, "south_m2": 7.0},
    "roof": {"area_m2": 80.0, "u_w_per_m2k": 0.5},
    "floor": {"area_m2": 40.0, "u_w_per_m2k": 0.6, "factor_temperature": 0.5},
    "partition": {"area_m2": 10.0, "u_w_per_m2k": 1.2, "factor_temperature": 0.5},
    "thermal_bridges_w_per_k": 4.0,
    "height_m": 3.0,
}
IN_A_RUN = (
    "community.dwellings[0].archetype=null",
    "community.dwellings[0].envelope={walls: {u_w_per_m2k: 0.8, south_m2: 30}, "
    "windows: {u_w_per_m2k: 2.0, south_m2: 6}}",
)


def flat(**changes: Any) -> Dwelling:
    return Dwelling.model_validate({**FLAT, **changes})


def test_figures_by_hand() -> None:
    figures = figures_of(flat(envelope=ENVELOPE))
    assert figures.conductance_opaque_w_per_k == pytest.approx(27 * 0.8 + 80 * 0.5 + 40 * 0.3 + 10 * 0.6 + 4)
    assert figures.conductance_window_w_per_k == pytest.approx(20.0)
    assert figures.conductance_ventilation_w_per_k == pytest.approx(0.34 * 0.5 * 240.0)
    assert (figures.capacity_j_per_m2k, figures.mass_area_factor) == (165e3, 2.5)
    assert sum(w.area_m2 for w in figures.walls if w.orientation == "up") == 80.0
    assert (figures.g_value, figures.fraction_frame, figures.factor_incidence) == (0.6, 0.3, 0.9)


def test_an_archetype_written_out_is_the_archetype() -> None:
    known = envelope_of("AB.06", "corner", 80.0)

    def areas(surfaces: Any) -> dict[str, float]:
        return {f"{s.orientation}_m2": s.area_m2 for s in surfaces if s.orientation in SIDES}

    u_wall, u_window = known.walls[0].u_w_per_m2k, known.windows[0].u_w_per_m2k
    rest = known.conductance_opaque_w_per_k - sum(wall.conductance_w_per_k for wall in known.walls)
    written = flat(
        envelope={
            "walls": {"u_w_per_m2k": u_wall, **areas(known.walls)},
            "windows": {"u_w_per_m2k": u_window, "g_value": known.g_value, **areas(known.windows)},
            "thermal_bridges_w_per_k": rest,
            "height_m": 2.5,
        },
        air_change_per_h=known.conductance_ventilation_w_per_k / (0.34 * known.volume_m3),
    )
    figures = figures_of(written)
    for name in ("opaque", "window", "ventilation"):
        wanted = getattr(known, f"conductance_{name}_w_per_k")
        assert getattr(figures, f"conductance_{name}_w_per_k") == pytest.approx(wanted)
    assert figures.walls == known.walls
    assert figures.windows == known.windows


def test_details_replace_those_of_an_archetype() -> None:
    plain = figures_of(flat(archetype="AB.05"))
    changed = figures_of(
        flat(
            archetype="AB.05",
            mass="heavy",
            glazing={"u_w_per_m2k": 1.4, "g_value": 0.5},
            air_change_per_h=0.3,
        )
    )
    assert (changed.capacity_j_per_m2k, changed.mass_area_factor) == (260e3, 3.0)
    assert changed.g_value == 0.5
    ratio = changed.conductance_window_w_per_k / plain.conductance_window_w_per_k
    assert ratio == pytest.approx(1.4 / plain.windows[0].u_w_per_m2k)
    assert changed.conductance_ventilation_w_per_k == pytest.approx(0.34 * 0.3 * 200.0)
    assert changed.conductance_opaque_w_per_k == plain.conductance_opaque_w_per_k


def test_shading_of_a_flat_is_its_own() -> None:
    made = parts_of(load_scenario("naples", ["community.dwellings[0].factor_shading=0.3"]))
    usual = parts_of(load_scenario("naples"))
    share = made.devices["dwelling"].parameters.envelope.aperture_m2 / (
        usual.devices["dwelling"].parameters.envelope.aperture_m2 + 1e-12
    )
    assert share[0].max() == pytest.approx(0.5)
    assert share[1].max() == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"archetype": "AB.05", "envelope": ENVELOPE}, "archetype and envelope given"),
        ({}, "give one of archetype, envelope, thermal; none given"),
        (
            {
                "thermal": {"model": "1r1c", "resistance_k_per_w": 0.01, "capacity_j_per_k": 1e7},
                "mass": "light",
            },
            "mass says nothing beside thermal",
        ),
        ({"envelope": {"walls": {"u_w_per_m2k": 0.0}}}, "greater than 0"),
        ({"envelope": {}}, "nothing faces outdoors; give walls, windows or roof"),
        (
            {"envelope": {"walls": {"u_w_per_m2k": 1.0}}, "glazing": {"u_w_per_m2k": 1.1, "g_value": 0.5}},
            "envelope has none; give envelope.windows",
        ),
        ({"envelope": {"roof": {"area_m2": 10.0, "u_w_per_m2k": 1, "factor_temperature": 2}}}, "less than"),
    ],
)
def test_what_contradicts_itself_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        flat(**changes)


def test_an_envelope_beyond_its_floor_area_is_refused_by_name() -> None:
    wall = "community.dwellings[0].envelope={walls: {u_w_per_m2k: 10, south_m2: 9000}}"
    with pytest.raises(ScenarioError, match=r"dwelling 'flat-01': its envelope is too large.*55 m2"):
        parts_of(load_scenario("naples", ["community.dwellings[0].archetype=null", wall]))


def test_the_envelope_grows_with_the_flat() -> None:
    scenario = load_scenario("naples", [*IN_A_RUN, "community.size=11"])
    listed, varied = scenario.community.dwellings[0], scenario.community.dwellings[10]
    assert listed.envelope is not None and varied.envelope is not None
    assert listed.envelope.walls is not None and varied.envelope.walls is not None
    ratio = varied.floor_area_m2 / listed.floor_area_m2
    assert ratio != 1.0
    assert varied.envelope.walls.south_m2 == pytest.approx(30.0 * ratio, abs=1e-3)
    assert varied.envelope.walls.u_w_per_m2k == 0.8


def test_a_described_flat_runs(tmp_path: Any) -> None:
    days = ("period.days=1", "period.warmup_days=1", "period.start=2025-01-14", "community.size=2")
    scenario = load_scenario("naples", [*IN_A_RUN, *days])
    result = run_scenario(scenario, controller="rules", out=tmp_path / "run.h5")
    assert result.kpis["balance_residual_kwh"] < 1e-6
    assert np.isfinite(result.kpis["cost_net_eur"])
