from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recosim.arrays import FloatArray
from recosim.simulators.group import GROUP, GROUP_MODEL
from recosim.simulators.gse import Accounts, Gse
from recosim.simulators.settlement.configuration import Configuration, Fees, Members, Plants
from recosim.simulators.settlement.scheme import Cacer, NoSharing, make_scheme
from recosim.simulators.settlement.tariffs import Tariff, all_in_tariff, household_tariff
from recosim.timegrid import TimeGrid

PERIOD = TimeGrid.from_local_date("2025-06-02", 1)
WARMUP = 8  # steps
WORLD = PERIOD.part(-WARMUP, PERIOD.n_steps + WARMUP)
N_PODS = 2
PRICE_EUR_PER_MWH, PUN_EUR_PER_MWH, ALL_IN_EUR_PER_KWH = 100.0, 120.0, 0.30


def scheme(**options: Any) -> Any:
    given: dict[str, Any] = {
        "configuration": "GAC",
        "region": "Campania",
        "tariff_year": 2025,
        "fees": Fees(gse=False, rid=False),
    }
    plants = Plants(
        pod=np.array([1]),
        power_kw=np.array([20.0]),
        photovoltaic=np.array([True]),
        commissioned=np.array([date(2024, 6, 1).toordinal()]),
        grant_percent=np.array([0.0]),
        voltage=("LV",),
    )
    members = Members(pod=np.arange(N_PODS), kind=("natural_person",) * N_PODS)
    return make_scheme(Configuration(**(given | options)), plants, members, N_PODS)


def energies(seed: int = 0) -> tuple[FloatArray, FloatArray]:
    """Quarter by quarter over the world's grid: pod 0 withdraws, pod 1 injects."""
    rng = np.random.default_rng(seed)
    flows = rng.uniform(0.0, 1.0, (2, WORLD.n_steps))
    return np.stack([flows[0], np.zeros_like(flows[0])], 1), np.stack([np.zeros_like(flows[1]), flows[1]], 1)


def run(
    sharing: Any, withdrawn: FloatArray, injected: FloatArray, n_steps: int = WORLD.n_steps
) -> tuple[Gse, list[int]]:
    """Hand over the hour's counters as the meters do, at the times the simulator asks for."""
    gse = Gse()
    gse.init(
        "gse-0",
        grid=WORLD,
        period=PERIOD,
        tariff=Tariff([all_in_tariff(ALL_IN_EUR_PER_KWH)] * N_PODS, np.full(N_PODS, 3.0), WORLD.timezone),
        sharing=sharing,
        n_pods=N_PODS,
    )
    gse.create(1, GROUP_MODEL)
    asked, time = [], 0
    while time < n_steps * WORLD.step_s:
        step = time // WORLD.step_s
        first = step - step % 4
        inputs = {
            "energy_withdrawn_hour_kwh": withdrawn[first : step + 1].sum(axis=0),
            "energy_injected_hour_kwh": injected[first : step + 1].sum(axis=0),
            "price_zonal_eur_per_mwh": PRICE_EUR_PER_MWH,
            "price_pun_eur_per_mwh": PUN_EUR_PER_MWH,
        }
        asked.append(step)
        time = gse.step(time, {GROUP: {name: {"x": value} for name, value in inputs.items()}}, 0)
    return gse, asked


