"""What the host hands to a controller, and what it takes back."""

import re
from time import sleep

import numpy as np
import pytest

from recosim.contracts import Setpoints
from recosim.controllers.host import LOCAL_RULES, METERED, ControllerHost, DecisionLog
from recosim.errors import ControllerError
from recosim.simulators.group import GROUP

SCENE = ("naples", "2025-07-14", "community.size=4")


class Scripted:
    """Returns or raises what it is told to, and keeps what it was shown."""

    def __init__(self, answer=None, record=None):
        self.answer = Setpoints() if answer is None else answer
        self.record = {} if record is None else record
        self.seen = []

    def reset(self, community, seed): ...

    def decide(self, observation, forecast):
        self.seen.append(observation)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def hosted(scene):
    """``hosted(controller, steps)``: the host's log after some steps, and its last outputs."""

    def run(controller, steps=1, time_budget_ms=None):
        here = scene(*SCENE)
        plant, log, host = here.plant, DecisionLog(), ControllerHost()
        host.init(
            "host",
            grid=plant.series.simulated,
            n_warmup=0,
            community=plant.community,
            controller=controller,
            forecasts=here.forecasts,
            log=log,
            seed=1,
            time_budget_ms=time_budget_ms,
        )
        sizes = {name: len(devices) for name, devices in plant.community.states.items()}
        sizes |= dict.fromkeys(METERED, len(plant.community.pods))
        for step in range(steps):
            inputs = {GROUP: {name: {"x": np.full(n, 20.0)} for name, n in sizes.items()}}
            host.step(step * 900, inputs, 900)
            assert all((source["x"] == 20.0).all() for source in inputs[GROUP].values())
        names = [name for name in host.meta["models"]["Group"]["attrs"] if name.startswith("setpoint_")]
        return log, host.get_data({GROUP: names})[GROUP]

    return run


def test_what_is_left_out_is_nan_and_nan_is_passed_on(hosted):
    both = Setpoints(power_charge_kw=[1.0, np.nan], power_discharge_kw=[0.0, np.nan])
    log, out = hosted(Scripted(both))
    assert out["setpoint_power_charge_kw"][0] == 1.0
    assert np.isnan(out["setpoint_power_charge_kw"][1])
    assert np.isnan(out["setpoint_temp_heating_degc"]).all()
    assert log.rows[0]["fallback"] == ""


def test_one_power_of_a_battery_alone_switches_the_other_off(hosted):
    log, out = hosted(Scripted(Setpoints(power_discharge_kw=[1.0, np.nan])))
    assert log.rows[0]["fallback"] == ""
    assert out["setpoint_power_discharge_kw"][0] == 1.0
    assert out["setpoint_power_charge_kw"][0] == 0.0
    assert np.isnan(out["setpoint_power_charge_kw"][1])


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        (Setpoints(power_charge_kw=[1.0]), r"power_charge_kw has shape \(1,\), allowed: \(2,\)"),
        (Setpoints(power_chrage_kw=[1.0, 1.0]), "unknown control 'power_chrage_kw'"),
        (Setpoints(power_charge_kw=[1.0, np.inf]), "power_charge_kw of flat-04-battery is infinite"),
        ({"power_charge_kw": 1.0}, "decide returned dict"),
        (
            Setpoints(power_charge_kw=[0.0, np.nan], power_discharge_kw=[0.0, 2.0]),
            "power_discharge_kw of flat-04-battery is 2 but power_charge_kw is NaN",
        ),
        (ZeroDivisionError("oh\0no"), "ZeroDivisionError: ohno"),
    ],
)
def test_what_does_not_fit_leaves_the_step_to_local_rules(hosted, answer, what):
    log, out = hosted(Scripted(answer))
    assert log.rows[0]["fallback"] == LOCAL_RULES
    assert all(np.isnan(values).all() for values in out.values())

    assert re.search(what, log.rows[0]["status"])


@pytest.mark.parametrize("record", [{"plan": np.zeros(3)}, {"note": None}, {1: 2.0}, 5])
def test_a_record_of_other_things_than_numbers_and_text_is_refused(hosted, record):
    log, _ = hosted(Scripted(record=record))
    assert log.rows[0]["fallback"] == LOCAL_RULES
    assert "record" in log.rows[0]["status"]


def test_a_record_may_not_pass_off_its_own_time(hosted):
    log, _ = hosted(Scripted(record={"milliseconds": -1.0, "rounds": np.int64(3)}))
    assert log.rows[0]["milliseconds"] >= 0.0
    assert log.rows[0]["rounds"] == 3


