"""Electricity tariffs: the marginal price of a withdrawn kWh, and the bill."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from recosim.arrays import FloatArray, IntArray
from recosim.simulators.settlement.bill import Bill, Charges, make_bill
from recosim.simulators.settlement.calendar import ROME, bands
from recosim.simulators.settlement.checks import SettlementError, energy, finite, increasing, one_of
from recosim.simulators.settlement.regulated import figure

ENERGY_KINDS = ("flat", "bands", "hourly")
_SLOT_S = 900  # every band begins on a local hour, and local hours on quarters of UTC
_YEAR_S = 366 * 86_400
_N_VALUES = {"flat": 1, "bands": 3, "hourly": 0}


@dataclass(frozen=True, kw_only=True)
class EnergyPrice:
    """Price of the energy itself, before losses and taxes.

    Parameters
    ----------
    kind : {"flat", "bands", "hourly"}
        One price; one price for each of F1, F2, F3; or the hourly PUN.
    values_eur_per_kwh : tuple of float
        One value for ``flat``, three for ``bands``, none for ``hourly`` [EUR/kWh].
    spread_eur_per_kwh : float
        What the seller adds [EUR/kWh].

    Raises
    ------
    SettlementError
        The kind is unknown, or the number of values does not fit it.
    """

    kind: str
    values_eur_per_kwh: tuple[float, ...] = ()
    spread_eur_per_kwh: float = 0.0

    def __post_init__(self) -> None:
        one_of(self.kind, ENERGY_KINDS, "energy price kind")
        if len(self.values_eur_per_kwh) != _N_VALUES[self.kind]:
            raise SettlementError(
                f"energy price of kind {self.kind!r} has {len(self.values_eur_per_kwh)} values, "
                f"allowed: {_N_VALUES[self.kind]}"
            )


@dataclass(frozen=True, kw_only=True)
class PodTariff:
    """Tariff of one delivery point. Defaults are zero, so that one line is an all-in price.

    Parameters
    ----------
    energy : EnergyPrice
    dispatching_eur_per_kwh : float [EUR/kWh]
    losses : float
        Added to energy and dispatching only, such as 0.10.
    sales_eur_per_year, network_fixed_eur_per_year : float [EUR/year]
    network_power_eur_per_kw_month : float [EUR/(kW month)]
    network_energy_eur_per_kwh, system_eur_per_kwh, excise_eur_per_kwh : float [EUR/kWh]
    excise_exemption : bool
        Resident dwelling; has an effect up to 3 kW.
    vat : float
    notes : tuple of str
        Regulated figures of an earlier year that had to serve.
    """

    energy: EnergyPrice
    dispatching_eur_per_kwh: float = 0.0
    losses: float = 0.0
    sales_eur_per_year: float = 0.0
    network_fixed_eur_per_year: float = 0.0
    network_power_eur_per_kw_month: float = 0.0
    network_energy_eur_per_kwh: float = 0.0
    system_eur_per_kwh: float = 0.0
    excise_eur_per_kwh: float = 0.0
    excise_exemption: bool = False
    vat: float = 0.0
    notes: tuple[str, ...] = ()


def all_in_tariff(price_eur_per_kwh: float) -> PodTariff:
    """One price per kWh with everything in it, such as a paper's 0.25 EUR/kWh.

    Examples
    --------
    >>> all_in_tariff(0.25).energy.values_eur_per_kwh
    (0.25,)
    """
    return PodTariff(energy=EnergyPrice(kind="flat", values_eur_per_kwh=(price_eur_per_kwh,)))


def household_tariff(
    year: int, energy: EnergyPrice | None = None, sales_eur_per_year: float = 120.0, resident: bool = True
) -> PodTariff:
    """Low-voltage dwelling, regulated parts from the table.

    Parameters
    ----------
    year : int
    energy : EnergyPrice, optional
        Default: hourly PUN plus 0.020 EUR/kWh.
    sales_eur_per_year : float [EUR/year]
    resident : bool
        Residents up to 3 kW have the excise exemption.

    Raises
    ------
    SettlementError
        The year is not in the table.
    """
    tariff = _regulated_tariff(year, energy, sales_eur_per_year, "household")
    return replace(tariff, excise_exemption=resident)


def non_domestic_tariff(
    year: int, energy: EnergyPrice | None = None, sales_eur_per_year: float = 120.0
) -> PodTariff:
    """Low-voltage point that is no dwelling, such as the common services of a building.

    Network and system charges are those of a dwelling (assumption); excise and VAT are those of other uses.
    Parameters and errors as :func:`household_tariff`.
    """
    return _regulated_tariff(year, energy, sales_eur_per_year, "other")


def _regulated_tariff(
    year: int, energy: EnergyPrice | None, sales_eur_per_year: float, use: str
) -> PodTariff:
    excise, vat = f"excise_{use}_eur_per_kwh", f"vat_{use}"
    names = (
        "losses_withdrawal_lv",
        "dispatching_eur_per_kwh",
        "network_fixed_eur_per_year",
        "network_power_eur_per_kw_month",
        "network_energy_eur_per_kwh",
        "system_asos_eur_per_kwh",
        "system_arim_eur_per_kwh",
        excise,
        vat,
    )
    figures = {name: figure(name, year) for name in names}
    return PodTariff(
        energy=energy or EnergyPrice(kind="hourly", spread_eur_per_kwh=0.020),
        dispatching_eur_per_kwh=figures["dispatching_eur_per_kwh"].value,
        losses=figures["losses_withdrawal_lv"].value,
        sales_eur_per_year=sales_eur_per_year,
        network_fixed_eur_per_year=figures["network_fixed_eur_per_year"].value,
        network_power_eur_per_kw_month=figures["network_power_eur_per_kw_month"].value,
        network_energy_eur_per_kwh=figures["network_energy_eur_per_kwh"].value,
        system_eur_per_kwh=figures["system_asos_eur_per_kwh"].value
        + figures["system_arim_eur_per_kwh"].value,
        excise_eur_per_kwh=figures[excise].value,
        vat=figures[vat].value,
        notes=tuple(found.note for found in figures.values() if found.note),
    )


def mean_price_by_band(
    times: IntArray, price_eur_per_mwh: FloatArray, timezone: str = ROME, october_4: bool = False
) -> tuple[float, float, float]:
    """Mean price in F1, F2, F3, for a tariff by bands; 0 for a band without hours [EUR/kWh]."""
    band = bands(times, timezone, october_4)
    count = np.bincount(band, minlength=3)
    total = np.bincount(band, weights=price_eur_per_mwh, minlength=3)
    f1, f2, f3 = (total / np.maximum(count, 1) / 1000.0).tolist()
    return f1, f2, f3


class Tariff:
    """Tariffs of all delivery points.

    Parameters
    ----------
    tariffs : sequence of PodTariff, one per delivery point
    power_contract_kw : array, shape (n_pods,) [kW]
    timezone : str
    october_4 : bool
        Whether 4 October counts as a holiday from 2026 on.

    Raises
    ------
    SettlementError
        The numbers of tariffs and powers differ.
    """

    def __init__(
        self,
        tariffs: Sequence[PodTariff],
        power_contract_kw: FloatArray,
        timezone: str = ROME,
        october_4: bool = False,
    ) -> None:
        power: FloatArray = np.asarray(power_contract_kw, dtype=np.float64)
        if power.shape != (len(tariffs),):
            raise SettlementError(
                f"power_contract_kw has shape {power.shape}, allowed: one value for each of the "
                f"{len(tariffs)} tariffs"
            )
        self.tariffs = tuple(tariffs)
        self.timezone = timezone
        self.october_4 = october_4
        self.charges = _charges(self.tariffs, power)
        hourly = np.array([tariff.energy.kind == "hourly" for tariff in tariffs], dtype=np.float64)
        # (3, n_pods): what energy costs besides the PUN, in each band
        self._energy_by_band = (
            np.array([_energy_by_band(tariff.energy) for tariff in tariffs]).reshape(-1, 3).T
        )
        self._losses = 1.0 + np.array([tariff.losses for tariff in tariffs], dtype=np.float64)
        self._dispatching = np.array([t.dispatching_eur_per_kwh for t in tariffs], dtype=np.float64)
        self._per_pun = hourly / 1000.0
        self._has_bands = any(tariff.energy.kind == "bands" for tariff in tariffs)
        taxed = 1.0 + self.charges.vat
        per_kwh = (
            self._dispatching * self._losses
            + self.charges.network_energy_eur_per_kwh
            + self.charges.system_eur_per_kwh
            + self.charges.excise_eur_per_kwh
        )
        self._slope = self._per_pun * self._losses * taxed
        self._offset_by_band = (self._energy_by_band * self._losses + per_kwh) * taxed
        self._band_start = 0
        self._bands: IntArray = np.zeros(0, dtype=np.int64)

    @property
    def notes(self) -> tuple[str, ...]:
        """Regulated figures of an earlier year that had to serve, each once."""
        return tuple(dict.fromkeys(note for tariff in self.tariffs for note in tariff.notes))

    def rates(self, times: IntArray, price_pun_eur_per_mwh: FloatArray) -> FloatArray:
        """Marginal price of a withdrawn kWh, taxes included.

        It holds losses, dispatching, the energy parts of network and system charges, the full excise (the
        monthly exemption is settled in the bill) and VAT.

        Parameters
        ----------
        times : array of int, shape (n_steps,), POSIX [s]
        price_pun_eur_per_mwh : array, shape (n_steps,) [EUR/MWh]

        Returns
        -------
        array, shape (n_steps, n_pods) [EUR/kWh]
        """
        variable = price_pun_eur_per_mwh[:, None] * self._slope
        variable += (
            self._offset_by_band[self._bands_at(times)] if self._has_bands else self._offset_by_band[0]
        )
        return np.asarray(variable, dtype=np.float64)

    def bill(
        self,
        times: IntArray,
        withdrawn_kwh: FloatArray,
        price_pun_eur_per_mwh: FloatArray,
        step_s: int,
    ) -> Bill:
        """Bills of a period by month and delivery point.

        Parameters
        ----------
        times : array of int, shape (n_steps,), POSIX, increasing [s]
        withdrawn_kwh : array, shape (n_steps, n_pods) [kWh]
        price_pun_eur_per_mwh : array, shape (n_steps,) [EUR/MWh]
        step_s : int
            Length of a step, for the parts that count days [s].

        Returns
        -------
        Bill

        Raises
        ------
        SettlementError
            Energies are negative, shapes do not fit, or the times do not increase.
        """
        increasing(times)
        withdrawn = energy(withdrawn_kwh, "withdrawn_kwh")
        price = finite(price_pun_eur_per_mwh, "price_pun_eur_per_mwh")
        shape = (times.size, len(self.tariffs))
        if withdrawn.shape != shape or price.shape != shape[:1]:
            raise SettlementError(
                f"withdrawn_kwh has shape {withdrawn.shape} and the price {price.shape}, "
                f"allowed: {shape} and {shape[:1]}"
            )
        by_band = self._energy_by_band[self._bands_at(times)] if self._has_bands else self._energy_by_band[0]
        # in place: a year of a thousand delivery points is 70 MB an array
        cost = price[:, None] * self._per_pun
        cost += by_band
        cost *= withdrawn
        cost *= self._losses
        return make_bill(
            self.charges, times, withdrawn, cost, self._losses * self._dispatching, step_s, self.timezone
        )

    def _bands_at(self, times: IntArray) -> IntArray:
        """Band of each step, from a table that grows when a time lies outside it."""
        if times.size == 0:
            return np.zeros(0, dtype=np.int64)
        first, last = int(times[0]) // _SLOT_S, int(times[-1]) // _SLOT_S
        if first < self._band_start or last >= self._band_start + self._bands.size:
            slots = np.arange(first, last + _YEAR_S // _SLOT_S, dtype=np.int64)
            self._band_start = first
            self._bands = bands(slots * _SLOT_S, self.timezone, self.october_4)
        return np.asarray(self._bands[times // _SLOT_S - self._band_start], dtype=np.int64)


def _energy_by_band(price: EnergyPrice) -> tuple[float, float, float]:
    f1, f2, f3 = {1: price.values_eur_per_kwh * 3, 3: price.values_eur_per_kwh, 0: (0.0, 0.0, 0.0)}[
        len(price.values_eur_per_kwh)
    ]
    return f1 + price.spread_eur_per_kwh, f2 + price.spread_eur_per_kwh, f3 + price.spread_eur_per_kwh


def _charges(tariffs: tuple[PodTariff, ...], power_contract_kw: FloatArray) -> Charges:
    def column(name: str) -> FloatArray:
        return np.array([getattr(tariff, name) for tariff in tariffs], dtype=np.float64)

    return Charges(
        power_contract_kw=power_contract_kw,
        sales_eur_per_year=column("sales_eur_per_year"),
        network_fixed_eur_per_year=column("network_fixed_eur_per_year"),
        network_power_eur_per_kw_month=column("network_power_eur_per_kw_month"),
        network_energy_eur_per_kwh=column("network_energy_eur_per_kwh"),
        system_eur_per_kwh=column("system_eur_per_kwh"),
        excise_eur_per_kwh=column("excise_eur_per_kwh"),
        excise_exemption=np.array([tariff.excise_exemption for tariff in tariffs], dtype=np.bool_),
        vat=column("vat"),
    )
