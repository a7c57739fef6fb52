"""How the money of a community is divided among its members."""

from dataclasses import dataclass
from math import factorial

import numpy as np
from numpy.typing import ArrayLike

from recosim.arrays import FloatArray, IntArray
from recosim.simulators.settlement.checks import SettlementError, finite, one_of

KEYS = ("coincident_withdrawal", "equal", "consumption", "producers_consumers", "shapley", "marginal")
KEYS_REWARDING_PLANTS = ("producers_consumers", "shapley", "marginal")
SHAPLEY_EXACT_UP_TO = 12
_COALITIONS_AT_ONCE = 256


@dataclass(frozen=True, kw_only=True)
class Allocation:
    """Key by which premium and valorisation are divided.

    Parameters
    ----------
    key : str
        One of :data:`KEYS`.
    fund_share : float
        Part that goes to a common fund before anything is divided.
    producers_share : float
        Of the rest, what goes to the producers under ``producers_consumers``.
    n_samples : int
        Random orders drawn for the Shapley value above 12 members.
    seed : int
        Of that draw.
    """

    key: str = "coincident_withdrawal"
    fund_share: float = 0.0
    producers_share: float = 0.5
    n_samples: int = 200
    seed: int = 0

    def __post_init__(self) -> None:
        one_of(self.key, KEYS, "allocation key")
        for name in ("fund_share", "producers_share"):
            part = getattr(self, name)
            if not 0.0 <= part <= 1.0:
                raise SettlementError(f"allocation.{name} = {part}, allowed [0, 1]")
        if self.n_samples < 2:
            raise SettlementError(f"allocation.n_samples = {self.n_samples}, allowed 2 or more")


@dataclass(frozen=True, kw_only=True)
class Weights:
    """Parts of the members.

    Parameters
    ----------
    weight : array, shape (n_members,)
        Non-negative, adding up to 1 (to 0 where there are no members).
    standard_error : array, shape (n_members,)
        Of the weights; zero unless they were sampled.
    """

    weight: FloatArray
    standard_error: FloatArray


def weights(
    allocation: Allocation,
    shared_kwh: FloatArray,
    withdrawn_kwh: FloatArray,
    injected_kwh: FloatArray,
    rate_eur_per_mwh: FloatArray,
    withdrawn_total_kwh: FloatArray | None = None,
) -> Weights:
    """Weights of the members under a key.

    Parameters
    ----------
    allocation : Allocation
    shared_kwh : array, shape (H,) [kWh]
    withdrawn_kwh, injected_kwh : array, shape (H, n_members) [kWh]
    rate_eur_per_mwh : array, shape (H,) [EUR/MWh]
        Value of the shared energy, for the game-theoretic keys.
    withdrawn_total_kwh : array, shape (H,), optional [kWh]
        Of the whole community, where not every delivery point is a member's.

    Returns
    -------
    Weights
        Equal parts where a key gives everybody nothing, for what was paid must go somewhere.
    """
    n_members = withdrawn_kwh.shape[1]
    error: FloatArray = np.zeros(n_members)
    key = allocation.key
    if key == "equal":
        raw: FloatArray = np.ones(n_members)
    elif key == "consumption":
        raw = withdrawn_kwh.sum(axis=0)
    elif key == "coincident_withdrawal":
        raw = coincident_withdrawal_kwh(shared_kwh, withdrawn_kwh, withdrawn_total_kwh)
    elif key == "producers_consumers":
        raw = producers_consumers(injected_kwh, withdrawn_kwh, allocation.producers_share)
    elif key == "marginal":
        raw = marginal_values(injected_kwh, withdrawn_kwh, rate_eur_per_mwh)
    elif n_members <= SHAPLEY_EXACT_UP_TO:
        raw = shapley_exact(injected_kwh, withdrawn_kwh, rate_eur_per_mwh)
    else:
        rng = np.random.default_rng(allocation.seed)
        raw, error = shapley_sampled(injected_kwh, withdrawn_kwh, rate_eur_per_mwh, rng, allocation.n_samples)
    raw = np.maximum(raw, 0.0)  # rounding of the Shapley sums may leave -1e-18
    total = float(raw.sum())
    if total > 0.0:
        return Weights(weight=raw / total, standard_error=error / total)
    return Weights(weight=np.full(n_members, 1.0 / max(n_members, 1)), standard_error=np.zeros(n_members))


