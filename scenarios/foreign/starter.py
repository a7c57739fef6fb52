"""How foreign simulators come into a mosaik world: by command, by address, or from a Python file."""

import asyncio
import shlex
import sys
import time
from importlib import import_module
from pathlib import Path
from runpy import run_path
from typing import Any

import mosaik_api_v3
from mosaik.proxies import BaseProxy
from mosaik.starters import Starter

from recosim.errors import ForeignError
from recosim.scenarios.foreign.file import ADDRESS, PYTHON, ForeignSimulator
from recosim.scenarios.foreign.process import POLL_S, Clock, Process, what
from recosim.scenarios.foreign.protocol import InProcess, Remote

HOST = "127.0.0.1"


class ForeignStarter(Starter):
    """Starts a simulator, or connects to it, as its file says.

    Parameters
    ----------
    simulator : ForeignSimulator
    folder : Path
    clock : Clock
    processes : list of Process
        The new process is appended: whoever owns the list ends it, whatever happens.
    """

    api_version = None

    def __init__(
        self, simulator: ForeignSimulator, folder: Path, clock: Clock, processes: list[Process]
    ) -> None:
        self._simulator, self._folder, self._clock = simulator, folder, clock
        self._processes = processes

    @classmethod
    def from_starter_config(cls, starter_config: Any) -> None:
        """Say no: it is never made from mosaik's own configuration."""

    async def start(self, sim_id: str, mosaik_remote: Any, mosaik_config: Any) -> BaseProxy:
        """Start or connect."""
        one = self._simulator
        if one.python is not None:
            return InProcess(one, self._clock, self._made(one.python))
        if one.connect is not None:
            host, _, port = one.connect.rpartition(":")
            try:
                streams = await asyncio.wait_for(
                    asyncio.open_connection(host, int(port)), one.timeout_start_s
                )
            except (OSError, OverflowError, TimeoutError) as error:
                raise ForeignError(
                    f"{what(one.name)}: nobody answers at {one.connect} "
                    f"({error or 'in time'}); start it first"
                ) from None
            return Remote(one, self._clock, mosaik_remote, *streams)
        return await self._launched(str(one.command), mosaik_remote)

    def _made(self, spec: str) -> mosaik_api_v3.Simulator:
        place, _, name = spec.rpartition(":")
        try:
            if place.endswith(".py"):
                found = run_path(str(self._folder / place)).get(name)
            else:
                found = getattr(import_module(place), name, None)
        except Exception as error:
            raise ForeignError(
                f"{what(self._simulator.name)}: python = {spec}: {type(error).__name__}: {error}"
            ) from error
        if not (isinstance(found, type) and issubclass(found, mosaik_api_v3.Simulator)):
            raise ForeignError(
                f"{what(self._simulator.name)}: {place} has no class {name} that is a mosaik_api_v3.Simulator"
            )
        try:
            return found()  # type: ignore[call-arg]  # its own constructor takes nothing
        except Exception as error:
            raise ForeignError(
                f"{what(self._simulator.name)}: {spec}(): {type(error).__name__}: {error}"
            ) from error

    async def _launched(self, command: str, mosaik_remote: Any) -> Remote:
        connected: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        async def on_connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if connected.done():
                writer.close()
            else:
                connected.set_result((reader, writer))

        server = await asyncio.start_server(on_connect, HOST, None)
        try:
            address = "{}:{}".format(*server.sockets[0].getsockname()[:2])
            try:
                words = shlex.split(command)
            except ValueError as error:
                raise ForeignError(f"{what(self._simulator.name)}: command = {command!r}: {error}") from None
            words = [word.replace(ADDRESS, address).replace(PYTHON, sys.executable) for word in words]
            process = Process(self._simulator.name, words, self._folder)
            self._processes.append(process)
            await self._wait_for(connected, process)
        finally:
            server.close()
        return Remote(self._simulator, self._clock, mosaik_remote, *connected.result(), process=process)

    async def _wait_for(self, connected: asyncio.Future[Any], process: Process) -> None:
        name, timeout_s = self._simulator.name, self._simulator.timeout_start_s
        until = time.monotonic() + timeout_s
        while not connected.done():
            if process.end is not None:
                raise ForeignError(
                    f"{what(name)} {process.end} before it connected; it must connect to {ADDRESS}"
                )
            if time.monotonic() > until:
                raise ForeignError(
                    f"{what(name)} did not connect within {timeout_s:g} s; it must connect to "
                    f"{ADDRESS}, or be given more with timeout_start_s"
                )
            await asyncio.wait([connected], timeout=POLL_S)
