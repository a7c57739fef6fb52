"""Runs inside a running event loop, as in a notebook."""

import asyncio
from pathlib import Path

import pytest

from recosim.errors import ControllerError
from recosim.results.run_file import open_run
from recosim.scenarios.bound import bound_scenario
from recosim.scenarios.event_loops import beside_a_running_loop
from recosim.scenarios.loader import load_scenario
from recosim.scenarios.runner import run_scenario

SCENARIO = ("period.days=1", "period.warmup_days=0", "community.size=2")


def test_a_run_inside_a_running_loop_is_the_same(tmp_path: Path) -> None:
    scenario = load_scenario("naples-small", SCENARIO)

    async def cell() -> None:
        loop = asyncio.get_running_loop()
        run_scenario(scenario, controller="rules", out=tmp_path / "inside.h5")
        assert asyncio.get_running_loop() is loop
        await asyncio.sleep(0)  # the outer loop goes on

    asyncio.run(cell())
    run_scenario(scenario, controller="rules", out=tmp_path / "outside.h5")
    with open_run(tmp_path / "inside.h5") as inside, open_run(tmp_path / "outside.h5") as outside:
        for name, value in outside.kpis.items():
            assert name == "cpu_s" or name.startswith("solve_ms") or inside.kpis[name] == value, name


def test_a_bound_inside_a_running_loop_is_the_same() -> None:
    scenario = load_scenario("naples-small", ("period.days=1", "period.warmup_days=1", "community.size=2"))

    async def cell() -> float:
        return bound_scenario(scenario, upper=False).lower_eur

    assert asyncio.run(cell()) == bound_scenario(scenario, upper=False).lower_eur


def test_the_mark_is_put_back_after_an_error(tmp_path: Path) -> None:
    async def cell() -> None:
        with pytest.raises(ControllerError, match="nobody"):
            run_scenario(load_scenario("naples-small", SCENARIO), controller="nobody", out=tmp_path / "no.h5")
        assert asyncio.get_running_loop()

    asyncio.run(cell())


def test_without_a_loop_nothing_changes() -> None:
    with beside_a_running_loop():
        assert asyncio._get_running_loop() is None
    assert asyncio._get_running_loop() is None
