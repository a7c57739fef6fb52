"""One member's page: what was withdrawn, fed in and shared, the money, and how it was worked out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
import pandas as pd

from recosim.arrays import FloatArray, IntArray
from recosim.results.settled import PREMIUM, SALE, Divided, Settled, rounded_cents
from recosim.simulators.settlement.allocation import to_cents
from recosim.simulators.settlement.calendar import Periods, months_of
from recosim.timegrid import SECONDS_PER_HOUR

TEMPLATE = "statement.html"
AMOUNTS = ("premium", "excess", "valorisation", "sale")
FLOWS = ("withdrawn", "injected", "shared")
KEYS_IN_WORDS = {
    "coincident_withdrawal": "The key is the energy you took in the hours in which the community shared.",
    "equal": "All members have equal parts.",
    "consumption": "The key is the energy you took from the grid.",
    "producers_consumers": "Producers are paid by what they fed in, consumers by what they took.",
    "shapley": "The key is what your meter adds, on average over all orders of joining (the Shapley value).",
    "marginal": "The key is what the community would have lost without you.",
}
ALONE = (
    "Without the community you would sell what you feed in on the same terms. Your bill for what you take "
    "from the grid is the same either way: the community changes neither your supplier nor your meter."
)


@dataclass(frozen=True, kw_only=True)
class MemberYear:
    """What one member's page says by month.

    Parameters
    ----------
    months : tuple of str
        Such as ``January 2025``.
    energy_kwh : mapping of str to array, shape (n_months,)
        ``withdrawn``, ``injected`` and ``shared`` [kWh].
    cents : mapping of str to array of int, shape (n_months,), or None
        ``premium``, ``excess``, ``valorisation`` and ``sale``; None where prices are missing.
    """

    months: tuple[str, ...]
    energy_kwh: Mapping[str, FloatArray]
    cents: Mapping[str, IntArray | None]


def member_year(settled: Settled, member: int) -> MemberYear:
    """Energy and money of one member by local month.

    The key divides the whole period; a month's part of an amount is in the proportion in which the community
    earned it, the sale is that of the month, with what a guaranteed minimum price adds in the last one.
    """
    what, pod = settled.settlement, int(settled.members.pod[member])
    months = months_of(what.times, SECONDS_PER_HOUR, settled.configuration.timezone)
    withdrawn = settled.withdrawn_kwh[:, pod]
    total = settled.withdrawn_kwh.sum(axis=1)
    part = np.divide(what.energy_shared_kwh, total, out=np.zeros_like(total), where=total > 0.0)
    by_month = {
        "premium": (settled.premium, months.sums(what.premium_eur.sum(axis=1))),
        "excess": (settled.excess, months.sums(what.premium_eur.sum(axis=1))),
        "valorisation": (settled.valorisation, months.sums(what.valorisation_eur)),
    }
    cents: dict[str, IntArray | None] = {
        name: _by_month(whole, member, earned) for name, (whole, earned) in by_month.items()
    }
    sale = months.sums(what.sale_eur[:, pod])
    sale[-1] += what.sale_minimum_eur[pod]
    cents["sale"] = rounded_cents(sale, int(settled.sale.cents[pod]))
    for name in AMOUNTS:
        if (PREMIUM if name == "excess" else name) in settled.unknown:
            cents[name] = None
    return MemberYear(
        months=_names(months),
        energy_kwh={
            "withdrawn": months.sums(withdrawn),
            "injected": months.sums(settled.injected_kwh[:, pod]),
            "shared": months.sums(part * withdrawn),
        },
        cents=cents,
    )


def _by_month(whole: Divided, member: int, earned_eur: FloatArray) -> IntArray:
    total = float(earned_eur.sum())
    part = earned_eur / total if total else np.full(earned_eur.size, 1.0 / max(earned_eur.size, 1))
    return rounded_cents(float(whole.eur[member]) * part, int(whole.cents[member]))


def _names(months: Periods) -> tuple[str, ...]:
    first = (months.label - 12 * 1970).astype("datetime64[M]")
    return tuple(f"{pd.Timestamp(month):%B %Y}" for month in first)


def member_pages(settled: Settled, found: Mapping[str, Any]) -> Iterator[str]:
    """HTML of each member's page, in their order.

    Parameters
    ----------
    settled : Settled
    found : mapping
        Its figures.
    """
    import jinja2  # only statements need it

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(kwh=_kwh, euro=_euro, percent=_percent)
    text = files("recosim.results").joinpath("templates").joinpath(TEMPLATE).read_text(encoding="utf-8")
    template = environment.from_string(text)
    common = _of_the_community(settled, found)
    for member, pod in enumerate(settled.pods_of_members):
        yield template.render(**common, **_of_a_member(settled, found["by_member"][pod], member), pod=pod)


def _of_the_community(settled: Settled, found: Mapping[str, Any]) -> dict[str, Any]:
    ends = pd.to_datetime(settled.settlement.times[[0, -1]], unit="s", utc=True)
    first, last = ends.tz_convert(settled.configuration.timezone)
    incentivised = found["energy_incentivised_kwh"]
    allocation = settled.configuration.allocation
    priced = found["premium_eur"] is not None and incentivised > 0.0
    return {
        "found": found,
        "first": f"{first.day} {first:%B %Y}",
        "last": f"{last.day} {last:%B %Y}",
        "key_in_words": KEYS_IN_WORDS[allocation.key],
        "fund_share": allocation.fund_share,
        "rate_mean": 1000.0 * found["premium_eur"] / incentivised if priced else None,
        "alone_in_words": ALONE,
    }


def _of_a_member(settled: Settled, mine: Mapping[str, Any], member: int) -> dict[str, Any]:
    year = member_year(settled, member)
    cents = {name: mine[f"{name}_cents"] for name in AMOUNTS}
    shared = _sum([cents[name] for name in AMOUNTS if name != "sale"])
    alone = None if SALE in settled.unknown else int(settled.sale_alone.cents[settled.members.pod[member]])
    beside: list[tuple[str, int | None, int | None]] = [
        ("sale of what you fed in", alone, cents["sale"]),
        ("your part in shared energy", 0, shared),
    ]
    bill = mine["bill_cents"]
    if bill is not None:
        beside.insert(0, ("your bill for what you took", -bill, -bill))
    beside.append(("together", _sum([row[1] for row in beside]), _sum([row[2] for row in beside])))
    supplement = float(settled.settlement.sale_minimum_eur[settled.members.pod[member]])
    return {
        "name": settled.names[member],
        "mine": mine,
        "part": float(settled.settlement.weight[member]),
        "cents": cents,
        "received": _sum(list(cents.values())),
        "minimum_cents": 0 if SALE in settled.unknown else to_cents(supplement),
        "rows": [
            {
                "month": month,
                "energy": [float(year.energy_kwh[flow][i]) for flow in FLOWS],
                "cents": [None if (part := year.cents[name]) is None else int(part[i]) for name in AMOUNTS],
            }
            for i, month in enumerate(year.months)
        ],
        "beside": [
            {
                "label": label,
                "without": without,
                "within": within,
                "difference": None if without is None or within is None else within - without,
            }
            for label, without, within in beside
        ],
    }


def _sum(cents: list[int | None]) -> int | None:
    known = [part for part in cents if part is not None]
    return sum(known) if len(known) == len(cents) else None


def _kwh(value: float) -> str:
    return f"{value:,.1f}"


def _euro(cents: int | None) -> str:
    return "–" if cents is None else f"{cents / 100.0:,.2f}"


def _percent(share: float) -> str:
    return f"{100.0 * share:.1f} %"
