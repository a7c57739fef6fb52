"""What differs between two runs besides their controllers."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from recosim.errors import ResultsError
from recosim.results.run_file import Run

EXOGENOUS_GROUPS = ("weather", "price", "load")
"""Groups that a controller cannot influence: equal in runs that may be compared."""

FAULTS = "faults"
NAMED_AT_MOST = 6
_CHOICE_OF_CONTROLLER = ("controller",)
_DEPTH_MAX = 50
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def differences(first: Run, run: Run) -> list[str]:
    """Tell what differs between two runs besides the controller."""
    where = f"{run.path} and {first.path}"
    notes = []
    if first.meta.scenario_sha256 != run.meta.scenario_sha256:
        keys = differing_keys(
            *(
                settings_of(each.meta.scenario_yaml, each.path, (*_CHOICE_OF_CONTROLLER, FAULTS))
                for each in (first, run)
            )
        )
        if keys:
            named = ", ".join(keys[:NAMED_AT_MOST])
            notes.append(f"{where} differ in the scenario: {named}{_more(len(keys))}")
    if first.meta.seed != run.meta.seed:
        notes.append(f"{where} differ in the seed: {run.meta.seed} and {first.meta.seed}")
    if first.grid != run.grid:
        notes.append(f"{where} differ in the period: {_period(run)} and {_period(first)}")
    else:
        odd = [group for group in EXOGENOUS_GROUPS if not _same_series(first, run, group)]
        if odd:
            notes.append(f"{where} differ in what no controller can influence: {', '.join(odd)}")
    versions = sorted(
        package
        for package in first.meta.versions.keys() | run.meta.versions.keys()
        if first.meta.versions.get(package) != run.meta.versions.get(package)
    )
    if versions:
        notes.append(f"{where} were made with different versions of {', '.join(versions)}")
    return notes


def differing_faults(first: Run, run: Run) -> list[str]:
    """Tell which faults two runs do not have in common."""
    ours, theirs = (list(each.faults().get("text", ())) for each in (run, first))
    alone = {
        run.path: [text for text in ours if text not in theirs],
        first.path: [text for text in theirs if text not in ours],
    }
    return [
        f"{path} alone has faults: {'; '.join(texts[:NAMED_AT_MOST])}{_more(len(texts))}"
        for path, texts in alone.items()
        if texts
    ]


def _more(n: int) -> str:
    return f" and {n - NAMED_AT_MOST} more" if n > NAMED_AT_MOST else ""


def same_choice(first: Run, run: Run) -> bool:
    """Whether both runs had the same controller with the same options."""
    if first.meta.controller != run.meta.controller:
        return False
    one, other = (settings_of(each.meta.scenario_yaml, each.path, (FAULTS,)) for each in (first, run))
    return not differing_keys(one, other)


def settings_of(scenario_yaml: str, path: Path, left_out: Sequence[str]) -> dict[str, Any]:
    """Read a scenario without some of its sections, flattened to dotted keys."""
    try:
        settings = yaml.load(_refuse_monsters(scenario_yaml), Loader=_Loader)  # noqa: S506 - a safe loader
    except (yaml.YAMLError, ValueError) as error:
        raise ResultsError(f"{path} holds a damaged scenario ({error}): run again") from error
    if not isinstance(settings, dict):
        raise ResultsError(f"{path} holds a damaged scenario (no mapping): run again")
    flat: dict[str, Any] = {}
    _flatten(settings, "", flat)
    return {k: v for k, v in flat.items() if k.split(".")[0].partition("[")[0] not in left_out}


def _refuse_monsters(text: str) -> str:
    """Refuse what recosim never writes: anchors, by which little text can mean much, and deep nesting."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent) or depth > _DEPTH_MAX:
            raise ValueError("it has anchors or is nested too deeply")
    return text


def differing_keys(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Name the settings that two flattened scenarios do not have in common."""
    absent = object()
    return [k for k in dict.fromkeys((*one, *other)) if one.get(k, absent) != other.get(k, absent)]


def _period(run: Run) -> str:
    return f"{run.grid.describe()} in steps of {run.grid.step_s} s"


def _flatten(settings: Any, prefix: str, flat: dict[str, Any]) -> None:
    if isinstance(settings, dict) and settings:
        for key, value in settings.items():
            _flatten(value, f"{prefix}.{key}" if prefix else str(key), flat)
    elif isinstance(settings, list) and settings:
        for number, value in enumerate(settings):
            _flatten(value, f"{prefix}[{number}]", flat)
    else:
        flat[prefix] = settings


def _same_series(first: Run, run: Run, group: str) -> bool:
    names = first.groups().get(group, ())
    if set(names) != set(run.groups().get(group, ())):
        return False
    for name in names:
        if first.members(group, name) != run.members(group, name):
            return False
        for rows in first.blocks(len(first.members(group, name))):
            if not np.array_equal(first.values(group, name, rows), run.values(group, name, rows)):
                return False
    return True
