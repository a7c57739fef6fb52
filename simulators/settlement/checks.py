"""The error of the settlement and the checks its functions share."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from recosim.arrays import FloatArray, IntArray
from recosim.errors import ScenarioError

PLANT_POWER_MAX_KW = 1000.0
GRANT_MAX_PERCENT = 40.0


class SettlementError(ScenarioError, ValueError):
    """An input the settlement rules do not allow; the message names it, its value and what is allowed."""


def plant_power(power_kw: ArrayLike, names: Sequence[str] | None = None) -> FloatArray:
    """Plant powers, checked against the megawatt that the rules allow.

    Parameters
    ----------
    power_kw : scalar or array [kW]
    names : sequence of str, optional
        Names of the plants, for the message.

    Raises
    ------
    SettlementError
        A power is not in (0, 1000] kW.
    """
    power: FloatArray = np.asarray(power_kw, dtype=np.float64)
    wrong = ~((power > 0.0) & (power <= PLANT_POWER_MAX_KW))
    if wrong.any():
        where, value = _first(wrong, power, "plant", names)
        raise SettlementError(
            f"{where}: power_kw = {value:g}, allowed (0, {PLANT_POWER_MAX_KW:g}]; "
            "only plants up to 1 MW may belong to a configuration, take it out"
        )
    return power


def plant_grant(grant_percent: ArrayLike, names: Sequence[str] | None = None) -> FloatArray:
    """Capital grants, checked against the 40 % that the rules allow.

    Parameters
    ----------
    grant_percent : scalar or array [%]
        Share of the investment that a public grant paid.
    names : sequence of str, optional
        Names of the plants, for the message.

    Raises
    ------
    SettlementError
        A grant is not in [0, 40] %.
    """
    grant: FloatArray = np.asarray(grant_percent, dtype=np.float64)
    wrong = ~((grant >= 0.0) & (grant <= GRANT_MAX_PERCENT))
    if wrong.any():
        where, value = _first(wrong, grant, "plant", names)
        raise SettlementError(
            f"{where}: grant_percent = {value:g}, allowed [0, {GRANT_MAX_PERCENT:g}]; "
            "a plant with a larger grant gets no premium"
        )
    return grant


def finite(values: ArrayLike, what: str) -> FloatArray:
    """Values as float64, none of them NaN or infinite.

    Raises
    ------
    SettlementError
        A value is not finite.
    """
    array: FloatArray = np.asarray(values, dtype=np.float64)
    if not np.isfinite(array).all():
        first = np.argwhere(~np.isfinite(np.atleast_1d(array)))[0].tolist()
        raise SettlementError(f"{what}{first} is not a finite number; fill the gap in the series")
    return array


def energy(values: ArrayLike, what: str) -> FloatArray:
    """Energies as float64, finite and non-negative.

    Raises
    ------
    SettlementError
        An energy is negative, NaN or infinite.
    """
    array = finite(values, what)
    if array.size and array.min() < 0.0:
        first = np.argwhere(np.atleast_1d(array) < 0.0)[0].tolist()
        raise SettlementError(
            f"{what}{first} = {np.atleast_1d(array)[tuple(first)]:g} kWh, allowed 0 or more; "
            "withdrawal and injection are separate, non-negative quantities"
        )
    return array


def one_of(value: str, allowed: Sequence[str], what: str) -> str:
    """``value``, which must be one of ``allowed``.

    Raises
    ------
    SettlementError
        It is not.
    """
    if value not in allowed:
        raise SettlementError(f"{what} = {value!r}, allowed: {', '.join(allowed)}")
    return value


def increasing(times: IntArray) -> None:
    """Check that times increase strictly.

    Raises
    ------
    SettlementError
        They do not.
    """
    if times.ndim != 1 or (times.size > 1 and (np.diff(times) <= 0).any()):
        raise SettlementError("times must be one row of strictly increasing POSIX seconds; sort the series")


def _first(
    wrong: np.ndarray[tuple[int, ...], np.dtype[np.bool_]],
    values: FloatArray,
    kind: str,
    names: Sequence[str] | None,
) -> tuple[str, float]:
    index = int(np.flatnonzero(np.atleast_1d(wrong))[0])
    value = float(np.atleast_1d(values).flat[index])
    return (f"{kind} {names[index]!r}" if names else f"{kind}[{index}]"), value
