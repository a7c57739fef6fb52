"""The premium on shared energy, its reduction for grants, its duration and its yearly excess.

Source: ministerial decrees of 7 December 2023 (CACER) and of 16 September 2020 (transitional regime).
"""

from datetime import date

import numpy as np
from numpy.typing import ArrayLike

from recosim.arrays import BoolArray, FloatArray
from recosim.simulators.settlement.calendar import ROME, local_midnight
from recosim.simulators.settlement.checks import (
    GRANT_MAX_PERCENT,
    SettlementError,
    finite,
    one_of,
    plant_grant,
    plant_power,
)

AREAS = ("north", "centre", "south")
CLASS_EDGES_KW = (200.0, 600.0)
BASE_EUR_PER_MWH = (80.0, 70.0, 60.0)
VARIABLE_MAX_EUR_PER_MWH = 40.0  # the cap is the base plus 40 in every class: 120, 110, 100
PRICE_REFERENCE_EUR_PER_MWH = 180.0
CORRECTION_EUR_PER_MWH = {"north": 10.0, "centre": 4.0, "south": 0.0}
GRANT_FACTOR_MAX = 0.5
PREMIUM_YEARS = 20
EXISTING_BEFORE = date(2021, 12, 16)
TRANSITIONAL_FROM = date(2020, 3, 1)
TRANSITIONAL_EUR_PER_MWH = {"GAC": 100.0, "CER": 110.0}
EXISTING_SHARE_MAX = 0.30
THRESHOLD_PREMIUM_ONLY = 0.55
THRESHOLD_WITH_GRANT = 0.45
EXCESS_VARIANTS = ("points", "ratio")

# Region, area of the photovoltaic correction, market zone.
_REGIONS = (
    ("Abruzzo", "centre", "CSUD"),
    ("Basilicata", "south", "SUD"),
    ("Calabria", "south", "CALA"),
    ("Campania", "south", "CSUD"),
    ("Emilia-Romagna", "north", "NORD"),
    ("Friuli-Venezia Giulia", "north", "NORD"),
    ("Lazio", "centre", "CSUD"),
    ("Liguria", "north", "NORD"),
    ("Lombardia", "north", "NORD"),
    ("Marche", "centre", "CNOR"),
    ("Molise", "south", "SUD"),
    ("Piemonte", "north", "NORD"),
    ("Puglia", "south", "SUD"),
    ("Sardegna", "south", "SARD"),
    ("Sicilia", "south", "SICI"),
    ("Toscana", "centre", "CNOR"),
    ("Trentino-Alto Adige", "north", "NORD"),
    ("Umbria", "centre", "CSUD"),
    ("Valle d'Aosta", "north", "NORD"),
    ("Veneto", "north", "NORD"),
)
REGIONS = tuple(name for name, _, _ in _REGIONS)


def area_of_region(region: str) -> str:
    """Area of the photovoltaic correction: ``north``, ``centre`` or ``south``.

    Examples
    --------
    >>> area_of_region("Campania"), area_of_region("valle d'aosta")
    ('south', 'north')
    """
    return _region(region)[1]


def market_zone_of_region(region: str) -> str:
    """Market zone whose price the premium follows, such as ``CSUD``.

    Examples
    --------
    >>> market_zone_of_region("Campania")
    'CSUD'
    """
    return _region(region)[2]


def _region(region: str) -> tuple[str, str, str]:
    def letters(text: str) -> str:
        return "".join(character for character in text.lower() if character.isalpha())

    for row in _REGIONS:
        if letters(row[0]) == letters(region):
            return row
    raise SettlementError(f"region = {region!r}, allowed: {', '.join(REGIONS)}")


def base_eur_per_mwh(plant_kw: ArrayLike) -> FloatArray:
    """Fixed part of the premium by class of power: 80, 70, 60 EUR/MWh up to 200, 600, 1000 kW."""
    power = plant_power(plant_kw)
    return np.asarray(np.array(BASE_EUR_PER_MWH)[np.searchsorted(CLASS_EDGES_KW, power)], dtype=np.float64)


