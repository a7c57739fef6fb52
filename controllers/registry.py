"""Finds a controller by name and makes it with its options."""

import hashlib
import importlib.util
import inspect
import sys
from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import numpy as np

from recosim.contracts import Controller
from recosim.controllers.options import arguments_of
from recosim.errors import ControllerError

GROUP = "recosim.controllers"


def controller_names() -> tuple[str, ...]:
    """Controllers that are installed, by entry point."""
    return tuple(sorted({entry.name for entry in entry_points(group=GROUP)}))


def make_controller(spec: str, options: Mapping[str, Any], *, trusted: bool = False) -> Controller:
    """Make a controller.

    Parameters
    ----------
    spec : str
        Name of an entry point; with ``trusted`` also ``package.module:Class`` or ``path/to/file.py:Class``.
    options : mapping
        What the class takes, by its model or signature (`arguments_of`).
    trusted : bool
        Whether the spec comes from the command line: a scenario file may only name what is installed, so
        that reading one runs no code of its author.

    Raises
    ------
    ControllerError
        There is no such controller, it cannot be imported, or an option does not fit.
    """
    found = find_controller(spec, trusted=trusted)
    arguments = arguments_of(found, spec, options)
    try:
        made = found(**arguments)
    except ControllerError:
        raise
    except Exception as error:
        raise ControllerError(
            f"controller {spec!r} with options {dict(options)}: {type(error).__name__}: {error}"
        ) from error
    for method in ("reset", "decide"):
        if not callable(getattr(made, method, None)):
            raise ControllerError(
                f"controller {spec!r} has no method {method}; see recosim.contracts.Controller"
            )
    steps = getattr(made, "horizon_steps", 0)
    if not isinstance(steps, int | np.integer) or isinstance(steps, bool) or steps < 0:
        raise ControllerError(
            f"controller {spec!r}: horizon_steps = {steps!r}, allowed: a whole number, 0 or more"
        )
    controller: Controller = made
    return controller


def find_controller(spec: str, *, trusted: bool = False) -> Any:
    """The class of a controller; parameters and errors as `make_controller`."""
    if ":" in spec:
        if not trusted:
            raise ControllerError(
                f"controller {spec!r}: a scenario names installed controllers only "
                f"({', '.join(controller_names())}); give code with --controller on the command line"
            )
        return _class_in(spec)
    return _installed(spec)


def code_of(controller: Controller) -> str:
    """Hash of the file that a controller is written in; empty where it has none."""
    told = getattr(controller, "code_sha256", None)
    if isinstance(told, str):  # a controller in a process of its own
        return told
    try:
        file = inspect.getsourcefile(type(controller))
        return hashlib.sha256(Path(file or "").read_bytes()).hexdigest()
    except (OSError, TypeError):
        return ""


def _installed(name: str) -> Any:
    for entry in entry_points(group=GROUP):
        if entry.name == name:
            return entry.load()
    if name.endswith(".py"):
        raise ControllerError(f"controller {name!r}: name the class too, {name}:Class")
    raise ControllerError(
        f"controller {name!r} is not installed, allowed: {', '.join(controller_names())}, "
        "package.module:Class or path/to/file.py:Class"
    )


def _class_in(spec: str) -> Any:
    place, _, name = spec.rpartition(":")
    if not place or not name:
        raise ControllerError(f"controller {spec!r}: name module and class, package.module:Class")
    try:
        module = _module_at(Path(place)) if place.endswith(".py") else import_module(place)
    except ControllerError:
        raise
    except Exception as error:
        raise ControllerError(f"controller {spec!r}: {type(error).__name__}: {error}") from error
    found = getattr(module, name, None)
    if not isinstance(found, type):
        classes = [item for item, value in vars(module).items() if _is_own_class(value, module)]
        there = ", ".join(classes) or "it has none at all"
        raise ControllerError(f"controller {spec!r}: {place} has no class {name}, allowed: {there}")
    return found


def _is_own_class(value: object, module: Any) -> bool:
    return isinstance(value, type) and value.__module__ == module.__name__


def _module_at(path: Path) -> Any:
    if not path.is_file():
        raise ControllerError(f"controller file {path} is not there; give a path from {Path.cwd()}")
    name = f"recosim_user_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ControllerError(f"controller file {path} cannot be read as Python")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
