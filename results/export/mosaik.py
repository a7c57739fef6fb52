"""A run in the layout of mosaik-hdf5, which other tools of mosaik read.

``/Series/<entity>/<attribute>``
    One data set of float64 for each attribute of each entity, shape (n_steps,); attributes ``unit`` and
    ``meaning``. An entity is ``<kind>.<name>``, such as ``battery.flat-03-battery``. NaN in a set-point means
    "left to the device".
``/Relations/<entity>``
    Text, shape (n_relations, 2): paths of the related entity's relations and series.

Attributes of the file say what the run was, when it starts and how long its steps are.

Source: the data sets that mosaik-hdf5 0.4 writes, and its description on PyPI.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np

from recosim.errors import ResultsError
from recosim.results.export.folder import notices_of
from recosim.results.export.tables import SCENARIO_FILE, distinct
from recosim.results.folders import write_text
from recosim.results.run_file import Run, one_line

MOSAIK_FILE = "run.hdf5"
METER = "meter"


def write_mosaik_file(run: Run, folder: Path, pod_of_device: Mapping[tuple[str, str], str]) -> list[Path]:
    """Write the file, and the scenario beside it.

    Parameters
    ----------
    run : Run
        What is committed is written.
    folder : Path
        Has to exist.
    pod_of_device : mapping of tuple of str to str
        Delivery point of each load and device, by group and name.

    Returns
    -------
    list of Path

    Raises
    ------
    ResultsError
        The file cannot be written.
    """
    path = folder / MOSAIK_FILE
    try:
        with h5py.File(path, "w") as file:
            _describe(run, file)
            series = file.create_group("Series")
            entities = _entities(run)
            for group, quantities in run.groups().items():
                for quantity in quantities:
                    _write_series(run, series, group, quantity, entities[group])
            _write_relations(file.create_group("Relations"), entities, pod_of_device)
    except RuntimeError as error:  # h5py's where closing fails
        raise ResultsError(f"{path} cannot be written (is the disk full?): {one_line(error)}") from error
    write_text(folder / SCENARIO_FILE, run.meta.scenario_yaml)
    return [path, folder / SCENARIO_FILE]


def _describe(run: Run, file: h5py.File) -> None:
    grid = run.grid_committed
    file.attrs.update(
        {
            "name": run.meta.name,
            "controller": run.meta.controller,
            "seed": run.meta.seed,
            "start": grid.local[0].isoformat(),
            "start_posix_s": grid.start,
            "step_size": grid.step_s,
            "steps": grid.n_steps,
            "timezone": grid.timezone,
            "versions": json.dumps(dict(run.meta.versions)),
            "notices": "\n".join(notices_of(run)),
        }
    )


def _entities(run: Run) -> dict[str, dict[str, str]]:
    """Entity of each member by group; a slash in a name would be a folder in the file."""
    found = {}
    for group, quantities in run.groups().items():
        names = dict.fromkeys(
            name for quantity in quantities for name in distinct(run.members(group, quantity))
        )
        entities = distinct([f"{group}.{name.replace('/', '_')}" for name in names])
        found[group] = dict(zip(names, entities, strict=True))
    return found


def _write_series(
    run: Run, series: h5py.Group, group: str, quantity: str, entities: Mapping[str, str]
) -> None:
    about = run.about(group, quantity)
    datasets = []
    for member in distinct(run.members(group, quantity)):
        dataset = series.require_group(entities[member]).create_dataset(quantity, (run.committed,), "<f8")
        dataset.attrs.update({"unit": about.unit, "meaning": about.meaning})
        datasets.append(dataset)
    for rows in run.blocks(len(datasets)):
        values = run.values(group, quantity, rows)
        for dataset, column in zip(datasets, values.T, strict=True):
            if column.any():  # NaN included; what was never written reads as zero
                dataset[rows] = column


def _write_relations(
    relations: h5py.Group,
    entities: Mapping[str, Mapping[str, str]],
    pod_of_device: Mapping[tuple[str, str], str],
) -> None:
    meters = entities.get(METER, {})
    related: dict[str, list[str]] = {entity: [] for of in entities.values() for entity in of.values()}
    for (group, name), pod in pod_of_device.items():
        if name in entities.get(group, {}) and pod in meters:
            device, meter = entities[group][name], meters[pod]
            related[device].append(meter)
            related[meter].append(device)
    for entity, others in related.items():
        pairs = [(f"/Relations/{other}".encode(), f"/Series/{other}".encode()) for other in sorted(others)]
        relations.create_dataset(entity, data=np.array(pairs, dtype=np.bytes_))
