"""The community as one optimisation problem, written in Pyomo once and compiled.

    min   bills - sale of injected energy - money for shared energy
          + price of discomfort + battery wear - value of what is stored at the end

over a horizon of quarter-hours, hours and two-hour blocks. Each kind of device brings its block; the balance
of the delivery points sums the flows that the kinds declare.
"""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import pyomo.environ as pyo

from recosim.arrays import FloatArray
from recosim.components import ELECTRICITY
from recosim.contracts import Community, Forecast, Observation, SharedTranche
from recosim.controllers.blocks.battery import BatteryBlock
from recosim.controllers.blocks.block import Block, PlannedValues, Window
from recosim.controllers.blocks.car import CarBlock
from recosim.controllers.blocks.dwelling import DwellingBlock
from recosim.controllers.blocks.pod import Consumer, PodBlock
from recosim.controllers.blocks.sharing import SharingBlock
from recosim.controllers.blocks.water_heater import WaterHeaterBlock
from recosim.controllers.compiled import compile_model
from recosim.controllers.horizon import Horizon
from recosim.controllers.linear_program import CompiledModel


class OptimisationModel(Protocol):
    """What a controller needs of a model."""

    horizon: Horizon
    compiled: CompiledModel

    def reset(self) -> None:
        """Forget what earlier re-optimisations left behind."""
        ...

    def given(self, observation: Observation, forecast: Forecast) -> FloatArray:
        """The parameter vector, shape (n_parameters,); the same array at each call."""
        ...

    def ask(self, values: FloatArray) -> dict[str, FloatArray]:
        """Set-points of a solution over the slots, shape (n_devices, n_slots) each."""
        ...


class Future:
    """One course of events: the blocks of all kinds of device under one parent.

    Parameters
    ----------
    community : Community
    horizon : Horizon
    tranches : tuple of SharedTranche
        Which plants are paid for shared energy; the rates in them are not used.
    parent : Pyomo model or block
        Where the blocks are declared.
    prefix : str
        Name of the parent inside the model, with a dot; empty for the model itself.
    free_start : bool
        The states at the start are decisions (see the blocks of dwellings and batteries).
    """

    def __init__(
        self,
        community: Community,
        horizon: Horizon,
        tranches: tuple[SharedTranche, ...],
        parent: Any,
        prefix: str = "",
        free_start: bool = False,
    ) -> None:
        self._prefix = prefix
        self._dwelling = DwellingBlock(community, horizon, free_start)
        self.blocks: dict[str, Block] = {"dwelling": self._dwelling}
        consumers: dict[str, Consumer] = {"dwelling": self._dwelling}
        if len(community.devices.get("water_heater", ())):
            heaters = WaterHeaterBlock(community, horizon, free_start)
            self.blocks["water_heater"] = consumers["water_heater"] = heaters
        if len(community.devices.get("car", ())):
            self.blocks["car"] = consumers["car"] = CarBlock(community, horizon)
        if len(community.devices.get("battery", ())):
            self.blocks["battery"] = BatteryBlock(community, horizon, free_start)
        pods = self.pods = PodBlock(community, horizon, consumers)
        self.blocks["pod"] = pods
        self.blocks["sharing"] = SharingBlock(community, horizon, pods, tranches)
        for block in self.blocks.values():
            block.build(parent)
        self.cost_eur = sum(parent.find_component(name).cost_eur for name in self.blocks)

    def reset(self) -> None:
        """Forget what earlier re-optimisations left behind."""
        self._dwelling.reset()

    def give(self, window: Window, compiled: CompiledModel, parameters: FloatArray) -> None:
        """Write the values of this future's given components into the parameter vector."""
        for name, block in self.blocks.items():
            given = f"{self._prefix}{name}.given."
            for component, values in block.give(window).items():
                parameters[compiled.parameters[given + component]] = values.ravel()

    def ask(self, values: FloatArray, compiled: CompiledModel) -> dict[str, FloatArray]:
        """Set-points of a solution over the slots, shape (n_devices, n_slots) each."""
        plan = PlannedValues(columns=compiled.columns, values=values, prefix=self._prefix)
        return {name: asked for block in self.blocks.values() for name, asked in block.ask(plan).items()}


class Windows:
    """Makes the view of a re-optimisation from what is observed and forecast."""

    def __init__(self, community: Community, horizon: Horizon) -> None:
        self._horizon = horizon
        self._step_s = community.grid.step_s
        self._constant_load_kw = constant_load_kw(community)
        plants = community.devices["photovoltaics"]
        self._plants_at_pods = np.zeros((len(plants), len(community.pods)))
        self._plants_at_pods[np.arange(len(plants)), plants.node] = 1.0

    def __call__(
        self,
        observation: Observation,
        forecast: Forecast,
        common: dict[str, Mapping[str, FloatArray]] | None = None,
    ) -> Window:
        """The view of one re-optimisation; its futures hand over one ``common``."""
        net = forecast.power_load_kw + self._constant_load_kw - forecast.power_pv_kw @ self._plants_at_pods
        return Window(
            horizon=self._horizon,
            spare=(observation.time // self._step_s) % self._horizon.steps_per_hour,
            observation=observation,
            forecast=forecast,
            net_load_kw=net,
            common={} if common is None else common,
        )


class CommunityModel:
    """Builds and compiles the model, and fills in the numbers of each re-optimisation.

    Parameters
    ----------
    community : Community
    horizon : Horizon
    tranches : tuple of SharedTranche
        Which plants are paid for shared energy; the rates in them are not used.
    free_start : bool
        The states at the start are decisions (see the blocks of dwellings and batteries); for bounds.
    """

    def __init__(
        self,
        community: Community,
        horizon: Horizon,
        tranches: tuple[SharedTranche, ...],
        free_start: bool = False,
    ) -> None:
        self.horizon = horizon
        self.window = Windows(community, horizon)
        self.pyomo = pyo.ConcreteModel(name=community.name)
        self._future = Future(community, horizon, tranches, self.pyomo, free_start=free_start)
        self.pyomo.cost_eur = pyo.Objective(expr=self._cost_eur())
        self.compiled: CompiledModel = compile_model(self.pyomo)
        self._parameters = np.zeros(self.compiled.n_parameters)

    def _cost_eur(self) -> Any:
        """The objective; a model that needs more blocks declares them here."""
        return self._future.cost_eur

    @property
    def blocks(self) -> Mapping[str, Block]:
        """The blocks by kind."""
        return self._future.blocks

    def reset(self) -> None:
        """Forget what earlier re-optimisations left behind."""
        self._future.reset()

    def given(self, observation: Observation, forecast: Forecast) -> FloatArray:
        """The parameter vector, shape (n_parameters,); the same array at each call."""
        return self.parameters(self.window(observation, forecast))

    def parameters(self, window: Window) -> FloatArray:
        """The parameter vector for a view."""
        self._future.give(window, self.compiled, self._parameters)
        return self._parameters

    def ask(self, values: FloatArray) -> dict[str, FloatArray]:
        """Set-points of a solution over the slots, shape (n_devices, n_slots) each."""
        return self._future.ask(values, self.compiled)


def constant_load_kw(community: Community) -> FloatArray:
    """Standby and auxiliary power at each POD, which no controller can change, shape (n_pods,) [kW]."""
    total = np.zeros(len(community.pods))
    for devices in community.devices.values():
        for name in devices.declaration.flows.get(ELECTRICITY, {}):
            constant = getattr(devices.parameters, name, None)
            if constant is not None:
                np.add.at(total, devices.node, np.broadcast_to(constant, len(devices)))
    return total
