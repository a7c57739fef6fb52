import numpy as np
import pytest

from recosim.components import DeviceKind, Devices
from recosim.simulators.group import GROUP, GROUP_MODEL
from recosim.simulators.meters import Meters
from recosim.timegrid import TimeGrid

HALF_PAST = TimeGrid(start=1800, step_s=900, n_steps=8)
PLANTS = Devices(
    declaration=DeviceKind(kind="plant", flows={"electricity": {"power_pv_kw": -1.0}}),
    names=("roof",),
    node=np.array([1], dtype=np.int64),
    parameters=None,
)


@pytest.fixture
def meters() -> Meters:
    simulator = Meters()
    simulator.init("meter-0", grid=HALF_PAST, names=("flat", "common"), devices={"plant": PLANTS})
    simulator.create(1, GROUP_MODEL)
    return simulator


def step(meters: Meters, number: int, load: tuple[float, float], pv: float) -> dict[str, list[float]]:
    inputs = {"power_load_kw": {"inputs": np.array(load)}, "power_pv_kw": {"plant": np.array([pv])}}
    meters.step(900 * number, {GROUP: inputs}, 0)
    data = meters.get_data({GROUP: list(meters.outputs)})[GROUP]
    assert not any(array.flags.writeable for array in data.values())
    return {name: array.tolist() for name, array in data.items()}


def test_withdrawal_and_injection_by_hand(meters: Meters) -> None:
    found = step(meters, 0, (2.0, 1.0), 5.0)
    assert found["energy_withdrawn_kwh"] == [0.5, 0.0]
    assert found["energy_injected_kwh"] == [0.0, 1.0]


def test_within_a_step_a_meter_sees_the_net_only(meters: Meters) -> None:
    found = step(meters, 0, (0.0, 4.0), 4.0)
    assert found["energy_withdrawn_kwh"] == found["energy_injected_kwh"] == [0.0, 0.0]


def test_hour_begins_with_the_hour_of_utc(meters: Meters) -> None:
    # the grid starts at half past: two steps complete the hour, the third begins another
    for number, total in enumerate((0.25, 0.5, 0.25, 0.5, 0.75, 1.0, 0.25)):
        found = step(meters, number, (1.0, 0.0), 2.0)
        assert found["energy_withdrawn_hour_kwh"] == [total, 0.0]
        assert found["energy_injected_hour_kwh"] == [0.0, 2 * total]


def test_an_hour_may_withdraw_and_inject(meters: Meters) -> None:
    for number, pv in ((2, 0.0), (3, 3.0)):
        found = step(meters, number, (0.0, 1.0), pv)
    assert found["energy_withdrawn_hour_kwh"] == [0.0, 0.25]
    assert found["energy_injected_hour_kwh"] == [0.0, 0.5]
