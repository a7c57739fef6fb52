"""Plots of characters, and when recosim compare draws one."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from recosim.plots import COLOURS, LINES_AT_MOST, MARKERS, ROWS, SEVERAL, day_plot, fine
from recosim.results.mean_day import mean_day_kw
from recosim.results.run_file import RunMeta, open_run
from recosim.results.store import RunWriter
from recosim.timegrid import TimeGrid

RAMP = np.arange(24.0) - 6.0


def rows_of(text: str) -> list[str]:
    return text.split("\n")[1 : 1 + ROWS]


def test_a_ramp_climbs_from_the_lowest_label_to_the_highest() -> None:
    text = day_plot("A day", {"ramp": RAMP}, 80, in_braille=False).plain
    assert text.startswith("A day\n")
    rows = rows_of(text)
    assert rows[0].split("+")[0].strip() == "17.0"
    assert rows[-1].split("+")[0].strip() == "-6.0"
    assert sum("0.0+" in row for row in rows) >= 1
    firsts = [row.index("*") for row in rows if "*" in row]
    assert firsts == sorted(firsts, reverse=True)
    assert rows[0].rstrip().endswith("*")
    assert rows[-1][10] == "*"
    assert text.isascii()
    assert text.splitlines()[-1].split() == ["*", "ramp"]
    assert "24 h" in text


@pytest.mark.parametrize("width", [10, 40, 80, 120, 300])
@pytest.mark.parametrize("in_braille", [False, True])
def test_no_row_is_wider_than_the_terminal(width: int, in_braille: bool) -> None:
    lines = {f"a controller with a long name {i}": RAMP * i for i in range(1, 4)}
    text = day_plot("t", lines, width, in_braille=in_braille).plain
    assert max(len(row) for row in text.splitlines()) <= max(40, min(width, 100)) + 2


def test_lines_that_cross_are_told_apart() -> None:
    text = day_plot("t", {"up": RAMP, "same": RAMP, "flat": np.zeros(24)}, 80, in_braille=False).plain
    body = "".join(rows_of(text))
    assert SEVERAL in body
    assert MARKERS[2] in body
    assert "*" not in body, "both lines lie on each other"
    assert text.splitlines()[-1].split() == ["*", "up", "o", "same", "+", "flat", "#", "several"]


def test_braille_is_in_the_colours_of_the_legend() -> None:
    text = day_plot("t", {"one": RAMP, "two": RAMP + 9.0}, 80, in_braille=True)
    assert any(0x2800 < ord(character) < 0x2900 for character in text.plain)
    styles = {str(span.style) for span in text.spans}
    assert set(COLOURS[:2]) <= styles
    assert COLOURS[2] not in styles


def test_hours_without_a_value_are_left_blank() -> None:
    day = np.where(np.arange(24) < 12, 1.0, np.nan)
    text = day_plot("t", {"morning": day}, 80, in_braille=False).plain
    top = rows_of(text)[0]
    assert top.rstrip().endswith("*")
    assert 40 < len(top.rstrip()) < 50


@pytest.mark.parametrize("day", [np.zeros(24), np.full(24, 3.0), np.full(24, -2.0)])
def test_flat_days_are_drawn(day: np.ndarray) -> None:
    for in_braille in (False, True):
        assert len(rows_of(day_plot("t", {"flat": day}, 80, in_braille=in_braille).plain)) == ROWS


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(ValueError, match="no line has a number"):
        day_plot("t", {"none": np.full(24, np.nan)}, 80, in_braille=False)
    with pytest.raises(ValueError, match="allowed: 1 to"):
        day_plot("t", {}, 80, in_braille=False)
    with pytest.raises(ValueError, match="allowed: 1 to"):
        day_plot("t", {str(i): RAMP for i in range(LINES_AT_MOST + 1)}, 80, in_braille=False)


def test_braille_needs_colours() -> None:
    assert not fine(Console(color_system=None))


def run_of(path: Path, controller: str, *, step_s: int = 900, start: str = "2025-10-26") -> Path:
    """A day of 25 hours; each hour two members withdraw its number of kW and one injects 3 kW."""
    grid = TimeGrid.from_local_date(start, 1, step_s=step_s)
    names = ("a", "b")
    series = {"meter": dict.fromkeys(("energy_withdrawn_kwh", "energy_injected_kwh"), names)}
    hour = np.floor(grid.hour_of_day_local)[:, None] * grid.step_h
    injected = np.tile([[3.0 * grid.step_h, 0.0]], (grid.n_steps, 1))
    block = {"meter": {"energy_withdrawn_kwh": np.tile(hour, (1, 2)), "energy_injected_kwh": injected}}
    meta = RunMeta(name="x", scenario_yaml="name: x", controller=controller, seed=1)
    with RunWriter(path, meta=meta, grid=grid, series=series) as writer:
        writer.append(block, grid.n_steps)
        writer.finish({"bill_eur": 1.0})
    return path


@pytest.mark.parametrize("step_s", [300, 900, 3600])
@pytest.mark.parametrize("start", ["2025-10-26", "2025-03-30", "2025-07-01"])
def test_the_mean_day_is_by_local_hour(step_s: int, start: str, tmp_path: Path) -> None:
    path = run_of(tmp_path / "run.h5", "rules", step_s=step_s, start=start)
    with open_run(path) as run:
        day = mean_day_kw(run)
    expected = 2.0 * np.arange(24) - 3.0
    if start == "2025-03-30":  # has no 2 o'clock
        assert np.isnan(day[2])
        expected[2] = np.nan
    np.testing.assert_allclose(day, expected)


def test_of_many_runs_the_first_are_drawn(
    tmp_path: Path, recosim: Callable[..., tuple[int, str, str]]
) -> None:
    files = [str(run_of(tmp_path / f"run-{i}.h5", "rules")) for i in range(LINES_AT_MOST + 2)]
    code, out, err = recosim("compare", *files, "--plot")
    assert (code, err) == (0, "")
    legend = " ".join(out.split("24 h")[1].split())
    assert "the first 6 runs" in out
    assert "* run-0 o run-1" in legend
    assert "run-6" not in legend


def test_when_compare_draws(
    tmp_path: Path, recosim: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [str(run_of(tmp_path / f"{name}.h5", name)) for name in ("rules", "mpc")]
    title = "Mean day: withdrawn less injected"
    assert title not in recosim("compare", *files)[1]
    code, out, _ = recosim("compare", *files, "--plot")
    assert code == 0
    assert title in out
    assert "* rules  o mpc  # several" in out
    assert "-3.0" in out
    assert "43.0" in out
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert title in recosim("compare", *files)[1]
    assert title not in recosim("compare", *files, "--no-plot")[1]
    assert title not in recosim("compare", *files, "--json", "out.json")[1]
    assert recosim("compare", *files, "--json", "-")[1].startswith("{")
    code, out, err = recosim("compare", *files, "--json", "-", "--plot")
    assert (code, out) == (2, "")
    assert "both want standard output" in err
