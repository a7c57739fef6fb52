import numpy as np
import pandas as pd
import pytest

from recosim.scenarios.archetypes import envelope_of
from recosim.scenarios.community import parts_of, stacked
from recosim.scenarios.envelopes import network_of
from recosim.scenarios.loader import load_scenario
from recosim.scenarios.validation.reference import Request
from recosim.scenarios.validation.tabula import (
    BLOCKS,
    published_needs,
    validate,
)


@pytest.fixture(scope="module")
def report():
    return validate(Request())


def test_42_published_needs_are_reproduced():
    needs = published_needs()
    assert len(needs) == 42
    ours, theirs = np.array(list(needs.values())).T
    np.testing.assert_allclose(ours, theirs, rtol=0.0, atol=1e-9)
    assert needs["IT.MidClim.AB.05.Gen.ReEx.001.001"][0] == pytest.approx(155.707258, abs=1e-6)


def test_the_table_is_the_published_one(shared_data):
    file = shared_data / "buildings" / "tabula_it.csv"
    if not file.is_file():
        pytest.skip("the TABULA table is not here")
    published = pd.read_csv(file).set_index("Code_BuildingVariant")["q_h_nd"]
    assert {name: need for name, (_, need) in published_needs().items()} == published.to_dict()


def test_our_dwellings_agree_with_the_static_method(report):
    assert report.ok
    dynamic = report.figures["dynamic"]
    assert tuple(dynamic) == BLOCKS
    for block in dynamic.values():
        assert 0.75 <= block["ratio"] <= 1.25
    needs = [block["dynamic"] for block in dynamic.values()]
    assert needs[0] > needs[1] > needs[3], "the older, the more"


def test_without_the_reduction_both_agree_closely(report):
    rows = [row for row in report.rows if row.what.strip() == "over the static method without F_red"]
    assert len(rows) == 4
    assert all(abs(row.value) < 5.0 for row in rows)


def test_heating_on_any_cold_day_takes_more(report):
    needs = [row.value for row in report.rows if row.what == "need of our dwellings"]
    longer = [row.value for row in report.rows if row.what.strip() == "heated on any cold day"]
    assert all(a < b for a, b in zip(needs, longer, strict=True))


def test_they_are_the_dwellings_of_a_run():
    scenario = load_scenario("naples")
    building = scenario.building
    dwellings = parts_of(scenario).devices["dwelling"].parameters
    flats = [
        envelope_of(flat.archetype, flat.position, flat.floor_area_m2, building.roof_u_w_per_m2k)
        for flat in scenario.community.dwellings
    ]
    for name, values in vars(stacked([network_of(flat) for flat in flats])).items():
        np.testing.assert_allclose(values, getattr(dwellings.network, name), rtol=1e-12, err_msg=name)
