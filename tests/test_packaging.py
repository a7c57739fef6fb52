"""The wheel holds the whole tree and works where nothing of the tree is near."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGE_DIR = {"recosim": "recosim"} | PROJECT["tool"]["setuptools"]["package-dir"]
JUNK = shutil.ignore_patterns("__pycache__", "*.pyc", ".*")


def run(*command: str | Path, cwd: Path, **env: str) -> str:
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, env=os.environ | env, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy so that nothing left over in ``build/`` gets in."""
    source = tmp_path_factory.mktemp("source")
    for folder in PACKAGE_DIR.values():
        shutil.copytree(ROOT / folder, source / folder, ignore=JUNK)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    # With the development tools installed the build needs no network.
    modern = int(version("setuptools").split(".")[0]) >= 77
    isolation = ["--no-build-isolation"] if modern else []
    out = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    run(*pip, "wheel", "--quiet", "--no-deps", *isolation, "--wheel-dir", out, ".", cwd=source)
    (built,) = out.glob("recosim-*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel's content and nothing else."""
    target = tmp_path_factory.mktemp("target")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    run(*pip, "install", "--quiet", "--no-deps", "--no-index", "--target", target, wheel, cwd=target)
    return target


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A user's folder whose own ``controllers`` must neither be used nor be in the way."""
    for folder in PACKAGE_DIR.values():
        if folder != "recosim":
            (tmp_path / folder).mkdir()
            (tmp_path / folder / "__init__.py").write_text("raise RuntimeError('the wrong folder')\n")
    return tmp_path


def from_wheel(installed: Path, cwd: Path, *arguments: str) -> str:
    # Without the site module the editable install's finder is off: what the wheel lacks is really absent.
    path = os.pathsep.join([str(installed), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")])
    return run(sys.executable, "-S", *arguments, cwd=cwd, PYTHONPATH=path)


@pytest.mark.xdist_group("wheel")
def test_wheel_holds_the_tree(wheel: Path) -> None:
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    tree = set()
    for package, folder in PACKAGE_DIR.items():
        top = ROOT / folder
        for path in top.rglob("*"):
            inside = path.relative_to(top)
            if path.is_file() and not any(p.startswith(".") or p == "__pycache__" for p in inside.parts):
                tree.add("/".join((*package.split("."), *inside.parts)))
    assert names == tree
    assert "recosim/py.typed" in names


@pytest.mark.xdist_group("wheel")
def test_a_command_runs_outside_the_repository(installed: Path, elsewhere: Path) -> None:
    listing = from_wheel(installed, elsewhere, "-m", "recosim", "list")
    assert "naples" in listing
    for controller in PROJECT["project"]["entry-points"]["recosim.controllers"]:
        assert controller in listing


@pytest.mark.xdist_group("wheel")
def test_entry_points_come_from_the_wheel(installed: Path, elsewhere: Path) -> None:
    code = (
        "from importlib.metadata import entry_points\n"
        "import sys\n"
        "for point in entry_points(group='recosim.controllers'):\n"
        "    cls = point.load()\n"
        "    print(point.name, sys.modules[cls.__module__].__file__)\n"
    )
    lines = from_wheel(installed, elsewhere, "-c", code).split("\n")
    files = dict(line.split(" ", 1) for line in lines if line)
    for name in PROJECT["project"]["entry-points"]["recosim.controllers"]:
        assert Path(files[name]).is_relative_to(installed)


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
def test_a_type_error_is_found_in_every_mapped_folder(tmp_path: Path) -> None:
    for folder in PACKAGE_DIR.values():
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=JUNK)
        (tmp_path / folder / "planted.py").write_text('number: int = "text"\n')
    for file in ("pyproject.toml", "Makefile"):
        shutil.copy(ROOT / file, tmp_path)
    subprocess.run(["make", "links"], cwd=tmp_path, check=True)
    done = subprocess.run([sys.executable, "-m", "mypy"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    for folder in PACKAGE_DIR.values():
        assert f"{folder}/planted.py:1: error:" in done.stdout


def test_the_citation_names_this_version() -> None:
    citation = (ROOT / "CITATION.cff").read_text()
    assert f"\nversion: {PROJECT['project']['version']}\n" in citation
    assert f"\n## {PROJECT['project']['version']}" in (ROOT / "CHANGELOG.md").read_text()
