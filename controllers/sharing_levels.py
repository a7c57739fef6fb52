"""What a community is paid for shared energy, as a sum over net exchanges: what sharing by prices needs.

Of tranches that compete for the same withdrawals W the best paid counts first, so with rates r_1 >= r_2 >= ..
and injections I_1, I_2, .. an hour earns

    sum over k of (r_k - r_k+1) min(W, A_k),      A_k = I_1 + .. + I_k.

Since min(W, A) = A - max(A - W, 0), every level k pays its rate for all that is injected, and takes it back
for what the community injects beyond what it withdraws. The only sum over apartments that anybody must know
is the net exchange A_k - W. Where one rate holds for all plants, as in most communities, there is one level.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from recosim.arrays import FloatArray
from recosim.contracts import SharedTranche


@dataclass(frozen=True, kw_only=True)
class SharedLevels:
    """Levels of payment over the hours of a horizon.

    Parameters
    ----------
    rate_eur_per_kwh : array, shape (n_levels, n_hours), not negative [EUR/kWh]
    counted : array, shape (n_levels, n_hours, n_pods)
        1 where what a delivery point injects counts in the level.
    injected_kwh : array, shape (n_levels, n_hours)
        Counted injection that no controller changes, metered or expected [kWh].
    withdrawn_kwh : array, shape (n_hours,)
        Withdrawal that no controller changes [kWh].
    """

    rate_eur_per_kwh: FloatArray
    counted: FloatArray
    injected_kwh: FloatArray
    withdrawn_kwh: FloatArray

    @property
    def known_kwh(self) -> FloatArray:
        """Net exchange that no controller changes, shape (n_levels, n_hours) [kWh]."""
        return self.injected_kwh - self.withdrawn_kwh

    def taken_back_eur(self, exchange_kwh: FloatArray) -> float:
        """Price of what is injected beyond what is withdrawn, less what the known injection earns.

        Parameters
        ----------
        exchange_kwh : array, shape (n_levels, n_hours)
            Net exchange of the whole community [kWh].
        """
        lost = self.rate_eur_per_kwh * np.maximum(exchange_kwh, 0.0)
        return float(np.sum(lost - self.rate_eur_per_kwh * self.injected_kwh))


def shared_levels(tranches: tuple[SharedTranche, ...], given: Mapping[str, FloatArray]) -> SharedLevels:
    """Levels of the tranches of all pools.

    Parameters
    ----------
    tranches : tuple of SharedTranche
    given : mapping
        What `SharingBlock.give` says of them: ``rate`` and ``injected_kwh``, shape (n_tranches, n_hours), and
        ``withdrawn_kwh``, shape (n_hours,).
    """
    withdrawn = given["withdrawn_kwh"]
    n_pods = len(tranches[0].injecting) if tranches else 0
    rates, counted = [np.zeros((0, len(withdrawn)))], [np.zeros((0, len(withdrawn), n_pods))]
    injected = [np.zeros((0, len(withdrawn)))]
    for pool in dict.fromkeys(tranche.pool for tranche in tranches):
        rows = [j for j, tranche in enumerate(tranches) if tranche.pool == pool]
        paid = np.maximum(given["rate"][rows], 0.0)
        best_first = np.argsort(-paid, axis=0, kind="stable")
        paid = np.take_along_axis(paid, best_first, axis=0)
        injecting = np.stack([tranches[j].injecting for j in rows]).astype(np.float64)
        known = np.take_along_axis(given["injected_kwh"][rows], best_first, axis=0)
        rates.append(paid - np.append(paid[1:], np.zeros((1, len(withdrawn))), axis=0))
        counted.append(np.cumsum(injecting[best_first], axis=0))
        injected.append(np.cumsum(known, axis=0))
    return SharedLevels(
        rate_eur_per_kwh=np.concatenate(rates),
        counted=np.concatenate(counted),
        injected_kwh=np.concatenate(injected),
        withdrawn_kwh=withdrawn,
    )