def variable_eur_per_mwh(zonal_price_eur_per_mwh: ArrayLike) -> FloatArray:
    """Part of the premium that falls with the zonal price, between 0 and 40 EUR/MWh, elementwise."""
    return np.asarray(
        np.minimum(
            np.maximum(PRICE_REFERENCE_EUR_PER_MWH - np.asarray(zonal_price_eur_per_mwh), 0.0),
            VARIABLE_MAX_EUR_PER_MWH,
        ),
        dtype=np.float64,
    )


def correction_eur_per_mwh(area: str, photovoltaic: ArrayLike) -> FloatArray:
    """Correction for less sun, photovoltaic only and outside the cap: +10 north, +4 centre, 0 south."""
    return np.where(photovoltaic, CORRECTION_EUR_PER_MWH[one_of(area, AREAS, "area")], 0.0)


def grant_factor(grant_percent: ArrayLike) -> FloatArray:
    """Part of the premium that a capital grant costs: 0.5 at the largest grant, 40 %, and linear below.

    Raises
    ------
    SettlementError
        A grant is not in [0, 40] %.
    """
    return np.asarray(GRANT_FACTOR_MAX * plant_grant(grant_percent) / GRANT_MAX_PERCENT, dtype=np.float64)


def premium_rate_eur_per_mwh(
    plant_kw: ArrayLike,
    zonal_price_eur_per_mwh: ArrayLike,
    area: str,
    photovoltaic: ArrayLike = True,
    grant_percent: ArrayLike = 0.0,
) -> FloatArray:
    """Premium on one MWh of shared energy (TIP).

    ``TIP = (min(CAP, base + max(0, 180 - Pz)) + FC) * (1 - F)``

    Parameters
    ----------
    plant_kw : scalar or array [kW]
    zonal_price_eur_per_mwh : scalar or array [EUR/MWh]
        Hourly zonal price Pz; may be negative. All numeric arguments broadcast.
    area : {"north", "centre", "south"}
    photovoltaic : bool or array of bool
    grant_percent : scalar or array [%]

    Returns
    -------
    array of the common shape, a number where all are scalars [EUR/MWh]

    Raises
    ------
    SettlementError
        A plant above 1 MW, a grant above 40 %, an unknown area, a price that is not finite, or arrays whose
        shapes do not go together.

    Source: decree of 7 December 2023 (CACER), annex 1.

    Examples
    --------
    >>> premium_rate_eur_per_mwh(100, [100.0, 150.0, 250.0], "south", True, 0).tolist()
    [120.0, 110.0, 80.0]
    """
    price = finite(zonal_price_eur_per_mwh, "zonal_price_eur_per_mwh")
    shapes = {
        "plant_kw": np.shape(plant_kw),
        "zonal_price_eur_per_mwh": price.shape,
        "photovoltaic": np.shape(photovoltaic),
        "grant_percent": np.shape(grant_percent),
    }
    try:
        np.broadcast_shapes(*shapes.values())
    except ValueError:
        found = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise SettlementError(f"shapes {found}: allowed are numbers and arrays that broadcast") from None
    full = (
        base_eur_per_mwh(plant_kw) + variable_eur_per_mwh(price) + correction_eur_per_mwh(area, photovoltaic)
    )
    rate: FloatArray = np.asarray(full * (1.0 - grant_factor(grant_percent)), dtype=np.float64)[()]
    return rate


def premium_transitional_eur_per_mwh(configuration: str) -> float:
    """Flat premium of the transitional regime: 100 EUR/MWh for a group, 110 for a community.

    Raises
    ------
    SettlementError
        The regime knows only these two.
    """
    allowed = tuple(TRANSITIONAL_EUR_PER_MWH)
    return TRANSITIONAL_EUR_PER_MWH[one_of(configuration, allowed, "configuration (transitional regime)")]


