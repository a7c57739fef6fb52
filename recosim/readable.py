"""Numbers as people read them: digits, units, groups of key figures."""

import math
from collections.abc import Iterator, Sequence

from recosim.quantities import KPI_NAMES, quantity

ABSENT = "–"
# A group reaches from its first key figure to the next group's.
GROUP_BEGINS = {
    "cost_net_eur": "Money",
    "energy_shared_kwh": "Energy",
    "self_consumption": "Shares",
    "peak_withdrawal_kw": "Grid",
    "discomfort_kh": "Comfort",
    "battery_cycles": "Running",
}
SHARES = "Shares"
COUNTED = ("1", "d")
MAGNITUDES = ("balance_residual_kwh",)
"""Figures that are judged by their order of magnitude."""
FINE = ("battery_state_of_health",)
"""Figures of which small changes count: four digits."""
PERCENT_SHOWN = 9999.0


def grouped(names: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Key figures in the order of printing, by group; those the table does not know come last."""
    groups: dict[str, list[str]] = {}
    group = ""
    for name in KPI_NAMES:
        group = GROUP_BEGINS.get(name, group)
        if name in names:
            groups.setdefault(group, []).append(name)
    unknown = [name for name in names if name not in KPI_NAMES]
    if unknown:
        groups["Other"] = unknown
    yield from groups.items()


def printable(text: str) -> str:
    r"""Text of a file as a terminal may show it: what would steer the terminal is written out.

    Examples
    --------
    >>> print(printable("flat\x1b[2J café"))
    flat\x1b[2J café
    """
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def readable(value: float | None, unit: str = "1", name: str = "") -> str:
    """Write a number for people: as many digits as they can use, and a dash for none.

    Examples
    --------
    >>> readable(12345.678, "kWh"), readable(3.14159, "kW"), readable(0.4137, "%"), readable(-2e-13, "kWh")
    ('12,346', '3.14', '41.4', '0.00')
    >>> readable(7.0), readable(None, "ms"), readable(2e-13, "kWh", "balance_residual_kwh")
    ('7', '–', '2.0e-13')
    """
    if value is None or not math.isfinite(value):
        return ABSENT
    number = value * 100.0 if unit == "%" else value
    if name in MAGNITUDES and number:
        return f"{number:.1e}"
    if unit in COUNTED and number == round(number):
        return f"{number:,.0f}"
    if name in FINE:
        return f"{number:.4f}"
    size = abs(number)
    digits = 1 if unit == "%" else 2
    if unit not in ("%", "EUR"):
        digits = 0 if size >= 1000.0 else 1 if size >= 100.0 else 2
    return f"{round(number, digits) + 0.0:,.{digits}f}"  # + 0.0: never minus nothing


def percent(value: float | None, unit: str = "%") -> str:
    """Write a difference in per cent, or of shares in percentage points.

    Examples
    --------
    >>> percent(-10.04), percent(0.01), percent(None), percent(-1e9), percent(4.6, "pp")
    ('-10.0 %', '0.0 %', '–', '< -9999 %', '+4.6 pp')
    """
    if value is None or not math.isfinite(value):
        return ABSENT
    if abs(value) > PERCENT_SHOWN:
        return f"> {PERCENT_SHOWN:.0f} {unit}" if value > 0 else f"< -{PERCENT_SHOWN:.0f} {unit}"
    shown = f"{round(value, 1) + 0.0:+.1f} {unit}"
    return shown.removeprefix("+") if round(value, 1) == 0.0 else shown


def shown_unit(name: str, group: str) -> str:
    """Choose the unit in which a key figure is printed: shares in per cent, counts without."""
    unit = quantity(name).unit
    return "%" if group == SHARES and unit == "1" else unit
