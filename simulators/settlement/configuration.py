"""Who shares, with which plants, under which rules."""

from dataclasses import dataclass, field

import numpy as np

from recosim.arrays import BoolArray, FloatArray, IntArray
from recosim.simulators.settlement.allocation import Allocation
from recosim.simulators.settlement.calendar import ROME
from recosim.simulators.settlement.checks import SettlementError, one_of, plant_grant, plant_power
from recosim.simulators.settlement.premium import EXCESS_VARIANTS, area_of_region
from recosim.simulators.settlement.regulated import VOLTAGES
from recosim.simulators.settlement.sharing import ATTRIBUTIONS, INCENTIVE_BASES
from recosim.simulators.settlement.valorisation import CONFIGURATIONS

REGIMES = ("cacer", "transitional")
SETTLEMENT_STEPS = ("hour", "quarter")
COMPANY = "company"
MEMBER_KINDS = (
    "natural_person",
    COMPANY,
    "local_authority",
    "third_sector",
    "religious",
    "environmental",
)


@dataclass(frozen=True, kw_only=True)
class Fees:
    """Which yearly fees are charged, by days in shorter runs.

    Parameters
    ----------
    gse : bool
        For the premium.
    rid : bool
        For dedicated withdrawal.
    """

    gse: bool = True
    rid: bool = True


@dataclass(frozen=True, kw_only=True)
class Plants:
    """Plants of a configuration, arrays over the plants; scalars broadcast.

    Several plants may stand behind one delivery point. Its meter cannot tell them apart, so they share what
    it counts by their power; that is refused where some of them may earn the premium and others not (see
    :mod:`recosim.simulators.settlement.scheme`), and where their voltages differ.

    Parameters
    ----------
    pod : array of int, shape (n_plants,)
        Delivery point behind which each plant stands.
    power_kw : array [kW]
    photovoltaic : array of bool
    commissioned : array of int
        Day of commissioning, as of ``date.toordinal``.
    grant_percent : array [%]
        Part of the investment that a public grant paid.
    voltage : tuple of {"LV", "MV", "HV"}
        One for each plant.
    names : tuple of str, optional
        For messages.

    Raises
    ------
    SettlementError
        A plant above 1 MW, a grant above 40 %, an unknown voltage, or arrays that do not fit.
    """

    pod: IntArray
    power_kw: FloatArray
    photovoltaic: BoolArray
    commissioned: IntArray
    grant_percent: FloatArray
    voltage: tuple[str, ...]
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        pod = np.atleast_1d(np.asarray(self.pod, dtype=np.int64))
        names = self.names or tuple(f"plant[{i}]" for i in range(pod.size))
        for what, given in (("voltage", self.voltage), ("names", names)):
            if len(given) != pod.size:
                raise SettlementError(f"plants.{what} has {len(given)} values, allowed: {pod.size}")
        put = object.__setattr__  # the dataclass is frozen for everybody else
        put(self, "pod", pod)
        put(self, "names", names)
        for what, kind in (
            ("power_kw", np.float64),
            ("photovoltaic", np.bool_),
            ("commissioned", np.int64),
            ("grant_percent", np.float64),
        ):
            try:
                put(self, what, np.broadcast_to(np.asarray(getattr(self, what), dtype=kind), pod.shape))
            except ValueError as error:
                raise SettlementError(f"plants.{what}: {error}; allowed: {pod.size} values or one") from error
        plant_power(self.power_kw, names)
        plant_grant(self.grant_percent, names)
        for level in self.voltage:
            one_of(level, VOLTAGES, "plants.voltage")
        for first, other in _pairs_at_one_pod(pod):
            if self.voltage[first] != self.voltage[other]:
                raise SettlementError(
                    f"plants {names[first]!r} and {names[other]!r} stand behind one delivery point at "
                    f"voltages {self.voltage[first]} and {self.voltage[other]}; give them delivery points "
                    "of their own"
                )

    def __len__(self) -> int:
        return int(self.pod.size)


@dataclass(frozen=True, kw_only=True)
class Members:
    """Delivery points whose holders have a part in the money.

    The energy of all delivery points of a run counts; members are those who are paid.

    Parameters
    ----------
    pod : array of int, shape (n_members,)
        Each delivery point at most once.
    kind : tuple of str
        One of :data:`MEMBER_KINDS` for each; all but companies are exempt from the reduction that a grant
        brings.

    Raises
    ------
    SettlementError
        An unknown kind, or a delivery point named twice.
    """

    pod: IntArray
    kind: tuple[str, ...]

    def __post_init__(self) -> None:
        pod = np.atleast_1d(np.asarray(self.pod, dtype=np.int64))
        object.__setattr__(self, "pod", pod)
        if len(self.kind) != pod.size:
            raise SettlementError(f"members.kind has {len(self.kind)} values, allowed: {pod.size}")
        for kind in self.kind:
            one_of(kind, MEMBER_KINDS, "members.kind")
        if np.unique(pod).size != pod.size:
            raise SettlementError(f"members.pod = {pod.tolist()}: each delivery point at most once")

    def __len__(self) -> int:
        return int(self.pod.size)

    @property
    def exempt(self) -> BoolArray:
        """Whether withdrawals escape the reduction for grants, shape (n_members,)."""
        return np.array([kind != COMPANY for kind in self.kind], dtype=np.bool_)


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """Rules under which a community is settled.

    Parameters
    ----------
    configuration : {"CER", "GAC", "AID", "NONE"}
        Community, group in one building, individual at a distance, none.
    regime : {"cacer", "transitional"}
    region : str
        Such as ``Campania``; decides the area of the photovoltaic correction.
    tariff_year : int
        Year of the regulated figures.
    attribution : {"seniority", "pro_rata"}
    settlement_step : {"hour", "quarter"}
        The rule is hourly; quarters are for comparison.
    incentive_basis : {"eligible_only", "attributed"}
    excess_variant : {"points", "ratio"}
    valorisation : bool
        False for studies that count the premium alone.
    fees : Fees
    minimum_price : bool
        Whether plants that may have the guaranteed minimum price have it.
    allocation : Allocation
    timezone : str

    Raises
    ------
    SettlementError
        An option is unknown, or the transitional regime does not know the configuration.
    """

    configuration: str
    region: str
    tariff_year: int
    regime: str = "cacer"
    attribution: str = "seniority"
    settlement_step: str = "hour"
    incentive_basis: str = "eligible_only"
    excess_variant: str = "points"
    valorisation: bool = True
    fees: Fees = field(default_factory=Fees)
    minimum_price: bool = False
    allocation: Allocation = field(default_factory=Allocation)
    timezone: str = ROME

    def __post_init__(self) -> None:
        one_of(self.configuration, CONFIGURATIONS, "configuration")
        one_of(self.regime, REGIMES, "regime")
        one_of(self.attribution, ATTRIBUTIONS, "attribution")
        one_of(self.settlement_step, SETTLEMENT_STEPS, "settlement_step")
        one_of(self.incentive_basis, INCENTIVE_BASES, "incentive_basis")
        one_of(self.excess_variant, EXCESS_VARIANTS, "excess_variant")
        if self.regime == "transitional":
            one_of(self.configuration, ("CER", "GAC", "NONE"), "configuration (transitional regime)")
        area_of_region(self.region)


def _pairs_at_one_pod(pod: IntArray) -> list[tuple[int, int]]:
    """Each plant with the first one behind the same delivery point, where that is another."""
    first = {int(p): i for i, p in reversed(list(enumerate(pod)))}
    return [(first[int(p)], i) for i, p in enumerate(pod) if first[int(p)] != i]
