"""mosaik's protocol with a foreign simulator, and checks of what it answers.

A message is a length (4 bytes, big-endian) and JSON, ``[type, id, content]``. mosaik's own client waits for
ever for an answer that is no JSON, ends the program where a simulator does not answer in time, and takes an
error of the other side for a finished run; this one says what is wrong.
"""

import asyncio
import json
import math
import time
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any

import mosaik_api_v3
import numpy as np
from mosaik.proxies import BaseProxy

from recosim.errors import ForeignError
from recosim.scenarios.foreign.file import ForeignSimulator
from recosim.scenarios.foreign.process import GRACE_S, POLL_S, Clock, Process, what

REQUEST, SUCCESS, FAILURE = range(3)
MESSAGE_BYTES_MAX = 64_000_000


def as_json(value: Any, *, finite: bool = True) -> Any:
    """Value as JSON knows it: numpy's numbers as numbers, with ``finite`` what is not finite as None."""
    if isinstance(value, dict):
        return {str(key): as_json(item, finite=finite) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(item, finite=finite) for item in value]
    if isinstance(value, np.generic | np.ndarray):
        return as_json(value.tolist(), finite=finite)
    if finite and isinstance(value, float) and not math.isfinite(value):
        return None
    return value


class Checked(BaseProxy):
    """Checks every answer of a simulator before mosaik sees it."""

    def __init__(self, simulator: ForeignSimulator, clock: Clock) -> None:
        super().__init__()
        self._simulator, self._clock, self._step_s = simulator, clock, clock.grid.step_s
        self._meta: Any = {}

    @property
    def meta(self) -> Any:
        """What the simulator says of itself."""
        return self._meta

    @property
    def _who(self) -> str:
        return f"{what(self._simulator.name)}{self._clock}"

    async def init(self, sid: str, **params: Any) -> list[int]:
        """Greet the simulator; returns the version of its protocol."""
        meta = await self.send(("init", (sid,), params))
        if not isinstance(meta, dict) or not isinstance(meta.get("models"), dict):
            raise self.wrong("init", meta, "a mapping with api_version, type and models")
        if meta.get("type") != "time-based" or str(meta.get("api_version", "")).split(".")[0] != "3":
            given = {name: meta.get(name) for name in ("api_version", "type")}
            raise self.wrong("init", given, "api_version 3.0, type time-based")
        for model, described in meta["models"].items():
            attrs = described.get("attrs") if isinstance(described, dict) else None
            if not isinstance(attrs, list) or not all(isinstance(attr, str) for attr in attrs):
                raise self.wrong("init", described, f"model {model} with public, params and a list of attrs")
            described.setdefault("public", True)
            described.setdefault("params", [])
        self._meta = meta
        return [3, 0]

    async def send(self, request: Any) -> Any:
        """Ask the simulator."""
        method, args, kwargs = request
        if method == "step":
            self._clock.time = args[0]
        answer = as_json(await self.ask([method, as_json(args), as_json(kwargs)]), finite=False)
        if method == "create" and not (isinstance(answer, list) and len(answer) == args[0]):
            raise self.wrong(method, answer, f"a list of {args[0]}")
        if method == "create" and not all(isinstance(e, dict) and {"eid", "type"} <= set(e) for e in answer):
            raise self.wrong(method, answer, "entities with eid and type")
        if method == "step" and (isinstance(answer, bool) or not isinstance(answer, int)):
            raise self.wrong(method, answer, "the time of its next step, a whole number of seconds")
        if method == "step" and not self._fits(answer - args[0]):
            steps = f"{args[0]} + {self._step_s}" + (" n, n = 1, 2, ..." if self._simulator.controls else "")
            raise self.wrong(method, answer, f"{steps}: the time of its next step")
        if method == "get_data":
            self._check_data(args[0], answer)
        return answer

    def _fits(self, ahead_s: int) -> bool:
        """Whether a simulator may next be called then: a controller may leave steps out, a device not."""
        if self._simulator.is_controller:
            return ahead_s > 0 and ahead_s % self._step_s == 0
        return ahead_s == self._step_s

    def _check_data(self, wanted: dict[str, list[str]], answer: Any) -> None:
        for eid, attrs in wanted.items():
            given = answer.get(eid) if isinstance(answer, dict) else None
            missing = [attr for attr in attrs if not isinstance(given, dict) or attr not in given]
            if missing:
                raise self.wrong("get_data", given, f"{missing[0]} of {eid} too")

    def wrong(self, method: str, answer: Any, allowed: str) -> ForeignError:
        """Error that says what was answered and what was expected."""
        text = repr(answer)
        shown = text if len(text) <= 80 else f"{text[:77]}..."
        return ForeignError(f"{self._who}: {method} answered {shown}, allowed: {allowed}")

    async def ask(self, request: list[Any]) -> Any:
        """Ask, without a check of the answer."""
        raise NotImplementedError


