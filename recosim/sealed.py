"""What may be looked at and not changed: a controller is shown the plant's own figures."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import fields, is_dataclass, replace
from typing import Any, NoReturn, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

K = TypeVar("K")
V = TypeVar("V")
T = TypeVar("T")
AnyArray = TypeVar("AnyArray", bound=NDArray[Any])


def sealed(values: AnyArray) -> AnyArray:
    """Copy an array into memory that cannot be opened for writing, whatever its flags are set to.

    Examples
    --------
    >>> sealed(np.array([1.0, 2.0])).setflags(write=True)
    Traceback (most recent call last):
    ...
    ValueError: cannot set WRITEABLE flag to True of this array
    """
    if not values.size:
        empty: AnyArray = values.copy()
        empty.setflags(write=False)
        return empty
    same: Any = np.frombuffer(values.tobytes(), dtype=values.dtype).reshape(values.shape)
    return cast(AnyArray, same)


class SealedMapping(dict[K, V]):
    """A mapping that refuses to be changed; it can be copied and pickled."""

    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("this mapping is read-only; make a copy with dict(...)")

    __setitem__ = __delitem__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse
    __ior__ = _refuse

    def __reduce__(self) -> tuple[type, tuple[dict[K, V]]]:
        return type(self), (dict(self),)


def sealed_fields(value: T) -> T:
    """Copy a dataclass with every array in it sealed, also in mappings, tuples and their dataclasses."""
    record: Any = value
    return cast(T, replace(record, **{f.name: _sealed_value(getattr(value, f.name)) for f in fields(record)}))


def _sealed_value(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return sealed(value)
    if isinstance(value, Mapping):
        return SealedMapping((key, _sealed_value(item)) for key, item in value.items())
    if isinstance(value, tuple):
        return tuple(_sealed_value(item) for item in value)
    is_record = is_dataclass(value) and not isinstance(value, type)
    if is_record and any(isinstance(getattr(value, f.name), np.ndarray) for f in fields(value)):
        return sealed_fields(value)
    return value


def own_copy(value: T) -> T:
    """Copy something made of dataclasses, mappings and arrays; arrays of the copy are closed for writing."""
    copied = deepcopy(value)
    close(copied)
    return copied


def close(value: object) -> None:
    """Close every array in ``value`` for writing."""
    _close(value, set())


def _close(value: object, seen: set[int]) -> None:
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, np.ndarray):
        value.setflags(write=False)
    elif isinstance(value, Mapping):
        for item in value.values():
            _close(item, seen)
    elif isinstance(value, tuple | list):
        for item in value:
            _close(item, seen)
    elif is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            _close(getattr(value, field.name), seen)
    elif type(value).__module__.partition(".")[0] == "recosim":
        for item in getattr(value, "__dict__", {}).values():
            _close(item, seen)
