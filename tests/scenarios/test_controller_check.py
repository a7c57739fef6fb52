"""Every way to break the contract is found, with its own words, and a sound controller is in order."""

import json
from pathlib import Path

import pytest

from recosim.cli import main
from recosim.errors import ControllerError
from recosim.scenarios.controller_check.check import check_controller
from recosim.scenarios.controller_check.course import Course
from recosim.scenarios.controller_check.scenes import last_sunday, scenes_of
from recosim.scenarios.loader import load_scenario

BROKEN = Path(__file__).with_name("broken_controllers.py")


@pytest.fixture
def checked(monkeypatch):
    """``checked(name, *overrides)``: verdict and text of each check of a controller, on one small day."""
    monkeypatch.setattr(Course, "_check_isolated", lambda *given: None)  # see the tests of whole checks

    def check(name, *overrides, days=1):
        scenario = load_scenario("naples", ["community.size=3", *overrides])
        found = {}
        course = Course(
            f"{BROKEN}:{name}",
            scenario,
            lambda what, verdict, text: found.setdefault(what, (verdict, text)),
            lambda where, times, done, total: None,
            list(scenes_of(scenario))[:days],
        )
        course.run()
        return found

    return check


def test_a_sound_controller_is_in_order(checked):
    found = checked("Sound", "controller.share=0.1")
    assert {verdict for verdict, _ in found.values()} == {"ok"}
    assert "options: share" in found["loading"][1]
    assert "96 decisions" in found["days"][1]


@pytest.mark.parametrize(
    ("name", "check", "expected"),
    [
        (
            "WrongShape",
            "answers",
            "temp_cooling_degc has shape (4,), allowed: (3,), one value for each dwelling",
        ),
        ("Misspelt", "answers", "unknown control 'temp_colling_degc', allowed: power_heating_kw"),
        ("ReturnsDict", "answers", "decide returned dict, allowed: Setpoints"),
        (
            "HalfNan",
            "NaN and infinity",
            "power_discharge_kw of flat-01-battery is 0 but power_charge_kw is NaN, allowed: numbers in "
            "both, or NaN in both, which leaves the battery to its own rule (winter, 3 dwellings, "
            "2025-01-15 01:15, step 5)",
        ),
        ("Infinite", "NaN and infinity", "temp_heating_degc of flat-01 is infinite"),
        (
            "RaisesOnStep37",
            "exceptions",
            "ZeroDivisionError: nothing to share (broken_controllers.py, line 70) (winter, 3 dwellings, "
            "2025-01-15 09:15, step 37): local rules take the step",
        ),
        ("RaisesInReset", "reset", "KeyError: 'battery' (broken_controllers.py, line 76) (winter, 3"),
        (
            "ChangesTheObservation",
            "observation",
            "assignment destination is read-only (broken_controllers.py",
        ),
        (
            "ChangesTheForecast",
            "observation",
            "2025-01-15 00:30, step 2): local rules take the step",
        ),
        ("GlobalRandom", "random numbers", "the state of random or numpy.random was changed (winter"),
        ("PlainRandom", "random numbers", "make np.random.default_rng(seed) in reset and draw from it"),
        (
            "Unseeded",
            "repeatability",
            "the same controller after reset decides otherwise: temp_cooling_degc of",
        ),
        ("Remembers", "repeatability", "flat-01 = 25.001 and then 25.097 at 2025-01-15 00:00"),
        ("TooMuchPower", "limits", "power_charge_kw of flat-01-battery = 1000, allowed [0, 2.5] (winter, 3"),
        ("NegativePower", "limits", "power_heating_kw of flat-01 = -1, allowed [0, "),
        ("NoReadings", "missing readings", "RuntimeError: a reading is missing (broken_controllers.py, line"),
        ("BadState", "state", "get_state()['rng'] is a Generator, allowed: arrays and bytes under names"),
        ("ForgetsItsState", "state", "after set_state: temp_cooling_degc of flat-01 ="),
    ],
)
def test_what_is_broken_is_said(checked, name, check, expected):
    found = checked(name)
    assert found[check][0] == "failed"
    assert expected in found[check][1]
    others = {other for other, (verdict, _) in found.items() if verdict == "failed"} - {check}
    assert others <= {"repeatability", "days", "communities"}, found


