"""The pages of docs/ in a browser, as files, without a network: nothing goes wrong, nothing sticks out."""

import os
import subprocess
import sys
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import pytest

READ_ALOUD = ("concepts", "settlement", "python")
SERIOUS = ("serious", "critical")
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if find_spec("mkdocs") is None or find_spec("mkdocstrings") is None:
        pytest.skip("mkdocs is not installed (pip install -e '.[docs]')")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    subprocess.run(command, cwd=ROOT, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"}, check=True)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_pages_are_whole_and_ask_nobody(chromium, site, width, dark) -> None:
    chromium.look(width=width, dark=dark)
    pages = sorted(path for path in site.glob("*.html") if path.name != "404.html")
    assert len(pages) > 12
    chromium.open(pages[0])
    chromium.run("localStorage.clear()")  # where a reader's choice of light or dark is kept
    for path in pages:
        chromium.problems.clear()
        chromium.requests.clear()
        chromium.open(path)
        outside = [url for url in chromium.requests if not url.startswith(("file:", "data:", "blob:"))]
        assert outside == [], path.name
        assert chromium.problems == [], path.name
        assert chromium.run("document.documentElement.scrollWidth") <= width, path.name
        scheme = chromium.run("document.body.getAttribute('data-md-color-scheme')")
        assert scheme == ("slate" if dark else "default")
        assert chromium.run("document.querySelector('h1').innerText").strip()


@pytest.mark.slow
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("name", READ_ALOUD)
def test_nobody_is_kept_out(chromium, site, name, dark) -> None:
    if find_spec("axe_core_python") is None:
        pytest.skip("axe-core-python is not installed")
    chromium.look(width=1280, dark=dark)
    chromium.open(site / f"{name}.html")
    chromium.run("localStorage.clear()")
    chromium.open(site / f"{name}.html")
    axe = files("axe_core_python").joinpath("axe.min.js").read_text()
    chromium.send("Runtime.evaluate", expression=axe)
    found = chromium.run(
        "axe.run(document).then((r) => [r.passes.length, r.violations.map((v) => "
        "[v.impact, v.id, v.nodes[0].html.slice(0, 200)])])"
    )
    assert found[0] > 20
    assert [violation for violation in found[1] if violation[0] in SERIOUS] == []
