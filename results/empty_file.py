"""A result file as a run begins it: what the run is, its steps, and series without a value.

The layout is described in :mod:`recosim.results.store`.
"""

import io
import json
from collections.abc import Mapping

import h5py
import numpy as np

from recosim.components import SETPOINT_PREFIX
from recosim.quantities import quantity as describe
from recosim.results.checkpoint import create_slots
from recosim.results.run_file import FORMAT, RunMeta
from recosim.timegrid import SECONDS_PER_DAY, TimeGrid

DOUBLE_PRECISION_GROUPS = frozenset({"meter", "price"})
"""What money is worked out from: a run must settle from its file as it settled within."""
CHUNK_BYTES_MAX = 1_000_000

_TEXT = h5py.string_dtype()


def rows_per_chunk(grid: TimeGrid) -> int:
    """Rows in 24 hours."""
    return SECONDS_PER_DAY // grid.step_s


def empty_file(
    meta: RunMeta, grid: TimeGrid, series: Mapping[str, Mapping[str, tuple[str, ...]]]
) -> memoryview:
    """Bytes of a file without a row.

    Parameters
    ----------
    meta : RunMeta
    grid : TimeGrid
        All steps that will be recorded.
    series : mapping of str to mapping of str to tuple of str
        The members of each quantity of each group.
    """
    image = io.BytesIO()
    with h5py.File(image, "w") as file:
        file.attrs["format"] = FORMAT
        _write_meta(file, meta, grid)
        _write_time(file, grid)
        _create_series(file, grid, series)
        create_slots(file)
    return image.getbuffer()


def _write_meta(file: h5py.File, meta: RunMeta, grid: TimeGrid) -> None:
    group = file.create_group("meta")
    # data sets, because an attribute holds no more than 64 KiB
    group.create_dataset("scenario", data=meta.scenario_yaml, dtype=_TEXT)
    group.create_dataset("versions", data=json.dumps(dict(meta.versions)), dtype=_TEXT)
    group.create_dataset("notices", data=json.dumps(meta.notices), dtype=_TEXT)
    group.attrs.update(
        {
            "name": meta.name,
            "scenario_sha256": meta.scenario_sha256,
            "controller": meta.controller,
            "seed": meta.seed,
            "inputs_sha256": meta.inputs_sha256,
            "controller_sha256": meta.controller_sha256,
            "created": meta.created,
            "complete": False,
            "step_s": grid.step_s,
            "timezone": grid.timezone,
        }
    )


def _write_time(file: h5py.File, grid: TimeGrid) -> None:
    time = file.create_dataset("time", data=grid.times, dtype="<i8")
    time.attrs["unit"] = "s"
    time.attrs["meaning"] = "POSIX time at which the step begins"
    file.create_dataset("committed", data=0, dtype="<i8")


def _create_series(
    file: h5py.File, grid: TimeGrid, series: Mapping[str, Mapping[str, tuple[str, ...]]]
) -> None:
    paths: dict[tuple[str, tuple[str, ...]], str] = {}
    for group, quantities in series.items():
        file.require_group(f"series/{group}")
        for name, members in quantities.items():
            key = (group, tuple(members))
            if key not in paths:
                number = sum(1 for known, _ in paths if known == group)
                paths[key] = f"members/{group}" + (f"_{number + 1}" if number else "")
                file.create_dataset(paths[key], data=list(members), dtype=_TEXT)
            entry = describe(name)
            dataset = _create_dataset(file, grid, group, name, len(members))
            dataset.attrs["unit"] = entry.unit
            dataset.attrs["meaning"] = entry.meaning
            dataset.attrs["members"] = "/" + paths[key]


def _create_dataset(file: h5py.File, grid: TimeGrid, group: str, name: str, n_members: int) -> h5py.Dataset:
    dtype = np.dtype("<f8" if group in DOUBLE_PRECISION_GROUPS else "<f4")
    usual = np.nan if name.startswith(SETPOINT_PREFIX) else 0.0
    n_rows = rows_per_chunk(grid)
    members_per_chunk = max(1, CHUNK_BYTES_MAX // (n_rows * dtype.itemsize))
    return file.create_dataset(
        f"series/{group}/{name}",
        shape=(grid.n_steps, n_members),
        dtype=dtype,
        chunks=(n_rows, max(1, min(n_members, members_per_chunk))),
        maxshape=(None, n_members),
        fillvalue=usual,
    )
