"""Worked settlement examples: every kind in the file, to 1e-6."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from recosim.simulators.settlement.allocation import (
    Allocation,
    close_cents,
    coincident_withdrawal_kwh,
    marginal_values,
    shapley_exact,
    weights,
)
from recosim.simulators.settlement.bill import excise_exemption_kwh
from recosim.simulators.settlement.calendar import BAND_NAMES, bands
from recosim.simulators.settlement.configuration import Configuration, Fees, Members, Plants
from recosim.simulators.settlement.hourly import flows_at_meter, mean_by_hour, sum_by_hour
from recosim.simulators.settlement.premium import (
    EXISTING_SHARE_MAX,
    excess_share,
    existing_power_share,
    premium_rate_eur_per_mwh,
    premium_window,
)
from recosim.simulators.settlement.sale import (
    gse_fee_eur_per_year,
    minimum_price_supplement_eur,
    rid_fee_eur_per_year,
)
from recosim.simulators.settlement.scheme import make_scheme
from recosim.simulators.settlement.sharing import attribute_pro_rata, seniority_order, shared_energy
from recosim.simulators.settlement.tariffs import EnergyPrice, PodTariff, Tariff, household_tariff
from recosim.simulators.settlement.valorisation import (
    valorisation_cacer,
    valorisation_eur,
    valorisation_transitional,
)
from recosim.timegrid import TimeGrid

PATH = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "settlement_examples.json"
EXAMPLES: list[dict[str, Any]] = (
    json.loads(PATH.read_text(encoding="utf-8"))["examples"] if PATH.is_file() else []
)
REGION = {"south": "Campania", "north": "Piemonte", "centre": "Lazio"}
VOLTAGE = {"BT": "LV", "MT": "MV"}
Inputs = dict[str, Any]
START = int(pd.Timestamp("2024-06-03T10:00Z").timestamp())


def scheme(
    zone: str,
    power_kw: list[float],
    n_pods: int,
    *,
    configuration: str = "CER",
    years: tuple[int, ...] = (2024,),
    photovoltaic: bool = True,
    kinds: tuple[str, ...] | None = None,
    grant: float = 0.0,
    tariff_year: int = 2024,
    **options: Any,
) -> Any:
    n = len(power_kw)
    plants = Plants(
        pod=np.arange(n),
        power_kw=np.array(power_kw),
        photovoltaic=np.full(n, photovoltaic),
        commissioned=np.array([date(year, 3, 15).toordinal() for year in years]),
        grant_percent=np.full(n, grant),
        voltage=("LV",) * n,
    )
    members = Members(pod=np.arange(n_pods), kind=kinds or ("natural_person",) * n_pods)
    rules = Configuration(
        configuration=configuration, region=REGION[zone], tariff_year=tariff_year, **options
    )
    return make_scheme(rules, plants, members, n_pods)


def settle(what: Any, injected: Any, withdrawn: Any, price: Any, start: int = START, step: int = 3600) -> Any:
    price = np.asarray(price, dtype=float)
    times = start + step * np.arange(price.size)
    return what.settle(times, np.asarray(withdrawn, dtype=float), np.asarray(injected, dtype=float), price)


def column(values: list[float], n_pods: int, at: int) -> np.ndarray:
    table = np.zeros((len(values), n_pods))
    table[:, at] = values
    return table


def tip(i: Inputs, price: Any = None) -> np.ndarray:
    return premium_rate_eur_per_mwh(
        i["plant_kw"],
        i["pz_eur_mwh"] if price is None else price,
        i["zone"],
        i.get("photovoltaic", True),
        i.get("grant_pct", 0),
    )


def tip_unit(i: Inputs) -> Inputs:
    return {"tip_eur_mwh": float(tip(i))}


def tip_error(i: Inputs) -> Inputs:
    with pytest.raises(ValueError, match="1000.01"):
        tip(i)
    return {"error": True}


def shared_hour(i: Inputs) -> Inputs:
    def shared(step: str) -> float:
        injected = column(i["injection_kwh_15min"], 2, 0)
        withdrawn = column(i["withdrawal_kwh_15min"], 2, 1)
        found = settle(
            scheme("south", [10.0], 2, settlement_step=step), injected, withdrawn, [100.0] * 4, step=900
        )
        return float(found.energy_shared_kwh.sum())

    return {"shared_kwh_hourly_rule": shared("hour"), "shared_kwh_quarter_rule": shared("quarter")}


def meter_net(i: Inputs) -> Inputs:
    withdrawn, injected = flows_at_meter(
        i["load_kwh"], i["pv_kwh"], i["battery_charge_kwh"], i["battery_discharge_kwh"]
    )
    times = START + 900 * np.arange(4)
    return {
        "injection_kwh": injected,
        "withdrawal_kwh": withdrawn,
        "hour_injection_kwh": sum_by_hour(times, injected)[1][0],
        "hour_withdrawal_kwh": sum_by_hour(times, withdrawn)[1][0],
    }


def settlement_hours(i: Inputs) -> Inputs:
    if i["config"] == "GAC":
        rule = valorisation_cacer("GAC", ("LV",), 2024)
        assert rule.tariff_eur_per_mwh == pytest.approx(i["trase"] + i["btau"])
        assert rule.loss_avoided.tolist() == [i["cpr_bt"]]
        args = np.array(i["shared_kwh"]), np.array(i["pz_eur_mwh"])
        tariff = valorisation_eur(*args, rule.tariff_eur_per_mwh).sum()
        losses = valorisation_eur(*args, 0.0, rule.loss_avoided).sum()
        # the same through a whole settlement
        found = settle(
            scheme("south", [100.0], 2, configuration="GAC"),
            column(i["shared_kwh"], 2, 0),
            column(i["shared_kwh"], 2, 1),
            i["pz_eur_mwh"],
        )
        assert found.valorisation_total_eur == pytest.approx(tariff + losses, abs=1e-9)
        return {
            "valorisation_tariff_eur": tariff,
            "avoided_losses_eur": losses,
            "valorisation_eur": tariff + losses,
        }
    assert VOLTAGE[i["voltage"]] == "LV"
    found = settle(
        scheme(i["zone"], [i["plant_kw"]], 2, configuration=i["config"], tariff_year=i["year_values"]),
        column(i["injection_kwh"], 2, 0),
        column(i["withdrawal_kwh"], 2, 1),
        i["pz_eur_mwh"],
    )
    return {
        "shared_kwh": found.energy_shared_kwh,
        "premium_eur": found.premium_total_eur,
        "valorisation_eur": found.valorisation_total_eur,
        "rid_eur": found.sale_total_eur,
        "rid_eur_without_uplift": found.sale_total_eur / (1 + i["rid_loss_uplift"]),
        "total_eur": found.net_eur + found.fees_eur,
    }


def plant_allocation(i: Inputs) -> Inputs:
    expected = {}
    injected = [[*i["injection_kwh"].values(), 0.0]]
    for rule in ("seniority", "pro_rata"):
        what = scheme(i["zone"], [100.0, 300.0], 3, years=(2022, 2024), attribution=rule)
        found = settle(what, injected, [[0.0, 0.0, i["withdrawal_kwh"]]], [i["pz_eur_mwh"]])
        kwh = dict(zip("AB", found.energy_incentivised_kwh[0], strict=True))
        expected[rule] = {"kwh": kwh, "premium_eur": found.premium_total_eur}
    return expected


def existing_plants(i: Inputs) -> Inputs:
    injected = [[*i["injection_kwh"].values(), 0.0]]
    what = scheme(i["zone"], [50.0, 150.0], 3, years=(2019, 2024))
    found = settle(what, injected, [[0.0, 0.0, i["withdrawal_kwh"]]], [i["pz_eur_mwh"]])
    share = existing_power_share(np.array([50.0, 150.0]), what.plants.commissioned)
    return {
        "valorised_kwh": found.energy_shared_total_kwh,
        "incentivised_kwh": found.energy_incentivised_total_kwh,
        "premium_eur": found.premium_total_eur,
        "valorisation_eur": found.valorisation_total_eur,
        "existing_power_share": share,
        "cer_allowed": share <= EXISTING_SHARE_MAX,
    }


def grant_exemption(i: Inputs) -> Inputs:
    def premium(*kinds: str) -> Any:
        what = scheme(i["zone"], [i["plant_kw"]], 3, kinds=("company", *kinds), grant=i["grant_pct"])
        withdrawn = [[0.0, i["withdrawal_kwh"]["household"], i["withdrawal_kwh"]["shop"]]]
        return settle(what, [[i["injection_kwh"], 0.0, 0.0]], withdrawn, [i["pz_eur_mwh"]])

    found = premium("natural_person", "company")
    return {
        "shared_kwh": found.energy_shared_total_kwh,
        "premium_eur": found.premium_total_eur,
        "premium_eur_if_nobody_exempt": premium("company", "company").premium_total_eur,
        "premium_eur_if_all_exempt": premium("natural_person", "third_sector").premium_total_eur,
    }


def excess(i: Inputs) -> Inputs:
    args = i["e_aci_kwh"], i["e_injected_kwh"], i["threshold"]
    share, ratio = float(excess_share(*args)), float(excess_share(*args, "ratio"))
    return {
        "excess_share": share,
        "excess_eur": share * i["premium_eur"],
        "base_eur": (1 - share) * i["premium_eur"],
        "excess_eur_RSE_variant": ratio * i["premium_eur"],
    }


def settlement_year(i: Inputs) -> Inputs:
    grid = TimeGrid.from_local_date("2025-01-01", 365, 3600)
    what = scheme(
        i["zone"],
        [i["plant_kw"]],
        2,
        configuration=i["config"],
        tariff_year=2025,
        fees=Fees(gse=True, rid=False),
    )
    n = grid.n_steps
    found = settle(
        what,
        column([i["injected_kwh"] / n] * n, 2, 0),
        column([i["shared_kwh"] / n] * n, 2, 1),
        [i["pz_eur_mwh"]] * n,
        start=grid.start,
    )
    paid = found.share_premium_eur.sum()
    assert paid == pytest.approx(found.premium_total_eur - found.premium_excess_eur, abs=0.005)
    return {
        "premium_eur": found.premium_total_eur,
        "valorisation_eur": found.valorisation_total_eur,
        "rid_eur": found.sale_total_eur,
        "gse_fee_eur": found.fees_eur,
        "excess_eur": found.premium_excess_eur,
        "premium_base_eur": found.premium_total_eur - found.premium_excess_eur,
        "net_total_eur": found.net_eur,
    }


def transitional(i: Inputs) -> Inputs:
    expected = {}
    for name, code in (("cer", "CER"), ("group", "GAC")):
        what = scheme("south", [100.0], 2, configuration=code, regime="transitional", tariff_year=2021)
        energy = i["shared_kwh"]
        found = settle(what, [[energy, 0.0]], [[0.0, energy]], [i["pz_eur_mwh"]])
        rule = valorisation_transitional(code, ("LV",), 2021)
        losses = float(valorisation_eur(energy, i["pz_eur_mwh"], 0.0, rule.loss_avoided)[0])
        expected |= {
            f"{name}_premium_eur": found.premium_total_eur,
            f"{name}_valorisation_eur": found.valorisation_total_eur - losses,
            f"{name}_losses_eur": losses,
            f"{name}_total_eur": found.premium_total_eur + found.valorisation_total_eur,
        }
        assert found.premium_excess_eur == 0.0
    return expected


def dst_day(i: Inputs) -> Inputs:
    grid = TimeGrid.from_local_date(i["date"], 1, 900, i["timezone"])
    what = scheme(i["zone"], [i["plant_kw"]], 2, photovoltaic=i["photovoltaic"], tariff_year=2026)
    n = grid.n_steps
    found = settle(
        what,
        column([i["injection_kwh_per_quarter"]] * n, 2, 0),
        column([i["withdrawal_kwh_per_quarter"]] * n, 2, 1),
        [i["pz_eur_mwh"]] * n,
        start=grid.start,
        step=900,
    )
    return {
        "quarters": n,
        "hours": found.times.size,
        "shared_kwh": found.energy_shared_total_kwh,
        "premium_eur": found.premium_total_eur,
    }


def quarter_prices(i: Inputs) -> Inputs:
    quarters = np.array(i["pz_quarters"], dtype=float)
    price = mean_by_hour(START + 900 * np.arange(4), quarters)[1][0]
    return {
        "pz_hour": price,
        "tip_eur_mwh": float(tip(i, price)),
        "tip_mean_of_quarters": float(tip(i, quarters).mean()),
    }


def expiry(i: Inputs) -> Inputs:
    first, last = premium_window(date.fromisoformat(i["start"]).toordinal())
    at = [pd.Timestamp(time).tz_localize("Europe/Rome").timestamp() for time in i["check"]]
    return {"premium_due": [first <= time < last for time in at]}


def bands_at(i: Inputs) -> Inputs:
    times = [int(pd.Timestamp(time).tz_localize("Europe/Rome").timestamp()) for time in i["times"]]
    return {"bands": [BAND_NAMES[band] for band in bands(np.array(times))]}


def bands_year(i: Inputs) -> Inputs:
    counts = []
    for year in i["years"]:
        days = (date(year + 1, 1, 1) - date(year, 1, 1)).days
        counts.append(np.bincount(bands(TimeGrid.from_local_date(f"{year}-01-01", days, 3600).times)))
    return dict(zip(BAND_NAMES, np.transpose(counts), strict=True))


def excise(i: Inputs) -> Inputs:
    energy = np.array([case["kwh_month"] for case in i["cases"]], dtype=float)
    power = np.array([case["kw"] for case in i["cases"]], dtype=float)
    n = power.size
    grid = TimeGrid.from_local_date("2025-06-01", 30, 3600)

    def billed(resident: bool) -> np.ndarray:
        tariff = Tariff([household_tariff(2025, resident=resident)] * n, power)
        withdrawn = np.broadcast_to(energy / grid.n_steps, (grid.n_steps, n))
        return tariff.bill(grid.times, withdrawn, np.zeros(grid.n_steps), 3600).excise_eur[0]

    assert (energy - excise_exemption_kwh(energy, power)) * i["rate"] == pytest.approx(billed(True))
    return {"excise_eur": billed(True), "non_resident_100kwh_eur": billed(False)[energy == 100][0]}


def bill_month(i: Inputs) -> Inputs:
    assert i["losses_apply_to"] == ["energy", "dispatching"]
    tariff = PodTariff(
        energy=EnergyPrice(kind="hourly", spread_eur_per_kwh=i["spread_eur_kwh"]),
        dispatching_eur_per_kwh=i["dispatching_eur_kwh"],
        losses=i["loss_factor"],
        sales_eur_per_year=12 * i["sales_fixed_eur_month"],
        network_fixed_eur_per_year=12 * i["network_fixed_eur_month"],
        network_power_eur_per_kw_month=i["network_power_eur_kw_month"],
        network_energy_eur_per_kwh=i["network_energy_eur_kwh"],
        system_eur_per_kwh=i["system_charges_eur_kwh"],
        excise_eur_per_kwh=i["excise_eur_kwh"],
        excise_exemption=i["resident"],
        vat=i["vat"],
    )
    grid = TimeGrid.from_local_date("2025-03-01", 31, 3600)  # a month with a day of 23 hours
    n = grid.n_steps
    bill = Tariff([tariff], np.array([i["kw"]])).bill(
        grid.times, np.full((n, 1), i["kwh"] / n), np.full(n, 1000 * i["pun_eur_kwh"]), 3600
    )
    parts = {
        "energy_eur": bill.energy_eur,
        "dispatching_eur": bill.dispatching_eur,
        "sales_eur": bill.sales_eur,
        "network_eur": bill.network_eur,
        "system_charges_eur": bill.system_eur,
    }
    return {
        **{name: float(part[0, 0]) for name, part in parts.items()},
        "excise_eur": bill.excise_eur[0, 0],
        "subtotal_eur": sum(float(part[0, 0]) for part in parts.values()),
        "vat_eur": bill.vat_eur[0, 0],
        "total_eur": bill.total_eur[0, 0],
    }


def rid_pmg(i: Inputs) -> Inputs:
    value = np.array(i["annual_zonal_value_eur"])
    return {
        "annual_payment_eur": value + minimum_price_supplement_eur(i["injected_kwh"], value, i["pmg_eur_mwh"])
    }


def gse_fee(i: Inputs) -> Inputs:
    return {"fee_eur": gse_fee_eur_per_year(i["kw"])}


def rid_fee(i: Inputs) -> Inputs:
    return {"fee_eur": rid_fee_eur_per_year(i["kw"])}


def allocation(i: Inputs) -> Inputs:
    injected, withdrawn = np.array([[10.0, 0.0, 0.0]]), np.array([[0.0, 6.0, 8.0]])
    assert i["injection"] == {"A": 10}
    assert i["withdrawal"] == {"B": 6, "C": 8}
    shared = shared_energy(injected.sum(axis=1), withdrawn.sum(axis=1))
    rate = np.array([float(i["tip_eur_mwh"])])
    total = float(shared @ rate) / 1000
    keys = {
        "equal": "equal",
        "proportional_to_withdrawal": "consumption",
        "half_producers_half_consumers": "producers_consumers",
        "shapley": "shapley",
        "marginal_normalised": "marginal",
    }
    found: Inputs = {"total_eur": total}
    for name, key in keys.items():
        part = weights(Allocation(key=key), shared, withdrawn, injected, rate).weight * total
        found[name] = dict(zip("ABC", part, strict=True))
    assert shapley_exact(injected, withdrawn, rate).sum() == pytest.approx(total)
    assert marginal_values(injected, withdrawn, rate) / 0.12 == pytest.approx([10.0, 2.0, 4.0])
    return found


def allocation_hours(i: Inputs) -> Inputs:
    withdrawn = np.array(list(i["withdrawal"].values()), dtype=float).T
    credited = coincident_withdrawal_kwh(np.array(i["shared_kwh"], dtype=float), withdrawn)
    return {"credited_kwh": dict(zip(i["withdrawal"], credited, strict=True))}


def allocation_cents(i: Inputs) -> Inputs:
    parts = np.rint(100 * close_cents(i["total_cents"] / 100, list(i["weights"].values())))
    return {"sum_cents": parts.sum(), "sorted_shares": sorted(parts)}


KINDS: dict[str, Callable[[Inputs], Inputs]] = {
    function.__name__: function
    for function in (
        tip_unit, tip_error, shared_hour, meter_net, settlement_hours, plant_allocation, existing_plants,
        grant_exemption, excess, settlement_year, transitional, dst_day, quarter_prices, expiry, bands_year,
        excise, bill_month, rid_pmg, gse_fee, rid_fee, allocation, allocation_hours, allocation_cents,
    )
} | {"bands": bands_at}  # fmt: skip


def compare(expected: Any, found: Any, where: str) -> None:
    if isinstance(expected, dict):
        for name, value in expected.items():
            compare(value, found[name], f"{where}.{name}")
    elif isinstance(expected, list) and expected and isinstance(expected[0], str):
        assert list(found) == expected, where
    else:
        assert np.asarray(found, dtype=float) == pytest.approx(np.asarray(expected, dtype=float), abs=1e-6), (
            where
        )


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: f"{example['id']}-{example['kind']}")
def test_example(example: dict[str, Any]) -> None:
    compare(example["expected"], KINDS[example["kind"]](example["inputs"]), example["id"])


def test_every_kind_is_in_the_file(shared_data: Path) -> None:
    data = json.loads((shared_data / "settlement_examples.json").read_text(encoding="utf-8"))
    assert len(data["examples"]) == data["count"] == len(EXAMPLES)
    assert {example["kind"] for example in data["examples"]} == set(KINDS)


def test_pro_rata_leaves_nothing() -> None:
    injected = np.array([[4.0, 6.0], [0.0, 0.0]])
    assert attribute_pro_rata(np.array([5.0, 0.0]), injected).tolist() == [[2.0, 3.0], [0.0, 0.0]]


def test_seniority_prefers_the_smaller_of_equal_age() -> None:
    assert seniority_order(np.array([5, 5, 3]), np.array([20.0, 10.0, 99.0])).tolist() == [2, 1, 0]