def test_one_that_takes_too_long(checked):
    verdict, text = checked("TooSlow", "controller.time_budget_ms=200")["time"]
    assert verdict == "failed"
    assert "1 of 96 decisions exceed 200 ms (controller.time_budget_ms)" in text
    assert "2025-01-15 00:45, step 3" in text
    assert checked("TooSlow")["time"][0] == "ok"


def test_nan_in_all_it_asks_for_is_warned_of(checked):
    verdict, text = checked("AllNan")["NaN and infinity"]
    assert verdict == "warning"
    assert text.startswith("temp_heating_degc: NaN for every device in every decision")


def test_one_that_takes_any_option_is_warned_of(checked):
    assert checked("AnyOption", "controller.unheard_of=3")["loading"][0] == "warning"


def test_one_that_never_returns_is_ended():
    report = check_controller(
        f"{BROKEN}:NeverReturns", overrides=["controller.kill_after_s=1", "community.size=3", "share=0.1"]
    )
    (check,) = [check for check in report.checks if check.verdict == "failed"]
    assert not report.ok
    assert check.name == "returning"
    assert "no answer within 1 s (winter, 3 dwellings, 2025-01-15 01:00, step 4)" in check.text


def test_one_whose_reset_never_returns_is_ended():
    report = check_controller(f"{BROKEN}:NeverBegins", overrides=["controller.kill_after_s=0.5"])
    assert "no answer within 5 s (winter, 10 dwellings, in reset)" in report.checks[-1].text


def test_one_that_leaves_is_refused(capfd):
    with pytest.raises(ControllerError, match=r"called exit\(3\); take the call out"):
        check_controller(f"{BROKEN}:Leaves", overrides=["community.size=1"])
    assert capfd.readouterr().err == ""


def test_one_that_is_not_for_a_community_is_warned_of(checked):
    found = checked("NeedsCommonPlant", days=8)
    assert found["days"][0] == "ok"
    assert found["communities"][0] == "warning"
    expected = "refused: there is no common plant; name a community with one (winter, no photovoltaics)"
    assert expected in found["communities"][1]
    assert {verdict for verdict, _ in found.values()} == {"ok", "warning"}


def test_one_that_is_for_none_of_the_communities_fails(checked):
    found = checked("NeedsCommonPlant", "community.plants=[]")
    assert found.keys() == {"loading", "days", "communities"}
    assert found["communities"][0] == "failed"
    assert "there is no common plant" in found["communities"][1]
    assert "--scenario" in found["communities"][1]


def test_batteries_and_cars_are_tried_where_the_scenario_has_none():
    last = list(scenes_of(load_scenario("naples-small", ["community.size=3"])))[-1]
    first = last.scenario.community.dwellings[0]
    assert None not in (first.battery, first.hot_water, first.car)
    assert last.scenario.community.shiftable_appliances


@pytest.mark.parametrize(
    ("spec", "overrides", "expected"),
    [
        ("nobody", [], "'nobody' is not installed, allowed: day-ahead, idle, "),
        (f"{BROKEN}:Sound", ["sahre=1"], "no option 'sahre'; did you mean 'share'?"),
        (
            f"{BROKEN}:Sound",
            ["share=1", "controller.share=2"],
            "set before by --set controller.options.share=1",
        ),
    ],
)
def test_what_cannot_be_checked_is_an_error(capsys, spec, overrides, expected):
    with pytest.raises(SystemExit) as ended:
        main(["check-controller", spec, *(word for text in overrides for word in ("--set", text))])
    assert ended.value.code == 2
    assert expected in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("name", ["rules", "mpc"])
def test_controllers_of_the_library_are_in_order(capsys, tmp_path, name):
    target = tmp_path / "report.json"
    with pytest.raises(SystemExit) as ended:
        main(["check-controller", name, "--json", str(target)])
    out = capsys.readouterr().out
    assert ended.value.code == 0, out
    assert out.endswith(f"{name}: in order\n")
    report = json.loads(target.read_text())
    assert report["ok"]
    assert {check["verdict"] for check in report["checks"]} == {"ok"}
    assert "own process" in {check["name"] for check in report["checks"]}


def test_days_of_the_clock_change():
    assert (last_sunday(2025, 3).day, last_sunday(2025, 10).day) == (30, 26)
    scenes = list(scenes_of(load_scenario("naples")))
    assert [scene.season for scene in scenes[:4]] == [
        "winter",
        "summer",
        "spring (23 hours)",
        "autumn (25 hours)",
    ]
    assert {len(scene.scenario.community.dwellings) for scene in scenes} == {1, 3, 10}