class InProcess(Checked):
    """A `mosaik_api_v3.Simulator` in our own process, which receives what another process would."""

    def __init__(self, simulator: ForeignSimulator, clock: Clock, made: mosaik_api_v3.Simulator) -> None:
        super().__init__(simulator, clock)
        self._made = made

    async def ask(self, request: list[Any]) -> Any:
        """Call the method."""
        method, args, kwargs = request
        try:
            return getattr(self._made, method)(*args, **kwargs)
        except Exception as error:
            raise ForeignError(f"{self._who} raised in {method}: {type(error).__name__}: {error}") from error

    async def stop(self) -> None:
        """Let it tidy up."""
        self._made.finalize()  # type: ignore[no-untyped-call]


class Remote(Checked):
    """A simulator at the other end of a connection."""

    def __init__(
        self,
        simulator: ForeignSimulator,
        clock: Clock,
        mosaik_remote: Any,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        process: Process | None = None,
    ) -> None:
        super().__init__(simulator, clock)
        self._mosaik, self._reader, self._writer, self._process = mosaik_remote, reader, writer, process
        self._ids = count()
        self._open = True

    async def ask(self, request: list[Any]) -> Any:
        """Send a request and wait for its answer, serving what the simulator asks meanwhile."""
        method, number = request[0], next(self._ids)
        timeout_s = self._simulator.timeout_s
        try:
            async with asyncio.timeout(timeout_s):
                self._write([REQUEST, number, request])
                await self._writer.drain()
                return await self._answer(method, number)
        except TimeoutError:
            self._open = False
            raise ForeignError(
                f"{self._who} did not answer {method} within {timeout_s:g} s; give it more with timeout_s"
            ) from None
        except (asyncio.IncompleteReadError, ConnectionError):
            self._open = False
            raise ForeignError(
                f"{self._who} {await self._how_it_ended()} instead of answering {method}"
            ) from None

    async def _how_it_ended(self) -> str:
        until = time.monotonic() + GRACE_S
        while self._process is not None and time.monotonic() < until:
            if self._process.end is not None:
                return self._process.end
            await asyncio.sleep(POLL_S)
        return "closed the connection"

    def _write(self, message: list[Any]) -> None:
        data = json.dumps(message, allow_nan=False).encode()
        self._writer.write(len(data).to_bytes(4, "big") + data)

    async def _answer(self, method: str, number: int) -> Any:
        while True:
            kind, found, content = self._parsed(await self._message())
            if kind == REQUEST:
                await self._serve(found, content)
            elif found != number:
                raise self._rubbish(f"an answer to request {found}, which is not open")
            elif kind == FAILURE:
                said = content if isinstance(content, list) else [content]
                # type and message; what follows is the other side's traceback
                raise ForeignError(f"{self._who} failed in {method}: {': '.join(map(str, said[:2]))}")
            else:
                return content

    async def _message(self) -> bytes:
        length = int.from_bytes(await self._reader.readexactly(4), "big")
        if length > MESSAGE_BYTES_MAX:
            raise self._rubbish(f"a message of {length} bytes")
        return await self._reader.readexactly(length)

    def _parsed(self, data: bytes) -> tuple[int, Any, Any]:
        try:
            message = json.loads(data)
        except ValueError:
            raise self._rubbish(repr(data[:60])) from None
        if (
            not isinstance(message, list)
            or len(message) != 3
            or message[0] not in (REQUEST, SUCCESS, FAILURE)
        ):
            raise self._rubbish(repr(message)[:60])
        return message[0], message[1], message[2]

    def _rubbish(self, found: str) -> ForeignError:
        self._open = False
        return ForeignError(
            f"{self._who} sent {found}, allowed: 4 bytes of length and JSON [type, id, content]"
        )

    async def _serve(self, number: Any, content: Any) -> None:
        """Answer what the simulator asks of mosaik, such as its progress."""
        try:
            method, args, kwargs = content
            asked: Callable[..., Awaitable[Any]] = getattr(self._mosaik, method)
            self._write([SUCCESS, number, as_json(await asked(*args, **kwargs))])
        except Exception as error:  # noqa: BLE001  the other side is told, whatever it is
            self._write([FAILURE, number, [type(error).__name__, str(error)]])
        await self._writer.drain()

    async def stop(self) -> None:
        """Say that it is over; its process is ended by those who started it."""
        try:
            if self._open:
                self._write([REQUEST, next(self._ids), ["stop", [], {}]])
                await asyncio.wait_for(self._writer.drain(), GRACE_S)
            self._writer.close()
        except (OSError, TimeoutError):
            pass
