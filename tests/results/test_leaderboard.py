import csv
import json
import re
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from recosim.results.bench_files import BenchRun
from recosim.results.leaderboard.cells import columns
from recosim.results.leaderboard.files import leaderboard_csv, leaderboard_json
from recosim.results.leaderboard.page import leaderboard_page
from recosim.results.leaderboard.ranking import Leaderboard, Measured, leaderboard
from recosim.results.statistics import paired_p_value

J = {"rules": (100.0, 60.0, 80.0), "mpc": (95.0, 54.0, 77.0), "idle": (101.0, 59.0, 82.0)}


def measured(
    controller: str,
    seed: int,
    objective_eur: float,
    *,
    hours_discomfort: float = 1.0,
    steps_local_rules: int = 0,
    lower_eur: float | None = 50.0,
    discomfort_kh: float | None = 2.0,
    members: Mapping[str, float] | None = None,
) -> Measured:
    run = BenchRun(
        path=Path(f"{controller}-{seed}.h5"),
        kpis={
            "objective_eur": objective_eur,
            "cost_net_eur": objective_eur - 1.0,
            "bill_eur": 200.0,
            "unmodelled_eur": 0.0,
            "fees_eur": 0.0,
            "discomfort_kh": discomfort_kh,
            "peak_withdrawal_kw": 10.0,
            "battery_cycles": None,
        },
        hours_occupied=100.0,
        hours_discomfort=hours_discomfort,
        ms_per_decision=1.5,
        steps_local_rules=steps_local_rules,
        power_net_kw=np.linspace(-1.0, 3.0, 96),
        cost_member_eur=members or {"flat": objective_eur / 2.0},
    )
    return Measured(
        controller=controller, forecast="perfect", seed=seed, period="2025-w01", run=run, lower_eur=lower_eur
    )


def all_measured() -> list[Measured]:
    return [measured(name, seed, value) for name, values in J.items() for seed, value in enumerate(values)]


@pytest.fixture
def board() -> Leaderboard:
    return leaderboard("naples", list(J), all_measured())


def test_lowest_objective_stands_first(board: Leaderboard) -> None:
    (table,) = board.tables
    assert [each.controller for each in table.standings] == ["mpc", "rules", "idle"]
    assert [each.rank for each in table.standings] == [1, 2, 3]
    assert table.standings[0].objective_eur.mean == pytest.approx(226.0 / 3.0)
    assert table.n_pairs == 3


def test_differences_are_paired_with_the_first(board: Leaderboard) -> None:
    by_name = {each.controller: each for each in board.tables[0].standings}
    assert by_name["rules"].objective_to_first is None
    mpc, idle = (by_name[name].objective_to_first for name in ("mpc", "idle"))
    assert mpc is not None
    assert idle is not None
    assert mpc.eur.mean == pytest.approx(-14.0 / 3.0)
    assert mpc.percent_of_bills == pytest.approx(100.0 * -14.0 / 3.0 / 200.0)
    assert mpc.n_lower == 3
    p_mpc, p_idle = paired_p_value([-5.0, -6.0, -3.0]), paired_p_value([1.0, -1.0, 2.0])
    assert p_mpc is not None
    assert p_idle is not None
    assert p_mpc < p_idle
    assert (mpc.p_value, idle.p_value) == pytest.approx((p_mpc, p_idle))
    assert (mpc.p_value_holm, idle.p_value_holm) == pytest.approx((2.0 * p_mpc, p_idle))


def test_regret_is_a_share_of_that_of_rules_wherever_rules_stands() -> None:
    board = leaderboard("naples", ["mpc", "rules", "idle"], all_measured())
    by_name = {each.controller: each for each in board.tables[0].standings}
    assert (board.first, board.reference) == ("mpc", "rules")
    assert by_name["mpc"].regret_eur is not None
    assert by_name["mpc"].regret_eur.mean == pytest.approx((45.0 + 4.0 + 27.0) / 3.0)
    assert by_name["mpc"].regret_share == pytest.approx(76.0 / 90.0)
    assert by_name["rules"].regret_share == 1.0


