import json
import re

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from recosim.errors import ScenarioError
from recosim.scenarios import loader
from recosim.scenarios.loader import (
    json_schema,
    library_descriptions,
    library_names,
    load_scenario,
    scenario_from_text,
    scenario_yaml,
    write_copy,
)
from recosim.scenarios.schema.messages import path_text
from recosim.scenarios.schema.scenario import Scenario

FLAT = """
  - {name: a, archetype: AB.05, floor_area_m2: 60, people: 2, energy_base_kwh_per_year: 2000,
     heating_nominal_kw: 4, cooling_nominal_kw: 4}
"""
TEXT = f"name: mine\nlocation: {{place: rome}}\ncommunity:\n  dwellings:{FLAT}"


def message(action, *arguments, **options):
    with pytest.raises(ScenarioError) as caught:
        action(*arguments, **options)
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_library():
    assert library_names() == ["naples", "naples-paper", "naples-small"]
    assert all(len(text) > 40 for text in library_descriptions().values())
    assert [load_scenario(name).name for name in library_names()] == library_names()


def test_a_short_file_is_enough(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(TEXT, encoding="utf-8")
    scenario = load_scenario(str(path))
    assert scenario.name == "mine"
    assert scenario.folders.scenario == tmp_path.resolve()
    assert scenario.settlement.configuration == "GAC"
    assert load_scenario("naples").folders.scenario is None


@pytest.mark.parametrize("name", ["naples", "naples-paper", "naples-small"])
def test_written_and_read_again_is_the_same(name):
    scenario = load_scenario(name)
    text = scenario_yaml(scenario)
    again = scenario_from_text(text)
    assert again == scenario
    assert scenario_yaml(again) == text
    assert "&" not in text
    keys = list(yaml.safe_load(text))
    assert keys == sorted(Scenario.model_fields)


def test_text_depends_on_content_only(tmp_path):
    path = tmp_path / "other.yaml"
    path.write_text(TEXT.replace("60,", "60.0,") + "seed: 0\n", encoding="utf-8")
    assert scenario_yaml(load_scenario(str(path))) == scenario_yaml(scenario_from_text(TEXT))
    assert str(tmp_path) not in scenario_yaml(load_scenario(str(path)))
    assert scenario_yaml(scenario_from_text(TEXT, ["seed=1"])) != scenario_yaml(scenario_from_text(TEXT))


@pytest.mark.parametrize(
    ("override", "read"),
    [
        ("seed=7", lambda s: s.seed == 7),
        ("community.dwellings.0.floor_area_m2=60", lambda s: s.community.dwellings[0].floor_area_m2 == 60.0),
        (
            "community.dwellings[0].floor_area_m2=61.5",
            lambda s: s.community.dwellings[0].floor_area_m2 == 61.5,
        ),
        (
            "community.dwellings[0].battery.capacity_kwh=7",
            lambda s: s.community.dwellings[0].battery.capacity_kwh == 7,
        ),
        ("community.dwellings[2].battery=null", lambda s: s.community.dwellings[2].battery is None),
        ("building.natural_night_ventilation=false", lambda s: not s.building.natural_night_ventilation),
        ("comfort.heating_hours=[[5, 23]]", lambda s: s.comfort.heating_hours == ((5.0, 23.0),)),
        ("tariff.price_all_in_eur_per_kwh=0.25", lambda s: s.tariff.price_all_in_eur_per_kwh == 0.25),
        ("objective.price_wear_eur_per_kwh=2e-2", lambda s: s.objective.price_wear_eur_per_kwh == 0.02),
        ("period.start=2026-03-01", lambda s: s.period.date_start.isoformat() == "2026-03-01"),
        ("period={days: 7}", lambda s: (s.period.days, s.period.warmup_days) == (7, 3)),
        ("controller.horizon_h=24", lambda s: s.controller.options == {"horizon_h": 24}),
        ("controller.options.a=b=c", lambda s: s.controller.options == {"a": "b=c"}),
        ("controller.name=mpc", lambda s: s.controller.name == "mpc"),
        (" description = a: b ", None),
        ("description='a: b'", lambda s: s.description == "a: b"),
        ("community.size=12", lambda s: len(s.community.dwellings) == 12),
    ],
)
def test_overrides(override, read):
    if read is None:
        assert message(load_scenario, "naples", [override]).startswith(
            "description = {'a': 'b'}, allowed: text"
        )
    else:
        assert read(load_scenario("naples", [override]))


def test_overrides_in_order_and_before_sizing():
    scenario = load_scenario(
        "naples", ["seed=1", "seed=2", "community.size=11", "community.dwellings[0].people=3"]
    )
    assert scenario.seed == 2
    assert [scenario.community.dwellings[i].people for i in (0, 10)] == [3, 3]


def test_override_of_an_anchor_changes_one_place_only():
    text = TEXT.replace("- {name: a", "- &flat {name: a") + "  - {<<: *flat, name: b}\n"
    text += "  plants: []\ntariff: &t {kind: hourly}\n"
    scenario = scenario_from_text(text, ["community.dwellings[0].people=5"])
    assert [d.people for d in scenario.community.dwellings] == [5, 2]


WRONG = [
    (
        "community.dwellings[3].battery.efficiency_charge=1.2",
        "community.dwellings[3].battery.efficiency_charge = 1.2, allowed [0.01, 1] "
        "(--set community.dwellings[3].battery.efficiency_charge=1.2)",
    ),
    ("community.size=0", "community.size = 0, allowed: whole numbers in [1, 1000] (--set community.size=0)"),
    ("community.size=2.5", "community.size = 2.5, allowed: whole numbers in [1, 1000]"),
    (
        "location.place=Napoli",
        "location.place = 'Napoli', did you mean 'naples'? allowed: naples, rome, torino",
    ),
    ("prices.zone=csud", "prices.zone = 'csud', did you mean 'CSUD'? allowed: NORD, "),
    ("comunity.size=5", "comunity: unknown key, did you mean 'community'? allowed: name, description, "),
    (
        "community.dwellings.3.battery.efficency_charge=1",
        "battery.efficency_charge: unknown key, did you mean 'efficiency_charge'? allowed: capacity_kwh, ",
    ),
    ("community.dwellings[10].people=1", "entry '10' of community.dwellings, allowed: 0 to 9"),
    ("community.dwellings.a.people=1", "entry 'a' of community.dwellings, allowed: 0 to 9"),
    ("settlement[0].region=Lazio", "settlement is not a list"),
    ("seed", "--set seed: allowed: section.key=value, such as community.size=50"),
    ("a..b=1", "--set a..b=1: allowed: section.key=value"),
    ("period.days=[", "--set period.days=["),
    ("period.start=2026-13-01", "2026-13-01 is not a date"),
    ("seed=!!python/object/apply:os.getcwd []", "could not determine a constructor"),
    ("tariff={vat: 0.1, vat: 0.2}", "key 'vat' occurs twice"),
    ("tariff.vat=1", "tariff.vat = 1, allowed [0, 1)"),
    ("tariff.sales_eur_per_year=.nan", "tariff.sales_eur_per_year = nan, allowed [0, 1e+06]"),
    ("period.step_minutes=10", "period.step_minutes = 10, allowed: 5, 15, 30, 60"),
    ("controller.name=a/b.py:X", "files are named on the command line only"),
    ("community.dwellings[0].people=yes", "people = True, allowed: whole numbers in [1, 12]"),
    ("community.dwellings=[]", "community.dwellings = [], allowed: a list of 1 to 1000 entries"),
    ("community=3", "community = 3, allowed: a section with the keys size, dwellings"),
    ("comfort.heating_hours=[[6,a]]", "comfort.heating_hours[0][1] = 'a', allowed: a number"),
    (
        "comfort.cooling_season_start=06-31",
        "comfort.cooling_season_start = '06-31', allowed: a day of the year",
    ),
    ("building.natural_night_ventilation=1", "natural_night_ventilation = 1, allowed: true or false"),
    ("community.plants[0].commissioned=soon", "commissioned = 'soon', allowed: a date as YYYY-MM-DD"),
    ("community.dwellings[0].thermal={model: 2r}", "thermal.model = '2r', allowed: 3r2c, 1r1c"),
    ("community.dwellings[0].thermal={}", "thermal.model is missing, allowed: 3r2c, 1r1c"),
    (
        "community.dwellings[0].thermal={model: 1r1c, resistance_k_per_w: -1, capacity_j_per_k: 1e7}",
        "community.dwellings[0].thermal.resistance_k_per_w = -1, allowed [1e-06, 1e+06]",
    ),
    ("tariff.price_energy_eur_per_kwh=0.1", "tariff: price_energy_eur_per_kwh belongs to kind: flat"),
    ("community.common_services=null", "community: plants[0].pod = 'common' needs common_services"),
    ("controller.options={a: {b: 1}}", "option 'a': allowed: a number, a word"),
]


@pytest.mark.parametrize(("override", "expected"), WRONG, ids=[override[:50] for override, _ in WRONG])
def test_one_line_says_what_is_wrong(override, expected):
    text = message(load_scenario, "naples", [override])
    assert expected in text
    assert len(text.splitlines()) == 1
    assert "--set" in text


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("--days=0", "period.days = 0, allowed: whole numbers in [1, 3660] (--days 0)"),
        ("--seed=-1", "seed = -1, allowed: whole numbers in [0, 4294967295] (--seed -1)"),
        ("--start=soon", "period.start = 'soon', allowed: a date as YYYY-MM-DD (--start soon)"),
        ("--start=2025-02-30", "--start 2025-02-30: 2025-02-30 is not a date; allowed: one that exists"),
        ("--start=1999-12-31", "period.start = 1999-12-31, allowed: a date in the years 2000 to 2100 ("),
        ("--days=", "--days: the value is missing"),
        ("seed=", "--set seed=: the value is missing"),
        ("--size=3", "--set --size=3: allowed: section.key=value"),
    ],
)
def test_options_of_a_run_are_named_as_typed(override, expected):
    assert message(load_scenario, "naples", [override]).startswith(expected)


