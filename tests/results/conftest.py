"""Small result files for tests of what is read from them: made up, with everything a file can hold."""

from collections.abc import Callable
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
