"""A compiled model in a live HiGHS: between solves only changed numbers are passed, the basis is kept.

Exclusive pairs (withdraw or inject, charge or discharge) are left out of the linear programme and checked in
its solution. Where the solution keeps them, it is the optimum. Where it does not, a branch and bound decides
exactly the pairs that were broken, each branch one warm re-solve with a column closed.
"""

import heapq
import itertools
import time
from dataclasses import dataclass, field
from typing import Any

import highspy
import numpy as np
from scipy import sparse

from recosim.arrays import BoolArray, FloatArray, IntArray
from recosim.controllers.exclusive import PAIR_TOLERANCE, apart, fewer, most_broken, zero_sides
from recosim.controllers.linear_program import CompiledModel, LinearProgram, violated

PATIENCE = 200
"""Nodes allowed while there is no plan at all."""
DIVES_MAX = 300
"""Rounds of closing broken pairs before the dive gives up; three do in most cases."""
NO_COLUMNS: IntArray = np.zeros(0, dtype=np.int64)
DIVES_FREE = 1
"""Rounds after which the dive keeps what is decided."""

DEVEX = 1
"""Weights of dual steepest edge cost less iterations, but are lost with each coefficient that moves, and to
compute them takes longer than the few iterations of a warm solve."""

_OPTIMAL = highspy.HighsModelStatus.kOptimal
_INFEASIBLE = highspy.HighsModelStatus.kInfeasible


@dataclass(frozen=True, kw_only=True)
class Solution:
    """What a solve gave.

    Parameters
    ----------
    status : str
        ``optimal``; ``gap`` when the branch limit ended the search with a feasible plan; otherwise HiGHS's
        own word, and ``values`` must not be used.
    values : array, shape (n_columns,)
    objective, bound : float
        Value of the plan, and what no plan can fall below.
    iterations, branches : int
        Simplex iterations, and re-solves with columns closed (dive and branch and bound).
    solver_ms : float
        CPU time inside HiGHS [ms].
    """

    status: str
    values: FloatArray
    objective: float
    bound: float
    iterations: int
    branches: int
    solver_ms: float

    @property
    def usable(self) -> bool:
        """Whether ``values`` is a plan."""
        return self.status in ("optimal", "gap")


@dataclass(frozen=True, kw_only=True)
class Guards:
    """Limits of a solve.

    Parameters
    ----------
    iteration_limit : int
        Simplex iterations per `solve`, its branches included; repeatable.
    branch_limit : int
        Branch-and-bound nodes after the dive; 0 takes the dive's plan.
    gap_relative : float
        Accepted distance between plan and bound, relative to the objective.
    time_limit_ms : float or None
        Wall-clock limit per linear programme; makes runs unrepeatable [ms].
    """

    iteration_limit: int = 200_000
    branch_limit: int = 0
    gap_relative: float = 1e-4
    time_limit_ms: float | None = None


