"""What is sealed can be read, copied and pickled, and not changed."""

import pickle
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import pytest

from recosim.sealed import SealedMapping, own_copy, sealed, sealed_fields


@dataclass(frozen=True)
class Inner:
    values: np.ndarray


@dataclass(frozen=True)
class Outer:
    number: int
    values: np.ndarray
    parts: tuple[Inner, ...]
    states: dict[str, np.ndarray]


def outer() -> Outer:
    return Outer(1, np.arange(3.0), (Inner(np.ones(2)),), {"a": np.zeros((2, 2))})


@pytest.mark.parametrize(
    "values", [np.arange(6.0).reshape(2, 3), np.arange(3) > 1, np.arange(4), np.zeros((0, 5)), np.array(2.0)]
)
def test_a_sealed_array_is_the_same_and_stays_so(values: np.ndarray) -> None:
    closed = sealed(values)
    assert (closed.shape, closed.dtype) == (values.shape, values.dtype)
    assert (closed == values).all()
    with pytest.raises(ValueError, match="read-only"):
        closed[...] = 7
    if values.size:
        with pytest.raises(ValueError, match="WRITEABLE"):
            closed.flags.writeable = True


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.__setitem__("b", 1),
        lambda m: m.pop("a"),
        lambda m: m.update(a=1),
        lambda m: m.clear(),
        lambda m: m.setdefault("b", 1),
        lambda m: m.__delitem__("a"),
        lambda m: m.__ior__({"b": 1}),
    ],
)
def test_a_sealed_mapping_refuses_to_be_changed(change) -> None:  # noqa: ANN001
    mapping = SealedMapping({"a": 0})
    with pytest.raises(TypeError, match="read-only"):
        change(mapping)
    assert mapping == {"a": 0}


def test_a_sealed_mapping_can_be_copied_and_pickled() -> None:
    mapping = SealedMapping({"a": 0})
    for copied in (deepcopy(mapping), pickle.loads(pickle.dumps(mapping))):
        assert type(copied) is SealedMapping
        assert copied == mapping


def test_everything_in_a_record_is_sealed() -> None:
    given = outer()
    closed = sealed_fields(given)
    for values in (closed.values, closed.parts[0].values, closed.states["a"]):
        with pytest.raises(ValueError, match="read-only"):
            values[...] = 5.0
    given.values[0] = 9.0
    assert closed.values[0] == 0.0
    assert closed.number == 1


def test_an_own_copy_shares_nothing() -> None:
    given = outer()
    copied = own_copy(given)
    assert not copied.parts[0].values.flags.writeable
    assert given.parts[0].values.flags.writeable
    copied.parts[0].values.flags.writeable = True
    copied.parts[0].values[0] = 5.0
    assert given.parts[0].values[0] == 1.0
