"""Simulate, compare, bound."""

import sys
from contextlib import nullcontext, redirect_stdout
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from recosim.commands.options import (
    Data,
    Days,
    Debug,
    Json,
    Overrides,
    ScenarioName,
    Seed,
    Start,
    run_options,
)
from recosim.errors import ControllerError, ForeignError, ResultsError
from recosim.terminal import (
    EXIT_INTERRUPTED,
    STANDARD_OUTPUT,
    Interrupted,
    check_json_target,
    guarded,
    interrupted_between_steps,
    progress_bar,
    user_code,
    warnings_shown,
    what_is_left,
    write_json,
)


@guarded
def run(
    scenario: ScenarioName,
    controller: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="An installed name, package.module:Class or path/to/file.py:Class."
        ),
    ] = None,
    foreign: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="YAML file of controllers and devices in other processes; see docs/foreign.md.",
        ),
    ] = None,
    sets: Overrides = None,
    data: Data = None,
    start: Start = None,
    days: Days = None,
    seed: Seed = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Result file; default in runs/.")] = None,
    force: Annotated[
        bool, typer.Option("--force", metavar="", help="Overwrite an existing result file.")
    ] = False,
    members: Annotated[
        bool, typer.Option("--members", metavar="", help="Print every member's bill by component.")
    ] = False,
    isolate: Annotated[
        bool,
        typer.Option(
            "--isolate",
            metavar="",
            help="Give the controller its own process, which is ended when it never decides.",
        ),
    ] = False,
    resume: Annotated[
        bool,
        typer.Option("--resume", metavar="", help="Go on with an interrupted run after its last whole day."),
    ] = False,
    without_faults: Annotated[
        bool,
        typer.Option(
            "--without-faults", metavar="", help="Leave the scenario's faults out, to see what they cost."
        ),
    ] = False,
    json_to: Json = None,
    debug: Debug = False,
) -> None:
    """Simulate a scenario, print its key figures and keep every series in a file."""
    check_json_target(json_to)
    quiet = json_to == STANDARD_OUTPUT
    from recosim.scenarios.loader import load_scenario

    overrides = [*(sets or []), *run_options(start, days, seed)]
    loaded = load_scenario(scenario, [*overrides, "faults=[]"] if without_faults else overrides, data or ())
    if controller is not None and not controller.strip():
        raise ControllerError("--controller is empty; `recosim list` shows the names that are installed")
    from recosim.results.atomic_file import InUseError
    from recosim.results.place import check_target
    from recosim.scenarios.runner import controller_of, default_path, run_scenario

    others = None
    if foreign is not None:
        from recosim.scenarios.foreign.file import load_foreign

        others = load_foreign(foreign)
    path = out or default_path(loaded, controller_of(loaded, controller, others)[0], others)
    if without_faults and out is None:
        from recosim.results.fault_costs import WITHOUT_FAULTS

        path = path.with_stem(f"{path.stem}{WITHOUT_FAULTS}")
    if resume and force:
        raise ResultsError("--resume goes on with a file, --force replaces it: give one of them")
    if resume and others is not None:
        raise ForeignError("--resume: foreign simulators keep their own state; start again with --force")
    if not resume:
        check_target(path, force)
    if others is not None:
        names = ", ".join(others.names)
        typer.echo(
            f"note: foreign simulators ({names}) keep their own state: no resuming of this run", err=True
        )
    begun = False
    try:
        with (
            # What a user's controller prints must not end up in the middle of the JSON.
            redirect_stdout(sys.stderr) if quiet else nullcontext(),
            user_code(),
            warnings_shown(path),
            progress_bar(loaded.name) as bar,
            # A foreign simulator may take its time over a step, and such a run cannot go on later anyway.
            interrupted_between_steps() if others is None else nullcontext(lambda: None) as after_step,
        ):

            def progress(done: int, n_steps: int, time: int) -> None:
                nonlocal begun
                begun = True
                after_step()
                if bar is not None:
                    bar(done, n_steps, time)

            result = run_scenario(
                loaded,
                controller=controller,
                foreign=others,
                out=path,
                force=force,
                resume=resume,
                isolate=isolate,
                progress=progress,
                tell=lambda note: typer.echo(f"note: {note}", err=True),
            )
    except ForeignError as error:
        raise ForeignError(f"{error}; {what_is_left(path, ended='the run ended')}") from error
    except InUseError:
        raise
    except ResultsError as error:
        if not begun:
            raise
        raise ResultsError(f"{error}; {what_is_left(path, sys.argv[1:], 'the run ended')}") from error
    except Interrupted:
        typer.echo(what_is_left(path, sys.argv[1:]), err=True)
        raise typer.Exit(EXIT_INTERRUPTED) from None
    if json_to is not None:
        write_json(
            json_to,
            {
                "scenario": result.scenario_name,
                "controller": result.controller,
                "file": str(result.path),
                "kpis": result.kpis,
                **result.accounts.as_json(),
            },
        )
    if not quiet:
        from recosim.commands.members import show_members
        from recosim.tables import kpi_table, show

        period = loaded.period
        days = f"{period.days} day{'' if period.days == 1 else 's'} from {period.date_start}"
        show(kpi_table(result.kpis, title=f"{result.scenario_name}, {result.controller}, {days}"))
        show_members(result.accounts, days, in_full=members)
        for note in result.notes:
            typer.echo(f"note: {note}")
        typer.echo(f"Results: {result.path}")


