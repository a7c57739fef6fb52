"""What is wrong with a scenario, in one line each: where, which value, what is allowed, what to do."""

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, Literal, TypeAlias, Union, get_args, get_origin

import annotated_types
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

Location: TypeAlias = tuple[int | str, ...]

MOST_PROBLEMS = 5
_VALUE_WIDTH = 80
_OF_A_SECTION = ("extra_forbidden", "value_error", "union_tag_invalid")
_PLAIN_KEY = re.compile(r"[\w-]{1,80}")
_NOUNS: dict[Any, str] = {
    float: "a number",
    int: "a whole number",
    bool: "true or false",
    datetime: "a local time as YYYY-MM-DDTHH:MM",
}


def suggestion(word: str, known: Sequence[str]) -> str:
    """Return ``, did you mean 'x'?`` for the nearest known word, or nothing."""
    if len(word) > _VALUE_WIDTH:
        return ""
    by_lower = {name.lower(): name for name in known}
    near = get_close_matches(word.lower(), list(by_lower), n=1, cutoff=0.6)
    return f", did you mean {by_lower[near[0]]!r}?" if near else ""


def path_text(location: Location) -> str:
    """Write a place in a scenario as a person does.

    Examples
    --------
    >>> path_text(("community", "dwellings", 3, "battery"))
    'community.dwellings[3].battery'
    """
    text = ""
    for part in location:
        if isinstance(part, int):
            text += f"[{part}]"
        elif _PLAIN_KEY.fullmatch(part):
            text += f".{part}" if text else part
        else:  # what a person would not recognise as a key, such as a line break
            text += f"[{_short(part)}]"
    return text


def problem_lines(
    error: ValidationError, model: type[BaseModel], source: str, overrides: Sequence[tuple[Location, str]]
) -> list[str]:
    """One line for each problem, at most five and then how many more there are.

    Parameters
    ----------
    error : ValidationError
    model : type
        What was validated.
    source : str
        Where the text came from, such as the name of a file.
    overrides : sequence of (location, text)
        What was set on the command line, as typed; a problem there is shown with it.
    """
    details = error.errors(include_url=False)
    lines = [_line(detail, model, source, overrides) for detail in details[:MOST_PROBLEMS]]
    if len(details) > MOST_PROBLEMS:
        lines.append(f"and {len(details) - MOST_PROBLEMS} more ({source})")
    return lines


def _line(
    detail: ErrorDetails, model: type[BaseModel], source: str, overrides: Sequence[tuple[Location, str]]
) -> str:
    location, parent, target, metadata = _resolve(model, detail["loc"])
    origin = source
    for path, text in overrides:
        # a rule between the keys of a section is broken by the key that was set
        inside = detail["type"] in _OF_A_SECTION and bool(location)
        if location[: len(path)] == path or (inside and path[: len(location)] == location):
            origin = shortened(text)
    return f"{_problem(detail, location, parent, target, metadata)} ({origin})"


def _problem(
    detail: ErrorDetails, location: Location, parent: type[BaseModel] | None, target: Any, metadata: list[Any]
) -> str:
    kind, context, where = detail["type"], detail.get("ctx", {}), path_text(location)
    shown = f"{where} = {_short(detail['input'])}"
    if kind == "extra_forbidden":
        known = list(parent.model_fields) if parent else []
        close = suggestion(str(location[-1]), known)
        return f"{where}: unknown key{close or ','} allowed: {', '.join(known)}"
    if kind == "missing":
        field = parent.model_fields.get(str(location[-1])) if parent else None
        meaning = f": {field.description}" if field and field.description else ""
        return f"{where} is missing{meaning.rstrip('.')}; {_allowed(target, metadata)}"
    if kind.startswith("union_tag"):
        tag = f"{where}.{str(context['discriminator']).strip(chr(39))}"
        given = f"{tag} = {context['tag']!r}" if "tag" in context else f"{tag} is missing"
        return f"{given}, allowed: {', '.join(str(tag) for kind in _models(target) for tag in _tags(kind))}"
    if kind == "value_error":
        reason = str(context["error"])
        if list(_models(target)) and not isinstance(detail["input"], list):
            return f"{where}: {reason}" if where else reason
        return f"{shown}, {reason}"
    if kind == "string_pattern_mismatch" and parent:
        return f"{shown}, {_allowed(target, metadata)}: {parent.model_fields[str(location[-1])].description}"
    close = suggestion(detail["input"], _choices(target)) if isinstance(detail["input"], str) else ""
    return f"{shown}{close or ','} {_allowed(target, metadata)}"


def _short(value: Any) -> str:
    return shortened(str(value) if isinstance(value, date) else repr(value))


