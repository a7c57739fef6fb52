"""CPU time and memory of `recosim settle` on a year of quarter-hours of many delivery points.

The whole command in a process of its own: starting Python, reading the CSV files, settling, writing. Every
delivery point has both columns, with as many digits as a double has, which is the slowest to read.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from common import table, write_json

from recosim.timegrid import TimeGrid

PLANTS = 5


def write_files(folder: Path, n_pods: int, days: int) -> None:
    """Readings, prices and community of a CER with five plants."""
    rng = np.random.default_rng(0)
    grid = TimeGrid.from_local_date("2025-01-01", days, 900)
    times = [time.isoformat() for time in grid.local]
    sun = np.maximum(np.sin((grid.hour_of_day_local - 6.0) / 12.0 * np.pi), 0.0)
    readings = {"time": times}
    pods = [f"IT001E{i:08d}" for i in range(n_pods)]
    for i, pod in enumerate(pods):
        readings[f"{pod}:withdrawal_kwh"] = 0.2 * rng.random(grid.n_steps)
        readings[f"{pod}:injection_kwh"] = (20.0 if i < PLANTS else 0.1) * sun * rng.random(grid.n_steps)
    pd.DataFrame(readings).to_csv(folder / "readings.csv", index=False)
    prices = {"time": times[::4], "zonal_price_eur_per_mwh": 100.0 + 50.0 * rng.random(grid.n_steps // 4)}
    pd.DataFrame(prices).to_csv(folder / "prices.csv", index=False)
    plants = [
        f"  - {{pod: {pod}, power_kw: 80, technology: photovoltaic, commissioned: 2024-0{i + 1}-01}}"
        for i, pod in enumerate(pods[:PLANTS])
    ]
    members = [f"  - {{pod: {pod}, kind: natural_person}}" for pod in pods]
    rules = ["configuration: CER", "region: Campania", "tariff_year: 2025"]
    text = "\n".join([*rules, "plants:", *plants, "members:", *members])
    (folder / "community.yaml").write_text(text + "\n", encoding="utf-8")


def measured(folder: Path, *options: str) -> dict[str, float]:
    """CPU seconds and peak memory of one command."""
    command = [sys.executable, "-m", "recosim", "settle", "readings.csv", "--community", "community.yaml"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [*command, "--prices", "prices.csv", *options], cwd=folder, check=True, stdout=subprocess.DEVNULL
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"cpu_s": spent, "peak_memory_mb": after.ru_maxrss / 1024.0}


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--pods", type=int, default=100)
    options.add_argument("--days", type=int, default=365)
    options.add_argument("--json", type=Path)
    given = options.parse_args()
    if given.pods < PLANTS:
        options.error(f"--pods {given.pods}, allowed: {PLANTS} or more")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_files(folder, given.pods, given.days)
        size = (folder / "readings.csv").stat().st_size / 1e6
        rows = [
            {"what": "settle", "readings_mb": size, **measured(folder)},
            {
                "what": "settle --statement",
                "readings_mb": size,
                **measured(folder, "--statement", "statement"),
            },
        ]
    table(f"{given.pods} delivery points, {given.days} days of quarter-hours", rows)
    write_json(given.json, {"pods": given.pods, "days": given.days, "rows": rows})


if __name__ == "__main__":
    main()
