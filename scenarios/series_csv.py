"""CSV files of a time and numbers: what meters and markets export, read fast and refused by cell.

Times are ISO 8601 with an offset, the start of each step. Read as they come: a byte-order mark, the line ends
of Windows, UTF-16, tabs or semicolons between the columns and, with these, decimal commas. A file in which
commas and points could both be decimal signs is refused.
"""

import codecs
import csv
import os
import re
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pandas as pd

from recosim.arrays import FloatArray, IntArray
from recosim.errors import InputDataError
from recosim.scenarios.series_table import (
    READINGS_MAX_BYTES,
    SeriesTable,
    brief,
    refuse_blanks,
    refuse_disorder,
    refuse_large,
    refuse_other_centuries,
)

UTC_COLUMN = "time_utc"
TIME_COLUMNS = ("time", UTC_COLUMN)
_OFFSET = r"[Tt ]\d{2}(?::?\d{2}){0,2}(?:[.,]\d+)? ?(?:[Zz]|[+-]\d{2}(?::?\d{2})?)$"
_POINT_IS_DECIMAL = re.compile(rb"[;\t]\"?-?(?:0\.\d|\d+\.\d{1,2}(?!\d)|\d+\.\d{4,}|\d{4,}\.\d)")
_POINT = re.compile(rb"[;\t]\"?-?\d+\.\d")
_PANDAS = tuple(int(part) for part in pd.__version__.split(".")[:2])
# From pandas 3.1 on numbers are read to the bit by default.
_EXACT = {"float_precision": "round_trip"} if _PANDAS < (3, 1) else {}
_CHUNK_BYTES = 4_000_000
_ISO = "allowed: ISO 8601 with its offset, such as 2025-01-31T23:00:00+01:00 or 2025-01-31T22:00Z"


def read_series(path: Path, what: str, wanted: tuple[str, ...] | None = None) -> SeriesTable:
    """Read a CSV file.

    Parameters
    ----------
    path : Path
    what : str
        What the file holds, for messages, such as ``readings``.
    wanted : tuple of str, optional
        Columns to read where they are there; left out: all.

    Raises
    ------
    InputDataError
        The file cannot be read; has no or two columns of a name; a time is none, has no offset, comes
        twice or out of order; a cell is blank or no finite number. File, column, row and time are named.
    """
    source = str(path)
    encoding, delimiter, header = _header(path, what)
    time_column = next((name for name in TIME_COLUMNS if name in header), None)
    if time_column is None:
        raise InputDataError(f"{source}: column time is missing; the columns found are {_listed(header)}")
    names = [name for name in header if name not in TIME_COLUMNS and (wanted is None or name in wanted)]
    decimal = _decimal(path, delimiter, encoding)
    format_ = {"sep": delimiter, "encoding": encoding, "decimal": decimal}
    text, values = _frame(source, path, format_, header, time_column, names)
    table = SeriesTable(
        source=source,
        times=_times(source, time_column, text),
        text=text,
        columns={name: i for i, name in enumerate(names)},
        values=values,
    )
    refuse_disorder(table)
    refuse_blanks(table)
    return table


def ends_a_line(path: Path) -> bool:
    """Whether the last line has a line end, as files have that were written to their end."""
    with path.open("rb") as file:
        file.seek(max(file.seek(0, os.SEEK_END) - 2, 0))
        return file.read().strip(b"\0").endswith((b"\n", b"\r"))  # in UTF-16 beside a zero


def _header(path: Path, what: str) -> tuple[str, str, list[str]]:
    """Encoding, delimiter and names of the columns."""
    try:
        refuse_large(path, READINGS_MAX_BYTES)
        with path.open("rb") as file:
            head = file.read(1_000_000)
    except OSError as error:
        raise InputDataError(
            f"{path}: cannot be read ({error.strerror}); give a CSV file of {what}"
        ) from error
    encoding = "utf-8-sig"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    first = re.split(r"\r\n|\n|\r", head.decode(encoding, errors="replace"), maxsplit=1)[0]
    if not first.strip() or "\0" in first:
        raise InputDataError(f"{path}: is empty or no text; give a CSV file of {what} with a row of titles")
    delimiter = max(",;\t", key=first.count)
    header = [name.strip() for name in next(csv.reader([first], delimiter=delimiter))]
    seen: set[str] = set()
    for place, name in enumerate(header):
        if not name:
            raise InputDataError(
                f"{path}: column {place + 1} has no title (the row of titles must not end with a "
                f"{delimiter!r}); name the column or delete it"
            )
        if name in seen:
            raise InputDataError(f"{path}: column {brief(name)} is there twice; delete one of them")
        seen.add(name)
    return encoding, delimiter, header


def _decimal(path: Path, delimiter: str, encoding: str) -> str:
    """Decimal sign: a comma where commas separate nothing else and are there."""
    if delimiter == "," or encoding == "utf-16":
        return "." if delimiter == "," else ","
    comma = point = decimal_point = False
    with path.open("rb") as file:
        file.readline()
        while chunk := file.read(_CHUNK_BYTES) + file.readline():
            comma = comma or b"," in chunk
            point = point or _POINT.search(chunk) is not None
            decimal_point = decimal_point or _POINT_IS_DECIMAL.search(chunk) is not None
    if point and (comma or not decimal_point):
        raise InputDataError(
            f"{path}: the numbers hold points{' and commas' if comma else ''}, which may divide thousands or "
            "decimals; write them with one decimal sign and nothing between the thousands"
        )
    return "," if comma else "."


