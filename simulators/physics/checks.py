"""What the parameters of the physics share: their type and the check of their ranges."""

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from recosim.arrays import FloatArray

Values: TypeAlias = FloatArray | float
"""One value per device, shape (n,), or one for all of them."""


def require_range(
    where: str,
    values: ArrayLike,
    low: float = -np.inf,
    high: float = np.inf,
    *,
    low_open: bool = False,
    high_open: bool = False,
) -> None:
    """Refuse values outside a range, and NaN.

    Parameters
    ----------
    where : str
        Name of the parameter, for the message.
    values : array or float
        The values, any shape.
    low, high : float
        Ends of the allowed range.
    low_open, high_open : bool
        The end itself is not allowed.

    Raises
    ------
    ValueError
        A value is not allowed; the message names the parameter, the index, the value and the range.
    """
    array = np.asarray(values, dtype=np.float64)
    above = array > low if low_open else array >= low
    below = array < high if high_open else array <= high
    wrong = ~(above & below)
    if not wrong.any():
        return
    index = np.unravel_index(int(np.argmax(wrong)), array.shape)
    place = f"[{', '.join(str(int(i)) for i in index)}]" if array.ndim else ""
    left, right = "(" if low_open else "[", ")" if high_open else "]"
    raise ValueError(f"{where}{place} = {array[index]:g}, allowed {left}{low:g}, {high:g}{right}")
