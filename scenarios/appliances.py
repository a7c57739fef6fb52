"""What a household draws: base, lighting, screens, single uses and washing cycles.

Everything here is for one household and one whole local year of quarter-hours; the figures stand in
``households.yaml``. The caller hands in who is awake (:mod:`recosim.scenarios.occupancy`) and the generators.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from recosim.arrays import BoolArray, FloatArray, IntArray
from recosim.scenarios.household_year import DAY_TYPES, STEP_S, LocalYear, between_hours, held_draws

WEEKS_PER_STEP = STEP_S / (7 * 86_400)


@dataclass(frozen=True, kw_only=True)
class YearOfUse:
    """Outcome of one household and one year.

    ``power_kw`` has shape (n_steps,) [kW]; ``starts`` and ``powers_kw`` hold, per shiftable appliance, the
    steps of the year in which a cycle starts and the powers of the cycle [kW]; ``delays`` the accepted delay
    in steps.
    """

    power_kw: FloatArray
    starts: Mapping[str, IntArray]
    powers_kw: Mapping[str, FloatArray]
    delays: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class Traits:
    """What stays with a household from year to year: what it owns and how it differs from the mean."""

    owned: BoolArray
    factor_power: FloatArray
    factor_use: FloatArray
    factor_lighting: float
    share_base: float
    power_fridge_kw: float
    period_fridge_steps: float
    share_fridge_running: float
    power_limit_kw: float


def draw_traits(
    rng: np.random.Generator, tables: Mapping[str, Any], power_contract_kw: float, energy_kwh: float
) -> Traits:
    """Draw what a household owns and how it differs from the mean home."""
    figures, limits = tables["continuous"], tables["limits"]
    names = list(tables["appliances"])
    share = figures["share_base"]
    share_base = float(np.clip(rng.normal(share["mean"], share["deviation"]), share["least"], share["most"]))
    fridge = max(
        rng.normal(figures["power_fridge_kw"]["mean"], figures["power_fridge_kw"]["deviation"]), 0.02
    )
    power_base_kw = share_base * energy_kwh / 8760.0
    period, running, habit = (
        rng.uniform(entry["least"], entry["most"])
        for entry in (figures["period_fridge_h"], figures["share_fridge_running"], limits["power_habit_kw"])
    )
    return Traits(
        owned=rng.random(len(names)) < [tables["appliances"][name]["owned"] for name in names],
        factor_power=np.clip(rng.normal(1.0, limits["variation_power"], len(names)), 0.7, 1.3),
        factor_use=np.clip(rng.normal(1.0, limits["variation_use"], len(names)), 0.5, 1.5),
        factor_lighting=float(np.exp(rng.normal(0.0, figures["variation_lighting"]))),
        share_base=share_base,
        power_fridge_kw=min(fridge, figures["share_fridge_of_base_most"] * power_base_kw),
        period_fridge_steps=period * 3600.0 / STEP_S,
        share_fridge_running=float(running),
        power_limit_kw=min(limits["share_contract"] * power_contract_kw, float(habit)),
    )


def base_power_kw(traits: Traits, energy_kwh: float, n_steps: int, rng: np.random.Generator) -> FloatArray:
    """Refrigeration and standby: what a home draws with nobody in it.

    The compressor is a square wave; a step's mean comes from its integral, so no energy is lost to sampling.

    Returns
    -------
    array, shape (n_steps,) [kW]
    """
    base_kw = traits.share_base * energy_kwh / (n_steps * STEP_S / 3600.0)
    edges = np.arange(n_steps + 1) / traits.period_fridge_steps + rng.random()
    whole = np.floor(edges)
    run = whole + np.minimum((edges - whole) / traits.share_fridge_running, 1.0)
    fridge_kw = traits.power_fridge_kw * np.diff(run) * traits.period_fridge_steps
    power: FloatArray = base_kw - traits.power_fridge_kw + fridge_kw
    return power


def use_profile_kw(
    year: LocalYear,
    awake: IntArray,
    kind: str,
    traits: Traits,
    tables: Mapping[str, Any],
    rng: np.random.Generator,
) -> FloatArray:
    """Lighting by daylight, screens and personal devices of those awake, before scaling.

    Parameters
    ----------
    awake : array of int, shape (n_steps,)
        People at home and awake.
    kind : str
        Kind of household: those at home all day use less in each hour of it.

    Returns
    -------
    array, shape (n_steps,), in relative size [kW]
    """
    figures = tables["continuous"]
    rows = np.array([tables["activity"][name] for name in DAY_TYPES]) / 100.0
    types_of_days = year.day_type[np.searchsorted(year.day, np.arange(year.day[-1] + 1))]
    share_on = between_hours(rows, types_of_days, year.day * 24.0 + year.hour)
    by_day = tables["activity_by_day"]
    daytime = (year.hour >= by_day["from_h"]) & (year.hour < by_day["to_h"])
    share_on = np.where(daytime, by_day["factors"][kind], 1.0) * share_on
    mean_steps = figures["duration_use_h"] * 3600.0 / STEP_S
    screen, _ = held_draws(rng, len(awake), mean_steps)
    personal, _ = held_draws(rng, len(awake), mean_steps)
    further = np.maximum(awake - 1, 0)
    lighting_kw = figures["power_lighting_kw"] * traits.factor_lighting * year.darkness
    use_kw: FloatArray = (awake > 0) * (
        lighting_kw * (1.0 + figures["lighting_per_further_person"] * further)
        + figures["power_screen_kw"] * (screen < share_on)
        + figures["power_personal_kw"] * awake * (personal < share_on)
    )
    return use_kw


def start_weights(year: LocalYear, tables: Mapping[str, Any]) -> FloatArray:
    """Weight of a start in each step, zero for appliances that follow others.

    Returns
    -------
    array, shape (n_appliances, n_steps) [-]
    """
    weights = np.zeros((len(tables["appliances"]), len(year.hour)))
    hour = year.hour.astype(np.int64)
    for row, entry in enumerate(tables["appliances"].values()):
        if "weights" in entry:
            weights[row] = np.array([entry["weights"][name] for name in DAY_TYPES], dtype=float)[
                year.day_type, hour
            ]
    return weights


def draw_starts(rng: np.random.Generator, weight: FloatArray, n_starts: int) -> IntArray:
    """Steps of ``n_starts`` starts in order, spread over the year as evenly as habits are.

    One start falls in each n-th part of the year's total weight, at random within it.
    """
    total = np.cumsum(weight)
    if n_starts <= 0 or total[-1] <= 0.0:
        return np.empty(0, dtype=np.int64)
    targets = (np.arange(n_starts) + rng.random(n_starts)) / n_starts * total[-1]
    steps: IntArray = np.searchsorted(total, targets, side="right").astype(np.int64)
    return np.minimum(steps, len(weight) - 1)


def put_off(
    power_kw: FloatArray,
    starts: Sequence[int] | IntArray,
    powers_kw: FloatArray,
    limit_kw: float,
    most_steps: int,
    awake: IntArray,
) -> IntArray:
    """Place runs of one appliance in order, put off while they would exceed the limit, and add them.

    A run starts at the first step within ``most_steps`` of the wish at which somebody is awake and the sum
    stays within the limit; where there is none, at the step with the lowest peak: the limit is soft. Runs of
    the same appliance never overlap; one that would leave the year is left out.

    Parameters
    ----------
    power_kw : array, shape (n_steps,), changed in place [kW]
    starts : sequence of int
        Wished starts, ascending.
    powers_kw : array, shape (length,)
        Powers of a run [kW].

    Returns
    -------
    array of int, the starts chosen
    """
    length, n_steps = len(powers_kw), len(power_kw)
    chosen: list[int] = []
    free = 0
    for wish in starts:
        first = max(int(wish), free)
        best, best_peak = -1, np.inf
        for step in range(first, min(first + most_steps + 1, n_steps - length + 1)):
            if step > first and awake[step] == 0:
                continue
            peak = (power_kw[step : step + length] + powers_kw).max()
            if peak < best_peak:
                best, best_peak = step, peak
            if peak <= limit_kw:
                break
        if best >= 0:
            power_kw[best : best + length] += powers_kw
            chosen.append(best)
            free = best + length
    return np.array(chosen, dtype=np.int64)


def starts_per_year(
    n_people: int, energy_kwh: float, traits: Traits, tables: Mapping[str, Any], n_steps: int
) -> FloatArray:
    """Starts of each appliance in the year, following size of household and energy asked for.

    Returns
    -------
    array, shape (n_appliances,); not yet whole numbers, and zero for appliances that follow others
    """
    entries, limits = list(tables["appliances"].values()), tables["limits"]
    weeks = n_steps * WEEKS_PER_STEP
    counts = np.array(
        [entry["per_week"][min(n_people, 4) - 1] * weeks if "per_week" in entry else 0.0 for entry in entries]
    )
    counts = counts * traits.owned * traits.factor_use
    energies = (
        np.array([sum(entry["powers_kw"]) * STEP_S / 3600.0 for entry in entries]) * traits.factor_power
    )
    per_start = energies.copy()
    names = list(tables["appliances"])
    for row, entry in enumerate(entries):
        if "after" in entry and traits.owned[row]:
            share = entry["share_of_washes"] * len(entry["months"]) / 12.0
            per_start[names.index(entry["after"])] += share * energies[row]
    nominal_kwh = float(counts @ per_start)
    share = limits["share_starts"] * energy_kwh / nominal_kwh
    bounds = limits["starts_factor"]
    factor = min(
        float(np.clip(share, bounds["least"], bounds["most"])),
        limits["share_starts_most"] / limits["share_starts"] * share,
    )
    scaled: FloatArray = counts * factor
    return scaled


def draw_wishes(
    year: LocalYear,
    weights: FloatArray,
    counts: FloatArray,
    awake: IntArray,
    traits: Traits,
    tables: Mapping[str, Any],
    rng: np.random.Generator,
) -> dict[str, IntArray]:
    """When a household would start its appliances if no limit were in the way, by appliance.

    Appliances that follow others (the dryer the washing machine) start as the other ends.
    """
    n_steps = len(awake)
    present = (awake > 0).astype(np.float64)
    wishes: dict[str, IntArray] = {}
    for row, (name, entry) in enumerate(tables["appliances"].items()):
        if "after" not in entry:
            wishes[name] = draw_starts(rng, weights[row] * present, round(counts[row]))
        elif traits.owned[row]:
            ends = wishes[entry["after"]] + len(tables["appliances"][entry["after"]]["powers_kw"])
            ends = ends[ends < n_steps]
            chosen = rng.random(len(ends)) < entry["share_of_washes"]
            wishes[name] = ends[chosen & np.isin(year.month[ends], entry["months"])]
    return wishes


def place_runs(
    load_kw: FloatArray,
    wishes: Mapping[str, IntArray],
    powers_kw: Mapping[str, FloatArray],
    awake: IntArray,
    power_limit_kw: float,
    tables: Mapping[str, Any],
) -> tuple[FloatArray, dict[str, IntArray]]:
    """Put all runs of a year on top of ``load_kw``, the large ones within the limit.

    Returns
    -------
    runs_kw : array, shape (n_steps,)
        Power of the runs alone [kW].
    starts : dict
        Starts chosen for the large appliances.
    """
    n_steps = len(load_kw)
    total_kw = load_kw.copy()
    most_steps = int(tables["limits"]["put_off_most_h"] * 3600 / STEP_S)
    large = [name for name in wishes if tables["appliances"][name]["large"]]
    for name, wish in wishes.items():
        for offset, power in enumerate(powers_kw[name] if name not in large else ()):
            steps = wish + offset
            np.add.at(total_kw, steps[steps < n_steps], power)
    starts = {
        name: put_off(total_kw, wishes[name], powers_kw[name], power_limit_kw, most_steps, awake)
        for name in large
    }
    return total_kw - load_kw, starts


def year_of_use(
    *,
    year: LocalYear,
    weights: FloatArray,
    n_people: int,
    kind: str,
    energy_kwh: float,
    awake: IntArray,
    traits: Traits,
    tables: Mapping[str, Any],
    rng: np.random.Generator,
) -> YearOfUse:
    """Electric load of a household over a local year, with exactly the energy asked for.

    Base and single runs keep their physical powers; lighting, screens and personal devices take up the
    rest of the year's energy.

    Parameters
    ----------
    weights : array, shape (n_appliances, n_steps)
        From :func:`start_weights`.
    kind : str
        Kind of household, a key of ``activity_by_day``.
    energy_kwh : float
        Energy of the year [kWh].
    awake : array of int, shape (n_steps,)
        People at home and awake.
    """
    n_steps, step_h = len(awake), STEP_S / 3600.0
    entries = tables["appliances"]
    base_kw = base_power_kw(traits, energy_kwh, n_steps, rng)
    use_kw = use_profile_kw(year, awake, kind, traits, tables, rng)
    use_kw /= use_kw.sum() * step_h
    powers_kw = {
        name: np.array(entry["powers_kw"]) * traits.factor_power[row]
        for row, (name, entry) in enumerate(entries.items())
    }
    for power in powers_kw.values():
        power.setflags(write=False)
    counts = starts_per_year(n_people, energy_kwh, traits, tables, n_steps)
    wishes = draw_wishes(year, weights, counts, awake, traits, tables, rng)
    # The load the limit looks at needs the size of use before the runs are placed.
    rest_kwh = energy_kwh - base_kw.sum() * step_h
    planned_kwh = sum(len(wish) * float(powers_kw[name].sum()) for name, wish in wishes.items()) * step_h
    runs_kw, starts = place_runs(
        base_kw + use_kw * (rest_kwh - planned_kwh), wishes, powers_kw, awake, traits.power_limit_kw, tables
    )
    shiftable = [name for name in starts if entries[name].get("shiftable", False)]
    # A run left out at the year's end changes the energy a little: use makes up for it, so the sum is exact.
    return YearOfUse(
        power_kw=base_kw + runs_kw + use_kw * (rest_kwh - runs_kw.sum() * step_h),
        starts={name: starts[name] for name in shiftable},
        powers_kw={name: powers_kw[name] for name in shiftable},
        delays={name: int(entries[name]["delay_most_h"] / step_h) for name in shiftable},
    )
