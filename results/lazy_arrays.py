"""Series of a run as xarray variables that are read when they are needed. Needs xarray."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray
from numpy.typing import NDArray
from xarray.backends import BackendArray
from xarray.core import indexing

from recosim.errors import ResultsError
from recosim.results.export.folder import notices_of
from recosim.results.export.tables import distinct
from recosim.results.run_file import Run, SeriesInfo


class _SeriesArray(BackendArray):
    """One series; xarray asks it for rows and members by integers and slices."""

    def __init__(self, run: Run, group: str, about: SeriesInfo) -> None:
        self._run, self._group, self._about = run, group, about
        self.shape = (run.committed, about.n_members)
        self.dtype = about.dtype

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.BASIC, self._read)

    def _read(self, key: tuple[int | slice, ...]) -> NDArray[Any]:
        rows, members = (slice(one, one + 1) if not isinstance(one, slice) else one for one in key)
        values = self._run.values(self._group, self._about.name, rows, members).astype(self.dtype)
        part: NDArray[Any] = values[tuple(slice(None) if isinstance(one, slice) else 0 for one in key)]
        return part


def dataset(run: Run, groups: Sequence[str] = ()) -> xarray.Dataset:
    """Lay out the series of some groups, or of all; see `recosim.results.opened.OpenRun.to_xarray`.

    Raises
    ------
    ResultsError
        There is no such group.
    """
    known = run.groups()
    for group in groups:
        if group not in known:
            raise ResultsError(f"{run.path} has no group {group!r}, only: {', '.join(known)}")
    often = Counter(name for names in known.values() for name in names)
    variables: dict[str, Any] = {}
    coordinates: dict[str, Any] = _time(run)
    for group in groups or known:
        for name in known[group]:
            about = run.about(group, name)
            if about.dimension not in coordinates:
                members = distinct(run.members(group, name))
                coordinates[about.dimension] = (about.dimension, np.array(members))
            attributes = {"units": about.unit, "long_name": about.meaning, "group": group}
            lazy = indexing.LazilyIndexedArray(_SeriesArray(run, group, about))
            variables[name if often[name] == 1 else f"{group}_{name}"] = xarray.Variable(
                ("time", about.dimension), lazy, attributes
            )
    return xarray.Dataset(variables, coordinates, _attributes(run))


def _time(run: Run) -> dict[str, Any]:
    grid = run.grid_committed
    about = {"standard_name": "time", "long_name": "begin of the step, UTC"}
    local = {"long_name": f"begin of the step, {grid.timezone}"}
    return {
        "time": ("time", grid.utc.tz_localize(None).to_numpy(), about),
        "time_local": ("time", grid.local.tz_localize(None).to_numpy(), local),
    }


def _attributes(run: Run) -> dict[str, Any]:
    return {
        "title": f"{run.meta.name}, controller {run.meta.controller}",
        "source": f"recosim {run.meta.versions.get('recosim', '')}".strip(),
        "scenario": run.meta.name,
        "controller": run.meta.controller,
        "seed": run.meta.seed,
        "created": run.meta.created,
        "complete": int(run.complete),
        "step_s": run.grid.step_s,
        "timezone": run.grid.timezone,
        "notices": "\n".join(notices_of(run)),
    }
