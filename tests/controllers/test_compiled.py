import numpy as np
import pyomo.environ as pyo
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from recosim.controllers.compiled import compile_model, give
from recosim.controllers.linear_program import violated
from recosim.errors import SolverError

N_X, N_P = 4, 3


def declare(n_x=N_X, n_p=N_P, lower=None, upper=None):
    model = pyo.ConcreteModel()
    model.part = pyo.Block()
    model.part.given = pyo.Block()
    model.part.given.p = pyo.Var(range(n_p))
    model.part.x = pyo.Var(range(n_x), bounds=(lower, upper))
    return model, model.part.x, model.part.given.p


class Rows:
    """Random rows c + a.x + g.p + x.M.p with a lower and an upper side, as numbers and as a Pyomo model."""

    def __init__(self, seed: int, n_rows: int = 12) -> None:
        rng = np.random.default_rng(seed)
        self.rng = rng
        chosen = rng.random((n_rows, N_X)) < 0.6
        chosen[:3] = np.eye(N_X, dtype=bool)[rng.integers(0, N_X, 3)]  # singletons
        self.a = np.where(chosen, rng.choice([-2.0, -1.0, 0.5, 1.0, 3.0], (n_rows, N_X)), 0.0)
        self.g = np.where(rng.random((n_rows, N_P)) < 0.5, rng.normal(size=(n_rows, N_P)), 0.0)
        moves = (rng.random((n_rows, N_X, N_P)) < 0.15) & (np.arange(n_rows) >= 3)[:, None, None]
        self.m = np.where(moves, rng.normal(size=(n_rows, N_X, N_P)), 0.0)
        self.c = rng.normal(size=n_rows)
        self.lower = np.where(rng.random(n_rows) < 0.6, rng.uniform(-9, -3, n_rows), -np.inf)
        self.upper = np.where(rng.random(n_rows) < 0.6, rng.uniform(3, 9, n_rows), np.inf)
        self.cost = rng.normal(size=N_X)
        self.cost_moving = np.where(rng.random((N_X, N_P)) < 0.5, rng.normal(size=(N_X, N_P)), 0.0)
        self.cost_given = rng.normal(size=N_P)

    def model(self):
        model, x, p = declare(lower=-5.0, upper=5.0)
        model.rows = pyo.ConstraintList()
        for r in range(len(self.c)):
            body = self.c[r] + sum(self.a[r, i] * x[i] for i in range(N_X))
            body += sum(self.g[r, k] * p[k] for k in range(N_P))
            body += sum(self.m[r, i, k] * x[i] * p[k] for i in range(N_X) for k in range(N_P))
            low, high = (float(v) if np.isfinite(v) else None for v in (self.lower[r], self.upper[r]))
            if low is None and high is None:
                continue
            if not self.a[r].any() and not self.m[r].any():
                continue
            model.rows.add(pyo.inequality(low, body, high))
        model.cost = pyo.Objective(
            expr=2.5
            + sum(self.cost[i] * x[i] for i in range(N_X))
            + sum(self.cost_moving[i, k] * x[i] * p[k] for i in range(N_X) for k in range(N_P))
            + sum(self.cost_given[k] * p[k] for k in range(N_P))
        )
        return model

    def worst_excess(self, x, p):
        """How far a point leaves the rows and bounds, in the rows' own measure (1 per unit of x alone)."""
        body = self.c + self.a @ x + self.g @ p + np.einsum("rik,i,k->r", self.m, x, p)
        scale = np.where(self.singleton, np.abs(self.a).sum(axis=1), 1.0)
        used = self.a.any(axis=1) | self.m.any(axis=(1, 2))
        excess = np.maximum(self.lower - body, body - self.upper) / np.maximum(scale, 1e-12)
        return max(np.max(excess, where=used, initial=-np.inf), np.max(np.abs(x)) - 5.0)

    @property
    def singleton(self):
        return (np.count_nonzero(self.a, axis=1) == 1) & ~self.m.any(axis=(1, 2))


def matrix_of(compiled, program):
    matrix = compiled.matrix.toarray()
    matrix[compiled.moving_row, compiled.moving_column] = program.moving
    return matrix


def worst_excess(compiled, program, x):
    rows = matrix_of(compiled, program) @ x
    return max(
        np.max(np.maximum(program.row_lower - rows, rows - program.row_upper), initial=-np.inf),
        np.max(np.maximum(program.column_lower - x, x - program.column_upper)),
    )


