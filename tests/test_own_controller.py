"""A controller of the user's own: from the README by path, and the example project by name."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples" / "my_controller"
FILE = re.compile(r"^<!-- test: file (?P<name>\S+) -->\n```python\n(?P<body>.*?)^```$", re.M | re.S)


def command(folder: Path, *words: str, **env: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *words],
        cwd=folder,
        env=os.environ | env,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_a_short_controller_runs_beside_a_folder_of_controllers(tmp_path: Path) -> None:
    """Python puts the current folder first: the user's own package must neither be used nor be in the way."""
    shown = {match["name"]: match["body"] for match in FILE.finditer((ROOT / "README.md").read_text())}
    source = shown["sunny.py"]
    assert len(source.splitlines()) < 30
    for folder in ("controllers", "scenarios", "results", "simulators"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "__init__.py").write_text("raise RuntimeError('the wrong folder')\n")
    (tmp_path / "controllers" / "sunny.py").write_text(source)
    spec = "controllers/sunny.py:CoolInTheSun"
    day = ("--days", "1", "--start", "2025-07-14", "--set", "community.size=2")
    out = command(tmp_path, "recosim", "run", "naples", "--controller", spec, *day)
    assert re.search(r"decisions left to a fallback +0", out)
    assert (tmp_path / "runs" / "naples-sunny-2025-07-14-1d-seed1.h5").is_file()


@pytest.mark.slow
def test_the_example_project_runs_by_name(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    shutil.copytree(EXAMPLE, source, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info", "build"))
    pip = ("pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps", "--no-build-isolation")
    command(tmp_path, *pip, "--target", str(target), str(source))
    path = os.pathsep.join(filter(None, [str(target), os.environ.get("PYTHONPATH")]))
    assert "dear-hours  " in command(tmp_path, "recosim", "list", PYTHONPATH=path)
    command(source, "pytest", "-q", "-p", "no:cacheprovider", "tests", PYTHONPATH=path)
    words = ("check-controller", "dear-hours", "--set", "quantile=0.7", "--scenario", "naples")
    shown = command(tmp_path, "recosim", *words, PYTHONPATH=path)
    assert shown.endswith("dear-hours: in order\n")
