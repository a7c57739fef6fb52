"""Reading and writing scenarios: the library, YAML files, overrides from the command line."""

import os
import re
from collections.abc import Sequence
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from recosim.errors import ScenarioError
from recosim.scenarios.data_folders import DataFolders, checked_folders, expanded
from recosim.scenarios.schema.messages import Location, path_text, problem_lines, shortened, suggestion
from recosim.scenarios.schema.scenario import ControllerChoice, Scenario
from recosim.scenarios.sizing import resize

TEXT_MAX_BYTES = 8_000_000  # a thousand dwellings written out in full take about two
VALUES_MAX = 500_000
SHOWN_MAX = 300
DIGITS_MAX = 1000
DEPTH_MAX = 50  # libyaml's composer overflows the stack on text nested some ten thousand deep
RUN_OPTIONS = {"--start": "period.start", "--days": "period.days", "--seed": "seed"}
"""Options of the command line that stand for a key of the scenario."""
_SUFFIXES = (".yaml", ".yml")
_PATH = re.compile(r"[A-Za-z_][\w-]*(?:\.[\w-]+|\[\d+\])*")

try:
    _BaseLoader: Any = yaml.CSafeLoader
    _BaseDumper: Any = yaml.CSafeDumper
except AttributeError:  # PyYAML without libyaml: the same, slower
    _BaseLoader, _BaseDumper = yaml.SafeLoader, yaml.SafeDumper


class _StrictLoader(_BaseLoader):  # type: ignore[misc]
    """Safe YAML without the traps: no key twice, keys are text, ``1e-3`` is a number."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = key_node.value
            wrong = ""
            if key_node.tag != "tag:yaml.org,2002:str":
                shown = repr(key) if isinstance(key, str) else "in brackets"
                wrong = f"key {shown} is not text, put it in quotes"
            elif key in seen:
                wrong = f"key {key!r} occurs twice, remove one"
            if wrong:
                raise yaml.MarkedYAMLError(problem=wrong, problem_mark=key_node.start_mark)
            seen.add(key)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return mapping


def _timestamp(loader: Any, node: yaml.ScalarNode) -> Any:
    try:
        return loader.construct_yaml_timestamp(node)
    except ValueError:
        raise yaml.MarkedYAMLError(
            problem=f"{node.value} is not a date; allowed: one that exists, as YYYY-MM-DD",
            problem_mark=node.start_mark,
        ) from None


def _whole_number(loader: Any, node: yaml.ScalarNode) -> Any:
    if len(node.value) > DIGITS_MAX:  # Python cannot write what a hexadecimal number of thousands is
        raise yaml.MarkedYAMLError(
            problem=f"a number of {len(node.value)} digits, allowed: {DIGITS_MAX}",
            problem_mark=node.start_mark,
        )
    return loader.construct_yaml_int(node)


class _PlainDumper(_BaseDumper):  # type: ignore[misc]
    """YAML without anchors."""

    def ignore_aliases(self, data: object) -> bool:
        """Write a value out wherever it occurs."""
        return True


_StrictLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?\d[\d_]*(?:\.\d*)?[eE][-+]?\d+$"), list("-+0123456789")
)


_StrictLoader.add_constructor("tag:yaml.org,2002:timestamp", _timestamp)
_StrictLoader.add_constructor("tag:yaml.org,2002:int", _whole_number)


def library_names() -> list[str]:
    """Names of the scenarios that come with recosim, sorted."""
    entries = files("recosim.scenarios.library").iterdir()
    return sorted(Path(entry.name).stem for entry in entries if entry.name.endswith(".yaml"))


def library_descriptions() -> dict[str, str]:
    """Name and description of every scenario in the library."""
    return {name: load_scenario(name).description for name in library_names()}


def load_scenario(
    name_or_path: str, overrides: Sequence[str] = (), data: Sequence[str | Path] = ()
) -> Scenario:
    """Read a scenario from the library or a file, change it, check it, and bring it to its size.

    Parameters
    ----------
    name_or_path : str
        A name of the library, which comes first, or the path of a YAML file.
    overrides : sequence of str
        ``key.key=value`` each, applied in order; entries of a list are named ``[0]`` or ``.0``. The value is
        read as YAML. ``controller.key=value`` sets an option of the controller; ``--days=7`` and the others
        of ``RUN_OPTIONS`` are named as such in messages.
    data : sequence of str or Path
        Folders from which the scenario may read files, beside its own; a file that an override names is
        allowed wherever it lies.

    Returns
    -------
    Scenario
        With as many dwellings as ``community.size`` asks for.

    Raises
    ------
    ScenarioError
        There is no such scenario, or it is wrong: one line per problem, five at most.
    """
    named = checked_folders(data)
    if name_or_path in library_names():
        text = files("recosim.scenarios.library").joinpath(f"{name_or_path}.yaml").read_text(encoding="utf-8")
        return scenario_from_text(text, overrides, f"{name_or_path}.yaml", DataFolders(named=named))
    path = expanded(name_or_path)
    if not is_file(path):
        if path.suffix in _SUFFIXES or os.sep in name_or_path:
            raise ScenarioError(f"scenario file {name_or_path!r} does not exist; correct the path")
        known = library_names()
        close = suggestion(name_or_path, known) or ";"
        raise ScenarioError(
            f"no scenario {name_or_path!r}{close} allowed: {', '.join(known)}, or the path of a YAML file"
        )
    folders = DataFolders(scenario=path.resolve().parent, named=named)
    return scenario_from_text(yaml_text(path), overrides, path.name, folders)


def is_file(path: Path) -> bool:
    """Whether there is an ordinary file; also where the name could be none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def yaml_text(path: Path) -> str:
    """Text of a YAML file.

    Raises
    ------
    ScenarioError
        The file is too large, is not UTF-8 or cannot be read.
    """
    try:
        if path.stat().st_size > TEXT_MAX_BYTES:
            raise ScenarioError(f"{path.name} has {path.stat().st_size} bytes, allowed: {TEXT_MAX_BYTES}")
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ScenarioError(f"{path.name} is not UTF-8 text (byte {error.start}); save it as UTF-8") from None
    except OSError as error:
        raise ScenarioError(f"{path.name} cannot be read: {error.strerror}") from None