def test_options_of_a_run_are_overrides():
    scenario = load_scenario("naples", ["period.days=9", "--start=2026-03-01", "--days=7", "--seed=5"])
    assert (scenario.period.date_start.isoformat(), scenario.period.days) == ("2026-03-01", 7)
    assert (scenario.period.calendar_year, scenario.seed) == (2026, 5)


def test_too_many_values_are_found_before_they_are_read(monkeypatch):
    monkeypatch.setattr(loader, "VALUES_MAX", 100)
    expected = "s.yaml: more than 100 values, anchors counted each time"
    assert message(scenario_from_text, "a: [" + "1," * 300 + "]", source="s.yaml") == expected
    assert message(scenario_from_text, "a: [" + "1," * 120 + "]", source="s.yaml") == expected


def test_a_file_is_named_in_its_errors(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(TEXT.replace("people: 2", "poeple: 2"), encoding="utf-8")
    lines = message(load_scenario, str(path)).splitlines()
    assert lines[0].startswith("community.dwellings[0].people is missing: Members of the household")
    assert lines[1].startswith(
        "community.dwellings[0].poeple: unknown key, did you mean 'people'? allowed: name, "
    )
    assert all(line.endswith("(mine.yaml)") for line in lines)


def test_five_problems_at_most():
    text = message(scenario_from_text, "\n".join(f"k{n}: {n}" for n in range(20)), source="many.yaml")
    lines = text.splitlines()
    assert len(lines) == 6
    assert lines[-1] == "and 18 more (many.yaml)"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "s.yaml holds nothing, allowed: name, description"),
        ("- a", "s.yaml holds no mapping"),
        ("a: b: c", "s.yaml, line 1, column 5: mapping values are not allowed"),
        ("seed: 1\nname: x\nseed: 2", "s.yaml, line 3, column 1: key 'seed' occurs twice, remove one"),
        ("period: {days: 1, days: 1}", "s.yaml, line 1, column 19: key 'days' occurs twice"),
        ("on: 3", "s.yaml, line 1, column 1: key 'on' is not text"),
        ("[a, b]: 3", "s.yaml, line 1, column 1: key in brackets is not text"),
        ("a: &a [*a]", "s.yaml: an anchor contains itself"),
        ("[" * 200_000, "s.yaml, line 1: nested more than 50 deep"),
        ("- " * 60 + "a", "s.yaml, line 1: nested more than 50 deep"),
        ("a: !!python/name:os.system x", "s.yaml, line 1, column 4: could not determine a constructor"),
        ("a: \x00", "s.yaml: unacceptable character"),
        ("a: 1\n---\nb: 2", "s.yaml, line 2, column 1"),
        ("a: 2025-02-30", "s.yaml, line 1, column 4: 2025-02-30 is not a date"),
    ],
)
def test_broken_text(text, expected):
    found = message(scenario_from_text, text, source="s.yaml")
    assert found.startswith(expected)
    assert len(found.splitlines()) == 1


