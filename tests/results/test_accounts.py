"""What a run tells of its members: the file, the JSON, the tables; every sum is the community's."""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import h5py
import pytest
from rich.console import Console
from rich.table import Table

from recosim.commands.members import bills_table, members_table, show_members
from recosim.errors import ResultsError
from recosim.results.accounts import BILL_COMPONENTS, CommunityAccounts, read_accounts
from recosim.results.run_file import open_run
from recosim.scenarios.loader import load_scenario
from recosim.scenarios.runner import RunResult, run_scenario

ACROSS_MONTHS = ("period.start=2025-03-30", "period.days=3", "period.warmup_days=0")
Run = Callable[..., RunResult]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    @cache
    def running(*overrides: str) -> RunResult:
        out = tmp_path_factory.mktemp("runs") / "run.h5"
        return run_scenario(load_scenario("naples-small", [*ACROSS_MONTHS, *overrides]), out=out)

    return running


FUND = ("settlement.allocation.fund_share=0.1", "settlement.allocation.key=shapley")


@pytest.mark.parametrize("overrides", [(), FUND, ("settlement.configuration=NONE",)])
def test_the_members_and_the_fund_are_the_community(run: Run, overrides: tuple[str, ...]) -> None:
    result = run(*overrides)
    accounts, kpis = result.accounts, result.kpis
    members = accounts.members.values()
    net = sum(member.net_eur for member in members) - sum(accounts.fund.values())
    assert net == pytest.approx(kpis["cost_net_eur"], abs=1e-9)
    for kpi, found in {
        "bill_eur": [member.bill["total_eur"] for member in members],
        "fees_eur": [member.fees_eur for member in members],
        "revenue_sale_eur": [member.sale_eur for member in members],
        "energy_withdrawn_kwh": [member.energy_withdrawn_kwh for member in members],
        "energy_injected_kwh": [member.energy_injected_kwh for member in members],
    }.items():
        assert sum(found) == pytest.approx(kpis[kpi], abs=1e-9), kpi
    premium = sum(member.premium_eur + member.excess_eur for member in members)
    assert premium + accounts.fund["premium_eur"] == pytest.approx(kpis["premium_eur"], abs=1e-9)
    for member in members:
        assert sum(member.bill[part] for part in BILL_COMPONENTS) == pytest.approx(member.bill["total_eur"])
        assert member.gain_eur == pytest.approx(member.net_alone_eur - member.net_eur, abs=1e-12)
    assert (sum(accounts.fund.values()) > 0.1) == (overrides == FUND)


def test_the_roof_belongs_to_the_common_services(run: Run) -> None:
    accounts = run().accounts
    common = accounts.members["common"]
    assert common.sale_eur == pytest.approx(run().kpis["revenue_sale_eur"])
    assert common.excess_eur == 0.0  # no natural person
    assert common.fees_eur > common.fees_alone_eur > 0.0
    for name, flat in accounts.members.items():
        if name != "common":
            assert flat.gain_eur == pytest.approx(flat.shared_eur)
            assert min(flat.premium_eur, flat.excess_eur, flat.valorisation_eur) > 0.0


def test_alone_is_the_run_without_a_configuration(run: Run) -> None:
    """Under the rules nobody behaves otherwise, so that run must say what `alone` says."""
    alone = run("settlement.configuration=NONE").accounts.members
    for name, member in run().accounts.members.items():
        assert member.net_alone_eur == pytest.approx(alone[name].net_eur, abs=1e-9), name


def test_months_add_up_to_the_run(run: Run) -> None:
    accounts, kpis = run().accounts, run().kpis
    assert list(accounts.months) == ["2025-03", "2025-04"]
    for name, kpi in (
        ("bill_eur", "bill_eur"),
        ("sale_eur", "revenue_sale_eur"),
        ("premium_eur", "premium_eur"),
        ("valorisation_eur", "valorisation_eur"),
        ("unmodelled_eur", "unmodelled_eur"),
    ):
        months = [month[name] for month in accounts.months.values()]
        assert sum(months) == pytest.approx(kpis[kpi], abs=1e-9), name
        assert abs(months[0]) > abs(months[1]) > 0.0, name  # two days, one day


def test_the_file_keeps_the_accounts(run: Run) -> None:
    with open_run(run().path) as file:
        assert read_accounts(file) == run().accounts
    told = json.loads(json.dumps(run().accounts.as_json()))
    assert set(told) == {"members", "fund", "months"}
    assert (
        told["members"]["flat-01"]["bill"]["excise_eur"]
        == run().accounts.members["flat-01"].bill["excise_eur"]
    )


def test_a_file_of_an_earlier_version_is_refused(run: Run, tmp_path: Path) -> None:
    old = tmp_path / "old.h5"
    old.write_bytes(run().path.read_bytes())
    with h5py.File(old, "a") as file:
        del file["settlement/members/net_eur"]
    with open_run(old) as file, pytest.raises(ResultsError, match="no accounts of its members.*run again"):
        read_accounts(file)


def lines_of(table: Table) -> dict[str, list[str]]:
    console = Console(width=200)
    with console.capture() as capture:
        console.print(table)
    rows = [line.split() for line in capture.get().splitlines() if line.strip()]
    return {row[0]: row[1:] for row in rows}


def test_table_of_members(run: Run) -> None:
    result = run(*FUND)
    lines = lines_of(members_table(result.accounts, "3 days"))
    assert lines["flat-04"][-3:] == [
        f"{result.accounts.members['flat-04'].net_eur:.2f}",
        f"{result.accounts.members['flat-04'].net_alone_eur:.2f}",
        f"{result.accounts.members['flat-04'].gain_eur:.2f}",
    ]
    assert lines["all"][-3] == f"{result.kpis['cost_net_eur']:.2f}"
    assert lines["fund"][-3] == f"{-sum(result.accounts.fund.values()):.2f}"
    bills = lines_of(bills_table(result.accounts, "3 days"))
    assert bills["all"][-1] == f"{result.kpis['bill_eur']:.2f}"
    assert len(bills["flat-01"]) == len(BILL_COMPONENTS) + 1


def test_many_members_are_printed_on_request(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    accounts = run().accounts
    one = next(iter(accounts.members.values()))
    poor = replace(one, gain_eur=-3.21)
    many = CommunityAccounts(
        members={f"flat-{i:03d}": poor if i == 7 else one for i in range(21)}, fund={}, months={}
    )
    show_members(many, "3 days", in_full=False)
    text = capsys.readouterr().out
    assert f"21 members, whose gains from the community are -3.21 to {one.gain_eur:.2f} EUR" in text
    assert "flat-007" not in text
    show_members(many, "3 days", in_full=True)
    text = capsys.readouterr().out
    assert text.count("flat-007") == 2  # in both tables
    show_members(accounts, "3 days", in_full=False)
    assert capsys.readouterr().out.count("flat-07") == 1