def shortened(text: str) -> str:
    """Text on one line, cut where it is too long for a message."""
    line = " ".join(text.split())
    return line if len(line) <= _VALUE_WIDTH else line[: _VALUE_WIDTH - 1] + "…"


def _resolve(
    model: type[BaseModel], loc: Location
) -> tuple[Location, type[BaseModel] | None, Any, list[Any]]:
    """Location without pydantic's own labels, the section it lies in, its type and its constraints."""
    location: list[int | str] = []
    parent: type[BaseModel] | None = None
    target: Any = model
    metadata: list[Any] = []
    for part in loc:
        candidates = list(_models(target))
        if isinstance(part, int):
            items = [get_args(kind)[0] for kind in _parts(target) if get_origin(kind) in (tuple, list)]
            parent, target, metadata = None, items[0] if items else Any, []
        elif any(part in candidate.model_fields for candidate in candidates):
            parent = next(candidate for candidate in candidates if part in candidate.model_fields)
            field = parent.model_fields[part]
            target, metadata = field.annotation, list(field.metadata)
        elif len(candidates) > 1 and (tagged := [c for c in candidates if part in _tags(c)]):
            parent, target = tagged[0], tagged[0]
            continue
        else:
            parent, target, metadata = candidates[0] if candidates else None, Any, []
        location.append(part)
    return tuple(location), parent, target, metadata


def _tags(model: type[BaseModel]) -> tuple[Any, ...]:
    """Values of the key by which pydantic knows this section from others of its union."""
    fields = (model.model_fields.get(key) for key in ("model", "kind"))
    return tuple(tag for field in fields if field for tag in get_args(field.annotation))


def _parts(annotation: Any) -> Iterator[Any]:
    """Every alternative of a type, without ``Annotated`` and ``None``."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _parts(get_args(annotation)[0])
    elif origin in (Union, UnionType):
        for part in get_args(annotation):
            yield from _parts(part)
    elif annotation is not type(None):
        yield annotation


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    for part in _parts(annotation):
        if isinstance(part, type) and issubclass(part, BaseModel):
            yield part


def _choices(annotation: Any) -> list[str]:
    kinds = [part for part in _parts(annotation) if get_origin(part) is Literal]
    return [str(choice) for kind in kinds for choice in get_args(kind)]


def _constraints(annotation: Any, metadata: list[Any]) -> Iterator[Any]:
    for item in metadata:
        if isinstance(item, FieldInfo):
            yield from item.metadata
        else:
            yield item
    if get_origin(annotation) is Annotated:
        yield from _constraints(get_args(annotation)[0], list(get_args(annotation)[1:]))
    elif get_origin(annotation) in (Union, UnionType):
        for part in get_args(annotation):
            yield from _constraints(part, [])


def _allowed(annotation: Any, metadata: list[Any]) -> str:
    """What a field takes: choices, an interval, or a kind of thing."""
    choices = _choices(annotation)
    if choices:
        return f"allowed: {', '.join(choices)}"
    rules = list(_constraints(annotation, metadata))
    kind = next(_parts(annotation), Any)
    models = list(_models(annotation))
    if models:
        return f"allowed: a section with the keys {', '.join(models[0].model_fields)}"
    if kind in (float, int) and (interval := _interval(rules)):
        return f"allowed {interval}" if kind is float else f"allowed: whole numbers in {interval}"
    if get_origin(kind) in (tuple, list):
        return f"allowed: a list{_length(rules, 'entries')}"
    if kind is str:
        patterns = [str(rule.pattern) for rule in rules if getattr(rule, "pattern", None)]
        return f"allowed: text{_length(rules, 'characters')}{''.join(f' like {p}' for p in patterns)}"
    if kind is date:
        return "allowed: a date as YYYY-MM-DD"
    return f"allowed: {_NOUNS.get(kind, 'a mapping')}"


def _interval(rules: list[Any]) -> str:
    """Bounds of a number in mathematical notation, nothing where there are none."""
    low, high = "(-inf", "inf)"
    for rule in rules:
        match rule:
            case annotated_types.Ge(ge=value):
                low = f"[{_number(value)}"
            case annotated_types.Gt(gt=value):
                low = f"({_number(value)}"
            case annotated_types.Le(le=value):
                high = f"{_number(value)}]"
            case annotated_types.Lt(lt=value):
                high = f"{_number(value)})"
    return "" if (low, high) == ("(-inf", "inf)") else f"{low}, {high}"


def _number(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _length(rules: list[Any], unit: str) -> str:
    least = [rule.min_length for rule in rules if isinstance(rule, annotated_types.MinLen)]
    most = [rule.max_length for rule in rules if isinstance(rule, annotated_types.MaxLen)]
    if least and most:
        return f" of {least[0]} to {most[0]} {unit}"
    return f" of up to {most[0]} {unit}" if most else ""
