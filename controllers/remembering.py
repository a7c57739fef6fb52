"""What a controller remembers, on its way into a result file and back."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recosim.contracts import Controller
from recosim.controllers.answers import status_of
from recosim.errors import ControllerError
from recosim.simulators.clock import State


def controller_state(controller: Controller) -> dict[str, NDArray[Any]] | None:
    """What a controller needs to go on later, as arrays; None where it cannot say.

    Raises
    ------
    ControllerError
        ``get_state`` gives something else than arrays of numbers or bytes under names.
    """
    if not can_resume(controller):
        return None
    try:
        state = controller.get_state()  # type: ignore[attr-defined]
    except Exception as error:
        raise ControllerError(f"get_state failed: {_reason(error)}") from error
    if not isinstance(state, Mapping):
        raise ControllerError(f"get_state returned {type(state).__name__}, allowed: a mapping of names")
    packed = {}
    for name, value in state.items():
        array = np.frombuffer(value, dtype=np.uint8) if isinstance(value, bytes) else _as_array(value)
        if not isinstance(name, str) or array.dtype.kind not in "biuf":
            raise ControllerError(
                f"get_state: {name!r} is {type(value).__name__}, allowed: arrays of numbers, or bytes"
            )
        packed[f"bytes/{name}" if isinstance(value, bytes) else f"array/{name}"] = array
    return packed


def can_resume(controller: Controller) -> bool:
    """Whether a controller can say what it remembers, and be told."""
    return all(callable(getattr(controller, name, None)) for name in ("get_state", "set_state"))


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, ControllerError) else status_of(error)


def _as_array(value: Any) -> NDArray[Any]:
    try:
        return np.array(value)
    except ValueError:  # rows of different length
        return np.array(value, dtype=object)


def give_state(controller: Controller, packed: State) -> None:
    """Hand back to a controller what `controller_state` made of its state.

    Raises
    ------
    ControllerError
        It cannot take it up.
    """
    state = {
        name.partition("/")[2]: array.tobytes() if name.startswith("bytes/") else np.array(array)
        for name, array in packed.items()
    }
    try:
        controller.set_state(state)  # type: ignore[attr-defined]
    except Exception as error:
        raise ControllerError(f"the controller cannot go on: set_state failed: {_reason(error)}") from error
