"""Key figures of a run, from its recorded series and its settlement.

Every figure is a plain number, or None where it does not apply (no batteries, no dwellings, no solver).
Fractions are fractions, not per cent. Series are read in blocks of days, so a year of 1000 dwellings needs
little more memory than a month of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from recosim.arrays import FloatArray
from recosim.components import Devices
from recosim.contracts import Community
from recosim.errors import ResultsError
from recosim.quantities import KPI_NAMES
from recosim.results.run_file import Kpi, Run
from recosim.simulators.batteries import STATE_OF_HEALTH
from recosim.timegrid import SECONDS_PER_DAY

CO2_KG_PER_KWH = 0.25
"""Mean emissions of a kWh withdrawn from the Italian grid [kg/kWh]; an engineering estimate."""

DISCOMFORT_MILD_K = 2.0
DISCOMFORT_SEVERE_FACTOR = 3.0
CONTRACT_TOLERANCE = 1.1
QUARTER_S = 900


@dataclass(frozen=True, kw_only=True)
class Money:
    """What the settlement found for the whole run.

    Parameters
    ----------
    bill_eur : float
        Bills for withdrawn energy, taxes included [EUR].
    fees_eur : float
        Fees of the community and of the settlement [EUR].
    revenue_sale_eur : float
        Sale of injected energy [EUR].
    premium_eur, valorisation_eur : float
        Paid for shared energy [EUR].
    unmodelled_eur : float
        Monthly and yearly rules that the optimisation does not see [EUR].
    energy_shared_kwh : float
        Shared energy, which earns the valorisation [kWh].
    energy_incentivised_kwh : float
        Shared energy that earns the premium [kWh].
    """

    bill_eur: float
    fees_eur: float
    revenue_sale_eur: float
    premium_eur: float
    valorisation_eur: float
    unmodelled_eur: float
    energy_shared_kwh: float
    energy_incentivised_kwh: float

    @property
    def cost_net_eur(self) -> float:
        """Bills and fees, less what the community earns [EUR]."""
        earned = self.revenue_sale_eur + self.premium_eur + self.valorisation_eur
        return self.bill_eur + self.fees_eur - earned


@dataclass(frozen=True, kw_only=True)
class Running:
    """What the runner saw, and what is stored at the end.

    Parameters
    ----------
    balance_residual_kwh : float
        Largest residual of the energy balance, over steps, nodes and carriers [kWh].
    cpu_s : float
        CPU time of the run [s].
    solve_ms : array, shape (n_decisions,)
        Time of each solve, NaN or no entry where the controller has none [ms].
    solve_failures, fallbacks : int
    value_stored_change_eur : float
        Value of what is stored at the end above what was stored at the start [EUR].
    energy_stored_change_kwh : float
        Change of the energy in the batteries [kWh].
    """

    balance_residual_kwh: float
    cpu_s: float
    solve_ms: FloatArray
    solve_failures: int
    fallbacks: int
    value_stored_change_eur: float
    energy_stored_change_kwh: float


@dataclass(frozen=True, kw_only=True)
class Shares:
    """How much of the community's energy stays in it; None where the divisor is zero.

    Parameters
    ----------
    self_consumption : float or None
        f_sc, of the photovoltaic energy, what is not injected.
    self_sufficiency : float or None
        f_ss = f_sc E_pv / E_demand.
    self_consumption_collective, self_sufficiency_collective : float or None
        The same with the shared energy added.
    shared_fraction : float or None
        f_sh, shared energy per photovoltaic energy.
    """

    self_consumption: float | None
    self_sufficiency: float | None
    self_consumption_collective: float | None
    self_sufficiency_collective: float | None
    shared_fraction: float | None


def energy_shares(
    energy_pv_kwh: float, energy_injected_kwh: float, energy_shared_kwh: float, energy_demand_kwh: float
) -> Shares:
    """Self-consumption, self-sufficiency and shared fraction.

    What is self-consumed is what the plants deliver and the delivery points do not inject; what batteries
    lose, or hold at the end, counts as self-consumed.

    Parameters
    ----------
    energy_pv_kwh, energy_injected_kwh, energy_shared_kwh, energy_demand_kwh : float
        Sums over the run; demand is base load, heating and cooling, and the plants' own draw [kWh].

    Source: Tor Bella Monaca study, f_sc, f_ss and f_sh, with self-consumption as pv - excess = min(load, pv)
    (its equation 4 adds that twice).

    Examples
    --------
    >>> shares = energy_shares(100.0, 60.0, 15.0, 80.0)
    >>> shares.self_consumption, shares.self_sufficiency, shares.shared_fraction
    (0.4, 0.5, 0.15)
    """
    self_consumed = energy_pv_kwh - energy_injected_kwh
    collective = self_consumed + energy_shared_kwh
    return Shares(
        self_consumption=_ratio(self_consumed, energy_pv_kwh),
        self_sufficiency=_ratio(self_consumed, energy_demand_kwh),
        self_consumption_collective=_ratio(collective, energy_pv_kwh),
        self_sufficiency_collective=_ratio(collective, energy_demand_kwh),
        shared_fraction=_ratio(energy_shared_kwh, energy_pv_kwh),
    )


def cost_comfort_eur(discomfort_k: FloatArray, step_h: float, price_comfort_eur_per_kh: float) -> float:
    """Discomfort at the comfort price, three times that for what lies beyond 2 K.

    Parameters
    ----------
    discomfort_k : array, any shape
        Kelvin outside the comfort band, zero where nobody is at home [K].
    step_h : float
        Length of a step [h].
    price_comfort_eur_per_kh : float
        Up to 2 K [EUR/(K h)].

    Examples
    --------
    >>> import numpy as np
    >>> cost_comfort_eur(np.array([1.0, 3.0]), 0.25, 0.5)  # (1 + 2 + 3 x 1) K x 0.25 h x 0.5 EUR/(K h)
    0.75
    """
    severe = np.maximum(discomfort_k - DISCOMFORT_MILD_K, 0.0)
    weighted = float(discomfort_k.sum() + (DISCOMFORT_SEVERE_FACTOR - 1.0) * severe.sum())
    return price_comfort_eur_per_kh * step_h * weighted


def compute_kpis(run: Run, community: Community, money: Money, running: Running) -> dict[str, Kpi]:
    """All key figures of a run, in the order in which they are printed.

    Definitions that a name does not tell: ``energy_load_kwh`` is the base load of all delivery points,
    common services included; the demand behind self-sufficiency adds heating, cooling, hot water, cars and
    the plants' own draw. ``cost_comfort_eur`` also counts tanks that are below the temperature of use when
    water is drawn; ``car_unmet_kwh`` costs nothing, as no controller changes it. Peaks are means over
    quarter-hours (or over the step, where it is longer), those at the substation net over all delivery
    points. ``co2_kg`` is the withdrawn energy times ``CO2_KG_PER_KWH``; neither injected nor shared energy is
    credited. ``battery_cycles`` divides the energy discharged at the terminals by the usable capacity,
    nominal capacity times (highest - lowest state of charge), both of the
    new battery. ``battery_state_of_health`` is the mean of the batteries that age. ``simulated_days`` counts
    local days, so one with a clock change is one day.

    Parameters
    ----------
    run : Run
        Its committed rows count.
    community : Community
    money : Money
    running : Running

    Raises
    ------
    ResultsError
        The file holds no rows, or a figure is not a finite number.
    """
    if run.committed == 0:
        raise ResultsError(f"{run.path} holds no recorded step: run again")
    figures: dict[str, Kpi] = {}
    figures.update(_money_figures(money))
    figures.update(_energy_figures(run, money))
    figures.update(_grid_figures(run, community))
    figures.update(_comfort_figures(run, community.price_comfort_eur_per_kh))
    figures.update(_battery_figures(run, community))
    figures.update(_running_figures(run, running))
    costs = (money.cost_net_eur, figures["cost_comfort_eur"], figures["cost_wear_eur"])
    figures["objective_eur"] = sum(c for c in costs if c is not None) - running.value_stored_change_eur
    bad = [name for name, value in figures.items() if value is not None and not np.isfinite(value)]
    if bad:
        raise ResultsError(
            f"{run.path}: not a finite number: {', '.join(bad)}; its series or bills are wrong"
        )
    return {name: figures[name] for name in KPI_NAMES}


def _money_figures(money: Money) -> dict[str, Kpi]:
    return {
        "cost_net_eur": money.cost_net_eur,
        "bill_eur": money.bill_eur,
        "fees_eur": money.fees_eur,
        "revenue_sale_eur": money.revenue_sale_eur,
        "premium_eur": money.premium_eur,
        "valorisation_eur": money.valorisation_eur,
        "unmodelled_eur": money.unmodelled_eur,
        "energy_shared_kwh": money.energy_shared_kwh,
        "energy_incentivised_kwh": money.energy_incentivised_kwh,
    }


def _energy_figures(run: Run, money: Money) -> dict[str, Kpi]:
    step_h = run.grid.step_h
    pv_kwh = _sum(run, "photovoltaics", "power_pv_kw", step_h)
    load_kwh = _sum(run, "load", "power_load_kw", step_h)
    appliances_kwh = _sum(run, "appliance", "power_appliance_kw", step_h)
    if appliances_kwh is not None:  # part of the load, whoever decides when
        load_kwh = (load_kwh or 0.0) + appliances_kwh
    parts = [
        _sum(run, "dwelling", name, step_h)
        for name in ("power_heating_kw", "power_cooling_kw", "power_standby_kw")
    ]
    hvac_kwh = None if None in parts else sum(part for part in parts if part is not None)
    injected_kwh = _sum(run, "meter", "energy_injected_kwh") or 0.0
    auxiliary_kwh = _sum(run, "photovoltaics", "power_auxiliary_kw", step_h) or 0.0
    hot_water_kwh = _sum(run, "water_heater", "power_water_heating_kw", step_h)
    car_kwh = _sum(run, "car", "power_car_kw", step_h)
    demand_kwh = sum(kwh or 0.0 for kwh in (load_kwh, hvac_kwh, hot_water_kwh, car_kwh, auxiliary_kwh))
    shares = energy_shares(pv_kwh or 0.0, injected_kwh, money.energy_shared_kwh, demand_kwh)
    return {
        "energy_pv_kwh": pv_kwh,
        "energy_pv_curtailed_kwh": _sum(run, "photovoltaics", "power_curtailed_kw", step_h),
        "energy_load_kwh": load_kwh,
        "energy_hvac_kwh": hvac_kwh,
        "heat_unmet_kwh": _sum(run, "dwelling", "heat_unmet_kw", step_h),
        "energy_hot_water_kwh": hot_water_kwh,
        "hot_water_unmet_kwh": _sum(run, "water_heater", "heat_hot_water_unmet_kw", step_h),
        "energy_car_kwh": car_kwh,
        "car_unmet_kwh": _sum(run, "car", "energy_car_unmet_kwh"),
        "self_consumption": shares.self_consumption,
        # without plants nothing is self-consumed: the figures do not apply
        "self_sufficiency": shares.self_sufficiency if pv_kwh is not None else None,
        "self_consumption_collective": shares.self_consumption_collective,
        "self_sufficiency_collective": shares.self_sufficiency_collective if pv_kwh is not None else None,
        "shared_fraction": shares.shared_fraction,
    }


def _grid_figures(run: Run, community: Community) -> dict[str, Kpi]:
    per_quarter = max(1, QUARTER_S // run.grid.step_s)
    withdrawn_kwh = injected_kwh = peak_withdrawal_kw = peak_injection_kw = peak_pod_kw = 0.0
    overruns = 0
    limit_kw = CONTRACT_TOLERANCE * community.pods.power_contract_kw + 1e-9
    for withdrawn, injected in _blocks(run, "meter", "energy_withdrawn_kwh", "energy_injected_kwh"):
        withdrawn_kwh += float(withdrawn.sum())
        injected_kwh += float(injected.sum())
        overruns += int(np.count_nonzero(withdrawn / run.grid.step_h > limit_kw))
        power_kw = _quarter_means(withdrawn / run.grid.step_h, per_quarter)
        net_kw = _quarter_means((withdrawn - injected).sum(axis=1) / run.grid.step_h, per_quarter)
        peak_pod_kw = max(peak_pod_kw, float(power_kw.max(initial=0.0)))
        peak_withdrawal_kw = max(peak_withdrawal_kw, float(net_kw.max(initial=0.0)))
        peak_injection_kw = max(peak_injection_kw, float((-net_kw).max(initial=0.0)))
    return {
        "energy_withdrawn_kwh": withdrawn_kwh,
        "energy_injected_kwh": injected_kwh,
        "peak_withdrawal_kw": peak_withdrawal_kw,
        "peak_injection_kw": peak_injection_kw,
        "peak_pod_kw": peak_pod_kw,
        "contract_overruns": overruns,
        "co2_kg": withdrawn_kwh * CO2_KG_PER_KWH,
    }


def _comfort_figures(run: Run, price_comfort_eur_per_kh: float) -> dict[str, Kpi]:
    names = ("discomfort_kh", "discomfort_heating_kh", "discomfort_cooling_kh", "discomfort_worst_kh")
    if "dwelling" not in run.groups():
        return dict.fromkeys((*names, "discomfort_hot_water_kh", "hours_outside_cat_ii", "cost_comfort_eur"))
    step_h = run.grid.step_h
    heating_kh = cooling_kh = cost_eur = 0.0
    by_dwelling_kh: FloatArray = np.zeros(len(run.members("dwelling", "discomfort_heating_k")))
    for heating_k, cooling_k in _blocks(run, "dwelling", "discomfort_heating_k", "discomfort_cooling_k"):
        heating_kh += float(heating_k.sum()) * step_h
        cooling_kh += float(cooling_k.sum()) * step_h
        both_k = heating_k + cooling_k
        by_dwelling_kh += both_k.sum(axis=0) * step_h
        cost_eur += cost_comfort_eur(both_k, step_h, price_comfort_eur_per_kh)
    water_kh = 0.0 if "water_heater" in run.groups() else None
    if water_kh is not None:
        for (short_k,) in _blocks(run, "water_heater", "discomfort_hot_water_k"):
            water_kh += float(short_k.sum()) * step_h
            cost_eur += cost_comfort_eur(short_k, step_h, price_comfort_eur_per_kh)
    values = (heating_kh + cooling_kh, heating_kh, cooling_kh, float(by_dwelling_kh.max(initial=0.0)))
    return {
        **dict(zip(names, values, strict=True)),
        "discomfort_hot_water_kh": water_kh,
        "hours_outside_cat_ii": _sum(run, "dwelling", "outside_cat_ii", step_h),
        "cost_comfort_eur": cost_eur,
    }


def _battery_figures(run: Run, community: Community) -> dict[str, Kpi]:
    batteries = community.devices.get("battery")
    if batteries is None or "battery" not in run.groups():
        return dict.fromkeys(("cost_wear_eur", "battery_cycles", "battery_state_of_health"))
    step_h = run.grid.step_h
    throughput_kwh = 0.0
    discharged_kwh: FloatArray = np.zeros(len(batteries))
    for charge_kw, discharge_kw in _blocks(run, "battery", "power_charge_kw", "power_discharge_kw"):
        throughput_kwh += float(charge_kw.sum() + discharge_kw.sum()) * step_h
        discharged_kwh += discharge_kw.sum(axis=0) * step_h
    parameters = batteries.parameters
    usable_kwh = parameters.capacity_kwh * (parameters.state_max - parameters.state_min)
    return {
        "cost_wear_eur": community.price_wear_eur_per_kwh * throughput_kwh,
        "battery_cycles": float(np.mean(discharged_kwh / usable_kwh)),
        "battery_state_of_health": _state_of_health(run, batteries),
    }


def _state_of_health(run: Run, batteries: Devices) -> float | None:
    """Mean over the batteries that age, at the end of the run, or None where none does."""
    ages = np.broadcast_to(batteries.parameters.ages, len(batteries))
    return float(np.mean(run.last("battery", STATE_OF_HEALTH)[ages])) if ages.any() else None


def _running_figures(run: Run, running: Running) -> dict[str, Kpi]:
    solves = running.solve_ms[~np.isnan(running.solve_ms)]
    median, p95, p99 = np.percentile(solves, (50.0, 95.0, 99.0)).tolist() if solves.size else (None,) * 3
    return {
        "energy_stored_change_kwh": running.energy_stored_change_kwh,
        "value_stored_change_eur": running.value_stored_change_eur,
        "balance_residual_kwh": running.balance_residual_kwh,
        "solve_ms_median": median,
        "solve_ms_p95": p95,
        "solve_ms_p99": p99,
        "solve_failures": running.solve_failures,
        "fallbacks": running.fallbacks,
        "simulated_days": _local_days(run),
        "cpu_s": running.cpu_s,
    }


def _local_days(run: Run) -> float:
    grid = run.grid_committed
    ends = grid.part(grid.n_steps, 1).local[0].tz_localize(None) - grid.local[0].tz_localize(None)
    return ends.total_seconds() / SECONDS_PER_DAY


def _blocks(run: Run, group: str, *names: str) -> Iterator[tuple[FloatArray, ...]]:
    for rows in run.blocks(len(run.members(group, names[0]))):
        yield tuple(run.values(group, name, rows) for name in names)


def _sum(run: Run, group: str, name: str, factor: float = 1.0) -> float | None:
    """Sum over rows and members, or None where the group was not recorded."""
    if group not in run.groups():
        return None
    return factor * sum(float(values.sum()) for (values,) in _blocks(run, group, name))


def _quarter_means(power_kw: FloatArray, per_quarter: int) -> FloatArray:
    """Means over quarter-hours along the first axis; the last may be shorter."""
    if per_quarter == 1:
        return power_kw
    starts = np.arange(0, len(power_kw), per_quarter)
    lengths = np.diff(np.append(starts, len(power_kw))).reshape(-1, *(1,) * (power_kw.ndim - 1))
    means: FloatArray = np.add.reduceat(power_kw, starts, axis=0) / lengths
    return means


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole > 0.0 else None
