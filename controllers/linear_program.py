"""The numbers of a linear programme, and the arrays, affine in parameters, that they are evaluated from.

row_lower <= (A0 + moving(p)) x <= row_upper,   bounds = b0 + B p,   cost = c0 + C p
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse

from recosim.arrays import BoolArray, FloatArray, IntArray


@dataclass(frozen=True, kw_only=True)
class LinearProgram:
    """The numbers of one re-optimisation.

    Parameters
    ----------
    cost, column_lower, column_upper : array, shape (n_columns,)
    row_lower, row_upper : array, shape (n_rows,)
    moving : array, shape (n_moving,)
        Values of the matrix entries that depend on parameters.
    offset : float
        Constant part of the objective.
    """

    cost: FloatArray
    column_lower: FloatArray
    column_upper: FloatArray
    row_lower: FloatArray
    row_upper: FloatArray
    moving: FloatArray
    offset: float


@dataclass(frozen=True, kw_only=True)
class CompiledModel:
    """Arrays affine in the parameters.

    Parameters
    ----------
    columns : mapping of str to array of int
        Column of each decision variable, by the name of the Pyomo component, in the order of its index.
    parameters : mapping of str to slice
        Place of each given component in the parameter vector, in the order of its index.
    matrix : sparse matrix, shape (n_rows, n_columns)
        Constant coefficients, with an explicit entry wherever a coefficient moves.
    moving_row, moving_column, moving_map
        Entries that depend on parameters: place, and sparse map from parameters to their moving part.
    exclusive : array of int, shape (n_pairs, 2)
        Pairs of columns of which at most one may be positive.
    """

    columns: Mapping[str, IntArray]
    parameters: Mapping[str, slice]
    matrix: sparse.csr_array
    moving_row: IntArray
    moving_column: IntArray
    moving_base: FloatArray
    moving_map: sparse.csr_array
    row_lower: FloatArray
    row_upper: FloatArray
    row_lower_map: sparse.csr_array
    row_upper_map: sparse.csr_array
    column_lower: FloatArray
    column_upper: FloatArray
    bound_lower: "BoundMap"
    bound_upper: "BoundMap"
    cost: FloatArray
    cost_map: sparse.csr_array
    offset: float
    offset_map: FloatArray
    exclusive: IntArray

    @property
    def n_columns(self) -> int:
        """Number of decisions."""
        return int(self.matrix.shape[1])

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return int(self.matrix.shape[0])

    @property
    def n_parameters(self) -> int:
        """Length of the parameter vector."""
        return int(self.cost_map.shape[1])

    def evaluate(self, parameters: FloatArray) -> LinearProgram:
        """Numbers of the linear programme for the given parameters, shape (n_parameters,)."""
        values = self._base + self._map @ parameters
        cost, row_lower, row_upper, moving, lower, upper = (values[place] for place in self._places)
        return LinearProgram(
            cost=cost,
            column_lower=self.bound_lower.tighten(self.column_lower, lower, np.maximum),
            column_upper=self.bound_upper.tighten(self.column_upper, upper, np.minimum),
            row_lower=row_lower,
            row_upper=row_upper,
            moving=moving,
            offset=self.offset + float(np.einsum("i,i", self.offset_map, parameters)),
        )

    @cached_property
    def _map(self) -> sparse.csr_array:
        """All maps under one another: one product is cheaper than six."""
        parts = (self.cost_map, self.row_lower_map, self.row_upper_map, self.moving_map)
        return sparse.csr_array(sparse.vstack([*parts, self.bound_lower.map, self.bound_upper.map]))

    @cached_property
    def _bases(self) -> tuple[FloatArray, ...]:
        parts = (self.cost, self.row_lower, self.row_upper, self.moving_base)
        return (*parts, self.bound_lower.base, self.bound_upper.base)

    @cached_property
    def _base(self) -> FloatArray:
        return np.concatenate(self._bases)

    @cached_property
    def _places(self) -> list[slice]:
        ends = np.cumsum([len(base) for base in self._bases]).tolist()
        return [slice(start, end) for start, end in itertools.pairwise([0, *ends])]


@dataclass(frozen=True, kw_only=True)
class BoundMap:
    """Bounds on single columns that came from constraints: ``base + map p`` for column ``column``.

    ``unique`` says that no column stands twice, so that plain indexing suffices.
    """

    column: IntArray
    base: FloatArray
    map: sparse.csr_array
    unique: bool

    def tighten(self, bounds: FloatArray, values: FloatArray, combine: Any) -> FloatArray:
        """``bounds`` combined (maximum for lower, minimum for upper) with the parametric ``values``."""
        result = bounds.copy()
        if self.unique:
            result[self.column] = combine(result[self.column], values)
        else:
            combine.at(result, self.column, values)
        return result


def violated(exclusive: IntArray, values: FloatArray, tolerance: float) -> BoolArray:
    """Which exclusive pairs have both sides above the tolerance, shape (n_pairs,)."""
    if not len(exclusive):
        return np.zeros(0, dtype=np.bool_)
    smaller: BoolArray = np.minimum(values[exclusive[:, 0]], values[exclusive[:, 1]]) > tolerance
    return smaller