def test_no_share_where_rules_are_at_the_bound() -> None:
    runs = [measured("rules", 0, 51.0), measured("mpc", 0, 50.5)]
    by_name = {each.controller: each for each in leaderboard("n", ["rules", "mpc"], runs).tables[0].standings}
    assert by_name["mpc"].regret_share is None  # 1 EUR of 200 EUR of bills
    assert by_name["mpc"].regret_eur is not None


def test_one_pair_gives_no_interval_and_no_p_value() -> None:
    runs = [measured("rules", 0, 60.0), measured("mpc", 0, 55.0)]
    board = leaderboard("n", ["rules", "mpc"], runs)
    mpc = board.tables[0].standings[0]
    assert mpc.objective_eur.low is None
    assert mpc.objective_to_first is not None
    assert mpc.objective_to_first.p_value_holm is None
    assert "±" not in "".join(cell for column in columns(board.tables[0]) for cell in column.cells)


def test_few_seeds_are_warned_of() -> None:
    assert "3 seeds" in leaderboard("n", list(J), all_measured()).notes[0]
    ten = [measured("rules", seed, 60.0 + seed) for seed in range(10)]
    assert not leaderboard("n", ["rules"], ten).notes


@pytest.mark.parametrize(("hours", "warned"), [(5.9, False), (6.1, True)])
def test_other_comfort_is_warned_of(hours: float, warned: bool) -> None:
    runs = [measured("rules", 0, 60.0), measured("mpc", 0, 55.0, hours_discomfort=hours)]
    notes = leaderboard("n", ["rules", "mpc"], runs).notes
    assert any("comfort band" in note for note in notes) == warned


def test_steps_of_local_rules_are_told() -> None:
    runs = [measured("rules", 0, 60.0), measured("mpc", 0, 55.0, steps_local_rules=7)]
    assert any("mpc failed in 7 steps" in note for note in leaderboard("n", ["rules", "mpc"], runs).notes)


def test_below_the_bound_is_told() -> None:
    runs = [measured("rules", 0, 60.0), measured("idle", 0, 49.0)]
    notes = leaderboard("n", ["rules", "idle"], runs).notes
    assert any("idle-0.h5 is 1.00 EUR below the bound" in note for note in notes)


def test_who_failed_somewhere_has_no_rank_and_harms_nobody() -> None:
    runs = [each for each in all_measured() if (each.controller, each.seed) != ("mpc", 2)]
    board = leaderboard("n", list(J), runs, failures={"mpc-2": "raised"})
    assert [each.controller for each in board.tables[0].standings] == ["rules", "idle"]
    assert board.tables[0].n_pairs == 3
    assert any("mpc has no rank" in note for note in board.notes)


def test_where_the_first_failed_nobody_is_compared() -> None:
    runs = [each for each in all_measured() if (each.controller, each.seed) != ("rules", 1)]
    board = leaderboard("n", list(J), runs)
    assert board.tables[0].n_pairs == 2
    assert any("rules failed in them: 1" in note for note in board.notes)
    without = leaderboard("n", list(J), [each for each in runs if each.controller != "rules"])
    assert without.first == "mpc"
    assert any("no run of rules finished; differences are to mpc" in note for note in without.notes)


def test_order_of_the_runs_changes_nothing() -> None:
    ordered = leaderboard("n", list(J), all_measured())
    names = [each.controller for each in ordered.tables[0].standings]
    turned = leaderboard("n", list(J), all_measured()[::-1])
    assert [each.controller for each in turned.tables[0].standings] == names


def test_csv(board: Leaderboard) -> None:
    rows = list(csv.DictReader(leaderboard_csv(board).splitlines()))
    assert [row["controller"] for row in rows] == ["mpc", "rules", "idle"]
    assert float(rows[0]["objective_to_first_eur"]) == pytest.approx(-14.0 / 3.0)
    assert rows[1]["objective_to_first_eur"] == ""


