"""What a bench consists of: every controller with every kind of forecast, in every seed and period.

Week k of a year is the seven days from 1 January + 7 (k - 1), whatever weekday that is: week 1 begins on
1 January, week 52 ends on 30 December (29 December in a leap year).
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, get_args

import recosim
import recosim.controllers
import recosim.results
import recosim.scenarios
import recosim.simulators
from recosim.errors import BenchError
from recosim.results.run_file import installed_versions
from recosim.scenarios.bench.controllers import Contestant, file_sha256
from recosim.scenarios.faults import within
from recosim.scenarios.loader import scenario_yaml
from recosim.scenarios.schema.scenario import SEED_MAX, ControllerChoice, ModelError, Period, Scenario

DAYS_PER_WEEK = 7
WEEK_LAST = 52
SEEDS_MAX = 10_000
FORECASTS: tuple[str, ...] = get_args(Scenario.model_fields["forecast"].annotation)
_SOURCES = (".py", ".yaml", ".csv")
_SHOWS_ONLY = ("__main__.py", "cli.py", "leaderboard_tables.py", "tables.py", "terminal.py")
_PACKAGES = (recosim.simulators, recosim.controllers, recosim.results, recosim.scenarios)


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A seed and a period, in which all controllers meet the same weather, households and prices.

    Parameters
    ----------
    seed : int
    start : date
        First day.
    days : int
    week : int or None
        Number of the week in its year, where weeks were asked for.
    """

    seed: int
    start: date
    days: int
    week: int | None = None

    @property
    def when(self) -> str:
        """Period, for file names and tables."""
        if self.week is not None:
            return f"{self.start.year}-w{self.week:02d}"
        return f"{self.start.isoformat()}-{self.days}d"

    @property
    def name(self) -> str:
        """Period and seed."""
        return f"{self.when}-seed{self.seed}"


@dataclass(frozen=True, kw_only=True)
class Job:
    """One run, or one lower bound.

    Parameters
    ----------
    file_name : str
        In the folder of the bench.
    scenario : Scenario
        With the seed, period, forecast and options of this job.
    pair : Pair
    contestant : Contestant or None
        None for a lower bound.
    identity : mapping
        Everything its result depends on; a result of another identity is made again.
    """

    file_name: str
    scenario: Scenario
    pair: Pair
    contestant: Contestant | None
    identity: Mapping[str, Any]

    @property
    def name(self) -> str:
        """What to call it in messages."""
        return Path(self.file_name).stem


def weeks_of(text: str) -> tuple[int, ...]:
    """Numbers of weeks as the command line gives them, ``1,14,27,40``.

    Raises
    ------
    BenchError
        One is no number from 1 to 52, or stands twice.
    """
    weeks = []
    for word in text.split(","):
        if not word.strip().isdecimal() or not 1 <= int(word) <= WEEK_LAST:
            raise BenchError(
                f"--weeks {text}: {word.strip()!r}, allowed: numbers from 1 to {WEEK_LAST}, between "
                "commas; week 1 begins on 1 January"
            )
        weeks.append(int(word))
    if len(set(weeks)) != len(weeks):
        raise BenchError(f"--weeks {text}: a week stands twice; leave one out")
    return tuple(weeks)


def forecasts_of(text: str) -> tuple[str, ...]:
    """Kinds of forecast as the command line gives them, ``perfect,medium``.

    Raises
    ------
    BenchError
        One is unknown, or stands twice.
    """
    kinds = tuple(word.strip() for word in text.split(","))
    unknown = next((kind for kind in kinds if kind not in FORECASTS), None)
    if unknown is not None:
        raise BenchError(f"--forecasts {text}: {unknown!r}, allowed: {', '.join(FORECASTS)}")
    if len(set(kinds)) != len(kinds):
        raise BenchError(f"--forecasts {text}: a kind stands twice; leave one out")
    return kinds


def pairs_of(scenario: Scenario, n_seeds: int, weeks: Sequence[int], days: int | None) -> tuple[Pair, ...]:
    """All seeds, from the scenario's own on, with all periods.

    Parameters
    ----------
    scenario : Scenario
    n_seeds : int
    weeks : sequence of int
        Of the scenario's calendar year; not used where ``days`` is given.
    days : int or None
        Length of one period from the scenario's own start.

    Raises
    ------
    BenchError
        A number is out of range.
    """
    most = min(SEED_MAX - scenario.seed + 1, SEEDS_MAX)
    if not 1 <= n_seeds <= most:
        raise BenchError(f"--seeds {n_seeds}, allowed: 1 to {most}")
    period = scenario.period
    most_days = next(m.le for m in Period.model_fields["days"].metadata if hasattr(m, "le"))
    if days is not None and not 1 <= days <= most_days:
        raise BenchError(f"--days {days}, allowed: 1 to {most_days}")
    first = date(period.calendar_year, 1, 1)
    periods: list[tuple[date, int, int | None]] = [
        (first + timedelta(days=DAYS_PER_WEEK * (week - 1)), DAYS_PER_WEEK, week) for week in weeks
    ]
    if days is not None:
        periods = [(period.date_start, days, None)]
    return tuple(
        Pair(seed=scenario.seed + number, start=start, days=length, week=week)
        for number in range(n_seeds)
        for start, length, week in periods
    )


