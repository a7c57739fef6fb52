"""The leaderboard of a bench on the screen."""

from typing import TYPE_CHECKING

from rich.table import Table

from recosim.tables import empty_table

if TYPE_CHECKING:  # slow to import
    from recosim.results.leaderboard import ForecastTable, Leaderboard


def leaderboard_table(board: "Leaderboard", table: "ForecastTable") -> Table:
    """Lay out the standings with one kind of forecast, lowest J first."""
    from recosim.results.leaderboard_cells import columns, title

    found = columns(table)
    laid = empty_table(title(board, table), "")
    for column in found:
        laid.add_column(f"{column.head}\n{column.unit}", justify="right")
    for place, each in enumerate(table.standings):
        laid.add_row(each.controller, *(column.cells[place] for column in found))
    return laid
