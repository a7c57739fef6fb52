"""From a scenario's sections on heating and cooling to the units of all dwellings."""

from typing import Any

import numpy as np

from recosim.scenarios.schema.hvac import AirToWater, Split
from recosim.scenarios.schema.scenario import Scenario
from recosim.simulators.physics.air_to_water import generic_fit
from recosim.simulators.physics.heat_pump import AirConditioner, line_of_fit


def air_conditioner_of(scenario: Scenario) -> AirConditioner:
    """Units of all dwellings: their own, else the scenario's.

    Parameters
    ----------
    scenario : Scenario

    Returns
    -------
    AirConditioner
        Of n units; what all of them share is one value instead of an array.
    """
    flats = scenario.community.dwellings
    units = [_values(flat.hvac or scenario.hvac) for flat in flats]
    columns: dict[str, Any] = {name: np.array([unit[name] for unit in units]) for name in units[0]}
    columns = {
        name: units[0][name] if (values == values[0]).all() else values for name, values in columns.items()
    }
    return AirConditioner(
        heat_nominal_kw=np.array([flat.heating_nominal_kw for flat in flats]),
        cooling_nominal_kw=np.array([flat.cooling_nominal_kw for flat in flats]),
        **columns,
    )


def _values(hvac: Split | AirToWater) -> dict[str, float]:
    """Fields of `AirConditioner`, but for the capacities."""
    values: dict[str, Any] = hvac.model_dump(exclude={"kind"})
    if isinstance(hvac, Split):
        slope = values.pop("slope_per_k")
        efficiency = {"slope_heating_per_k": slope, "slope_cooling_per_k": slope}
    else:
        water = values.pop("supply_heating_degc"), values.pop("supply_cooling_degc")
        efficiency = line_of_fit(generic_fit(), *water)
    return values | efficiency | {"is_air_to_water": isinstance(hvac, AirToWater)}
