"""Valorisation of shared energy: the network charges that sharing avoids.

Source: ARERA resolution 727/2022 (TIAD).
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from recosim.arrays import FloatArray
from recosim.simulators.settlement.checks import one_of
from recosim.simulators.settlement.regulated import by_voltage, figure, notes_by_voltage

CONFIGURATIONS = ("CER", "GAC", "AID", "NONE")


@dataclass(frozen=True, kw_only=True)
class Valorisation:
    """What a shared kWh earns besides the premium.

    Parameters
    ----------
    tariff_eur_per_mwh : float
        Constant part [EUR/MWh].
    loss_avoided : array, shape (n_plants,)
        Part of the zonal price paid for avoided losses, by the voltage of each plant.
    notes : tuple of str
        Figures of an earlier year that had to serve.
    """

    tariff_eur_per_mwh: float
    loss_avoided: FloatArray
    notes: tuple[str, ...] = ()


def no_valorisation(voltage: tuple[str, ...]) -> Valorisation:
    """Nothing besides the premium, for as many plants as there are voltages."""
    return Valorisation(tariff_eur_per_mwh=0.0, loss_avoided=np.zeros(len(voltage)))


def valorisation_cacer(configuration: str, voltage: tuple[str, ...], year: int) -> Valorisation:
    """Valorisation under TIAD: TRASE; for a group in one building also BTAU and avoided losses.

    Parameters
    ----------
    configuration : {"CER", "GAC", "AID", "NONE"}
    voltage : tuple of {"LV", "MV", "HV"}, one per plant
    year : int

    Raises
    ------
    SettlementError
        The year is not in the table of regulated figures.
    """
    one_of(configuration, CONFIGURATIONS, "configuration")
    if configuration == "NONE":
        return no_valorisation(voltage)
    trase = figure("trase_eur_per_mwh", year)
    if configuration != "GAC":
        return replace(no_valorisation(voltage), tariff_eur_per_mwh=trase.value, notes=_notes(trase.note))
    btau = figure("btau_eur_per_mwh", year)
    return Valorisation(
        tariff_eur_per_mwh=trase.value + btau.value,
        loss_avoided=by_voltage("avoided_losses", voltage, year),
        notes=_notes(trase.note, btau.note, *notes_by_voltage("avoided_losses", voltage, year)),
    )


def valorisation_transitional(configuration: str, voltage: tuple[str, ...], year: int) -> Valorisation:
    """Valorisation of the transitional regime: 8.22 EUR/MWh, for a group also avoided losses.

    Source: ARERA resolution 318/2020.
    """
    tariff = figure("valorisation_transitional_eur_per_mwh", year)
    valorisation = replace(
        no_valorisation(voltage), tariff_eur_per_mwh=tariff.value, notes=_notes(tariff.note)
    )
    if configuration == "GAC":
        return replace(
            valorisation,
            loss_avoided=by_voltage("avoided_losses", voltage, year),
            notes=(*valorisation.notes, *notes_by_voltage("avoided_losses", voltage, year)),
        )
    return valorisation


def valorisation_eur(
    energy_shared_kwh: ArrayLike,
    price_zonal_eur_per_mwh: ArrayLike,
    tariff_eur_per_mwh: ArrayLike,
    loss_avoided: ArrayLike = 0.0,
) -> FloatArray:
    """Valorisation of shared energy, elementwise.

    ``V = (tariff + c_PR * Pz) * E_ac / 1000``

    Parameters
    ----------
    energy_shared_kwh : scalar or array [kWh]
    price_zonal_eur_per_mwh : scalar or array [EUR/MWh]
    tariff_eur_per_mwh : scalar or array [EUR/MWh]
    loss_avoided : scalar or array
        c_PR: 0.026 low voltage, 0.012 medium voltage; 0 except for a group in one building.

    Returns
    -------
    array of the common shape [EUR]

    Examples
    --------
    >>> float(valorisation_eur(1000.0, 60.0, 8.22, 0.026).round(6))
    9.78
    """
    rate = np.asarray(tariff_eur_per_mwh) + np.asarray(loss_avoided) * np.asarray(price_zonal_eur_per_mwh)
    return np.asarray(rate * np.asarray(energy_shared_kwh) / 1000.0, dtype=np.float64)


def _notes(*notes: str) -> tuple[str, ...]:
    return tuple(note for note in notes if note)
