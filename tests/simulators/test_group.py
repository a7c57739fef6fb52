from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pytest

from recosim.arrays import FloatArray
from recosim.components import DeviceKind
from recosim.simulators.group import GROUP, GROUP_MODEL, DeviceGroup, read_only
from recosim.timegrid import TimeGrid

GRID = TimeGrid(start=0, step_s=900, n_steps=8)


class Heaters(DeviceGroup):
    """Delivers what is asked, or else the outdoor temperature's number."""

    declaration: ClassVar[DeviceKind] = DeviceKind(
        kind="heater",
        states=("count_steps",),
        controls=("power_heater_kw",),
        flows={"electricity": {"power_heater_kw": 1.0}},
    )
    signals: ClassVar[tuple[str, ...]] = ("temp_outdoor_degc",)
    inputs: ClassVar[tuple[str, ...]] = ("power_load_kw",)

    def setup(self) -> None:  # type: ignore[override]
        self.out = self.zeros()
        self.steps: list[int] = []

    def advance(self, step: int, inputs: Mapping[str, FloatArray]) -> None:
        self.steps.append(step)
        self.seen = inputs
        asked = inputs["setpoint_power_heater_kw"]
        power = np.where(np.isnan(asked), inputs["temp_outdoor_degc"], asked)
        self.out = {"power_heater_kw": read_only(power), "count_steps": read_only(power * 0.0 + step)}


def heaters(*names: str, **params: Any) -> Heaters:
    group = Heaters()
    group.init("heater-0", grid=GRID, names=names or ("a", "b", "c"), **params)
    group.create(1, GROUP_MODEL)
    return group


def from_group(**values: Any) -> dict[str, dict[str, Any]]:
    return {name: {"other.group": value} for name, value in values.items()}


def test_members_are_children_of_the_group() -> None:
    group = Heaters()
    meta = group.init("heater-0", grid=GRID, names=("a", "b"))
    (entity,) = group.create(1, GROUP_MODEL)
    assert entity["eid"] == GROUP
    assert [child["eid"] for child in entity["children"]] == ["a", "b"]
    member = set(meta["models"]["Member"]["attrs"])
    assert member == {"power_load_kw", "setpoint_power_heater_kw", "count_steps", "power_heater_kw"}
    assert set(meta["models"]["Group"]["attrs"]) == member | {"temp_outdoor_degc"}


def test_there_is_one_group() -> None:
    group = Heaters()
    group.init("heater-0", grid=GRID, names=("a",))
    for num, model in ((2, "Group"), (1, "Member")):
        with pytest.raises(ValueError, match="heater: create one Group"):
            group.create(num, model)


@pytest.mark.parametrize("names", [("a", "a"), ("a", "group")])
def test_names_must_differ(names: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="heater: member names must differ"):
        Heaters().init("heater-0", grid=GRID, names=names)


def test_registry_names_the_simulator() -> None:
    registry: dict[str, Any] = {}
    assert registry | {"heater": heaters(registry=registry)} == registry


def test_time_becomes_step_numbers() -> None:
    group = heaters()
    inputs = {GROUP: from_group(temp_outdoor_degc=5.0)}
    assert [group.step(time, inputs, 0) for time in (0, 900, 1800)] == [900, 1800, 2700]
    assert group.steps == [0, 1, 2]


def test_group_has_arrays_and_members_have_numbers() -> None:
    group = heaters()
    group.step(0, {GROUP: from_group(temp_outdoor_degc=5.0, setpoint_power_heater_kw=[1.0, np.nan, 3.0])}, 0)
    data = group.get_data({GROUP: ["power_heater_kw"], "b": ["power_heater_kw", "count_steps"]})
    assert data[GROUP]["power_heater_kw"].tolist() == [1.0, 5.0, 3.0]
    assert data["b"] == {"power_heater_kw": 5.0, "count_steps": 0.0}
    assert type(data["b"]["power_heater_kw"]) is float  # what crosses TCP must be plain JSON


@pytest.mark.parametrize("steps", [0, 1])
def test_arrays_handed_out_are_read_only(steps: int) -> None:
    group = heaters()
    for step in range(steps):
        group.step(900 * step, {GROUP: from_group(temp_outdoor_degc=5.0)}, 0)
    for array in group.get_data({GROUP: list(group.outputs)})[GROUP].values():
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1.0


def test_what_nobody_sets_is_nan() -> None:
    assert np.isnan(heaters().gather({})["setpoint_power_heater_kw"]).all()


def test_member_overrides_group_for_itself_only() -> None:
    asked = read_only(np.array([1.0, 2.0, 3.0]))
    gathered = heaters().gather(
        {GROUP: from_group(setpoint_power_heater_kw=asked), "b": from_group(setpoint_power_heater_kw=9.0)}
    )
    assert gathered["setpoint_power_heater_kw"].tolist() == [1.0, 9.0, 3.0]
    assert asked.tolist() == [1.0, 2.0, 3.0], "the group's array belongs to who gave it"


def test_member_alone_leaves_the_others_to_themselves() -> None:
    gathered = heaters().gather({"c": from_group(setpoint_power_heater_kw=9.0, power_load_kw=0.5)})
    np.testing.assert_array_equal(gathered["setpoint_power_heater_kw"], [np.nan, np.nan, 9.0])
    np.testing.assert_array_equal(gathered["power_load_kw"], [np.nan, np.nan, 0.5])


@pytest.mark.parametrize("eid", [GROUP, "b"])
def test_two_sources_for_one_attribute_raise(eid: str) -> None:
    value = np.zeros(3) if eid == GROUP else 0.0
    sources = {"first.group": value, "second.x": value}
    with pytest.raises(
        ValueError, match=rf"heater\.{eid}\.power_load_kw has 2 sources: first.group, second.x"
    ):
        heaters().gather({eid: {"power_load_kw": sources}})


def test_wrong_shape_raises() -> None:
    with pytest.raises(ValueError, match=r"heater\.power_load_kw: shape \(2,\), expected \(3,\)"):
        heaters().gather({GROUP: from_group(power_load_kw=np.zeros(2))})


def test_signals_have_any_shape() -> None:
    assert heaters().gather({GROUP: from_group(temp_outdoor_degc=4.0)})["temp_outdoor_degc"].shape == ()


def test_advance_must_be_defined() -> None:
    class Nothing(DeviceGroup):
        declaration = DeviceKind(kind="nothing")

    group = Nothing()
    group.init("nothing-0", grid=GRID, names=("a",))
    with pytest.raises(NotImplementedError):
        group.step(0, {}, 0)