class LiveSolver:
    """One live HiGHS for one compiled model.

    Parameters
    ----------
    model : CompiledModel
    guards : Guards
    """

    def __init__(self, model: CompiledModel, guards: Guards | None = None) -> None:
        self.model = model
        self.guards = guards or Guards()
        self._highs = highspy.Highs()
        for option, value in (
            ("output_flag", False),
            ("threads", 1),
            ("solver", "simplex"),
            ("simplex_dual_edge_weight_strategy", DEVEX),
        ):
            self._highs.setOptionValue(option, value)
        self._matrix = model.matrix.tocsc()
        self._moving_place = _places(self._matrix, model.moving_row, model.moving_column)
        self._open: BoolArray = np.zeros(model.n_columns, dtype=np.bool_)
        self._closed = self._open
        self._there: FloatArray = np.zeros(0)
        self._passed: LinearProgram | None = None
        self._ms = 0.0
        self._iterations = 0
        self._cut_short = False

    def restart(self) -> None:
        """Forget basis and history: the next solve depends on its numbers alone."""
        self._passed = None

    def solve(self, program: LinearProgram) -> Solution:
        """Solve the numbers of one re-optimisation, exclusive pairs included."""
        self._ms, self._iterations, self._cut_short = 0.0, 0, False
        self._pass(program)
        status = self._run()
        if status != _OPTIMAL:
            return self._solution(self._highs.modelStatusToString(status), program, None)
        root = self._values()
        broken = violated(self.model.exclusive, root, PAIR_TOLERANCE)
        if not broken.any():
            return self._solution("optimal", program, root)
        return self._branch(program, root)

    def solve_afresh(self, program: LinearProgram, method: str) -> Solution:
        """Solve from nothing, with presolve and ``method`` (``simplex`` or ``ipm``)."""
        self.restart()
        self._highs.setOptionValue("solver", method)
        try:
            return self.solve(program)
        finally:
            self._highs.setOptionValue("solver", "simplex")

    def _pass(self, program: LinearProgram) -> None:
        old = self._passed
        if old is None:
            self._pass_whole(program)
        else:
            self._pass_changes(old, program)
        self._passed = program

    def _pass_whole(self, program: LinearProgram) -> None:
        model, matrix = self.model, self._matrix
        matrix.data[self._moving_place] = program.moving
        self._there = program.moving
        lp = highspy.HighsLp()
        lp.num_col_, lp.num_row_ = model.n_columns, model.n_rows
        lp.col_cost_ = program.cost
        lp.col_lower_, lp.col_upper_ = program.column_lower, program.column_upper
        lp.row_lower_, lp.row_upper_ = program.row_lower, program.row_upper
        lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
        lp.a_matrix_.start_ = matrix.indptr
        lp.a_matrix_.index_ = matrix.indices
        lp.a_matrix_.value_ = matrix.data
        self._highs.clearModel()
        self._highs.passModel(lp)
        self._closed = self._open

    def _pass_changes(self, old: LinearProgram, new: LinearProgram) -> None:
        highs: Any = self._highs  # its published types lack changeRowsBounds
        changed = np.flatnonzero(old.cost != new.cost).astype(np.int32)
        if len(changed):
            highs.changeColsCost(len(changed), changed, new.cost[changed])
        self._pass_column_bounds(old.column_lower, old.column_upper, new.column_lower, new.column_upper)
        changed = np.flatnonzero((old.row_lower != new.row_lower) | (old.row_upper != new.row_upper)).astype(
            np.int32
        )
        if len(changed):
            highs.changeRowsBounds(len(changed), changed, new.row_lower[changed], new.row_upper[changed])
        # a coefficient of a column that is held at zero says nothing until the column opens
        shut = (new.column_lower == 0.0) & (new.column_upper == 0.0)
        stale = (new.moving != self._there) & ~shut[self.model.moving_column]
        self._there = np.where(stale, new.moving, self._there)
        rows, columns = self.model.moving_row[stale].tolist(), self.model.moving_column[stale].tolist()
        for row, column, value in zip(rows, columns, new.moving[stale].tolist(), strict=True):
            highs.changeCoeff(row, column, value)

    def _pass_column_bounds(
        self, old_lower: FloatArray, old_upper: FloatArray, lower: FloatArray, upper: FloatArray
    ) -> None:
        changed = np.flatnonzero((old_lower != lower) | (old_upper != upper)).astype(np.int32)
        if len(changed):
            self._highs.changeColsBounds(len(changed), changed, lower[changed], upper[changed])

    def _run(self) -> highspy.HighsModelStatus:
        if self.guards.time_limit_ms is not None:
            # HiGHS counts its time limit from the instance's birth
            limit = self._highs.getRunTime() + self.guards.time_limit_ms / 1e3
            self._highs.setOptionValue("time_limit", limit)
        left = self.guards.iteration_limit - self._iterations
        if left <= 0:
            return highspy.HighsModelStatus.kIterationLimit
        self._highs.setOptionValue("simplex_iteration_limit", left)
        began = time.process_time()
        self._highs.run()
        self._ms += (time.process_time() - began) * 1e3
        self._iterations += max(0, int(self._highs.getInfo().simplex_iteration_count))
        return self._highs.getModelStatus()

    def _values(self) -> FloatArray:
        # twice as fast as asarray, for a list
        return np.fromiter(self._highs.allVariableValues(), np.float64, self.model.n_columns)

    def _solution(
        self,
        status: str,
        program: LinearProgram,
        values: FloatArray | None,
        bound: float | None = None,
        branches: int = 0,
    ) -> Solution:
        found = np.zeros(self.model.n_columns) if values is None else values
        objective = self._value(program, found) if values is not None else np.nan
        return Solution(
            status=status,
            values=found,
            objective=objective,
            bound=objective if bound is None else bound,
            iterations=self._iterations,
            branches=branches,
            solver_ms=self._ms,
        )

    def _branch(self, program: LinearProgram, root: FloatArray) -> Solution:
        """Branch and bound on the broken pairs, after a dive that closes many at once.

        The two branches of a pair close one of its columns each, so every node is a re-solve of the same
        linear programme with some upper bounds at zero.
        """
        search = _Search(self.guards, _Node(self._value(program, root), 0, self._open, root))
        dived = self._dive(program, root, search)
        if dived is not None:
            search.offer(self._value(program, dived), dived)
        while (node := search.next()) is not None:
            pair = most_broken(self.model.exclusive, node.values)
            if pair is None:
                search.offer(node.value, node.values)
                continue
            for side in pair:
                closed = _with(node.closed, side)
                values = self._solve_closed(program, closed)
                search.nodes += 1
                if values is not None:
                    search.add(self._value(program, values), closed, values)
        self._close(program, self._open)
        if search.best is None:
            spent = self._iterations >= self.guards.iteration_limit
            ended = "iteration limit" if spent else "branch limit"
            return self._solution(ended, program, None, branches=search.nodes + search.dives)
        # a branch that was cut short proves nothing
        status = "optimal" if search.proven and not self._cut_short else "gap"
        bound = self._value(program, root) if self._cut_short else search.bound
        return self._solution(status, program, search.best, bound, search.nodes + search.dives)

    def _dive(self, program: LinearProgram, root: FloatArray, search: "_Search") -> FloatArray | None:
        """Close the smaller side of every broken pair, and again, until none is left.

        What is closed in one place may break a pair in another. After a few rounds the pairs that are decided
        by then stay so for the next, which leaves little to break. Where closing all at once leaves no plan,
        those without a column in common are closed, or else the most broken of them.
        """
        pairs, values = self.model.exclusive, root
        closed = self._open
        for number in range(DIVES_MAX):
            broken = pairs[violated(pairs, values, PAIR_TOLERANCE)]
            if not len(broken):
                return values
            decided = zero_sides(pairs, values) if number >= DIVES_FREE else NO_COLUMNS
            separate = apart(broken, values)
            attempts = [(decided, broken)] if len(decided) else []
            attempts += [(NO_COLUMNS, pairs_now) for pairs_now in (broken, *fewer(separate))]
            for kept, tried in attempts:
                found = self._close_sides(program, closed, kept, tried, values, search)
                if found is not None:
                    break
            if found is None:
                return None
            closed, values = found
        return None

    def _close_sides(
        self,
        program: LinearProgram,
        closed: BoolArray,
        kept: IntArray,
        broken: IntArray,
        values: FloatArray,
        search: "_Search",
    ) -> tuple[BoolArray, FloatArray] | None:
        """Close one side of each broken pair, the smaller ones or else the others; only now also ``kept``."""
        rows = np.arange(len(broken))
        smaller = np.argmin(values[broken], axis=1)
        for side in (smaller, 1 - smaller):
            more = _with(closed, broken[rows, side])
            solved = self._solve_closed(program, _with(more, kept))
            search.dives += 1
            if solved is not None:
                return more, solved
        return None

    def _solve_closed(self, program: LinearProgram, closed: BoolArray) -> FloatArray | None:
        self._close(program, closed)
        status = self._run()
        self._cut_short |= status not in (_OPTIMAL, _INFEASIBLE)
        return self._values() if status == _OPTIMAL else None

    @staticmethod
    def _value(program: LinearProgram, values: FloatArray) -> float:
        # einsum: a threaded dot product leaves workers spinning while HiGHS runs
        return float(np.einsum("i,i", program.cost, values)) + program.offset

    def _close(self, program: LinearProgram, closed: BoolArray) -> None:
        """Open the columns that are closed now, and close those in ``closed``, shape (n_columns,)."""
        changed = np.flatnonzero(self._closed != closed).astype(np.int32)
        if len(changed):
            upper = program.column_upper[changed]
            upper = np.where(closed[changed], np.minimum(upper, 0.0), upper)
            self._highs.changeColsBounds(len(changed), changed, program.column_lower[changed], upper)
        self._closed = closed


