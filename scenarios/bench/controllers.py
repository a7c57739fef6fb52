"""The controllers of a bench: how they are written, what they are called, and which code they are."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from recosim.controllers.registry import GROUP, make_controller
from recosim.errors import BenchError, ControllerError
from recosim.scenarios.data_folders import expanded
from recosim.scenarios.schema.messages import shortened
from recosim.scenarios.schema.scenario import ControllerChoice

_BRACKETS = {"[": 1, "{": 1, "(": 1, "]": -1, "}": -1, ")": -1}
_NOT_IN_FILE_NAMES = re.compile(r"[^A-Za-z0-9_.-]+")


@dataclass(frozen=True, kw_only=True)
class Contestant:
    """A controller with its options.

    Parameters
    ----------
    label : str
        What tables call it: as it was written, a file without its folder.
    slug : str
        The same for file names.
    spec : str
        What makes it: an installed name, ``package.module:Class`` or ``/absolute/path.py:Class``.
    options : mapping
        Arguments of its class.
    code_file : str or None
        The file its class is in; None for those that come with recosim.
    code_sha256 : str
        Hash of that file, or empty.
    """

    label: str
    slug: str
    spec: str
    options: Mapping[str, Any]
    code_file: str | None
    code_sha256: str

    @property
    def identity(self) -> dict[str, Any]:
        """What decides what it does, wherever its file lies."""
        place, colon, name = self.spec.rpartition(":")
        spec = f"{Path(place).name}:{name}" if colon else self.spec
        return {"spec": spec, "options": dict(self.options), "code_sha256": self.code_sha256}

    def check(self) -> None:
        """Make it once, so that what is wrong is said before anything is simulated.

        Raises
        ------
        ControllerError
            There is no such controller, it cannot be imported, or an option does not fit.
        """
        make_controller(self.spec, self.options, trusted=True)


def contestants(text: str, scenario_choice: ControllerChoice) -> tuple[Contestant, ...]:
    """Controllers as the command line names them.

    Parameters
    ----------
    text : str
        Separated by commas; options in brackets: ``rules,mpc,mpc[horizon=uniform],my.py:Mine[gain=2]``.
    scenario_choice : ControllerChoice
        The scenario's own controller; its options count for the controller of that name only.

    Raises
    ------
    BenchError
        None is named, one is named twice, options cannot be read, or the scenario's would be lost.
    """
    written = [part.strip() for part in _split(text)]
    if not text.strip() or "" in written:
        raise BenchError(
            f"--controllers {shortened(text)!r}: a name is missing; name controllers separated by "
            "commas, rules,mpc"
        )
    twice = next((part for part in written if written.count(part) > 1), None)
    if twice is not None:
        raise BenchError(f"--controllers: {twice} stands twice; leave one out, or give it other options")
    parts = [_read(part) for part in written]
    own = scenario_choice.name
    if scenario_choice.options and own not in {spec for spec, _ in parts}:
        raise BenchError(
            f"the options {scenario_choice.options} are those of the scenario's controller {own!r}, which is "
            f"not in the bench; write them behind the controller they are for, as in mpc[horizon=uniform]"
        )
    found = [
        _contestant(label, spec, {**(scenario_choice.options if spec == own else {}), **options})
        for label, (spec, options) in zip(written, parts, strict=True)
    ]
    return _distinct(found)


def _split(text: str) -> list[str]:
    """Split at commas outside brackets."""
    parts, depth, begin = [], 0, 0
    for place, sign in enumerate(text):
        depth += _BRACKETS.get(sign, 0)
        if sign == "," and depth == 0:
            parts.append(text[begin:place])
            begin = place + 1
    return [*parts, text[begin:]]


def _read(text: str) -> tuple[str, dict[str, Any]]:
    """Tell name and options apart."""
    if not text.endswith("]") or "[" not in text:
        return text, {}
    spec, _, inside = text[:-1].partition("[")
    options: dict[str, Any] = {}
    for part in _split(inside):
        key, equals, value = part.partition("=")
        if not equals or not key.strip().isidentifier():
            raise BenchError(
                f"--controllers {shortened(text)}: {shortened(part)!r} is no option; "
                "allowed: key=value, between commas"
            )
        try:
            options[key.strip()] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise BenchError(
                f"--controllers {text}: the value of {key.strip()} cannot be read; allowed: a number, a "
                "word, true, false, null or a list of them in brackets"
            ) from None
    return spec.strip(), options


def _contestant(written: str, spec: str, options: Mapping[str, Any]) -> Contestant:
    place, colon, name = spec.rpartition(":")
    label, code_file = written, None
    if place.endswith(".py"):
        path = expanded(place).resolve()
        if not path.is_file():
            raise ControllerError(f"controller file {place} is not there; give a path from {Path.cwd()}")
        code_file = str(path)
        spec = f"{path}:{name}"
        label = f"{path.name}:{written[written.index(place) + len(place) + 1 :]}"
        slug = f"{path.stem}-{name}"
    elif colon:
        code_file, slug = _source_of(place), f"{place}-{name}"
    else:
        code_file, slug = _source_of_installed(spec), spec
    if "[" in label:
        slug += f"-{label.partition('[')[2]}"
    return Contestant(
        label=label,
        slug=_NOT_IN_FILE_NAMES.sub("-", slug).strip("-")[:80],
        spec=spec,
        options=options,
        code_file=code_file,
        code_sha256=file_sha256(Path(code_file)) if code_file else "",
    )


def _source_of_installed(name: str) -> str | None:
    """Source file of an installed controller, unless it comes with recosim."""
    modules = [entry.module for entry in entry_points(group=GROUP) if entry.name == name]
    return _source_of(modules[0]) if modules and not modules[0].startswith("recosim.") else None


def _source_of(module: str) -> str | None:
    try:
        spec = find_spec(module)
    except (ImportError, ValueError):
        return None
    return spec.origin if spec is not None and spec.origin and Path(spec.origin).is_file() else None


def file_sha256(path: Path) -> str:
    """Hash of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _distinct(found: Sequence[Contestant]) -> tuple[Contestant, ...]:
    """Tell apart what would have one name: files of one name in two folders."""
    distinct = []
    for each in found:
        same = [other for other in found if other.slug == each.slug or other.label == each.label]
        if len(same) > 1:
            mark = hashlib.sha256(f"{each.spec}{sorted(each.options.items())}".encode()).hexdigest()[:6]
            label = each.label
            if sum(other.label == each.label for other in found) > 1:
                label = f"{each.spec}{each.label.partition(each.spec.rpartition(':')[2])[2]}"
            each = Contestant(**{**vars(each), "slug": f"{each.slug}-{mark}", "label": label})
        distinct.append(each)
    return tuple(distinct)