def scenario_from_text(
    text: str,
    overrides: Sequence[str] = (),
    source: str = "scenario",
    folders: DataFolders | None = None,
) -> Scenario:
    """Scenario from YAML text, such as a result file holds it; parameters and errors as `load_scenario`.

    Parameters
    ----------
    text : str
    overrides : sequence of str
    source : str
        What messages call the text.
    folders : DataFolders, optional
        Where its files may lie; left out: it may read none.
    """
    folders = folders or DataFolders()
    data = mapping_from_text(text, source, Scenario)
    placed: list[tuple[Location, str]] = []
    for override in overrides:
        location = _apply(data, override)
        if location[:2] == ("controller", "options"):
            _refuse_twice(location, override, placed)
        placed.append((location, _shown(override)))
    try:
        scenario = Scenario.model_validate(data)
    except ValidationError as error:
        raise ScenarioError("\n".join(problem_lines(error, Scenario, source, placed))) from None
    community = scenario.community
    if community.size is not None:
        scenario = scenario.model_copy(update={"community": resize(community, community.size, scenario.seed)})
    if scenario.faults:
        _refuse_faults(scenario, source, placed)
    named = frozenset(file for key, file in _files(scenario) if any(key[: len(at)] == at for at, _ in placed))
    return scenario.placed_in(replace(folders, files=named))


def _files(scenario: Scenario) -> list[tuple[Location, str]]:
    """Keys that name files, and the files."""
    sections = {"weather": scenario.weather, "prices": scenario.prices}
    return [((name, "file"), section.file) for name, section in sections.items() if section.file is not None]


def _refuse_faults(scenario: Scenario, source: str, placed: Sequence[tuple[Location, str]]) -> None:
    """Refuse faults that do not fit the rest of the scenario, at its size."""
    from recosim.scenarios.faults import problems

    origin = next((text for location, text in reversed(placed) if location[0] == "faults"), source)
    found = problems(scenario)
    if found:
        raise ScenarioError("\n".join(f"{line} ({shortened(origin)})" for line in found))


def mapping_from_text(text: str, source: str, model: type[BaseModel]) -> dict[str, Any]:
    """Top level of a YAML text, which must be a mapping with the keys of ``model``; errors as above."""
    data = _parse(text, source)
    if not isinstance(data, dict):
        what = "nothing" if data is None else "no mapping"
        raise ScenarioError(f"{source} holds {what}, allowed: {', '.join(model.model_fields)}")
    return data


def plain_yaml(section: BaseModel, sort_keys: bool = True, absent: bool = True) -> str:
    """A section as YAML, defaults included; ``absent`` also writes what is left out, as null."""
    text: str = yaml.dump(
        _lists(section.model_dump(exclude_none=not absent)),
        Dumper=_PlainDumper,
        sort_keys=sort_keys,
        allow_unicode=True,
        width=110,
    )
    return text


def scenario_yaml(scenario: Scenario) -> str:
    """The whole scenario as YAML, defaults included, keys sorted: equal scenarios give equal text."""
    return plain_yaml(scenario)