def test_what_the_controller_does_not_see_by_month() -> None:
    """Fixed parts and the excise exemption, month by month; the rest is planned with as it is paid."""
    period = TimeGrid.from_local_date(
        "2025-03-29", 4, 3600
    )  # two days of March, one of 23 hours, two of April
    rng = np.random.default_rng(3)
    withdrawn, injected = rng.uniform(0.0, 0.5, (2, period.n_steps, N_PODS)) * [[[1, 1]], [[0, 1]]]
    tariff = Tariff([household_tariff(2025)] * N_PODS, np.full(N_PODS, 3.0), period.timezone)
    gse = Gse()
    gse.init("gse-0", grid=period, period=period, tariff=tariff, sharing=scheme(), n_pods=N_PODS)
    for row in range(period.n_steps):
        inputs = {
            "energy_withdrawn_hour_kwh": withdrawn[row],
            "energy_injected_hour_kwh": injected[row],
            "price_zonal_eur_per_mwh": PRICE_EUR_PER_MWH,
            "price_pun_eur_per_mwh": PUN_EUR_PER_MWH,
        }
        gse.step(row * 3600, {GROUP: {name: {"x": value} for name, value in inputs.items()}}, 0)
    accounts = gse.accounts()
    first = slice(0, 71)
    by_month = []
    for rows, month in ((first, 3 / 31), (slice(71, None), 1 / 30)):
        fixed = N_PODS * month * (120.0 + 20.46 + 12 * 1.71 * 3.0) / 12
        exempt = 0.0227 * float(np.minimum(withdrawn[rows].sum(axis=0), 150.0 * month).sum())
        by_month.append(1.1 * (exempt - fixed))
    assert accounts.months.unmodelled_eur == pytest.approx(by_month, abs=1e-9)
    assert accounts.unmodelled_eur == pytest.approx(sum(by_month), abs=1e-9)
    assert accounts.months.sale_eur.sum() == pytest.approx(accounts.settlement.sale_total_eur)
    assert accounts.months.premium_eur[0] == pytest.approx(accounts.settlement.premium_eur[first].sum())
    assert accounts.months.bill_eur == pytest.approx(accounts.bill.total_eur.sum(axis=1))


def test_the_minimum_price_is_in_the_last_month_of_its_year() -> None:
    """A yearly rule that no controller plans with; at 100 EUR/MWh it adds nothing, at 10 it does."""
    period = TimeGrid.from_local_date("2024-12-31", 2, 3600)
    gse = Gse()
    tariff = Tariff([all_in_tariff(0.3)] * N_PODS, np.full(N_PODS, 3.0), period.timezone)
    sharing = scheme(minimum_price=True)
    gse.init("gse-0", grid=period, period=period, tariff=tariff, sharing=sharing, n_pods=N_PODS)
    for row in range(period.n_steps):
        inputs = {
            "energy_withdrawn_hour_kwh": np.zeros(N_PODS),
            "energy_injected_hour_kwh": np.array([0.0, 1.0]),
            "price_zonal_eur_per_mwh": 10.0 if row < 24 else 100.0,
            "price_pun_eur_per_mwh": PUN_EUR_PER_MWH,
        }
        gse.step(row * 3600, {GROUP: {name: {"x": value} for name, value in inputs.items()}}, 0)
    accounts = gse.accounts()
    assert accounts.months.sale_eur == pytest.approx([24 * 0.0468, 24 * 0.1052])
    assert accounts.months.unmodelled_eur == pytest.approx([24 * (0.0468 - 0.01052), 0.0])
    assert accounts.members.sale_eur == pytest.approx([0.0, 24 * (0.0468 + 0.1052)])


def by_hour(energy: FloatArray) -> FloatArray:
    return np.asarray(energy[WARMUP:].reshape(-1, 4, N_PODS).sum(axis=1))


def test_steps_in_the_last_quarter_of_each_hour() -> None:
    _, asked = run(scheme(), *energies(), n_steps=16)
    assert asked == [0, 3, 7, 11, 15], "once at the start, as mosaik does, then hourly"


def test_period_is_counted_and_warmup_is_not() -> None:
    withdrawn, injected = energies()
    accounts = run(scheme(), withdrawn, injected)[0].accounts()
    assert accounts.times.tolist() == PERIOD.times[::4].tolist()
    np.testing.assert_allclose(accounts.energy_withdrawn_kwh, by_hour(withdrawn))
    np.testing.assert_allclose(accounts.energy_injected_kwh, by_hour(injected))


