"""What a run can be exported as: formats by name."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from recosim.arrays import FloatArray
from recosim.errors import ResultsError
from recosim.results.export.csv import write_csv_files
from recosim.results.export.folder import Exporter
from recosim.results.export.mosaik import write_mosaik_file
from recosim.results.export.parquet import write_parquet_files
from recosim.results.folders import write_csv, write_text
from recosim.results.run_file import Run
from recosim.scenarios.community import parts_of, pods_of
from recosim.scenarios.loader import plain_yaml, scenario_from_text
from recosim.scenarios.meter_readings import INJECTION, STEPS_S, WITHDRAWAL
from recosim.scenarios.price_files import PUN_COLUMNS, ZONAL_COLUMN
from recosim.scenarios.rules_of_money import sharing_of
from recosim.scenarios.schema.metered import MeteredCommunity
from recosim.timegrid import TimeGrid

READINGS_FILE, COMMUNITY_FILE, PRICES_FILE = "readings.csv", "community.yaml", "prices.csv"


def write_readings(run: Run, folder: Path) -> list[Path]:
    """Write what ``recosim settle`` reads: readings, community and prices.

    Parameters
    ----------
    run : Run
        Its whole hours are written, by the quarter-hours of meters; a run in steps of 30 minutes or an hour
        knows no quarters, so it is written by the hour.
    folder : Path

    Returns
    -------
    list of Path

    Raises
    ------
    ResultsError
        Two delivery points have one name, or a file cannot be written.
    """
    hours = run.committed // run.grid.steps_per_hour
    if hours == 0:
        raise ResultsError(f"{run.path} holds no whole hour: run again")
    grid = run.grid.part(0, hours * run.grid.steps_per_hour)
    pods = run.members("meter", "energy_withdrawn_kwh")
    doubled = next((pod for pod in pods if pods.count(pod) > 1), None)
    if doubled is not None:
        raise ResultsError(
            f"{run.path}: two delivery points are called {doubled!r}, so their columns would have one title; "
            "rename a plant or a dwelling in the scenario and run again"
        )
    community = _community(run)
    rows = slice(0, grid.n_steps)
    step_s = next(step_s for step_s in sorted(STEPS_S) if step_s % grid.step_s == 0)
    withdrawn = _metered(run.values("meter", "energy_withdrawn_kwh", rows), grid, step_s)
    injected = _metered(run.values("meter", "energy_injected_kwh", rows), grid, step_s)
    columns: dict[str, Any] = {"time": _local(grid)[:: step_s // grid.step_s]}
    behind = {plant.pod for plant in community.plants}
    for i, pod in enumerate(pods):
        columns[f"{pod}:{WITHDRAWAL}"] = withdrawn[:, i]
        if pod in behind or injected[:, i].any():
            columns[f"{pod}:{INJECTION}"] = injected[:, i]
    prices = _prices(run, grid)
    write_csv(folder / READINGS_FILE, columns)
    write_text(folder / COMMUNITY_FILE, plain_yaml(community, sort_keys=False, absent=False))
    write_csv(folder / PRICES_FILE, prices)
    return [folder / name for name in (READINGS_FILE, COMMUNITY_FILE, PRICES_FILE)]


def write_mosaik(run: Run, folder: Path) -> list[Path]:
    """Write the layout of mosaik-hdf5, with which delivery point every device belongs to.

    Returns
    -------
    list of Path

    Raises
    ------
    ResultsError
        The file cannot be written.
    """
    return write_mosaik_file(run, folder, _pod_of_device(run))


FORMATS: Mapping[str, Exporter] = {
    "csv": write_csv_files,
    "parquet": write_parquet_files,
    "mosaik": write_mosaik,
    "readings": write_readings,
}


def exporter_named(name: str) -> Exporter:
    """Format of a name.

    Raises
    ------
    ResultsError
        There is none.
    """
    if name not in FORMATS:
        raise ResultsError(f"--format {name}: allowed: {', '.join(FORMATS)}")
    return FORMATS[name]


def _pod_of_device(run: Run) -> dict[tuple[str, str], str]:
    """Delivery point of every load and device, by group and name; none of what is foreign to the scenario."""
    scenario = scenario_from_text(run.meta.scenario_yaml, source=str(run.path))
    parts = parts_of(scenario)
    found = {("load", name): name for name in parts.pods.names}
    for kind, devices in parts.devices.items():
        found |= {
            (kind, name): parts.pods.names[int(node)]
            for name, node in zip(devices.names, devices.node, strict=True)
        }
    return found


def _community(run: Run) -> MeteredCommunity:
    """The community as the run settled it."""
    scenario = scenario_from_text(run.meta.scenario_yaml, source=str(run.path))
    pods = pods_of(scenario)
    scheme = sharing_of(scenario, pods, run.grid.timezone)
    plants, members = scheme.plants, scheme.members
    return MeteredCommunity.model_validate(
        {
            **scenario.settlement.model_dump(),
            "tariff_year": scheme.configuration.tariff_year,
            "seed": scenario.seed,
            "timezone": run.grid.timezone,
            "plants": [
                {
                    "pod": pods.names[int(plants.pod[i])],
                    "power_kw": float(plants.power_kw[i]),
                    "technology": "photovoltaic" if plants.photovoltaic[i] else "other",
                    "commissioned": date.fromordinal(int(plants.commissioned[i])),
                    "grant_percent": float(plants.grant_percent[i]),
                    "voltage": plants.voltage[i],
                }
                for i in range(len(plants))
            ],
            "tariff": scenario.tariff.model_dump(),
            "members": [
                {
                    "pod": pods.names[int(pod)],
                    "kind": kind,
                    "power_contract_kw": float(pods.power_contract_kw[pod]),
                }
                for pod, kind in zip(members.pod, members.kind, strict=True)
            ],
        }
    )


def _prices(run: Run, grid: TimeGrid) -> dict[str, Any]:
    """Prices by the hour, or by the step where they change within an hour."""
    series = {
        ZONAL_COLUMN: run.values("price", "price_zonal_eur_per_mwh")[: grid.n_steps, 0],
        PUN_COLUMNS[1]: run.values("price", "price_pun_eur_per_mwh")[: grid.n_steps, 0],
    }
    per_hour = grid.steps_per_hour

    def hourly(price: FloatArray) -> bool:
        by_hour = price.reshape(-1, per_hour)
        return bool(np.all(by_hour == by_hour[:, :1]))

    every = per_hour if all(hourly(price) for price in series.values()) else 1
    times = _local(grid)[::every]
    return {"time": times, **{name: price[::every] for name, price in series.items()}}


def _metered(energy_kwh: FloatArray, grid: TimeGrid, step_s: int) -> FloatArray:
    """Energy by the step of meters, shape (n_metered, n_pods) [kWh]."""
    if step_s == grid.step_s:
        return energy_kwh
    parts = energy_kwh.reshape(-1, step_s // grid.step_s, energy_kwh.shape[1])
    return np.asarray(parts.sum(axis=1), dtype=np.float64)


def _local(grid: TimeGrid) -> list[str]:
    return [time.isoformat() for time in grid.local]
