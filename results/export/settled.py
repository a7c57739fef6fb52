"""Tables beside the series: key figures, settlement, the controller's decisions, faults."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recosim.quantities import quantity
from recosim.results.column_meanings import CONTROLLER, KPIS, column_described
from recosim.results.export.tables import (
    TIME_LOCAL,
    TIME_UTC,
    Column,
    Table,
    distinct,
    iso,
    series_table,
    utc_text,
)
from recosim.results.run_file import Run

BY_PLANT = ("energy_incentivised_kwh", "premium_eur")
"""Columns of the hourly settlement with a value for each plant; others with several are by delivery point."""
KEYS = ("time", "year", "month", "pod")
"""Columns that say what a row is about, in this order."""

_HOURLY, _MEMBERS = "hourly", "members"
_ROWS_PER_BLOCK = 100_000


def all_tables(run: Run, as_text: bool = False) -> Iterator[Table]:
    """Every table of a run: series by group, key figures, settlement, decisions and faults.

    Parameters
    ----------
    run : Run
    as_text : bool
        Whether instants are wanted as text.
    """
    for group in run.groups():
        yield series_table(run, group, as_text)
    if run.kpis:
        yield _table(KPIS, [_kpis(run)])
    for table in run.settlement_tables():
        yield from _settlement(run, table, as_text)
    decisions = run.controller()
    if decisions:
        yield _table(CONTROLLER, [pd.DataFrame(_timed(run, decisions, as_text))])
    faults = run.faults()
    if faults:
        columns: dict[str, Any] = {}
        for name, values in faults.items():
            columns |= (
                _instants(run, values, as_text, f"{name}_") if name in ("start", "end") else {name: values}
            )
        yield _table("faults", [pd.DataFrame(columns)])


def _kpis(run: Run) -> pd.DataFrame:
    about = [quantity(name) for name in run.kpis]
    return pd.DataFrame(
        {
            "name": list(run.kpis),
            "value": np.array([np.nan if v is None else float(v) for v in run.kpis.values()]),
            "unit": [one.unit for one in about],
            "meaning": [one.meaning for one in about],
        }
    )


def _settlement(run: Run, table: str, as_text: bool) -> Iterator[Table]:
    """One of the settlement's tables, and what it tells by plant and by delivery point, a row for each."""
    columns = run.settlement(table)
    keys: dict[str, Any] = {}
    for key in KEYS:
        if key in columns:
            keys |= _instants(run, columns[key], as_text) if key == "time" else {key: columns[key]}
    plain = {name: values for name, values in columns.items() if values.ndim == 1 and name not in KEYS}
    yield _table(f"settlement_{table}", [pd.DataFrame({**keys, **plain})])
    members = run.settlement(_MEMBERS) if _MEMBERS in run.settlement_tables() else {}
    pods = distinct([str(pod) for pod in members.get("pod", ())])
    by_owner: dict[str, dict[str, NDArray[Any]]] = {}
    for name, values in columns.items():
        if values.ndim > 1:
            by_plant = (table == _HOURLY and name in BY_PLANT) or values.shape[1] != len(pods)
            by_owner.setdefault("plant" if by_plant else "pod", {})[name] = values
    for owner, of_owner in by_owner.items():
        n_owners = next(iter(of_owner.values())).shape[1]
        names = pods if owner == "pod" else [str(number + 1) for number in range(n_owners)]
        yield _table(f"settlement_{table}_by_{owner}", _stacked(keys, owner, names, of_owner))


def _stacked(
    keys: Mapping[str, Any], owner: str, names: list[str], columns: Mapping[str, NDArray[Any]]
) -> Iterator[pd.DataFrame]:
    n_rows = len(next(iter(columns.values())))
    size = max(1, _ROWS_PER_BLOCK // max(1, len(names)))
    for first in range(0, n_rows, size):
        rows = slice(first, min(first + size, n_rows))
        yield pd.DataFrame(
            {
                **{key: values[rows].repeat(len(names)) for key, values in keys.items()},
                owner: np.tile(np.array(names, dtype=object), rows.stop - rows.start),
                **{name: values[rows].ravel() for name, values in columns.items()},
            }
        )


def _timed(run: Run, decisions: Mapping[str, NDArray[Any]], as_text: bool) -> dict[str, Any]:
    """Put the time before decisions, where there is one for each step."""
    n_decisions = len(next(iter(decisions.values())))
    if n_decisions != run.committed:
        return dict(decisions)
    return {**_instants(run, run.grid_committed.times, as_text), **decisions}


def _instants(run: Run, times_s: NDArray[Any], as_text: bool, prefix: str = "") -> dict[str, Any]:
    times = pd.DatetimeIndex(pd.to_datetime(times_s, unit="s", utc=True))
    return {
        f"{prefix}{TIME_UTC}": utc_text(times) if as_text else times,
        f"{prefix}{TIME_LOCAL}": iso(times.tz_convert(run.grid.timezone)),
    }


def _table(name: str, frames: Iterable[pd.DataFrame]) -> Table:
    """Describe a table by its first block."""
    rest = iter(frames)
    first = next(rest)
    columns = tuple(_column(name, str(head), first[head]) for head in first.columns)
    return Table(name=name, columns=columns, blocks=chain([first], rest))


def _column(table: str, name: str, values: "pd.Series[Any]") -> Column:
    if name.endswith((TIME_UTC, TIME_LOCAL)):
        zone = "UTC" if name.endswith(TIME_UTC) else "local time with its offset"
        what = name.removesuffix(TIME_UTC).removesuffix(TIME_LOCAL).rstrip("_") or "begin"
        dtype = "text" if name.endswith(TIME_LOCAL) else "time"
        return Column(name=name, unit="", meaning=f"{what}, {zone}", dtype=dtype)
    about = column_described(table, name)
    is_text = values.dtype.kind == "O"
    has_no_unit = is_text or (table, name) == (KPIS, "value")
    return Column(
        name=name,
        unit="" if has_no_unit else about.unit,
        meaning=about.meaning,
        dtype="text" if is_text else values.dtype.name,
    )
