"""Model predictive control by prices: the community announces sharing prices, the apartments answer.

At each decision the community and the apartments exchange messages in rounds: down goes a price for each hour
of the horizon, up comes each apartment's planned net exchange with the grid in each hour, and nothing else:
no state, no schedule, no load, no cost. An apartment is paid the sharing price for each kWh it withdraws, and
the rate of shared energy less that price for each kWh it injects. `price_agreement` says how the price is
found, `sharing_levels` why one price per hour is enough.

Between the rounds, each apartment makes a plan from its own linear programme at the price of the moment, and
answers with mixes of its plans. As a mix of feasible plans is feasible, the mix in which the rounds end can
be carried out whether or not they have agreed: ended early, it is only not the best. `record` says how many
rounds there were, how many plans, and how far apart they were still:

* ``price_rounds``, ``price_plans``: rounds, and plans made by each apartment;
* ``price_residual_kwh``: the larger of what is planned beyond what the community counts on, and what an
  apartment has changed in the last round, in the worst hour;
* ``objective_eur``, ``bound_eur``: cost of the mix, and what no plan of the whole community falls below (the
  Lagrangian bound at the best price tried); ``status`` is ``optimal`` where they agree within
  ``gap_relative``, else ``gap``. They add up costs of all apartments, as only a simulation can.

All apartments' programmes stand in one HiGHS, because given a price they do not depend on one another and one
warm programme is quicker than ten; each could be solved in its own home with the same result. The sources
are named in `price_agreement`.
"""

from collections.abc import Callable, Sequence

import numpy as np

from recosim.arrays import FloatArray
from recosim.contracts import Community, Forecast, Observation, Setpoints, SharedTranche
from recosim.controllers.community_model import OptimisationModel
from recosim.controllers.horizon import Horizon
from recosim.controllers.linear_program import LinearProgram
from recosim.controllers.mpc import Mpc, is_number
from recosim.controllers.price_agreement import Apartments, Coordinator
from recosim.controllers.price_model import Plans, PriceModel
from recosim.controllers.solver import Solution
from recosim.errors import ControllerError

ROUNDS_PER_PLAN = 5
"""Rounds between two plans; the rest follow the last one."""
PLANS_LEAST, PLANS_MORE = 6, 9
"""Plans by default: the first, and the second shared out among the apartments."""
SHARES_FIRST = (0.5, 0.0, 1.0)
"""Prices of the plans that begin a day, as shares of the rate."""

Solved = tuple[Solution, str, str]
"""A solution, the method it fell back to, and why."""


class Talks:
    """One decision's rounds between the community and its apartments.

    Parameters
    ----------
    market : PriceModel
        With the numbers of this decision.
    program : LinearProgram
        Of this decision, with prices of zero.
    solve : callable
        Solves a programme, whatever it takes.
    price_eur_per_kwh : array, shape (n_levels, n_hours)
        To begin with [EUR/kWh].
    """

    def __init__(
        self,
        market: PriceModel,
        program: LinearProgram,
        solve: Callable[[LinearProgram], Solved],
        price_eur_per_kwh: FloatArray,
    ) -> None:
        self._market, self._program, self._solve = market, program, solve
        shape = price_eur_per_kwh.shape
        self.coordinator = Coordinator(market.levels, market.n_apartments, price_eur_per_kwh)
        self._apartments = Apartments(market.n_apartments, shape)
        self._plans: list[Plans] = []
        self._solutions: list[Solution] = []
        self._fallback, self._reason = "", ""
        self._bound_eur = -np.inf
        self.rounds = 0

    @property
    def n_plans(self) -> int:
        """Plans of each apartment so far."""
        return len(self._plans)

    @property
    def residual_kwh(self) -> float:
        """How far apart the last round left community and apartments; zero before the first [kWh]."""
        if not self.rounds:
            return 0.0
        return max(self.coordinator.imbalance_kwh, self._apartments.moved_kwh)

    @property
    def objective_eur(self) -> float:
        """Cost of the community if the mixes are carried out [EUR]."""
        levels = self._market.levels
        exchange = levels.known_kwh + self._apartments.exchange_kwh.sum(axis=0)
        own = float(self._apartments.cost_eur.sum()) + self._program.offset
        return own + levels.taken_back_eur(exchange)

    @property
    def gap_eur(self) -> float:
        """What the mixes cost beyond the bound [EUR]."""
        return self.objective_eur - self._bound_eur

    def plan(self, price_eur_per_kwh: FloatArray) -> Solved:
        """Each apartment makes a plan at a price; kept if there is one."""
        solution, fallback, reason = self._solve(self._market.at_price(self._program, price_eur_per_kwh))
        self._solutions.append(solution)
        if solution.usable:
            plans = self._market.plans(self._program, solution.values)
            self._plans.append(plans)
            self._apartments.add(plans.cost_eur, plans.exchange_kwh)
            bound = self._market.bound_eur(solution.bound, price_eur_per_kwh)
            self._bound_eur = max(self._bound_eur, bound)
            if fallback:
                self._fallback, self._reason = fallback, reason
        return solution, fallback, reason

    def rounds_until(self, last: int, tolerance_kwh: float) -> None:
        """Announce and answer until round ``last``, or until the residual is within the tolerance."""
        while self.rounds < last:
            signal = self.coordinator.respond(self._apartments.exchange_kwh)
            self._apartments.answer(signal)
            self.rounds += 1
            if self.residual_kwh <= tolerance_kwh:
                break

    def solution(self, gap_relative: float) -> Solved:
        """The mixes as a plan of the community."""
        value = self.objective_eur
        near = self.gap_eur <= gap_relative * max(1.0, abs(value))
        solution = Solution(
            status="optimal" if near else "gap",
            values=self._market.mixed(self._apartments.weights, self._plans),
            objective=value,
            bound=min(self._bound_eur, value),
            iterations=sum(solution.iterations for solution in self._solutions),
            branches=sum(solution.branches for solution in self._solutions),
            solver_ms=sum(solution.solver_ms for solution in self._solutions),
        )
        return solution, self._fallback, self._reason