def test_anchors_do_not_blow_up():
    lines = ["a: &a [1,1,1,1,1,1,1,1,1]"]
    for name, before in zip("bcdefghi", "abcdefgh", strict=True):
        lines.append(f"{name}: &{name} [{','.join([f'*{before}'] * 9)}]")
    assert "more than 500000 values" in message(scenario_from_text, "\n".join(lines))


def test_size_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(loader, "TEXT_MAX_BYTES", 1000)
    path = tmp_path / "big.yaml"
    path.write_text("#" * 1001, encoding="utf-8")
    assert message(load_scenario, str(path)) == "big.yaml has 1001 bytes, allowed: 1000"
    assert "has 1001 characters" in message(scenario_from_text, "#" * 1001)


def test_files_that_cannot_be_read(tmp_path):
    path = tmp_path / "latin.yaml"
    path.write_bytes("name: perché".encode("latin-1"))
    assert "latin.yaml is not UTF-8 text (byte 11)" in message(load_scenario, str(path))
    assert "does not exist" in message(load_scenario, str(tmp_path / "none.yaml"))
    assert "does not exist" in message(load_scenario, "none.yaml")
    assert "does not exist" in message(load_scenario, str(tmp_path))
    expected = "no scenario 'napels', did you mean 'naples'? allowed: naples, naples-paper, naples-small, or"
    assert message(load_scenario, "napels").startswith(expected)
    path.write_bytes(b"\xef\xbb\xbf" + TEXT.encode())
    assert load_scenario(str(path)).name == "mine"