@given(st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_rows_bounds_and_cost_are_what_pyomo_says(seed):
    rows = Rows(seed)
    compiled = compile_model(rows.model())
    for _ in range(4):
        p, x = rows.rng.normal(size=N_P), rows.rng.uniform(-6, 6, N_X)
        program = compiled.evaluate(p)
        expected = 2.5 + rows.cost @ x + x @ rows.cost_moving @ p + rows.cost_given @ p
        assert program.cost @ x + program.offset == pytest.approx(expected, abs=1e-10)
        assert worst_excess(compiled, program, x) == pytest.approx(rows.worst_excess(x, p), abs=1e-9)


@pytest.mark.parametrize("seed", range(8))
def test_optimum_is_that_of_pyomo_with_the_same_numbers(seed):
    rows = Rows(seed)
    model = rows.model()
    compiled = compile_model(model)
    p = 0.3 * rows.rng.normal(size=N_P)
    program = compiled.evaluate(p)
    matrix = matrix_of(compiled, program)
    up, down = np.isfinite(program.row_upper), np.isfinite(program.row_lower)
    found = linprog(
        program.cost,
        A_ub=np.vstack([matrix[up], -matrix[down]]),
        b_ub=np.concatenate([program.row_upper[up], -program.row_lower[down]]),
        bounds=np.column_stack([program.column_lower, program.column_upper]),
    )
    assert found.status in (0, 2)
    give(model, compiled, p)
    solver = pyo.SolverFactory("appsi_highs")
    results = solver.solve(model, load_solutions=False)
    solved = str(results.solver.termination_condition) == "optimal"
    assert solved == (found.status == 0)
    if solved:
        assert results.problem.lower_bound == pytest.approx(found.fun + program.offset, abs=1e-7)


def test_constraint_on_one_variable_becomes_a_bound():
    model, x, p = declare(n_x=2, n_p=2, lower=0.0, upper=10.0)
    model.above = pyo.Constraint(expr=2.0 * x[0] >= p[0] - 1.0)
    model.below = pyo.Constraint(expr=-4.0 * x[0] + 3.0 * p[1] >= -8.0)  # x0 <= 2 + 0.75 p1
    model.row = pyo.Constraint(expr=x[0] + x[1] <= 5.0)
    model.cost = pyo.Objective(expr=x[0])
    compiled = compile_model(model)
    assert compiled.n_rows == 1
    program = compiled.evaluate(np.array([4.0, 2.0]))
    assert program.column_lower.tolist() == [1.5, 0.0]
    assert program.column_upper.tolist() == [3.5, 10.0]
    # the variable's own bounds hold where they are tighter
    program = compiled.evaluate(np.array([-4.0, 20.0]))
    assert program.column_lower.tolist() == [0.0, 0.0]
    assert program.column_upper.tolist() == [10.0, 10.0]


def test_tightest_of_several_bounds_on_one_variable_counts():
    model, x, p = declare(n_x=1, n_p=2)
    model.first = pyo.Constraint(expr=x[0] <= p[0])
    model.second = pyo.Constraint(expr=x[0] <= p[1])
    model.third = pyo.Constraint(expr=x[0] >= 2.0 * p[0])
    model.fourth = pyo.Constraint(expr=x[0] == p[1] + 1.0)
    model.cost = pyo.Objective(expr=x[0])
    compiled = compile_model(model)
    assert compiled.n_rows == 0
    program = compiled.evaluate(np.array([3.0, 1.0]))
    assert (program.column_lower[0], program.column_upper[0]) == (6.0, 1.0)
    program = compiled.evaluate(np.array([-3.0, 1.0]))
    assert (program.column_lower[0], program.column_upper[0]) == (2.0, -3.0)


def test_equal_left_hand_sides_become_one_row_with_two_sides():
    model, x, p = declare(n_x=2, n_p=2)
    model.above = pyo.Constraint(expr=x[0] + 2.0 * x[1] >= p[0])
    model.below = pyo.Constraint(expr=2.0 * x[1] + x[0] + 1.0 <= 3.0 * p[1])
    model.other = pyo.Constraint(expr=x[0] + 2.5 * x[1] <= p[1])
    model.cost = pyo.Objective(expr=x[0])
    compiled = compile_model(model)
    assert compiled.n_rows == 2
    program = compiled.evaluate(np.array([1.0, 2.0]))
    assert sorted(zip(program.row_lower, program.row_upper, strict=True)) == [(-np.inf, 2.0), (1.0, 5.0)]


def test_equal_sides_with_different_moving_coefficients_stay_apart():
    model, x, p = declare(n_x=2, n_p=2)
    model.above = pyo.Constraint(expr=x[0] + p[0] * x[1] >= 1.0)
    model.below = pyo.Constraint(expr=x[0] + p[1] * x[1] <= 2.0)
    model.same = pyo.Constraint(expr=x[0] + p[1] * x[1] >= 0.5)
    model.cost = pyo.Objective(expr=x[0])
    compiled = compile_model(model)
    assert compiled.n_rows == 2
    program = compiled.evaluate(np.array([7.0, 9.0]))
    assert sorted(matrix_of(compiled, program)[:, 1].tolist()) == [7.0, 9.0]


def test_same_side_limited_twice_keeps_both():
    model, x, p = declare(n_x=2, n_p=2)
    model.first = pyo.Constraint(expr=x[0] + x[1] <= p[0])
    model.second = pyo.Constraint(expr=x[0] + x[1] <= p[1])
    model.third = pyo.Constraint(expr=x[0] + x[1] >= 0.0)
    model.cost = pyo.Objective(expr=x[0])
    compiled = compile_model(model)
    program = compiled.evaluate(np.array([3.0, 1.0]))
    assert sorted(program.row_upper.tolist()) == [1.0, 3.0]
    assert sorted(program.row_lower.tolist()) == [-np.inf, 0.0]
    # an equality beside an inequality on the same left-hand side
    model.fourth = pyo.Constraint(expr=x[0] + x[1] == 0.5)
    program = compile_model(model).evaluate(np.array([3.0, 1.0]))
    assert (0.5, 0.5) in set(zip(program.row_lower, program.row_upper, strict=True))
    assert min(program.row_upper) == 0.5
    assert max(program.row_upper) == 3.0


def test_moving_coefficient_adds_to_the_constant_one():
    model, x, p = declare(n_x=2, n_p=2)
    model.row = pyo.Constraint(expr=2.0 * x[0] + p[0] * x[0] + 3.0 * p[1] * x[0] + x[1] <= 1.0)
    model.cost = pyo.Objective(expr=x[1])
    compiled = compile_model(model)
    assert compiled.moving_column.tolist() == [0]
    program = compiled.evaluate(np.array([10.0, 100.0]))
    np.testing.assert_allclose(matrix_of(compiled, program), [[312.0, 1.0]])
    # what moves keeps its place in the matrix when it is zero
    assert compiled.evaluate(np.array([-2.0, 0.0])).moving.tolist() == [0.0]
    assert compiled.matrix.nnz == 2


def test_names_shapes_and_order():
    model, _, _ = declare(n_x=2, n_p=3)
    model.y = pyo.Var(range(2), ["a", "b"])
    model.cost = pyo.Objective(expr=model.y[1, "a"] * model.part.given.p[2])
    compiled = compile_model(model)
    assert compiled.n_parameters == 3
    assert compiled.n_columns == 6
    assert set(compiled.columns) == {"part.x", "y"}
    assert compiled.parameters == {"part.given.p": slice(0, 3)}
    cost = compiled.evaluate(np.array([0.0, 0.0, 5.0])).cost
    assert cost[compiled.columns["y"]].tolist() == [0.0, 0.0, 5.0, 0.0]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (lambda x, p: p[0] * p[1] + x[0] + x[1], r"product of two given values"),
        (lambda x, p: p[0] ** 2 + x[0] + x[1], r"part.given.p\[0\] \* part.given.p\[0\]"),
        (lambda x, p: x[0] * x[1] + x[0], r"part.x\[\d\] \* part.x\[\d\] is a product of two decisions"),
        (lambda x, p: pyo.exp(x[0]) + x[1], r"exp\(part.x\[0\]\) is not affine"),
        (lambda x, p: p[0] * x[0] * x[1], "is not affine"),
        (lambda x, p: x[0] / p[0] + x[1], "is not affine"),
    ],
)
def test_what_is_not_affine_is_refused_by_name(body, said):
    model, x, p = declare(n_x=2, n_p=2)
    model.cost = pyo.Objective(expr=x[0])
    model.crooked = pyo.Constraint(expr=body(x, p) <= 1.0)
    with pytest.raises(SolverError, match=f"crooked: .*{said}"):
        compile_model(model)


