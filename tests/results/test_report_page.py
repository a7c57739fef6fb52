"""The report in a browser: it draws, moves, asks nobody for anything, and can be used without eyes."""

from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import pytest

from recosim.results.report.story import report_page
from recosim.scenarios.loader import load_scenario
from recosim.scenarios.report_bands import band_of
from recosim.scenarios.runner import run_scenario

READY = "document.documentElement.dataset.ready === 'yes'"
VISIBLE = "[...document.querySelectorAll('.plot')].filter((each) => each.clientWidth > 0)"
MARKS = ".scatterlayer .trace path, .barlayer .point path, .heatmaplayer image, .sankey-link"
SERIOUS = ("serious", "critical")


@pytest.fixture(scope="module")
def page_file(chromium, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    runs = []
    for controller, days in (("rules", 9), ("mpc", 2)):  # the first has weeks to choose from
        scenario = load_scenario("naples", [f"period.days={days}", "period.start=2025-01-11"])
        runs.append(folder / f"{controller}.h5")
        run_scenario(scenario, controller=controller, out=runs[-1])
    path = folder / "report.html"
    path.write_text(report_page(runs, band_of), encoding="utf-8")
    return path


@pytest.fixture
def page(chromium, page_file):
    chromium.problems.clear()
    chromium.requests.clear()
    chromium.look()
    chromium.open(page_file, READY)
    return chromium


def drawings(page) -> dict[str, int]:
    """How many marks each visible plot has."""
    script = f"Object.fromEntries({VISIBLE}.map((p) => [p.id, p.querySelectorAll({MARKS!r}).length]))"
    return page.run(script)


def is_quiet(page) -> bool:
    asked = [url for url in page.requests if not url.startswith(("file:", "data:", "blob:"))]
    return page.problems == [] and asked == []


@pytest.mark.slow
def test_every_plot_draws_for_every_run_and_nothing_is_asked_for(page) -> None:
    first = drawings(page)
    kinds = {name.rpartition("-")[0] for name in first}
    assert {"power", "temp", "stored", "compared", "plot-0-E", "plot-0-C", "plot-0-M", "plot-0-W"} <= kinds
    assert all(first.values()), first
    page.run(
        "(() => { const c = document.getElementById('run'); c.value = '1'; "
        "c.dispatchEvent(new Event('change')); })()"
    )
    second = drawings(page)
    assert {"power-1", "plot-1-E-0"} <= second.keys()
    assert "power-0" not in second
    assert page.run("document.getElementById('bar-1').clientWidth") == 0  # two days need no slider
    assert all(second.values()), second
    assert is_quiet(page), (page.problems, page.requests)


@pytest.mark.slow
def test_the_slider_moves_by_keys_and_the_plots_with_it(page) -> None:
    def shown():
        return page.run(
            "[document.getElementById('shown-0').textContent, "
            "document.getElementById('power-0').data[0].x[0], "
            "document.getElementById('temp-0').getAttribute('aria-label'), "
            "document.getElementById('told-0').textContent]"
        )

    page.run(
        "(() => { const s = document.getElementById('slider-0'); s.value = 0; "
        "s.dispatchEvent(new Event('input')); s.focus(); })()"
    )
    before = shown()
    assert before[:2] == ["11 January 2025 to 17 January 2025", "2025-01-11T00:00"]
    for kind in ("keyDown", "keyUp"):
        page.send(
            "Input.dispatchKeyEvent", type=kind, key="ArrowRight", code="ArrowRight", windowsVirtualKeyCode=39
        )
    after = shown()
    assert after[:2] == ["12 January 2025 to 18 January 2025", "2025-01-12T00:00"]
    assert before[2] != after[2]
    assert before[3] != after[3]
    page.run("document.getElementById('on-0').click()")
    assert shown()[0] == "13 January 2025 to 19 January 2025"  # the last
    assert page.run("document.getElementById('on-0').disabled")
    assert is_quiet(page), (page.problems, page.requests)


@pytest.mark.slow
def test_paper_shows_every_run(page) -> None:
    """A plot of a run that is not chosen has no size until then."""
    page.run("window.dispatchEvent(new Event('beforeprint'))")
    drawn = drawings(page)
    page.run("window.dispatchEvent(new Event('afterprint'))")
    assert {"power-0", "power-1", "temp-1", "plot-0-E-0", "plot-1-E-0", "plot-1-M-1"} <= drawn.keys()
    assert all(drawn.values()), drawn
    assert "power-1" not in drawings(page)
    assert page.run("document.querySelector('details.told').open") is False
    assert is_quiet(page), (page.problems, page.requests)


@pytest.mark.slow
def test_tables_and_plots_can_be_heard(page) -> None:
    assert page.run("document.documentElement.lang") == "en"
    captions = page.run(
        "[...document.querySelectorAll('table')].map((t) => t.caption && t.caption.textContent)"
    )
    assert len(captions) > 10
    assert all(captions), captions
    heads = "[...document.querySelectorAll('th')].filter((th) => !th.scope).length"
    assert page.run(heads) == 0
    told = page.run(f"{VISIBLE}.map((p) => p.getAttribute('aria-label'))")
    assert len(told) > 8
    for words in told:
        assert any(letter.isdigit() for letter in words), words  # a summary with figures, not a title
    ids = page.run("[...document.querySelectorAll('[id]')].map((each) => each.id)")
    assert len(ids) == len(set(ids))
    assert page.run("document.getAnimations().length") == 0


@pytest.mark.slow
def test_keys_reach_the_slider_and_show_where_they_are(page) -> None:
    page.run("document.getElementById('back-0').focus()")
    for kind in ("keyDown", "keyUp"):
        page.send("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
    assert page.run("document.activeElement.id") == "slider-0"
    assert page.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    assert " to " in page.run("document.activeElement.getAttribute('aria-valuetext')")


@pytest.mark.slow
def test_another_dwelling_is_drawn_against_its_band(page) -> None:
    page.run(
        "(() => { const d = document.getElementById('dwelling-0'); d.value = '2'; "
        "d.dispatchEvent(new Event('change')); })()"
    )
    names = page.run("document.getElementById('temp-0').data.map((trace) => trace.name)")
    assert names[:3] == ["band, lower edge", "band, upper edge", "flat-03, operative"]


@pytest.mark.slow
@pytest.mark.parametrize(("width", "dark"), [(1280, False), (1280, True), (390, False), (390, True)])
def test_nobody_is_kept_out(page, page_file, width, dark) -> None:
    if find_spec("axe_core_python") is None:
        pytest.skip("axe-core-python is not installed")
    page.look(width=width, dark=dark)
    page.open(page_file, READY)
    assert page.run("document.documentElement.scrollWidth") <= width
    page.send("Runtime.evaluate", expression=files("axe_core_python").joinpath("axe.min.js").read_text())
    found = page.run(
        "axe.run(document).then((r) => [r.passes.length, r.violations.map((v) => "
        "[v.impact, v.id, v.nodes[0].html.slice(0, 200)])])"
    )
    assert found[0] > 20
    assert [violation for violation in found[1] if violation[0] in SERIOUS] == []
    assert is_quiet(page), (page.problems, page.requests)