def runs_of(
    load: Callable[[int], Scenario],
    found: Sequence[Contestant],
    forecasts: Sequence[str],
    pairs: Sequence[Pair],
) -> Iterator[Job]:
    """All runs, pair by pair.

    Parameters
    ----------
    load : callable
        Gives the scenario with a seed.
    found : sequence of Contestant
    forecasts : sequence of str
    pairs : sequence of Pair
    """
    common = _common_identity()
    for pair, scenario, data in _placed(load, pairs):
        for forecast in forecasts:
            for each in found:
                changed = scenario.model_copy(
                    update={"forecast": forecast, "controller": _choice(scenario, each)}
                )
                yield Job(
                    file_name=f"{scenario.name}-{each.slug}-{forecast}-{pair.name}.h5",
                    scenario=changed,
                    pair=pair,
                    contestant=each,
                    identity={
                        **common,
                        "scenario": _sha256(scenario_yaml(changed)),
                        "data": data,
                        "controller": each.identity,
                    },
                )


def bounds_of(load: Callable[[int], Scenario], pairs: Sequence[Pair]) -> Iterator[Job]:
    """The lower bound of every pair, which no choice of controller or forecast changes."""
    common = _common_identity()
    for pair, scenario, data in _placed(load, pairs):
        plain = scenario.model_copy(
            update={
                "controller": ControllerChoice(),
                "forecast": "perfect",
                "model_error": ModelError(),
                "faults": (),
            }
        )
        yield Job(
            file_name=f"{scenario.name}-bound-{pair.name}.json",
            scenario=plain,
            pair=pair,
            contestant=None,
            identity={**common, "scenario": _sha256(scenario_yaml(plain)), "data": data},
        )


def _placed(
    load: Callable[[int], Scenario], pairs: Sequence[Pair]
) -> Iterator[tuple[Pair, Scenario, Mapping[str, str]]]:
    """Scenario of each pair, and the hashes of the files it reads."""
    scenarios: dict[int, Scenario] = {}
    data: dict[str, str] | None = None
    for pair in pairs:
        if pair.seed not in scenarios:
            scenarios = {pair.seed: load(pair.seed)}
        scenario = scenarios[pair.seed]
        period = {**scenario.period.model_dump(), "start": pair.start, "days": pair.days}
        placed = Period.model_validate(period)
        faults = within(scenario.faults, placed)
        scenario = scenario.model_copy(update={"period": placed, "faults": faults})
        if data is None:
            data = {file: file_sha256(scenario.path_of(file)) for file in files_of(scenario.model_dump())}
        yield pair, scenario, data


def files_of(section: Any) -> list[str]:
    """Every file that a scenario names, under whatever key."""
    if isinstance(section, list | tuple):
        return [file for item in section for file in files_of(item)]
    if not isinstance(section, Mapping):
        return []
    found = []
    for key, value in section.items():
        if isinstance(value, str) and (key == "file" or str(key).endswith("_file")):
            found.append(value)
        else:
            found += files_of(value)
    return found


def _choice(scenario: Scenario, each: Contestant) -> ControllerChoice:
    # a controller by path keeps the scenario's name: a scenario names installed ones only
    name = scenario.controller.name if ":" in each.spec else each.spec
    return scenario.controller.model_copy(update={"name": name, "options": dict(each.options)})


def _common_identity() -> dict[str, Any]:
    return {"versions": installed_versions(), "recosim_sha256": sources_sha256()}


def sources_sha256() -> str:
    """Hash of all that recosim's own results depend on, but for its commands."""
    top = [file for file in _folder(recosim).glob("*.py") if file.name not in _SHOWS_ONLY]
    found = {f"recosim/{file.name}": file for file in top}
    for package in _PACKAGES:
        folder = _folder(package)
        for file in folder.rglob("*"):
            if file.suffix in _SOURCES:
                found[f"{package.__name__}/{file.relative_to(folder).as_posix()}"] = file
    digest = hashlib.sha256()
    for name, file in sorted(found.items()):
        digest.update(f"{name}\0{file_sha256(file)}\n".encode())
    return digest.hexdigest()


def _folder(package: Any) -> Path:
    return Path(package.__file__).parent


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def as_text(identity: Mapping[str, Any]) -> str:
    """An identity as it is kept in files: equal ones give equal text."""
    return json.dumps(identity, sort_keys=True, default=str)
