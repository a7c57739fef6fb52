"""Result files that were damaged, or made by somebody else: read, or refused in one line.

The files of a test are opened in one child process, so that a crash of the HDF5 library is counted as what it
is instead of ending the tests.
"""

import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from fuzzing import Tally

SEED = os.environ.get("RECOSIM_FUZZ_SEED", "20251121")
RICH = Path(__file__).with_name("rich.yaml")
WRITTEN = (
    "page.html",
    *(f"out/{name}" for name in ("readings.csv", "community.yaml", "prices.csv", "NOTICES.txt")),
)
SOUND = ("whole.h5", "part.h5")
TEXTS = (
    "",
    "x",
    "\x1b[31mred",
    "[/bold]",
    "<script>alert(1)</script>",
    "\u202e",
    "a\nb",
    "null",
    "{}",
    "[]",
    '{"a": [',
)
Damage = Callable[[random.Random, Path], None]


def make_sound(folder: Path) -> None:
    """Write a run that is complete and one that was interrupted after its first day."""
    tally = Tally()
    shutil.copy(RICH, folder / "rich.yaml")
    words = ("run", "rich.yaml", "--days", "2", "--out")
    assert tally.run("sound", folder, *words, SOUND[0], kept=SOUND) == 0, tally.problems
    shutil.copy(folder / SOUND[0], folder / SOUND[1])
    with h5py.File(folder / SOUND[1], "r+") as file:
        # as the day before left it: its checkpoint is in the slot of its turn
        slots = {int(slot.attrs["committed"]): slot for slot in file["checkpoint"].values()}
        file["committed"][()] = min(slots)
        file["meta"].attrs["complete"] = False
        del file["meta/kpis"], file["settlement"]


