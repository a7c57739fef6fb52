"""The numbers of a linear programme, and the arrays, affine in parameters, that they are evaluated from.

row_lower <= (A0 + moving(p)) x <= row_upper,   bounds = b0 + B p,   cost = c0 + C p
"""

from collections.abc import Mapping
from dataclasses import dataclass
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
        return LinearProgram(
            cost=self.cost + self.cost_map @ parameters,
            column_lower=self.bound_lower.tighten(self.column_lower, parameters, np.maximum),
            column_upper=self.bound_upper.tighten(self.column_upper, parameters, np.minimum),
            row_lower=self.row_lower + self.row_lower_map @ parameters,
            row_upper=self.row_upper + self.row_upper_map @ parameters,
            moving=self.moving_base + self.moving_map @ parameters,
            offset=self.offset + float(np.einsum("i,i", self.offset_map, parameters)),
        )


@dataclass(frozen=True, kw_only=True)
class BoundMap:
    """Bounds on single columns that came from constraints: ``base + map p`` for column ``column``.

    ``unique`` says that no column stands twice, so that plain indexing suffices.
    """

    column: IntArray
    base: FloatArray
    map: sparse.csr_array
    unique: bool

    def tighten(self, bounds: FloatArray, parameters: FloatArray, combine: Any) -> FloatArray:
        """``bounds`` combined (maximum for lower, minimum for upper) with the parametric ones."""
        result = bounds.copy()
        values = self.base + self.map @ parameters
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
