"""Scenario and community files that were changed in any way: in order, or refused in one line."""

import copy
import os
import random
import sys
from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from recosim.scenarios.loader import json_schema, library_names, write_copy

sys.path.insert(0, str(Path(__file__).parent))
from fuzzing import Tally, at, damaged_text, places

RICH = Path(__file__).with_name("rich.yaml")
SEED = os.environ.get("RECOSIM_FUZZ_SEED", "20251121")
SCHEMA = json_schema()
WORK_KEYS = ("size", "n_samples", "days", "warmup_days")
"""Keys whose larger values are more work rather than a mistake: those tried are beyond all bounds."""
VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 10**9, -(10**9), 10**30, 10**4000, 0.0, -0.0, 0.5, 1.0, 1e-300, 1e300,
    float("nan"), float("inf"), -float("inf"), "", " ", "0", "1e3", "yes", "no", "null", "nan", ".inf", "x",
    "flat-1", "common", "x" * 10_000, "\u202e\u2066\u200b", "\x1b[31mred\x1b[0m", "\0", "\U0001f4a5",
    "e\u0301" * 50, "../../../etc/passwd", "/dev/stdin", "~/x.csv", "file:///etc/passwd", "${HOME}",
    "{{7*7}}", "<script>alert(1)</script>", "[red]x[/red]", "[/bold]", "2025-02-30", "0000-00-00",
    "2025-13-45T99:99", date(1, 1, 1), date(9999, 12, 31), date(2025, 3, 30), datetime(2025, 3, 30, 2, 30),
    [], {}, [[]], [{}], [None], {"": None}, {"a": {"b": {"c": []}}}, [1, "x", None], list(range(2000)),
    b"\x00\xff", {1, 2},
)  # fmt: skip
TEXTS: tuple[bytes, ...] = (
    b"a: &a [x, x]\n"
    + b"".join(b"%c: &%c [*%c, *%c, *%c, *%c]\n" % (98 + i, 98 + i, *[97 + i] * 4) for i in range(20)),
    b"[" * 100_000,
    b"{a: " * 100_000,
    b"- " * 50_000 + b"x",
    b"a: &a\n  b: *a\n",
    b"<<: {name: x}\nname: y\n",
    b"<<: [1, 2]\n",
    b"? [a, b]\n: c\n",
    b"? {a: b}\n: c\n",
    b"name: !!python/object/apply:os.system ['touch owned']\n",
    b"name: !!python/name:os.system\n",
    b"!!binary x\n",
    b"!!set {a, b}\n",
    b"!!omap [a: 1]\n",
    b"!<tag:yaml.org,2002:int> 0x\n",
    b"--- a\n--- b\n",
    b"%YAML 9.9\n---\nname: x\n",
    b"name: 0o99999999999999999999\nseed: 1_000_000\nperiod: 190:20:30\n",
    b"name: 2025-99-99\n",
    b"seed: 0x" + b"f" * 5000 + b"\n",
    b"seed: 0b" + b"1" * 20000 + b"\n",
    b"seed: " + b"9" * 5000 + b"\n",
    b"a: 1\n" * 300_000,
    b"x" * 9_000_000,
    b'{"name": "x", "location": {"place": "naples"}}',
    b"name: \xed\xa0\x80\n",
    b"\xfe\xff\x00n",
)


def test_the_rich_scenario_is_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(_folder(tmp_path / "tmp")))
    monkeypatch.chdir(tmp_path)
    tally = Tally()
    (tmp_path / "rich.yaml").write_text(RICH.read_text())
    assert tally.run("rich", tmp_path, "check", "rich.yaml") == 0, tally.problems
    run = ("run", "rich.yaml", "--days", "1", "--out", "rich.h5")
    assert tally.run("rich", tmp_path, *run, kept=("rich.h5",)) == 0, tally.problems
    assert not tally.problems


