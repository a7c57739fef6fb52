"""Checks of options that several controllers share."""

from recosim.errors import ControllerError


def number_between(name: str, value: object, least: float, most: float) -> float:
    """The option's value as a float.

    Parameters
    ----------
    name : str
        Controller and option, such as ``preheat.shift_k``.
    value : object
        What the user gave.
    least, most : float
        Both allowed.

    Raises
    ------
    ControllerError
        It is no number, or out of range.
    """
    if not isinstance(value, int | float) or isinstance(value, bool) or not least <= value <= most:
        raise ControllerError(f"{name} = {value!r}, allowed: numbers from {least:g} to {most:g}")
    return float(value)
