"""A run settled within equals `recosim settle` on the files that `recosim export` writes of it."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recosim.errors import ResultsError
from recosim.results.export.folder import export_run
from recosim.results.run_file import open_run
from recosim.results.settled import Settled
from recosim.results.settled_figures import figures
from recosim.scenarios.exports import write_readings
from recosim.scenarios.loader import load_scenario
from recosim.scenarios.runner import run_scenario
from recosim.scenarios.settle import settle_files

TO_THE_EUR = 1e-6
OCTOBER = ("--start=2025-10-26", "--days=1")
MARCH = ("--start=2025-03-29", "--days=2")


def settled_again(tmp_path: Path, name: str, *sets: str, controller: str = "rules") -> tuple[Path, Settled]:
    scenario = load_scenario(name, ["period.warmup_days=0", *sets])
    path = tmp_path / "run.h5"
    run_scenario(scenario, controller=controller, out=path)
    *files, notices = export_run(path, write_readings, tmp_path / "out")
    assert [file.name for file in files] == ["readings.csv", "community.yaml", "prices.csv"]
    assert "GME" in notices.read_text()
    return path, settle_files(*files)


def assert_equal(path: Path, settled: Settled) -> None:
    found = figures(settled)
    with open_run(path) as run:
        kpis, hourly, members = run.kpis, run.settlement("hourly"), run.settlement("members")
        attributes = run.settlement_attrs()
    pairs = {
        "premium_eur": kpis["premium_eur"],
        "valorisation_eur": kpis["valorisation_eur"],
        "sale_eur": kpis["revenue_sale_eur"],
        "fees_eur": kpis["fees_eur"],
        "bill_eur": kpis["bill_eur"],
        "premium_excess_eur": attributes["premium_excess_eur"],
        "energy_shared_kwh": kpis["energy_shared_kwh"],
        "energy_incentivised_kwh": kpis["energy_incentivised_kwh"],
        "energy_injected_kwh": kpis["energy_injected_kwh"],
        "energy_withdrawn_kwh": kpis["energy_withdrawn_kwh"],
    }
    for name, within in pairs.items():
        assert within is not None
        assert math.isclose(found[name], within, rel_tol=0.0, abs_tol=TO_THE_EUR), name
    np.testing.assert_array_equal(settled.settlement.times, hourly["time"])
    for name in ("premium_eur", "valorisation_eur", "sale_eur", "energy_incentivised_kwh"):
        again = getattr(settled.settlement, name)
        np.testing.assert_allclose(again, hourly[name], rtol=0.0, atol=TO_THE_EUR, err_msg=name)
    assert list(found["by_member"]) == list(members["pod"])
    shares = [member["premium_cents"] / 100.0 for member in found["by_member"].values()]
    np.testing.assert_allclose(shares, members["share_premium_eur"], rtol=0.0, atol=TO_THE_EUR)
    shares = [member["valorisation_cents"] / 100.0 for member in found["by_member"].values()]
    np.testing.assert_allclose(shares, members["share_valorisation_eur"], rtol=0.0, atol=TO_THE_EUR)
    for name in ("sale_eur", "bill_eur"):
        amounts = [member[name] for member in found["by_member"].values()]
        np.testing.assert_allclose(amounts, members[name], rtol=0.0, atol=TO_THE_EUR)


def test_naples_on_the_long_day_of_october(tmp_path: Path) -> None:
    path, settled = settled_again(tmp_path, "naples", *OCTOBER)
    assert len(settled.settlement.times) == 25
    assert settled.settlement.premium_total_eur > 0.0
    assert_equal(path, settled)
    readings = pd.read_csv(tmp_path / "out" / "readings.csv")
    assert len(readings) == 100
    assert readings.time.iloc[0] == "2025-10-26T00:00:00+02:00"
    assert readings.time.iloc[-1] == "2025-10-26T23:45:00+01:00"
    with pytest.raises(ResultsError, match="is not empty"):
        export_run(path, write_readings, tmp_path / "out")
    export_run(path, write_readings, tmp_path / "out", force=True)


@pytest.mark.parametrize(("step_minutes", "rows_per_hour"), [(5, 4), (30, 1), (60, 1)])
def test_runs_in_other_steps_are_written_by_the_step_of_meters(
    step_minutes: int, rows_per_hour: int, tmp_path: Path
) -> None:
    path, settled = settled_again(tmp_path, "naples-small", *OCTOBER, f"period.step_minutes={step_minutes}")
    assert settled.settlement.premium_total_eur > 0.0
    assert_equal(path, settled)
    assert len(pd.read_csv(tmp_path / "out" / "readings.csv")) == 25 * rows_per_hour


def test_naples_small_by_mpc_with_excess(tmp_path: Path) -> None:
    path, settled = settled_again(
        tmp_path, "naples-small", "--start=2025-07-14", "--days=1", controller="mpc"
    )
    assert settled.settlement.premium_excess_eur > 0.0
    assert_equal(path, settled)


@pytest.mark.slow
@pytest.mark.parametrize(
    "sets",
    [
        ("settlement.settlement_step=quarter", "settlement.configuration=CER"),
        ("settlement.regime=transitional", "settlement.allocation.key=shapley"),
        (
            "settlement.allocation={key: producers_consumers, fund_share: 0.1}",
            "settlement.minimum_price=true",
        ),
        ("community.size=14", "settlement.allocation.key=shapley", "seed=7"),
        ("community.plants[0].grant_percent=40", "community.plants[0].pod=own", "settlement.region=Lazio"),
        ("settlement.configuration=NONE", "tariff.kind=bands"),
        ("tariff.price_all_in_eur_per_kwh=0.25",),
    ],
)
def test_other_rules(sets: tuple[str, ...], tmp_path: Path) -> None:
    assert_equal(*settled_again(tmp_path, "naples", *MARCH, *sets))
