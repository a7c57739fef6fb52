"""The day as one linear programme: the Naples paper's, equations 2 to 14.

    max   sum over futures of probability * (sum over hours of I[h] shared[h] - lambda * throughput)
    subject to   expected bill[i] <= expected bill without control[i]

or the least net cost, min expected bills - I shared + lambda * throughput, without a limit on the bills. The
paper's decisions are indexed by future: each future has its own plan, made knowing which one it is.
"""

from dataclasses import dataclass
from typing import Any

import highspy
import numpy as np
from scipy import sparse

from recosim.arrays import FloatArray, IntArray
from recosim.controllers.day_ahead_devices import Storage
from recosim.controllers.day_ahead_problem import BATTERY, HVAC, DayProblem
from recosim.errors import SolverError

NET_COST, SHARED_REVENUE = "net_cost", "shared_revenue"
OBJECTIVES = (NET_COST, SHARED_REVENUE)


@dataclass(frozen=True, kw_only=True)
class DayPlan:
    """What a solve gave; S futures, K steps.

    Parameters
    ----------
    hvac_kw : array, shape (S, K, n_dwellings)
        Planned, or predicted where it is not decided [kW].
    charge_kw, discharge_kw : array, shape (S, K, n_batteries), or None
        None where batteries are not decided [kW].
    withdrawn_kw : array, shape (S, K, n_pods)
    promised_eur : float
        Revenue from sharing as the programme counts it.
    n_columns, iterations : int
    """

    hvac_kw: FloatArray
    charge_kw: FloatArray | None
    discharge_kw: FloatArray | None
    withdrawn_kw: FloatArray
    promised_eur: float
    n_columns: int
    iterations: int


def penalty_least_eur_per_kwh(
    rate_eur_per_kwh: float, efficiency_charge: float, efficiency_discharge: float
) -> float:
    """Price of throughput above which burning energy in a battery earns nothing.

    Charging c and discharging d = eta c at once leaves the store as it is, burns (1 - eta) c and earns the
    rate on it; it costs the penalty on (1 + eta) c. Without a limit on the bill a plan does it unless

        lambda > I (1 - eta) / (1 + eta),     eta = eta_charge eta_discharge.

    Examples
    --------
    >>> round(penalty_least_eur_per_kwh(0.10, 0.95, 0.95), 6)
    0.005125
    """
    eta = efficiency_charge * efficiency_discharge
    return rate_eur_per_kwh * (1.0 - eta) / (1.0 + eta)


def plan_day(
    problem: DayProblem,
    controls: tuple[str, ...],
    *,
    objective: str = SHARED_REVENUE,
    price_throughput_eur_per_kwh: float = 0.0,
    bill_limit: bool = True,
    shared_per_future: bool = True,
) -> DayPlan:
    """Solve the day.

    Parameters
    ----------
    problem : DayProblem
    controls : tuple of {"hvac", "battery"}
        What is decided; the rest follows its own rule.
    objective : {"net_cost", "shared_revenue"}
    price_throughput_eur_per_kwh : float
        Lambda, on every kWh charged or discharged [EUR/kWh].
    bill_limit : bool
        Whether ``shared_revenue`` keeps every expected bill at or below that without control.
    shared_per_future : bool
        False: one shared energy per hour for all futures, as the paper has it. That is the minimum of the
        expectations, which is never less than the expectation of the minimum that is paid.

    Raises
    ------
    SolverError
        There is no optimum.
    """
    program = _Program()
    storage = problem.storage if BATTERY in controls else None
    hvac = _hvac(program, problem) if HVAC in controls else None
    powers = None if storage is None else _battery(program, problem, storage)
    decided = _decided(problem, hvac, storage, powers)
    known = problem.withdrawn_kw(
        np.zeros_like(problem.air_conditioning.base_kw)
        if hvac is not None
        else problem.air_conditioning.base_kw,
        None if problem.storage is None or storage is not None else problem.storage.base_kw,
    )
    _meters(program, problem, decided, known)
    shared = _sharing(program, problem, decided, known, shared_per_future)
    weight = problem.probabilities[:, None, None] * problem.step_h
    if powers is not None:
        for columns in powers:
            program.cost(columns, weight * price_throughput_eur_per_kwh)
    if objective == NET_COST:
        for columns, node, sign in decided:
            program.cost(columns, sign * weight * problem.price_eur_per_kwh[:, node])
    elif bill_limit:
        _bills(program, problem, decided, known)
    values, iterations = program.solve()
    charge, discharge = (None, None) if powers is None else (np.maximum(values[c], 0.0) for c in powers)
    hvac_kw = problem.air_conditioning.base_kw if hvac is None else np.maximum(values[hvac], 0.0)
    net = None if problem.storage is None else problem.storage.base_kw
    if charge is not None and discharge is not None:
        net = charge - discharge
    weights = problem.probabilities[:, None] if shared_per_future else np.ones((1, 1))
    return DayPlan(
        hvac_kw=hvac_kw,
        charge_kw=charge,
        discharge_kw=discharge,
        withdrawn_kw=problem.withdrawn_kw(hvac_kw, net),
        promised_eur=float(np.sum(weights * values[shared] * problem.rate_eur_per_kwh)),
        n_columns=program.n_columns,
        iterations=iterations,
    )


