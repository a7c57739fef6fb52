"""What every block of the community model offers, and the window it is filled from."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import pyomo.environ as pyo

from recosim.arrays import BoolArray, FloatArray, IntArray
from recosim.contracts import Forecast, Observation
from recosim.controllers.horizon import Horizon
from recosim.controllers.storage_value import price_mean


@dataclass(frozen=True, kw_only=True)
class Window:
    """One re-optimisation's view: what is observed now and expected over the horizon.

    Parameters
    ----------
    horizon : Horizon
    spare : int
        Steps of the present hour that have passed; their slots stay in the model without effect.
    observation : Observation
    forecast : Forecast
        Covers at least ``horizon.n_steps - spare`` steps.
    net_load_kw : array, shape (n_forecast_steps, n_pods)
        What each delivery point takes from the grid without any control [kW].
    common : dict
        What futures of one re-optimisation share, as they differ in sun and load alone; kept by whoever needs
        it first.
    """

    horizon: Horizon
    spare: int
    observation: Observation
    forecast: Forecast
    net_load_kw: FloatArray
    common: dict[str, Mapping[str, FloatArray]] = field(default_factory=dict)

    @cached_property
    def net_meters_kw(self) -> FloatArray:
        """Mean of ``net_load_kw`` over each meter slot, shape (n_meter_slots, n_pods) [kW]."""
        return self.meters(self.net_load_kw)

    @cached_property
    def price_mean(self) -> FloatArray:
        """Mean buying price of each delivery point over the forecast, shape (n_pods,) [EUR/kWh]."""
        return price_mean(self.forecast.price_buy_eur_per_kwh)

    @cached_property
    def temp_outdoor_degc(self) -> FloatArray:
        """Mean outdoor temperature of each control slot, shape (n_slots, 1) [degC]."""
        return self.slots(self.forecast.temp_outdoor_degc)[:, None]

    def slots(self, rows: FloatArray, fill: float = 0.0) -> FloatArray:
        """Mean of forecast rows over each control slot, ``fill`` in spare slots, shape (n_slots, ...)."""
        return self.horizon.slot_means(self.horizon.window(rows, self.spare, fill))

    def slots_of(self, *series: FloatArray | BoolArray) -> list[FloatArray]:
        """`slots` of several series of shape (n_forecast_steps, n), in one go."""
        together = self.slots(np.concatenate(series, axis=1, dtype=np.float64))
        ends = itertools.accumulate(rows.shape[1] for rows in series)
        return [together[:, end - rows.shape[1] : end] for rows, end in zip(series, ends, strict=True)]

    def meters(self, rows: FloatArray, fill: float = 0.0) -> FloatArray:
        """Mean of forecast rows over each meter slot, shape (n_meter_slots, ...)."""
        return self.horizon.meter_means(self.horizon.window(rows, self.spare, fill))


@dataclass(frozen=True, kw_only=True)
class PlannedValues:
    """Values of the decisions in a solution, by the name of the Pyomo component.

    Parameters
    ----------
    columns : mapping of str to array of int
    values : array, shape (n_columns,)
    prefix : str
        Stands before the names of the blocks, for models with several futures.
    """

    columns: Mapping[str, IntArray]
    values: FloatArray
    prefix: str = ""

    def __call__(self, component: str, *shape: int) -> FloatArray:
        """Values of a component, in the shape of its index."""
        return self.values[self.columns[self.prefix + component]].reshape(shape)


class Block(Protocol):
    """A block of the community model.

    ``build`` declares variables, equations and an expression ``cost_eur``; what is given later stands in a
    sub-block called ``given``. ``give`` returns the value of each given component, in the order of its index.
    ``ask`` turns a solution into what the devices are asked for.
    """

    def build(self, model: Any) -> pyo.Block:
        """Declare the block; earlier blocks of ``model`` may be referred to."""
        ...

    def give(self, window: Window) -> Mapping[str, FloatArray]:
        """Values of the given components."""
        ...

    def ask(self, plan: "PlannedValues") -> Mapping[str, FloatArray]:
        """Set-points over the slots, shape (n_devices, n_slots); NaN leaves a device to itself."""
        ...


def given(block: Any, **index_sets: tuple[Any, ...]) -> Any:
    """Declare the given components of a block, each over its index sets."""
    block.given = pyo.Block()
    for name, sets in index_sets.items():
        setattr(block.given, name, pyo.Var(*sets))
    return block.given
