"""How a community and its apartments agree on prices: the sharing problem by ADMM.

The community does not know what an apartment wants or can; it knows what it is paid for sharing (see
`sharing_levels`) and hears from each apartment one figure per hour: its planned net exchange. It answers with
one price per hour. With n_i the net exchange of apartment i, f_i its own cost and g the money for sharing,

    min  sum over i of f_i(n_i) + g(sum over i of n_i)

is solved by the alternating direction method of multipliers in its form for sharing, section 7.3 of

    S. Boyd, N. Parikh, E. Chu, B. Peleato, J. Eckstein, "Distributed optimization and statistical learning
    via the alternating direction method of multipliers", Foundations and Trends in Machine Learning 3 (2011)
    1-122.

There, u is the price / rho. As g costs its rate for each kWh injected beyond what is withdrawn and nothing
otherwise, the minimisation over the sum (the z-update) and the update of u are one line here: the price goes
up where the community injects too much and down where it withdraws more, between zero and the rate.

An apartment answers with the mix of plans it has made so far that is best at the price, and near its last
answer. New plans come from its own linear programme at the announced price, whose vertices the mix spans:

    G. B. Dantzig, P. Wolfe, "Decomposition principle for linear programs", Operations Research 8 (1960)
    101-111.

Unlike there, no plan and no cost of a plan leaves the apartment: what mix is best, it works out at home.
"""

import numpy as np

from recosim.arrays import FloatArray
from recosim.controllers.sharing_levels import SharedLevels

PENALTY_EUR_PER_KWH2 = 0.15
"""The rho of ADMM: how much of the price a kWh is worth that two answers differ by."""
MIX_STEPS = 15
"""Steps of the accelerated gradient in which an apartment finds its best mix."""


class Coordinator:
    """The community: sets prices, hears net exchanges.

    Parameters
    ----------
    levels : SharedLevels
    n_apartments : int
    price_eur_per_kwh : array, shape (n_levels, n_hours)
        To begin with; within zero and the rate [EUR/kWh].
    """

    def __init__(self, levels: SharedLevels, n_apartments: int, price_eur_per_kwh: FloatArray) -> None:
        self._known_kwh, self._rate = levels.known_kwh, levels.rate_eur_per_kwh
        self._step = PENALTY_EUR_PER_KWH2 / n_apartments
        self.price_eur_per_kwh = price_eur_per_kwh
        self.imbalance_kwh = np.inf

    def respond(self, exchange_kwh: FloatArray) -> FloatArray:
        """The next price signal, shape (n_levels, n_hours) [EUR/kWh].

        Parameters
        ----------
        exchange_kwh : array, shape (n_apartments, n_levels, n_hours)
            What the apartments plan; positive: injects more than it withdraws [kWh].
        """
        last = self.price_eur_per_kwh
        total = self._known_kwh + exchange_kwh.sum(axis=0)
        self.price_eur_per_kwh = np.clip(last + self._step * total, 0.0, self._rate)
        # what is planned beyond what the community could use at this price
        self.imbalance_kwh = float(np.abs(self.price_eur_per_kwh - last).max() / self._step)
        return 2.0 * self.price_eur_per_kwh - last