def coincident_withdrawal_kwh(
    shared_kwh: FloatArray, withdrawn_kwh: FloatArray, withdrawn_total_kwh: FloatArray | None = None
) -> FloatArray:
    """Shared energy credited to each member in proportion to what it withdraws in the same hour.

    Parameters
    ----------
    shared_kwh : array, shape (H,) [kWh]
    withdrawn_kwh : array, shape (H, n_members) [kWh]
    withdrawn_total_kwh : array, shape (H,), optional [kWh]

    Returns
    -------
    array, shape (n_members,) [kWh]

    Examples
    --------
    >>> coincident_withdrawal_kwh(np.array([4.0, 2.0]), np.array([[3.0, 1.0], [4.0, 1.0]])).tolist()
    [4.6, 1.4]
    """
    total = withdrawn_kwh.sum(axis=1) if withdrawn_total_kwh is None else withdrawn_total_kwh
    credit = np.divide(shared_kwh, total, out=np.zeros_like(total), where=total > 0.0)
    return np.asarray(credit @ withdrawn_kwh, dtype=np.float64)


def producers_consumers(
    injected_kwh: FloatArray, withdrawn_kwh: FloatArray, producers_share: float
) -> FloatArray:
    """Producers by what they inject and consumers by what they withdraw, shape (n_members,).

    Where one side is absent the other takes all.
    """
    produced, consumed = injected_kwh.sum(axis=0), withdrawn_kwh.sum(axis=0)
    total_produced, total_consumed = float(produced.sum()), float(consumed.sum())
    if total_produced == 0.0 or total_consumed == 0.0:
        return np.asarray(produced + consumed, dtype=np.float64)
    return np.asarray(
        producers_share * produced / total_produced + (1.0 - producers_share) * consumed / total_consumed,
        dtype=np.float64,
    )


def coalition_value(injected_kwh: FloatArray, withdrawn_kwh: FloatArray, rate: FloatArray) -> FloatArray:
    """Value of coalitions, ``sum_h min(inj_S, wd_S) * TIP``, over the last axis [EUR with TIP in EUR/MWh]."""
    return np.asarray(np.minimum(injected_kwh, withdrawn_kwh) @ rate / 1000.0, dtype=np.float64)


def marginal_values(
    injected_kwh: FloatArray, withdrawn_kwh: FloatArray, rate_eur_per_mwh: FloatArray
) -> FloatArray:
    """What the community would lose without each member, shape (n_members,) [EUR]."""
    injected, withdrawn, rate = _hours_that_count(injected_kwh, withdrawn_kwh, rate_eur_per_mwh)
    all_in, all_wd = injected.sum(axis=1), withdrawn.sum(axis=1)
    whole = coalition_value(all_in, all_wd, rate)
    without = coalition_value(all_in - injected.T, all_wd - withdrawn.T, rate)
    return np.asarray(whole - without, dtype=np.float64)


def shapley_exact(
    injected_kwh: FloatArray, withdrawn_kwh: FloatArray, rate_eur_per_mwh: FloatArray
) -> FloatArray:
    """Shapley value of each member, from all coalitions.

    Parameters
    ----------
    injected_kwh, withdrawn_kwh : array, shape (H, n_members) [kWh]
    rate_eur_per_mwh : array, shape (H,) [EUR/MWh]

    Returns
    -------
    array, shape (n_members,) [EUR]

    Raises
    ------
    SettlementError
        More than 20 members, more than a million coalitions.

    Source: L. S. Shapley, A value for n-person games, 1953.
    """
    n = injected_kwh.shape[1]
    if n > 20:
        raise SettlementError(f"{n} members are too many for an exact Shapley value; sample it")
    injected, withdrawn, rate = _hours_that_count(injected_kwh, withdrawn_kwh, rate_eur_per_mwh)
    coalitions: IntArray = np.arange(2**n, dtype=np.int64)
    member = (coalitions[:, None] >> np.arange(n)) & 1
    worth: FloatArray = np.zeros(coalitions.size)
    for first in range(0, coalitions.size, _COALITIONS_AT_ONCE):
        part = slice(first, first + _COALITIONS_AT_ONCE)
        inside = member[part].astype(np.float64)
        worth[part] = coalition_value(inside @ injected.T, inside @ withdrawn.T, rate)
    size = member.sum(axis=1)
    chance = np.array([factorial(s) * factorial(n - s - 1) / factorial(n) for s in range(n)])
    shares: FloatArray = np.zeros(n)
    for i in range(n):
        without = coalitions[member[:, i] == 0]
        shares[i] = chance[size[without]] @ (worth[without | (1 << i)] - worth[without])
    return shares


