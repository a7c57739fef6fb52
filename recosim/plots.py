"""Plots of characters: lines over the hours of a day, in braille and colours or in plain ASCII."""

from collections.abc import Mapping
from itertools import cycle

import numpy as np
from rich.console import Console
from rich.text import Text

from recosim.arrays import FloatArray, IntArray

COLOURS = ("cyan", "yellow", "magenta", "green", "red", "blue")
MARKERS = "*o+x%@"
SEVERAL = "#"
"""Where lines cross, in ASCII."""
LINES_AT_MOST = len(MARKERS)
ROWS = 12
WIDTH_MAX = 100

_AXIS_LABELS = 9
_WIDTH_MIN = 40
_BRAILLE = 0x2800
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""Bit of each dot of a braille character, by row and column."""
_HOUR_LABELS = (0, 6, 12, 18, 24)


def fine(console: Console) -> bool:
    """Whether a console shows braille and colours; else lines are told apart by plain characters."""
    return console.encoding.lower().startswith("utf") and console.color_system is not None


def day_plot(title: str, lines: Mapping[str, FloatArray], width: int, *, in_braille: bool) -> Text:
    """Draw values by the hour of the day.

    Parameters
    ----------
    title : str
    lines : mapping of str to array, shape (24,)
        At most `LINES_AT_MOST`, by name; NaN where there is none.
    width : int
        Characters in a row; more than `WIDTH_MAX` are not used.
    in_braille : bool
        Braille in colours; otherwise ASCII.

    Returns
    -------
    rich.text.Text
        One row for the title, `ROWS` for the plot, two for the axis and one or more for the legend.

    Raises
    ------
    ValueError
        There are no lines, too many, or none has a number.
    """
    if not 1 <= len(lines) <= LINES_AT_MOST:
        raise ValueError(f"{len(lines)} lines, allowed: 1 to {LINES_AT_MOST}")
    n_columns = max(_WIDTH_MIN, min(width, WIDTH_MAX)) - _AXIS_LABELS - 2
    low, high = _range(lines)
    fineness = (4, 2) if in_braille else (1, 1)
    dots = [_dots(line, low, high, ROWS * fineness[0], n_columns * fineness[1]) for line in lines.values()]
    cells = _braille_cells(dots, n_columns) if in_braille else _ascii_cells(dots, n_columns)
    zero = _row_of(0.0, low, high, ROWS)
    labels = {0: high, ROWS - 1: low, zero: 0.0}
    vertical, tick, rule = ("│", "┤", "─") if in_braille else ("|", "+", "-")
    text = Text.assemble((title, "bold" if in_braille else ""), "\n")
    for row in range(ROWS):
        label = f"{labels[row]:.1f}" if row in labels else ""
        text.append(f"{label:>{_AXIS_LABELS}}{tick if row in labels else vertical}")
        for character, colour in cells[row]:
            blank = character == " " and row == zero
            text.append(("." if not in_braille else "·") if blank else character, "dim" if blank else colour)
        text.append("\n")
    corner = "└" if in_braille else "+"
    text.append(f"{'':>{_AXIS_LABELS}}{corner}{rule * n_columns}\n")
    text.append(f"{'':>{_AXIS_LABELS + 1}}{_hours(n_columns)}\n")
    return text.append_text(_legend(list(lines), n_columns, in_braille=in_braille))


def _range(lines: Mapping[str, FloatArray]) -> tuple[float, float]:
    """Lowest and highest value, zero included."""
    values = np.concatenate([np.asarray(line) for line in lines.values()])
    values = values[np.isfinite(values)]
    if not values.size:
        raise ValueError("no line has a number")
    low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
    return (low, high) if high > low else (low, low + 1.0)


def _row_of(value: float, low: float, high: float, n_rows: int) -> int:
    return round((high - value) / (high - low) * (n_rows - 1))


def _dots(line: FloatArray, low: float, high: float, n_rows: int, n_columns: int) -> list[tuple[int, int]]:
    """Row and column of each dot: an hour's value holds for the hour, and steps are joined."""
    hour = np.minimum(np.arange(n_columns) * len(line) // n_columns, len(line) - 1)
    found: list[tuple[int, int]] = []
    before: int | None = None
    for column, value in enumerate(np.asarray(line)[hour]):
        if not np.isfinite(value):
            before = None
            continue
        row = _row_of(float(value), low, high, n_rows)
        start = row if before is None else before
        found += [(between, column) for between in range(min(start, row), max(start, row) + 1)]
        before = row
    return found


def _braille_cells(dots: list[list[tuple[int, int]]], n_columns: int) -> list[list[tuple[str, str]]]:
    bits: IntArray = np.zeros((ROWS, n_columns), dtype=np.int64)
    colour = np.full((ROWS, n_columns), "", dtype=object)
    for places, name in zip(dots, cycle(COLOURS), strict=False):
        for row, column in places:
            bits[row // 4, column // 2] |= _DOTS[row % 4][column % 2]
            colour[row // 4, column // 2] = name
    return [
        [(chr(_BRAILLE + int(bit)) if bit else " ", str(name)) for bit, name in zip(*both, strict=True)]
        for both in zip(bits, colour, strict=True)
    ]


def _ascii_cells(dots: list[list[tuple[int, int]]], n_columns: int) -> list[list[tuple[str, str]]]:
    cells = [[" "] * n_columns for _ in range(ROWS)]
    for places, marker in zip(dots, MARKERS, strict=False):
        for row, column in set(places):
            cells[row][column] = marker if cells[row][column] == " " else SEVERAL
    return [[(character, "") for character in row] for row in cells]


def _hours(n_columns: int) -> str:
    row = [" "] * (n_columns + 2)
    for hour in _HOUR_LABELS:
        label = f"{hour} h" if hour == _HOUR_LABELS[-1] else str(hour)
        first = min(hour * n_columns // _HOUR_LABELS[-1], n_columns - len(label))
        row[first : first + len(label)] = label
    return "".join(row).rstrip()


def _legend(names: list[str], n_columns: int, *, in_braille: bool) -> Text:
    text = Text()
    used, longest = 0, n_columns - 3
    crossing = [] if in_braille or len(names) < 2 else [(SEVERAL, "several", "")]
    entries = [
        ("──" if in_braille else marker, name, colour if in_braille else "")
        for name, marker, colour in zip(names, MARKERS, COLOURS, strict=False)
    ]
    for sign, name, colour in (*entries, *crossing):
        name = name if len(name) <= longest else name[: longest - 2] + ".."
        length = len(sign) + len(name) + 3
        if used and used + length > n_columns:
            text.append("\n")
            used = 0
        if not used:
            text.append(" " * (_AXIS_LABELS + 1))
        text.append(sign, colour)
        text.append(f" {name}  ")
        used += length
    text.rstrip()
    return text
