"""Commands in this process under watch, and damage to text: what the fuzz tests share."""

import gc
import io
import logging
import random
import signal
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, process_time
from types import FrameType
from typing import Any, NoReturn

from recosim.cli import main

HANG_S = 10.0
"""CPU time after which a command counts as hanging; the clock on the wall gets six times that."""
ERROR_MAX = 3000
BEGINNINGS = ("error: ", "warning: ", "note: ")


class Hanging(BaseException):
    """A command went on for too long."""


def _ring(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise Hanging


@contextmanager
def watched() -> Iterator[None]:
    """Break off what takes more than `HANG_S` of CPU time, or much longer on the wall."""
    before = [signal.signal(number, _ring) for number in (signal.SIGPROF, signal.SIGALRM)]
    signal.setitimer(signal.ITIMER_PROF, HANG_S)
    signal.setitimer(signal.ITIMER_REAL, 6.0 * HANG_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        for number, handler in zip((signal.SIGPROF, signal.SIGALRM), before, strict=True):
            signal.signal(number, handler)


@dataclass
class Tally:
    """How commands ended, and what is wrong with some."""

    codes: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    slowest_s: float = 0.0
    slowest: str = ""
    began: float = field(default_factory=monotonic)

    def told(self) -> str:
        """One line for people."""
        ended = ", ".join(f"{n} {what}" for what, n in sorted(self.codes.items()))
        return f"{ended}; {monotonic() - self.began:.0f} s, slowest {self.slowest_s:.1f} s ({self.slowest})"

    def run(self, case: str, folder: Path, *arguments: str, kept: Sequence[str] = ()) -> int | None:
        """Run a command in a folder; ``kept`` are files that it may write. None where it went wrong."""
        before, temporary = _files(folder), _files(Path(tempfile.gettempdir()))
        out, err, began = io.StringIO(), io.StringIO(), process_time()
        with warnings.catch_warnings(record=True) as warned:
            warnings.resetwarnings()
            for category in (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning):
                warnings.simplefilter("ignore", category)
            code, problem = _ended(arguments, out, err)
        seconds = process_time() - began
        if seconds > self.slowest_s:
            self.slowest_s, self.slowest = seconds, f"{case} {arguments[0]}"
        self.codes[f"{arguments[0]} {code}"] += 1
        text = err.getvalue()
        found = [
            problem,
            *(f"warning shown: {one.message} ({one.filename}:{one.lineno})" for one in warned),
            *_told_badly(code, text),
        ]
        left = _files(folder) - before - {folder / name for name in (kept if code in (0, 1) else ())}
        left |= _files(Path(tempfile.gettempdir())) - temporary
        if left:
            found.append(f"left behind: {sorted(str(path) for path in left)[:3]}")
            for path in left:
                path.unlink(missing_ok=True)
        found = [one for one in found if one]
        self.problems += [f"{case}: {' '.join(arguments)}: {one}" for one in found]
        return None if found else code


def _ended(arguments: Sequence[str], out: io.StringIO, err: io.StringIO) -> tuple[int | None, str]:
    """Exit code of a command, and what went wrong beyond it."""
    handlers = logging.getLogger("recosim").handlers[:]
    try:
        with redirect_stdout(out), redirect_stderr(err), watched():
            main(arguments)
    except SystemExit as ended:
        return int(ended.code or 0), ""
    except Hanging:
        gc.collect()
        return None, f"still at work after {HANG_S:g} s of CPU time"
    except BaseException as error:  # noqa: BLE001  a traceback for the user
        return None, f"traceback: {error!r}"
    finally:
        logging.getLogger("recosim").handlers[:] = handlers
    return None, "main() returned"


def _told_badly(code: int | None, text: str) -> Iterator[str]:
    lines = text.splitlines()
    if code not in (0, 1, 2):
        yield f"exit code {code}"
    if "Traceback" in text or "defect of recosim" in text:
        yield f"unforeseen: {text[-400:]!r}"
    if code == 2 and sum(line.startswith("error: ") for line in lines) != 1:
        yield f"not one error: {text[:300]!r}"
    if code != 2 and any(line.startswith("error: ") for line in lines):
        yield f"an error, and exit code {code}: {text[:300]!r}"
    if not all(line.startswith(BEGINNINGS) for line in lines):
        yield f"standard error: {text[:300]!r}"
    if any(len(line) > ERROR_MAX for line in lines):
        yield f"a message of {max(map(len, lines))} characters: {text[:200]!r}"
    if not text.replace("\n", "").isprintable():
        yield f"not printable: {text[:200]!r}"


def _files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if not path.is_dir()}


def rubbish(rng: random.Random, n: int) -> bytes:
    """Bytes of no meaning."""
    return rng.randbytes(n)


def _lines(change: Callable[[random.Random, list[bytes]], object]) -> Callable[[random.Random, bytes], bytes]:
    def damage(rng: random.Random, data: bytes) -> bytes:
        lines = data.splitlines(keepends=True) or [b""]
        change(rng, lines)
        return b"".join(lines)

    return damage


def _double(rng: random.Random, lines: list[bytes]) -> None:
    first = rng.randrange(len(lines))
    lines[first:first] = lines[first : first + rng.choice([1, 1, 3, 20])]


def _lose(rng: random.Random, lines: list[bytes]) -> None:
    first = rng.randrange(len(lines))
    del lines[first : first + rng.choice([1, 1, 3, 20])]


def _mix(rng: random.Random, lines: list[bytes]) -> None:
    first = rng.randrange(len(lines))
    part = lines[first : first + rng.choice([2, 5, len(lines)])]
    rng.shuffle(part)
    lines[first : first + len(part)] = part


def _splice(rng: random.Random, data: bytes) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.choice(PIECES) + data[at + rng.choice([0, 0, 1, 5]) :]


def _bytes(rng: random.Random, data: bytes) -> bytes:
    changed = bytearray(data or b"x")
    for _ in range(rng.choice([1, 1, 4, 50])):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def _recoded(encoding: str) -> Callable[[random.Random, bytes], bytes]:
    def damage(_rng: random.Random, data: bytes) -> bytes:
        return data.decode("utf-8", errors="replace").encode(encoding, errors="replace")

    return damage


PIECES: tuple[bytes, ...] = (
    b"\0",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\r",
    b"\t",
    b'"',
    b"'",
    b",",
    b";",
    b"\n\n",
    b"#",
    b"-",
    b"1e999",
    b"-1e308",
    b"nan",
    b"inf",
    b"9" * 5000,
    b"x" * 70_000,
    b"\x1b[2J\x1b]0;owned\x07",
    "\u202egnirts \u2028 \U0001f4a5 \u0301".encode(),
    b"\xc3\x28",
    b"{[" * 300,
    b"!!python/object/apply:os.system ['touch owned']",
    b"&a [*a, *a]",
    b"<script>alert(1)</script>[/red][bold",
    b"0000-00-00T25:61:61+99:99",
    b"2025-03-30T02:30:00+01:00",
)
TEXT_DAMAGE: dict[str, Callable[[random.Random, bytes], bytes]] = {
    "cut": lambda rng, data: data[: rng.randrange(len(data) + 1)],
    "headless": lambda rng, data: data[rng.randrange(len(data) + 1) :],
    "doubled": _lines(_double),
    "lost": _lines(_lose),
    "shuffled": _lines(_mix),
    "spliced": _splice,
    "bytes": _bytes,
    "crlf": lambda _rng, data: data.replace(b"\n", b"\r\n"),
    "bom": lambda _rng, data: b"\xef\xbb\xbf" + data,
    "utf-16": _recoded("utf-16"),
    "latin-1": _recoded("latin-1"),
    "nothing": lambda _rng, _data: b"",
    "rubbish": lambda rng, _data: rubbish(rng, rng.choice([1, 100, 10_000])),
}


def damaged_text(rng: random.Random, data: bytes) -> tuple[str, bytes]:
    """One to three kinds of damage, and what they make of a text."""
    kinds = rng.choices([*TEXT_DAMAGE, "spliced", "bytes", "lost", "doubled"], k=rng.choice([1, 1, 1, 2, 3]))
    for kind in kinds:
        data = TEXT_DAMAGE[kind](rng, data)
    return "+".join(kinds), data


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in nested mappings and lists, from the outside in; the outermost left out."""
    entries = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, item in entries:
        yield (*path, key)
        yield from places(item, (*path, key))


def at(value: Any, path: Sequence[Any]) -> Any:
    """What stands at a place."""
    for key in path:
        value = value[key]
    return value
