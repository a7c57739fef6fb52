"""The result file: one HDF5 file per run, written a day at a time.

Layout
------
``/meta``
    Data sets ``scenario`` (YAML text), ``versions``, ``notices`` (whose data it is made from) and, once
    finished, ``kpis`` (all JSON); attributes
    ``name``, ``scenario_sha256``, ``controller``, ``controller_sha256``, ``inputs_sha256``, ``seed``,
    ``created``, ``complete``, ``step_s``, ``timezone``.
``/time``
    POSIX second at which each step begins, int64, all steps of the run.
``/committed``
    Number of steps that are safely in the file.
``/series/<group>/<quantity>``
    (n_steps, n_members), float32 (meter energies and prices float64), chunks of 24 hours; attributes
    ``unit``, ``meaning`` and ``members``, the path of the data set that holds the members' names. NaN in a
    set-point means "left to the device"; what lies beyond ``committed`` means nothing.
``/members/<…>``
    Names of members, shared by the quantities that have the same ones.
``/settlement/<table>/<column>``, ``/controller/<column>``
    Columns of one length each.
``/checkpoint``
    What an unfinished run needs to go on (:mod:`recosim.results.checkpoint`).
``/faults/<column>``
    Where the scenario has faults: ``kind``, ``member``, ``start`` and ``end`` (POSIX seconds), ``text``.

Nothing is compressed and whole chunks are handed straight to the file: for 1000 dwellings and 30 quantities
a year costs 2 s of CPU that way, 30 s through HDF5's selections, 29 s with shuffle and lzf on top. A day on
which a quantity is zero for all members (heating in summer) or NaN (a control that nobody uses) is not
written at all, and reads as what it is.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import h5py
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from recosim.arrays import FloatArray
from recosim.components import SETPOINT_PREFIX
from recosim.errors import ResultsError
from recosim.quantities import quantity as describe
from recosim.results.atomic_file import AtomicFile
from recosim.results.checkpoint import Checkpoint, write_checkpoint
from recosim.results.empty_file import empty_file, rows_per_chunk
from recosim.results.place import cannot_be_written, check_target, put_whole
from recosim.results.run_file import Kpi, Run, RunMeta, damage_told, texts
from recosim.results.stored_series import StoredSeries
from recosim.timegrid import TimeGrid

_TEXT = h5py.string_dtype()


class RunWriter:
    """Writes a run's file as the run goes on; a context manager.

    Rows become visible to readers a block at a time: written, flushed, and only then counted in
    ``committed``, so that a file whose writer was killed opens and holds every committed row. Where an error
    ends the run, the file stays if it holds rows; one without any would only be in the way, and is removed.

    Parameters
    ----------
    path : Path
        A missing folder is made.
    meta : RunMeta
    grid : TimeGrid
        All steps that will be recorded.
    series : mapping of str to mapping of str to tuple of str
        The members of each quantity of each group.
    force : bool
        Replace an existing file.

    Raises
    ------
    ResultsError
        The file exists, or cannot be created.
    """

    def __init__(
        self,
        path: Path,
        *,
        meta: RunMeta,
        grid: TimeGrid,
        series: Mapping[str, Mapping[str, tuple[str, ...]]],
        force: bool = False,
    ) -> None:
        self.path = Path(path)
        self.grid = grid
        self._committed = 0
        self._n_decisions = 0
        check_target(self.path, force)
        image = empty_file(meta, grid, series)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            put_whole(self.path, image)
            self._open()
        except OSError as error:
            raise cannot_be_written(self.path, error) from error
        self._find_series([(group, name) for group, names in series.items() for name in names])

    def _open(self) -> None:
        self._atomic = AtomicFile(self.path)
        try:
            # whole days are written, chunk by chunk: a cache would only hold them a second time
            self._file = h5py.File(self._atomic, "r+", rdcc_nbytes=0)
        except BaseException:
            self._atomic.close()
            raise

    @classmethod
    def going_on(
        cls, path: Path, *, grid: TimeGrid, series: Mapping[str, Mapping[str, tuple[str, ...]]]
    ) -> "RunWriter":
        """Open an interrupted run's file, to write what is missing after its committed rows.

        Parameters
        ----------
        grid, series
            As for the run that was interrupted.

        Raises
        ------
        ResultsError
            The file cannot be written, or holds other series.
        """
        writer = cls.__new__(cls)
        writer.path, writer.grid = Path(path), grid
        try:
            writer._open()
        except OSError as error:
            raise cannot_be_written(writer.path, error) from error
        try:
            with damage_told(writer.path):
                writer._take_up(series)
        except BaseException:
            writer._leave()
            raise
        return writer

    def _take_up(self, series: Mapping[str, Mapping[str, tuple[str, ...]]]) -> None:
        found = {(group, name) for group, names in self._file["series"].items() for name in names}
        wanted = {(group, name) for group, names in series.items() for name in names}
        if found != wanted:
            odd = ", ".join(sorted(f"{group}/{name}" for group, name in found ^ wanted))
            raise ResultsError(f"{self.path} holds other series: {odd}; run again with --force")
        self._find_series(found)
        self._committed = self._n_decisions = int(self._file["committed"][()])

    def _find_series(self, keys: Iterable[tuple[str, str]]) -> None:
        self._series = {
            (group, name): StoredSeries(dataset=self._file[f"series/{group}/{name}"]) for group, name in keys
        }

    @property
    def rows_per_block(self) -> int:
        """Rows in 24 hours; blocks of this many rows, begun at a multiple of it, are written fastest."""
        return rows_per_chunk(self.grid)

    @property
    def committed(self) -> int:
        """Rows that are safely in the file."""
        return self._committed

    def append(
        self,
        block: Mapping[str, Mapping[str, FloatArray]],
        n_rows: int,
        checkpoint: Checkpoint | None = None,
    ) -> None:
        """Write the next rows, with the decisions given before, and count them as committed: all or nothing.

        Parameters
        ----------
        block : mapping of str to mapping of str to array, shape (n_rows, n_members)
            Every quantity of every group.
        n_rows : int
            Usually ``rows_per_block``.
        checkpoint : mapping, optional
            What the run needs to go on after these rows.

        Raises
        ------
        ResultsError
            A quantity is missing, unknown, of the wrong shape or, unless it is a set-point, not finite; the
            rows go beyond the grid; or the file cannot be written.
        """
        first = self._committed
        if not 0 < n_rows <= self.grid.n_steps - first:
            raise ResultsError(
                f"{self.path}: {n_rows} rows after row {first}, allowed: 1 to {self.grid.n_steps - first}"
            )
        given = {(group, name) for group, quantities in block.items() for name in quantities}
        if given != self._series.keys():
            odd = ", ".join(sorted(f"{group}/{name}" for group, name in given ^ self._series.keys()))
            raise ResultsError(f"{self.path}: the rows from {first} on lack, or have too many: {odd}")
        for (group, name), stored in self._series.items():
            self._check(block[group][name], group, name, n_rows, stored.n_members)
        with self._writing():
            self._atomic.check_it_is_ours()
            for (group, name), stored in self._series.items():
                stored.write(first, block[group][name])
            if checkpoint is not None:
                number = -(-(first + n_rows) // self.rows_per_block)
                write_checkpoint(self._file, first + n_rows, number, checkpoint)
            self._file["committed"][()] = first + n_rows
            self._file.flush()
            self._atomic.commit()
        self._committed = first + n_rows

    def _check(self, values: FloatArray, group: str, name: str, n_rows: int, n_members: int) -> None:
        if values.shape != (n_rows, n_members):
            raise ResultsError(
                f"{self.path}: {group}/{name} has the shape {values.shape}, expected {(n_rows, n_members)}"
            )
        allowed = np.isfinite(values)
        if name.startswith(SETPOINT_PREFIX):
            allowed |= np.isnan(values)
        if not allowed.all():
            row, member = (int(i) for i in np.argwhere(~allowed)[0])
            time = pd.Timestamp(self.grid.times[self._committed + row], unit="s", tz=self.grid.timezone)
            names = texts(self._file[self._series[group, name].dataset.attrs["members"]][:])
            raise ResultsError(
                f"{group}/{name} of {names[member]} is {values[row, member]} at {time}, allowed: a finite "
                "number; the device or its inputs are at fault"
            )

    def write_controller(self, columns: Mapping[str, ArrayLike]) -> None:
        """Add one row per decision to ``/controller``; later calls go on where the last one ended.

        Parameters
        ----------
        columns : mapping of str to array, shape (n_decisions,)
            Such as ``status``, ``iterations``, ``milliseconds``, ``fallback``; numbers, kept as float64, or
            text. A column may come later or be left out: then its rows are NaN, or empty where it is text;
            so are words in a column that began with numbers.

        Raises
        ------
        ResultsError
            Columns differ in length.
        """
        arrays = _columns(self.path, "controller", columns)
        n_rows = max((len(values) for values in arrays.values()), default=0)
        first, last = self._n_decisions, self._n_decisions + n_rows
        with self._writing():
            group = self._file.require_group("controller")
            for name, values in arrays.items():
                is_text = values.dtype == _TEXT
                dtype = _TEXT if is_text else np.dtype("<f8")
                if name not in group:
                    fill = None if is_text else np.nan
                    group.create_dataset(
                        name, shape=(first,), dtype=dtype, maxshape=(None,), chunks=(1024,), fillvalue=fill
                    )
            for name, dataset in group.items():
                dataset.resize((first,))  # what was written without being committed
                dataset.resize((last,))
                if name in arrays and (dataset.dtype.kind == "O") >= (arrays[name].dtype.kind == "O"):
                    dataset[first:] = _as_text(arrays[name]) if dataset.dtype.kind == "O" else arrays[name]
        self._n_decisions = last

    def write_faults(self, columns: Mapping[str, ArrayLike]) -> None:
        """Write what is out of order during the run: one row per fault, `Run.faults` reads it.

        Raises
        ------
        ResultsError
            Columns differ in length, or the file cannot be written.
        """
        arrays = _columns(self.path, "faults", columns)
        with self._writing():
            group = self._file.create_group("faults")
            for name, values in arrays.items():
                group.create_dataset(name, data=values)
            self._file.flush()

    def write_settlement(
        self,
        tables: Mapping[str, Mapping[str, ArrayLike]],
        attrs: Mapping[str, str | float | int | bool] | None = None,
    ) -> None:
        """Write the tables of the settlement, replacing those written before.

        Parameters
        ----------
        tables : mapping of str to mapping of str to array, shape (n_rows, ...)
            Such as ``hourly`` and ``monthly``, by column; one length per table.
        attrs : mapping, optional
            Single values, kept as attributes of ``/settlement``.

        Raises
        ------
        ResultsError
            Columns of a table differ in length.
        """
        checked = {table: _columns(self.path, table, columns) for table, columns in tables.items()}
        with self._writing():
            if "settlement" in self._file:
                del self._file["settlement"]
            group = self._file.create_group("settlement")
            group.attrs.update(dict(attrs or {}))
            for table, columns in checked.items():
                group.create_group(table)
                for name, values in columns.items():
                    dataset = group.create_dataset(f"{table}/{name}", data=values)
                    dataset.attrs["unit"] = describe(name).unit
            self._file.flush()

    def so_far(self) -> "Run":
        """What is committed, read through the writer's own handle; do not close it."""
        self._file.flush()
        return Run(self.path, self._file)

    def finish(self, kpis: Mapping[str, Kpi]) -> None:
        """Write the key figures, mark the run as complete and close the file.

        Until then only the process that writes may read the committed rows, with `so_far`.

        Raises
        ------
        ResultsError
            Rows are missing, or a key figure is neither a finite number nor None.
        """
        if self._committed < self.grid.n_steps:
            raise ResultsError(
                f"{self.path}: only {self._committed} of {self.grid.n_steps} rows were written"
            )
        try:
            text = json.dumps(dict(kpis), allow_nan=False)
        except ValueError as error:
            bad = [name for name, value in kpis.items() if value is not None and not np.isfinite(value)]
            raise ResultsError(f"{self.path}: not a finite number: {', '.join(bad)}") from error
        with self._writing():
            meta = self._file["meta"]
            meta.create_dataset("kpis", data=text, dtype=_TEXT)
            meta.attrs["complete"] = True
            self.close()

    def close(self) -> None:
        """Close the file; without ``finish`` it stays incomplete but readable."""
        try:
            if not self._atomic.is_discarded:  # else what went wrong has been told
                with self._writing():
                    self._file.close()
                    self._atomic.commit()
        finally:
            self._leave()

    def _leave(self) -> None:
        """Close the file as it was committed last."""
        self._atomic.discard()
        with suppress(OSError, RuntimeError):  # HDF5 may be left in any state by a write that failed
            self._file.close()
        self._atomic.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
            return
        useless = self._committed == 0 and self._atomic.is_in_place()
        self._leave()
        if useless:
            self.path.unlink(missing_ok=True)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Turn what goes wrong into our error; then nothing more of what is pending may get into the file."""
        try:
            yield
        except (OSError, RuntimeError) as error:  # h5py raises RuntimeError where closing fails
            self._atomic.discard()
            raise cannot_be_written(self.path, error) from error
        except BaseException:
            self._atomic.discard()
            raise


def _as_text(values: NDArray[Any]) -> NDArray[Any]:
    return np.array([str(value) for value in values], dtype=_TEXT)


def _columns(path: Path, table: str, columns: Mapping[str, ArrayLike]) -> dict[str, NDArray[Any]]:
    arrays = {name: np.asarray(values) for name, values in columns.items()}
    lengths = {name: values.shape[:1] for name, values in arrays.items()}
    if len(set(lengths.values())) > 1 or () in lengths.values():
        raise ResultsError(f"{path}: the columns of {table} differ in length: {lengths}")
    return {name: a.astype(_TEXT) if a.dtype.kind in "UO" else a for name, a in arrays.items()}