class Apartments:
    """What each apartment knows for itself: its plans, what they cost, and how it mixes them.

    The arrays hold all apartments because their programmes are solved as one; no figure of one of them plays
    a part in the answer of another.

    Parameters
    ----------
    n_apartments : int
    shape : tuple of int
        (n_levels, n_hours).
    """

    def __init__(self, n_apartments: int, shape: tuple[int, ...]) -> None:
        self._n, self._shape = n_apartments, shape
        self._cost: FloatArray = np.zeros((n_apartments, 0))
        self._exchange: FloatArray = np.zeros((n_apartments, 0, int(np.prod(shape))))
        self._curvature: FloatArray = np.zeros((n_apartments, 0, 0))
        self._steepest: FloatArray = np.zeros((n_apartments, 1))
        self.weights: FloatArray = np.zeros((n_apartments, 0))
        self.moved_kwh = np.inf

    @property
    def n_plans(self) -> int:
        """Plans that each apartment has made."""
        return int(self.weights.shape[1])

    @property
    def exchange_kwh(self) -> FloatArray:
        """Planned net exchange of the mixes, shape (n_apartments, n_levels, n_hours) [kWh]."""
        return self._mixed().reshape(self._n, *self._shape)

    @property
    def cost_eur(self) -> FloatArray:
        """Cost of the mixes, shape (n_apartments,) [EUR]."""
        return np.asarray(np.einsum("ak,ak->a", self.weights, self._cost), dtype=np.float64)

    def add(self, cost_eur: FloatArray, exchange_kwh: FloatArray) -> None:
        """Take a further plan of each apartment, with no weight yet; the first one has all of it.

        Parameters
        ----------
        cost_eur : array, shape (n_apartments,) [EUR]
        exchange_kwh : array, shape (n_apartments, n_levels, n_hours) [kWh]
        """
        weight = 0.0 if self.n_plans else 1.0
        rows = exchange_kwh.reshape(self._n, 1, -1)
        self._cost = np.append(self._cost, cost_eur[:, None], axis=1)
        self._exchange = np.append(self._exchange, rows, axis=1)
        self.weights = np.append(self.weights, np.full((self._n, 1), weight), axis=1)
        products = np.einsum("akh,alh->akl", self._exchange, self._exchange)
        self._curvature = PENALTY_EUR_PER_KWH2 * products
        self._steepest = np.linalg.norm(self._curvature, 2, axis=(1, 2))[:, None] + 1e-12

    def answer(self, price_eur_per_kwh: FloatArray) -> FloatArray:
        """Planned net exchange at a price signal, shape (n_apartments, n_levels, n_hours) [kWh].

        Each apartment minimises its cost, plus the price times its net exchange, plus rho / 2 times the
        squared distance from its last answer, over the mixes of its plans.
        """
        before = self._mixed()
        tilted = price_eur_per_kwh.ravel() - PENALTY_EUR_PER_KWH2 * before
        slope = self._cost + np.einsum("akh,ah->ak", self._exchange, tilted)
        mix = ahead = self.weights
        momentum = 1.0
        for _ in range(MIX_STEPS):
            gradient = slope + np.einsum("akl,al->ak", self._curvature, ahead)
            moved = on_simplex(ahead - gradient / self._steepest)
            longer = 0.5 * (1.0 + np.sqrt(1.0 + 4.0 * momentum**2))
            ahead = moved + (momentum - 1.0) / longer * (moved - mix)
            mix, momentum = moved, longer
        self.weights = mix
        after = self._mixed()
        self.moved_kwh = float(np.abs(after - before).max())
        return after.reshape(self._n, *self._shape)

    def _mixed(self) -> FloatArray:
        return np.asarray(np.einsum("ak,akh->ah", self.weights, self._exchange), dtype=np.float64)


def on_simplex(points: FloatArray) -> FloatArray:
    """Nearest weights (not negative, sum 1) of each row, shape (n, n_weights).

    Source: algorithm of figure 1 of J. Duchi, S. Shalev-Shwartz, Y. Singer, T. Chandra, "Efficient
    projections onto the l1-ball for learning in high dimensions", ICML 2008.

    Examples
    --------
    >>> on_simplex(np.array([[0.9, 0.5, -1.0]])).round(6).tolist()
    [[0.7, 0.3, 0.0]]
    """
    sorted_down = -np.sort(-points, axis=1)
    excess = np.cumsum(sorted_down, axis=1) - 1.0
    ranks = np.arange(1, points.shape[1] + 1)
    kept = (sorted_down * ranks > excess).sum(axis=1)
    shift = excess[np.arange(len(points)), kept - 1] / kept
    weights: FloatArray = np.maximum(points - shift[:, None], 0.0)
    return weights
