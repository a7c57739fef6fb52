"""Apartments at a sharing price: what they pay, what they exchange, whose decision is whose."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from recosim.arrays import FloatArray, IntArray
from recosim.contracts import Community, Forecast, Observation, SharedTranche
from recosim.controllers.blocks.exchange import ExchangeBlock
from recosim.controllers.blocks.sharing import SharingBlock
from recosim.controllers.community_model import CommunityModel
from recosim.controllers.horizon import Horizon
from recosim.controllers.linear_program import CompiledModel, LinearProgram
from recosim.controllers.sharing_levels import SharedLevels, shared_levels
from recosim.errors import SolverError
from recosim.timegrid import SECONDS_PER_HOUR


@dataclass(frozen=True, kw_only=True)
class Plans:
    """One plan of each apartment.

    Parameters
    ----------
    values : array, shape (n_columns,)
    cost_eur : array, shape (n_apartments,)
        Own bill and discomfort, less what all injection would earn at the rate of sharing [EUR].
    exchange_kwh : array, shape (n_apartments, n_levels, n_hours) [kWh]
    """

    values: FloatArray
    cost_eur: FloatArray
    exchange_kwh: FloatArray


class PriceModel(CommunityModel):
    """The community without sharing, and what its apartments exchange.

    Parameters
    ----------
    community : Community
    horizon : Horizon
    tranches : tuple of SharedTranche
        Which plants are paid for shared energy; the rates in them are not used.
    """

    def __init__(self, community: Community, horizon: Horizon, tranches: tuple[SharedTranche, ...]) -> None:
        super().__init__(community, horizon, ())
        pods = self._future.pods
        self._known = SharingBlock(community, horizon, pods, tranches)
        self._controlled = pods.controlled
        self._prosumer = np.isin(pods.controlled, pods.prosumers)
        compiled = self.compiled
        maps = compiled.cost_map.tocsc()
        places = compiled.parameters
        self._to_withdrawn = maps[:, places["exchange.given.price_withdrawn"]]
        self._to_injected = maps[:, places["exchange.given.price_injected"]]
        self._owner = _owners(compiled, self._to_withdrawn, len(pods.controlled))
        self.levels: SharedLevels
        self.first_hour = 0

    def _cost_eur(self) -> Any:
        exchange = ExchangeBlock(self.horizon, self._future.pods).build(self.pyomo)
        return self._future.cost_eur + exchange.cost_eur

    @property
    def n_apartments(self) -> int:
        """Delivery points with something to control."""
        return len(self._controlled)

    def given(self, observation: Observation, forecast: Forecast) -> FloatArray:
        """The parameter vector, shape (n_parameters,), with prices of zero; the same array at each call."""
        window = self.window(observation, replace(forecast, shared=()))
        known = self._known.give(replace(window, forecast=forecast))
        self.levels = shared_levels(forecast.shared, known)
        self.first_hour = observation.time // SECONDS_PER_HOUR
        net = window.net_meters_kw[:, self._controlled] * self.horizon.meter_hours[:, None]
        hours = np.searchsorted(self.horizon.meter_hour, np.arange(self.horizon.n_hours))
        # the model has a prosumer's load in its columns, a consumer's beside them
        self._load_kwh = np.where(self._prosumer, 0.0, np.add.reduceat(net, hours, axis=0))
        return self.parameters(window)

    def at_price(self, program: LinearProgram, price_eur_per_kwh: FloatArray) -> LinearProgram:
        """The programme of the apartments at a sharing price, shape (n_levels, n_hours) [EUR/kWh]."""
        levels = self.levels
        withdrawn = np.broadcast_to(
            price_eur_per_kwh.sum(axis=0)[:, None], (self.horizon.n_hours, self.n_apartments)
        )
        injected = np.einsum(
            "kh,khp->hp", levels.rate_eur_per_kwh - price_eur_per_kwh, self._counted()[..., self._prosumer]
        )
        cost = program.cost + self._to_withdrawn @ withdrawn.ravel() + self._to_injected @ injected.ravel()
        return replace(program, cost=cost)

    def bound_eur(self, relaxed_eur: float, price_eur_per_kwh: FloatArray) -> float:
        """What no plan of the community costs less than: the Lagrangian at a price [EUR].

        Parameters
        ----------
        relaxed_eur : float
            Least value of the programme at that price [EUR].
        price_eur_per_kwh : array, shape (n_levels, n_hours)
        """
        levels = self.levels
        withdrawn = levels.withdrawn_kwh + self._load_kwh.sum(axis=1)
        known = price_eur_per_kwh * withdrawn
        known += (levels.rate_eur_per_kwh - price_eur_per_kwh) * levels.injected_kwh
        return relaxed_eur - float(known.sum())

    def plans(self, program: LinearProgram, values: FloatArray) -> Plans:
        """What a solution means to each apartment; ``program`` has prices of zero."""
        levels, n_hours = self.levels, self.horizon.n_hours
        withdrawn = self._load_kwh - (self._to_withdrawn.T @ values).reshape(n_hours, -1)
        injected = np.zeros_like(withdrawn)
        injected[:, self._prosumer] = -(self._to_injected.T @ values).reshape(n_hours, -1)
        counted = self._counted() * injected
        own = np.bincount(self._owner, weights=program.cost * values, minlength=self.n_apartments)
        return Plans(
            values=values,
            cost_eur=own - np.einsum("kh,khp->p", levels.rate_eur_per_kwh, counted),
            exchange_kwh=np.moveaxis(counted - withdrawn, 2, 0),
        )

    def mixed(self, weights: FloatArray, plans: Sequence[Plans]) -> FloatArray:
        """Values of the columns, each mixed with its apartment's weights, shape (n_columns,)."""
        stacked = np.stack([plan.values for plan in plans], axis=1)
        return np.asarray(np.einsum("ck,ck->c", weights[self._owner], stacked), dtype=np.float64)

    def _counted(self) -> FloatArray:
        return self.levels.counted[..., self._controlled]


def _owners(compiled: CompiledModel, to_exchange: sparse.csc_array, n_apartments: int) -> IntArray:
    """Apartment that each column belongs to, shape (n_columns,); what no meter depends on goes to the first.

    Columns that share a row belong together, which tells at once whether the apartments are independent.
    """
    entries = compiled.matrix.tocoo()
    n = compiled.n_rows + compiled.n_columns
    joins = (np.ones(entries.nnz), (entries.row, compiled.n_rows + entries.col))
    _, part = connected_components(sparse.coo_array(joins, shape=(n, n)), directed=False)
    part = part[compiled.n_rows :]
    metered = to_exchange.tocoo()
    parts, apartments = part[metered.row], metered.col % n_apartments
    owner = np.zeros(part.max(initial=0) + 1, dtype=np.int64)
    owner[parts] = apartments
    if (owner[parts] != apartments).any():
        raise SolverError("a row of the model joins two delivery points, allowed: none without sharing")
    return np.asarray(owner[part], dtype=np.int64)
