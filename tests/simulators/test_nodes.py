import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recosim.components import DeviceKind, Devices
from recosim.simulators.nodes import NodeSum


def devices(kind: str, flows: dict[str, float], node: list[int]) -> Devices:
    return Devices(
        declaration=DeviceKind(kind=kind, flows={"electricity": flows, "heat": {"heat_kw": 1.0}}),
        names=tuple(f"{kind}-{i}" for i in range(len(node))),
        node=np.array(node, dtype=np.int64),
        parameters=None,
    )


COMMUNITY = {
    "battery": devices("battery", {"power_charge_kw": 1.0, "power_discharge_kw": -1.0}, [2, 0]),
    "plant": devices("plant", {"power_pv_kw": -1.0}, [0, 0, 1]),
}


def test_names_are_the_electric_flows() -> None:
    assert NodeSum(COMMUNITY, 4).names == ("power_charge_kw", "power_discharge_kw", "power_pv_kw")


def test_sum_by_hand() -> None:
    flows = {
        "power_charge_kw": np.array([1.0, 0.0]),
        "power_discharge_kw": np.array([0.0, 0.5]),
        "power_pv_kw": np.array([2.0, 3.0, 4.0]),
        "heat_kw": np.array([100.0, 100.0, 100.0]),
    }
    assert NodeSum(COMMUNITY, 4)(flows).tolist() == [-5.5, -4.0, 1.0, 0.0]


def test_no_devices_take_nothing() -> None:
    assert NodeSum({}, 3)({}).tolist() == [0.0, 0.0, 0.0]


@given(st.lists(st.tuples(st.integers(0, 4), st.floats(0.0, 1e3)), min_size=1, max_size=20))
def test_nothing_is_lost_between_devices_and_nodes(plants: list[tuple[int, float]]) -> None:
    nodes, powers = zip(*plants, strict=True)
    total = NodeSum({"plant": devices("plant", {"power_pv_kw": -1.0}, list(nodes))}, 5)
    assert -total({"power_pv_kw": np.array(powers)}).sum() == pytest.approx(sum(powers))
