"""Runs a scenario: from the YAML to a result file and its key figures."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from recosim.arrays import FloatArray
from recosim.contracts import Controller
from recosim.controllers.faulty_view import InterruptedForecasts
from recosim.controllers.forecasts import make_forecasts
from recosim.controllers.host import LOCAL_RULES, DecisionLog, ForecastProvider
from recosim.controllers.isolated import opened_controller
from recosim.controllers.model_error import MisinformedController, perturbed
from recosim.controllers.registry import code_of, make_controller
from recosim.controllers.remembering import can_resume
from recosim.errors import ScenarioError
from recosim.results.accounts import CommunityAccounts, read_accounts, write_accounts
from recosim.results.checkpoint import Checkpoint
from recosim.results.kpis import Money, Running, compute_kpis
from recosim.results.run_file import Kpi, Run, RunMeta, installed_versions
from recosim.results.store import RunWriter
from recosim.scenarios.community import comfort_calendar, community_of, parts_of
from recosim.scenarios.event_loops import beside_a_running_loop
from recosim.scenarios.faults import faults_of, table_of, told
from recosim.scenarios.foreign.file import Foreign
from recosim.scenarios.foreign.process import Process
from recosim.scenarios.foreign.wiring import Wiring, ended_afterwards
from recosim.scenarios.input_series import series_of, times_of
from recosim.scenarios.loader import scenario_yaml
from recosim.scenarios.resuming import NOT_REMEMBERED, checkpoint_of, fingerprint
from recosim.scenarios.rules_of_money import sharing_of, tariff_of
from recosim.scenarios.schema.scenario import Scenario
from recosim.scenarios.sources import notices_of
from recosim.scenarios.stored_value import worth_of_cars, worth_of_states, worth_of_tanks
from recosim.scenarios.world import Plant, RecosimWorld, recorded_series
from recosim.simulators.exposure import Exposure
from recosim.simulators.gse import Accounts

BESIDE_FOREIGN = "rules"
"""Controller of this process where foreign ones decide and no other is asked for."""

Progress = Callable[[int, int, int], None]


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """What a run gave.

    Parameters
    ----------
    path : Path
        The result file.
    kpis : mapping of str to number or None
    accounts : CommunityAccounts
        What each member and each month paid and earned.
    scenario_name, controller : str
    notes : tuple of str
        What the reader of the figures should know.
    """

    path: Path
    kpis: Mapping[str, Kpi]
    accounts: CommunityAccounts
    scenario_name: str
    controller: str
    notes: tuple[str, ...] = ()


def build_plant(scenario: Scenario, horizon_steps: int = 0) -> Plant:
    """Community, series and exposure of a scenario, for a controller that looks ``horizon_steps`` ahead.

    Raises
    ------
    ScenarioError, InputDataError
        The scenario or its data are wrong.
    """
    parts, times = parts_of(scenario), times_of(scenario, horizon_steps)
    series = series_of(scenario, parts, times)
    period, counted = times.period, slice(times.n_warmup, times.n_warmup + times.period.n_steps)
    tariff = tariff_of(
        scenario, parts.pods, period.times, series.price_pun_eur_per_mwh[counted], period.timezone
    )
    sharing = sharing_of(scenario, parts.pods, period.timezone)
    community = community_of(scenario, parts, period, tariff, sharing)
    exposure = Exposure(series, parts.devices["dwelling"], comfort_calendar(scenario.comfort))
    return Plant(community=community, series=series, exposure=exposure)


def check_scenario(scenario: Scenario) -> list[str]:
    """Load everything a run needs, without running; returns what is worth knowing.

    Raises
    ------
    ScenarioError, InputDataError, ControllerError
        Something is wrong.
    """
    made = make_controller(scenario.controller.name, scenario.controller.options)
    plant = build_plant(scenario, getattr(made, "horizon_steps", 0))
    community = plant.community
    sizes = ", ".join(f"{kind}: {len(devices)}" for kind, devices in plant.devices.items())
    return [
        f"period {community.grid.describe()}, {community.grid.n_steps} steps",
        f"delivery points: {len(community.pods)}, {sizes}",
        *(f"fault: {told(fault)}" for fault in scenario.faults),
        *getattr(community.tariff, "notes", ()),
    ]


def default_path(scenario: Scenario, controller: str, foreign: Foreign | None = None) -> Path:
    """Where a run goes unless told otherwise."""
    name = Path(controller.rpartition(":")[0]).stem if ":" in controller else controller
    name = "+".join([name, *(foreign.names if foreign else ())])
    period = scenario.period
    return Path("runs") / (
        f"{scenario.name}-{name}-{period.date_start.isoformat()}-{period.days}d-seed{scenario.seed}.h5"
    )


@beside_a_running_loop()
def run_scenario(
    scenario: Scenario,
    *,
    controller: str | None = None,
    foreign: Foreign | None = None,
    out: Path | None = None,
    force: bool = False,
    resume: bool = False,
    isolate: bool = False,
    progress: Progress | None = None,
    see_plant: Callable[[Plant], None] | None = None,
    tell: Callable[[str], None] | None = None,
) -> RunResult:
    """Simulate a scenario and write its result file.

    Parameters
    ----------
    scenario : Scenario
    controller : str, optional
        Entry point, ``package.module:Class`` or ``path/to/file.py:Class``; default: the scenario's own. Its
        options come from the scenario. With foreign controllers: ``rules``, without options.
    foreign : Foreign, optional
        Simulators from outside that take part.
    out : Path, optional
        Result file; default: in the folder ``runs``.
    force : bool
        Whether an existing file may be replaced.
    resume : bool
        Go on with an interrupted run's file after its last committed day: the series are those of a run that
        was not interrupted, to the bit, on the same machine and versions.
    isolate : bool
        Whether the controller gets a process of its own, which is ended when it never decides.
    progress : callable, optional
        Called with steps done, steps in all (warm-up included) and the POSIX time simulated.
    see_plant : callable, optional
        Called with the plant before the first step.
    tell : callable, optional
        Called before the first step with what the user should know by then.

    Raises
    ------
    RecosimError
        Scenario, data, controller, foreign simulators or result file are wrong.
    """
    began = time.process_time()
    name, options = controller_of(scenario, controller, foreign)
    path = out or default_path(scenario, name, foreign)
    isolated_s = scenario.controller.kill_after_s if isolate else None
    with opened_controller(name, options, controller is not None, isolated_s) as made:
        plant = build_plant(scenario, getattr(made, "horizon_steps", 0))
        if see_plant is not None:
            see_plant(plant)

        def started(_: RecosimWorld) -> None:
            more_days = scenario.period.days > 1  # a single one is begun again anyway
            if tell is not None and more_days and not resume and foreign is None and not can_resume(made):
                tell(f"controller {name!r} cannot go on with an interrupted run: {NOT_REMEMBERED}")

        return run_plant(
            scenario,
            plant,
            made,
            name=name,
            path=path,
            foreign=foreign,
            force=force,
            resume=resume,
            isolated=isolate,
            progress=progress,
            began=began,
            started=started,
        )


def controller_of(
    scenario: Scenario, controller: str | None, foreign: Foreign | None
) -> tuple[str, Mapping[str, Any]]:
    """Name and options of the controller of this process: what is asked for, or the scenario's own.

    Foreign controllers are not set beside the scenario's unless that is asked for.
    """
    if controller is None and foreign is not None and foreign.controllers:
        return BESIDE_FOREIGN, {}
    return controller or scenario.controller.name, scenario.controller.options


@beside_a_running_loop()
def run_plant(
    scenario: Scenario,
    plant: Plant,
    made: Controller,
    *,
    name: str,
    path: Path,
    foreign: Foreign | None = None,
    force: bool = False,
    resume: bool = False,
    isolated: bool = False,
    progress: Progress | None = None,
    began: float | None = None,
    started: Callable[[RecosimWorld], None] | None = None,
) -> RunResult:
    """Simulate a plant with a controller that has been made, and write the result file.

    Parameters
    ----------
    scenario : Scenario
    plant : Plant
        What `build_plant` makes of the scenario.
    made : Controller
    name : str
        What the file calls the controller.
    path : Path
    foreign, force, resume, progress
        As in `run_scenario`.
    isolated : bool
        Whether the controller has a process of its own, whose CPU time is added.
    began : float, optional
        CPU time at which the work began; default: now [s].
    started : callable, optional
        Told of the world before it runs.

    Raises
    ------
    RecosimError
        As `run_scenario`.
    """
    began = time.process_time() if began is None else began
    if foreign is not None and scenario.faults:
        raise ScenarioError(
            "faults with --foreign, allowed: one of them, for simulators from outside see past the faults; "
            "leave --foreign out, or set 'faults=[]'"
        )
    log = DecisionLog()
    name = "+".join([name, *(foreign.names if foreign else ())])
    meta = RunMeta(
        name=scenario.name,
        scenario_yaml=scenario_yaml(scenario),
        controller=name,
        seed=scenario.seed,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        versions=installed_versions(),
        inputs_sha256=fingerprint(plant.series),
        controller_sha256=code_of(made),
        notices=notices_of(scenario),
    )
    grid, series = plant.community.grid, recorded_series(plant.community)
    checkpoint: Checkpoint | None = None
    if resume:
        checkpoint = checkpoint_of(path, meta, made)
        writing = RunWriter.going_on(path, grid=grid, series=series)
    else:
        writing = RunWriter(path, meta=meta, grid=grid, series=series, force=force)
    with writing as writer, ended_afterwards() as processes:
        if scenario.faults and not resume:
            writer.write_faults(table_of(scenario))
        world = _world(plant, made, log, writer, scenario, progress, foreign, processes, checkpoint)
        if started is not None:
            started(world)
        world.run()
        accounts = world.accounts()
        write_accounts(writer, accounts, plant.community.pods.names)
        kept = read_accounts(writer.so_far())
        notes = [f"fault: {told(fault)}" for fault in scenario.faults]
        notes += [*getattr(plant.community.tariff, "notes", ()), *accounts.settlement.notes]
        if not any(scenario.model_error.model_dump().values()):  # else the controller knows no better
            notes += log.notes
        began -= getattr(made, "cpu_s", 0.0) if isolated else 0.0
        kpis = _finish(writer, plant, accounts, world.balance.residual_kwh, world.states_at_start, began)
    return RunResult(
        path=path,
        kpis=kpis,
        accounts=kept,
        scenario_name=scenario.name,
        controller=name,
        notes=tuple(dict.fromkeys(notes)),
    )


def _world(
    plant: Plant,
    controller: Controller,
    log: DecisionLog,
    writer: RunWriter,
    scenario: Scenario,
    progress: Progress | None,
    foreign: Foreign | None,
    processes: list[Process],
    checkpoint: Checkpoint | None,
) -> RecosimWorld:
    series, seed = plant.series, scenario.seed
    believed = perturbed(plant.community, seed=seed, **scenario.model_error.model_dump())
    if believed is not plant.community:
        controller = MisinformedController(controller, believed)
    forecasts: ForecastProvider = make_forecasts(
        scenario.forecast, believed, series, plant.exposure, series.n_beyond, seed
    )
    grid = series.simulated
    faults = faults_of(scenario, plant.community, grid)
    if faults is not None and faults.forecasts:
        forecasts = InterruptedForecasts(forecasts, faults.forecasts)

    def report(done: int) -> None:
        if progress is not None:
            progress(done, grid.n_steps, grid.start + done * grid.step_s)

    wiring = None
    if foreign is not None:
        wiring = Wiring(foreign, plant.community, grid, series.n_warmup, forecasts, processes)
    return RecosimWorld(
        plant,
        controller=controller,
        forecasts=forecasts,
        log=log,
        writer=writer,
        seed=seed,
        progress=None if progress is None else report,
        time_budget_ms=scenario.controller.time_budget_ms,
        foreign=wiring,
        checkpoint=checkpoint,
        faults=faults,
    )


def _finish(
    writer: RunWriter,
    plant: Plant,
    accounts: Accounts,
    residual_kwh: float,
    start: Mapping[str, Mapping[str, FloatArray]],
    began: float,
) -> Mapping[str, Kpi]:
    """Compute the key figures from the file, and write them into it."""
    settlement = accounts.settlement
    money = Money(
        bill_eur=float(np.sum(accounts.bill.total_eur)),
        fees_eur=settlement.fees_eur,
        revenue_sale_eur=settlement.sale_total_eur,
        premium_eur=settlement.premium_total_eur,
        valorisation_eur=settlement.valorisation_total_eur,
        unmodelled_eur=accounts.unmodelled_eur,
        energy_shared_kwh=settlement.energy_shared_total_kwh,
        energy_incentivised_kwh=settlement.energy_incentivised_total_kwh,
    )
    run = writer.so_far()
    decisions = run.controller()
    fallback = decisions["fallback"]
    solves = np.isfinite(decisions.get("iterations", np.full(len(fallback), np.nan)))
    stored_kwh, stored_eur = _stored_change(run, plant, start)
    running = Running(
        balance_residual_kwh=residual_kwh,
        cpu_s=time.process_time() - began,
        solve_ms=decisions["milliseconds"][solves],
        solve_failures=int(np.isin(fallback, ("last plan", LOCAL_RULES)).sum()),
        fallbacks=int((fallback != "").sum()),
        value_stored_change_eur=stored_eur,
        energy_stored_change_kwh=stored_kwh,
    )
    kpis = compute_kpis(run, plant.community, money, running)
    writer.finish(kpis)
    return kpis


def _stored_change(
    run: Run, plant: Plant, start: Mapping[str, Mapping[str, FloatArray]]
) -> tuple[float, float]:
    """What the run leaves stored beyond what it found: batteries and cars [kWh], worth of all [EUR]."""
    worth_of_temp, worth_of_energy = worth_of_states(plant, 0, plant.community.grid.n_steps)

    def change(kind: str, name: str) -> FloatArray:
        return np.asarray(run.last(kind, name) - start[kind][name], dtype=np.float64)

    kelvin = np.stack([change("dwelling", "temp_indoor_degc"), change("dwelling", "temp_mass_degc")])
    value_eur = float(np.sum(worth_of_temp * kelvin))
    worth_of_tank = worth_of_tanks(plant, 0, plant.community.grid.n_steps)
    if len(worth_of_tank):
        value_eur += float(worth_of_tank @ change("water_heater", "temp_tank_degc"))
    energy_kwh = 0.0
    for kind, name, worth in (
        ("battery", "energy_battery_kwh", worth_of_energy),
        ("car", "energy_car_battery_kwh", worth_of_cars(plant)),
    ):
        if len(worth):
            charge = change(kind, name)
            energy_kwh += float(charge.sum())
            value_eur += float(worth @ charge)
    return energy_kwh, value_eur
