"""A report's key figures in sentences and in large print."""

import re

import pandas as pd

from recosim.readable import readable
from recosim.results.accounts import CommunityAccounts
from recosim.results.run_file import Run

_UNIT = re.compile(r"(?<=\d) (?:EUR|kWh|kW|K h|%|ms)(?!\w)")
LARGE = (
    ("cost_net_eur", "EUR", "net cost of the community"),
    ("energy_shared_kwh", "kWh", "shared energy"),
    ("self_sufficiency_collective", "%", "of what it needs, the community makes itself"),
    ("self_consumption_collective", "%", "of its photovoltaic energy stays in the community"),
    ("discomfort_kh", "K h", "discomfort, all dwellings"),
    ("peak_withdrawal_kw", "kW", "largest withdrawal"),
)


def glued(words: str) -> str:
    """Keep numbers and their units on one line.

    Examples
    --------
    >>> glued("12.50 EUR for 3 K h").replace(chr(160), "_")
    '12.50_EUR for 3_K_h'
    """
    return _UNIT.sub(lambda found: found[0].replace(" ", "\u00a0"), words)


def headline(run: Run) -> list[tuple[str, str, str]]:
    """Value, unit and meaning of the figures in large print."""
    return [
        (readable(run.kpis[name], unit, name), unit, words)
        for name, unit, words in LARGE
        if run.kpis.get(name) is not None
    ]


def _day(stamp: pd.Timestamp) -> str:
    return f"{stamp.day} {stamp:%B %Y}"


def period_in_words(run: Run) -> str:
    """First and last day of what is committed."""
    local = run.grid_committed.local
    first, last = _day(local[0]), _day(local[-1])
    return f"on {first}" if first == last else f"from {first} to {last}"


def in_words(run: Run, accounts: CommunityAccounts | None = None) -> list[str]:
    """What the key figures and accounts say, in a few sentences for people who do not know them."""
    dwellings = len(run.members("dwelling", "temp_operative_degc")) if "dwelling" in run.groups() else 0
    told = [_energy(run), _money(run), _worth(accounts), _comfort(run), _running(run)]
    who = f"{dwellings} dwelling{'' if dwellings == 1 else 's'}" if dwellings else "a community"
    return [
        f"This is {who} under the controller {run.meta.controller}, simulated {period_in_words(run)}.",
        *(words for words in told if words),
    ]


def incomplete_words(run: Run) -> list[str]:
    """What to know about a run that did not end."""
    return [
        f"This run was interrupted: {run.committed:,} of {run.grid.n_steps:,} steps are in the file, "
        f"{period_in_words(run)}. Key figures and money are worked out at the end of a run, so they are "
        "missing.",
    ]


def _of(run: Run, name: str, unit: str) -> str | None:
    value = run.kpis.get(name)
    return None if value is None else f"{readable(value, unit, name)} {unit}"


def _energy(run: Run) -> str:
    pv, shared = _of(run, "energy_pv_kwh", "kWh"), _of(run, "energy_shared_kwh", "kWh")
    if pv is None:
        return f"It has no plants; it took {_of(run, 'energy_withdrawn_kwh', 'kWh')} from the grid."
    words = (
        f"Its plants delivered {pv}; {_of(run, 'energy_injected_kwh', 'kWh')} of energy were fed into the "
        f"grid and {_of(run, 'energy_withdrawn_kwh', 'kWh')} taken from it."
    )
    if not run.kpis.get("energy_shared_kwh"):
        return f"{words} Nothing was shared."
    share = _of(run, "self_sufficiency_collective", "%")
    words += f" {shared} of that were shared: fed in and taken by members in the same hour."
    return f"{words} With it, {share} of what the community needs is its own." if share else words


def _money(run: Run) -> str:
    net = run.kpis.get("cost_net_eur")
    if net is None:
        return ""
    paid = "earns" if net < 0.0 else "pays"
    return (
        f"Bills are {_of(run, 'bill_eur', 'EUR')} and fees {_of(run, 'fees_eur', 'EUR')}. The sale of energy "
        f"brings {_of(run, 'revenue_sale_eur', 'EUR')}, the premium on shared energy "
        f"{_of(run, 'premium_eur', 'EUR')} and its valorisation {_of(run, 'valorisation_eur', 'EUR')}. "
        f"All in all the community {paid} {readable(abs(net), 'EUR')} EUR."
    )


def _worth(accounts: CommunityAccounts | None) -> str:
    """What being a community brings; nothing where nothing is shared."""
    members = accounts.members.values() if accounts is not None else ()
    gain, alone = (sum(getattr(each, name) for each in members) for name in ("gain_eur", "net_alone_eur"))
    amount = readable(abs(gain), "EUR")
    if amount == readable(0.0, "EUR"):
        return ""
    would = "cost its members" if alone >= 0.0 else "earn its members"
    brings = f"brings them {amount} EUR" if gain > 0.0 else f"costs them {amount} EUR more than it brings"
    return (
        f"Without the community, the same meters would {would} {readable(abs(alone), 'EUR')} EUR: being one "
        f"{brings}."
    )


def _comfort(run: Run) -> str:
    discomfort = run.kpis.get("discomfort_kh")
    if discomfort is None:
        return ""
    if readable(discomfort, "K h") == readable(0.0, "K h"):
        return "No dwelling left its comfort band while somebody was at home."
    return (
        f"Dwellings were outside their comfort band by {_of(run, 'discomfort_kh', 'K h')} in all (degrees "
        f"times hours, while somebody was at home), the worst by {_of(run, 'discomfort_worst_kh', 'K h')}."
    )


def _running(run: Run) -> str:
    fallbacks, failures = int(run.kpis.get("fallbacks") or 0), int(run.kpis.get("solve_failures") or 0)
    residual = run.kpis.get("balance_residual_kwh")
    words = (
        f"{_times(fallbacks)} a fallback decided"
        if fallbacks
        else "The controller decided every time by itself"
    )
    if failures:
        words += f"; {_times(failures).lower()} a solve ended without an optimum"
    if residual is not None:
        most = "a billionth of a kWh" if residual < 1e-9 else f"{residual:.0e} kWh"
        words += f". The energy balance closes: no step is out by more than {most}"
    return f"{words}."


def _times(count: int) -> str:
    return "Once" if count == 1 else f"{count:,} times"
