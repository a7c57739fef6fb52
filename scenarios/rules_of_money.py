"""From a scenario to its tariff and sharing scheme."""

from dataclasses import replace

import numpy as np

from recosim.arrays import FloatArray, IntArray
from recosim.components import Pods
from recosim.scenarios.community import pod_of_plant
from recosim.scenarios.schema import rules as described
from recosim.scenarios.schema.community import Plant
from recosim.scenarios.schema.scenario import Scenario
from recosim.simulators.settlement.allocation import Allocation
from recosim.simulators.settlement.configuration import Configuration, Fees, Members, Plants
from recosim.simulators.settlement.scheme import Cacer, NoSharing, Transitional, make_scheme
from recosim.simulators.settlement.tariffs import (
    EnergyPrice,
    PodTariff,
    Tariff,
    all_in_tariff,
    household_tariff,
    mean_price_by_band,
    non_domestic_tariff,
)

NATURAL_PERSON, COMPANY = "natural_person", "company"


def tariff_of(
    scenario: Scenario, pods: Pods, times: IntArray, price_pun_eur_per_mwh: FloatArray, timezone: str
) -> Tariff:
    """Tariffs of a scenario's delivery points; see :func:`tariff_by`."""
    return tariff_by(scenario.tariff, tariff_year(scenario), pods, times, price_pun_eur_per_mwh, timezone)


def tariff_by(
    rules: described.Tariff,
    year: int,
    pods: Pods,
    times: IntArray,
    price_pun_eur_per_mwh: FloatArray,
    timezone: str,
) -> Tariff:
    """Tariffs of all delivery points: dwellings as residents, the others as non-domestic uses.

    ``times`` and the prices are those of the period: a tariff whose energy price is left out takes their
    mean.
    """
    if rules.price_all_in_eur_per_kwh is not None:
        tariffs = [all_in_tariff(rules.price_all_in_eur_per_kwh)] * len(pods)
    else:
        energy = _energy_price(rules, times, price_pun_eur_per_mwh, timezone)
        home = household_tariff(year, energy, rules.sales_eur_per_year, rules.resident)
        other = non_domestic_tariff(year, energy, rules.sales_eur_per_year)
        home, other = _overridden(home, rules), _overridden(other, rules)
        tariffs = [home if dwelling else other for dwelling in pods.is_dwelling]
    return Tariff(tariffs, pods.power_contract_kw, timezone, rules.holiday_october_4)


def sharing_of(scenario: Scenario, pods: Pods, timezone: str) -> Cacer | Transitional | NoSharing:
    """The sharing scheme of a scenario; every delivery point is a member."""
    configuration = configuration_of(scenario.settlement, tariff_year(scenario), scenario.seed, timezone)
    described_plants, names, nodes = pod_of_plant(scenario, pods)
    plants = Plants(
        pod=nodes,
        power_kw=np.array([plant.power_kw for plant in described_plants], dtype=np.float64),
        photovoltaic=np.ones(len(nodes), dtype=np.bool_),
        commissioned=np.array([plant.commissioned.toordinal() for plant in described_plants], dtype=np.int64),
        grant_percent=np.array([plant.grant_percent for plant in described_plants], dtype=np.float64),
        voltage=tuple(plant.voltage if isinstance(plant, Plant) else "LV" for plant in described_plants),
        names=tuple(names),
    )
    members = Members(
        pod=np.arange(len(pods), dtype=np.int64),
        kind=tuple(NATURAL_PERSON if dwelling else COMPANY for dwelling in pods.is_dwelling),
    )
    return make_scheme(configuration, plants, members, len(pods))


def configuration_of(
    rules: described.Settlement, tariff_year: int, seed: int, timezone: str
) -> Configuration:
    """Rules of a scenario or of a community file, for the settlement."""
    return Configuration(
        configuration=rules.configuration,
        region=rules.region,
        tariff_year=tariff_year,
        regime=rules.regime,
        attribution=rules.attribution,
        settlement_step=rules.settlement_step,
        incentive_basis=rules.incentive_basis,
        excess_variant=rules.excess_variant,
        valorisation=rules.valorisation,
        fees=Fees(gse=rules.fees.gse, rid=rules.fees.rid),
        minimum_price=rules.minimum_price,
        allocation=Allocation(**rules.allocation.model_dump(), seed=seed),
        timezone=timezone,
    )


def tariff_year(scenario: Scenario) -> int:
    """Year of the regulated figures."""
    return scenario.settlement.tariff_year or scenario.period.date_start.year


def _energy_price(
    rules: described.Tariff, times: IntArray, price_pun_eur_per_mwh: FloatArray, timezone: str
) -> EnergyPrice:
    values: tuple[float, ...] = ()
    if rules.kind == "flat":
        mean = float(np.mean(price_pun_eur_per_mwh)) / 1000.0
        given = rules.price_energy_eur_per_kwh
        values = (mean if given is None else given,)
    elif rules.kind == "bands":
        bands = rules.prices_energy_bands
        values = (
            mean_price_by_band(times, price_pun_eur_per_mwh, timezone, rules.holiday_october_4)
            if bands is None
            else (bands.f1, bands.f2, bands.f3)
        )
    return EnergyPrice(
        kind=rules.kind, values_eur_per_kwh=values, spread_eur_per_kwh=rules.spread_eur_per_kwh
    )


def _overridden(tariff: PodTariff, rules: described.Tariff) -> PodTariff:
    """The regulated figures, replaced where the scenario gives its own."""
    names = (
        "dispatching_eur_per_kwh",
        "losses",
        "network_fixed_eur_per_year",
        "network_power_eur_per_kw_month",
        "network_energy_eur_per_kwh",
        "system_eur_per_kwh",
        "excise_eur_per_kwh",
        "vat",
    )
    given = {name: getattr(rules, name) for name in names if getattr(rules, name) is not None}
    return replace(tariff, **given)
