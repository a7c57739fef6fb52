"""A report's money: by month and by member."""

from collections.abc import Mapping
from typing import Any

from recosim.readable import readable
from recosim.results.accounts import CommunityAccounts, MemberAccount
from recosim.results.page import Plot, bars, by_month, figure, literal

MEMBERS_AS_BARS = 50
FAR, FAR_NAMED = 5.0, 3
"""Bars so many times longer than nearly all others would leave these invisible."""
MONTH_PARTS = (
    ("bill_eur", "bills", 1.0),
    ("sale_eur", "sale of energy", -1.0),
    ("premium_eur", "premium on shared energy", -1.0),
    ("valorisation_eur", "valorisation of shared energy", -1.0),
)
MEMBER_HEADS = (
    "member",
    "withdrawn kWh",
    "fed in kWh",
    "bill",
    "fees",
    "sale",
    "premium",
    "valorisation",
    "pays",
    "alone",
    "gain",
)


def months_plot(accounts: CommunityAccounts) -> Plot:
    """What is paid above the line, what is earned below it, by month."""
    months = list(accounts.months)
    traces = [
        bars(label, months, [sign * accounts.months[month][name] for month in months], colour, "EUR")
        for colour, (name, label, sign) in enumerate(MONTH_PARTS)
    ]
    told = "; ".join(
        f"{label} {_eur(sum(each[name] for each in accounts.months.values()))}"
        for name, label, _ in MONTH_PARTS
    )
    laid_out = figure(traces, "", "EUR")
    by_month(laid_out, len(months))
    return {
        "title": "Money by month",
        "caption": "What the members pay is above the line, what the community earns below it. Fees are paid "
        "for the whole period and belong to no month.",
        "alt": f"Money of the whole period: {told}.",
        "figure": laid_out,
    }


def months_table(accounts: CommunityAccounts) -> dict[str, Any]:
    """The same in figures."""
    rows = [
        [month, *(readable(each[name], "EUR") for name, _, _ in MONTH_PARTS)]
        for month, each in accounts.months.items()
    ]
    total = [
        readable(sum(each[name] for each in accounts.months.values()), "EUR") for name, _, _ in MONTH_PARTS
    ]
    return {
        "caption": "Money by month [EUR]",
        "heads": ["month", *(label for _, label, _ in MONTH_PARTS)],
        "rows": [*rows, ["together", *total]],
    }


def members_plot(accounts: CommunityAccounts) -> Plot:
    """What each member pays, in the community and without it."""
    members = accounts.members
    ordered = sorted(members, key=lambda name: members[name].gain_eur, reverse=True)
    shown = list(members) if len(members) <= MEMBERS_AS_BARS else ordered
    labels = [literal(name) for name in shown]
    traces = [
        bars("without a community", labels, [members[name].net_alone_eur for name in shown], 7, "EUR"),
        bars("in the community", labels, [members[name].net_eur for name in shown], 2, "EUR"),
    ]
    laid_out = figure(traces, "", "net cost [EUR]")
    laid_out["layout"].update(barmode="group", hovermode="x unified")
    laid_out["layout"]["xaxis"].update(type="category", showticklabels=len(shown) <= MEMBERS_AS_BARS)
    far = _set_range(laid_out, {name: (each.net_eur, each.net_alone_eur) for name, each in members.items()})
    gains = sorted(each.gain_eur for each in members.values())
    order = "" if len(members) <= MEMBERS_AS_BARS else " Members stand in the order of what they gain."
    return {
        "title": "What each member pays",
        "caption": "Bill and fees less sale and the member's part of premium and valorisation; below zero "
        f"the member earns. Without a community the same meters only sell what they feed in.{order}{far}",
        "alt": f"Net cost of {len(members)} members: in the community they gain from {_eur(gains[0])} "
        f"({ordered[-1]}) to {_eur(gains[-1])} ({ordered[0]}).",
        "figure": laid_out,
    }


def _set_range(laid_out: dict[str, Any], costs_eur: Mapping[str, tuple[float, float]]) -> str:
    """Let bars of a few members in many go beyond the drawing, and say which they are."""
    if len(costs_eur) <= MEMBERS_AS_BARS:
        return ""
    largest = {name: max(map(abs, both)) for name, both in costs_eur.items()}
    usual = sorted(largest.values())[int(0.95 * len(largest))]
    far = [name for name, cost in largest.items() if cost > FAR * usual]
    near = [cost for name, both in costs_eur.items() if name not in far for cost in both]
    if not far or not near:
        return ""
    laid_out["layout"]["yaxis"]["range"] = [min(0.0, *near) * 1.05, max(0.0, *near) * 1.05]
    named = ", ".join(f"{name} ({_eur(costs_eur[name][0])})" for name in far[:FAR_NAMED])
    more = f" and {len(far) - FAR_NAMED} more" if len(far) > FAR_NAMED else ""
    return f" Bars that go beyond the drawing: {named}{more}."


def members_table(accounts: CommunityAccounts) -> dict[str, Any]:
    """Every member's energy and money."""
    rows = [[name, *_cells(each)] for name, each in accounts.members.items()]
    return {
        "caption": "Members; money in EUR. Pays = bill + fees - sale - premium (with excess) - valorisation",
        "heads": list(MEMBER_HEADS),
        "rows": rows,
    }


def _cells(each: MemberAccount) -> list[str]:
    energy = [readable(each.energy_withdrawn_kwh, "kWh"), readable(each.energy_injected_kwh, "kWh")]
    money = (
        each.bill["total_eur"],
        each.fees_eur,
        each.sale_eur,
        each.premium_eur + each.excess_eur,
        each.valorisation_eur,
        each.net_eur,
        each.net_alone_eur,
        each.gain_eur,
    )
    return energy + [readable(value, "EUR") for value in money]


def _eur(value: float) -> str:
    return f"{readable(value, 'EUR')} EUR"
