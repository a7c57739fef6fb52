"""Result files from others: what leads out of the file, claims too much or is damaged is refused unread."""

import struct
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from recosim.errors import ResultsError
from recosim.results.run_file import RunMeta, open_run
from recosim.results.store import RunWriter
from recosim.timegrid import TimeGrid

SERIES = {"meter": {"energy_withdrawn_kwh": ("flat-1", "flat-2")}}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    grid = TimeGrid.from_local_date("2025-07-14", 1)
    meta = RunMeta(name="x", scenario_yaml="name: x\n" * 50, controller="rules", seed=1)
    with RunWriter(tmp_path / "run.h5", meta=meta, grid=grid, series=SERIES) as writer:
        writer.append({"meter": {"energy_withdrawn_kwh": np.ones((96, 2))}}, 96)
        writer.finish({"cost_net_eur": 1.0})
    with open_run(tmp_path / "run.h5") as run:
        assert run.kpis == {"cost_net_eur": 1.0}
    return tmp_path / "run.h5"


def replaced(name: str, make: Callable[[h5py.File], None]) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        attributes = dict(file[name].attrs)
        del file[name]
        make(file)
        if isinstance(file.get(name, getlink=True), h5py.HardLink):
            file[name].attrs.update(attributes)

    return change


def virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout(shape=(96,), dtype="i8")
    layout[...] = h5py.VirtualSource("other.h5", "time", shape=(96,))
    file.create_virtual_dataset("time", layout)


def external_link(file: h5py.File) -> None:
    file["time"] = h5py.ExternalLink("other.h5", "/time")


def soft_link(file: h5py.File) -> None:
    file["time"] = h5py.SoftLink("/series")


def raw(file: h5py.File) -> None:
    file.create_dataset("time", (96,), "i8", external=[("/etc/passwd", 0, h5py.h5f.UNLIMITED)])


def huge(file: h5py.File) -> None:
    file.create_dataset("time", (10**12,), "i8", chunks=(1024,))


def filtered(file: h5py.File) -> None:
    file.create_dataset("time", (96,), "i8", compression="lzf")


def compound(file: h5py.File) -> None:
    file.create_dataset("time", (96,), [("a", "i4"), ("b", "f8")])


def large_chunk(file: h5py.File) -> None:
    file.create_dataset("time", (96,), "i8", maxshape=(None,), chunks=(10_000_000,))


def deep(file: h5py.File) -> None:
    file.create_group("/".join("abcdefghijk"))
    file["time"] = np.arange(96)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (virtual, "/time keeps its values in another file"),
        (raw, "/time keeps its values in another file"),
        (external_link, "/time is a link"),
        (soft_link, "/time is a link"),
        (huge, "/time claims 1000000000000 values"),
        (filtered, "/time asks for filter 32000"),
        (compound, "/time holds neither numbers nor text"),
        (large_chunk, "/time has chunks of 80000000 bytes"),
        (deep, "nested more than"),
    ],
)
def test_refused_unread(path: Path, make: Callable[[h5py.File], None], message: str) -> None:
    with h5py.File(path, "r+") as file:
        replaced("time", make)(file)
    with pytest.raises(ResultsError, match=message) as refused:
        open_run(path)
    assert "\n" not in str(refused.value)


def test_own_filters_are_read(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        times = file["time"][:]

        def make(file: h5py.File) -> None:
            file.create_dataset("time", data=times, compression="gzip", shuffle=True, fletcher32=True)

        replaced("time", make)(file)
    with open_run(path) as run:
        np.testing.assert_array_equal(run.grid.times, times)


@pytest.mark.parametrize("step", [0, 1, 2**40])
def test_a_heap_of_text_without_end(path: Path, step: int) -> None:
    """HDF5 itself never returns from such a heap: its steps lead nowhere."""
    data = bytearray(path.read_bytes())
    place = data.find(b"GCOL\x01")
    assert place > 0
    data[place + 16 : place + 32] = bytes(8) + step.to_bytes(8, "little")
    path.write_bytes(data)
    with pytest.raises(ResultsError, match="heap of its text is damaged"):
        open_run(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda file: file["committed"].write_direct(np.array(97)), "97 of 96 steps"),
        (lambda file: file["time"].__setitem__(5, 0), "does not advance"),
        (lambda file: file["meta"].attrs.__setitem__("timezone", "Mars/Base"), "/meta cannot be read"),
        (lambda file: file["meta"].attrs.__setitem__("step_s", -900), "/meta cannot be read"),
        (lambda file: file["meta/kpis"].__setitem__((), '{"cost_net_eur": NaN}'), "key figure cost_net_eur"),
        (lambda file: file["meta/kpis"].__setitem__((), "[1]"), "/meta cannot be read"),
        (lambda file: file["series/meter/energy_withdrawn_kwh"].resize(95, 0), r"has the shape \(95, 2\)"),
        (lambda file: file["members/meter"].attrs.__setitem__("x", "y" * 60_000), None),
    ],
)
def test_parts_that_do_not_fit(path: Path, change: Callable[[h5py.File], None], message: str | None) -> None:
    with h5py.File(path, "r+") as file:
        change(file)
    if message is None:
        open_run(path).close()
        return
    with pytest.raises(ResultsError, match=message):
        open_run(path)


def test_values_that_are_no_numbers(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file["series/meter/energy_withdrawn_kwh"][3, 1] = np.inf
    with open_run(path) as run, pytest.raises(ResultsError, match="no finite number"):
        run.values("meter", "energy_withdrawn_kwh")


def test_a_write_that_was_cut_short_is_not_taken_for_damage(written, tmp_path):
    path = written(tmp_path / "run.h5", n_written=96, finish=False)
    with path.open("ab") as file:  # a heap of the day in which the process was killed
        file.write(b"GCOL\x01\0\0\0" + struct.pack("<Q", 2**40))
    with open_run(path) as run:
        assert run.committed == 96