def shapley_sampled(
    injected_kwh: FloatArray,
    withdrawn_kwh: FloatArray,
    rate_eur_per_mwh: FloatArray,
    rng: np.random.Generator,
    n_samples: int = 200,
) -> tuple[FloatArray, FloatArray]:
    """Shapley value estimated from random orders of arrival, each taken forwards and backwards.

    Who comes late in an order comes early in its reverse, so that a pair of them tells more than two orders
    drawn apart.

    Parameters
    ----------
    injected_kwh, withdrawn_kwh : array, shape (H, n_members) [kWh]
    rate_eur_per_mwh : array, shape (H,) [EUR/MWh]
    rng : numpy Generator
    n_samples : int
        Orders, reverses included; at least two pairs are drawn, and an odd number is rounded up.

    Returns
    -------
    value, standard_error : arrays, shape (n_members,) [EUR]
        The values of each order, and so their means, add up to the value of the whole community. The error is
        that between the pairs.

    Source: J. Castro et al., Polynomial calculation of the Shapley value based on sampling, 2009; antithetic
    pairs as in R. Mitchell et al., Sampling permutations for Shapley value estimation, 2022.
    """
    injected, withdrawn, rate = _hours_that_count(injected_kwh, withdrawn_kwh, rate_eur_per_mwh)
    rows_in, rows_wd = np.ascontiguousarray(injected.T), np.ascontiguousarray(withdrawn.T)
    n_pairs = max(2, (n_samples + 1) // 2)
    gains: FloatArray = np.zeros((n_pairs, rows_in.shape[0]))
    for pair in gains:
        drawn = rng.permutation(pair.size)
        for order in (drawn, drawn[::-1]):
            worth = coalition_value(rows_in[order].cumsum(axis=0), rows_wd[order].cumsum(axis=0), rate)
            pair[order] += 0.5 * np.diff(worth, prepend=0.0)
    error = gains.std(axis=0, ddof=1) / np.sqrt(n_pairs)
    return np.asarray(gains.mean(axis=0), dtype=np.float64), np.asarray(error, dtype=np.float64)


def close_cents(total_eur: float, weight: ArrayLike) -> FloatArray:
    """Divide an amount so that the parts are whole cents and add up to it, by largest remainder.

    Parameters
    ----------
    total_eur : float
        Rounded to the cent first; may be negative [EUR].
    weight : array, shape (n,)
        Non-negative, not all zero.

    Returns
    -------
    array, shape (n,) [EUR]

    Raises
    ------
    SettlementError
        A weight is negative, or all are zero while there is something to divide.

    Examples
    --------
    >>> close_cents(1.00, [1, 1, 1]).tolist()
    [0.34, 0.33, 0.33]
    """
    parts = finite(weight, "weight")
    cents = to_cents(total_eur)
    total = float(parts.sum())
    if parts.size and parts.min() < 0.0:
        raise SettlementError(f"weight = {parts.min():g}, allowed 0 or more")
    if total <= 0.0:
        if cents:
            raise SettlementError(f"{total_eur:.2f} EUR cannot be divided: no weight is above 0")
        return np.zeros(parts.shape)
    exact = abs(cents) * parts / total
    whole = np.floor(exact)
    left = abs(cents) - int(whole.sum())
    # A stable sort gives the cent of equal remainders to the earlier member, on every machine.
    whole[np.argsort(whole - exact, kind="stable")[:left]] += 1.0
    return np.asarray(np.sign(cents) * whole / 100.0, dtype=np.float64)


def to_cents(amount_eur: float) -> int:
    """Whole cents nearest to an amount."""
    return round(amount_eur * 100.0)


def _hours_that_count(
    injected_kwh: FloatArray, withdrawn_kwh: FloatArray, rate: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Leave out the hours in which no coalition shares anything, such as all nights."""
    counts = (injected_kwh.sum(axis=1) > 0.0) & (withdrawn_kwh.sum(axis=1) > 0.0) & (rate != 0.0)
    return injected_kwh[counts], withdrawn_kwh[counts], rate[counts]
