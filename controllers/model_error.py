"""Lets a controller's model of the plant be wrong, by seeded factors on what it believes of each device."""

from dataclasses import replace
from typing import Any

import numpy as np

from recosim.arrays import FloatArray
from recosim.components import Devices
from recosim.contracts import Community, Controller, Forecast, Observation, Setpoints
from recosim.sealed import own_copy
from recosim.simulators.dwellings import DwellingParameters
from recosim.simulators.photovoltaics import PhotovoltaicsParameters
from recosim.simulators.physics.checks import require_range

STREAM = 0x30DE1
"""Keeps the random numbers apart from those of other parts of the program."""
HALF_WIDTH_MAX = 0.5


def perturbed(
    community: Community,
    *,
    seed: int,
    resistance: float = 0.0,
    capacity: float = 0.0,
    cop: float = 0.0,
    photovoltaics: float = 0.0,
) -> Community:
    """The community as a controller believes it to be.

    Every number e is a relative half-width: each device gets its own factor, uniform in [1 - e, 1 + e]. The
    factors of one kind do not depend on the other numbers, nor on how many devices follow.

    Parameters
    ----------
    community : Community
        The plant.
    seed : int
        The scenario's.
    resistance : float
        On all thermal resistances of a dwelling, [0, 0.5).
    capacity : float
        On both heat capacities of a dwelling, [0, 0.5).
    cop : float
        On COP and EER of an air conditioner, [0, 0.5).
    photovoltaics : float
        On the power of a plant in all weathers, [0, 0.5); forecasts made for this community have it too.

    Returns
    -------
    Community
        The same object when all numbers are zero.

    Raises
    ------
    ValueError
        A number is out of range.
    """
    widths = {"resistance": resistance, "capacity": capacity, "cop": cop, "photovoltaics": photovoltaics}
    for name, width in widths.items():
        require_range(f"model_error.{name}", width, 0.0, HALF_WIDTH_MAX, high_open=True)
    if not any(widths.values()):
        return community
    devices = dict(community.devices)

    def factors(name: str, of: Devices) -> FloatArray:
        stream = np.random.SeedSequence((seed, STREAM, list(widths).index(name)))
        drawn: FloatArray = np.random.default_rng(stream).uniform(-1.0, 1.0, len(of))
        return 1.0 + widths[name] * drawn

    dwellings, plants = devices["dwelling"], devices["photovoltaics"]
    devices["dwelling"] = replace(
        dwellings,
        parameters=_dwellings(
            dwellings.parameters,
            resistance=factors("resistance", dwellings),
            capacity=factors("capacity", dwellings),
            cop=factors("cop", dwellings),
        ),
    )
    devices["photovoltaics"] = replace(
        plants, parameters=_plants(plants.parameters, factors("photovoltaics", plants))
    )
    return replace(community, devices=devices)


def _dwellings(
    parameters: DwellingParameters, *, resistance: FloatArray, capacity: FloatArray, cop: FloatArray
) -> DwellingParameters:
    network, unit = parameters.network, parameters.air_conditioner
    return replace(
        parameters,
        network=replace(
            network,
            conductance_air_outdoor_w_per_k=network.conductance_air_outdoor_w_per_k / resistance,
            conductance_air_mass_w_per_k=network.conductance_air_mass_w_per_k / resistance,
            conductance_mass_solair_w_per_k=network.conductance_mass_solair_w_per_k / resistance,
            conductance_mass_outdoor_w_per_k=network.conductance_mass_outdoor_w_per_k / resistance,
            capacity_air_j_per_k=network.capacity_air_j_per_k * capacity,
            capacity_mass_j_per_k=network.capacity_mass_j_per_k * capacity,
        ),
        air_conditioner=replace(unit, cop_nominal=unit.cop_nominal * cop, eer_nominal=unit.eer_nominal * cop),
    )


def _plants(parameters: PhotovoltaicsParameters, factor: FloatArray) -> PhotovoltaicsParameters:
    # modules and inverter in proportion: the AC power is that of the plant times the factor, in all weathers
    plant = parameters.plant
    return replace(parameters, plant=replace(plant, power_nominal_kw=plant.power_nominal_kw * factor))


class MisinformedController:
    """A controller that is told of another community than the one it controls.

    Parameters
    ----------
    controller : Controller
        Who decides.
    community : Community
        What it is told, from `perturbed`.
    """

    def __init__(self, controller: Controller, community: Community) -> None:
        self._controller = controller
        self._community = own_copy(community)

    def reset(self, community: Community, seed: int) -> None:
        """Forget everything, and learn of the wrong community."""
        self._controller.reset(self._community, seed)

    def decide(self, observation: Observation, forecast: Forecast) -> Setpoints:
        """Decide for the step that begins now."""
        return self._controller.decide(observation, forecast)

    def __getattr__(self, name: str) -> Any:
        # record, state and horizon, where the controller has them
        return getattr(self._controller, name)
