"""A leaderboard as CSV and JSON."""

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from recosim.results.leaderboard.ranking import Difference, ForecastTable, Leaderboard, Measured, Standing
from recosim.results.statistics import Estimate

RUN_KPIS = (
    "objective_eur",
    "cost_net_eur",
    "bill_eur",
    "cost_comfort_eur",
    "cost_wear_eur",
    "value_stored_change_eur",
    "energy_shared_kwh",
    "discomfort_kh",
    "peak_withdrawal_kw",
    "battery_cycles",
)


def leaderboard_csv(board: Leaderboard) -> str:
    """One line per kind of forecast and controller; what does not apply is left empty."""
    rows = [_flat(table, each) for table in board.tables for each in table.standings]
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _flat(table: ForecastTable, each: Standing) -> dict[str, Any]:
    return {
        "forecast": table.forecast,
        "rank": each.rank,
        "controller": each.controller,
        "n_pairs": table.n_pairs,
        **_estimate("objective", each.objective_eur),
        **_estimate("cost_net", each.cost_net_eur),
        **_difference("objective", each.objective_to_first),
        **_difference("cost_net", each.cost_net_to_first),
        **_estimate("regret", each.regret_eur),
        "regret_share": each.regret_share,
        "discomfort_kh": each.discomfort_kh,
        "discomfort_share_of_occupied_hours": each.discomfort_share,
        "peak_withdrawal_kw": each.peak_withdrawal_kw,
        "battery_cycles": each.battery_cycles,
        "steps_local_rules": each.steps_local_rules,
        "ms_per_decision": each.ms_per_decision,
    }


def _estimate(name: str, found: Estimate | None) -> dict[str, Any]:
    values = (None, None, None) if found is None else (found.mean, found.low, found.high)
    return dict(zip((f"{name}_eur", f"{name}_low_eur", f"{name}_high_eur"), values, strict=True))


def _difference(name: str, found: Difference | None) -> dict[str, Any]:
    return {
        **_estimate(f"{name}_to_first", None if found is None else found.eur),
        f"{name}_to_first_percent_of_bills": None if found is None else found.percent_of_bills,
        f"{name}_p_value": None if found is None else found.p_value,
        f"{name}_p_value_holm": None if found is None else found.p_value_holm,
        f"{name}_pairs_lower": None if found is None else found.n_lower,
    }


def leaderboard_json(board: Leaderboard) -> str:
    """Everything, with the figures of every run that counts."""
    content = {
        "scenario": board.scenario,
        "periods": list(board.periods),
        "seeds": list(board.seeds),
        "leaderboards": [_table(table) for table in board.tables],
        "notes": list(board.notes),
        "failures": dict(board.failures),
    }
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


def _table(table: ForecastTable) -> dict[str, Any]:
    return {
        "forecast": table.forecast,
        "first": table.first,
        "reference": table.reference,
        "n_pairs": table.n_pairs,
        "standings": [asdict(each) for each in table.standings],
        "power_net_mean_day_kw": {name: list(day) for name, day in table.power_net_kw.items()},
        "member_to_first_eur": {name: dict(pods) for name, pods in table.member_to_first_eur.items()},
        "runs": [_run(each) for each in table.runs],
    }


def _run(each: Measured) -> Mapping[str, Any]:
    return {
        "file": each.run.path.name,
        "controller": each.controller,
        "seed": each.seed,
        "period": each.period,
        **{name: each.run.kpis.get(name) for name in RUN_KPIS},
        "lower_bound_eur": each.lower_eur,
        "regret_eur": each.regret_eur,
        "hours_occupied": each.run.hours_occupied,
        "hours_discomfort": each.run.hours_discomfort,
        "ms_per_decision": each.run.ms_per_decision,
    }


def write_text(path: Path, text: str) -> None:
    """Write a file that appears when it is whole."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
