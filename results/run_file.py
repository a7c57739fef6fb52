"""Reading a result file: what a run was, its series, settlement and decisions.

The layout is described in :mod:`recosim.results.store`, which writes it.
"""

import hashlib
import json
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version
from types import TracebackType
from typing import Any, Self, TypeAlias, TypeVar, overload
from zipfile import BadZipFile
from zoneinfo import ZoneInfo

import h5py
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recosim.arrays import FloatArray
from recosim.components import SETPOINT_PREFIX
from recosim.errors import ResultsError
from recosim.quantities import quantity as describe
from recosim.results.atomic_file import InUseError, opened
from recosim.results.checkpoint import read_checkpoint
from recosim.results.file_check import STEPS_MAX, UnsafeFileError, refuse_unsafe
from recosim.timegrid import SECONDS_PER_DAY, TimeGrid

Kpi: TypeAlias = float | int | None
AnyRun = TypeVar("AnyRun", bound="Run")

FORMAT = "recosim-run-1"
BLOCK_BYTES = 8_000_000
_LAST_START = 7_258_118_400  # the year 2200

_PACKAGES = ("recosim", "mosaik", "highspy", "pyomo", "numpy", "scipy", "pandas", "h5py", "pvlib", "pydantic")


def installed_versions() -> dict[str, str]:
    """Versions of Python, recosim and the packages a result depends on."""
    versions = {"python": python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "not installed"
    return versions


@dataclass(frozen=True, kw_only=True)
class RunMeta:
    """What a run was.

    Parameters
    ----------
    name : str
        Name of the scenario.
    scenario_yaml : str
        The whole scenario, as YAML.
    controller : str
        Name of the controller.
    seed : int
    created : str
        Time at which the run began, ISO 8601.
    versions : mapping of str to str
        Of Python and of the packages.
    inputs_sha256, controller_sha256 : str
        Hashes of the input series and of the controller's file, by which a run that goes on is recognised.
    notices : tuple of str
        Whose data the run is made from, and what their publishers ask for; empty where that is not known.
    """

    name: str
    scenario_yaml: str
    controller: str
    seed: int
    created: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    versions: Mapping[str, str] = field(default_factory=installed_versions)
    inputs_sha256: str = ""
    controller_sha256: str = ""
    notices: tuple[str, ...] = ()

    @property
    def scenario_sha256(self) -> str:
        """Hash of the scenario's text."""
        return hashlib.sha256(self.scenario_yaml.encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class SeriesInfo:
    """What a series holds.

    Parameters
    ----------
    name, unit, meaning : str
    dtype : numpy.dtype
        Precision in which it was recorded.
    dimension : str
        What its members are; series of the same members have the same.
    n_members : int
    """

    name: str
    unit: str
    meaning: str
    dtype: np.dtype[Any]
    dimension: str
    n_members: int


class Run:
    """A result file, open for reading; a context manager. See `open_run`."""

    def __init__(self, path: Path, file: h5py.File) -> None:
        self.path = path
        self._file = file
        meta = file["meta"]
        self.meta = RunMeta(
            name=str(meta.attrs["name"]),
            scenario_yaml=_text_of(meta["scenario"]),
            controller=str(meta.attrs["controller"]),
            seed=int(meta.attrs["seed"]),
            created=str(meta.attrs["created"]),
            versions={str(k): str(v) for k, v in json.loads(_text_of(meta["versions"])).items()},
            inputs_sha256=str(meta.attrs.get("inputs_sha256", "")),
            controller_sha256=str(meta.attrs.get("controller_sha256", "")),
            notices=tuple(map(str, json.loads(_text_of(meta["notices"])))) if "notices" in meta else (),
        )
        self.complete = bool(meta.attrs["complete"])
        self.committed = int(file["committed"][()])
        self.grid = _grid_of(file)
        if not 0 <= self.committed <= self.grid.n_steps:
            raise ValueError(f"{self.committed} of {self.grid.n_steps} steps are committed")
        self.kpis: Mapping[str, Kpi] = _kpis_of(_text_of(meta["kpis"])) if self.complete else {}
        self._check_series()

    @cached_property
    def grid_committed(self) -> TimeGrid:
        """Steps that are in the file."""
        return self.grid.part(0, self.committed)

    def _check_series(self) -> None:
        for group, quantities in self._file["series"].items():
            for name, dataset in quantities.items():
                members = self._file[str(dataset.attrs["members"])]
                expected = (self.grid.n_steps, *members.shape)
                if dataset.shape != expected or members.ndim != 1 or dataset.dtype.kind not in "fiu":
                    raise ValueError(f"{group}/{name} has the shape {dataset.shape}, expected {expected}")

    def groups(self) -> dict[str, tuple[str, ...]]:
        """Quantities of each group that has any."""
        with _reading(self.path, "/series"):
            series = self._file["series"]
            return {group: tuple(series[group]) for group in series if len(series[group])}

    def has(self, group: str, quantity: str) -> bool:
        """Whether a quantity of a group was recorded."""
        with _reading(self.path, "/series"):
            return f"series/{group}/{quantity}" in self._file

    def members(self, group: str, quantity: str) -> tuple[str, ...]:
        """Names of a quantity's members."""
        with _reading(self.path, f"{group}/{quantity}"):
            return texts(self._file[self._dataset(group, quantity).attrs["members"]][:])

    def about(self, group: str, quantity: str) -> SeriesInfo:
        """Unit, meaning and layout of a quantity."""
        with _reading(self.path, f"{group}/{quantity}"):
            dataset = self._dataset(group, quantity)
            return SeriesInfo(
                name=quantity,
                unit=str(dataset.attrs["unit"]),
                meaning=str(dataset.attrs["meaning"]),
                dtype=dataset.dtype.newbyteorder("="),
                dimension=str(dataset.attrs["members"]).rpartition("/")[2],
                n_members=int(dataset.shape[1]),
            )

    def values(
        self, group: str, quantity: str, rows: slice | None = None, members: slice | None = None
    ) -> FloatArray:
        """Read the committed rows of a quantity, or some of them, and all members, or some of them.

        Returns
        -------
        array, shape (n_rows, n_members)

        Raises
        ------
        ResultsError
            The file has no such series, or it cannot be read.
        """
        first, last, stride = (rows or slice(None)).indices(self.committed)
        with _reading(self.path, f"{group}/{quantity}"):
            dataset = self._dataset(group, quantity)
            part = dataset[first:last:stride, slice(None) if members is None else members]
            values: FloatArray = part.astype(np.float64)
            with np.errstate(invalid="ignore", over="ignore"):
                total = values.sum()
            is_setpoint = quantity.startswith(SETPOINT_PREFIX)  # NaN: left to the device
            if not np.isfinite(total) and (not is_setpoint or np.isinf(values).any()):
                raise ValueError("a value is no finite number")
        return values

    def last(self, group: str, quantity: str) -> FloatArray:
        """Last committed row of a quantity, shape (n_members,)."""
        row: FloatArray = self.values(group, quantity, slice(self.committed - 1, self.committed))[0]
        return row

    def blocks(self, n_members: int) -> Iterator[slice]:
        """Consecutive rows, whole days, few enough that a quantity of ``n_members`` takes about 8 MB."""
        day = SECONDS_PER_DAY // self.grid.step_s
        n_rows = day * max(1, BLOCK_BYTES // (8 * day * max(1, n_members)))
        for first in range(0, self.committed, n_rows):
            yield slice(first, min(first + n_rows, self.committed))

    def frame(self, group: str, quantity: str, rows: slice | None = None) -> pd.DataFrame:
        """Read committed rows, one column per member, indexed by local time.

        ``attrs`` holds ``quantity``, ``unit`` and ``meaning``.
        """
        index = self.grid_committed.local
        frame = pd.DataFrame(
            self.values(group, quantity, rows),
            index=(index[rows] if rows is not None else index).rename("time"),
            columns=list(self.members(group, quantity)),
        )
        about = self.about(group, quantity)
        frame.attrs.update(quantity=quantity, unit=about.unit, meaning=about.meaning)
        return frame

    def controller(self) -> dict[str, NDArray[Any]]:
        """Columns of ``/controller``, shape (n_decisions,); empty where the controller recorded nothing."""
        with _reading(self.path, "/controller"):
            return _read_columns(self._file["controller"]) if "controller" in self._file else {}

    def checkpoint(self) -> dict[str, dict[str, NDArray[Any]]] | None:
        """What an interrupted run needs to go on after its committed rows, by simulator and name."""
        with _reading(self.path, "/checkpoint"):
            return read_checkpoint(self._file, self.committed)

    def faults(self) -> dict[str, NDArray[Any]]:
        """Columns of ``/faults``, shape (n_faults,); empty where nothing was out of order."""
        with _reading(self.path, "/faults"):
            return _read_columns(self._file["faults"]) if "faults" in self._file else {}

    def settlement_tables(self) -> tuple[str, ...]:
        """Names of the settlement's tables."""
        with _reading(self.path, "/settlement"):
            return tuple(self._file["settlement"]) if "settlement" in self._file else ()

    def settlement(self, table: str) -> dict[str, NDArray[Any]]:
        """Columns of one of the settlement's tables.

        Raises
        ------
        ResultsError
            There is no such table.
        """
        if table not in self.settlement_tables():
            known = ", ".join(self.settlement_tables()) or "none"
            raise ResultsError(f"{self.path} has no settlement table {table!r}, only: {known}")
        with _reading(self.path, f"/settlement/{table}"):
            return _read_columns(self._file[f"settlement/{table}"])

    def settlement_attrs(self) -> dict[str, Any]:
        """Single values of the settlement."""
        with _reading(self.path, "/settlement"):
            attrs = self._file["settlement"].attrs if "settlement" in self._file else {}
            return {k: v.item() if isinstance(v, np.generic) else v for k, v in attrs.items()}

    def _dataset(self, group: str, quantity: str) -> h5py.Dataset:
        if not self.has(group, quantity):
            groups = self.groups()
            there = ", ".join(groups.get(group, ())) or f"no group {group!r}, only: {', '.join(groups)}"
            raise ResultsError(f"{self.path} has no series {group}/{quantity} ({there})")
        return self._file[f"series/{group}/{quantity}"]

    def close(self) -> None:
        """Close the file; reading on is refused with the reason."""
        self._file.close()
        self._file = _Closed(self.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Closed:
    """Stands in for a file that is closed."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __getitem__(self, _part: str) -> Any:
        raise ResultsError(
            f"{self._path} is closed: read what you need, or load it, within the with statement"
        )

    def __contains__(self, part: str) -> bool:
        return bool(self[part])

    def close(self) -> None:
        """Nothing is open."""


def _text_of(dataset: h5py.Dataset) -> str:
    text = dataset.asstr()[()]
    if not isinstance(text, str):
        raise TypeError(f"{dataset.name} is not one text")
    return text


def _kpis_of(text: str) -> Mapping[str, Kpi]:
    kpis = json.loads(text)
    for name, value in kpis.items():
        if not (value is None or (isinstance(value, int | float) and abs(value) < np.inf)):
            raise ValueError(f"key figure {name} is no number")
        describe(name)
    return dict(kpis)


def _grid_of(file: h5py.File) -> TimeGrid:
    """Steps of a run; a ValueError where its times are none."""
    attributes, time = file["meta"].attrs, file["time"]
    if time.ndim != 1 or not 0 < len(time) <= STEPS_MAX:
        raise ValueError(f"/time has the shape {time.shape}, allowed: 1 to {STEPS_MAX} steps")
    times = time[:]
    grid = TimeGrid(
        start=int(times[0]),
        step_s=int(attributes["step_s"]),
        n_steps=len(times),
        timezone=ZoneInfo(str(attributes["timezone"])).key,
    )
    if not 0 <= grid.start <= _LAST_START or not np.array_equal(times, grid.times):
        raise ValueError(f"/time does not advance by {grid.step_s} s from a time within 1970 to 2200")
    return grid


def _read_columns(group: h5py.Group) -> dict[str, NDArray[Any]]:
    columns = {}
    for name, dataset in group.items():
        is_text = h5py.check_string_dtype(dataset.dtype) is not None
        columns[name] = (
            dataset.asstr()[:] if is_text else dataset[:].astype(dataset.dtype.newbyteorder("="), copy=False)
        )
    return columns


@overload
def open_run(path: Path) -> Run: ...
@overload
def open_run(path: Path, kind: type[AnyRun]) -> AnyRun: ...
def open_run(path: Path, kind: type[Run] = Run) -> Run:
    """Open a result file for reading, as a `Run` or as a kind of it.

    Raises
    ------
    ResultsError
        The file is missing, is not one of ours, was cut short or lacks a part.
    """
    path = Path(path)
    if path.is_dir():
        raise ResultsError(f"{path} is a folder: name a result file (.h5) written by `recosim run`")
    if not path.is_file():
        raise ResultsError(f"{path} is not there: name a result file (.h5) written by `recosim run`")
    if not h5py.is_hdf5(path):
        raise ResultsError(f"{path} is not an HDF5 file: name a result file written by `recosim run`")
    try:
        file = opened(path)
    except BlockingIOError:
        raise InUseError.of(path) from None
    except (OSError, RuntimeError) as error:
        raise ResultsError(
            f"{path} cannot be opened ({one_line(error)}): if it was copied, it was cut short, so copy it "
            "again; else run again"
        ) from error
    try:
        with _reading(path, "its structure"):
            refuse_unsafe(path, file)
        with _reading(path, "/meta"):
            _check_layout(path, file)
            return kind(path, file)
    except BaseException:
        file.close()
        raise


def _check_layout(path: Path, file: h5py.File) -> None:
    if file.attrs.get("format") != FORMAT:
        raise ResultsError(
            f"{path} is an HDF5 file, but not a recosim run of format {FORMAT!r}: name a result file written "
            "by this version of recosim"
        )
    for part in ("meta", "time", "committed", "series"):
        if part not in file:
            raise ResultsError(f"{path} lacks /{part}: the file is damaged, run again")


def texts(values: NDArray[Any]) -> tuple[str, ...]:
    """Text as h5py gives it, which may be bytes."""
    return tuple(v.decode() if isinstance(v, bytes) else str(v) for v in values)


def one_line(error: Exception) -> str:
    """Message of an error without its line breaks."""
    return " ".join(str(error).split())


@contextmanager
def damage_told(path: Path) -> Iterator[None]:
    """Blame a result file for parts of it that are there but do not fit together."""
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        what = f"{type(error).__name__}: {one_line(error)}"
        raise ResultsError(f"{path} is damaged: its parts do not fit together ({what}); run again") from error


@contextmanager
def _reading(path: Path, what: str) -> Iterator[None]:
    """Turn what h5py raises on a damaged file, which is many things, into our error."""
    try:
        yield
    except UnsafeFileError as error:
        raise ResultsError(
            f"{path} is damaged or not written by recosim: {one_line(error)}; run again"
        ) from error
    except (
        ArithmeticError,
        AttributeError,
        BadZipFile,
        EOFError,
        LookupError,
        NotImplementedError,
        OSError,
        RuntimeError,
        TypeError,
        ValueError,
        MemoryError,
        zlib.error,
    ) as error:
        raise ResultsError(
            f"{path} is damaged: {what} cannot be read ({one_line(error)}); run again"
        ) from error
