"""A run for people who work in Python: pandas frames and an xarray Dataset, with units."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from recosim.errors import ResultsError
from recosim.quantities import quantity as describe
from recosim.results import run_file
from recosim.results.column_meanings import column_described
from recosim.results.export.folder import notices_of
from recosim.results.run_file import Run, damage_told

if TYPE_CHECKING:
    import xarray


class OpenRun(Run):
    """A result file, open for reading; a context manager. See `open_run`.

    Attributes
    ----------
    kpis : mapping of str to float, int or None
        Key figures; empty as long as the run is not complete.
    meta : RunMeta
        Scenario, controller, seed, versions and notices.
    complete : bool
    committed : int
        Steps that are in the file; of an interrupted run fewer than ``grid.n_steps``.
    """

    def frame(self, group: str, quantity: str | None = None, rows: slice | None = None) -> pd.DataFrame:
        """Read a group, or one of its quantities, indexed by local time.

        Parameters
        ----------
        group : str
            Such as ``dwelling``; `groups` lists them.
        quantity : str, optional
            Left out: all of the group, in columns of two levels, quantity and member.
        rows : slice, optional
            Steps wanted; left out: all that are committed.

        Returns
        -------
        DataFrame
            Its index is aware of the time zone. ``attrs`` holds ``quantity``, ``unit`` and ``meaning``, or,
            of a whole group, ``units`` and ``meanings`` by quantity.

        Raises
        ------
        ResultsError
            There is no such group or quantity, or the file is damaged.
        """
        if quantity is not None:
            return super().frame(group, quantity, rows)
        if group not in self.groups():
            raise ResultsError(f"{self.path} has no group {group!r}, only: {', '.join(self.groups())}")
        names = self.groups()[group]
        frames = {name: super(OpenRun, self).frame(group, name, rows) for name in names}
        whole = pd.concat(frames, axis=1, names=["quantity", "member"])
        whole.attrs = {
            "units": {name: frame.attrs["unit"] for name, frame in frames.items()},
            "meanings": {name: frame.attrs["meaning"] for name, frame in frames.items()},
        }
        return whole

    def kpi_frame(self) -> pd.DataFrame:
        """Key figures with their units and meanings, by name."""
        about = [describe(name) for name in self.kpis]
        values = [np.nan if value is None else float(value) for value in self.kpis.values()]
        columns = {"value": values, "unit": [a.unit for a in about], "meaning": [a.meaning for a in about]}
        return pd.DataFrame(columns, index=pd.Index(list(self.kpis), name="kpi"))

    def settlement_frame(self, table: str) -> pd.DataFrame:
        """One of the settlement's tables, as far as it has one value a row.

        ``attrs`` holds ``units`` and ``meanings`` by column.

        Raises
        ------
        ResultsError
            There is no such table, or the file is damaged.
        """
        columns: dict[str, Any] = {n: v for n, v in self.settlement(table).items() if v.ndim == 1}
        with damage_told(self.path):
            frame = pd.DataFrame(columns)
            if "time" in frame:
                times = pd.to_datetime(frame.pop("time"), unit="s", utc=True)
                frame.index = pd.DatetimeIndex(times).tz_convert(self.grid.timezone).rename("time")
            elif "pod" in frame:
                frame = frame.set_index("pod")
        about = {str(name): column_described(table, str(name)) for name in frame.columns}
        frame.attrs["units"] = {name: one.unit for name, one in about.items()}
        frame.attrs["meanings"] = {name: one.meaning for name, one in about.items()}
        return frame

    def to_xarray(self, *groups: str) -> "xarray.Dataset":
        """Series as an xarray Dataset that reads from the file what is asked of it.

        Parameters
        ----------
        groups : str
            Such as ``dwelling``; left out: all.

        Returns
        -------
        xarray.Dataset
            Dimensions are ``time`` and each group's members. ``time`` is UTC without a zone, for xarray knows
            none; ``time_local`` is the wall clock, on which an hour comes twice in October. Variables bear
            the names of the quantities, and the group before it where two groups have the same; their
            attributes are ``units``, ``long_name`` and ``group``. `load` it while the run is open.

        Raises
        ------
        ResultsError
            xarray is not installed, or there is no such group.
        """
        try:
            from recosim.results.lazy_arrays import dataset
        except ImportError as error:
            raise ResultsError(
                "to_xarray needs xarray, which is not installed: pip install 'recosim[xarray]'"
            ) from error
        return dataset(self, groups)

    @property
    def dataset(self) -> "xarray.Dataset":
        """All series as an xarray Dataset, see `to_xarray`."""
        return self.to_xarray()

    @property
    def notices(self) -> tuple[str, ...]:
        """Whose data the run is made from, to go with what is made of it."""
        return notices_of(self)


def open_run(path: str | Path) -> OpenRun:
    """Open a result file.

    Parameters
    ----------
    path : str or Path
        What ``recosim run`` wrote; of a run that was interrupted, what is committed can be read.

    Returns
    -------
    OpenRun
        Close it, or open it in a ``with`` statement.

    Raises
    ------
    ResultsError
        The file is missing, is not one of ours, was cut short or lacks a part.
    """
    return run_file.open_run(Path(path), OpenRun)
