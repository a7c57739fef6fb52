"""A compiled model in a live HiGHS: between solves only changed numbers are passed, the basis is kept.

Exclusive pairs (withdraw or inject, charge or discharge) are left out of the linear programme and checked in
its solution. Where the solution keeps them, it is the optimum. Where it does not, a dive closes a column of
each broken pair and solves again, warm; how far its plan can be from the optimum is known, and if that is too
far, branch and bound decides the broken pairs exactly.
"""

import time
from dataclasses import dataclass
from typing import Any

import highspy
import numpy as np
from scipy import sparse

from recosim.arrays import BoolArray, FloatArray, IntArray
from recosim.controllers.branch_and_bound import BranchLimits, decide_pairs
from recosim.controllers.exclusive import PAIR_TOLERANCE, apart, fewer, zero_sides
from recosim.controllers.linear_program import CompiledModel, LinearProgram, violated

PATIENCE = 50
"""Nodes of branch and bound allowed where the dive found no plan at all."""
DIVES_MAX = 300
"""Rounds of closing broken pairs before the dive gives up; three do in most cases."""
NO_COLUMNS: IntArray = np.zeros(0, dtype=np.int64)
DIVES_FREE = 1
"""Rounds after which the dive keeps what is decided."""

DEVEX = 1
"""Weights of dual steepest edge cost less iterations, but are lost with each coefficient that moves, and to
compute them takes longer than the few iterations of a warm solve."""

_OPTIMAL = highspy.HighsModelStatus.kOptimal


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
        Simplex iterations of the live linear programme, and re-solves of it with columns closed plus nodes of
        branch and bound.
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
        Simplex iterations per `solve`, the dive's re-solves included; repeatable.
    branch_limit : int
        Branch-and-bound nodes after the dive, which count no iterations; repeatable. 0 takes the dive's plan.
    gap_relative : float
        Accepted distance between plan and bound, relative to the objective.
    time_limit_ms : float or None
        Wall-clock limit per programme; makes runs unrepeatable [ms].
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
        self._branches = 0

    def restart(self) -> None:
        """Forget basis and history: the next solve depends on its numbers alone."""
        self._passed = None

    def solve(self, program: LinearProgram) -> Solution:
        """Solve the numbers of one re-optimisation, exclusive pairs included."""
        self._ms, self._iterations, self._branches = 0.0, 0, 0
        self._pass(program)
        status = self._run()
        if status != _OPTIMAL:
            return self._solution(self._highs.modelStatusToString(status), program, None)
        root = self._values()
        broken = violated(self.model.exclusive, root, PAIR_TOLERANCE)
        if not broken.any():
            return self._solution("optimal", program, root)
        return self._decide(program, root)

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

    def _time_s(self) -> float:
        limit = self.guards.time_limit_ms
        return np.inf if limit is None else limit / 1e3

    def _values(self) -> FloatArray:
        # twice as fast as asarray, for a list
        return np.fromiter(self._highs.allVariableValues(), np.float64, self.model.n_columns)

    def _solution(
        self,
        status: str,
        program: LinearProgram,
        values: FloatArray | None,
        bound: float | None = None,
    ) -> Solution:
        found = np.zeros(self.model.n_columns) if values is None else values
        objective = self._value(program, found) if values is not None else np.nan
        return Solution(
            status=status,
            values=found,
            objective=objective,
            bound=objective if bound is None else bound,
            iterations=self._iterations,
            branches=self._branches,
            solver_ms=self._ms,
        )

    def _decide(self, program: LinearProgram, root: FloatArray) -> Solution:
        """Close broken pairs until none is left; where that is not proven good enough, branch and bound."""
        guards, bound = self.guards, self._value(program, root)
        plan = self._dive(program, root)
        proven = plan is not None and self._near(self._value(program, plan), bound)
        nodes = guards.branch_limit if plan is not None else max(guards.branch_limit, PATIENCE)
        if nodes and not proven:
            self._matrix.data[self._moving_place] = program.moving
            limits = BranchLimits(nodes=nodes, gap_relative=guards.gap_relative, time_s=self._time_s())
            decision = decide_pairs(program, self._matrix, self.model.exclusive, root, limits)
            self._branches += decision.nodes
            self._ms += decision.solver_ms
            bound = max(bound, decision.bound)
            found = self._cleaned(program, decision.values)
            proven = found is not None and decision.proven
            plans = [values for values in (found, plan) if values is not None]
            plan = min(plans, key=lambda values: self._value(program, values), default=None)
        self._close(program, self._open)
        if plan is None:
            spent = self._iterations >= guards.iteration_limit
            return self._solution("iteration limit" if spent else "branch limit", program, None)
        value = self._value(program, plan)
        optimal = proven or self._near(value, bound)
        return self._solution("optimal" if optimal else "gap", program, plan, min(bound, value))

    def _near(self, value: float, bound: float) -> bool:
        return value - bound <= self.guards.gap_relative * max(1.0, abs(value))

    def _cleaned(self, program: LinearProgram, values: FloatArray | None) -> FloatArray | None:
        """The same plan with the smaller side of each pair at zero, not near it."""
        if values is None:
            return None
        pairs = self.model.exclusive
        smaller = pairs[np.arange(len(pairs)), np.argmin(values[pairs], axis=1)]
        return self._solve_closed(program, _with(self._open, smaller))

    def _dive(self, program: LinearProgram, root: FloatArray) -> FloatArray | None:
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
                found = self._close_sides(program, closed, kept, tried, values)
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
    ) -> tuple[BoolArray, FloatArray] | None:
        """Close one side of each broken pair, the smaller ones or else the others; only now also ``kept``."""
        rows = np.arange(len(broken))
        smaller = np.argmin(values[broken], axis=1)
        for side in (smaller, 1 - smaller):
            more = _with(closed, broken[rows, side])
            solved = self._solve_closed(program, _with(more, kept))
            if solved is not None:
                return more, solved
        return None

    def _solve_closed(self, program: LinearProgram, closed: BoolArray) -> FloatArray | None:
        self._close(program, closed)
        self._branches += 1
        return self._values() if self._run() == _OPTIMAL else None

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
