"""What a run needs to go on, kept in its result file: two slots, written in turn.

The one that belongs to the committed rows is whole whatever interrupts the writing of the other.
"""

import io
from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

Checkpoint = Mapping[str, Mapping[str, NDArray[Any]]]
"""By simulator and name."""

SLOTS = ("checkpoint/0", "checkpoint/1")
_CHUNK = 65_536


def create_slots(file: h5py.File) -> None:
    """Make the two slots, empty."""
    for slot in SLOTS:
        dataset = file.create_dataset(slot, shape=(0,), dtype="u1", maxshape=(None,), chunks=(_CHUNK,))
        dataset.attrs["committed"] = -1


def write_checkpoint(file: h5py.File, committed: int, number: int, checkpoint: Checkpoint) -> None:
    """Write the checkpoint that belongs to ``committed`` rows; ``number`` counts them, to take turns."""
    stream = io.BytesIO()
    named = {f"{part}|{name}": array for part, state in checkpoint.items() for name, array in state.items()}
    np.savez(stream, allow_pickle=False, **named)
    data = np.frombuffer(stream.getbuffer(), dtype=np.uint8)
    slot = file[SLOTS[number % 2]]
    slot.attrs["committed"] = -1
    slot.resize((len(data),))
    slot[...] = data
    slot.attrs["committed"] = committed


def read_checkpoint(file: h5py.File, committed: int) -> dict[str, dict[str, NDArray[Any]]] | None:
    """Read the checkpoint that belongs to ``committed`` rows; None where there is none."""
    for name in SLOTS:
        if name in file and int(file[name].attrs["committed"]) == committed:
            stream = io.BytesIO(file[name][:].tobytes())
            found: dict[str, dict[str, NDArray[Any]]] = {}
            with np.load(stream, allow_pickle=False) as arrays:
                for key in arrays.files:
                    part, _, array_name = key.partition("|")
                    found.setdefault(part, {})[array_name] = arrays[key]
            return found
    return None
