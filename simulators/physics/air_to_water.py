"""Air-to-water heat pumps: COP and EER by hplib's generic fit."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from recosim.arrays import FloatArray
from recosim.simulators.physics.checks import Values

_GROUP_REGULATED_AIR_WATER = 1
_TEMP_REFERENCE_DEGC = -7.0
_TEMP_WATER_REFERENCE_DEGC = 52.0


@dataclass(frozen=True, kw_only=True)
class Plane:
    """A quantity that is linear in two temperatures.

    Parameters
    ----------
    per_k_source, per_k_water : float
        Change per kelvin of the outdoor air, and of the water as it leaves the unit [1/K].
    constant : float
        Value with both at 0 degC.
    """

    per_k_source: float
    per_k_water: float
    constant: float

    def __call__(self, temp_source_degc: Values, temp_water_degc: Values) -> FloatArray:
        """Value at these temperatures, shape (..., n)."""
        plane = self.per_k_source * np.asarray(temp_source_degc) + self.constant
        return plane + np.multiply(self.per_k_water, temp_water_degc)


@dataclass(frozen=True, kw_only=True)
class AirToWaterFit:
    """What is known of a kind of heat pump, each a plane over outdoor air and water temperature.

    Parameters
    ----------
    cop, eer : Plane
        Efficiency when heating and when cooling the water.
    """

    cop: Plane
    eer: Plane


@cache
def generic_fit() -> AirToWaterFit:
    """Fit of the generic air-to-water heat pump with a regulated compressor.

    Returns
    -------
    AirToWaterFit

    Notes
    -----
    Source: hplib 1.9 (Tjaden, Hoops, Rösken 2021, doi 10.5281/zenodo.5521597; code MIT, database CC BY 4.0),
    group 1, least squares over the EN 14511 and EN 14825 points of its Keymark heat pumps. For this group the
    air is both source and surroundings, so the coefficients p1 and p4 act as one. Defrosting is in the
    measured points, hence in the fit: no factor for it belongs on top.

    hplib brings pandas and reads its database here, which takes about 0.1 s, once.
    """
    from hplib import hplib

    at_7kw = hplib.get_parameters(
        "Generic",
        group_id=_GROUP_REGULATED_AIR_WATER,
        t_in=int(_TEMP_REFERENCE_DEGC),
        t_out=int(_TEMP_WATER_REFERENCE_DEGC),
        p_th=7000,  # scales what is not read here
    ).iloc[0]

    def plane(name: str, unit: str) -> Plane:
        return Plane(
            per_k_source=float(at_7kw[f"p1_{name} [{unit}]"] + at_7kw[f"p4_{name} [{unit}]"]),
            per_k_water=float(at_7kw[f"p2_{name} [{unit}]"]),
            constant=float(at_7kw[f"p3_{name} [-]"]),
        )

    return AirToWaterFit(cop=plane("COP", "-"), eer=plane("EER", "-"))


def cop(fit: AirToWaterFit, temp_source_degc: Values, temp_water_degc: Values) -> FloatArray:
    """COP in steady operation, at least 1.

    Parameters
    ----------
    fit : AirToWaterFit
    temp_source_degc : array, shape (..., n), or float
        Outdoor temperature [degC].
    temp_water_degc : array, shape (..., n), or float
        Temperature of the water as it leaves the unit [degC].

    Returns
    -------
    array, shape (..., n)
        Near -7 degC and 55 degC the plane falls below 1; there an electric resistance takes over.

    Examples
    --------
    >>> [round(float(cop(generic_fit(), 7.0, water)), 2) for water in (35.0, 45.0, 55.0)]
    [5.06, 4.18, 3.31]
    """
    return np.maximum(fit.cop(temp_source_degc, temp_water_degc), 1.0)


def eer(fit: AirToWaterFit, temp_source_degc: Values, temp_water_degc: Values) -> FloatArray:
    """EER in steady operation, at least 1.

    Parameters
    ----------
    fit : AirToWaterFit
    temp_source_degc : array, shape (..., n), or float
        Outdoor temperature [degC].
    temp_water_degc : array, shape (..., n), or float
        Temperature of the chilled water as it leaves the unit [degC].

    Returns
    -------
    array, shape (..., n)
        Measured from 20 to 35 degC outdoors, a straight line beyond.

    Examples
    --------
    >>> round(float(eer(generic_fit(), 35.0, 7.0)), 2)
    3.28
    """
    return np.maximum(fit.eer(temp_source_degc, temp_water_degc), 1.0)
