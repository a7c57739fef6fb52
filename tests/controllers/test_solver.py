"""The live solver against enumeration, against itself from scratch, and on steps of real communities."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import linprog

from recosim.controllers.linear_program import BoundMap, CompiledModel, LinearProgram, violated
from recosim.controllers.solver import Guards, LiveSolver

EXACT = Guards(gap_relative=1e-9, branch_limit=100_000)
DIVE = Guards(gap_relative=1e-9)


def compiled(matrix, pairs=()):
    """A model without parameters: everything comes with the program."""
    rows, columns = np.shape(matrix)
    none, no_bound = sparse.csr_array((0, 0)), np.zeros(0)
    bounds = BoundMap(
        column=np.zeros(0, dtype=np.int64), base=no_bound, map=sparse.csr_array((0, 1)), unique=True
    )
    return CompiledModel(
        columns={"x": np.arange(columns)},
        parameters={},
        matrix=sparse.csr_array(np.asarray(matrix, dtype=np.float64)),
        moving_row=np.zeros(0, dtype=np.int64),
        moving_column=np.zeros(0, dtype=np.int64),
        moving_base=no_bound,
        moving_map=none,
        row_lower=np.full(rows, -np.inf),
        row_upper=np.full(rows, np.inf),
        row_lower_map=none,
        row_upper_map=none,
        column_lower=np.zeros(columns),
        column_upper=np.full(columns, np.inf),
        bound_lower=bounds,
        bound_upper=bounds,
        cost=np.zeros(columns),
        cost_map=none,
        offset=0.0,
        offset_map=no_bound,
        exclusive=np.array(pairs, dtype=np.int64).reshape(-1, 2),
    )


def program(cost, upper, row_upper, row_lower=-np.inf, offset=0.0):
    upper, row_upper = np.asarray(upper, dtype=np.float64), np.asarray(row_upper, dtype=np.float64)
    return LinearProgram(
        cost=np.asarray(cost, dtype=np.float64),
        column_lower=np.zeros(len(upper)),
        column_upper=upper,
        row_lower=np.broadcast_to(np.asarray(row_lower, dtype=np.float64), row_upper.shape).copy(),
        row_upper=row_upper,
        moving=np.zeros(0),
        offset=offset,
    )


class Knapsack:
    """Random packing problems in which the relaxation likes to use both sides of a pair."""

    N_PAIRS, N_ROWS = 5, 4

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.rng = rng
        n = 2 * self.N_PAIRS
        self.matrix = rng.uniform(0.2, 2.0, (self.N_ROWS, n)) * (rng.random((self.N_ROWS, n)) < 0.7)
        self.pairs = np.arange(n).reshape(-1, 2)
        self.model = compiled(self.matrix, self.pairs)

    def program(self):
        n = 2 * self.N_PAIRS
        cost, upper = -self.rng.uniform(0.1, 2.0, n), self.rng.uniform(0.5, 3.0, n)
        return program(cost, upper, self.rng.uniform(2.0, 5.0, self.N_ROWS), offset=7.0)

    def optimum(self, numbers):
        """By trying all ways to close one side of each pair."""
        best = np.inf
        for sides in itertools.product((0, 1), repeat=self.N_PAIRS):
            upper = numbers.column_upper.copy()
            upper[self.pairs[np.arange(self.N_PAIRS), sides]] = 0.0
            found = linprog(
                numbers.cost,
                A_ub=self.matrix,
                b_ub=numbers.row_upper,
                bounds=np.column_stack([numbers.column_lower, upper]),
            )
            best = min(best, found.fun) if found.status == 0 else best
        return best + numbers.offset


def assert_feasible(model, numbers, solution, tolerance=1e-6):
    matrix = model.matrix.tolil()
    matrix[model.moving_row, model.moving_column] = numbers.moving
    rows = matrix.tocsr() @ solution.values
    assert (rows <= numbers.row_upper + tolerance).all()
    assert (rows >= numbers.row_lower - tolerance).all()
    assert (solution.values <= numbers.column_upper + tolerance).all()
    assert (solution.values >= numbers.column_lower - tolerance).all()
    assert not violated(model.exclusive, solution.values, 1e-6).any()


def test_pair_broken_in_the_relaxation_is_exact_after_branching():
    # maximise 2 x + y with x <= 2, y <= 3, x + y <= 4: the relaxation takes (2, 2); alone 4 or 3
    model = compiled([[1.0, 1.0]], [[0, 1]])
    solution = LiveSolver(model, EXACT).solve(program([-2.0, -1.0], [2.0, 3.0], [4.0]))
    assert solution.status == "optimal"
    assert solution.values.tolist() == [2.0, 0.0]
    assert (solution.objective, solution.bound) == (-4.0, -4.0)
    assert solution.branches > 0
    # with y worth more, the other side wins: 2 * 2 against 3 * 1.5
    solution = LiveSolver(model, EXACT).solve(program([-2.0, -1.5], [2.0, 3.0], [4.0]))
    assert solution.values.tolist() == [0.0, 3.0]
    assert solution.objective == -4.5


def test_relaxation_that_keeps_the_pairs_needs_no_branch():
    model = compiled([[1.0, 1.0]], [[0, 1]])
    solution = LiveSolver(model, EXACT).solve(program([-2.0, 1.0], [2.0, 3.0], [4.0], offset=10.0))
    assert (solution.status, solution.branches) == ("optimal", 0)
    assert solution.objective == solution.bound == 6.0


def test_both_sides_free_again_after_a_branched_solve():
    model = compiled([[1.0, 1.0]], [[0, 1]])
    live = LiveSolver(model, EXACT)
    live.solve(program([-2.0, -1.0], [2.0, 3.0], [4.0]))
    assert live.solve(program([-1.0, 1.0], [2.0, 3.0], [4.0])).values.tolist() == [2.0, 0.0]
    assert live.solve(program([1.0, -1.0], [2.0, 3.0], [4.0])).values.tolist() == [0.0, 3.0]


@pytest.mark.parametrize("seed", range(12))
def test_branch_and_bound_finds_what_enumeration_finds(seed):
    problem = Knapsack(seed)
    live = LiveSolver(problem.model, EXACT)
    for _ in range(3):  # warm from the second on
        numbers = problem.program()
        solution = live.solve(numbers)
        assert solution.status == "optimal"
        assert_feasible(problem.model, numbers, solution)
        assert solution.objective == pytest.approx(problem.optimum(numbers), abs=1e-7)


def test_dive_gives_a_feasible_plan_and_a_bound():
    gaps = 0
    for seed in range(20):
        problem = Knapsack(seed)
        numbers = problem.program()
        solution = LiveSolver(problem.model, Guards(gap_relative=0.0)).solve(numbers)
        assert solution.usable
        assert_feasible(problem.model, numbers, solution)
        best = problem.optimum(numbers)
        assert solution.bound - 1e-7 <= best <= solution.objective + 1e-7
        if solution.status == "gap":
            gaps += 1
            assert solution.bound < solution.objective
        else:
            assert solution.objective == pytest.approx(best, abs=1e-7)
    assert gaps > 5


def test_a_pair_without_bounds_is_closed_but_proves_nothing():
    # maximise 2 x + y with x + y <= 4, x <= 2: without bounds no binary can hold the pair
    model = compiled([[1.0, 1.0], [1.0, 0.0]], [[0, 1]])
    solution = LiveSolver(model, EXACT).solve(program([-2.0, -1.0], [np.inf, np.inf], [4.0, 2.0]))
    assert solution.status == "gap"
    assert min(solution.values) == 0.0
    assert (solution.objective, solution.bound) == (-4.0, -6.0)


def test_gap_is_what_was_allowed():
    for seed in range(12):
        problem = Knapsack(seed)
        numbers = problem.program()
        solution = LiveSolver(problem.model, Guards(gap_relative=0.05, branch_limit=10_000)).solve(numbers)
        best = problem.optimum(numbers)
        assert solution.status == "optimal"
        assert solution.objective - best <= 0.05 * max(1.0, abs(best)) + 1e-7


def test_infeasible_program_is_told_and_forgotten():
    model = compiled([[1.0, 1.0]])
    live = LiveSolver(model)
    good = program([1.0, 1.0], [2.0, 2.0], [np.inf], [1.0])
    impossible = program([1.0, 1.0], [2.0, 2.0], [np.inf], [5.0])
    assert live.solve(good).usable
    failed = live.solve(impossible)
    assert failed.status == "Infeasible"
    assert not failed.usable
    assert np.isnan(failed.objective)
    again = live.solve(good)
    assert again.status == "optimal"
    assert again.objective == 1.0


def test_unbounded_program_is_not_usable():
    live = LiveSolver(compiled([[1.0, -1.0]]))
    assert not live.solve(program([-1.0, 0.0], [np.inf, np.inf], [1.0])).usable


def test_iteration_limit_makes_a_solution_unusable(scene, model_of):
    numbers = _sequence(scene, model_of, "naples-small", "2025-01-14", (40,))[1][0]
    model = model_of("naples-small", "2025-01-14").compiled
    failed = LiveSolver(model, Guards(iteration_limit=1)).solve(numbers)
    assert not failed.usable
    assert "terations" in failed.status or "teration limit" in failed.status
    assert LiveSolver(model).solve(numbers).usable


def test_iterations_of_branches_count_towards_the_limit(scene, model_of):
    overrides = ("community.size=3", "tariff.price_all_in_eur_per_kwh=0.25")
    model, (numbers,) = _sequence(scene, model_of, "naples", "2025-07-14", (44,), *overrides)
    model = model.compiled
    whole = LiveSolver(model, DIVE).solve(numbers)
    assert whole.branches > 0
    for limit in (whole.iterations // 2, whole.iterations - 1):
        cut = LiveSolver(model, replace(DIVE, iteration_limit=limit)).solve(numbers)
        assert cut.iterations <= limit
        assert cut.status != "optimal"


@pytest.mark.parametrize("method", ["simplex", "ipm"])
def test_solving_afresh_gives_the_same_optimum(scene, model_of, method):
    model, programs = _sequence(scene, model_of, "naples", "2025-04-14", (30, 31))
    live = LiveSolver(model.compiled, EXACT)
    live.solve(programs[0])
    warm = live.solve(programs[1])
    afresh = live.solve_afresh(programs[1], method)
    assert afresh.usable
    assert afresh.objective == pytest.approx(warm.objective, rel=1e-7)
    # and the next ordinary solve is the simplex again
    assert live.solve(programs[0]).iterations > 0


@pytest.mark.parametrize(
    ("name", "start", "steps"),
    [
        ("naples-small", "2025-01-14", range(20, 44)),
        ("naples-small", "2025-07-14", range(90, 106)),
        ("naples", "2025-04-14", range(30, 46)),
    ],
)
def test_warm_solves_agree_with_solving_from_scratch(scene, model_of, name, start, steps):
    model, programs = _sequence(scene, model_of, name, start, steps)
    live = LiveSolver(model.compiled, EXACT)
    for numbers in programs:
        warm = live.solve(numbers)
        scratch = LiveSolver(model.compiled, EXACT).solve(numbers)
        assert warm.status == scratch.status == "optimal"
        assert warm.objective == pytest.approx(scratch.objective, rel=1e-7, abs=1e-7)
        assert_feasible(model.compiled, numbers, warm)


def test_after_a_restart_a_solve_depends_on_its_numbers_alone(scene, model_of):
    model, programs = _sequence(scene, model_of, "naples", "2025-07-14", (36, 37, 38, 39), "community.size=3")
    live = LiveSolver(model.compiled)
    for numbers in programs[:3]:
        live.solve(numbers)
    live.restart()
    after_history = [live.solve(numbers) for numbers in programs[2:]]
    fresh = LiveSolver(model.compiled)
    for old, new in zip(after_history, [fresh.solve(numbers) for numbers in programs[2:]], strict=True):
        np.testing.assert_array_equal(old.values, new.values)
        assert (old.objective, old.bound, old.iterations) == (new.objective, new.bound, new.iterations)


def test_moving_coefficients_are_passed_on(scene, model_of):
    """A COP that changes between two solves must change the optimum as it does from scratch."""
    model, (numbers,) = _sequence(scene, model_of, "naples-small", "2025-01-14", (28,))
    moved = LinearProgram(**{**vars(numbers), "moving": 0.5 * numbers.moving})
    live = LiveSolver(model.compiled)
    first = live.solve(numbers).objective
    second = live.solve(moved).objective
    assert second > first + 0.1  # half the COP costs more
    assert second == pytest.approx(LiveSolver(model.compiled).solve(moved).objective, rel=1e-9)


def _sequence(scene, model_of, name, start, steps, *overrides):
    here, model = scene(name, start, *overrides), model_of(name, start, *overrides)
    rng = np.random.default_rng(11)
    programs = [
        model.compiled.evaluate(model.parameters(model.window(here.observation(k, rng), here.forecast(k))))
        for k in steps
    ]
    return model, programs