def premium_eur(
    energy_kwh: FloatArray,
    rate_full_eur_per_mwh: FloatArray,
    factor_grant: ArrayLike,
    share_exempt: ArrayLike = 0.0,
) -> FloatArray:
    """Premium on shared energy; withdrawals exempt from the grant's reduction are paid in full.

    Parameters
    ----------
    energy_kwh : array, shape (n, n_plants) [kWh]
    rate_full_eur_per_mwh : array, broadcasting to it [EUR/MWh]
        Premium without the reduction.
    factor_grant : scalar or array, shape (n_plants,)
        See :func:`grant_factor`.
    share_exempt : scalar or array, shape (n, 1)
        Exempt part of the hour's withdrawals.

    Returns
    -------
    array, shape (n, n_plants) [EUR]

    Source: decree of 7 December 2023, annex 1, with ministerial decree 127/2025; pro rata of the hour's
    withdrawals is an assumption.
    """
    reduction = 1.0 - np.asarray(factor_grant) * (1.0 - np.asarray(share_exempt))
    return np.asarray(energy_kwh * rate_full_eur_per_mwh * reduction / 1000.0, dtype=np.float64)


def excess_share(
    energy_incentivised_kwh: ArrayLike,
    energy_injected_kwh: ArrayLike,
    threshold: ArrayLike,
    excess_variant: str = "points",
) -> FloatArray:
    """Part of a year's premium that lies above the threshold and goes to consumers who are no companies.

    Parameters
    ----------
    energy_incentivised_kwh, energy_injected_kwh : scalar or array [kWh]
        Of one set of plants in one calendar year; nothing injected gives 0.
    threshold : scalar or array
        0.55, or 0.45 for plants with a capital grant.
    excess_variant : {"points", "ratio"}
        ``points`` is the rule, r - s; ``ratio`` is (r - s) / r, found in another public calculator, for
        comparison only.

    Examples
    --------
    >>> float(excess_share(1600.0, 2000.0, 0.55))
    0.25
    """
    one_of(excess_variant, EXCESS_VARIANTS, "excess_variant")
    shared, injected = np.broadcast_arrays(
        np.asarray(energy_incentivised_kwh, dtype=np.float64),
        np.asarray(energy_injected_kwh, dtype=np.float64),
    )
    ratio = np.divide(shared, injected, out=np.zeros(shared.shape), where=injected > 0.0)
    points: FloatArray = np.maximum(ratio - np.asarray(threshold), 0.0)
    if excess_variant == "points":
        return points
    return np.asarray(points / np.where(ratio > 0.0, ratio, 1.0), dtype=np.float64)


def existing_power_share(power_kw: FloatArray, commissioned: ArrayLike) -> float:
    """Part of the power in plants that were in operation before 16 December 2021.

    Parameters
    ----------
    power_kw : array, shape (n_plants,) [kW]
    commissioned : array of int, shape (n_plants,)
        Proleptic Gregorian ordinals, as of ``date.toordinal``.
    """
    total = float(np.sum(power_kw))
    if total == 0.0:
        return 0.0
    return float(np.sum(power_kw, where=is_existing(commissioned))) / total


def is_existing(commissioned: ArrayLike) -> BoolArray:
    """Whether plants were in operation before 16 December 2021; such plants earn no premium."""
    return np.asarray(np.asarray(commissioned) < EXISTING_BEFORE.toordinal())


def premium_window(commissioned: int, timezone: str = ROME) -> tuple[int, int]:
    """POSIX times at which a plant's premium begins and ends, the end exclusive: 20 calendar years [s].

    Parameters
    ----------
    commissioned : int
        Ordinal of the local day.
    timezone : str
    """
    first = date.fromordinal(int(commissioned))
    try:
        last = first.replace(year=first.year + PREMIUM_YEARS)
    except ValueError:  # commissioned on 29 February, and 20 years later there is none
        last = date(first.year + PREMIUM_YEARS, 3, 1)
    return local_midnight(first, timezone), local_midnight(last, timezone)
