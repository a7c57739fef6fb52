"""Units and meanings of the tables beside the series: settlement, decisions, faults, key figures."""

from collections.abc import Mapping
from dataclasses import replace

from recosim.quantities import Quantity, quantity

CONTROLLER, KPIS = "controller", "kpis"

_KEYS: Mapping[str, str] = {
    "pod": "delivery point",
    "plant": "number of the plant, in the order of the scenario",
    "year": "local year",
    "month": "local month, 1 to 12",
    "kind": "what is out of order",
    "member": "whose it is, blank where it is nobody's",
    "text": "the fault in words",
    "name": "name of the key figure",
    "value": "in the unit of its row",
    "unit": "of the key figure",
    "meaning": "of the key figure",
}
_BILL: Mapping[str, str] = {
    "energy_eur": "bill: energy, losses included",
    "dispatching_eur": "bill: dispatching, losses included",
    "sales_eur": "bill: fixed part of the seller",
    "network_eur": "bill: network, the sum of its three parts",
    "network_fixed_eur": "bill: network, fixed part",
    "network_power_eur": "bill: network, by contract power",
    "network_energy_eur": "bill: network, by energy",
    "system_eur": "bill: system charges",
    "excise_eur": "bill: excise",
    "vat_eur": "bill: VAT",
}
_MONEY: Mapping[str, str] = {
    **_BILL,
    **{f"bill_{name}": meaning for name, meaning in _BILL.items()},
    "energy_kwh": "energy withdrawn from the grid",
    "total_eur": "bill for withdrawn energy, taxes included",
    "sale_eur": "sale of injected energy",
    "excess_eur": "part in the premium above the yearly threshold",
    "share_premium_eur": "part in the premium by the key, in whole cents",
    "share_valorisation_eur": "part in the valorisation by the key, in whole cents",
    "share_error_eur": "standard error of both parts where the key was sampled, else 0",
    "net_eur": "bill and fees, less sale and what is received for shared energy",
    "sale_alone_eur": "sale of injected energy, without the community",
    "fees_alone_eur": "fees, without the community",
    "net_alone_eur": "bill and fees, less sale, without the community",
    "gain_eur": "what is paid less than without the community",
}
_DECISIONS: Mapping[str, str] = {
    "status": "how the decision ended",
    "fallback": "what was done instead, blank where nothing had to be",
    "reason": "why, blank where nothing had to be done instead",
    "milliseconds": "CPU time of the decision",
    "solver_ms": "CPU time of the solver",
    "beyond_limits": "values asked for that no device can follow",
    "iterations": "iterations of the solver",
    "branches": "nodes of branch and bound",
    "objective_eur": "cost of the plan over its horizon, as the controller counts it",
    "bound_eur": "what no plan can cost less than, over the same horizon",
    "promised_eur": "what the plan counts on for shared energy",
    "price_rounds": "rounds of messages",
    "price_plans": "plans made by each apartment",
    "price_residual_kwh": "how far community and apartments are still apart, in the worst hour",
}
_UNITS: Mapping[str, str] = {"milliseconds": "ms"}


def column_described(table: str, column: str) -> Quantity:
    """Unit and meaning of a column; one that no table knows has its own words as meaning.

    Parameters
    ----------
    table : str
        ``controller``, ``kpis``, ``faults`` or one of the settlement's.
    column : str

    Examples
    --------
    >>> column_described("hourly", "sale_eur").label
    'sale of injected energy [EUR]'
    >>> column_described("controller", "milliseconds").label
    'CPU time of the decision [ms]'
    """
    known = {**_KEYS, **(_DECISIONS if table == CONTROLLER else _MONEY)}
    about = quantity(column)
    return replace(about, unit=_UNITS.get(column, about.unit), meaning=known.get(column, about.meaning))