Decided = list[tuple[IntArray, IntArray, float]]
"""Columns (S, K, n), the delivery point of each device (n,), and whether they take (+1) or give (-1)."""


def _decided(
    problem: DayProblem,
    hvac: IntArray | None,
    storage: Storage | None,
    powers: tuple[IntArray, IntArray] | None,
) -> Decided:
    decided: Decided = []
    if hvac is not None:
        decided.append((hvac, problem.air_conditioning.node, 1.0))
    if storage is not None and powers is not None:
        decided += [(powers[0], storage.node, 1.0), (powers[1], storage.node, -1.0)]
    return decided


def _hvac(program: "_Program", problem: DayProblem) -> IntArray:
    """Powers of the units, equations 2 to 4 and the end of the day."""
    units = problem.air_conditioning
    shape = units.base_kw.shape
    power = program.columns(shape, 0.0, units.power_max_kw)
    highest, lowest = np.full((*shape, 2), np.inf), np.full((*shape, 2), -np.inf)
    highest[:, -1], lowest[:, -1] = units.temp_end_max, units.temp_end_min
    temp = program.columns((*shape, 2), lowest, highest)
    balance = program.rows((*shape, 2), units.drift, units.drift)
    program.put(balance, temp, 1.0)
    for before in range(2):
        program.put(balance[:, 1:], temp[:, :-1, :, before, None], -units.keeps[:, :, before])
    program.put(balance, power[..., None], -units.rise_k_per_kw)
    comfort = program.rows(shape, units.lowest, units.highest)
    program.put(comfort[..., None], temp, units.weights)
    return power


def _battery(program: "_Program", problem: DayProblem, storage: Storage) -> tuple[IntArray, IntArray]:
    """Charge and discharge, equations 5 to 7."""
    shape = storage.base_kw.shape
    charge = program.columns(shape, 0.0, storage.charge_max_kw)
    discharge = program.columns(shape, 0.0, storage.discharge_max_kw)
    least, most = (np.broadcast_to(limit, shape).copy() for limit in (storage.least_kwh, storage.most_kwh))
    least[:, -1] = most[:, -1] = storage.end_kwh
    energy = program.columns(shape, least, most)
    start = np.zeros(shape)
    start[:, 0] = storage.keeps * storage.start_kwh
    balance = program.rows(shape, start, start)
    program.put(balance, energy, 1.0)
    program.put(balance[:, 1:], energy[:, :-1], -storage.keeps)
    program.put(balance, charge, -storage.into * problem.step_h)
    program.put(balance, discharge, storage.out * problem.step_h)
    return charge, discharge


def _meters(program: "_Program", problem: DayProblem, decided: Decided, known: FloatArray) -> None:
    """No flat injects, none withdraws beyond its limit: equation 8."""
    pods = np.unique(np.concatenate([node for _, node, _ in decided])) if decided else np.zeros(0, np.int64)
    shape = (*known.shape[:2], len(pods))
    rows = program.rows(shape, -known[..., pods], (problem.limit_kw - known)[..., pods])
    for columns, node, sign in decided:
        program.put(rows[..., np.searchsorted(pods, node)], columns, sign)


def _bills(program: "_Program", problem: DayProblem, decided: Decided, known: FloatArray) -> None:
    """No expected bill above that without control: equations 9 and 10."""
    allowed = problem.bill_eur(problem.base_kw) - problem.bill_eur(known)
    rows = program.rows(allowed.shape, np.full(allowed.shape, -np.inf), allowed)
    weight = problem.probabilities[:, None, None] * problem.step_h
    for columns, node, sign in decided:
        program.put(rows[node], columns, sign * weight * problem.price_eur_per_kwh[:, node])


