"""A job goes through a Dask scheduler as bytes."""

import pickle
import subprocess
import sys

import pytest

from recosim.scenarios.bench.plan import file_sha256
from recosim.scenarios.bench.task import call, packed

HEAVY = ("numpy", "pandas", "pvlib", "pyomo", "recosim.scenarios.bench.plan")


def test_a_packed_call_is_made_where_it_is_unpacked(tmp_path):
    path = tmp_path / "empty"
    path.touch()
    assert call(packed(file_sha256, path)) == file_sha256(path)


def test_errors_come_out_as_they_are(tmp_path):
    with pytest.raises(FileNotFoundError):
        call(packed(file_sha256, tmp_path / "nothing"))


def test_unpacking_a_task_imports_nothing_of_the_job(tmp_path):
    task = tmp_path / "task"
    task.write_bytes(pickle.dumps((call, packed(file_sha256, tmp_path))))
    code = (
        "import pickle, sys, distributed; before = set(sys.modules)\n"
        f"with open({str(task)!r}, 'rb') as file: pickle.load(file)\n"
        f"print(sorted(set({HEAVY!r}) & (set(sys.modules) - before)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
