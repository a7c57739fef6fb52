"""The site that `make docs` builds from docs/: whole, linked, up to date, and loading nothing."""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

import h5py
import pytest

from recosim.quantities import KPI_NAMES, QUANTITIES
from recosim.scenarios.loader import json_schema, load_scenario
from recosim.scenarios.runner import run_scenario
from recosim.scenarios.validation.reference import Request
from recosim.scenarios.validation.registry import VALIDATIONS, run_validations

ROOT = Path(__file__).resolve().parents[1]
LOADS = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href", "object": "data"}
RELATED = {"canonical", "next", "prev"}
"""Kinds of ``link`` that load nothing."""
FIGURES = ROOT / "docs" / "figures"


class Page(HTMLParser):
    """What a page links to, loads and can be linked to at."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.links: list[str] = []
        self.loads: list[str] = []
        self.ids: set[str] = set()
        self.words: list[str] = []
        self.codes: set[str] = set()
        self._in_code = False
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.ids |= {given[name] for name in ("id", "name") if given.get(name)}
        self._in_code = tag == "code"
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        if given.get(LOADS.get(tag)) and given.get("rel") not in RELATED:
            self.loads.append(given[LOADS[tag]])

    def handle_endtag(self, tag):
        self._in_code = False

    def handle_data(self, data):
        self.words.append(data)
        if self._in_code:
            self.codes.add(data)


@dataclass
class Site:
    folder: Path
    said: str
    pages: dict[str, Page] = field(default_factory=dict)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    if find_spec("mkdocs") is None or find_spec("mkdocstrings") is None:
        pytest.skip("mkdocs is not installed (pip install -e '.[docs]')")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    env = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = Site(folder=folder, said=done.stderr)
    found.pages = {path.name: Page(path) for path in folder.glob("*.html")}
    return found


def test_every_page_is_built_and_in_the_navigation(site: Site) -> None:
    sources = {path.with_suffix(".html").name for path in (ROOT / "docs").glob("*.md")}
    assert sources <= site.pages.keys()
    assert sources <= {urlsplit(link).path for link in site.pages["citing.html"].links}
    assert "WARNING" not in site.said


def test_links_and_anchors_lead_somewhere(site: Site) -> None:
    checked = 0
    for page in site.pages.values():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc or page.path.name == "404.html":
                continue
            target = page.path if not parts.path else (page.path.parent / unquote(parts.path)).resolve()
            assert target.is_file(), (page.path.name, link)
            checked += 1
            if parts.fragment and target.suffix == ".html":
                assert unquote(parts.fragment) in site.pages[target.name].ids, (page.path.name, link)
    assert checked > 500


def test_pages_load_nothing_from_elsewhere(site: Site) -> None:
    for page in site.pages.values():
        assert page.loads
        assert not [url for url in page.loads if urlsplit(url).scheme or urlsplit(url).netloc], page.path.name
    for sheet in site.folder.rglob("*.css"):
        text = sheet.read_text(encoding="utf-8")
        assert "url(http" not in text
        assert "@import" not in text


def test_equations_need_no_script(site: Site) -> None:
    text = site.pages["models.html"].path.read_text(encoding="utf-8")
    assert text.count("<math") > 50
    assert "arithmatex" not in text
    assert "merror" not in text


def test_what_is_made_is_there(site: Site) -> None:
    for page in site.pages.values():
        text = page.path.read_text(encoding="utf-8")
        assert "<!-- made:" not in text
        assert "<!-- picture:" not in text


def test_every_key_of_a_scenario_is_in_the_reference(site: Site) -> None:
    schema = json_schema()
    codes = site.pages["scenario-reference.html"].codes
    words = " ".join(" ".join(site.pages["scenario-reference.html"].words).split())
    sections = {"Scenario": schema, **schema["$defs"]}
    assert len(sections) > 30
    for name, section in sections.items():
        assert section["description"], name
        assert section["description"].split("\n")[0].split("`")[0].rstrip() in words, name
        for key, node in section["properties"].items():
            assert key in codes, (name, key)
            if "description" in node:
                assert node["description"].split("`")[0].rstrip() in words, (name, key)
            else:
                assert "$ref" in json.dumps(node), (name, key)


def test_every_quantity_is_on_the_page_of_results(site: Site) -> None:
    codes = site.pages["results.html"].codes
    assert {*KPI_NAMES, *QUANTITIES} <= codes


def test_every_part_of_a_result_file_is_on_the_page_of_results(site: Site, tmp_path: Path) -> None:
    overrides = [
        "period.start=2025-01-15",
        "period.days=1",
        "period.warmup_days=0",
        "community.shiftable_appliances=true",
        "community.dwellings[0].hot_water={}",
        "community.dwellings[1].car={}",
        "community.dwellings[2].battery.ageing=lfp",
        "faults=[{kind: forecast_down, start: 2025-01-15T06:00, end: 2025-01-15T09:00}]",
    ]
    file = tmp_path / "run.h5"
    run_scenario(load_scenario("naples", overrides), controller="mpc", out=file)
    codes = site.pages["results.html"].codes
    named = {part for code in codes for part in code.split("/")} | {"0", "1"}
    with h5py.File(file) as run:
        parts: list[str] = list(run["meta"].attrs)
        run.visit(parts.append)
        members = list(run["members"])
    assert len(parts) > 120
    for part in parts:
        name = part.rpartition("/")[2].removeprefix("setpoint_")
        assert name in named or name in members, part


def test_the_example_of_the_settlement_comes_out_as_its_page_says(recosim, tmp_path: Path) -> None:
    text = (ROOT / "docs" / "settlement.md").read_text(encoding="utf-8")
    for name, body in re.findall(r"<!-- test: file (\S+) -->\n```\w*\n(.*?)```", text, re.S):
        (tmp_path / name).write_text(body, encoding="utf-8")
    files = ("readings.csv", "--community", "community.yaml", "--prices", "prices.csv")
    code, _, _ = recosim("settle", *files, "--json", "example.json")
    assert code == 0
    found = json.loads((tmp_path / "example.json").read_text(encoding="utf-8"))
    rossi = found["by_member"]["IT001E00000002"]
    example = text[text.index("## A worked example") : text.index("## Settle real meter data")]
    assert "| all | 80 | 75 | 65 | | 7.85 |" in example
    assert (found["energy_injected_kwh"], found["energy_withdrawn_kwh"]) == (80.0, 75.0)
    assert (found["energy_shared_kwh"], rossi["energy_credited_kwh"]) == (65.0, 37.0)
    names = ("premium_eur", "premium_excess_eur", "valorisation_eur", "sale_eur")
    amounts = [found[name] for name in names] + [
        rossi[f"{n}_eur"] for n in ("premium", "excess", "valorisation")
    ]
    assert [f"{amount:.2f}" for amount in amounts] == [
        "7.85",
        "2.06",
        "0.69",
        "10.84",
        "3.30",
        "1.17",
        "0.39",
    ]
    assert all(f"{amount:.2f}" in example for amount in amounts)


def run_figures(name: str, request: Request) -> tuple[list[dict], list[dict]]:
    """Rows of a validation now, and those that the pages show."""
    now = [dict(vars(row)) for row in run_validations(name, request).reports[name].rows]
    return now, json.loads((FIGURES / f"{name}.json").read_text(encoding="utf-8"))["rows"]


def assert_same(now: list[dict], shown: list[dict]) -> None:
    assert [(row["group"], row["what"]) for row in now] == [(row["group"], row["what"]) for row in shown]
    for ours, theirs in zip(now, shown, strict=True):
        numbers = {key for key in ours if isinstance(ours[key], float) and isinstance(theirs[key], float)}
        assert "value" in numbers or ours["value"] == theirs["value"]
        for key in ours:
            near = pytest.approx(theirs[key], rel=1e-4, abs=1e-6) if key in numbers else theirs[key]
            assert ours[key] == near, (ours, theirs)


def test_the_pages_show_every_validation() -> None:
    assert {path.stem for path in FIGURES.glob("*.json")} == set(VALIDATIONS)
    text = (ROOT / "docs" / "validation.md").read_text(encoding="utf-8")
    assert all(f"<!-- made: validation-{name} -->" in text for name in VALIDATIONS)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tabula", "households"])
def test_figures_of_the_pages_are_those_of_the_command(name: str) -> None:
    assert_same(*run_figures(name, Request()))


@pytest.mark.slow
def test_figures_of_the_climate_are_those_of_the_command() -> None:
    now, shown = run_figures("climate", Request(cases=("rome",)))
    assert_same(now, [row for row in shown if row["group"] == "Rome"])


@pytest.mark.slow
@pytest.mark.parametrize(("name", "cases"), [("irradiation", ()), ("bestest", ("900FF",))])
def test_figures_of_denver_are_those_of_the_command(shared_data: Path, name: str, cases: tuple) -> None:
    weather = shared_data / "validation" / "USA_CO_Denver.Intl.AP.725650_TMY3.epw"
    now, shown = run_figures(name, Request(weather=weather, cases=cases))
    groups = {row["group"] for row in now}
    assert_same(now, [row for row in shown if row["group"] in groups])
