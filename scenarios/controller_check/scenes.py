"""The days on which a controller is checked: seasons, sizes, what is there and what is missing."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from recosim.contracts import Controller
from recosim.controllers.answers import Stopwatch
from recosim.controllers.forecasts import make_forecasts
from recosim.controllers.host import DecisionLog
from recosim.results.run_file import RunMeta
from recosim.results.store import RunWriter
from recosim.scenarios.loader import scenario_yaml
from recosim.scenarios.runner import build_plant
from recosim.scenarios.schema.community import Community
from recosim.scenarios.schema.scenario import Scenario
from recosim.scenarios.sizing import resize
from recosim.scenarios.world import Plant, RecosimWorld, recorded_series

SIZES = (1, 3, 10)


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A day on which a controller is run.

    Parameters
    ----------
    name, season, size : str
        ``season`` and ``size`` are what the day adds to those before.
    scenario : Scenario
    """

    name: str
    season: str
    size: str
    scenario: Scenario


def scenes_of(scenario: Scenario) -> Iterator[Scene]:
    """The days, the first of which is the one that is looked at most closely."""
    year, community = scenario.period.date_start.year, scenario.community
    seed, most = scenario.seed, min(SIZES[-1], len(community.dwellings))
    days = {
        "winter": date(year, 1, 15),
        "spring (23 hours)": last_sunday(year, 3),
        "summer": date(year, 7, 15),
        "autumn (25 hours)": last_sunday(year, 10),
    }

    def sized(n: int) -> Community:
        return community if n == len(community.dwellings) else resize(community, n, seed)

    def scene(season: str, size: str, other: Community) -> Scene:
        period: dict[str, Any] = {"start": days[season], "days": 1, "warmup_days": 0, "calendar_year": year}
        changes = {
            "period": scenario.period.model_copy(update=period),
            "community": other,
            "faults": (),
        }
        changed = scenario.model_copy(update=changes).placed_in(scenario.folders)
        return Scene(name=f"{season}, {size}", season=season, size=size, scenario=changed)

    few = sized(min(3, most))
    counts = {n: f"{n} dwelling{'' if n == 1 else 's'}" for n in (1, len(few.dwellings), most)}
    yield scene("winter", counts[most], sized(most))
    yield scene("summer", counts[most], sized(most))
    yield scene("spring (23 hours)", counts[len(few.dwellings)], few)
    yield scene("autumn (25 hours)", counts[len(few.dwellings)], few)
    yield scene("winter", counts[1], sized(1))
    yield scene("summer", "no batteries", _without(few, "battery"))
    yield scene(
        "winter", "no photovoltaics", _without(few, "battery", "pv").model_copy(update={"plants": ()})
    )
    yield scene("summer", "batteries, hot water, a car and shiftable appliances", _with_more(few))


def last_sunday(year: int, month: int) -> date:
    """The day on which clocks change in March and October."""
    last = date(year, month, 31)
    return last - timedelta(days=(last.weekday() + 1) % 7)


def _without(community: Community, *parts: str) -> Community:
    dwellings = tuple(d.model_copy(update=dict.fromkeys(parts)) for d in community.dwellings)
    return community.model_copy(update={"dwellings": dwellings})


def _with_more(community: Community) -> Community:
    first, *others = community.dwellings
    data = first.model_dump()
    data |= {part: data.get(part) or {} for part in ("battery", "hot_water", "car")}
    dwellings = (type(first).model_validate(data), *others)
    return community.model_copy(update={"dwellings": dwellings, "shiftable_appliances": True})


@dataclass(frozen=True, kw_only=True)
class SceneRun:
    """A day that was run.

    Parameters
    ----------
    plant : Plant
    balance_residual_kwh : float
    n_steps : int
    wall_s : float
        Time that went by while it was simulated, decisions included [s].
    """

    plant: Plant
    balance_residual_kwh: float
    n_steps: int
    wall_s: float


def run_scene(scene: Scene, controller: Controller, horizon_steps: int, folder: Path) -> SceneRun:
    """Run a day; its result file is in ``folder``, which the caller removes.

    Raises
    ------
    RecosimError
        The scene cannot be built, or the controller fails in reset.
    """
    scenario = scene.scenario
    plant = build_plant(scenario, horizon_steps)
    series, seed = plant.series, scenario.seed
    forecasts = make_forecasts(
        scenario.forecast, plant.community, series, plant.exposure, series.n_beyond, seed
    )
    meta = RunMeta(name=scenario.name, scenario_yaml=scenario_yaml(scenario), controller="checked", seed=seed)
    grid = plant.community.grid
    with RunWriter(
        folder / "scene.h5", meta=meta, grid=grid, series=recorded_series(plant.community), force=True
    ) as writer:
        world = RecosimWorld(
            plant, controller=controller, forecasts=forecasts, log=DecisionLog(), writer=writer, seed=seed
        )
        watch = Stopwatch()
        world.run()
        return SceneRun(
            plant=plant,
            balance_residual_kwh=world.balance.residual_kwh,
            n_steps=grid.n_steps,
            wall_s=watch.read().wall_ms / 1e3,
        )
