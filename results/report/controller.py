"""A report's controller: how decisions ended, how long they took, when something else decided."""

from collections import Counter
from typing import Any

import numpy as np
import pandas as pd

from recosim.readable import readable
from recosim.results.page import Plot, bars, figure
from recosim.results.run_file import Run

REASONS_SHOWN = 10


def controller_story(run: Run) -> dict[str, Any]:
    """Plot, table and sentence on a run's decisions; without a plot where nothing was recorded."""
    columns = run.controller()
    if not columns or not len(next(iter(columns.values()))):
        return {"words": "Its decisions were not recorded.", "plot": None, "table": None}
    n = len(next(iter(columns.values())))
    fallback = np.array([_text(v) for v in columns.get("fallback", [""] * n)])
    status = np.array([_text(v) for v in columns.get("status", [""] * n)])
    ms = np.asarray(columns.get("milliseconds", np.full(n, np.nan)), dtype=np.float64)
    known = ms[np.isfinite(ms)]
    n_fallback = int(np.count_nonzero(fallback != ""))
    words = f"{n:,} decisions, {f'{n_fallback:,}' if n_fallback else 'none'} of them left to a fallback."
    if known.size:
        words += (
            f" A decision took {readable(float(np.median(known)), 'ms')} ms (median), "
            f"the longest {readable(float(known.max()), 'ms')} ms."
        )
    if "gap" in status:
        words += (
            " Optimal is a plan that is proven to be the best; gap is one that keeps every limit and comes "
            "close, without a proof."
        )
    return {"words": words, "plot": _plot(run, ms, fallback), "table": _table(columns, status, fallback)}


def _text(value: Any) -> str:
    """A fallback's name; older controllers record only whether there was one."""
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else ""
    return value.decode() if isinstance(value, bytes) else str(value)


def _table(columns: dict[str, Any], status: np.ndarray, fallback: np.ndarray) -> dict[str, Any]:
    reason = [_text(v) for v in columns["reason"]] if "reason" in columns else [""] * len(status)
    counted = Counter(zip(status.tolist(), fallback.tolist(), reason, strict=True)).most_common()
    rows = [[one or "–", two or "–", why or "–", f"{count:,}"] for (one, two, why), count in counted]
    more = len(rows) - REASONS_SHOWN
    if more > 0:
        rest = sum(count for _, count in counted[REASONS_SHOWN:])
        rows = [*rows[:REASONS_SHOWN], [f"{more} other kinds", "", "", f"{rest:,}"]]
    return {
        "caption": "How the decisions ended",
        "heads": ["status", "fallback", "reason", "decisions"],
        "rows": rows,
        "texts": 3,
    }


def _plot(run: Run, ms: np.ndarray, fallback: np.ndarray) -> Plot | None:
    """Time per decision by day (or by decision, in a short run), and fallbacks."""
    n = min(len(ms), run.committed)
    if n == 0 or not np.isfinite(ms[:n]).any():
        return None
    days = run.grid_committed.local[:n].strftime("%Y-%m-%d")
    by_day = pd.DataFrame({"ms": ms[:n], "fallback": fallback[:n] != ""}).groupby(np.asarray(days))
    names = [str(day) for day in by_day.groups]
    median, longest = by_day["ms"].median(), by_day["ms"].max()
    fallbacks = by_day["fallback"].sum()
    traces: list[dict[str, Any]] = [
        _line("longest of the day", names, longest, 1, "dot"),
        _line("median of the day", names, median, 0, "solid"),
    ]
    if fallbacks.sum():
        counted = [float(v) for v in fallbacks]
        traces.append({**bars("fallbacks", names, counted, 3, ""), "yaxis": "y2", "opacity": 0.6})
    laid_out = figure(traces, "", "time of a decision [ms]")
    laid_out["layout"]["yaxis"].update(rangemode="tozero")
    laid_out["layout"]["hovermode"] = "x unified"
    if fallbacks.sum():
        laid_out["layout"]["yaxis2"] = {
            "title": {"text": "fallbacks in a day"},
            "overlaying": "y",
            "side": "right",
            "rangemode": "tozero",
            "showgrid": False,
            "automargin": True,
        }
    worst = str(longest.idxmax())
    return {
        "title": "Time of the decisions",
        "caption": "By day: the median and the longest, and how often a fallback decided.",
        "alt": f"Time of a decision by day: medians from {median.min():.3g} to {median.max():.3g} ms, the "
        f"longest {longest.max():.3g} ms on {worst}; {int(fallbacks.sum())} fallbacks.",
        "figure": laid_out,
    }


def _line(name: str, x: list[str], y: pd.Series, colour: int, dash: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines+markers" if len(x) < 60 else "lines",
        "name": name,
        "x": x,
        "y": [None if np.isnan(v) else float(v) for v in y],
        "line": {"dash": dash, "width": 2},
        "hovertemplate": "%{y:.3g} ms",
        "meta": {"colour": colour},
    }