def commands_for(number: int) -> list[list[str]]:
    """What reads a damaged file ``case.h5``: a comparison, and in turn a page, an export, going on."""
    others = [
        ["report", "case.h5", "--out", "page.html"],
        ["export", "case.h5", "--out", "out", "--force"],
        ["run", "rich.yaml", "--days", "2", "--out", "case.h5", "--resume"],
    ]
    files = ["case.h5", "whole.h5"] if number % 2 else ["whole.h5", "case.h5"]
    return [["compare", *files], others[number // len(DAMAGE) % len(others)], others[number % len(others)]]


def read_damaged(folder: Path, seed: str, first: int, last: int) -> Tally:
    """Damage and read files, in this process."""
    tally, n_known = Tally(), 0
    for number in range(first, last):
        rng = random.Random(f"{seed}-result-{number}")
        kind = list(DAMAGE)[number % len(DAMAGE)]
        case = folder / "case.h5"
        shutil.copy(folder / SOUND[0 if rng.random() < 0.7 else 1], case)
        try:
            DAMAGE[kind](rng, case)
        except (KeyError, OSError, RuntimeError, TypeError, ValueError):
            continue  # h5py would not do it
        for words in commands_for(number):
            print(f"at {number} ({kind}) {words[0]}", file=sys.__stderr__, flush=True)  # noqa: T201
            tally.run(f"{number} ({kind})", folder, *words, kept=WRITTEN)
            for path in WRITTEN:
                (folder / path).unlink(missing_ok=True)
        for problem in tally.problems[n_known:]:
            print(problem, flush=True)  # noqa: T201
        n_known = len(tally.problems)
        case.unlink()
    return tally


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("here", "tmp"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


@pytest.mark.slow
def test_damaged_results(soaking: bool, folder: Path) -> None:
    make_sound(folder)
    for number in (0, 1, 2):
        for words in commands_for(number):
            shutil.copy(folder / SOUND["--resume" in words], folder / "case.h5")
            assert Tally().run("sound", folder, *words, kept=WRITTEN) == 0
    words = [sys.executable, __file__, str(folder), SEED, "0", "200" if soaking else "20"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=folder)
    print(done.stdout)  # noqa: T201
    last = done.stderr.strip().splitlines()[-1:]
    assert done.returncode == 0, f"exit code {done.returncode}, {last}\n{done.stdout}\n{done.stderr[-2000:]}"


def _flips(rng: random.Random, path: Path) -> None:
    data = bytearray(path.read_bytes())
    for _ in range(rng.choice([1, 10, 100, 1000])):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    path.write_bytes(data)


def _head(rng: random.Random, path: Path) -> None:
    data = bytearray(path.read_bytes())
    for _ in range(rng.choice([1, 2, 8, 64])):
        data[rng.randrange(min(len(data), 20_000))] = rng.choice([0, 1, 255, rng.randrange(256)])
    path.write_bytes(data)


def _cut(rng: random.Random, path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: rng.choice([0, 1, 7, 8, 512, 2048, len(data) - 1, rng.randrange(len(data))])])


def _zeroes(rng: random.Random, path: Path) -> None:
    data = bytearray(path.read_bytes())
    for _ in range(rng.choice([1, 1, 5])):
        first, n = rng.randrange(len(data)), rng.choice([8, 64, 512, 4096, 65_536])
        data[first : first + n] = bytes(len(data[first : first + n]))
    path.write_bytes(data)


def _rearranged(rng: random.Random, path: Path) -> None:
    data = path.read_bytes()
    n = rng.choice([512, 4096, 30_000])
    one, other = rng.randrange(len(data)), rng.randrange(len(data))
    path.write_bytes(data[:one] + data[other : other + n] + data[one + n :])


def _longer(rng: random.Random, path: Path) -> None:
    path.write_bytes(
        rng.choice([path.read_bytes() + rng.randbytes(1000), rng.randbytes(5000), b"\x89HDF\r\n\x1a\n"])
    )


def _items(file: h5py.File) -> list[str]:
    names: list[str] = []
    file.visit(names.append)
    return names


def _removed(rng: random.Random, path: Path) -> None:
    with h5py.File(path, "r+") as file:
        for name in rng.sample(_items(file), rng.choice([1, 1, 3])):
            if name in file:
                del file[name]


def _attributes(rng: random.Random, path: Path) -> None:
    with h5py.File(path, "r+") as file:
        named = [item for item in [file, *(file[name] for name in _items(file))] if len(item.attrs)]
        attributes = rng.choice([file["meta"], *named]).attrs
        key = rng.choice(list(attributes))
        if rng.random() < 0.4:
            del attributes[key]
        else:
            attributes[key] = rng.choice(
                [*TEXTS, 0, -1, 2**62, 1.5, np.nan, np.arange(3), np.array(["a", "b"], "S1")]
            )


def _replaced(rng: random.Random, path: Path) -> None:
    """Put another kind of data set in the place of one."""
    with h5py.File(path, "r+") as file:
        names = [name for name in _items(file) if isinstance(file[name], h5py.Dataset)]
        name = rng.choice([*names, "time", "committed", "meta/scenario", "meta/versions"])
        attributes = dict(file[name].attrs)
        old = file[name][()]
        del file[name]
        text = rng.choice(TEXTS)
        new = rng.choice(
            [
                0, -1, 2**62, np.nan, text, text * 50_000, [], np.zeros((2, 3)), np.zeros((0, 4)),
                np.zeros(1, "u1"), np.zeros(3, [("a", "i4"), ("b", "f8")]), np.array([b"x", b"yy"]),
                np.ones(5) + 1j, np.full(10, -1e300), np.asarray(old).astype("S5"),
                np.asarray(old)[..., None], np.asarray(old).ravel()[:1], h5py.Empty("f4"),
            ]
        )  # fmt: skip
        file.create_dataset(name, data=new)
        file[name].attrs.update(attributes)


def _values(rng: random.Random, path: Path) -> None:
    with h5py.File(path, "r+") as file:
        numbers = [
            n for n in _items(file) if isinstance(file[n], h5py.Dataset) and file[n].dtype.kind in "if"
        ]
        for name in rng.sample(numbers, 3):
            dataset = file[name]
            value = rng.choice([np.nan, np.inf, -1, 0, 1e30, 2**31])
            if dataset.dtype.kind == "f" or np.isfinite(value) and value < 2**31:
                dataset[...] = value


def _texts(rng: random.Random, path: Path) -> None:
    with h5py.File(path, "r+") as file:
        named = [n for n in _items(file) if isinstance(file[n], h5py.Dataset) and file[n].dtype.kind == "O"]
        dataset = file[rng.choice(named)]
        dataset[...] = rng.choice(TEXTS) if dataset.ndim else _yaml_or_json(rng, dataset.asstr()[()])


def _yaml_or_json(rng: random.Random, text: str) -> str:
    first = rng.randrange(len(text))
    return rng.choice(
        [
            text[:first], text[first:], text[:first] + rng.choice(TEXTS) + text[first + 3 :], "[" * 20_000,
            '{"x": NaN}', "a: &a [1]\nb: *a\n", "!!python/object/apply:os.system ['touch owned']",
            "9" * 10_000, '{"cost_net_eur": "x"}',
        ]
    )  # fmt: skip


def _huge(rng: random.Random, path: Path) -> None:
    """A data set that claims far more than it holds."""
    with h5py.File(path, "r+") as file:
        names = [name for name in _items(file) if isinstance(file[name], h5py.Dataset)]
        name = rng.choice([*names, "time", "checkpoint/0"])
        attributes, dtype = dict(file[name].attrs), file[name].dtype
        del file[name]
        shape = rng.choice([(10**12,), (10**9, 10), (10**6, 10**6), (1, 10**9)])
        file.create_dataset(name, shape=shape, dtype=dtype, chunks=True)
        file[name].attrs.update(attributes)


def _elsewhere(rng: random.Random, path: Path) -> None:
    """Pointers out of the file."""
    secret = path.with_name("whole.h5")
    with h5py.File(path, "r+") as file:
        name = rng.choice([name for name in _items(file) if name not in ("meta", "series")])
        attributes = dict(file[name].attrs)
        shape = getattr(file[name], "shape", (1,)) or (1,)
        del file[name]
        match rng.choice(["external link", "soft link", "raw", "virtual"]):
            case "external link":
                file[name] = h5py.ExternalLink(str(secret), f"/{name}")
            case "soft link":
                file[name] = h5py.SoftLink(rng.choice(["/time", f"/{name}", "/nowhere"]))
            case "raw":
                file.create_dataset(name, shape, "u1", external=[("/etc/passwd", 0, h5py.h5f.UNLIMITED)])
            case "virtual":
                layout = h5py.VirtualLayout(shape=shape, dtype="f4")
                layout[...] = h5py.VirtualSource(str(secret), name, shape=shape)
                file.create_virtual_dataset(name, layout)
        if name in file:
            file[name].attrs.update(attributes)


def _packed(rng: random.Random, path: Path) -> None:
    """Compressed, by HDF5's own filters or as if by others."""
    with h5py.File(path, "r+") as file:
        name = rng.choice([n for n in _items(file) if isinstance(file[n], h5py.Dataset) and file[n].ndim])
        attributes, old = dict(file[name].attrs), file[name][()]
        del file[name]
        options = rng.choice(
            [{"compression": "gzip"}, {"compression": "lzf"}, {"shuffle": True, "fletcher32": True}]
        )
        file.create_dataset(name, data=old, chunks=True, **options)
        file[name].attrs.update(attributes)


DAMAGE: dict[str, Damage] = {
    "flips": _flips, "head": _head, "cut": _cut, "zeroes": _zeroes, "rearranged": _rearranged,
    "longer": _longer, "removed": _removed, "attributes": _attributes, "replaced": _replaced,
    "values": _values, "texts": _texts, "huge": _huge, "elsewhere": _elsewhere, "packed": _packed,
}  # fmt: skip


if __name__ == "__main__":
    tempfile.tempdir = str(Path(sys.argv[1]).parent / "tmp")
    found = read_damaged(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    print(found.told())  # noqa: T201
    sys.exit(1 if found.problems else 0)