@guarded
def compare(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Result files; the first is the reference.")
    ],
    bound: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="What `recosim bound --json FILE` wrote: adds the regret."),
    ] = None,
    plot: Annotated[
        bool | None,
        typer.Option(
            "--plot/--no-plot",
            metavar="",
            help="Draw the mean day of each run below the table; left out: on a terminal, without --json.",
            show_default=False,
        ),
    ] = None,
    json_to: Json = None,
    debug: Debug = False,
) -> None:
    """Compare the key figures of runs with those of the first."""
    check_json_target(json_to)
    if plot and json_to == STANDARD_OUTPUT:
        raise ResultsError("--plot and --json - both want standard output: name a file for --json")
    from recosim.results.compare import compare as compare_files

    comparison = compare_files(files, bound)
    if json_to is not None:
        write_json(json_to, asdict(comparison))
    if json_to != STANDARD_OUTPUT:
        from recosim.tables import comparison_table, show

        show(comparison_table(comparison))
        for note in comparison.notes:
            typer.echo(f"note: {note}")
        if plot or (plot is None and json_to is None and sys.stdout.isatty()):
            from recosim.results.mean_day import mean_days
            from recosim.tables import show_mean_days

            show_mean_days(comparison, mean_days(files))


@guarded
def bound(
    scenario: ScenarioName,
    sets: Overrides = None,
    data: Data = None,
    start: Start = None,
    days: Days = None,
    seed: Seed = None,
    lower_only: Annotated[
        bool, typer.Option("--lower-only", metavar="", help="Leave out the run that shows what is reached.")
    ] = False,
    json_to: Json = None,
    debug: Debug = False,
) -> None:
    """Compute what no controller can do better than, and what the best one reaches.

    All by the marginal rates that a controller plans with: fixed parts of the bills, the excise exemption and
    fees are left out.
    """
    check_json_target(json_to)
    from recosim.scenarios.loader import load_scenario

    loaded = load_scenario(scenario, [*(sets or []), *run_options(start, days, seed)], data or ())
    from recosim.scenarios.bound import bound_scenario

    with progress_bar(loaded.name) as progress:
        found = bound_scenario(loaded, upper=not lower_only, progress=progress)
    if json_to is not None:
        write_json(json_to, asdict(found))
    if json_to != STANDARD_OUTPUT:
        from recosim.tables import bound_table, show

        show(bound_table(found))
        for note in found.notes:
            typer.echo(f"note: {note}")
