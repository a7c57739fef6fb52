"""A leaderboard in words and rounded numbers, for the terminal and for the page."""

from collections.abc import Sequence
from dataclasses import dataclass

from recosim.results.leaderboard.ranking import Difference, ForecastTable, Leaderboard, Standing
from recosim.results.statistics import Estimate

ABSENT = "–"
FIRST_NOT_MONEY = "peak"
"""Head of the column with which what is not money begins; it is always there."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a leaderboard.

    Parameters
    ----------
    head, unit : str
    meaning : str
        In a sentence.
    cells : tuple of str
        One per standing.
    """

    head: str
    unit: str
    meaning: str
    cells: tuple[str, ...]


def number(value: float | None, digits: int = 2) -> str:
    """Write a number, never minus nothing, and a dash for none.

    Examples
    --------
    >>> number(1234.567), number(-0.001), number(None)
    ('1,234.57', '0.00', '–')
    """
    return ABSENT if value is None else f"{round(value, digits) + 0.0:,.{digits}f}"


def interval(found: Estimate | None) -> str:
    """Write a mean with half the width of its interval."""
    if found is None:
        return ABSENT
    half = found.half_width
    return number(found.mean) if half is None else f"{number(found.mean)} ± {number(half)}"


def probability(p_value: float | None) -> str:
    """Write a p-value.

    Examples
    --------
    >>> probability(0.00004), probability(0.0312), probability(None)
    ('< 0.001', '0.031', '–')
    """
    if p_value is None:
        return ABSENT
    return "< 0.001" if p_value < 0.001 else f"{p_value:.3f}"


def columns(table: ForecastTable) -> list[Column]:
    """Columns after the controller's name; those that apply to no controller are left out."""

    def of(difference: Difference | None) -> str:
        return ABSENT if difference is None else interval(difference.eur)

    first, reference, standings = table.first, table.reference, table.standings
    wide = "mean over the pairs of seed and period ± half its 95 % interval"
    found = [
        ("J", "EUR", f"What is compared: {wide}", [interval(s.objective_eur) for s in standings]),
        ("net cost", "EUR", f"Bills and fees less what is earned, {wide}", _costs(standings)),
        (
            f"J to {first}",
            "EUR",
            f"Paired difference of J to {first}, mean ± half its 95 % interval; below zero is cheaper",
            [of(s.objective_to_first) for s in standings],
        ),
        (
            "of bills",
            "%",
            f"The same in per cent of the gross bills under {reference}",
            [
                ABSENT if (d := s.objective_to_first) is None else number(d.percent_of_bills)
                for s in standings
            ],
        ),
        (
            "p",
            "Holm",
            "p-value of the paired t-test of that difference, corrected by Holm for all in the table",
            [
                ABSENT if (d := s.objective_to_first) is None else probability(d.p_value_holm)
                for s in standings
            ],
        ),
        (
            "regret",
            "EUR",
            "J by marginal rates above a lower bound that no controller can reach",
            [ABSENT if s.regret_eur is None else number(s.regret_eur.mean) for s in standings],
        ),
        (
            "regret",
            f"% of {reference}",
            f"The same in per cent of the regret of {reference}",
            [ABSENT if s.regret_share is None else number(100.0 * s.regret_share, 1) for s in standings],
        ),
        (
            "peak",
            "kW",
            "Highest quarter-hour net withdrawal at the substation, mean of the runs",
            [number(s.peak_withdrawal_kw) for s in standings],
        ),
        (
            "discomfort",
            "K h",
            "Kelvin outside the comfort band times hours, summed over the dwellings",
            [number(s.discomfort_kh) for s in standings],
        ),
        (
            "outside",
            "% of hours",
            "Occupied hours more than 0.1 K outside the comfort band",
            [ABSENT if s.discomfort_share is None else number(100.0 * s.discomfort_share) for s in standings],
        ),
        (
            "cycles",
            "",
            "Equivalent full cycles of a battery",
            [number(s.battery_cycles) for s in standings],
        ),
        (
            "ms",
            "a decision",
            "CPU time of a decision, mean",
            [number(s.ms_per_decision) for s in standings],
        ),
    ]
    return [
        Column(head=head, unit=unit, meaning=meaning, cells=tuple(cells))
        for head, unit, meaning, cells in found
        if any(cell != ABSENT for cell in cells)
    ]


def _costs(standings: Sequence[Standing]) -> list[str]:
    return [interval(each.cost_net_eur) for each in standings]


def title(board: Leaderboard, table: ForecastTable) -> str:
    """Say what a table is of."""
    pairs = "1 pair" if table.n_pairs == 1 else f"{table.n_pairs} pairs"
    return f"{board.scenario}, {table.forecast} forecast, {pairs} of seed and period"