@pytest.mark.slow
def test_scenarios(soaking: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is checked; of those in order one in four (with --soak all) is run for a day, some by the MPC."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(_folder(tmp_path / "tmp")))
    folder = _folder(tmp_path / "here")
    monkeypatch.chdir(folder)
    for name in library_names():
        write_copy(name, tmp_path / "library")
    texts = [RICH.read_bytes()] * 3 + [path.read_bytes() for path in sorted(tmp_path.glob("library/*.yaml"))]
    tally, n_in_order = Tally(), 0
    for number in range(1800 if soaking else 180):
        rng = random.Random(f"{SEED}-scenario-{number}")
        kind, data = mutated(rng, rng.choice(texts), number)
        case = f"scenario {number} ({kind})"
        (folder / "case.yaml").write_bytes(data)
        code = tally.run(case, folder, "check", "case.yaml")
        if code == 0:
            n_in_order += 1
            if soaking or n_in_order % 4 == 0:
                controller = "mpc" if n_in_order % 16 == 0 else "rules"
                run = (
                    "run",
                    "case.yaml",
                    "--days",
                    "1",
                    "--controller",
                    controller,
                    "--out",
                    "run.h5",
                    "--force",
                )
                tally.run(case, folder, *run, kept=("run.h5",))
                (folder / "run.h5").unlink(missing_ok=True)
    print(tally.told())  # noqa: T201  with -s, and where something is wrong
    assert not tally.problems, "\n".join(tally.problems)
    assert not list(tmp_path.rglob("owned"))
    assert tally.codes["check 0"] > 0.05 * number
    assert tally.codes["check 2"] > 0.3 * number


@pytest.mark.slow
def test_communities(soaking: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(_folder(tmp_path / "tmp")))
    folder = _folder(tmp_path / "here")
    monkeypatch.chdir(folder)
    tally = Tally()
    (folder / "rich.yaml").write_bytes(RICH.read_bytes())
    tally.run("base", folder, "run", "rich.yaml", "--days", "1", "--out", "run.h5", kept=("run.h5",))
    files = [f"base/{name}" for name in ("readings.csv", "community.yaml", "prices.csv")]
    tally.run("base", folder, "export", "run.h5", "--out", "base", kept=[*files, "base/NOTICES.txt"])
    assert not tally.problems
    text = (folder / "base" / "community.yaml").read_bytes()
    for number in range(200 if soaking else 20):
        rng = random.Random(f"{SEED}-community-{number}")
        kind, data = mutated(rng, text, number)
        (folder / "case.yaml").write_bytes(data)
        words = [
            "settle",
            files[0],
            "--community",
            "case.yaml",
            *(["--prices", files[2]] if number % 3 else []),
        ]
        tally.run(f"community {number} ({kind})", folder, *words)
    print(tally.told())  # noqa: T201
    assert not tally.problems, "\n".join(tally.problems)
    assert {"settle 0", "settle 2"} <= tally.codes.keys()


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


def mutated(rng: random.Random, text: bytes, number: int) -> tuple[str, bytes]:
    """A scenario's text after one kind of change, told by number so that every kind comes."""
    if number % 10 == 0:
        place = number // 10 % len(TEXTS)
        return f"text {place}", TEXTS[place]
    if number % 10 < 3:
        return damaged_text(rng, text)
    data = yaml.safe_load(text)
    kinds = rng.choices(list(CHANGES), k=rng.choice([1, 1, 1, 2, 4]))
    for kind in kinds:
        data = CHANGES[kind](rng, data)
    sys.set_int_max_str_digits(5000)
    written = yaml.safe_dump(data, sort_keys=False, allow_unicode=rng.random() < 0.5)
    if rng.random() < 0.1:
        kinds += (damaged := damaged_text(rng, written.encode("utf-8", "surrogatepass")))[:1]
        return "+".join(kinds), damaged[1]
    return "+".join(kinds), written.encode("utf-8", "surrogatepass")


def _anywhere(rng: random.Random, data: Any) -> tuple[Any, Any]:
    """A random place: what holds it, and its key there."""
    found = list(places(data))
    if not found:
        return {"x": 0}, "x"
    path = rng.choice(found)
    return at(data, path[:-1]), path[-1]


def _replace(rng: random.Random, data: Any) -> Any:
    holder, key = _anywhere(rng, data)
    value = rng.choice(VALUES)
    if key not in WORK_KEYS or not isinstance(value, int) or not 50 < value < 10**8:
        holder[key] = copy.deepcopy(value)
    return data


def _delete(rng: random.Random, data: Any) -> Any:
    holder, key = _anywhere(rng, data)
    del holder[key]
    return data


def _rename(rng: random.Random, data: Any) -> Any:
    holder, key = _anywhere(rng, data)
    if isinstance(holder, dict):
        names = (
            str(key).upper(),
            f"{key}s",
            str(key)[:-1],
            "",
            "x" * 500,
            7,
            None,
            f"{key}\u200b",
            "\x1b[0m",
            "__class__",
        )
        holder[rng.choice(names)] = holder.pop(key)
    return data


def _swap(rng: random.Random, data: Any) -> Any:
    (one, key), (other, place) = _anywhere(rng, data), _anywhere(rng, data)
    one[key], other[place] = copy.deepcopy(other[place]), copy.deepcopy(one[key])
    return data


def _move(rng: random.Random, data: Any) -> Any:
    holder, key = _anywhere(rng, data)
    value = holder.pop(key)
    target, place = _anywhere(rng, data)
    target[place] = {key: value} if rng.random() < 0.5 else [value]
    return data


def _repeat(rng: random.Random, data: Any) -> Any:
    lists = [at(data, path) for path in places(data) if isinstance(at(data, path), list)]
    if lists:
        chosen = rng.choice(lists)
        chosen *= rng.choice([0, 2, 3])
    return copy.deepcopy(data)


def _scale(rng: random.Random, data: Any) -> Any:
    numbers = [
        path
        for path in places(data)
        if isinstance(at(data, path), int | float)
        and not isinstance(at(data, path), bool)
        and path[-1] not in WORK_KEYS
    ]
    for path in rng.sample(numbers, min(len(numbers), rng.choice([1, 1, 3, 10]))):
        value = at(data, path)
        factor = rng.choice([-1, 0, 1000, 1e-6, 1e6, 0.5, 1.1, 0.99, 2])
        at(data, path[:-1])[path[-1]] = type(value)(value * factor)
    return data


def _extreme(rng: random.Random, data: Any) -> Any:
    """Set what the schema knows to the ends of what is allowed, or to another word of it."""
    known = [found for found in _described(data, SCHEMA, ()) if found[1] not in WORK_KEYS]
    for holder, key, schema in rng.sample(known, min(len(known), rng.choice([1, 1, 2, 4, 8]))):
        choices = list(_extremes(schema))
        if choices:
            holder[key] = rng.choice(choices)
    return data


def _described(value: Any, schema: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, Any, Any]]:
    """Each key that is there or could be: what holds it, and its schema."""
    for option in _options(schema):
        if isinstance(value, dict):
            if "properties" in option and value.keys() <= option["properties"].keys():
                for key, inner in option["properties"].items():
                    yield value, key, inner
                    if key in value:
                        yield from _described(value[key], inner, (*path, key))
                return
        elif isinstance(value, list) and "items" in option:
            for item in value:
                yield from _described(item, option["items"], path)
            return