def test_meters_begin_at_zero_with_every_hour(hosted):
    controller = Scripted()
    hosted(controller, steps=6)
    for step, seen in enumerate(controller.seen):
        expected = 0.0 if step % 4 == 0 else 20.0
        assert (seen.energy_withdrawn_hour_kwh == expected).all(), step


def test_a_controller_that_fails_in_reset_is_named(hosted):
    class Broken(Scripted):
        def reset(self, community, seed):
            raise KeyError("tariff")

    with pytest.raises(ControllerError, match="Broken failed in reset: KeyError: 'tariff'"):
        hosted(Broken())


def writes_a_state(observation, forecast):
    observation["temp_indoor_degc"][0] = 0.0


def opens_a_state_for_writing(observation, forecast):
    observation["temp_indoor_degc"].flags.writeable = True


def replaces_a_state(observation, forecast):
    observation.states["temp_indoor_degc"] = np.zeros(4)


def moves_the_time(observation, forecast):
    observation.time = 0


def writes_the_meters(observation, forecast):
    observation.energy_withdrawn_hour_kwh += 1.0


def writes_the_forecast(observation, forecast):
    forecast.power_pv_kw[:] = 0.0


def opens_the_forecast_for_writing(observation, forecast):
    forecast.temp_outdoor_degc.setflags(write=True)


def writes_what_sharing_pays(observation, forecast):
    forecast.shared[0].rate_eur_per_kwh[0] = 9.0


@pytest.mark.parametrize(
    "change",
    [
        writes_a_state,
        opens_a_state_for_writing,
        replaces_a_state,
        moves_the_time,
        writes_the_meters,
        writes_the_forecast,
        opens_the_forecast_for_writing,
        writes_what_sharing_pays,
    ],
)
def test_what_is_shown_cannot_be_changed(hosted, change):
    class Changing(Scripted):
        def decide(self, observation, forecast):
            change(observation, forecast)
            return Setpoints()

    log, _ = hosted(Changing(), steps=2)
    assert [row["fallback"] for row in log.rows] == [LOCAL_RULES] * 2
    assert re.search("read-only|WRITEABLE|cannot assign", log.rows[0]["status"])


def test_a_controller_has_a_community_of_its_own(hosted, scene):
    battery = scene(*SCENE).plant.community.devices["battery"].parameters
    before = battery.capacity_kwh.copy()

    class Grabbing(Scripted):
        def reset(self, community, seed):
            capacity = community.devices["battery"].parameters.capacity_kwh
            with pytest.raises(ValueError, match="read-only"):
                capacity[0] = 99.0
            capacity.flags.writeable = True
            capacity[0] = 99.0

    hosted(Grabbing())
    assert (battery.capacity_kwh == before).all()


def test_what_was_returned_is_no_longer_the_controllers(hosted):
    answer = Setpoints(temp_heating_degc=np.full(4, 20.0))

    class Late(Scripted):
        def decide(self, observation, forecast):
            answer["temp_heating_degc"][:] = 20.0 + observation.step
            return answer

    log, out = hosted(Late(), steps=2)
    assert [row["fallback"] for row in log.rows] == ["", ""]
    assert (out["setpoint_temp_heating_degc"] == 21.0).all()
    answer["temp_heating_degc"][:] = 0.0
    assert (out["setpoint_temp_heating_degc"] == 21.0).all()


def test_a_decision_beyond_its_time_is_late(hosted):
    class Slow(Scripted):
        def decide(self, observation, forecast):
            sleep(0.02)
            return Setpoints(temp_heating_degc=np.full(4, 20.0))

    log, out = hosted(Slow(), time_budget_ms=10.0)
    assert log.rows[0]["fallback"] == LOCAL_RULES
    assert re.search(r"decide took \d+ ms, allowed: time_budget_ms = 10", log.rows[0]["status"])
    assert np.isnan(out["setpoint_temp_heating_degc"]).all()
    log, _ = hosted(Slow(), time_budget_ms=1e6)
    assert log.rows[0]["fallback"] == ""


def test_what_no_device_can_do_is_counted(hosted):
    answer = Setpoints(power_charge_kw=[1e3, -1.0], power_discharge_kw=[0.0, 0.0])
    log, out = hosted(Scripted(answer), steps=2)
    assert [row["beyond_limits"] for row in log.rows] == [2, 2]
    assert out["setpoint_power_charge_kw"].tolist() == [1e3, -1.0]
    assert re.match(
        r"power_charge_kw of flat-03-battery = 1000, allowed \[0, [\d.]+\] at 2025-07-14 00:00",
        log.first_beyond,
    )