def test_objective_that_is_not_affine_is_refused():
    model, x, _ = declare()
    model.cost = pyo.Objective(expr=x[0] * x[1])
    with pytest.raises(SolverError, match="the objective: .* product of two decisions"):
        compile_model(model)


def test_one_minimised_objective_is_needed():
    model, x, _ = declare()
    with pytest.raises(SolverError, match="0 active objectives"):
        compile_model(model)
    model.worth = pyo.Objective(expr=x[0], sense=pyo.maximize)
    with pytest.raises(SolverError, match="minimised"):
        compile_model(model)


def test_exclusive_pairs_are_columns():
    model, x, _ = declare(n_x=3)
    model.either = pyo.SOSConstraint(rule=lambda m: [x[2], x[0]], sos=1)
    model.cost = pyo.Objective(expr=x[0])
    assert compile_model(model).exclusive.tolist() == [[2, 0]]


@pytest.mark.parametrize(
    ("members", "sos"),
    [
        (lambda x, p: [x[0], x[1], x[2]], 1),
        (lambda x, p: [x[0], x[1]], 2),
        (lambda x, p: [x[0], p[0]], 1),
    ],
)
def test_other_exclusions_are_refused(members, sos):
    model, x, p = declare(n_x=3)
    model.cost = pyo.Objective(expr=x[0])
    model.odd = pyo.SOSConstraint(rule=lambda m: members(x, p), sos=sos)
    with pytest.raises(SolverError, match="odd: allowed: SOS1 constraints on two"):
        compile_model(model)


def test_violated_pairs_have_both_sides_above_the_tolerance():
    pairs = np.array([[0, 1], [1, 2], [0, 2]])
    assert violated(pairs, np.array([1.0, 2e-7, 3.0]), 1e-7).tolist() == [True, True, True]
    assert violated(pairs, np.array([1.0, 0.5e-7, 3.0]), 1e-7).tolist() == [False, False, True]
    assert violated(np.zeros((0, 2), dtype=np.int64), np.zeros(3), 1e-7).tolist() == []
