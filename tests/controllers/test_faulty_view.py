"""What faults leave of readings, set-points and forecasts."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from recosim.contracts import Observation
from recosim.controllers.faulty_view import FaultyView, InterruptedForecasts, rows_of_old
from recosim.controllers.forecasts import DERIVED
from recosim.simulators.faults import Drift, Faults, Outage

SCENE = ("naples", "2025-07-14", "community.size=4")  # batteries in flat-03 and flat-04
MIDNIGHT = 1_752_444_000


@pytest.fixture
def look(scene: Callable[..., Any]) -> Callable[..., tuple[FaultyView, list[Observation]]]:
    """``look(faults, n_steps)``: states that rise by one a step, meters that count 0.1 kWh a step."""
    community = scene(*SCENE).plant.community

    def looking(faults: Faults, n_steps: int, view: FaultyView | None = None, first: int = 0) -> Any:
        view = view or FaultyView(faults, community)
        seen = []
        for step in range(first, n_steps):
            hourly = np.full(len(community.pods), 0.1 * (step % 4))
            observation = Observation(
                time=MIDNIGHT + 900 * step,
                step=step,
                states={name: np.full(len(d), 20.0 + step) for name, d in community.states.items()},
                energy_withdrawn_hour_kwh=hourly,
                energy_injected_hour_kwh=2.0 * hourly,
            )
            seen.append(view.seen(step, observation))
        return view, seen

    return looking


def test_a_silent_meter_is_replaced_by_its_last_mean_power(look: Any) -> None:
    _, seen = look(Faults(meters=(Outage(first=6, end=9, index=2),)), 11)
    # 0.1 kWh a step until step 5, a quarter past one; then 0.4 kW go on, from zero at each hour
    assert [o.energy_withdrawn_hour_kwh[2] for o in seen[5:10]] == pytest.approx([0.1, 0.2, 0.3, 0.0, 0.1])
    assert [o.energy_injected_hour_kwh[2] for o in seen[5:9]] == pytest.approx([0.2, 0.4, 0.6, 0.0])
    assert [sorted(o.missing) for o in seen[5:10]] == [
        [],
        *3 * [["energy_injected_hour_kwh", "energy_withdrawn_hour_kwh"]],
        [],
    ]
    assert seen[6].missing["energy_injected_hour_kwh"].tolist() == [False, False, True, False, False]
    assert all(seen[7].states[name][0] == 27.0 for name in seen[7].states)


def test_a_silent_meter_repeats_the_day_before(look: Any) -> None:
    view, seen = look(Faults(meters=(Outage(first=97, end=300, index=0),)), 96)
    for step in (97, 193):  # one day and two days after a quarter past midnight
        later = replace(seen[1], time=MIDNIGHT + 900 * step, energy_withdrawn_hour_kwh=np.full(5, 9.0))
        assert view.seen(step, later).energy_withdrawn_hour_kwh == pytest.approx([0.1, 9.0, 9.0, 9.0, 9.0])


def test_what_a_silent_meter_counts_is_not_seen(look: Any) -> None:
    faults = Faults(meters=(Outage(first=2, end=4, index=0),))
    view, seen = look(faults, 2)
    jump = replace(seen[1], time=MIDNIGHT + 3 * 900, energy_withdrawn_hour_kwh=np.full(5, 9.0))
    assert view.seen(3, jump).energy_withdrawn_hour_kwh == pytest.approx([0.3, 9.0, 9.0, 9.0, 9.0])
    # one that was never read is taken for idle
    new, _ = look(faults, 0)
    assert new.seen(3, jump).energy_withdrawn_hour_kwh.tolist() == [0.0, 9.0, 9.0, 9.0, 9.0]


def test_behind_a_broken_link_readings_stay_and_set_points_do_not_arrive(look: Any) -> None:
    view, seen = look(Faults(links=(Outage(first=3, end=5, index=3),)), 7)
    assert [o["temp_indoor_degc"][3] for o in seen] == [20.0, 21.0, 22.0, 22.0, 22.0, 25.0, 26.0]
    assert [o["energy_battery_kwh"].tolist() for o in seen[3:6]] == [[23.0, 22.0], [24.0, 22.0], [25.0, 25.0]]
    assert seen[4].missing["energy_battery_kwh"].tolist() == [False, True]
    assert seen[4].missing["energy_withdrawn_hour_kwh"].tolist() == [False, False, False, True, False]
    assert seen[5].missing == {}
    asked = {"power_charge_kw": np.array([1.0, 2.0]), "temp_cooling_degc": np.full(4, 25.0)}
    arriving = view.arriving(4, asked)
    assert np.array_equal(arriving["power_charge_kw"], [1.0, np.nan], equal_nan=True)
    assert np.array_equal(arriving["temp_cooling_degc"], [25.0, 25.0, 25.0, np.nan], equal_nan=True)
    assert view.arriving(5, asked)["power_charge_kw"].tolist() == [1.0, 2.0]


def test_what_was_never_read_is_what_there_was_at_the_beginning(look: Any) -> None:
    _, seen = look(Faults(links=(Outage(first=0, end=2, index=0),)), 3)
    assert [o["temp_indoor_degc"][0] for o in seen] == [20.0, 20.0, 22.0]
    assert seen[0].missing["temp_indoor_degc"].tolist() == [True, False, False, False]


def test_a_sensor_errs_more_and_more_and_stops_at_the_end_of_its_range(look: Any) -> None:
    states = ("temp_indoor_degc", "temp_mass_degc")
    drift = Drift(first=2, end=6, index=1, states=states, offset_k=0.5, drift_k_per_day=96.0)
    _, seen = look(Faults(drifts=(drift,)), 7)
    errors = [o["temp_indoor_degc"][1] - o["temp_indoor_degc"][0] for o in seen]
    assert errors == pytest.approx([0.0, 0.0, 0.5, 1.5, 2.5, 3.5, 0.0])
    assert [o["temp_mass_degc"][1] - o["temp_mass_degc"][0] for o in seen] == pytest.approx(errors)
    assert all(o.missing == {} for o in seen)
    cold = replace(drift, offset_k=-100.0)
    assert look(Faults(drifts=(cold,)), 3)[1][2]["temp_indoor_degc"][1] == -40.0


def test_what_is_seen_is_sealed(look: Any) -> None:
    _, seen = look(Faults(links=(Outage(first=0, end=2, index=0),)), 1)
    with pytest.raises(ValueError, match="read-only"):
        seen[0].missing["temp_indoor_degc"][0] = False
    with pytest.raises(ValueError, match="read-only"):
        seen[0]["temp_indoor_degc"][0] = 1.0


def test_it_goes_on_from_its_state(look: Any) -> None:
    faults = Faults(links=(Outage(first=3, end=9, index=3),), meters=(Outage(first=4, end=9, index=0),))
    _, whole = look(faults, 9)
    begun, _ = look(faults, 6)
    other, _ = look(faults, 0)
    other.set_state(begun.get_state())
    _, rest = look(faults, 9, view=other, first=6)
    for one, same in zip(whole[6:], rest, strict=True):
        assert all(np.array_equal(one[name], same[name]) for name in one.states)
        assert np.array_equal(one.energy_withdrawn_hour_kwh, same.energy_withdrawn_hour_kwh)


def test_rows_of_an_old_forecast() -> None:
    assert rows_of_old(0, 5, 4).tolist() == [0, 1, 2, 3, 4]
    assert rows_of_old(1, 6, 4).tolist() == [1, 2, 3, 4, 5, 2]
    assert rows_of_old(11, 6, 4).tolist() == [3, 4, 5, 2, 3, 4]  # the same times of day


@pytest.mark.parametrize("kind", ["perfect", "medium"])
def test_the_last_forecast_goes_on(scene: Callable[..., Any], kind: str) -> None:
    here = scene(*SCENE).expecting(kind)
    given = here.forecasts
    broken = InterruptedForecasts(given, (Outage(first=40, end=90),))
    last = given.at(39)
    for step in (39, 40, 50, 89, 90):
        known, shown = given.at(step), broken.at(step)
        ours = step in (40, 50, 89)
        rows = np.arange(last.grid.n_steps - (step - 39))
        for name in DERIVED:
            expected = getattr(last, name)[rows + step - 39] if ours else getattr(known, name)[rows]
            assert np.array_equal(getattr(shown, name)[rows], expected), (step, name)
        assert shown.grid == known.grid
        assert np.array_equal(shown.price_buy_eur_per_kwh, known.price_buy_eur_per_kwh)
        assert np.array_equal(shown.temp_comfort_max_degc, known.temp_comfort_max_degc)
    repeated = broken.at(50).power_pv_kw
    assert np.array_equal(repeated[89:96], last.power_pv_kw[4:11])


def test_without_forecasts_from_the_beginning_there_is_that_of_the_first_step(
    scene: Callable[..., Any],
) -> None:
    given = scene(*SCENE).forecasts
    broken = InterruptedForecasts(given, (Outage(first=0, end=9),))
    assert np.array_equal(broken.at(0).power_pv_kw, given.at(0).power_pv_kw)
    assert np.array_equal(broken.at(8).power_pv_kw[:50], given.at(0).power_pv_kw[8:58])