@pytest.mark.parametrize("kind", ["GAC", "NONE"])
def test_accounts_are_those_of_the_scheme_and_the_tariff(kind: str) -> None:
    sharing = scheme(configuration=kind)
    assert isinstance(sharing, NoSharing if kind == "NONE" else Cacer)
    withdrawn, injected = energies()
    accounts = run(sharing, withdrawn, injected)[0].accounts()
    expected = sharing.settle(
        PERIOD.times[::4], by_hour(withdrawn), by_hour(injected), np.full(24, PRICE_EUR_PER_MWH)
    )
    assert accounts.settlement.net_eur == pytest.approx(expected.net_eur)
    shared = 0.0 if kind == "NONE" else np.minimum(by_hour(withdrawn)[:, 0], by_hour(injected)[:, 1]).sum()
    assert accounts.settlement.energy_shared_total_kwh == pytest.approx(shared)
    assert accounts.bill.total_eur.sum() == pytest.approx(ALL_IN_EUR_PER_KWH * withdrawn[WARMUP:].sum())


@pytest.mark.parametrize("options", [{}, {"configuration": "NONE"}, {"regime": "transitional"}])
def test_what_is_planned_with_is_what_is_paid_where_nothing_is_left_out(options: dict[str, Any]) -> None:
    assert run(scheme(**options), *energies())[0].accounts().unmodelled_eur == pytest.approx(0.0, abs=1e-9)


@settings(max_examples=20, deadline=None)
@given(
    first=st.integers(0, 2**32 - 1), second=st.integers(0, 2**32 - 1), kind=st.sampled_from(["CER", "NONE"])
)
def test_bills_are_computed_on_withdrawals_only(first: int, second: int, kind: str) -> None:
    withdrawn, injected = energies(first)
    other, otherwise = energies(second)
    sharing = scheme(configuration=kind)
    bill = run(sharing, withdrawn, injected)[0].accounts().bill
    again = run(sharing, withdrawn, otherwise)[0].accounts()
    np.testing.assert_array_equal(again.bill.total_eur, bill.total_eur)
    np.testing.assert_array_equal(again.members.bill_eur, bill.by_pod_eur)
    paid = ALL_IN_EUR_PER_KWH * by_hour(withdrawn).sum(axis=0)
    np.testing.assert_allclose(bill.by_pod_eur, paid)
    assert (
        first == second
        or (run(sharing, other, injected)[0].accounts().bill.by_pod_eur != bill.by_pod_eur).any()
    )


def test_by_quarter_less_is_shared() -> None:
    withdrawn, injected = energies()
    gse, asked = run(scheme(settlement_step="quarter"), withdrawn, injected)
    assert asked == list(range(WORLD.n_steps))
    accounts = gse.accounts()
    shared = np.minimum(withdrawn[WARMUP:, 0], injected[WARMUP:, 1])
    np.testing.assert_allclose(accounts.settlement.energy_shared_kwh, shared.reshape(-1, 4).sum(axis=1))
    np.testing.assert_allclose(accounts.energy_withdrawn_kwh, by_hour(withdrawn))
    hourly: Accounts = run(scheme(), withdrawn, injected)[0].accounts()
    assert accounts.settlement.energy_shared_total_kwh < hourly.settlement.energy_shared_total_kwh
    assert accounts.bill.total_eur.sum() == pytest.approx(float(hourly.bill.total_eur.sum()))
    assert accounts.settlement.sale_total_eur == pytest.approx(hourly.settlement.sale_total_eur)


@pytest.mark.parametrize(("step", "n_hours"), [("hour", 3), ("quarter", 3)])
def test_accounts_of_an_interrupted_run_hold_its_whole_hours(step: str, n_hours: int) -> None:
    withdrawn, injected = energies()
    accounts = run(scheme(settlement_step=step), withdrawn, injected, WARMUP + 4 * n_hours + 2)[0].accounts()
    np.testing.assert_allclose(accounts.energy_withdrawn_kwh, by_hour(withdrawn)[:n_hours])
    assert accounts.settlement.energy_shared_kwh.shape == (n_hours,)


def test_shared_energy_is_handed_out() -> None:
    withdrawn, injected = energies()
    gse, _ = run(scheme(), withdrawn, injected, n_steps=4)
    shared = gse.get_data({GROUP: ["energy_shared_kwh"]})[GROUP]["energy_shared_kwh"]
    assert shared.tolist() == pytest.approx([min(withdrawn[:4].sum(), injected[:4].sum())])
    assert not shared.flags.writeable
