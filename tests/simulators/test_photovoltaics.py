from typing import Any

import numpy as np
import pytest

from recosim.arrays import FloatArray
from recosim.components import Devices
from recosim.simulators.group import GROUP, GROUP_MODEL
from recosim.simulators.photovoltaics import Photovoltaics, PhotovoltaicsParameters
from recosim.simulators.physics.photovoltaics import PvPlant, power_ac_kw
from recosim.timegrid import TimeGrid

GRID = TimeGrid(start=0, step_s=900, n_steps=10)
PLANT = PvPlant(
    power_nominal_kw=np.array([20.0, 3.0, 3.0]),
    tilt_deg=np.array([15.0, 20.0, 15.0]),
    azimuth_deg=np.array([190.0, 160.0, 190.0]),
    power_auxiliary_kw=np.array([0.02, 0.0, 0.0]),
)
PARAMETERS = PhotovoltaicsParameters(plant=PLANT, plane=np.array([0, 1, 0], dtype=np.int64))


@pytest.fixture
def plants() -> Photovoltaics:
    devices = Devices(
        declaration=Photovoltaics.declaration,
        names=("roof", "a", "b"),
        node=np.array([3, 0, 1], dtype=np.int64),
        parameters=PARAMETERS,
    )
    simulator = Photovoltaics()
    simulator.init("photovoltaics-0", grid=GRID, names=devices.names, devices=devices)
    simulator.create(1, GROUP_MODEL)
    return simulator


def run(plants: Photovoltaics, irradiance: Any, limit: Any = None) -> dict[str, FloatArray]:
    inputs: dict[str, Any] = {
        "irradiance_module_w_per_m2": {"inputs": np.array(irradiance)},
        "temp_outdoor_degc": {"inputs": 25.0},
        "wind_speed_m_per_s": {"inputs": 1.0},
    }
    if limit is not None:
        inputs["setpoint_power_pv_limit_kw"] = {"host": np.array(limit)}
    plants.step(0, {GROUP: inputs}, 0)
    out: dict[str, FloatArray] = plants.get_data({GROUP: list(plants.outputs)})[GROUP]
    assert not any(array.flags.writeable for array in out.values())
    return out


def test_each_plant_sees_its_own_plane(plants: Photovoltaics) -> None:
    out = run(plants, [800.0, 400.0])
    expected = power_ac_kw(PLANT, np.array([800.0, 400.0, 800.0]), np.array(25.0), np.array(1.0))
    np.testing.assert_allclose(out["power_pv_kw"], expected)
    assert out["power_pv_kw"][0] == pytest.approx(20.0 / 3.0 * out["power_pv_kw"][2])
    assert out["power_pv_kw"][1] < out["power_pv_kw"][2]


def test_night(plants: Photovoltaics) -> None:
    out = run(plants, [0.0, 0.0])
    assert out["power_pv_kw"].tolist() == [0.0, 0.0, 0.0]
    assert out["power_curtailed_kw"].tolist() == [0.0, 0.0, 0.0]
    assert out["power_auxiliary_kw"].tolist() == [0.02, 0.0, 0.0], "the inverter draws at night too"


def test_limits(plants: Photovoltaics) -> None:
    free = run(plants, [800.0, 800.0])["power_pv_kw"]
    out = run(plants, [800.0, 800.0], [5.0, np.nan, 99.0])
    assert out["power_pv_kw"].tolist() == [5.0, free[1], free[2]]
    np.testing.assert_allclose(out["power_curtailed_kw"], [free[0] - 5.0, 0.0, 0.0])


def test_a_negative_limit_is_zero(plants: Photovoltaics) -> None:
    assert run(plants, [800.0, 800.0], [-1.0, -1.0, -1.0])["power_pv_kw"].tolist() == [0.0, 0.0, 0.0]


def test_power_available_over_a_horizon() -> None:
    irradiance = np.array([[800.0, 400.0], [0.0, 0.0]])
    found = PARAMETERS.power_available_kw(irradiance, np.array([25.0, 5.0]), np.array([1.0, 2.0]))
    assert found.shape == (2, 3)
    np.testing.assert_allclose(
        found[0], power_ac_kw(PLANT, np.array([800.0, 400.0, 800.0]), np.array(25.0), np.array(1.0))
    )
    assert found[1].tolist() == [0.0, 0.0, 0.0]
