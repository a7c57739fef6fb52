"""Shiftable appliances of a scenario: which machines the homes own, and when their cycles are wished."""

from collections.abc import Sequence

import numpy as np

from recosim.arrays import FloatArray, IntArray
from recosim.components import Devices
from recosim.scenarios.appliances import draw_traits
from recosim.scenarios.machine_runs import MachineRuns
from recosim.scenarios.occupancy import Household, household_tables
from recosim.simulators.appliances import Appliances
from recosim.simulators.cycles import Cycles
from recosim.simulators.physics.appliance import ApplianceParameters


def appliances_of(households: Sequence[Household], seed: int) -> Devices | None:
    """One device per machine that a home owns, named ``home-machine``; None where no home owns any.

    The homes stand first among the delivery points, in their order. What a home owns and what its machines
    draw follow from the same stream as its load (`household_series`).
    """
    tables = household_tables()
    entries = list(tables["appliances"].items())
    names: list[str] = []
    node: list[int] = []
    follows: list[int] = []
    powers: list[FloatArray] = []
    for index, household in enumerate(households):
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(index,)))
        traits = draw_traits(rng, tables, household.power_contract_kw, household.energy_base_kwh_per_year)
        own: dict[str, int] = {}
        for row, (appliance, entry) in enumerate(entries):
            if not (entry.get("shiftable", False) and traits.owned[row]):
                continue
            own[appliance] = len(names)
            names.append(f"{household.name}-{appliance}")
            node.append(index)
            follows.append(own.get(entry.get("after", ""), -1))
            powers.append(np.array(entry["powers_kw"]) * traits.factor_power[row])
    if not names:
        return None
    n_steps = np.array([len(power) for power in powers], dtype=np.int64)
    padded = [np.pad(power, (0, int(n_steps.max()) - len(power))) for power in powers]
    parameters = ApplianceParameters(
        powers_kw=np.stack(padded), n_steps=n_steps, follows=np.array(follows, dtype=np.int64)
    )
    return Devices(
        declaration=Appliances.declaration,
        names=tuple(names),
        node=np.array(node, dtype=np.int64),
        parameters=parameters,
    )


def cycles_of(
    machines: Sequence[MachineRuns],
    households: Sequence[Household],
    devices: Devices,
    *,
    n_pods: int,
    first_row: int,
    n_simulated: int,
) -> Cycles:
    """Cycles that can be moved: those that lie wholly inside what is simulated, however late they begin.

    Parameters
    ----------
    machines : sequence of MachineRuns
        Runs in a window that begins at row ``first_row`` of the series.
    devices : Devices
        From `appliances_of`, for the same households and seed.
    n_simulated : int
        Steps that are simulated. A cycle still ends within them, so that no controller can push energy out
        of the run; one that ends later stays in the base load.
    """
    index = {name: i for i, name in enumerate(devices.names)}
    parameters: ApplianceParameters = devices.parameters
    machine: list[IntArray] = []
    wished: list[IntArray] = []
    latest: list[IntArray] = []
    for runs in machines:
        if not len(runs.step_start):
            continue  # also what the home does not own
        device = index[f"{households[runs.household].name}-{runs.appliance}"]
        start, last = runs.step_start + first_row, n_simulated - int(parameters.n_steps[device])
        inside = start <= last
        machine.append(np.full(int(inside.sum()), device, dtype=np.int64))
        wished.append(start[inside])
        latest.append(np.minimum(runs.step_latest[inside] + first_row, last))
    joined = [np.concatenate([*parts, np.zeros(0, dtype=np.int64)]) for parts in (machine, wished, latest)]
    order = np.lexsort((joined[0], joined[1]))
    device_of, step_wished, step_latest = (values[order].astype(np.int64) for values in joined)
    after = _washes_before(device_of, step_wished, parameters)
    dryings = np.flatnonzero(after >= 0)
    washes = after[dryings]
    # a wash that dries afterwards must leave the drying its own latest start
    np.minimum.at(step_latest, washes, step_latest[dryings] - parameters.n_steps[device_of[washes]])
    return Cycles(
        machine=device_of,
        step_wished=step_wished,
        step_latest=step_latest,
        after=after,
        node=devices.node,
        n_pods=n_pods,
        parameters=parameters,
    )


def _washes_before(machine: IntArray, step_wished: IntArray, parameters: ApplianceParameters) -> IntArray:
    """The cycle before each cycle of a machine that follows another: its last that ends by the wish."""
    after = np.full(len(machine), -1, dtype=np.int64)
    for device in np.flatnonzero(parameters.follows >= 0):
        before = int(parameters.follows[device])
        own, others = np.flatnonzero(machine == device), np.flatnonzero(machine == before)
        ends = step_wished[others] + parameters.n_steps[before]
        position = np.searchsorted(ends, step_wished[own], side="right") - 1
        found = position >= 0
        after[own[found]] = others[position[found]]
    return after
