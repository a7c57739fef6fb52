"""Which answers are beyond what devices can ever do."""

import numpy as np
import pytest

from recosim.contracts import Setpoints
from recosim.controllers.answers import AnswerError, Answers
from recosim.simulators.physics.heat_pump import (
    cooling_capacity_kw,
    cooling_power_kw,
    heating_capacity_kw,
    heating_power_kw,
)

SCENE = ("naples", "2025-07-14", "community.size=4", "community.dwellings[0].hot_water={power_kw: 1.5}")


@pytest.fixture
def community(scene):
    return scene(*SCENE).plant.community


@pytest.mark.parametrize(
    ("asked", "count", "first"),
    [
        ({"power_charge_kw": [2.5, 2.52]}, 0, None),
        ({"power_charge_kw": [2.5, 2.6]}, 1, "power_charge_kw of flat-04-battery = 2.6, allowed [0, 2.5]"),
        (
            {"power_discharge_kw": [-0.1, 0.0]},
            1,
            "power_discharge_kw of flat-03-battery = -0.1, allowed [0, 2",
        ),
        ({"power_water_heating_kw": [1.6]}, 1, "power_water_heating_kw of flat-01"),
        ({"power_pv_limit_kw": [1e6] * 3}, 0, None),
        ({"power_pv_limit_kw": [0.0, -2.0, -1.0]}, 2, "= -2, allowed [0, inf]"),
        ({"temp_heating_degc": [-50.0, 99.0, np.nan, 20.0]}, 0, None),
        (
            {"power_heating_kw": [np.nan, 0.0, 50.0, 60.0]},
            2,
            "power_heating_kw of flat-03 = 50, allowed [0, ",
        ),
    ],
)
def test_what_no_device_can_do(community, asked, count, first):
    answers = Answers(community)
    found, beyond = answers.beyond(answers.checked(Setpoints(**asked)))
    assert found == count
    assert (first is None and beyond is None) or first in str(beyond)


def test_no_unit_ever_draws_more_than_its_limit(community):
    parameters = community.devices["dwelling"].parameters
    limits = community.devices["dwelling"].declaration.limits(parameters)
    unit, rng = parameters.air_conditioner, np.random.default_rng(0)
    for temp in rng.uniform(-20.0, 45.0, 50):
        heating = heating_power_kw(unit, heating_capacity_kw(unit, temp), temp)
        cooling = cooling_power_kw(unit, cooling_capacity_kw(unit, temp), temp)
        assert (heating <= limits["power_heating_kw"][1] * 1.01).all()
        assert (cooling <= limits["power_cooling_kw"][1] * 1.01).all()


def test_kinds_of_misfits(community):
    answers = Answers(community)
    wrong = {
        "control": Setpoints(power_fusion_kw=[1.0]),
        "shape": Setpoints(temp_heating_degc=20.0),
        "infinite": Setpoints(temp_heating_degc=[np.inf] * 4),
        "half": Setpoints(power_charge_kw=[1.0, 1.0], power_discharge_kw=[np.nan, 0.0]),
    }
    for kind, answer in wrong.items():
        with pytest.raises(AnswerError) as refused:
            answers.checked(answer)
        assert refused.value.kind == kind
