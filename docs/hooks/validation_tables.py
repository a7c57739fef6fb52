"""What ``recosim validate NAME --json docs/figures/NAME.json`` found, as tables and drawings."""

import json
from collections.abc import Mapping, Sequence
from html import escape
from itertools import groupby
from math import isfinite
from pathlib import Path
from typing import Any, TypeAlias

FIGURES = Path(__file__).resolve().parents[1] / "figures"
Row: TypeAlias = Mapping[str, Any]
DRAWN_LEAST = 2
WIDTH, LEFT, RIGHT, LINE, TOP = 720, 330, 90, 24, 26
MARGIN = 0.35
DIGITS = 4


def validated(name: str) -> str:
    """Drawing and table of one validation, its sources and notes."""
    found = json.loads((FIGURES / f"{name}.json").read_text(encoding="utf-8"))
    rows = found["rows"]
    green, red = (sum(row["ok"] is wanted for row in rows) for wanted in (True, False))
    parts = [f"**{green} green, {red} red.**"]
    drawn = [row for row in rows if _can_be_drawn(row)]
    if len(drawn) >= DRAWN_LEAST:
        parts.append(_drawing(drawn))
    parts += [_table(rows)]
    sources = dict.fromkeys(row["source"] for row in rows)
    parts.append("Sources: " + "; ".join(sources) + ".")
    parts += [f"* {note}" if number else f"Notes:\n\n* {note}" for number, note in enumerate(found["notes"])]
    return "\n\n".join(parts)


def _can_be_drawn(row: Row) -> bool:
    low, high = row["low"], row["high"]
    return row["ok"] is not None and low is not None and high is not None and _is_wide(low, high)


def _is_wide(low: float, high: float) -> bool:
    return high - low > 1e-3 * max(abs(low), abs(high))


def _drawing(rows: Sequence[Row]) -> str:
    """One line for each figure: the allowed range as a bar, all bars equally long, ours as a dot."""
    height = TOP + LINE * len(rows) + 8
    inner = WIDTH - LEFT - RIGHT
    at_low = LEFT + inner * MARGIN / (1 + 2 * MARGIN)
    at_high = WIDTH - RIGHT - inner * MARGIN / (1 + 2 * MARGIN)
    text = [
        f'<text x="{at_low:.0f}" y="14" text-anchor="middle" class="quiet">lowest allowed</text>',
        f'<text x="{at_high:.0f}" y="14" text-anchor="middle" class="quiet">highest</text>',
    ]
    for number, row in enumerate(rows):
        y = TOP + LINE * number + LINE / 2
        share = (row["value"] - row["low"]) / (row["high"] - row["low"])
        x = min(max(at_low + share * (at_high - at_low), LEFT), WIDTH - RIGHT)
        words = escape(f"{row['group']}, {row['what']}" if row["group"] else row["what"])
        state = "good" if row["ok"] else "bad"
        ours = escape(f"{_figure(row['value'])} {_unit(row)}")
        text.append(
            f'<text x="{LEFT - 12}" y="{y + 4:.0f}" text-anchor="end">{words}</text>'
            f'<line x1="{at_low:.1f}" x2="{at_high:.1f}" y1="{y:.1f}" y2="{y:.1f}" class="range"/>'
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" class="{state}"/>'
            f'<text x="{WIDTH - RIGHT + 10}" y="{y + 4:.0f}">{ours}</text>'
        )
    words = "The allowed range of each figure as a bar and ours as a dot; the table below has the numbers."
    return (
        f'<div class="ranges"><svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{words}">'
        f"{''.join(text)}</svg></div>"
    )


def _table(rows: Sequence[Row]) -> str:
    lines = ["| | ours | published | allowed | unit | |", "|---|---:|---:|---:|---|---|"]
    for group, members in groupby(rows, key=lambda row: row["group"]):
        if group:
            lines.append(f"| **{group}** | | | | | |")
        for row in members:
            verdict = {True: "green", False: "**red**", None: ""}[row["ok"]]
            allowed = "" if row["ok"] is None else _range(row["low"], row["high"])
            cells = [row["what"], _figure(row["value"]), row["published"], allowed, _unit(row), verdict]
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


def _range(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return f"to {_figure(high)}" if low is None else f"{_figure(low)} to"
    return f"{_figure(low)} to {_figure(high)}"


def _unit(row: Row) -> str:
    return "" if row["unit"] == "-" else str(row["unit"])


def _figure(value: float | None) -> str:
    if value is None or not isfinite(value):
        return "–"
    if abs(value) < 10.0**-DIGITS:
        return "0"
    return f"{value:,.0f}" if abs(value) >= 10**DIGITS else f"{value:.{DIGITS}g}"