def _sharing(
    program: "_Program", problem: DayProblem, decided: Decided, known: FloatArray, per_future: bool
) -> IntArray:
    """Shared energy of each hour, by future or one for all: equations 11 to 13."""
    p = problem.probabilities[:, None]
    injected, withdrawn = problem.injected_kwh, problem.hourly_kwh(known)
    if not per_future:
        injected, withdrawn = (p * injected).sum(axis=0)[None], (p * withdrawn).sum(axis=0)[None]
    shared = program.columns(injected.shape, 0.0, injected)
    program.cost(shared, -(p if per_future else 1.0) * problem.rate_eur_per_kwh)
    rows = program.rows(shared.shape, np.full(shared.shape, -np.inf), withdrawn)
    program.put(rows, shared, 1.0)
    weight = 1.0 if per_future else p[:, :, None]
    for columns, _, sign in decided:
        program.put(rows[:, problem.hour, None], columns, -sign * weight * problem.step_h)
    return shared


class _Program:
    """A linear programme under construction, in arrays of column and row numbers."""

    def __init__(self) -> None:
        self._lower: list[FloatArray] = []
        self._upper: list[FloatArray] = []
        self._costs: list[tuple[IntArray, FloatArray]] = []
        self._row_lower: list[FloatArray] = []
        self._row_upper: list[FloatArray] = []
        self._entries: list[tuple[IntArray, IntArray, FloatArray]] = []
        self.n_columns = self._n_rows = 0

    def columns(self, shape: tuple[int, ...], lower: Any, upper: Any) -> IntArray:
        """Declare decisions within bounds; their numbers, in this shape."""
        numbers = self.n_columns + np.arange(int(np.prod(shape)), dtype=np.int64).reshape(shape)
        self.n_columns += numbers.size
        self._lower.append(np.broadcast_to(lower, shape).ravel())
        self._upper.append(np.broadcast_to(upper, shape).ravel())
        return numbers

    def rows(self, shape: tuple[int, ...], lower: Any, upper: Any) -> IntArray:
        """Declare rows within bounds; their numbers, in this shape."""
        numbers = self._n_rows + np.arange(int(np.prod(shape)), dtype=np.int64).reshape(shape)
        self._n_rows += numbers.size
        self._row_lower.append(np.broadcast_to(lower, shape).ravel())
        self._row_upper.append(np.broadcast_to(upper, shape).ravel())
        return numbers

    def put(self, rows: IntArray, columns: IntArray, values: Any) -> None:
        """Add coefficients; the three broadcast against each other."""
        where = np.broadcast_arrays(rows, columns, np.asarray(values, dtype=np.float64))
        row, column, value = (array.ravel() for array in where)
        self._entries.append((row, column, value))

    def cost(self, columns: IntArray, values: Any) -> None:
        """Add to the cost of decisions."""
        column, value = np.broadcast_arrays(columns, np.asarray(values, dtype=np.float64))
        self._costs.append((column.ravel(), value.ravel()))

    def solve(self) -> tuple[FloatArray, int]:
        """Values of the decisions at the optimum, and simplex iterations."""
        row, column, value = (np.concatenate(parts) for parts in zip(*self._entries, strict=True))
        matrix = sparse.coo_array((value, (row, column)), shape=(self._n_rows, self.n_columns)).tocsc()
        cost = np.zeros(self.n_columns)
        for columns, values in self._costs:
            np.add.at(cost, columns, values)
        lp = highspy.HighsLp()
        lp.num_col_, lp.num_row_ = self.n_columns, self._n_rows
        lp.col_cost_ = cost
        lp.col_lower_, lp.col_upper_ = np.concatenate(self._lower), np.concatenate(self._upper)
        lp.row_lower_, lp.row_upper_ = np.concatenate(self._row_lower), np.concatenate(self._row_upper)
        lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
        lp.a_matrix_.start_, lp.a_matrix_.index_ = matrix.indptr, matrix.indices
        lp.a_matrix_.value_ = matrix.data
        highs = highspy.Highs()
        for option, setting in (("output_flag", False), ("threads", 1), *FEASIBILITY):
            highs.setOptionValue(option, setting)
        highs.passModel(lp)
        highs.run()
        status = highs.getModelStatus()
        if status != highspy.HighsModelStatus.kOptimal:
            raise SolverError(f"day-ahead: no optimum, the solver says {highs.modelStatusToString(status)}")
        found = np.fromiter(highs.allVariableValues(), np.float64, self.n_columns)
        return found, max(0, int(highs.getInfo().simplex_iteration_count))


FEASIBILITY = (("primal_feasibility_tolerance", 1e-9), ("dual_feasibility_tolerance", 1e-9))
"""Bills are compared to 1e-6 EUR, so that rows must hold more closely than HiGHS's 1e-7."""
