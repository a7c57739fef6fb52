"""What a run shows of its members: who pays what, with the community and without."""

from typing import TYPE_CHECKING

import typer

from recosim.readable import readable
from recosim.tables import empty_table, plainly, show

if TYPE_CHECKING:  # reading result files is slow to import
    from rich.table import Table

    from recosim.results.accounts import CommunityAccounts

SHOWN_AT_MOST = 20
"""Members up to which they are printed without being asked for."""
HEADS = ("bill", "sale", "fees", "shared", "pays", "alone", "gains")
COMPONENTS = {
    "energy_eur": "energy",
    "dispatching_eur": "dispatching",
    "sales_eur": "sales",
    "network_eur": "network",
    "system_eur": "system",
    "excise_eur": "excise",
    "vat_eur": "VAT",
    "total_eur": "bill",
}
CAPTION = "pays = bill + fees - sale - shared; alone: the same meters without the community"


def show_members(accounts: "CommunityAccounts", days: str, in_full: bool) -> None:
    """Print the members' accounts; ``in_full`` all of them, however many, and their bills by component."""
    if not accounts.members:
        return
    if in_full or len(accounts.members) <= SHOWN_AT_MOST:
        show(members_table(accounts, days))
    else:
        gains = [account.gain_eur for account in accounts.members.values()]
        typer.echo(
            f"{len(gains)} members, whose gains from the community are {readable(min(gains), 'EUR')} to "
            f"{readable(max(gains), 'EUR')} EUR each: --members prints them all"
        )
    if in_full:
        show(bills_table(accounts, days))


def members_table(accounts: "CommunityAccounts", days: str) -> "Table":
    """Lay out what each member pays with the community and alone; the sum of all is the net cost."""
    table = empty_table(f"Members, EUR for {days}", "", *HEADS)
    table.caption, table.caption_justify = CAPTION, "left"
    rows = {
        name: (a.bill["total_eur"], a.sale_eur, a.fees_eur, a.shared_eur, a.net_eur, a.net_alone_eur)
        for name, a in accounts.members.items()
    }
    fund = sum(accounts.fund.values())
    if abs(fund) >= 0.005:
        rows["fund"] = (0.0, 0.0, 0.0, fund, -fund, 0.0)
    for name, values in rows.items():
        table.add_row(plainly(name), *_cells((*values, values[-1] - values[-2])))
    table.add_section()
    total = [sum(column) for column in zip(*rows.values(), strict=True)]
    table.add_row("[bold]all[/bold]", *_cells((*total, total[-1] - total[-2])))
    return table


def bills_table(accounts: "CommunityAccounts", days: str) -> "Table":
    """Lay out each member's bill by component."""
    table = empty_table(f"Bills, EUR for {days}", "", *COMPONENTS.values())
    bills = {name: [a.bill[part] for part in COMPONENTS] for name, a in accounts.members.items()}
    for name, values in bills.items():
        table.add_row(plainly(name), *_cells(values))
    table.add_section()
    table.add_row("[bold]all[/bold]", *_cells([sum(column) for column in zip(*bills.values(), strict=True)]))
    return table


def _cells(values: "tuple[float, ...] | list[float]") -> list[str]:
    return [readable(value, "EUR") for value in values]
