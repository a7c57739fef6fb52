"""A controller's options, held against its own pydantic model or its signature."""

import inspect
import json
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, get_type_hints

from pydantic import BaseModel, ConfigDict, PydanticUserError, TypeAdapter, ValidationError

from recosim.errors import ControllerError

_VALUE_WIDTH = 80
_NOUNS = {
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "array": "a list",
    "list": "a list",
    "boolean": "true or false",
    "object": "a mapping",
    "dictionary": "a mapping",
    "tuple": "a list",
}
_TAKE_MANY = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def arguments_of(made_of: Any, spec: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments with which a controller is made of its options.

    A class with an attribute ``Options``, a pydantic model, is made with one argument ``options``, the
    validated model, or with the model's fields if it has no such parameter. Any other is made with the
    options as keyword arguments; where a parameter has an annotation, the value must fit it.

    Parameters
    ----------
    made_of : type or function
    spec : str
        What the user called it, for messages.
    options : mapping

    Raises
    ------
    ControllerError
        An option is unknown, missing or has a value that does not fit.
    """
    model = model_of(made_of)
    if model is not None:
        validated = _modelled(model, spec, options)
        if "options" in _parameters(made_of):
            return {"options": validated}
        return {name: getattr(validated, name) for name in model.model_fields}
    parameters = _parameters(made_of)
    named = [name for name, p in parameters.items() if p.kind not in _TAKE_MANY]
    if not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        _refuse_unknown(spec, options, named)
    missing = [
        name for name in named if parameters[name].default is inspect.Parameter.empty and name not in options
    ]
    if missing:
        raise ControllerError(_missing(spec, missing[0]))
    hints = _hints(made_of)
    for name, value in options.items():
        if name in hints:
            _fit(spec, name, value, hints[name])
    return dict(options)


def option_names(made_of: Any) -> tuple[str, ...]:
    """Options that a controller takes, in its order."""
    model = model_of(made_of)
    if model is not None:
        return tuple(field.alias or name for name, field in model.model_fields.items())
    return tuple(name for name, p in _parameters(made_of).items() if p.kind not in _TAKE_MANY)


def takes_any_option(made_of: Any) -> bool:
    """Whether a mistyped option would go unnoticed."""
    model = model_of(made_of)
    if model is not None:
        return model.model_config.get("extra") == "allow"
    return any(p.kind is p.VAR_KEYWORD for p in _parameters(made_of).values())


def model_of(made_of: Any) -> type[BaseModel] | None:
    """The pydantic model of a controller's options, None where it has none."""
    model = getattr(made_of, "Options", None)
    return model if isinstance(model, type) and issubclass(model, BaseModel) else None


def _modelled(model: type[BaseModel], spec: str, options: Mapping[str, Any]) -> BaseModel:
    if model.model_config.get("extra") != "allow":
        names: dict[str, str] = {}
        for name, field in model.model_fields.items():
            names |= {field.alias or name: name}
            if model.model_config.get("populate_by_name") or model.model_config.get("validate_by_name"):
                names |= {name: name}
        _refuse_unknown(spec, options, list(names))
        given = [names[option] for option in options]
        doubled = [option for option in options if given.count(names[option]) > 1]
        if doubled:
            raise ControllerError(
                f"controller {spec!r}, options {' and '.join(doubled)} are the same; give one"
            )
    try:
        return model.model_validate(dict(options))
    except ValidationError as error:
        detail = error.errors(include_url=False)[0]
        place, inside = str((detail["loc"] or ("",))[0]), detail["loc"][1:]
        if detail["type"] == "missing" and not inside:
            raise ControllerError(_missing(spec, place)) from None
        allowed = _allowed(
            [e["msg"] for e in error.errors(include_url=False) if e["loc"][:1] == detail["loc"][:1]]
        )
        if not place:  # a rule between options
            raise ControllerError(f"controller {spec!r}, options {dict(options)}, {allowed}") from None
        where = f"{place}{''.join(f'[{part}]' for part in inside)}"
        raise ControllerError(
            f"controller {spec!r}, option {where} = {_shown(detail['input'])}, {allowed}"
        ) from None


def _refuse_unknown(spec: str, options: Mapping[str, Any], known: Sequence[str]) -> None:
    unknown = [name for name in options if name not in known]
    if not unknown:
        return
    near = get_close_matches(unknown[0], known, n=1)
    meant = f"; did you mean {near[0]!r}?" if near else ","
    raise ControllerError(
        f"controller {spec!r} has no option {unknown[0]!r}{meant} allowed: {', '.join(known) or 'none'}"
    )


def _missing(spec: str, name: str) -> str:
    return f"controller {spec!r}: option {name} is missing; set it with controller.options.{name}=VALUE"


def _fit(spec: str, name: str, value: Any, annotation: Any) -> None:
    """Hold a value against an annotation, as strictly as a scenario file is read."""
    try:
        adapter = TypeAdapter(annotation, config=None if _own_config(annotation) else ConfigDict(strict=True))
    except (PydanticUserError, TypeError, NameError):  # an annotation that pydantic cannot read
        return
    try:
        try:
            text = json.dumps(value)
        except (TypeError, ValueError):  # from a script, which may give any object
            adapter.validate_python(value, strict=False)
        else:
            adapter.validate_json(text)  # a list then fits a tuple, and nothing else is bent
    except ValidationError as error:
        allowed = _allowed([detail["msg"] for detail in error.errors(include_url=False)])
        raise ControllerError(f"controller {spec!r}, option {name} = {_shown(value)}, {allowed}") from None


def _own_config(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _allowed(messages: Sequence[str]) -> str:
    """What pydantic expects, in our words."""
    wanted, other = [], []
    for message in dict.fromkeys(messages):
        if message.startswith("Input should be "):
            what = message.removeprefix("Input should be ").removeprefix("a valid ").split(", unable")[0]
            wanted.append(_NOUNS.get(what, what))
        else:
            other.append(message.removeprefix("Value error, "))
    parts = [f"allowed: {' or '.join(wanted)}"] if wanted else []
    return "; ".join([*parts, *other])


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _VALUE_WIDTH else f"{text[: _VALUE_WIDTH - 3]}..."


def _parameters(made_of: Any) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(made_of).parameters
    except (TypeError, ValueError):
        return {}


def _hints(made_of: Any) -> dict[str, Any]:
    function = getattr(made_of, "__init__") if isinstance(made_of, type) else made_of  # noqa: B009
    try:
        return get_type_hints(function, include_extras=True)
    except Exception:  # noqa: BLE001  a name that cannot be resolved: then the class checks for itself
        return {}
