"""What each member and each month paid and earned: written into the result file, and read from it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from recosim.errors import ResultsError
from recosim.results.run_file import Run
from recosim.results.store import RunWriter
from recosim.simulators.gse import Accounts
from recosim.simulators.settlement.bill import Bill

BILL_COMPONENTS = (
    "energy_eur",
    "dispatching_eur",
    "sales_eur",
    "network_eur",
    "system_eur",
    "excise_eur",
    "vat_eur",
)
"""They add up to the bill; `network_eur` holds the fixed, the power and the energy part."""
NETWORK_PARTS = ("network_fixed_eur", "network_power_eur", "network_energy_eur")
_MEMBER = (
    *("sale_eur", "fees_eur", "premium_eur", "excess_eur", "valorisation_eur", "share_error_eur"),
    *("net_eur", "sale_alone_eur", "fees_alone_eur", "net_alone_eur", "gain_eur"),
)
_MONTH = ("bill_eur", "sale_eur", "premium_eur", "valorisation_eur", "unmodelled_eur")
_FUND = ("premium_eur", "excess_eur", "valorisation_eur")


@dataclass(frozen=True, kw_only=True)
class MemberAccount:
    """Energy and money of one delivery point.

    "Alone" is the same meters without a configuration, not another simulation.

    Parameters
    ----------
    energy_withdrawn_kwh, energy_injected_kwh : float [kWh]
    bill : mapping of str to float
        By component, and in all as ``total_eur`` [EUR].
    sale_eur, fees_eur : float
        Of the plants behind the delivery point [EUR].
    premium_eur, excess_eur, valorisation_eur : float
        Its part in what the GSE pays for shared energy [EUR].
    share_error_eur : float
        Standard error of premium and valorisation together; 0 unless Shapley values were sampled [EUR].
    net_eur : float
        Bill and fees less the rest [EUR].
    sale_alone_eur, fees_alone_eur, net_alone_eur : float [EUR]
    gain_eur : float
        What it pays less than alone [EUR].
    """

    energy_withdrawn_kwh: float
    energy_injected_kwh: float
    bill: Mapping[str, float]
    sale_eur: float
    fees_eur: float
    premium_eur: float
    excess_eur: float
    valorisation_eur: float
    share_error_eur: float
    net_eur: float
    sale_alone_eur: float
    fees_alone_eur: float
    net_alone_eur: float
    gain_eur: float

    @property
    def shared_eur(self) -> float:
        """Everything the GSE pays for shared energy [EUR]."""
        return self.premium_eur + self.excess_eur + self.valorisation_eur


@dataclass(frozen=True, kw_only=True)
class CommunityAccounts:
    """Accounts of a run.

    Parameters
    ----------
    members : mapping of str to MemberAccount
        By delivery point.
    fund : mapping of str to float
        What no member gets: the common fund, and an excess that no consumer may have [EUR].
    months : mapping of str to mapping of str to float
        By local month, such as ``2025-01``: bills, sale, premium, valorisation, and what the optimisation
        does not see [EUR].
    """

    members: Mapping[str, MemberAccount]
    fund: Mapping[str, float]
    months: Mapping[str, Mapping[str, float]]

    def as_json(self) -> dict[str, Any]:
        """Mappings of plain numbers."""
        return asdict(self)


def write_accounts(writer: RunWriter, accounts: Accounts, pods: Sequence[str]) -> None:
    """Write the tables of the settlement.

    ``hourly`` by hour, ``monthly`` by local month (bills by delivery point, the rest for the community),
    ``members`` by delivery point.
    """
    settlement, bill, members = accounts.settlement, accounts.bill, accounts.members
    names = ("energy_kwh", *BILL_COMPONENTS, *NETWORK_PARTS, "total_eur")
    writer.write_settlement(
        {
            "hourly": {
                "time": accounts.times,
                "energy_shared_kwh": settlement.energy_shared_kwh,
                "energy_incentivised_kwh": settlement.energy_incentivised_kwh,
                "premium_eur": settlement.premium_eur,
                "valorisation_eur": settlement.valorisation_eur,
                "sale_eur": settlement.sale_eur,
            },
            "monthly": {
                "year": bill.month // 12,
                "month": bill.month % 12 + 1,
                **{name: getattr(bill, name) for name in names},
                **{name: getattr(accounts.months, name) for name in _MONTH},
            },
            "members": {
                "pod": np.array(pods),
                "energy_withdrawn_kwh": accounts.energy_withdrawn_kwh.sum(axis=0),
                "energy_injected_kwh": accounts.energy_injected_kwh.sum(axis=0),
                "bill_eur": members.bill_eur,
                **_bill_columns(bill),
                **{name: getattr(members, name) for name in _MEMBER},
                "share_premium_eur": settlement.share_premium_eur,
                "share_valorisation_eur": settlement.share_valorisation_eur,
            },
        },
        {
            "premium_excess_eur": settlement.premium_excess_eur,
            "fees_gse_eur": settlement.fees_gse_eur,
            "fees_rid_eur": settlement.fees_rid_eur,
            **{f"fund_{name}": getattr(members, f"fund_{name}") for name in _FUND},
        },
    )


def _bill_columns(bill: Bill) -> dict[str, ArrayLike]:
    return {f"bill_{name}": getattr(bill, name).sum(axis=0) for name in (*BILL_COMPONENTS, *NETWORK_PARTS)}


def read_accounts(run: Run) -> CommunityAccounts:
    """Read what each member and each month paid and earned.

    Raises
    ------
    ResultsError
        The file has no settlement yet, or one of an earlier version.
    """
    table, monthly, attrs = run.settlement("members"), run.settlement("monthly"), run.settlement_attrs()
    if "net_eur" not in table:
        raise ResultsError(
            f"{run.path} has no accounts of its members: an earlier version wrote it, run again"
        )
    names = ("energy_withdrawn_kwh", "energy_injected_kwh", *_MEMBER)
    members = {
        str(pod): MemberAccount(
            bill={
                **{name: float(table[f"bill_{name}"][i]) for name in BILL_COMPONENTS},
                "total_eur": float(table["bill_eur"][i]),
            },
            **{name: float(table[name][i]) for name in names},
        )
        for i, pod in enumerate(table["pod"])
    }
    months = {
        f"{year}-{month:02d}": {name: float(monthly[name][i]) for name in _MONTH}
        for i, (year, month) in enumerate(zip(monthly["year"], monthly["month"], strict=True))
    }
    return CommunityAccounts(
        members=members, fund={name: float(attrs[f"fund_{name}"]) for name in _FUND}, months=months
    )
