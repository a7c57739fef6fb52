"""The GSE and the seller as a mosaik simulator: shared energy by the hour, accounts at the end.

Prices are those of the hour; within it they do not change.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import mosaik_api_v3
import numpy as np

from recosim.arrays import FloatArray, IntArray
from recosim.contracts import SharingScheme, Tariff
from recosim.simulators.clock import Clock
from recosim.simulators.group import GROUP, GROUP_MODEL, read_only
from recosim.simulators.settlement.bill import Bill
from recosim.simulators.settlement.calendar import Periods, months_of
from recosim.simulators.settlement.configuration import Configuration, Members
from recosim.simulators.settlement.hourly import sum_by_hour
from recosim.simulators.settlement.members import MemberAccounts, member_accounts, seller
from recosim.simulators.settlement.outcome import Settlement
from recosim.simulators.settlement.settling import QUARTER_S
from recosim.timegrid import SECONDS_PER_HOUR, TimeGrid

HOURS_AT_ONCE = 744
"""Rates of a year at a thousand delivery points would be 70 MB twice."""


class PayingScheme(SharingScheme, Protocol):
    """A sharing scheme that also pays afterwards."""

    @property
    def configuration(self) -> Configuration:
        """The rules, which say whether energy is shared by the hour or by the quarter-hour."""
        ...

    @property
    def members(self) -> Members:
        """Who has a part in the money."""
        ...

    def alone(self) -> "PayingScheme":
        """The same delivery points without a configuration."""
        ...

    def settle(
        self,
        times_hours: IntArray,
        withdrawn_kwh: FloatArray,
        injected_kwh: FloatArray,
        price_zonal_eur_per_mwh: FloatArray,
    ) -> Settlement:
        """Pay what was shared in each hour."""
        ...


class BillingTariff(Tariff, Protocol):
    """A tariff that also bills afterwards."""

    def bill(
        self, times: IntArray, withdrawn_kwh: FloatArray, price_pun_eur_per_mwh: FloatArray, step_s: int
    ) -> Bill:
        """Bill what was withdrawn in each hour."""
        ...


@dataclass(frozen=True, kw_only=True)
class Months:
    """What the community paid and earned in each local month, arrays of shape (n_months,) [EUR].

    Parameters
    ----------
    bill_eur, sale_eur, premium_eur, valorisation_eur : array
        The guaranteed minimum price, a yearly rule, is in the last month that a year touches.
    unmodelled_eur : array
        As in `Accounts`, by month.
    """

    bill_eur: FloatArray
    sale_eur: FloatArray
    premium_eur: FloatArray
    valorisation_eur: FloatArray
    unmodelled_eur: FloatArray


@dataclass(frozen=True, kw_only=True)
class Accounts:
    """What a period cost and earned.

    Parameters
    ----------
    times : array of int, shape (n_hours,)
        POSIX start of each hour [s].
    energy_withdrawn_kwh, energy_injected_kwh : array, shape (n_hours, n_pods) [kWh]
    settlement : Settlement
    bill : Bill
    members : MemberAccounts
        What each delivery point pays and earns, with the community and without.
    months : Months
    unmodelled_eur : float
        Bills, sale and sharing by the marginal rates a controller plans with, minus what is really due:
        excise exemption, fixed parts, minimum price; fees and excess are left out [EUR].
    """

    times: IntArray
    energy_withdrawn_kwh: FloatArray
    energy_injected_kwh: FloatArray
    settlement: Settlement
    bill: Bill
    members: MemberAccounts
    months: Months
    unmodelled_eur: float


class Gse(mosaik_api_v3.Simulator):
    """Steps once an hour, in its last step, when the meters hold the whole hour.

    Where a scheme shares by the quarter-hour, it steps with the meters and takes what their hour grew by.
    """

    meta_attrs = (
        "energy_withdrawn_hour_kwh",
        "energy_injected_hour_kwh",
        "price_zonal_eur_per_mwh",
        "price_pun_eur_per_mwh",
    )

    def __init__(self) -> None:
        models = {
            GROUP_MODEL: {
                "public": True,
                "params": [],
                "attrs": [*self.meta_attrs, "energy_shared_kwh"],
            }
        }
        super().__init__({"api_version": "3.0", "type": "time-based", "models": models})

    def init(
        self,
        sid: str,
        time_resolution: float = 1.0,
        *,
        grid: TimeGrid,
        period: TimeGrid,
        tariff: BillingTariff,
        sharing: PayingScheme,
        n_pods: int,
        registry: dict[str, Any] | None = None,
        clock: Clock | None = None,
    ) -> Any:
        """Take the rules; hours before ``period`` (the warm-up) are not counted."""
        if registry is not None:
            registry["gse"] = self
        self._grid, self._period = grid, period
        self._clock = clock or Clock(grid=grid)
        self._tariff, self._sharing = tariff, sharing
        by_quarter = sharing.configuration.settlement_step == "quarter"
        self._row_s = max(QUARTER_S, grid.step_s) if by_quarter else SECONDS_PER_HOUR
        n_rows = period.n_steps * grid.step_s // self._row_s
        self._n_settled = 0
        self._withdrawn = np.zeros((n_rows, n_pods))
        self._injected = np.zeros((n_rows, n_pods))
        self._zonal, self._pun = np.zeros(n_rows), np.zeros(n_rows)
        self._hour_so_far = np.zeros(n_pods), np.zeros(n_pods)
        self._energy_shared = read_only(np.zeros(1))
        return self.meta

    def create(self, num: int, model: str, **model_params: Any) -> list[Any]:
        """Create the one settlement."""
        return [{"eid": GROUP, "type": GROUP_MODEL}]

    def step(self, time: int, inputs: Mapping[str, Mapping[str, Mapping[str, Any]]], max_advance: int) -> int:
        """Settle the hour (or quarter) whose last step begins at ``time``."""
        now = self._grid.start + self._clock.step_at(time) * self._grid.step_s
        row_s = self._row_s
        last_step = row_s - self._grid.step_s
        if now % row_s != last_step:
            return time + (last_step - now) % row_s
        values = {attr: next(iter(sources.values())) for attr, sources in inputs[GROUP].items()}
        hour = values["energy_withdrawn_hour_kwh"], values["energy_injected_hour_kwh"]
        withdrawn, injected = hour
        if (now - last_step) % SECONDS_PER_HOUR:
            withdrawn, injected = withdrawn - self._hour_so_far[0], injected - self._hour_so_far[1]
        self._hour_so_far = hour
        self._energy_shared = read_only(np.array([min(float(withdrawn.sum()), float(injected.sum()))]))
        row = (now - self._period.start) // row_s
        if 0 <= row < len(self._zonal):
            self._withdrawn[row], self._injected[row] = withdrawn, injected
            self._zonal[row] = values["price_zonal_eur_per_mwh"]
            self._pun[row] = values["price_pun_eur_per_mwh"]
            self._n_settled = row + 1
        return time + row_s

    def get_data(self, outputs: Mapping[str, Sequence[str]]) -> dict[str, dict[str, Any]]:
        """Shared energy of the last hour (or quarter) that was settled."""
        return {eid: dict.fromkeys(attrs, self._energy_shared) for eid, attrs in outputs.items()}

    def count(
        self,
        withdrawn_kwh: FloatArray,
        injected_kwh: FloatArray,
        price_zonal_eur_per_mwh: FloatArray,
        price_pun_eur_per_mwh: FloatArray,
    ) -> None:
        """Count the first steps of the period, which an earlier run has metered, as if they had just passed.

        Parameters
        ----------
        withdrawn_kwh, injected_kwh : array, shape (n_steps, n_pods) [kWh]
            Whole hours.
        price_zonal_eur_per_mwh, price_pun_eur_per_mwh : array, shape (n_steps,) [EUR/MWh]
        """
        per_hour, per_row = (seconds // self._grid.step_s for seconds in (SECONDS_PER_HOUR, self._row_s))

        def rows(energy_kwh: FloatArray) -> FloatArray:
            # as the meters do: add up the hour, and take what it grew by
            hours = np.add.accumulate(energy_kwh.reshape(-1, per_hour, energy_kwh.shape[1]), axis=1)
            ends = hours[:, per_row - 1 :: per_row]
            grown = np.concatenate([ends[:, :1], ends[:, 1:] - ends[:, :-1]], axis=1)
            return grown.reshape(-1, energy_kwh.shape[1])

        n = len(withdrawn_kwh) // per_row
        self._withdrawn[:n], self._injected[:n] = rows(withdrawn_kwh), rows(injected_kwh)
        self._zonal[:n] = price_zonal_eur_per_mwh[per_row - 1 :: per_row]
        self._pun[:n] = price_pun_eur_per_mwh[per_row - 1 :: per_row]
        self._n_settled = n

    def accounts(self) -> Accounts:
        """Settle and bill the whole hours counted so far."""
        per_hour = SECONDS_PER_HOUR // self._row_s
        n = self._n_settled - self._n_settled % per_hour
        rows: IntArray = self._period.start + self._row_s * np.arange(n, dtype=np.int64)
        meters = self._withdrawn[:n], self._injected[:n], self._zonal[:n]
        # first and kept short: a settlement of a year and a thousand delivery points is 130 MB
        alone = seller(self._sharing.alone().settle(rows, *meters))
        settlement = self._sharing.settle(rows, *meters)
        times, withdrawn = sum_by_hour(rows, self._withdrawn[:n])
        injected = sum_by_hour(rows, self._injected[:n])[1]
        zonal, pun = self._zonal[:n:per_hour], self._pun[:n:per_hour]
        bill = self._tariff.bill(times, withdrawn, pun, SECONDS_PER_HOUR)
        zone = self._sharing.configuration.timezone
        planned, planned_hour = self._planned_eur(times, withdrawn, injected, zonal, pun)
        paid = (
            float(np.sum(bill.total_eur))
            - settlement.sale_total_eur
            - settlement.premium_total_eur
            - settlement.valorisation_total_eur
        )
        return Accounts(
            times=times,
            energy_withdrawn_kwh=withdrawn,
            energy_injected_kwh=injected,
            settlement=settlement,
            bill=bill,
            members=member_accounts(bill, settlement, alone, self._sharing.members),
            months=_by_month(bill, settlement, planned_hour, months_of(times, SECONDS_PER_HOUR, zone)),
            unmodelled_eur=planned - paid,
        )

    def _planned_eur(
        self,
        times: IntArray,
        withdrawn: FloatArray,
        injected: FloatArray,
        zonal: FloatArray,
        pun: FloatArray,
    ) -> tuple[float, FloatArray]:
        """Cost by the marginal rates that a controller plans with, in all and by hour [EUR]."""
        cost = 0.0
        by_hour: FloatArray = np.zeros(len(times))
        for first in range(0, len(times), HOURS_AT_ONCE):
            rows = slice(first, first + HOURS_AT_ONCE)
            buying = self._tariff.rates(times[rows], pun[rows]) * withdrawn[rows]
            selling = self._sharing.rates_sale(times[rows], zonal[rows]) * injected[rows]
            cost += float(np.sum(buying) - np.sum(selling))
            by_hour[rows] = buying.sum(axis=1) - selling.sum(axis=1)
        pools: dict[str, FloatArray] = {}
        for tranche in sorted(
            self._sharing.rates(times, zonal), key=lambda t: -float(np.mean(t.rate_eur_per_kwh))
        ):
            left = pools.setdefault(tranche.pool, withdrawn.sum(axis=1))
            shared = np.minimum(injected @ tranche.injecting, left)
            pools[tranche.pool] = left - shared
            cost -= float(tranche.rate_eur_per_kwh @ shared)
            by_hour -= tranche.rate_eur_per_kwh * shared
        return cost, by_hour


def _by_month(bill: Bill, settlement: Settlement, planned_hour_eur: FloatArray, months: Periods) -> Months:
    """Sums over the local months, the same ones as in the bill."""
    bills = bill.total_eur.sum(axis=1)
    sale = months.sums(settlement.sale_eur.sum(axis=1))
    year = months.label // 12
    last_of_year = np.flatnonzero(np.diff(year, append=year[-1:] + 1))
    sale[last_of_year] += settlement.sale_minimum_year_eur.sum(axis=1)
    premium = months.sums(settlement.premium_eur.sum(axis=1))
    valorisation = months.sums(settlement.valorisation_eur)
    return Months(
        bill_eur=bills,
        sale_eur=sale,
        premium_eur=premium,
        valorisation_eur=valorisation,
        unmodelled_eur=months.sums(planned_hour_eur) - (bills - sale - premium - valorisation),
    )
