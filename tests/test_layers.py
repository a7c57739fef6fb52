"""Imports go down the house only, and by one name."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FLOOR_OF_FOLDER = {"recosim": 0, "simulators": 1, "controllers": 2, "results": 3, "scenarios": 4}
TOP_FLOOR_MODULES = ("cli", "__main__", "tables", "leaderboard_tables", "plots", "terminal", "commands")
FACE = "recosim"
"""The package itself: offers at its top, when asked, what lives on the floors."""
OFFERED = ("open_run",)
TOP_FLOOR = 5
MAPPED = tuple(folder for folder in FLOOR_OF_FOLDER if folder != "recosim")


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    parts = parts if parts[0] == "recosim" else ("recosim", *parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def floor(module: str) -> int:
    parts = module.split(".")
    if parts[0] == "recosim" and parts[1:2] and parts[1] in (*TOP_FLOOR_MODULES, *OFFERED):
        return TOP_FLOOR
    return FLOOR_OF_FOLDER.get(parts[1], 0) if len(parts) > 1 else 0


def imported(tree: ast.AST) -> list[tuple[int, str]]:
    """Line and full name of everything imported; ``from a import b`` counts as ``a.b``."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            origin = "." * node.level + (node.module or "")
            found += [(node.lineno, f"{origin}.{alias.name}") for alias in node.names]
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in ("import_module", "__import__"):
                found.append((node.lineno, str(node.args[0].value)))
    return found


def violations(module: str, source: str, above: int | None = None) -> list[str]:
    """What breaks the rules in the source of ``module``, one line each."""
    here = TOP_FLOOR if module == FACE else floor(module) if above is None else above
    wrong = []
    for line, name in imported(ast.parse(source)):
        top = name.split(".")[0]
        if name.startswith("."):
            wrong.append(f"{module}:{line}: relative import {name}")
        elif top in MAPPED:
            wrong.append(f"{module}:{line}: {name}: import recosim.{top}, a second name makes a second class")
        elif top == "recosim" and floor_of_name(name) > here:
            wrong.append(f"{module}:{line}: floor {here} imports {name} from floor {floor_of_name(name)}")
    return wrong


def floor_of_name(name: str) -> int:
    """Floor of an imported name, which may be a module or something inside one."""
    return max(floor(name), floor(name.rpartition(".")[0]))


def files(*folders: str) -> list[Path]:
    found = [p for folder in folders for p in (ROOT / folder).rglob("*.py") if "__pycache__" not in p.parts]
    return sorted(found)


def test_imports_go_down() -> None:
    sources = files(*FLOOR_OF_FOLDER)
    assert len(sources) > len(FLOOR_OF_FOLDER)
    assert [v for path in sources for v in violations(module_name(path), path.read_text())] == []


def test_everything_else_uses_the_one_name() -> None:
    sources = files("tests", "benchmarks", "examples", "docs")
    wrong = [
        v for path in sources for v in violations(str(path.relative_to(ROOT)), path.read_text(), TOP_FLOOR)
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("recosim.errors", "from recosim.simulators.group import DeviceGroup"),
        ("recosim.errors", "from recosim import cli"),
        ("recosim.errors", "import recosim.tables"),
        ("recosim.simulators.physics.battery", "import recosim.controllers"),
        ("recosim.simulators.gse", "from recosim import controllers"),
        ("recosim.controllers.mpc", "def f():\n    from recosim.results.kpis import kpis"),
        ("recosim.results.store", "from recosim.scenarios.loader import load_scenario"),
        ("recosim.scenarios.runner", "from recosim.cli import main"),
        ("recosim.scenarios.runner", "from recosim.tables import kpi_table"),
        ("recosim.controllers.mpc", "import importlib\nimportlib.import_module('recosim.scenarios.world')"),
        ("recosim.controllers.mpc", "from . import rules"),
        ("recosim.controllers.mpc", "from .rules import Rules"),
        ("recosim.cli", "from controllers.mpc import Mpc"),
        ("recosim.cli", "import scenarios"),
        ("recosim.results.kpis", "from recosim import open_run"),
    ],
)
def test_a_forbidden_import_is_found(module: str, source: str) -> None:
    assert len(violations(module, source)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("recosim.simulators.gse", "from recosim.simulators.settlement.sharing import shared"),
        ("recosim.simulators.gse", "from recosim import __version__"),
        ("recosim.scenarios.world", "from recosim.results.recorder import Recorder\nimport numpy"),
        ("recosim.cli", "from recosim.scenarios.loader import load_scenario"),
        ("recosim.__main__", "from recosim.cli import main"),
        ("recosim.cli", "from recosim import tables"),
        ("recosim", "from recosim.results.opened import open_run"),
    ],
)
def test_a_lawful_import_passes(module: str, source: str) -> None:
    assert violations(module, source) == []


def test_floors() -> None:
    assert floor(module_name(ROOT / "recosim" / "cli.py")) == TOP_FLOOR
    assert floor(module_name(ROOT / "recosim" / "__init__.py")) == 0
    assert floor(module_name(ROOT / "simulators" / "physics" / "__init__.py")) == 1
    assert module_name(ROOT / "scenarios" / "loader.py") == "recosim.scenarios.loader"
