"""The leaderboard of a bench on the screen."""

from typing import TYPE_CHECKING

from rich.table import Table

from recosim.tables import empty_table, plainly

if TYPE_CHECKING:  # slow to import
    from recosim.results.leaderboard.ranking import ForecastTable, Leaderboard

WIDE = 150
"""Columns of text below which money and the rest are two tables."""


def leaderboard_tables(board: "Leaderboard", table: "ForecastTable", width: int) -> list[Table]:
    """Lay out the standings with one kind of forecast, lowest J first, for a screen of so many columns."""
    from recosim.results.leaderboard.cells import FIRST_NOT_MONEY, columns, title

    found = columns(table)
    heads = [column.head for column in found]
    split = len(found) if width >= WIDE else heads.index(FIRST_NOT_MONEY)
    laid: list[Table] = []
    for part in (found[:split], found[split:]):
        if not part:
            continue  # all stands in the first
        laid.append(empty_table("" if laid else title(board, table), ""))
        for column in part:
            laid[-1].add_column(plainly(f"{column.head}\n{column.unit}"), justify="right")
        for place, each in enumerate(table.standings):
            laid[-1].add_row(plainly(each.controller), *(column.cells[place] for column in part))
    return laid
