"""Settles what real meters counted: readings, community and prices from files."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from recosim.arrays import FloatArray, IntArray
from recosim.components import Pods
from recosim.errors import ScenarioError
from recosim.results.settled import PREMIUM, SALE, VALORISATION, Settled
from recosim.scenarios.loader import mapping_from_text, yaml_text
from recosim.scenarios.meter_readings import HourlyPrices, Readings, read_hourly_prices, read_readings
from recosim.scenarios.rules_of_money import NATURAL_PERSON, configuration_of, tariff_by
from recosim.scenarios.schema.messages import problem_lines
from recosim.scenarios.schema.metered import PHOTOVOLTAIC, MeteredCommunity
from recosim.simulators.settlement.bill import Bill
from recosim.simulators.settlement.calendar import local_years
from recosim.simulators.settlement.checks import SettlementError
from recosim.simulators.settlement.configuration import Configuration, Members, Plants
from recosim.simulators.settlement.hourly import period_starts, sum_by_hour
from recosim.simulators.settlement.scheme import NoSharing, make_scheme
from recosim.timegrid import SECONDS_PER_HOUR

NEEDS_PRICES = {
    PREMIUM: "premium",
    VALORISATION: "valorisation",
    SALE: "sale of the energy fed in",
}
INJECTION_MAX_PER_POWER = 2.0
"""Above this times its nominal power no plant delivers, whatever its peak power is called."""


def load_metered_community(path: Path) -> MeteredCommunity:
    """Community of a YAML file.

    Raises
    ------
    ScenarioError
        The file cannot be read or is wrong: one line per problem, five at most.
    """
    path = Path(path)
    if not path.is_file():
        raise ScenarioError(f"community file '{path}' does not exist; correct the path")
    data = mapping_from_text(yaml_text(path), path.name, MeteredCommunity)
    try:
        return MeteredCommunity.model_validate(data)
    except ValidationError as error:
        raise ScenarioError("\n".join(problem_lines(error, MeteredCommunity, path.name, []))) from None


def settle_files(readings: Path, community: Path, prices: Path | None = None) -> Settled:
    """Settle the readings of a file.

    Parameters
    ----------
    readings, community, prices : Path
        See :func:`recosim.scenarios.meter_readings.read_readings`, :class:`MeteredCommunity` and
        :func:`recosim.scenarios.meter_readings.read_hourly_prices`. Without prices, what needs none is
        settled.

    Raises
    ------
    ScenarioError, InputDataError
        A file is wrong, or the files do not fit one another.
    """
    described = load_metered_community(community)
    try:
        read = read_readings(readings, described, Path(community).name)
        hours = period_starts(read.grid.times)[0]
        price = None if prices is None else read_hourly_prices(Path(prices), described, hours)
        return settle_readings(read, described, price)
    except SettlementError as error:
        raise ScenarioError(f"{error} ({Path(community).name})") from error


def settle_readings(readings: Readings, community: MeteredCommunity, prices: HourlyPrices | None) -> Settled:
    """Settle readings.

    Parameters
    ----------
    readings : Readings
    community : MeteredCommunity
    prices : HourlyPrices or None
        None leaves out what needs them.

    Raises
    ------
    SettlementError
        The rules do not allow the community.
    """
    grid, pods = readings.grid, readings.pods
    first, last = local_years(grid.times[[0, -1]], grid.timezone).tolist()
    rules = configuration_of(community, community.tariff_year or first, community.seed, grid.timezone)
    plants, members = _plants(community, pods), _members(community, pods)
    scheme = make_scheme(rules, plants, members, len(pods))
    hours, withdrawn = sum_by_hour(grid.times, readings.withdrawn_kwh)
    injected = sum_by_hour(grid.times, readings.injected_kwh)[1]
    price = np.zeros(hours.size) if prices is None else prices.zonal_eur_per_mwh
    # what is injected where no plant stands is neither sold nor shared; the note below names it
    sold = np.zeros_like(readings.injected_kwh)
    sold[:, plants.pod] = readings.injected_kwh[:, plants.pod]
    settlement = scheme.settle(
        grid.times, readings.withdrawn_kwh, sold, np.repeat(price, SECONDS_PER_HOUR // grid.step_s)
    )
    bill, tariff_notes = _bill(community, rules, hours, withdrawn[:, members.pod], prices)
    alone = NoSharing(replace(rules, settlement_step="hour"), plants, members, len(pods))
    settled = Settled(
        source=readings.source,
        pods=pods,
        names=tuple(member.name or member.pod for member in community.members),
        configuration=rules,
        plants=plants,
        members=members,
        withdrawn_kwh=withdrawn,
        injected_kwh=injected,
        price_zonal_eur_per_mwh=None if prices is None else prices.zonal_eur_per_mwh,
        bill=bill,
        settlement=settlement,
        alone=alone.settle(hours, withdrawn, injected, price),
        valorisation_needs_price=bool(scheme.rules.valorisation.loss_avoided.any()),
    )
    notes = [
        *readings.notes,
        *_notes_on_prices(settled, community),
        *tariff_notes,
        *settlement.notes,
        *_notes_on_meters(settled),
    ]
    if first != last and community.tariff_year is None:
        notes.append(f"regulated figures are those of {first}, the year of the first reading, throughout")
    return replace(settled, notes=tuple(dict.fromkeys(notes)))


def _plants(community: MeteredCommunity, pods: tuple[str, ...]) -> Plants:
    described = community.plants
    behind = [plant.pod for plant in described]
    counts = Counter(behind)
    names = [
        pod if counts[pod] == 1 else f"{pod} ({behind[: i + 1].count(pod)})" for i, pod in enumerate(behind)
    ]
    return Plants(
        pod=np.array([pods.index(pod) for pod in behind], dtype=np.int64),
        power_kw=np.array([plant.power_kw for plant in described], dtype=np.float64),
        photovoltaic=np.array([plant.technology == PHOTOVOLTAIC for plant in described], dtype=np.bool_),
        commissioned=np.array([plant.commissioned.toordinal() for plant in described], dtype=np.int64),
        grant_percent=np.array([plant.grant_percent for plant in described], dtype=np.float64),
        voltage=tuple(plant.voltage for plant in described),
        names=tuple(names),
    )


def _members(community: MeteredCommunity, pods: tuple[str, ...]) -> Members:
    return Members(
        pod=np.array([pods.index(member.pod) for member in community.members], dtype=np.int64),
        kind=tuple(member.kind for member in community.members),
    )


def _bill(
    community: MeteredCommunity,
    rules: Configuration,
    hours: IntArray,
    withdrawn_kwh: FloatArray,
    prices: HourlyPrices | None,
) -> tuple[Bill | None, tuple[str, ...]]:
    """Bills of the members and notes on them; none without a tariff or without the prices it needs."""
    described, pun = community.tariff, None if prices is None else prices.pun_eur_per_mwh
    if described is None or (described.needs_pun and pun is None):
        return None, ()
    pun = np.zeros(hours.size) if pun is None else pun
    meters = Pods(
        names=tuple(member.pod for member in community.members),
        power_contract_kw=np.array([member.power_contract_kw for member in community.members]),
        is_dwelling=np.array([member.kind == NATURAL_PERSON for member in community.members]),
    )
    tariff = tariff_by(described, rules.tariff_year, meters, hours, pun, rules.timezone)
    return tariff.bill(hours, withdrawn_kwh, pun, SECONDS_PER_HOUR), tariff.notes


def _notes_on_prices(settled: Settled, community: MeteredCommunity) -> list[str]:
    notes = []
    if settled.unknown:
        lacking = ", ".join(NEEDS_PRICES[name] for name in NEEDS_PRICES if name in settled.unknown)
        notes.append(f"without --prices these cannot be known: {lacking}; energies are complete")
    if community.tariff is not None and settled.bill is None:
        notes.append("the tariff follows the PUN: give prices with a column pun_eur_per_mwh for the bills")
    return notes


def _notes_on_meters(settled: Settled) -> list[str]:
    notes = []
    power = np.bincount(settled.plants.pod, weights=settled.plants.power_kw, minlength=len(settled.pods))
    total, highest = settled.injected_kwh.sum(axis=0), settled.injected_kwh.max(axis=0)
    for pod in np.flatnonzero((power == 0.0) & (total > 0.0)):
        notes.append(
            f"{settled.pods[pod]} fed in {total[pod]:.3f} kWh, but no plant is listed there: neither sold "
            "nor shared"
        )
    for pod in np.flatnonzero((power > 0.0) & (highest > INJECTION_MAX_PER_POWER * power)):
        notes.append(
            f"{settled.pods[pod]} fed in {highest[pod]:.1f} kWh in one hour, its plants have {power[pod]:g} "
            "kW: check the unit of the column and the power"
        )
    return notes
