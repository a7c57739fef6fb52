import numpy as np
import pytest

from recosim.components import DeviceKind, Devices
from recosim.simulators.dwellings import DwellingParameters
from recosim.simulators.exposure import ComfortCalendar, Exposure
from recosim.simulators.inputs import InputSeries
from recosim.simulators.physics.heat_pump import AirConditioner
from recosim.simulators.physics.internal_gains import heat_internal_kw
from recosim.simulators.physics.rc_parameters import network_1r1c
from recosim.simulators.physics.solar_gains import Envelope, heat_solar_kw
from recosim.simulators.physics.solar_gains import temp_solair_degc as solair
from recosim.timegrid import TimeGrid

FLATS, PODS, PLANES = 2, 3, 5
ENVELOPE = Envelope(
    aperture_m2=np.array([[0.0, 0.0, 2.0, 0.0, 0.0], [0.0, 1.0, 1.0, 0.0, 0.0]]),
    absorption_w_per_w_per_m2=np.full((FLATS, PLANES), 0.2),
    conductance_opaque_w_per_k=np.array([50.0, 80.0]),
    sky_loss_w=np.array([10.0, 0.0]),
)


def exposure(grid: TimeGrid, home: int = 1, awake: int = 1) -> tuple[Exposure, InputSeries]:
    n = grid.n_steps
    rng = np.random.default_rng(5)
    series = InputSeries(
        grid=grid,
        n_warmup=0,
        n_beyond=0,
        temp_outdoor_degc=rng.uniform(0, 30, n),
        wind_speed_m_per_s=np.ones(n),
        irradiance_global_w_per_m2=np.zeros(n),
        irradiance_facade_w_per_m2=rng.uniform(0, 900, (n, PLANES)),
        irradiance_module_w_per_m2=np.zeros((n, 0)),
        power_load_kw=rng.uniform(0, 1, (n, PODS)).astype(np.float32),
        occupants_home=np.full((n, FLATS), home, dtype=np.int8),
        occupants_awake=np.full((n, FLATS), awake, dtype=np.int8),
        price_zonal_eur_per_mwh=np.zeros(n),
        price_pun_eur_per_mwh=np.zeros(n),
    )
    flats = Devices(
        declaration=DeviceKind(kind="dwelling"),
        names=("a", "b"),
        node=np.array([2, 0], dtype=np.int64),
        parameters=DwellingParameters(
            network=network_1r1c(resistance_k_per_w=np.full(FLATS, 0.01), capacity_j_per_k=1e7),
            envelope=ENVELOPE,
            air_conditioner=AirConditioner(heat_nominal_kw=np.ones(FLATS), cooling_nominal_kw=np.ones(FLATS)),
            conductance_windows_open_w_per_k=np.zeros(FLATS),
            gain_from_load=np.array([1.0, 0.5]),
            shutter_factor=0.3,
        ),
    )
    return Exposure(series, flats, ComfortCalendar()), series


def year() -> TimeGrid:
    return TimeGrid.from_local_date("2025-01-01", 365)


def test_seasons_begin_and_end_at_local_midnight() -> None:
    made, series = exposure(year())
    local = series.grid.local
    for flags, first, last in (
        (made.heating_season, "11-15", "03-31"),
        (made.cooling_season, "06-01", "09-30"),
        (made.summer, "06-01", "09-30"),
    ):
        days = sorted({f"{day:%m-%d}" for day in local[flags]})
        every = {f"{day:%m-%d}" for day in local}
        wraps = first > last
        assert days == sorted(
            day for day in every if (day >= first or day <= last if wraps else first <= day <= last)
        )
        steps_by_day = np.unique(local[flags].normalize(), return_counts=True)[1]
        assert set(steps_by_day.tolist()) <= {92, 96, 100}, "whole days only"


def test_comfort_follows_local_hours() -> None:
    # 15 November and 14 July, in winter and summer time; at home and awake
    winter, _ = exposure(TimeGrid.from_local_date("2025-11-15", 1))
    lower = winter.comfort(slice(0, 96)).temp_min_degc[:, 0]
    hours = np.arange(96) / 4
    expected = np.where(((hours >= 6) & (hours < 9)) | ((hours >= 16) & (hours < 23)), 20.0, 18.0)
    np.testing.assert_array_equal(lower, expected)
    summer, _ = exposure(TimeGrid.from_local_date("2025-07-14", 1))
    upper = summer.comfort(slice(0, 96)).temp_max_degc[:, 1]
    np.testing.assert_array_equal(upper, np.where(hours >= 13, 26.0, 27.0))


@pytest.mark.parametrize(("date", "n_steps"), [("2025-03-30", 92), ("2026-03-29", 92)])
def test_comfort_follows_the_clock_on_the_day_of_the_change(date: str, n_steps: int) -> None:
    grid = TimeGrid.from_local_date(date, 1)
    made, _ = exposure(grid)
    lower = made.comfort(slice(0, n_steps)).temp_min_degc[:, 0]
    due = lower == 20.0
    assert grid.n_steps == n_steps
    assert grid.local[due][0].hour == 6
    assert due.sum() == 4 * (3 + 7), "the hour that is missing is one of the night"


def test_nobody_home_is_no_discomfort() -> None:
    made, _ = exposure(TimeGrid.from_local_date("2025-01-15", 1), home=0, awake=0)
    rows = made.comfort(slice(10, 20))
    assert rows.temp_min_degc.shape == (10, FLATS)
    assert (rows.temp_min_degc == 16.0).all()
    assert not rows.occupied.any()


def test_between_seasons_there_is_no_band() -> None:
    made, _ = exposure(TimeGrid.from_local_date("2025-04-15", 1))
    rows = made.comfort(slice(0, 96))
    assert np.isneginf(rows.temp_min_degc).all()
    assert np.isposinf(rows.temp_max_degc).all()


@pytest.mark.parametrize("date", ["2025-01-15", "2025-07-15"])
def test_any_range_of_rows_equals_the_functions_row_by_row(date: str) -> None:
    made, series = exposure(TimeGrid.from_local_date(date, 1), home=3, awake=2)
    rows = slice(30, 40)
    for offset, step in enumerate(range(30, 40)):
        sun = series.irradiance_facade_w_per_m2[step]
        load = series.power_load_kw[step, [2, 0]].astype(float)
        internal = heat_internal_kw(load, 3, 2, np.array([1.0, 0.5]))
        closed = (sun > 300.0) & bool(made.summer[step])
        np.testing.assert_allclose(made.heat_internal_kw(rows)[offset], internal, rtol=1e-6)
        np.testing.assert_allclose(
            made.heat_solar_kw(rows)[offset], heat_solar_kw(ENVELOPE, sun, closed, 0.3)
        )
        np.testing.assert_allclose(
            made.temp_solair_degc(rows)[offset], solair(ENVELOPE, sun, series.temp_outdoor_degc[step])
        )


def test_shutters_are_for_the_summer() -> None:
    one = slice(0, 96)
    summer, series = exposure(TimeGrid.from_local_date("2025-07-15", 1))
    winter, same = exposure(TimeGrid.from_local_date("2025-01-15", 1))
    np.testing.assert_array_equal(series.irradiance_facade_w_per_m2, same.irradiance_facade_w_per_m2)
    assert (summer.heat_solar_kw(one) <= winter.heat_solar_kw(one)).all()
    assert summer.heat_solar_kw(one).sum() < 0.7 * winter.heat_solar_kw(one).sum()
