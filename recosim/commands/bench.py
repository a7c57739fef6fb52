"""Compare controllers over seeds and periods."""

import os
import sys
from pathlib import Path
from shutil import get_terminal_size
from typing import Annotated

import typer

from recosim.commands.options import Data, Debug, Overrides, ScenarioName
from recosim.terminal import EXIT_ERROR, count_bar, guarded, one_line, user_code

DEFAULT_WEEKS = "1,14,27,40"
WARNINGS_SHOWN = 10
WORKERS_MAX = 1000


@guarded
def bench(
    scenario: ScenarioName,
    controllers: Annotated[
        str,
        typer.Option(
            metavar="A,B,...",
            help="The first is the one the others are compared with. Installed names, package.module:Class "
            "or path/to/file.py:Class, with options in brackets: 'rules,mpc\\[horizon=uniform]'.",
        ),
    ],
    forecasts: Annotated[
        str | None, typer.Option(metavar="A,B", help="Kinds of forecast; default: the scenario's own.")
    ] = None,
    seeds: Annotated[
        int, typer.Option(metavar="N", help="Number of seeds, from the scenario's own on.")
    ] = 10,
    days: Annotated[
        int | None, typer.Option(metavar="N", help="One period of N days from the scenario's start.")
    ] = None,
    weeks: Annotated[
        str | None,
        typer.Option(
            metavar="N,N", help=f"Weeks of the year, 1 begins on 1 January; default {DEFAULT_WEEKS}."
        ),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(metavar="N", help="Runs at a time; default: one per core.")
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="A Dask scheduler to use instead, such as tcp://10.0.0.5:8786."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder for the results; default in runs/.")
    ] = None,
    bound: Annotated[
        bool, typer.Option("--bound/--no-bound", help="Compute lower bounds, for the regret.")
    ] = True,
    sets: Overrides = None,
    data: Data = None,
    debug: Debug = False,
) -> None:
    """Compare controllers: each with every forecast, in every seed and period, and a leaderboard of all.

    Give the same command again to go on after an interruption: runs that are finished are not repeated.
    """
    from recosim.errors import BenchError

    if days is not None and weeks is not None:
        raise BenchError("--days and --weeks: give one of them")
    if workers is not None and scheduler is not None:
        raise BenchError("--workers and --scheduler: give one of them; the cluster has its own workers")
    if workers is not None and not 1 <= workers <= WORKERS_MAX:
        raise BenchError(f"--workers {workers}, allowed: 1 to {WORKERS_MAX}")
    from recosim.scenarios.loader import load_scenario

    loaded = load_scenario(scenario, sets or [], data or ())
    from recosim.scenarios.bench.controllers import contestants
    from recosim.scenarios.bench.plan import forecasts_of, pairs_of, weeks_of
    from recosim.scenarios.bench.run import Plan, run_bench

    plan = Plan(
        load=lambda seed: load_scenario(scenario, [*(sets or []), f"--seed={seed}"], data or ()),
        contestants=contestants(controllers, loaded.controller),
        forecasts=forecasts_of(forecasts) if forecasts is not None else (loaded.forecast,),
        pairs=pairs_of(loaded, seeds, weeks_of(DEFAULT_WEEKS if weeks is None else weeks), days),
        bound=bound,
    )
    folder = out or Path("runs") / f"bench-{loaded.name}"
    with user_code(), count_bar(loaded.name) as progress:
        result = run_bench(
            plan, folder, workers=workers or os.cpu_count() or 1, scheduler=scheduler, progress=progress
        )
    shown = result.warnings[:WARNINGS_SHOWN]
    for text in shown:
        typer.echo(f"warning: {text}", err=True)
    if len(result.warnings) > len(shown):
        typer.echo(f"warning: and {len(result.warnings) - len(shown)} more", err=True)
    if result.board is not None:
        from recosim.leaderboard_tables import leaderboard_tables
        from recosim.tables import FULL_WIDTH, show

        width = get_terminal_size().columns if sys.stdout.isatty() else FULL_WIDTH
        for table in result.board.tables:
            for part in leaderboard_tables(result.board, table, width):
                show(part)
        for note in result.board.notes:
            typer.echo(f"note: {note}")
        typer.echo(f"{result.n_made} made, {result.n_kept} found finished")
        typer.echo(f"Results: {', '.join(str(file) for file in result.files)}")
    for name, error in result.failures.items():
        typer.echo(f"error: {name}: {one_line(Exception(error))}", err=True)
    if result.failures:
        raise typer.Exit(EXIT_ERROR)
