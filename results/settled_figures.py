"""The figures of a settlement, as ``recosim settle --json`` writes them."""

from typing import Any

from recosim.results.settled import PREMIUM, SALE, VALORISATION, Divided, Settled
from recosim.simulators.settlement.allocation import to_cents


def figures(settled: Settled) -> dict[str, Any]:
    """Everything a settlement says, as ``--json`` writes it; None where it needs prices that were not given.

    Parameters
    ----------
    settled : Settled
    """
    what, unknown = settled.settlement, settled.unknown
    amounts = {
        PREMIUM: what.premium_total_eur,
        "premium_excess": what.premium_excess_eur,
        "premium_excess_social": what.premium_excess_eur if settled.excess_is_social else 0.0,
        "premium_fund": _fund_eur(settled, what.premium_total_eur - what.premium_excess_eur),
        VALORISATION: what.valorisation_total_eur,
        "valorisation_fund": _fund_eur(settled, what.valorisation_total_eur),
        SALE: what.sale_total_eur,
        "fees": what.fees_eur,
        "total": what.net_eur,
    }
    cents = {name: to_cents(amount) for name, amount in amounts.items()}
    cents |= {
        "premium_excess": settled.excess_cents,
        "premium_excess_social": settled.excess_cents if settled.excess_is_social else 0,
        "premium_fund": to_cents(what.fund_premium_eur),
        "valorisation_fund": to_cents(what.fund_valorisation_eur),
        "total": cents[PREMIUM] + cents[VALORISATION] + cents[SALE] - cents["fees"],
    }
    found: dict[str, Any] = {
        "readings": settled.source,
        "configuration": settled.configuration.configuration,
        "regime": settled.configuration.regime,
        "tariff_year": settled.configuration.tariff_year,
        "hours": int(what.times.size),
        "energy_shared_kwh": what.energy_shared_total_kwh,
        "energy_incentivised_kwh": what.energy_incentivised_total_kwh,
        "energy_injected_kwh": float(settled.injected_kwh.sum()),
        "energy_withdrawn_kwh": float(settled.withdrawn_kwh.sum()),
    }
    for name, amount in amounts.items():
        known = not unknown if name == "total" else name.split("_")[0] not in unknown
        found |= _amount(name, amount, cents[name], known)
    bills = settled.bills
    found |= (
        _amount("bill", bills.eur.sum(), bills.cents.sum(), True) if bills else _amount("bill", 0.0, 0, False)
    )
    found["by_plant"] = _by_plant(settled)
    found["by_member"] = _by_member(settled)
    found["notes"] = list(settled.notes)
    return found


def _by_plant(settled: Settled) -> dict[str, Any]:
    what, unknown = settled.settlement, settled.unknown
    energy = settled.by_pod(what.energy_incentivised_kwh).sum(axis=0)
    injected = settled.injected_kwh.sum(axis=0)
    found = {}
    for pod in settled.pods_with_plant:
        premium = float(settled.premium_of_pods.eur[pod])
        rate = 1000.0 * premium / float(energy[pod]) if energy[pod] > 0.0 else None
        found[settled.pods[pod]] = {
            "energy_injected_kwh": float(injected[pod]),
            "energy_incentivised_kwh": float(energy[pod]),
            **_of(PREMIUM, settled.premium_of_pods, pod, unknown),
            "rate_mean_eur_per_mwh": None if PREMIUM in unknown else rate,
            **_of(SALE, settled.sale, pod, unknown),
        }
    return found


def _by_member(settled: Settled) -> dict[str, Any]:
    unknown = settled.unknown
    withdrawn, injected = settled.withdrawn_kwh.sum(axis=0), settled.injected_kwh.sum(axis=0)
    alone = settled.sale_alone.eur
    errors = settled.settlement.share_error_eur
    found = {}
    for i, pod in enumerate(settled.members.pod.tolist()):
        found[settled.pods[pod]] = {
            "kind": settled.members.kind[i],
            "energy_withdrawn_kwh": float(withdrawn[pod]),
            "energy_injected_kwh": float(injected[pod]),
            "energy_credited_kwh": float(settled.credited_kwh[i]),
            **_of(PREMIUM, settled.premium, i, unknown),
            **_of("excess", settled.excess, i, unknown, PREMIUM),
            **_of(VALORISATION, settled.valorisation, i, unknown),
            "share_error_eur": None if unknown & {PREMIUM, VALORISATION} else float(errors[i]),
            **_of(SALE, settled.sale, pod, unknown),
            **_bill_of(settled, i),
            "without_community": _alone(settled, i, None if SALE in unknown else float(alone[pod])),
        }
    return found


def _bill_of(settled: Settled, member: int) -> dict[str, float | int | None]:
    if settled.bills is None:
        return _amount("bill", 0.0, 0, False)
    return _of("bill", settled.bills, member, frozenset())


def _alone(settled: Settled, member: int, sale_eur: float | None) -> dict[str, float | None]:
    """What a member would earn and pay without the community; fees are left out on both sides."""
    bill_eur = None if settled.bills is None else float(settled.bills.eur[member])
    net_eur = None if bill_eur is None or sale_eur is None else bill_eur - sale_eur
    return {"sale_eur": sale_eur, "bill_eur": bill_eur, "net_cost_eur": net_eur}


def _of(
    name: str, divided: Divided, index: int, unknown: frozenset[str], depends_on: str | None = None
) -> dict[str, float | int | None]:
    known = (depends_on or name) not in unknown
    return _amount(name, divided.eur[index], divided.cents[index], known)


def _amount(name: str, eur: float, cents: int, known: bool) -> dict[str, float | int | None]:
    return {f"{name}_eur": float(eur) if known else None, f"{name}_cents": int(cents) if known else None}


def _fund_eur(settled: Settled, whole_eur: float) -> float:
    return settled.configuration.allocation.fund_share * whole_eur
