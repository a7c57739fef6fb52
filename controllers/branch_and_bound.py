"""Exclusive pairs decided exactly: binaries for the pairs that a relaxation breaks, and for no others.

A mixed-integer programme with the pairs broken so far bounds the plan from below, whichever pairs it leaves
out; once its optimum breaks no other, it is the plan. HiGHS does the branching.
"""

import time
from dataclasses import dataclass

import highspy
import numpy as np
from scipy import sparse

from recosim.arrays import BoolArray, FloatArray, IntArray
from recosim.controllers.exclusive import PAIR_TOLERANCE
from recosim.controllers.linear_program import LinearProgram, violated

TOLERANCE = 1e-9
"""To which binaries are whole and rows hold."""
ALLOWED = 100 * PAIR_TOLERANCE
"""Above this, the smaller side of a pair counts as broken: binaries hold a pair to a tolerance only."""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What branch and bound found.

    Parameters
    ----------
    values : array, shape (n_columns,), or None
        Best plan that keeps all pairs, if there is one.
    bound : float
        What no plan can fall below.
    proven : bool
        Whether the plan is the optimum within the accepted gap.
    nodes : int
    solver_ms : float
        CPU time inside HiGHS [ms].
    """

    values: FloatArray | None
    bound: float
    proven: bool
    nodes: int
    solver_ms: float


@dataclass(frozen=True, kw_only=True)
class BranchLimits:
    """Limits of a search.

    Parameters
    ----------
    nodes : int
    gap_relative : float
        Accepted distance between plan and bound, relative to the objective.
    time_s : float
        Per mixed-integer programme [s].
    """

    nodes: int
    gap_relative: float
    time_s: float = np.inf


def decide_pairs(
    program: LinearProgram,
    matrix: sparse.csc_array,
    pairs: IntArray,
    relaxed: FloatArray,
    limits: BranchLimits,
) -> Decision:
    """Decide the pairs that ``relaxed``, shape (n_columns,), breaks, and those that break because of it.

    Parameters
    ----------
    program : LinearProgram
    matrix : sparse matrix, shape (n_rows, n_columns)
        With the programme's moving coefficients in it.
    pairs : array of int, shape (n_pairs, 2)
        Columns of which at most one may be positive. A pair without finite upper bounds cannot be decided.
    """
    binary: BoolArray = np.zeros(len(pairs), dtype=np.bool_)
    unbounded = np.flatnonzero(~np.isfinite(program.column_upper[pairs]).all(axis=1))
    bound, nodes, ms, ended = -np.inf, 0, 0.0, False
    values: FloatArray | None = relaxed
    while values is not None:
        broken = np.flatnonzero(violated(pairs, values, ALLOWED) & ~binary)
        if not len(broken):
            break
        binary[broken] = True
        values = None
        if nodes >= limits.nodes or binary[unbounded].any():
            break
        highs = _with_binaries(program, matrix, pairs[binary], limits, limits.nodes - nodes)
        began = time.process_time()
        highs.run()
        ms += (time.process_time() - began) * 1e3
        info = highs.getInfo()
        nodes += max(1, int(info.mip_node_count))
        if np.isfinite(info.mip_dual_bound):
            bound = max(bound, info.mip_dual_bound)
        ended = highs.getModelStatus() == highspy.HighsModelStatus.kOptimal
        if info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible:
            values = np.asarray(highs.allVariableValues())[: len(relaxed)]
    proven = ended and values is not None
    return Decision(values=values, bound=bound, proven=proven, nodes=nodes, solver_ms=ms)


def _with_binaries(
    program: LinearProgram, matrix: sparse.csc_array, pairs: IntArray, limits: BranchLimits, nodes: int
) -> highspy.Highs:
    """A HiGHS that holds the programme and, for each pair: first <= upper z, second <= upper (1 - z)."""
    (n_rows, n_columns), n = matrix.shape, len(pairs)
    row, z = np.arange(n), n_columns + np.arange(n)
    first, second = program.column_upper[pairs].T
    held = sparse.coo_array(
        (
            np.concatenate([np.ones(n), -first, np.ones(n), second]),
            (np.concatenate([row, row, n + row, n + row]), np.concatenate([pairs[:, 0], z, pairs[:, 1], z])),
        ),
        shape=(2 * n, n_columns + n),
    )
    whole = sparse.csc_array(sparse.vstack([sparse.hstack([matrix, sparse.csc_array((n_rows, n))]), held]))
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = n_columns + n, n_rows + 2 * n
    lp.offset_ = program.offset
    lp.col_cost_ = np.concatenate([program.cost, np.zeros(n)])
    lp.col_lower_ = np.concatenate([program.column_lower, np.zeros(n)])
    lp.col_upper_ = np.concatenate([program.column_upper, np.ones(n)])
    lp.row_lower_ = np.concatenate([program.row_lower, np.full(2 * n, -np.inf)])
    lp.row_upper_ = np.concatenate([program.row_upper, np.zeros(n), second])
    lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    lp.a_matrix_.start_, lp.a_matrix_.index_, lp.a_matrix_.value_ = whole.indptr, whole.indices, whole.data
    kinds = highspy.HighsVarType
    lp.integrality_ = [kinds.kContinuous] * n_columns + [kinds.kInteger] * n
    highs = highspy.Highs()
    for option, value in (
        ("output_flag", False),
        ("threads", 1),
        ("mip_rel_gap", limits.gap_relative),
        ("mip_abs_gap", limits.gap_relative),
        ("mip_feasibility_tolerance", TOLERANCE),
        ("primal_feasibility_tolerance", TOLERANCE),
        ("mip_max_nodes", nodes),
        ("time_limit", limits.time_s),
    ):
        highs.setOptionValue(option, value)
    highs.passModel(lp)
    return highs
