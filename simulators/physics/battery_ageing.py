"""Ageing of lithium iron phosphate batteries: capacity lost by time and by use.

    state of health = 1 - q_t - q_N,    q_t = k_t(soc, T) t^0.526,    q_N = k_N(depth, rate, T) N^0.828

with t the days and N the equivalent full cycles. The factors change from step to step and from cycle to
cycle, so what is lost is added up in small parts: the state equation dq/dx = k p (q/k)^((p-1)/p) of
q = k x^p has the exact solution q(x + dx) = (q^(1/p) + k^(1/p) dx)^p, however often it is updated.

Source: BLAST-Lite (National Renewable Energy Laboratory), model ``Lfp_Gr_250AhPrismatic``, fitted to the
ageing tests of doi:10.1016/j.est.2023.109042: storage at any state of charge; cycles of 80 and 100 % depth,
at 10 to 45 degC, charged with up to 0.65 C and discharged with up to 1 C. Its dependence on temperature in
use is not to be extrapolated. Two things differ on purpose, and age a battery somewhat faster: BLAST-Lite
averages the current over the hours of rest as well, here, as in the tests, it is the mean over the hours of
use; and it averages k_t over a day, which for deep cycles gives 5 % less loss by time than the state equation
itself.
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import rainflow

from recosim.arrays import FloatArray
from recosim.simulators.physics.battery import Battery
from recosim.simulators.physics.checks import Values

EXPONENT_CALENDAR, EXPONENT_CYCLE = 0.526, 0.828
_ZERO_DEGC_K = 273.15
_HOURS_PER_DAY = 24.0
_DIGITS = 12
"""Of a state of charge; less is rounding error."""


@dataclass(frozen=True, kw_only=True)
class Losses:
    """What n batteries have lost since they were new.

    Parameters
    ----------
    calendar, cycle : array, shape (n,)
        Share of the nominal capacity lost by time and by use.
    """

    calendar: FloatArray
    cycle: FloatArray

    @classmethod
    def none(cls, n: int) -> Self:
        """N new batteries."""
        return cls(calendar=np.zeros(n), cycle=np.zeros(n))

    @property
    def state_of_health(self) -> FloatArray:
        """Share of the nominal capacity that is left, shape (n,), not below zero."""
        left: FloatArray = np.maximum(1.0 - self.calendar - self.cycle, 0.0)
        return left


def potential_anode_v(state_of_charge: Values) -> FloatArray:
    """Potential of the graphite anode against lithium at rest [V].

    Parameters
    ----------
    state_of_charge : array or float
        Share of the present capacity, 0 to 1.

    Notes
    -----
    Source: Safari and Delacourt, doi:10.1149/1.3567007; stoichiometry as in doi:10.1149/2.1181714jes.
    """
    x = 0.0085 + 0.7715 * np.asarray(state_of_charge, dtype=np.float64)
    return np.asarray(
        0.6379
        + 0.5416 * np.exp(-305.5309 * x)
        + 0.044 * np.tanh(-(x - 0.1958) / 0.1088)
        - 0.1978 * np.tanh((x - 1.0571) / 0.0854)
        - 0.6875 * np.tanh((x + 0.0117) / 0.0529)
        - 0.0175 * np.tanh((x - 0.5692) / 0.0875)
    )


def rate_calendar(state_of_charge: Values, temp_cell_degc: Values) -> FloatArray:
    """Factor k_t of the loss by time, per day^0.526.

    Examples
    --------
    >>> float(round(rate_calendar(0.5, 25.0) * 365**0.526, 4))  # lost in the first year
    0.011
    """
    temp_k = np.asarray(temp_cell_degc) + _ZERO_DEGC_K
    exponent = -(5210.0 + 3560.0 * potential_anode_v(state_of_charge)) / temp_k
    return np.asarray(8.37e4 * np.exp(exponent))


def rate_cycle(depth: Values, c_rate_per_h: Values, temp_cell_degc: Values) -> FloatArray:
    """Factor k_N of the loss by use, per equivalent full cycle^0.828.

    Parameters
    ----------
    depth : array or float
        Range of the cycle, as a share of the present capacity.
    c_rate_per_h : array or float
        Mean of charging and discharging current, as share of the nominal capacity per hour [1/h].
    temp_cell_degc : array or float
        Within 10 and 45 degC [degC].
    """
    temp_k = np.asarray(temp_cell_degc) + _ZERO_DEGC_K
    stress = 4.38e-8 + 1.55e-8 * np.asarray(depth) + 1.68e-7 * np.asarray(c_rate_per_h)
    return np.asarray(stress * (np.exp(2190.0 / temp_k) + np.exp(-1.55e5 / temp_k)))


def grown(loss: Values, rates: Values, amounts: Values, exponent: float) -> FloatArray:
    """A loss q = rate x amount^exponent, after more days or cycles.

    Parameters
    ----------
    loss : array, shape (...,)
        Before.
    rates : array, shape (n_parts, ...)
        Factor of each part.
    amounts : array or float, shape (n_parts, ...)
        Days, or equivalent full cycles.
    exponent : float
        Of the law.

    Examples
    --------
    >>> half = grown(0.0, np.array([0.01]), 2.0, 0.5)
    >>> float(grown(half, np.array([0.01, 0.01]), 1.0, 0.5).round(12))  # 0.01 x 4^0.5
    0.02
    """
    root = 1.0 / exponent
    added = np.sum(np.power(rates, root) * amounts, axis=0)
    return np.asarray((np.power(loss, root) + added) ** exponent)


def cycles_of(state_of_charge: FloatArray) -> FloatArray:
    """Depths and counts of the cycles in a series, shape (n_cycles, 2), a half cycle counting 0.5.

    Counts times depths add up to half the way that the series goes up and down.

    Parameters
    ----------
    state_of_charge : array, shape (n_points,)

    Notes
    -----
    Source: rainflow counting, ASTM E1049-85, section 5.4.4.
    """
    # the library needs a third point to see a series of two (a repeated point is no turn), and misses turns
    # whose slopes multiply to less than the smallest float
    points = np.round(state_of_charge, _DIGITS)
    series = [*points.tolist(), float(points[-1])]
    pairs = [(depth, count) for depth, _, count, _, _ in rainflow.extract_cycles(series)]
    return np.array(pairs, dtype=np.float64).reshape(-1, 2)


def losses_after(
    losses: Losses,
    state_of_charge: FloatArray,
    moved: FloatArray,
    temp_cell_degc: Values,
    step_s: float,
) -> Losses:
    """What batteries have lost after some steps, usually a day's.

    A cycle that goes on beyond the last step is counted as two parts: the sum of their depths is right, each
    depth is less, which changes what a cycle costs by a few per cent.

    Parameters
    ----------
    losses : Losses
        Before the first step.
    state_of_charge : array, shape (n_steps, n)
        Share of the present capacity in each step, 0 to 1.
    moved : array, shape (n_steps, n)
        Change of the state of charge by charging (above zero) or discharging, self-discharge left out.
    temp_cell_degc : array or float
        Of each battery's cells [degC].
    step_s : float
        Length of a step [s].

    Returns
    -------
    Losses
        None is less than before.
    """
    n = state_of_charge.shape[1]
    hours = step_s / 3600.0
    temps = np.broadcast_to(temp_cell_degc, n)
    rates = rate_calendar(state_of_charge, temps)
    calendar = grown(losses.calendar, rates, hours / _HOURS_PER_DAY, EXPONENT_CALENDAR)
    health = losses.state_of_health  # the model counts charge in units of the nominal capacity
    in_use = np.count_nonzero(moved, axis=0)
    c_rates = health * np.abs(moved).sum(axis=0) / (np.maximum(in_use, 1) * hours)
    course = np.concatenate([np.zeros((1, n)), np.cumsum(moved, axis=0)])
    cycle = losses.cycle.copy()
    for b in np.flatnonzero(in_use):
        depth, count = cycles_of(course[:, b]).T
        rates = rate_cycle(depth, c_rates[b], temps[b])
        cycle[b] = grown(cycle[b], rates, health[b] * count * depth, EXPONENT_CYCLE)
    return Losses(calendar=calendar, cycle=cycle)


def aged(battery: Battery, state_of_health: Values) -> Battery:
    """The battery with what is left of its capacity: the upper end of the usable range falls.

    The lower end stays. A battery that holds more than the new upper end keeps it and cannot be charged.
    """
    # a range that has closed lets nothing in; a limit below the lower end would be no range
    state_max = np.maximum(np.multiply(battery.state_max, state_of_health), battery.state_min)
    return replace(battery, state_max=np.asarray(state_max, dtype=np.float64))