@dataclass(frozen=True, order=True)
class _Node:
    value: float
    number: int
    closed: BoolArray = field(compare=False)
    values: FloatArray = field(compare=False)


class _Search:
    """Best-first search: open nodes, the best plan so far, and what is proven."""

    def __init__(self, guards: Guards, root: _Node) -> None:
        self._guards = guards
        self._open = [root]
        self._numbers = itertools.count(1)
        self.best: FloatArray | None = None
        self.best_value = np.inf
        self.nodes = 0
        self.dives = 0

    @property
    def bound(self) -> float:
        """What no plan can fall below."""
        return min(self.best_value, *(node.value for node in self._open)) if self._open else self.best_value

    @property
    def proven(self) -> bool:
        """Whether the best plan is the optimum within the accepted gap."""
        return self.best_value - self.bound <= self._guards.gap_relative * max(1.0, abs(self.best_value))

    def next(self) -> _Node | None:
        """Most promising open node, none when the search is over."""
        limit = (
            self._guards.branch_limit if self.best is not None else max(self._guards.branch_limit, PATIENCE)
        )
        if self.proven or self.nodes >= limit:
            return None
        return heapq.heappop(self._open) if self._open else None

    def add(self, value: float, closed: BoolArray, values: FloatArray) -> None:
        """Open a node, unless it cannot beat the best plan."""
        if value < self.best_value:
            heapq.heappush(self._open, _Node(value, next(self._numbers), closed, values))

    def offer(self, value: float, values: FloatArray) -> None:
        """A plan that breaks no pair."""
        if value < self.best_value:
            self.best, self.best_value = values, value


def _with(closed: BoolArray, columns: IntArray | int) -> BoolArray:
    """Those columns closed as well."""
    more = closed.copy()
    more[columns] = True
    return more


def _places(matrix: sparse.csc_array, rows: IntArray, columns: IntArray) -> IntArray:
    """Where the entries (rows, columns) lie in the data of a matrix that stores them."""
    numbered = matrix.copy()
    numbered.data = np.arange(1, matrix.nnz + 1, dtype=np.float64)
    found = np.asarray(numbered[rows, columns]).ravel() if len(rows) else np.zeros(0)
    return np.asarray(found, dtype=np.int64) - 1
