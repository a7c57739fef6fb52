"""A run as tables for other programs: names, units and meanings of the columns, rows by blocks of time.

One table for each group of series, with a row for each step and member; the tables beside them are in
:mod:`recosim.results.export.settled`.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recosim.results.export.folder import notices_of
from recosim.results.folders import write_text
from recosim.results.run_file import Run

METADATA_FILE, SCENARIO_FILE = "metadata.json", "scenario.yaml"
TIME_UTC, TIME_LOCAL, MEMBER = "time_utc", "time_local", "member"

_MEANINGS = {
    TIME_UTC: "begin of the step, UTC",
    TIME_LOCAL: "begin of the step, local time with its offset",
    MEMBER: "device or delivery point",
}


@dataclass(frozen=True, kw_only=True)
class Column:
    """What a column holds.

    Parameters
    ----------
    name, unit, meaning : str
    dtype : str
        ``time`` (an instant), ``text`` or a NumPy type.
    """

    name: str
    unit: str
    meaning: str
    dtype: str


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table and its columns.

    Parameters
    ----------
    name : str
    columns : tuple of Column
    blocks : iterable of DataFrame
        Its rows; to be gone through once.
    """

    name: str
    columns: tuple[Column, ...]
    blocks: Iterable[pd.DataFrame]


def series_table(run: Run, group: str, as_text: bool = False) -> Table:
    """Series of a group: each step's members one below the other.

    What one member has and another has not is NaN.

    Parameters
    ----------
    run : Run
    group : str
    as_text : bool
        Whether instants are wanted as text.
    """
    head = [
        Column(name=TIME_UTC, unit="", meaning=_MEANINGS[TIME_UTC], dtype="time"),
        Column(name=TIME_LOCAL, unit="", meaning=_MEANINGS[TIME_LOCAL], dtype="text"),
        Column(name=MEMBER, unit="", meaning=_MEANINGS[MEMBER], dtype="text"),
    ]
    columns = [run.about(group, name) for name in run.groups()[group]]
    values = [
        Column(name=one.name, unit=one.unit, meaning=one.meaning, dtype=one.dtype.name) for one in columns
    ]
    return Table(name=group, columns=(*head, *values), blocks=_series_blocks(run, group, as_text))


def iso(times: pd.DatetimeIndex) -> NDArray[Any]:
    """Instants as text, ISO 8601 with the offset of their zone."""
    return np.array([time.isoformat() for time in times], dtype=object)


def utc_text(times: pd.DatetimeIndex) -> NDArray[Any]:
    """Instants as text in UTC, such as 2025-03-29T23:00:00Z."""
    return np.asarray(times.tz_convert("UTC").strftime("%Y-%m-%dT%H:%M:%SZ"), dtype=object)


def distinct(names: Sequence[str]) -> list[str]:
    """Names with a number where one comes again, such as a plant's and a dwelling's meter called alike.

    Examples
    --------
    >>> distinct(["roof", "flat", "roof"])
    ['roof', 'flat', 'roof (2)']
    """
    found: list[str] = []
    for name in names:
        number, new = 1, name
        while new in found:
            number += 1
            new = f"{name} ({number})"
        found.append(new)
    return found


def metadata(run: Run, tables: Mapping[str, Table]) -> dict[str, Any]:
    """What a run was, and what the columns of its files are.

    Parameters
    ----------
    run : Run
    tables : mapping of str to Table
        By file.
    """
    grid = run.grid_committed
    return {
        "scenario": run.meta.name,
        "controller": run.meta.controller,
        "seed": run.meta.seed,
        "created": run.meta.created,
        "complete": run.complete,
        "start": grid.local[0].isoformat(),
        "steps": grid.n_steps,
        "step_s": grid.step_s,
        "timezone": grid.timezone,
        "scenario_sha256": run.meta.scenario_sha256,
        "versions": dict(run.meta.versions),
        "notices": list(notices_of(run)),
        "files": {
            file: {
                column.name: {"unit": column.unit, "meaning": column.meaning, "dtype": column.dtype}
                for column in table.columns
            }
            for file, table in tables.items()
        },
    }


def write_metadata(run: Run, tables: Mapping[str, Table], folder: Path) -> list[Path]:
    """Write the metadata and the scenario beside the files they describe."""
    text = json.dumps(metadata(run, tables), indent=2, ensure_ascii=False)
    write_text(folder / METADATA_FILE, text + "\n")
    write_text(folder / SCENARIO_FILE, run.meta.scenario_yaml)
    return [folder / METADATA_FILE, folder / SCENARIO_FILE]


def _series_blocks(run: Run, group: str, as_text: bool) -> Iterator[pd.DataFrame]:
    names = run.groups()[group]
    members = {name: distinct(run.members(group, name)) for name in names}
    everyone = list(dict.fromkeys(member for some in members.values() for member in some))
    shown = np.array(everyone, dtype=object)
    local = run.grid_committed.local
    for rows in run.blocks(len(everyone) * len(names)):
        n_rows = rows.stop - rows.start
        times = local[rows]
        columns: dict[str, Any] = {
            TIME_UTC: np.repeat(utc_text(times), len(everyone))
            if as_text
            else times.tz_convert("UTC").repeat(len(everyone)),
            TIME_LOCAL: np.repeat(iso(times), len(everyone)),
            MEMBER: np.tile(shown, n_rows),
        }
        for name in names:
            dtype = run.about(group, name).dtype
            values = run.values(group, name, rows).astype(dtype)
            if members[name] != everyone:
                whole = np.full((n_rows, len(everyone)), np.nan, dtype=dtype)
                whole[:, [everyone.index(member) for member in members[name]]] = values
                values = whole
            columns[name] = values.ravel()
        yield pd.DataFrame(columns)
