"""A settlement on the screen: the community, its plants, its members."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pandas as pd
from rich.table import Table

from recosim.readable import ABSENT, readable
from recosim.tables import empty_table, plainly

if TYPE_CHECKING:  # reading results is slow to import, and most commands read none
    from recosim.results.settled import Settled

CONFIGURATIONS = {
    "CER": "Energy community (CER)",
    "GAC": "Self-consumers of a building (GAC)",
    "AID": "Self-consumer at a distance (AID)",
    "NONE": "No configuration",
}
ENERGY_OF_MEMBER = ("withdrawn", "injected", "credited")
MONEY_OF_MEMBER = ("premium", "excess", "valorisation", "sale")
HEADS = {
    "withdrawn": "with-\ndrawn\nkWh",
    "injected": "fed in\nkWh",
    "credited": "shared\nkWh",
    "premium": "premium\nEUR",
    "excess": "excess\nEUR",
    "valorisation": "valori-\nsation\nEUR",
    "sale": "sale\nEUR",
    "sum": "sum\nEUR",
}
POD_WIDTH = 20


def settlement_tables(settled: "Settled") -> Iterator[Table]:
    """Lay out a settlement; money in cents that add up."""
    from recosim.results.settled_figures import figures

    found = figures(settled)
    yield community_table(settled, found)
    if found["by_plant"]:
        yield plants_table(found)
    yield members_table(settled, found)


def community_table(settled: "Settled", found: dict[str, Any]) -> Table:
    """Energy and money of the whole community."""
    zone = settled.configuration.timezone
    first, last = (pd.Timestamp(int(time), unit="s", tz="UTC") for time in settled.settlement.times[[0, -1]])
    until = (last + pd.Timedelta(hours=1)).tz_convert(zone)
    period = f"{first.tz_convert(zone):%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M}"
    title = f"{CONFIGURATIONS[found['configuration']]}, {period}"
    table = empty_table(title, "", "value")
    table.min_width = len(title)  # else the title is folded to the width of the rows
    table.add_column("unit")
    table.add_row("[bold]Energy[/bold]")
    for label, name in (
        ("withdrawn from the grid", "withdrawn"),
        ("fed into the grid", "injected"),
        ("shared: both in the same hour", "shared"),
        ("  of it with premium", "incentivised"),
    ):
        table.add_row(f"  {label}", readable(found[f"energy_{name}_kwh"], "kWh"), "kWh")
    table.add_section()
    table.add_row("[bold]Money[/bold]")
    rows = [
        ("premium on shared energy", "premium"),
        ("  of it excess, for consumers who are no companies", "premium_excess"),
        ("  of that for social purposes", "premium_excess_social"),
        ("  of it for the common fund", "premium_fund"),
        ("valorisation: network charges avoided", "valorisation"),
        ("sale of the energy fed in", "sale"),
        ("fees of the GSE", "fees"),
        ("total", "total"),
    ]
    for label, name in rows:
        if name in ("premium_excess_social", "premium_fund") and not found[f"{name}_cents"]:
            continue
        sign = -1 if name == "fees" and found["fees_cents"] else 1
        table.add_row(f"  {label}", money(found[f"{name}_cents"], sign), "EUR")
    if found["bill_cents"] is not None:
        table.add_section()
        label = "the members' bills, the same without the community"
        table.add_row(f"  {label}", money(found["bill_cents"]), "EUR")
    return table


def plants_table(found: dict[str, Any]) -> Table:
    """Each delivery point with plants."""
    heads = ("fed in\nkWh", "with premium\nkWh", "mean rate\nEUR/MWh", "premium\nEUR", "sale\nEUR")
    table = empty_table("Plants", "delivery point", *heads)
    for pod, plant in found["by_plant"].items():
        table.add_row(
            plainly(pod),
            readable(plant["energy_injected_kwh"], "kWh"),
            readable(plant["energy_incentivised_kwh"], "kWh"),
            readable(plant["rate_mean_eur_per_mwh"], "EUR"),
            money(plant["premium_cents"]),
            money(plant["sale_cents"]),
        )
    return table


def members_table(settled: "Settled", found: dict[str, Any]) -> Table:
    """What each member withdrew, shared and receives; narrow enough for 80 columns."""
    members = list(found["by_member"].values())
    parts = [part for part in MONEY_OF_MEMBER if any(member[f"{part}_cents"] != 0 for member in members)]
    heads = [HEADS[part] for part in (*ENERGY_OF_MEMBER, *parts, "sum")]
    table = empty_table("Members", "delivery point", *heads)
    table.padding = (0, 0, 0, 1)
    table.columns[0].min_width = min(max(len(pod) for pod in settled.pods_of_members), POD_WIDTH)
    sums: dict[str, int | None] = dict.fromkeys((*parts, "sum"), 0)
    for pod, member, name in zip(found["by_member"], members, settled.names, strict=True):
        cents = {part: member[f"{part}_cents"] for part in parts}
        cents["sum"] = None if None in cents.values() else sum(cents.values())
        for part, so_far in sums.items():
            sums[part] = None if cents[part] is None or so_far is None else so_far + cents[part]
        energies = (readable(member[f"energy_{flow}_kwh"], "kWh") for flow in ENERGY_OF_MEMBER)
        shown = pod if name == pod else f"{pod} {name}"
        table.add_row(plainly(shown), *energies, *(money(cents[part]) for part in sums))
    table.add_section()
    totals = (sum(member[f"energy_{flow}_kwh"] for member in members) for flow in ENERGY_OF_MEMBER)
    table.add_row(
        "all members",
        *(readable(total, "kWh") for total in totals),
        *(money(total) for total in sums.values()),
    )
    return table


def money(cents: int | None, sign: int = 1) -> str:
    """Write whole cents as euros.

    Examples
    --------
    >>> money(123456), money(0), money(None), money(50, -1)
    ('1,234.56', '0.00', '–', '-0.50')
    """
    return ABSENT if cents is None else f"{sign * cents / 100.0:,.2f}"
