"""What the host hands to a controller, and what it takes back."""

import re

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

    def run(controller, steps=1):
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
        )
        sizes = {name: len(devices) for name, devices in plant.community.states.items()}
        sizes |= dict.fromkeys(METERED, len(plant.community.pods))
        for step in range(steps):
            inputs = {GROUP: {name: {"x": np.full(n, 20.0)} for name, n in sizes.items()}}
            host.step(step * 900, inputs, 900)
        names = [name for name in host.meta["models"]["Group"]["attrs"] if name.startswith("setpoint_")]
        return log, host.get_data({GROUP: names})[GROUP]

    return run


def test_what_is_left_out_is_nan_and_nan_is_passed_on(hosted):
    log, out = hosted(Scripted(Setpoints(power_charge_kw=[1.0, np.nan])))
    assert out["setpoint_power_charge_kw"][0] == 1.0
    assert np.isnan(out["setpoint_power_charge_kw"][1])
    assert np.isnan(out["setpoint_temp_heating_degc"]).all()
    assert log.rows[0]["fallback"] == ""


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        (Setpoints(power_charge_kw=[1.0]), r"power_charge_kw has shape \(1,\), allowed: \(2,\)"),
        (Setpoints(power_chrage_kw=[1.0, 1.0]), "unknown control 'power_chrage_kw'"),
        (Setpoints(power_charge_kw=[1.0, np.inf]), "power_charge_kw of flat-04-battery is infinite"),
        ({"power_charge_kw": 1.0}, "decide returned dict"),
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