def test_json(board: Leaderboard) -> None:
    content = json.loads(leaderboard_json(board))
    table = content["leaderboards"][0]
    assert table["standings"][0]["controller"] == "mpc"
    assert len(table["runs"]) == 9
    assert table["member_to_first_eur"]["mpc"]["flat"] == pytest.approx(-7.0 / 3.0)


class _Page(HTMLParser):
    """Collects the attributes of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.attributes: list[tuple[str, str, str | None]] = []
        self.rows = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.rows += tag == "tr"
        self.attributes += [(tag, name, value) for name, value in attrs]


def test_page_asks_nobody_for_anything(board: Leaderboard) -> None:
    text = leaderboard_page(board)
    page = _Page(text)
    asking = [item for item in page.attributes if item[1] in ("src", "href", "srcset", "action")]
    assert not asking
    assert any(item[0] == "meta" and "default-src 'none'" in (item[2] or "") for item in page.attributes)
    assert "@import" not in text.partition("<script>")[0]
    assert page.rows == 1 + 3
    assert leaderboard_page(board) == text


def test_every_plot_is_told_in_words_and_is_one_plotly_knows(board: Leaderboard) -> None:
    from plotly.graph_objects import Figure

    text = leaderboard_page(board)
    page = _Page(text)
    told = {value for tag, name, value in page.attributes if name == "aria-label" and tag == "div"}
    assert any("mpc 74.33 EUR and 2.00 K h" in (words or "") for words in told)
    found = re.search(r"const plots = (\{.*\});", text)
    assert found is not None
    plots = json.loads(found[1])
    assert set(plots) == {"cost-1", "day-1", "members-1"}
    for plot in plots.values():
        Figure(plot)  # refuses what it does not know


def test_names_cannot_break_the_page() -> None:
    nasty = "</script><b>&"
    runs = [measured("rules", 0, 60.0), measured(nasty, 0, 55.0, members={"flat": 1.0, nasty: 2.0})]
    page = leaderboard_page(leaderboard(nasty, ["rules", nasty], runs))
    assert nasty not in page


def test_community_without_dwellings_has_no_plot_of_discomfort() -> None:
    runs = [measured(name, 0, 60.0, discomfort_kh=None) for name in ("rules", "mpc")]
    page = leaderboard_page(leaderboard("n", ["rules", "mpc"], runs))
    assert "Cost against discomfort" not in page
    assert "Mean day of the community" in page


def test_narrow_screens_get_two_tables_with_the_same_columns(board: Leaderboard) -> None:
    from recosim.leaderboard_tables import leaderboard_tables

    (wide,) = leaderboard_tables(board, board.tables[0], 200)
    money, rest = leaderboard_tables(board, board.tables[0], 80)
    heads = [str(column.header) for column in wide.columns]
    assert [str(c.header) for c in (*money.columns, *rest.columns[1:])] == heads
    assert [part.row_count for part in (wide, money, rest)] == [3, 3, 3]
    assert str(rest.columns[1].header).startswith("peak")


def test_brackets_of_options_are_shown() -> None:
    from io import StringIO

    from rich.console import Console

    from recosim.leaderboard_tables import leaderboard_tables

    name = "mpc[horizon=uniform]"
    board = leaderboard("n", [name, "rules"], [measured("rules", 0, 60.0), measured(name, 0, 55.0)])
    console = Console(file=StringIO(), width=200)
    for table in leaderboard_tables(board, board.tables[0], 200):
        console.print(table)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert text.count(name) == 2  # its line, and the head of the differences


@pytest.mark.slow
def test_the_page_draws_in_a_browser(chromium, board: Leaderboard, tmp_path: Path) -> None:
    path = tmp_path / "leaderboard.html"
    path.write_text(leaderboard_page(board), encoding="utf-8")
    chromium.problems.clear()
    chromium.look()
    chromium.open(path, "document.querySelectorAll('.plot .main-svg').length > 0")
    marks = (
        "[...document.querySelectorAll('.plot')].map((p) => p.querySelectorAll('.point, .trace path').length)"
    )
    assert [count > 0 for count in chromium.run(marks)] == [True, True, True]
    assert chromium.problems == []