def test_a_file_does_not_hide_the_library(tmp_path, monkeypatch):
    (tmp_path / "naples").write_text(TEXT, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert load_scenario("naples").name == "naples"
    assert load_scenario("./naples").name == "mine"


def test_copy(tmp_path):
    path = write_copy("naples", tmp_path / "new" / "folder")
    assert path == tmp_path / "new" / "folder" / "naples.yaml"
    assert "states of renovation" in path.read_text(encoding="utf-8")
    assert scenario_yaml(load_scenario(str(path))) == scenario_yaml(load_scenario("naples"))
    path.write_text("mine", encoding="utf-8")
    assert "exists already" in message(write_copy, "naples", path.parent)
    assert path.read_text(encoding="utf-8") == "mine"
    assert "cannot be made" in message(write_copy, "naples", path)
    assert "did you mean 'naples'?" in message(write_copy, "Napels", tmp_path)


def test_json_schema_serves_editors():
    schema = json_schema()
    json.dumps(schema)
    assert schema["$schema"].endswith("2020-12/schema")
    assert schema["additionalProperties"] is False
    assert set(schema["properties"]) == set(Scenario.model_fields)
    battery = schema["$defs"]["Battery"]
    assert battery["properties"]["efficiency_charge"]["minimum"] == 0.01
    assert battery["properties"]["efficiency_charge"]["maximum"] == 1.0
    assert battery["properties"]["efficiency_charge"]["description"]
    assert "PrivateAttr" not in json.dumps(schema)
    assert "_folder" not in json.dumps(schema)


def test_path_text():
    assert path_text(()) == ""
    assert path_text(("a", 0, "b", 1)) == "a[0].b[1]"
    assert path_text(("a", "two\nlines")) == r"a['two\nlines']"


MINE = scenario_yaml(scenario_from_text(TEXT, ["community.dwellings[0].battery={}"]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(data=st.data(), value=VALUES)
@settings(max_examples=100, deadline=None)
def test_any_value_anywhere_loads_or_is_refused_in_lines(data, value):
    """A mutation of a scenario is either a scenario or a ScenarioError, never anything else."""
    here = raw = yaml.safe_load(MINE)
    while True:
        keys = list(here) if isinstance(here, dict) else list(range(len(here)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(here[key], dict | list) or not here[key] or data.draw(st.booleans()):
            break
        here = here[key]
    here[key] = value
    try:
        scenario = scenario_from_text(yaml.safe_dump(raw), source="fuzz.yaml")
    except ScenarioError as error:
        lines = str(error).splitlines()
        assert 1 <= len(lines) <= 6
        assert all(re.search(r"fuzz\.yaml|community\.size", line) for line in lines)
    else:
        assert scenario_yaml(scenario_from_text(scenario_yaml(scenario))) == scenario_yaml(scenario)


@pytest.mark.parametrize("number", ["0x" + "f" * 5000, "0b" + "1" * 20_000, "9" * 5000])
def test_a_number_of_thousands_of_digits_is_refused(number):
    with pytest.raises(ScenarioError, match="digits, allowed: 1000"):
        load_scenario("naples", [f"seed={number}"])
