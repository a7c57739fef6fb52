"""What every validation hands back: rows with our figure, the published range and whether they agree."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Row:
    """One figure beside its reference.

    Parameters
    ----------
    what : str
        What it is, such as ``annual heating``.
    unit : str
    value : float
        Our figure.
    low, high : float or None
        What is allowed; None where there is no limit on that side.
    source : str
        Where the reference comes from.
    ok : bool or None
        Within ``low`` and ``high``; None where the figure is only shown.
    group : str
        Rows of one group stand together, such as one case.
    published : str
        The published figure or range, before any tolerance.
    beside : float or None
        The same figure under the report's ``beside`` heading.
    """

    what: str
    unit: str
    value: float
    low: float | None
    high: float | None
    source: str
    ok: bool | None
    group: str = ""
    published: str = ""
    beside: float | None = None

    @property
    def outside(self) -> float:
        """How far the value lies below (negative) or above the allowed range, 0 within it."""
        if self.low is not None and self.value < self.low:
            return self.value - self.low
        if self.high is not None and self.value > self.high:
            return self.value - self.high
        return 0.0


def checked(
    what: str, unit: str, value: float, low: float | None, high: float | None, source: str, **more: Any
) -> Row:
    """Row that is green within ``low`` and ``high`` (both included) and red outside; NaN is red."""
    row = Row(what=what, unit=unit, value=value, low=low, high=high, source=source, ok=None, **more)
    return Row(**{**vars(row), "ok": row.outside == 0.0 and not isnan(value)})


def shown(
    what: str,
    unit: str,
    value: float,
    source: str,
    low: float | None = None,
    high: float | None = None,
    **more: Any,
) -> Row:
    """Row that is shown beside its reference, if there is one, and decides nothing."""
    return Row(what=what, unit=unit, value=value, low=low, high=high, source=source, ok=None, **more)


@dataclass(frozen=True, kw_only=True)
class Report:
    """Outcome of one validation.

    Parameters
    ----------
    title : str
    rows : sequence of Row
    figures : mapping
        Our figures by name, for programs.
    beside : str
        Heading of the rows' second figures; empty: none.
    notes : sequence of str
        What a reader must know to judge the rows.
    """

    title: str
    rows: Sequence[Row]
    figures: Mapping[str, Any] = field(default_factory=dict)
    beside: str = ""
    notes: Sequence[str] = ()

    @property
    def ok(self) -> bool:
        """No row is red."""
        return all(row.ok is not False for row in self.rows)


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a user asks of a validation.

    Parameters
    ----------
    weather : Path or None
        A weather file, for the validations that need one.
    cases : tuple of str
        Only these cases; empty: all.
    progress : callable or None
        Told what goes on, how much of it is done and how much there is, by those that take long.
    """

    weather: Path | None = None
    cases: tuple[str, ...] = ()
    progress: Callable[[str, int, int], None] | None = field(default=None, compare=False)


@cache
def published_table(name: str) -> "pd.DataFrame":
    """Read a table of published figures of this package; ``#`` begins a comment."""
    import pandas as pd  # not at the top: the help of the command needs the registry, and no pandas

    with files("recosim.scenarios.validation").joinpath(name).open(encoding="utf-8") as text:
        table: pd.DataFrame = pd.read_csv(text, comment="#", dtype={"case": str})
    return table
