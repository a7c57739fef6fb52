"""The same kind of community with another number of dwellings."""

import math
from collections.abc import Sequence

import numpy as np
from pydantic import ValidationError

from recosim.errors import ScenarioError
from recosim.scenarios.schema.community import (
    ENERGY_BASE_MAX_KWH,
    FLOOR_AREA_MAX_M2,
    FLOOR_AREA_MIN_M2,
    POWER_PLANT_MAX_KW,
    SIZE_MAX,
    CommonServices,
    Community,
    Dwelling,
    Plant,
)
from recosim.scenarios.schema.messages import problem_lines

VARIATION_FLOOR_AREA = 0.05
VARIATION_ENERGY_BASE = 0.10
VARIATION_AZIMUTH = 0.05


def resize(community: Community, size: int, seed: int) -> Community:
    """Make the same community with another number of dwellings.

    * The listed dwellings come first, as they are; then they are repeated, each copy with another floor area
      (up to 5 %), base load (10 %) and azimuth (5 %), drawn from a stream of its own: a copy is the same at
      every size.
    * The share of dwellings with photovoltaics, a battery, electric hot water or a car stays, rounded up.
    * Plants and common services grow in proportion. A plant that would pass 1 MW becomes several equal ones.

    Parameters
    ----------
    community : Community
        Of n listed dwellings.
    size : int
        Number of dwellings wanted, 1 to 1000; with n, nothing changes but ``size``.
    seed : int
        Seed of the variation.

    Raises
    ------
    ScenarioError
        The size is out of range, a name of a copy is taken, or something outgrows its bounds.
    """
    if not 1 <= size <= SIZE_MAX:
        raise ScenarioError(f"community.size = {size}, allowed: whole numbers in [1, {SIZE_MAX}]")
    listed = community.dwellings
    if size == len(listed):
        return community.model_copy(update={"size": size})
    dwellings = [
        listed[index]
        if index < len(listed)
        else _varied(listed[index % len(listed)], index // len(listed), index, seed)
        for index in range(size)
    ]
    for device in ("photovoltaics", "battery", "hot_water", "car"):
        dwellings = _with_share(dwellings, listed, device)
    changed = community.model_copy(
        update={
            "size": size,
            "dwellings": tuple(dwellings),
            "common_services": _services_in_proportion(community.common_services, size, len(listed)),
            "plants": tuple(
                part for plant in community.plants for part in _plant_in_proportion(plant, size, len(listed))
            ),
        }
    )
    try:
        return Community.model_validate(changed.model_dump())
    except ValidationError as error:
        lines = problem_lines(error, Community, f"at community.size = {size}", ())
        raise ScenarioError("\n".join(lines)) from None


def _varied(dwelling: Dwelling, repetition: int, index: int, seed: int) -> Dwelling:
    rng = np.random.default_rng([seed, index])
    area, energy, turn = rng.uniform(-1.0, 1.0, size=3).tolist()
    floor_area = dwelling.floor_area_m2 * (1.0 + VARIATION_FLOOR_AREA * area)
    floor_area = round(min(max(floor_area, FLOOR_AREA_MIN_M2), FLOOR_AREA_MAX_M2), 1)
    energy_base = dwelling.energy_base_kwh_per_year * (1.0 + VARIATION_ENERGY_BASE * energy)
    changes: dict[str, object] = {
        "name": f"{dwelling.name}-{repetition + 1}",
        "floor_area_m2": floor_area,
        "energy_base_kwh_per_year": round(min(energy_base, ENERGY_BASE_MAX_KWH), 1),
    }
    if dwelling.envelope is not None:
        changes["envelope"] = dwelling.envelope.scaled(floor_area / dwelling.floor_area_m2)
    if dwelling.photovoltaics is not None:
        azimuth = dwelling.photovoltaics.azimuth_deg * (1.0 + VARIATION_AZIMUTH * turn)
        changes["photovoltaics"] = dwelling.photovoltaics.model_copy(
            update={"azimuth_deg": round(azimuth % 360.0, 1)}
        )
    return dwelling.model_copy(update=changes)


def _with_share(dwellings: Sequence[Dwelling], listed: Sequence[Dwelling], device: str) -> list[Dwelling]:
    """Give or take a device so that as large a share has it as of the listed dwellings, rounded up."""
    templates = [getattr(dwelling, device) for dwelling in listed if getattr(dwelling, device) is not None]
    wanted = math.ceil(len(templates) * len(dwellings) / len(listed))
    changed = list(dwellings)
    missing = wanted - sum(getattr(dwelling, device) is not None for dwelling in changed)
    # Only the last, incomplete repetition departs from the share. Homes with photovoltaics come first, so
    # that a battery stands where there is sun to store.
    first = len(dwellings) - len(dwellings) % len(listed)
    candidates = sorted(range(first, len(dwellings)), key=lambda i: changed[i].photovoltaics is None)
    for index in candidates if missing >= 0 else reversed(candidates):
        has = getattr(changed[index], device) is not None
        if missing > 0 and not has:
            changed[index] = changed[index].model_copy(update={device: templates[missing % len(templates)]})
            missing -= 1
        elif missing < 0 and has:
            changed[index] = changed[index].model_copy(update={device: None})
            missing += 1
    return changed


def _services_in_proportion(services: CommonServices | None, size: int, listed: int) -> CommonServices | None:
    if services is None:
        return None
    return services.model_copy(
        update={
            "energy_kwh_per_year": services.energy_kwh_per_year * size / listed,
            "power_contract_kw": services.power_contract_kw * size / listed,
        }
    )


def _plant_in_proportion(plant: Plant, size: int, listed: int) -> list[Plant]:
    power_kw = plant.power_kw * size / listed
    parts = math.ceil(power_kw / POWER_PLANT_MAX_KW)
    return [
        plant.model_copy(
            update={
                "name": plant.name if parts == 1 else f"{plant.name}-{number + 1}",
                "power_kw": power_kw / parts,
                "power_auxiliary_kw": plant.power_auxiliary_kw * size / listed / parts,
            }
        )
        for number in range(parts)
    ]
