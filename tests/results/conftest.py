"""Small result files with everything a file can hold; a headless Chromium, driven by DevTools.

A page is opened from a file. Whatever it logs, throws or asks the network for is kept.
"""

import asyncio
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from recosim.results.run_file import RunMeta
from recosim.results.store import RunWriter
from recosim.timegrid import TimeGrid

SERIES = {
    "meter": dict.fromkeys(("energy_withdrawn_kwh", "energy_injected_kwh"), ("flat 1", "stairs à", "flat 1")),
    "battery": {"energy_battery_kwh": ("flat/1", "b"), "setpoint_power_charge_kw": ("b",)},
    "weather": {"temp_outdoor_degc": ("site",)},
}
META = RunMeta(
    name="small",
    scenario_yaml="name: small\n",
    controller="rules",
    seed=7,
    notices=("Weather: of a friend.", "Prices: GME."),
)

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
START_S, ANSWER_S = 60.0, 120.0


def program() -> str:
    """Path of the browser; the test is skipped where there is none."""
    found = next((path for path in map(shutil.which, PROGRAMS) if path), None)
    if found is None:
        pytest.skip("there is no Chromium here")
    return found


def arguments(profile: Path) -> list[str]:
    return [
        program(),
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        f"--user-data-dir={profile}",
    ]


class Page:
    """An open page."""

    def __init__(self, loop: asyncio.AbstractEventLoop, socket) -> None:
        self._loop, self._socket, self._id = loop, socket, 0
        self.problems: list[str] = []
        self.requests: list[str] = []

    def send(self, method: str, **params):
        """Give an order and wait for its answer."""
        self._id += 1
        return self._loop.run_until_complete(asyncio.wait_for(self._ask(method, params, self._id), ANSWER_S))

    async def _ask(self, method, params, number):
        await self._socket.write_message(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            text = await self._socket.read_message()
            assert text is not None, "the browser hung up"
            message = json.loads(text)
            if message.get("id") == number:
                assert "error" not in message, (method, message["error"])
                return message["result"]
            self._note(message)

    def _note(self, message) -> None:
        method, params = message.get("method"), message.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.problems.append(json.dumps(params["exceptionDetails"])[:2000])
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
            self.problems.append(json.dumps(params["args"])[:2000])
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.problems.append(params["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])

    def run(self, script: str):
        """Value of a JavaScript expression, awaited if it is a promise."""
        answer = self.send("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, json.dumps(answer["exceptionDetails"])[:2000]
        return answer["result"].get("value")

    def look(self, *, width: int = 1280, height: int = 900, dark: bool = False) -> None:
        """Set the size of the screen and what the reader prefers."""
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[scheme])

    def open(self, path: Path, ready: str = "document.readyState === 'complete'") -> None:
        """Load a file and wait until ``ready`` holds."""
        self.send("Page.navigate", url=path.resolve().as_uri())
        self.wait(f"document.readyState === 'complete' && ({ready})")

    def wait(self, condition: str) -> None:
        """Wait until a JavaScript condition holds."""
        end = time.monotonic() + ANSWER_S
        while not self.run(f"Boolean({condition})"):
            assert time.monotonic() < end, f"never came true: {condition}; {self.problems}"
            time.sleep(0.05)


async def hang_up(socket) -> None:
    """Close a connection within the loop that it belongs to."""
    socket.close()
    await asyncio.sleep(0)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Page]:
    """A browser, shared by the tests."""
    with browser() as page:
        yield page


@contextmanager
def browser() -> Iterator[Page]:
    """A browser with one empty page."""
    from tornado.httpclient import AsyncHTTPClient
    from tornado.websocket import websocket_connect

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        profile = Path(folder)
        process = subprocess.Popen(
            [*arguments(profile), "--remote-debugging-port=0", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        loop = asyncio.new_event_loop()
        try:
            port = _port(profile / "DevToolsActivePort", process)

            async def connect():
                answer = await AsyncHTTPClient().fetch(f"http://127.0.0.1:{port}/json/list")
                found = [each for each in json.loads(answer.body) if each["type"] == "page"]
                address = found[0]["webSocketDebuggerUrl"]
                return await websocket_connect(address, max_message_size=200_000_000)

            socket = loop.run_until_complete(connect())
            page = Page(loop, socket)
            for domain in ("Page", "Runtime", "Log", "Network"):
                page.send(f"{domain}.enable")
            yield page
            loop.run_until_complete(hang_up(socket))
        finally:
            process.terminate()
            process.wait(timeout=30)
            loop.close()


def _port(file: Path, process: subprocess.Popen) -> int:
    end = time.monotonic() + START_S
    while time.monotonic() < end and process.poll() is None:
        if file.is_file() and (lines := file.read_text().splitlines()):
            return int(lines[0])
        time.sleep(0.05)
    raise AssertionError(f"Chromium did not start (exit code {process.poll()})")


def _written(path: Path, *, start="2025-10-25", days=3, step_s=900, finish=True, n_written=None) -> Path:
    grid = TimeGrid.from_local_date(start, days, step_s=step_s)
    rng = np.random.default_rng(5)
    with RunWriter(path, meta=META, grid=grid, series=SERIES) as writer:
        while writer.committed < (grid.n_steps if n_written is None else n_written):
            size = min(writer.rows_per_block, grid.n_steps - writer.committed)
            block = {
                group: {name: rng.normal(size=(size, len(members))) for name, members in names.items()}
                for group, names in SERIES.items()
            }
            block["battery"]["setpoint_power_charge_kw"][::3] = np.nan
            block["battery"]["energy_battery_kwh"] *= (
                writer.committed > 0
            )  # a day of zeros is not in the file
            writer.append(block, size)
        hours = np.arange(4) * 3600 + grid.start
        writer.write_settlement(
            {
                "hourly": {
                    "time": hours,
                    "energy_shared_kwh": rng.random(4),
                    "premium_eur": rng.random((4, 3)),
                    "sale_eur": rng.random((4, 3)),
                },
                "members": {"bill_eur": rng.random(3), "pod": np.array(["flat 1", "stairs à", "flat 1"])},
                "monthly": {"year": [2025], "month": [3], "energy_eur": rng.random((1, 3))},
            }
        )
        writer.write_controller(
            {"status": ["ok"] * writer.committed, "milliseconds": rng.random(writer.committed)}
        )
        writer.write_faults(
            {"kind": ["meter"], "start": [grid.start], "end": [grid.start + 3600], "text": ["x"]}
        )
        if finish:
            writer.finish({"bill_eur": 12.5, "battery_cycles": None, "contract_overruns": 3})
    return path


@pytest.fixture
def written() -> Callable[..., Path]:
    """``written(path, start=..., days=..., step_s=..., finish=..., n_written=...)`` makes a result file."""
    return _written