class MpcPrice(Mpc):
    """Apartments that optimise for themselves, coordinated by a price of sharing for each hour.

    Parameters
    ----------
    price_rounds : int
        Most rounds of messages per decision; where they end without agreement, the mixes of the last round
        are carried out and the record tells the residual.
    price_plans : int or None
        Most plans of each apartment per decision, at least one; each is a linear programme. By default 6 in
        communities of ten or more, and up to 15 in smaller ones, where fewer mix. A day's first decision,
        which knows no prices yet, makes up to two more.
    price_tolerance_kwh : float
        Residual at which the rounds end [kWh].
    horizon, iteration_limit, branch_limit, gap_relative, time_limit_ms
        As `Mpc`; the limits hold for each plan.
    """

    def __init__(
        self,
        price_rounds: int = 60,
        price_plans: int | None = None,
        price_tolerance_kwh: float = 0.01,
        horizon: str | Sequence[int] = "multirate",
        iteration_limit: int = 200_000,
        branch_limit: int = 0,
        gap_relative: float = 1e-4,
        time_limit_ms: float | None = None,
    ) -> None:
        super().__init__(horizon, iteration_limit, branch_limit, gap_relative, time_limit_ms)
        counts = {"price_rounds": price_rounds}
        if price_plans is not None:
            counts["price_plans"] = price_plans
        for name, value in counts.items():
            if not is_number(value, whole=True) or value < 1:
                raise ControllerError(f"mpc-price.{name} = {value!r}, allowed: whole numbers, 1 or more")
        if not is_number(price_tolerance_kwh) or not 0.0 <= price_tolerance_kwh < np.inf:
            raise ControllerError(
                f"mpc-price.price_tolerance_kwh = {price_tolerance_kwh!r}, allowed: numbers, 0 or more"
            )
        self._rounds, self._plans_given = price_rounds, price_plans
        self._tolerance_kwh = float(price_tolerance_kwh)
        self._agreement: dict[str, float | int] = {}
        self._shares: FloatArray | None = None
        self._shares_hour = 0

    def reset(self, community: Community, seed: int) -> None:
        """Build and compile the model; once per run."""
        super().reset(community, seed)
        self._shares = None
        more = PLANS_MORE // max(self._market.n_apartments, 1)
        self._plans_max = PLANS_LEAST + more if self._plans_given is None else self._plans_given

    def _make_model(
        self, community: Community, horizon: Horizon, tranches: tuple[SharedTranche, ...]
    ) -> OptimisationModel:
        self._market = PriceModel(community, horizon, tranches)
        return self._market

    def _decide(self, observation: Observation, forecast: Forecast) -> Setpoints:
        if self._starts_afresh(observation):
            self._shares = None
        self._agreement = {}
        asked = super()._decide(observation, forecast)
        self.record |= self._agreement
        return asked

    def _solve(self, program: LinearProgram) -> Solved:
        """Rounds of prices and answers, until they agree or a limit ends them."""
        rate = self._market.levels.rate_eur_per_kwh
        if not rate.size:  # nothing is paid for sharing: each apartment's own plan is the best
            self._agreement = {"price_rounds": 0, "price_plans": 1, "price_residual_kwh": 0.0}
            return super()._solve(program)
        shares = self._shares_expected()
        talks = Talks(self._market, program, super()._solve, rate * shares[0])
        first = talks.plan(talks.coordinator.price_eur_per_kwh)
        if not first[0].usable:
            return first
        most = self._plans_max + len(shares) - 1
        for share in shares[1:]:
            talks.plan(rate * share)
        while not self._near(talks) and talks.rounds < self._rounds:
            more = talks.n_plans < most
            last = talks.rounds + ROUNDS_PER_PLAN if more else self._rounds
            talks.rounds_until(min(last, self._rounds), 0.0 if more else self._tolerance_kwh)
            if not more or not talks.plan(talks.coordinator.price_eur_per_kwh)[0].usable:
                break
        price = talks.coordinator.price_eur_per_kwh
        self._shares = np.divide(price, rate, out=np.full_like(rate, SHARES_FIRST[0]), where=rate > 0.0)
        self._shares_hour = self._market.first_hour
        self._agreement = {
            "price_rounds": talks.rounds,
            "price_plans": talks.n_plans,
            "price_residual_kwh": talks.residual_kwh,
        }
        return talks.solution(self._guards.gap_relative)

    def _near(self, talks: Talks) -> bool:
        return talks.gap_eur <= self._guards.gap_relative * max(1.0, abs(talks.objective_eur))

    def _shares_expected(self) -> list[FloatArray]:
        """Prices to begin with, as shares of the rate, shape (n_levels, n_hours) each.

        The hour that has passed stands for the same hour of the next day.
        """
        if self._shares is None:
            shape = self._market.levels.rate_eur_per_kwh.shape
            return [np.full(shape, share) for share in SHARES_FIRST]
        passed = self._market.first_hour - self._shares_hour
        return [np.roll(self._shares, -passed, axis=1)]
