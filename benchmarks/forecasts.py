"""What the MPC is left with when its forecasts and its model err: J, gain over the rules, and regret.

A seed draws weather, households, prices and errors anew; the MPC and the rules pair by seed and week. The
model errs wherever the forecasts do. Gains are in per cent of the bills under the rules. Regret is J less a
lower bound that no controller can reach, both by marginal rates, as `recosim compare --bound` gives it.

python benchmarks/forecasts.py [--seeds 10] [--bound N] [--forecasts perfect,medium,high] [--model-error 0.1]
    [--controller mpc] [--weeks DATE,DATE] [--days D] [--scenario naples] [--set KEY=VALUE ...] [--json FILE]
"""

import argparse
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean

from common import Row, on_one_core, table, write_json
from seasons import WEEKS, Kpis, figure, gain_percent, simulate

from recosim.results.compare import objective_marginal_eur
from recosim.scenarios.bound import lower_bound
from recosim.scenarios.loader import load_scenario

RULES, PERFECT = "rules", "perfect"


@dataclass(frozen=True, kw_only=True)
class Pairing:
    """All runs of one seed and week.

    Parameters
    ----------
    seed : int
    week : str
        First day.
    kpis : dict of str to mapping
        Key figures by kind of forecast, and of the rules.
    lower_eur : float or None
        Lower bound of J by marginal rates, where it was asked for [EUR].
    """

    seed: int
    week: str
    kpis: dict[str, Kpis]
    lower_eur: float | None

    def gain_percent(self, name: str) -> float:
        """Gain over the rules, in per cent of their bills."""
        return gain_percent(self.kpis[RULES], self.kpis[name])

    def regret_eur(self, name: str) -> float | None:
        """J by marginal rates above the lower bound; None without a bound."""
        return None if self.lower_eur is None else objective_marginal_eur(self.kpis[name]) - self.lower_eur


def words(text: str) -> list[str]:
    """What stands between commas."""
    return text.split(",")


def pairing(given: argparse.Namespace, seed: int, week: str, bounded: bool) -> Pairing:
    """Simulate one seed and week with the rules and with each kind of forecast."""
    common = [*given.overrides, f"seed={seed}"]
    kpis = {RULES: simulate(given.scenario, RULES, week, given.days, common)}
    for name in given.forecasts:
        error = 0.0 if name == PERFECT else given.model_error
        overrides = [*common, f"forecast={name}", f"model_error={error}"]
        kpis[name] = simulate(given.scenario, given.controller, week, given.days, overrides)
    lower = None
    if bounded:
        period = [f"period.start={week}", f"period.days={given.days}"]
        windows = lower_bound(load_scenario(given.scenario, [*period, *common]))
        lower = sum(window.lower_eur for window in windows)
    return Pairing(seed=seed, week=week, kpis=kpis, lower_eur=lower)


def of_one_seed(pairings: Sequence[Pairing]) -> list[Row]:
    """J of each kind of forecast in each week."""
    return [
        {"J [EUR]": name, **{each.week: figure(each.kpis[name], "objective_eur") for each in pairings}}
        for name in pairings[0].kpis
    ]


def over_all(pairings: Sequence[Pairing]) -> list[Row]:
    """What each kind of forecast gains, loses and regrets over seeds and weeks."""
    rows: list[Row] = []
    for name in pairings[0].kpis:
        gains = [each.gain_percent(name) for each in pairings]
        regrets = [regret for each in pairings if (regret := each.regret_eur(name)) is not None]
        rows.append(
            {
                "forecast": name,
                "runs": len(gains),
                "gain_percent": fmean(gains),
                "worst_percent": min(gains),
                "runs_won": sum(gain > 0.0 for gain in gains),
                "discomfort_kh": fmean(figure(each.kpis[name], "discomfort_kh") for each in pairings),
                "solve_failures": sum(int(figure(each.kpis[name], "solve_failures")) for each in pairings),
                "runs_bounded": len(regrets),
                "regret_eur": fmean(regrets) if regrets else None,
            }
        )
    return rows


def main() -> None:
    """Run and print."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--scenario", default="naples")
    options.add_argument("--controller", default="mpc")
    options.add_argument("--seeds", type=int, default=10, help="the scenario's own and the next ones")
    options.add_argument("--bound", type=int, default=0, metavar="N", help="of the first N seeds")
    options.add_argument("--forecasts", type=words, default=["perfect", "medium", "high"])
    options.add_argument("--model-error", type=float, default=0.1, help="default: %(default)s")
    options.add_argument("--weeks", type=words, default=list(WEEKS))
    options.add_argument("--days", type=int, default=7)
    options.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides")
    options.add_argument("--json", type=Path)
    given = options.parse_args()
    first = load_scenario(given.scenario, given.overrides).seed
    pairings: list[Pairing] = []
    for number in range(given.seeds):
        for week in given.weeks:
            pairings.append(pairing(given, first + number, week, number < given.bound))
            figures = {
                "scenario": given.scenario,
                "controller": given.controller,
                "days": given.days,
                "model_error": given.model_error,
                "set": given.overrides,
                "over_all": over_all(pairings),
                "runs": [asdict(each) for each in pairings],
            }
            write_json(given.json, figures)  # a long run that is stopped leaves what it has
    where = f"{given.scenario}, {given.days} days, {given.controller}, model error {given.model_error:g}"
    table(f"{where}: seed {first}", of_one_seed(pairings[: len(given.weeks)]))
    table(f"{where}: {given.seeds} seeds, means of a run", over_all(pairings))


if __name__ == "__main__":
    on_one_core()
    main()