def _options(schema: Any) -> Iterator[Any]:
    if "$ref" in schema:
        yield from _options(SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]])
    elif "anyOf" in schema or "oneOf" in schema:
        for option in schema.get("anyOf") or schema["oneOf"]:
            yield from _options(option)
    else:
        yield schema


def _extremes(schema: Any) -> Iterator[Any]:
    for option in _options(schema):
        yield from option.get("enum", ())
        kind = option.get("type")
        if kind == "boolean":
            yield from (True, False)
        if kind in ("number", "integer"):
            low, high = option.get("minimum", 0), option.get("maximum", 1e6)
            low = option.get("exclusiveMinimum", low) + (1e-9 if "exclusiveMinimum" in option else 0)
            high = option.get("exclusiveMaximum", high) - (1e-9 if "exclusiveMaximum" in option else 0)
            yield from (int(x) if kind == "integer" else x for x in (low, high, low + 0.1 * (high - low)))
        if kind == "null":
            yield None


def _add(rng: random.Random, data: Any) -> Any:
    holder, key = _anywhere(rng, data)
    if isinstance(holder, dict):
        holder[rng.choice(ADDED)] = copy.deepcopy(rng.choice(VALUES))
    else:
        holder.insert(0, copy.deepcopy(rng.choice(VALUES)))
    return data


ADDED = (
    "size", "file", "source", "mapping", "plants", "dwellings", "battery", "car", "hot_water", "faults",
    "controller", "name", "kind", "options", "horizon", "seed", "folder", "_folders", "tariff", "__proto__",
)  # fmt: skip
CHANGES: dict[str, Callable[[random.Random, Any], Any]] = {
    "extreme": _extreme,
    "extreme ": _extreme,
    "extreme  ": _extreme,
    "replace": _replace,
    "delete": _delete,
    "rename": _rename,
    "swap": _swap,
    "move": _move,
    "repeat": _repeat,
    "scale": _scale,
    "add": _add,
}
