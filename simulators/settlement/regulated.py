"""Figures that change from year to year, read from ``regulated.csv``.

Each row says for which years a figure holds and who published it. A later year than the last one known uses
the last one, and says so; an earlier year or a gap is an error.
"""

import csv
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import numpy as np

from recosim.arrays import FloatArray
from recosim.simulators.settlement.checks import SettlementError, one_of

TABLE = "regulated.csv"
VOLTAGES = ("LV", "MV", "HV")


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One regulated figure for one year.

    Parameters
    ----------
    name : str
    year : int
        The year asked for.
    year_used : int
        The year whose figure it is; smaller than ``year`` where that one is not known yet.
    value : float
    unit : str
    source : str
    """

    name: str
    year: int
    year_used: int
    value: float
    unit: str
    source: str

    @property
    def note(self) -> str:
        """What to tell the user about this figure; empty where the year itself is known."""
        if self.year_used == self.year:
            return ""
        shown = f"{self.value:g}" + ("" if self.unit == "-" else f" {self.unit}")
        return f"{self.name}: no figure for {self.year} yet, that of {self.year_used} is used ({shown})"


@dataclass(frozen=True, kw_only=True)
class _Row:
    year_first: int
    year_last: int
    value: float
    unit: str
    source: str


@lru_cache(maxsize=1)
def _table() -> dict[str, tuple[_Row, ...]]:
    rows: dict[str, list[_Row]] = {}
    text = files("recosim.simulators.settlement").joinpath(TABLE).read_text(encoding="utf-8")
    for line in csv.DictReader(text.splitlines()):
        row = _Row(
            year_first=int(line["year_first"]),
            year_last=int(line["year_last"]),
            value=float(line["value"]),
            unit=line["unit"],
            source=line["source"],
        )
        rows.setdefault(line["figure"], []).append(row)
    return {name: tuple(sorted(group, key=lambda row: row.year_first)) for name, group in rows.items()}


def figure_names() -> tuple[str, ...]:
    """Names of all figures in the table."""
    return tuple(_table())


def figure(name: str, year: int) -> Figure:
    """Look a figure up for a year.

    Parameters
    ----------
    name : str
        Such as ``trase_eur_per_mwh``; see :func:`figure_names`.
    year : int

    Raises
    ------
    SettlementError
        The figure is unknown, or not known for a year that lies before or between those in the table.

    Examples
    --------
    >>> figure("trase_eur_per_mwh", 2025).value
    10.57
    >>> figure("trase_eur_per_mwh", 2031).note
    'trase_eur_per_mwh: no figure for 2031 yet, that of 2026 is used (10.57 EUR/MWh)'
    """
    one_of(name, figure_names(), "regulated figure")
    rows = _table()[name]
    last = rows[-1]
    for row in rows:
        if row.year_first <= year <= row.year_last:
            return _as_figure(name, year, year, row)
    if year > last.year_last:
        return _as_figure(name, year, last.year_last, last)
    known = ", ".join(
        f"{row.year_first}" if row.year_first == row.year_last else f"{row.year_first}-{row.year_last}"
        for row in rows
    )
    raise SettlementError(
        f"tariff_year = {year}: {name} is known for {known} (later years use {last.year_last}); "
        f"name one of these years as settlement.tariff_year, or add a row to {TABLE}"
    )


def value(name: str, year: int) -> float:
    """Value of a figure in a year; see :func:`figure`."""
    return figure(name, year).value


def by_voltage(prefix: str, voltage: tuple[str, ...], year: int) -> FloatArray:
    """Figures ``prefix_lv``, ``prefix_mv``, ``prefix_hv`` for each voltage level given, shape (n,).

    Raises
    ------
    SettlementError
        A voltage is not LV, MV or HV, or the year is unknown.
    """
    return np.array([found.value for found in _figures(prefix, voltage, year)], dtype=np.float64)


def notes_by_voltage(prefix: str, voltage: tuple[str, ...], year: int) -> tuple[str, ...]:
    """What to tell the user about the figures of `by_voltage`, each note once; empty for a known year."""
    notes = [found.note for found in _figures(prefix, voltage, year) if found.note]
    return tuple(dict.fromkeys(notes))


def _figures(prefix: str, voltage: tuple[str, ...], year: int) -> list[Figure]:
    return [figure(f"{prefix}_{one_of(level, VOLTAGES, 'voltage').lower()}", year) for level in voltage]


def _as_figure(name: str, year: int, year_used: int, row: _Row) -> Figure:
    return Figure(
        name=name, year=year, year_used=year_used, value=row.value, unit=row.unit, source=row.source
    )