def json_schema() -> dict[str, Any]:
    """JSON Schema of a scenario file, for editors."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Scenario.model_json_schema()}


def write_copy(name: str, folder: Path) -> Path:
    """Write a scenario of the library, comments included, into a folder, which is made if need be.

    Raises
    ------
    ScenarioError
        The name is not in the library, or the file is there already or cannot be written.
    """
    if name not in library_names():
        known = library_names()
        raise ScenarioError(
            f"no scenario {name!r}{suggestion(name, known) or ';'} allowed: {', '.join(known)}"
        )
    text = files("recosim.scenarios.library").joinpath(f"{name}.yaml").read_text(encoding="utf-8")
    path = Path(folder) / f"{name}.yaml"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ScenarioError(f"folder {path.parent} cannot be made: {error.strerror}") from None
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise ScenarioError(f"{path} exists already; remove it or choose another folder") from None
    except OSError as error:
        raise ScenarioError(f"{path} cannot be written: {error.strerror}") from None
    return path


def _parse(text: str, source: str) -> Any:
    if len(text) > TEXT_MAX_BYTES:
        raise ScenarioError(f"{source} has {len(text)} characters, allowed: {TEXT_MAX_BYTES}")
    try:
        _refuse_monsters(text, source)
        data = yaml.load(text, Loader=_StrictLoader)  # noqa: S506 - a safe loader
        return _Unshared(source).copy(data)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        on_the_command_line = source.startswith("--")
        where = (
            f", line {mark.line + 1}, column {mark.column + 1}" if mark and not on_the_command_line else ""
        )
        problem = " ".join(str(error.problem or error.context).split())
        raise ScenarioError(f"{source}{where}: {problem}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise ScenarioError(f"{source}: {' '.join(str(error).split())}") from None


def _refuse_monsters(text: str, source: str) -> None:
    """Refuse what would take minutes or the stack to read, by the events of the text alone."""
    depth = 0
    for number, event in enumerate(yaml.parse(text, Loader=_BaseLoader)):
        if number > 2 * VALUES_MAX:  # a key and a value each
            raise _too_many(source)
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > DEPTH_MAX:
            where = f", line {event.start_mark.line + 1}" if event.start_mark else ""
            raise ScenarioError(f"{source}{where}: nested more than {DEPTH_MAX} deep; check the brackets")


def _too_many(source: str) -> ScenarioError:
    return ScenarioError(f"{source}: more than {VALUES_MAX} values, anchors counted each time")


class _Unshared:
    """Copies what YAML anchors share, so that changing one leaves the others alone; counts as it goes."""

    def __init__(self, source: str) -> None:
        self._source, self._left = source, VALUES_MAX

    def copy(self, value: Any, depth: int = 0) -> Any:
        self._left -= 1
        if self._left < 0:
            raise _too_many(self._source)
        if depth > 2 * DEPTH_MAX:
            raise ScenarioError(f"{self._source}: an anchor contains itself, or they are nested too deeply")
        if isinstance(value, dict):
            return {key: self.copy(item, depth + 1) for key, item in value.items()}
        if isinstance(value, list):
            return [self.copy(item, depth + 1) for item in value]
        return value


def _apply(data: dict[str, Any], override: str) -> Location:
    """Change ``data`` as the override says; return where."""
    path, equals, value_text = override.partition("=")
    path = RUN_OPTIONS.get(path, path.strip())
    if not equals or not _PATH.fullmatch(path):
        raise ScenarioError(f"{_shown(override)}: allowed: section.key=value, such as community.size=50")
    if not value_text.strip():
        raise ScenarioError(f"{_shown(override).strip()}: the value is missing; null would leave it out")
    parts = re.findall(r"[\w-]+", path)
    if len(parts) == 2 and parts[0] == "controller" and parts[1] not in ControllerChoice.model_fields:
        parts.insert(1, "options")
    value = _parse(value_text, _shown(override))
    here: Any = data
    location: list[int | str] = []
    for depth, part in enumerate(parts):
        key = _key_of(here, part, tuple(location), override)
        location.append(key)
        if depth == len(parts) - 1:
            here[key] = value
        else:
            if isinstance(here, dict) and not isinstance(here.get(key), dict | list):
                here[key] = {}
            here = here[key]
    return tuple(location)


def _refuse_twice(location: Location, override: str, placed: Sequence[tuple[Location, str]]) -> None:
    """Refuse an option of the controller that was set before: in a comparison the first would be believed."""
    before = [text for path, text in placed if path == location]
    if before:
        raise ScenarioError(f"{_shown(override)}: set before by {before[0]}; leave one of them out")


def _shown(override: str) -> str:
    """Write an override as it was typed."""
    option, _, value = override.partition("=")
    text = f"{option} {value}" if option in RUN_OPTIONS else f"--set {override}"
    return text if len(text) <= SHOWN_MAX else f"{text[: SHOWN_MAX - 1]}…"


def _key_of(here: Any, part: str, location: Location, override: str) -> int | str:
    if not isinstance(here, list):
        if part.isdigit():
            raise ScenarioError(f"{_shown(override)}: {path_text(location)} is not a list in this scenario")
        return part
    last = len(here) - 1
    if not part.isdigit() or int(part) > last or not isinstance(here[int(part)], dict | list):
        entries = f"0 to {last}" if here else "no entries here"
        raise ScenarioError(
            f"{_shown(override)}: entry {part!r} of {path_text(location)}, allowed: {entries}"
        )
    return int(part)


def _lists(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _lists(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_lists(item) for item in value]
    return value
