import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recosim.errors import ScenarioError
from recosim.scenarios.loader import load_scenario, scenario_from_text, scenario_yaml
from recosim.scenarios.schema.community import Battery, Community
from recosim.scenarios.sizing import resize

NAPLES = load_scenario("naples").community
SMALL = load_scenario("naples-small").community


def n_with(community, device):
    return sum(getattr(dwelling, device) is not None for dwelling in community.dwellings)


def test_ten_is_the_community_itself():
    assert resize(NAPLES, 10, seed=7) == NAPLES.model_copy(update={"size": 10})


@given(size=st.integers(1, 120), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_any_size(size, seed):
    resized = resize(NAPLES, size, seed)
    assert len(resized.dwellings) == resized.size == size
    assert len({dwelling.name for dwelling in resized.dwellings}) == size
    assert n_with(resized, "photovoltaics") == n_with(resized, "battery") == math.ceil(0.4 * size - 1e-9)
    for dwelling in resized.dwellings:
        assert (dwelling.photovoltaics is None) == (dwelling.battery is None)
    assert resized.plants[0].power_kw == pytest.approx(2.0 * size)
    assert resized.plants[0].power_auxiliary_kw == pytest.approx(0.002 * size)
    assert resized.common_services.energy_kwh_per_year == pytest.approx(200.0 * size)
    assert resized.common_services.power_contract_kw == pytest.approx(0.3 * size)
    for index, dwelling in enumerate(resized.dwellings):
        original = NAPLES.dwellings[index % 10]
        assert dwelling.people == original.people
        assert dwelling.archetype == original.archetype
        assert dwelling.floor_area_m2 == pytest.approx(original.floor_area_m2, rel=0.051)
        assert dwelling.energy_base_kwh_per_year == pytest.approx(
            original.energy_base_kwh_per_year, rel=0.101
        )
        if dwelling.photovoltaics is not None and original.photovoltaics is not None:
            azimuth = original.photovoltaics.azimuth_deg
            assert dwelling.photovoltaics.azimuth_deg == pytest.approx(azimuth, rel=0.051)


def test_no_devices_stay_no_devices():
    resized = resize(SMALL, 37, seed=1)
    assert n_with(resized, "photovoltaics") == n_with(resized, "battery") == 0
    assert resized.plants[0].power_kw == pytest.approx(29.6)


def test_copies_vary_by_seed_and_not_by_size():
    twenty, fifty = resize(NAPLES, 20, seed=3), resize(NAPLES, 50, seed=3)
    assert fifty.dwellings[:20] == twenty.dwellings
    assert twenty.dwellings[:10] == NAPLES.dwellings
    other = resize(NAPLES, 20, seed=4)
    areas_here, areas_there = ([d.floor_area_m2 for d in c.dwellings[10:]] for c in (twenty, other))
    assert all(a != b for a, b in zip(areas_here, areas_there, strict=True))
    assert resize(NAPLES, 20, seed=3) == twenty
    areas = [dwelling.floor_area_m2 for dwelling in fifty.dwellings[::10]]
    assert len(set(areas)) == len(areas)


def test_three_flats_get_the_missing_plant_and_battery():
    three = resize(NAPLES, 3, seed=0)
    assert [dwelling.name for dwelling in three.dwellings] == ["flat-01", "flat-02", "flat-03"]
    assert [dwelling.battery is not None for dwelling in three.dwellings] == [True, False, True]
    assert three.plants[0].power_kw == pytest.approx(6.0)


def test_a_share_is_never_exceeded():
    first_has = NAPLES.dwellings[2]
    listed = (first_has, *(d for d in NAPLES.dwellings[:5] if d.photovoltaics is None))
    community = NAPLES.model_copy(update={"dwellings": listed})
    assert n_with(resize(community, 5, seed=0), "photovoltaics") == 2
    four_first = tuple(sorted(NAPLES.dwellings, key=lambda d: d.photovoltaics is None))
    crowded = NAPLES.model_copy(update={"dwellings": four_first})
    assert n_with(resize(crowded, 4, seed=0), "photovoltaics") == 2
    assert n_with(resize(crowded, 14, seed=0), "battery") == 6
    assert resize(crowded, 14, seed=0).dwellings[:10] == four_first


def test_batteries_prefer_homes_with_photovoltaics():
    with_one = NAPLES.dwellings[4].model_copy(update={"battery": Battery()})
    listed = tuple(
        with_one if d.name == "flat-05" else d.model_copy(update={"battery": None}) for d in NAPLES.dwellings
    )
    resized = resize(NAPLES.model_copy(update={"dwellings": listed}), 3, seed=0)
    (home,) = (d for d in resized.dwellings if d.battery is not None)
    assert home.photovoltaics is not None


def test_a_thousand_flats_have_plants_of_one_megawatt():
    thousand = resize(NAPLES, 1000, seed=1)
    assert [(plant.name, plant.power_kw) for plant in thousand.plants] == [
        ("roof-1", 1000.0),
        ("roof-2", 1000.0),
    ]
    assert n_with(thousand, "battery") == 400
    assert resize(NAPLES, 500, seed=1).plants[0].name == "roof"


def test_a_resized_scenario_survives_being_written():
    scenario = load_scenario("naples", ["community.size=23", "seed=9"])
    text = scenario_yaml(scenario)
    assert scenario_from_text(text) == scenario
    assert scenario_yaml(scenario_from_text(text)) == text


def test_seed_of_the_scenario_decides():
    first, second = (load_scenario("naples", ["community.size=12", f"seed={seed}"]) for seed in (1, 2))
    assert first.community.dwellings[:10] == second.community.dwellings[:10]
    assert first.community.dwellings[11] != second.community.dwellings[11]


@pytest.mark.parametrize("size", [0, -3, 1001])
def test_sizes_out_of_range(size):
    with pytest.raises(
        ScenarioError, match=rf"community\.size = {size}, allowed: whole numbers in \[1, 1000\]"
    ):
        resize(NAPLES, size, seed=0)


def test_names_that_meet_are_refused():
    taken = NAPLES.dwellings[1].model_copy(update={"name": "flat-01-2"})
    community = Community.model_validate(
        NAPLES.model_copy(update={"dwellings": (NAPLES.dwellings[0], taken)}).model_dump()
    )
    with pytest.raises(ScenarioError, match="two dwellings are called 'flat-01-2'.*at community.size = 3"):
        resize(community, 3, seed=0)


def test_extremes_stay_within_bounds():
    tiny = NAPLES.dwellings[2].model_copy(
        update={
            "floor_area_m2": 10.0,
            "photovoltaics": NAPLES.dwellings[2].photovoltaics.model_copy(update={"azimuth_deg": 360.0}),
        }
    )
    resized = resize(NAPLES.model_copy(update={"dwellings": (tiny,)}), 50, seed=0)
    assert min(dwelling.floor_area_m2 for dwelling in resized.dwellings) == 10.0
    assert all(0.0 <= dwelling.photovoltaics.azimuth_deg <= 360.0 for dwelling in resized.dwellings)
