"""A Pyomo model compiled once into arrays that are affine in its parameters.

The model declares what will be given later (states, forecasts, prices) as variables inside a block called
``given``. Compiling turns every constraint and the objective into

    row_lower <= (A0 + moving(p)) x <= row_upper,   bounds = b0 + B p,   cost = c0 + C p

with x the decisions and p the given values, so that a re-optimisation only evaluates a few sparse products.
Three reductions keep the linear programme lean: a constraint on a single variable becomes a bound,
constraints with the same left-hand side become one row with two sides, and a constraint that says no more
than x == y makes one column of the two. Sets of variables of which only one
may differ from zero are declared as SOS1 constraints and come out as ``exclusive`` pairs.

To solve the very same numbers with Pyomo alone, fix the variables of the ``given`` blocks (see `give`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyomo.environ as pyo
from pyomo.core.expr.visitor import identify_variables
from pyomo.repn import generate_standard_repn
from scipy import sparse

from recosim.arrays import FloatArray, IntArray
from recosim.controllers.linear_program import BoundMap, CompiledModel
from recosim.errors import SolverError

GIVEN = "given"
"""Name of the blocks whose variables stand for parameters."""


class _Triplets:
    """Coordinates of a sparse matrix under construction."""

    def __init__(self) -> None:
        self.row: list[int] = []
        self.column: list[int] = []
        self.value: list[float] = []

    def add(self, row: int, column: int, value: float) -> None:
        self.row.append(row)
        self.column.append(column)
        self.value.append(value)

    def matrix(self, n_rows: int, n_columns: int) -> sparse.csr_array:
        return sparse.coo_array((self.value, (self.row, self.column)), shape=(n_rows, n_columns)).tocsr()


@dataclass
class _Affine:
    """An expression split into what multiplies decisions and what does not."""

    constant: float
    linear: list[tuple[int, float]]  # (column, coefficient)
    given: list[tuple[int, float]]  # (parameter, coefficient)
    moving: list[tuple[int, int, float]]  # (column, parameter, coefficient)


def compile_model(model: pyo.ConcreteModel) -> CompiledModel:
    """Compile a Pyomo model.

    Parameters
    ----------
    model : ConcreteModel
        One active objective (minimised); constraints and objective affine in the decisions, with coefficients
        affine in the given values.

    Raises
    ------
    SolverError
        A term is not affine; the message names the constraint and the term.
    """
    return _Compiler(model).compile()


class _Compiler:
    def __init__(self, model: pyo.ConcreteModel) -> None:
        self._model = model
        self._column: dict[int, int] = {}
        self._parameter: dict[int, int] = {}
        self._variables: list[list[Any]] = []  # by column, more than one where x == y
        self._column_names: dict[str, IntArray] = {}
        self._parameter_slices: dict[str, slice] = {}
        same = _SameColumn(model)
        for component in model.component_objects(pyo.Var, active=True, descend_into=True):
            if component.parent_block().local_name == GIVEN:
                first = len(self._parameter)
                for data in component.values():
                    self._parameter[id(data)] = len(self._parameter)
                self._parameter_slices[component.name] = slice(first, len(self._parameter))
            else:
                for data in component.values():
                    leader = same.leader(data)
                    if id(leader) not in self._column:
                        self._column[id(leader)] = len(self._variables)
                        self._variables.append([])
                    self._column[id(data)] = self._column[id(leader)]
                    self._variables[self._column[id(data)]].append(data)
                columns = [self._column[id(data)] for data in component.values()]
                self._column_names[component.name] = np.array(columns, dtype=np.int64)

    def compile(self) -> CompiledModel:
        n_columns, n_parameters = len(self._variables), len(self._parameter)
        matrix, moving = _Triplets(), _Triplets()
        lower_map, upper_map = _Triplets(), _Triplets()
        row_lower: list[float] = []
        row_upper: list[float] = []
        moving_place: dict[tuple[int, int], int] = {}
        bounds: dict[str, tuple[list[int], list[float], _Triplets]] = {
            side: ([], [], _Triplets()) for side in ("lower", "upper")
        }
        bodies: dict[tuple[Any, ...], int] = {}
        for constraint in self._constraints():
            lower, body, upper = constraint.to_bounded_expression()
            affine = self._affine(body, constraint.name)
            low = -np.inf if lower is None else float(pyo.value(lower)) - affine.constant
            high = np.inf if upper is None else float(pyo.value(upper)) - affine.constant
            if not affine.linear and not affine.moving and not affine.given and low <= 0.0 <= high:
                continue  # x == y, already one column
            if len(affine.linear) == 1 and not affine.moving:
                self._add_bound(affine, low, high, bounds)
                continue
            affine, low, high = _oriented(affine, low, high)
            key = (tuple(sorted(affine.linear)), tuple(sorted(affine.moving)))
            row = bodies.get(key, -1)
            fresh = row < 0
            if not fresh and (
                (np.isfinite(low) and np.isfinite(row_lower[row]))
                or (np.isfinite(high) and np.isfinite(row_upper[row]))
            ):
                fresh = True  # the same side is limited twice: keep both rows
            if fresh:
                row = bodies[key] = len(row_lower)
                row_lower.append(-np.inf)
                row_upper.append(np.inf)
                for column, coefficient in affine.linear:
                    matrix.add(row, column, coefficient)
                for column, parameter, coefficient in affine.moving:
                    entry = moving_place.setdefault((row, column), len(moving_place))
                    moving.add(entry, parameter, coefficient)
            if np.isfinite(low):
                row_lower[row] = low
                for parameter, coefficient in affine.given:
                    lower_map.add(row, parameter, -coefficient)
            if np.isfinite(high):
                row_upper[row] = high
                for parameter, coefficient in affine.given:
                    upper_map.add(row, parameter, -coefficient)
        n_rows = len(row_lower)
        cost, cost_map, offset, offset_map = self._objective(n_columns, n_parameters)
        places = np.array(list(moving_place), dtype=np.int64).reshape(-1, 2)
        base = matrix.matrix(n_rows, n_columns)
        moving_base = np.array([base[row, column] for row, column in places], dtype=np.float64)
        return CompiledModel(
            columns=self._column_names,
            parameters=self._parameter_slices,
            matrix=_with_pattern(base, places),
            moving_row=places[:, 0],
            moving_column=places[:, 1],
            moving_base=moving_base,
            moving_map=moving.matrix(len(places), n_parameters),
            row_lower=np.array(row_lower),
            row_upper=np.array(row_upper),
            row_lower_map=lower_map.matrix(n_rows, n_parameters),
            row_upper_map=upper_map.matrix(n_rows, n_parameters),
            column_lower=np.array([max(_bound(v.lb, -np.inf) for v in vs) for vs in self._variables]),
            column_upper=np.array([min(_bound(v.ub, np.inf) for v in vs) for vs in self._variables]),
            bound_lower=_bound_map(*bounds["lower"], n_parameters),
            bound_upper=_bound_map(*bounds["upper"], n_parameters),
            cost=cost,
            cost_map=cost_map,
            offset=offset,
            offset_map=offset_map,
            exclusive=self._exclusive(),
        )

    def _constraints(self) -> Iterator[Any]:
        return iter(self._model.component_data_objects(pyo.Constraint, active=True, descend_into=True))

    def _affine(self, expression: Any, where: str) -> _Affine:
        repn = generate_standard_repn(expression, quadratic=True)
        if repn.nonlinear_expr is not None:
            raise SolverError(
                f"{where}: {repn.nonlinear_expr} is not affine; allowed: sums of given x decision"
            )
        result = _Affine(float(pyo.value(repn.constant)), [], [], [])
        linear: dict[int, float] = {}  # columns that were made one add up, and vanish where they cancel
        for variable, coefficient in zip(repn.linear_vars, repn.linear_coefs, strict=True):
            if id(variable) in self._parameter:
                result.given.append((self._parameter[id(variable)], float(coefficient)))
            else:
                column = self._column[id(variable)]
                linear[column] = linear.get(column, 0.0) + float(coefficient)
        result.linear.extend((column, value) for column, value in linear.items() if value)
        for (first, second), coefficient in zip(repn.quadratic_vars, repn.quadratic_coefs, strict=True):
            if id(first) in self._parameter:
                first, second = second, first
            if id(first) in self._parameter or id(second) not in self._parameter:
                kind = "given values" if id(first) in self._parameter else "decisions"
                raise SolverError(
                    f"{where}: {first.name} * {second.name} is a product of two {kind}, not affine; "
                    "allowed: sums of given x decision; declare a product of given values as one given value"
                )
            result.moving.append((self._column[id(first)], self._parameter[id(second)], float(coefficient)))
        return result

    def _add_bound(
        self,
        affine: _Affine,
        low: float,
        high: float,
        bounds: dict[str, tuple[list[int], list[float], _Triplets]],
    ) -> None:
        (column, coefficient), *_ = affine.linear
        if coefficient < 0:
            low, high = high, low
        for side, limit in (("lower", low), ("upper", high)):
            if np.isfinite(limit):
                columns, base, triplets = bounds[side]
                for parameter, value in affine.given:
                    triplets.add(len(columns), parameter, -value / coefficient)
                columns.append(column)
                base.append(limit / coefficient)

    def _objective(
        self, n_columns: int, n_parameters: int
    ) -> tuple[FloatArray, sparse.csr_array, float, FloatArray]:
        objectives = list(self._model.component_data_objects(pyo.Objective, active=True, descend_into=True))
        if len(objectives) != 1 or not objectives[0].is_minimizing():
            raise SolverError(f"{len(objectives)} active objectives, allowed: exactly one, minimised")
        affine = self._affine(objectives[0].expr, "the objective")
        cost = np.zeros(n_columns)
        for column, coefficient in affine.linear:
            cost[column] += coefficient
        cost_map = _Triplets()
        for column, parameter, coefficient in affine.moving:
            cost_map.add(column, parameter, coefficient)
        offset_map = np.zeros(n_parameters)
        for parameter, coefficient in affine.given:
            offset_map[parameter] += coefficient
        return cost, cost_map.matrix(n_columns, n_parameters), affine.constant, offset_map

    def _exclusive(self) -> IntArray:
        pairs = []
        for sos in self._model.component_data_objects(pyo.SOSConstraint, active=True, descend_into=True):
            columns = [self._column.get(id(variable), -1) for variable in sos.variables]
            if sos.level != 1 or len(columns) != 2 or min(columns) < 0:
                raise SolverError(f"{sos.name}: allowed: SOS1 constraints on two decisions")
            pairs.append(columns)
        return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def _oriented(affine: _Affine, low: float, high: float) -> tuple[_Affine, float, float]:
    """The same row with a positive leading coefficient: Pyomo turns ``body >= given`` into its negative."""
    leading = min(affine.linear)[1] if affine.linear else min(affine.moving, default=(0, 0, 0.0))[2]
    if leading >= 0.0:
        return affine, low, high
    turned = _Affine(
        -affine.constant,
        [(column, -value) for column, value in affine.linear],
        [(parameter, -value) for parameter, value in affine.given],
        [(column, parameter, -value) for column, parameter, value in affine.moving],
    )
    return turned, -high, -low


class _SameColumn:
    """Variables that constraints of the form x == y make one; each has a leader that stands for all."""

    def __init__(self, model: pyo.ConcreteModel) -> None:
        self._leader: dict[int, Any] = {}
        for constraint in model.component_data_objects(pyo.Constraint, active=True, descend_into=True):
            pair = _equal_pair(constraint)
            if pair is not None:
                first, second = (self.leader(variable) for variable in pair)
                if first is not second:
                    self._leader[id(second)] = first

    def leader(self, variable: Any) -> Any:
        """The variable that stands for this one, itself if it is alone."""
        while id(variable) in self._leader:
            variable = self._leader[id(variable)]
        return variable


def _equal_pair(constraint: Any) -> tuple[Any, Any] | None:
    """The two decisions of a constraint x == y, None for any other constraint."""
    if not constraint.equality or constraint.body.is_named_expression_type():
        return None
    variables = list(identify_variables(constraint.body))
    if len(variables) != 2 or any(v.parent_component().parent_block().local_name == GIVEN for v in variables):
        return None
    repn = generate_standard_repn(constraint.body, quadratic=False)
    if not repn.is_linear() or sorted(repn.linear_coefs) != [-1, 1]:
        return None
    lower, _, _ = constraint.to_bounded_expression()
    if float(pyo.value(lower)) != float(pyo.value(repn.constant)):
        return None
    return repn.linear_vars[0], repn.linear_vars[1]


def _bound(value: float | None, none: float) -> float:
    return none if value is None else float(value)


def _with_pattern(matrix: sparse.csr_array, places: IntArray) -> sparse.csr_array:
    """``matrix`` with a stored entry at each of ``places``, even where its constant part is zero."""
    tiny = np.finfo(np.float64).tiny
    filler = sparse.coo_array(
        (np.full(len(places), tiny), (places[:, 0], places[:, 1])), shape=matrix.shape
    ).tocsr()
    return (matrix + filler).tocsr()


def _bound_map(columns: list[int], base: list[float], triplets: _Triplets, n_parameters: int) -> BoundMap:
    return BoundMap(
        column=np.array(columns, dtype=np.int64),
        base=np.array(base, dtype=np.float64),
        map=triplets.matrix(len(columns), n_parameters),
        unique=len(set(columns)) == len(columns),
    )


def give(model: pyo.ConcreteModel, compiled: CompiledModel, parameters: FloatArray) -> None:
    """Fix the given values of the Pyomo model, so that Pyomo's own solvers see the same numbers."""
    for name, place in compiled.parameters.items():
        component = model.find_component(name)
        for data, value in zip(component.values(), parameters[place], strict=True):
            data.fix(float(value))