def _frame(
    source: str, path: Path, format_: dict[str, Any], header: list[str], time_column: str, names: list[str]
) -> tuple["pd.Series[str]", FloatArray]:
    """Times as text, and the numbers: NaN where a cell is blank."""
    options = {
        "header": 0,
        "names": header,
        "index_col": False,
        "skip_blank_lines": False,
        "skipinitialspace": True,
        **_EXACT,
        **format_,
    }
    # every column is read: told to leave some out, pandas also leaves out cells beyond the last title
    kinds: dict[str, Any] = dict.fromkeys(header, str) | dict.fromkeys(names, np.float64)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # a row with too many cells
            try:
                frame = pd.read_csv(path, dtype=kinds, **options)
            except (pd.errors.ParserError, UnicodeError):
                raise
            except ValueError:
                _refuse_text(source, path, options, time_column, names)
    except (pd.errors.ParserError, pd.errors.ParserWarning, UnicodeError) as error:
        _refuse_rows(source, path, format_, len(header), error)
    blank = frame.isna().all(axis=1).to_numpy()
    n_rows = len(blank) - int(np.argmin(blank[::-1])) if not blank.all() else 0
    if n_rows == 0:
        raise InputDataError(f"{source}: no rows below the titles; give at least one hour")
    frame = frame.iloc[:n_rows]
    return frame[time_column], frame[names].to_numpy(dtype=np.float64)


def _refuse_rows(
    source: str, path: Path, format_: dict[str, Any], n_columns: int, error: Exception
) -> NoReturn:
    """Say which row has too many cells, or why the text is none."""
    if not isinstance(error, UnicodeError):
        with (
            path.open(encoding=format_["encoding"], errors="replace", newline="") as file,
            suppress(csv.Error),
        ):
            for row, cells in enumerate(csv.reader(file, delimiter=format_["sep"]), start=1):
                if len(cells) > n_columns:
                    raise InputDataError(
                        f"{source}: row {row} ({brief(cells[0])}) has {len(cells)} cells, allowed: "
                        f"{n_columns}, as many as titles; decimals with a comma need semicolons between the "
                        "columns"
                    ) from error
    raise InputDataError(
        f"{source}: cannot be read as a table ({' '.join(str(error).split())}); save it as CSV in UTF-8"
    ) from error


def _refuse_text(
    source: str, path: Path, options: dict[str, Any], time_column: str, names: list[str]
) -> NoReturn:
    """Say which cell is no number."""
    decimal = options["decimal"]
    options = {key: value for key, value in options.items() if key not in (*_EXACT, "decimal")}
    cells = pd.read_csv(path, dtype=str, keep_default_na=False, **options)
    for name in names:
        text = cells[name].str.strip()
        pointed = text.str.replace(",", ".", regex=False) if decimal == "," else text
        number = pd.to_numeric(pointed, errors="coerce")
        odd = number.isna().to_numpy()
        if decimal == ",":
            odd = odd | text.str.contains(".", regex=False).to_numpy()
        wrong = np.flatnonzero(odd & (text != "").to_numpy())
        if wrong.size:
            row = int(wrong[0])
            raise InputDataError(
                f"{source}: column {brief(name)}, row {row + 2} ({brief(cells[time_column].iloc[row])}): "
                f"{brief(text.iloc[row])!r} is no number ({wrong.size} in the column); allowed: digits and "
                f"one decimal {'comma' if decimal == ',' else 'point'}"
            )
    raise InputDataError(f"{source}: a cell is no number; allowed: digits and one decimal sign")


def _times(source: str, column: str, text: "pd.Series[str]") -> IntArray:
    filled = text.fillna("").str.strip()
    for wrong, problem in (
        (filled == "", "is blank: give the time, or delete the row"),
        (pd.to_datetime(filled, utc=True, format="ISO8601", errors="coerce").isna(), f"is no time; {_ISO}"),
        (
            pd.Series(False, index=filled.index)
            if column == UTC_COLUMN
            else ~filled.str.contains(_OFFSET, regex=True),
            f"does not say its offset from UTC, so an hour of October could be meant twice; {_ISO}",
        ),
    ):
        at = np.flatnonzero(wrong.to_numpy())
        if at.size:
            raise InputDataError(
                f"{source}: column {column}, row {at[0] + 2}: {brief(filled.iloc[at[0]])!r} {problem}"
            )
    parsed = pd.to_datetime(filled, utc=True, format="ISO8601")
    times: IntArray = parsed.dt.tz_localize(None).to_numpy().astype("datetime64[s]").astype(np.int64)
    refuse_other_centuries(source, times)
    return times


def _listed(names: list[str]) -> str:
    shown = ", ".join(brief(name) for name in names[:8])
    return shown + (f" and {len(names) - 8} more" if len(names) > 8 else "")
