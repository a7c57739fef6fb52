"""Results do not depend on the step where they should not: 5, 15, 30 and 60 minutes."""

import numpy as np
import pytest

from recosim.components import Devices
from recosim.scenarios.facades import irradiance_on
from recosim.scenarios.validation.bestest_building import denver_weather
from recosim.simulators.batteries import Batteries
from recosim.simulators.dwellings import DwellingParameters, Dwellings
from recosim.simulators.exposure import ComfortCalendar, Exposure
from recosim.simulators.group import GROUP, GROUP_MODEL
from recosim.simulators.inputs import InputSeries
from recosim.simulators.physics.battery import Battery
from recosim.simulators.physics.heat_pump import AirConditioner
from recosim.simulators.physics.photovoltaics import Plane
from recosim.simulators.physics.rc_parameters import network_from_iso13790
from recosim.simulators.physics.solar_gains import Envelope
from recosim.timegrid import TimeGrid

STEPS_S = (300, 900, 1800, 3600)
HOURS = 12
OUTDOOR_DEGC, IRRADIANCE_W_PER_M2, LOAD_KW = 4.0, 150.0, 0.5


def series(grid):
    n = grid.n_steps
    nothing, nobody = np.zeros(n), np.zeros((n, 2), dtype=np.int8)
    return InputSeries(
        grid=grid,
        n_warmup=0,
        n_beyond=0,
        temp_outdoor_degc=np.full(n, OUTDOOR_DEGC),
        wind_speed_m_per_s=nothing,
        irradiance_global_w_per_m2=nothing,
        irradiance_facade_w_per_m2=np.full((n, 5), IRRADIANCE_W_PER_M2),
        irradiance_module_w_per_m2=np.zeros((n, 0)),
        power_load_kw=np.full((n, 2), LOAD_KW, dtype=np.float32),
        occupants_home=nobody,
        occupants_awake=nobody,
        price_zonal_eur_per_mwh=nothing,
        price_pun_eur_per_mwh=nothing,
    )


def dwelling_hours(step_s, **setpoints):
    """State at each full hour, shape (HOURS, 2, 2), and energies [kWh] of two flats under constant inputs."""
    grid = TimeGrid(start=1_736_463_600, step_s=step_s, n_steps=HOURS * 3600 // step_s)
    network = network_from_iso13790(
        floor_area_m2=np.array([61.0, 68.5]),
        conductance_opaque_w_per_k=np.array([116.3, 29.2]),
        conductance_window_w_per_k=np.array([39.3, 19.2]),
        conductance_ventilation_w_per_k=np.array([41.5, 29.1]),
        capacity_mass_j_per_m2k=162_000.0,
        mass_area_factor=2.5,
    )
    devices = Devices(
        declaration=Dwellings.declaration,
        names=("a", "b"),
        node=np.arange(2),
        parameters=DwellingParameters(
            network=network,
            envelope=Envelope(
                aperture_m2=np.full((2, 5), 0.8),
                absorption_w_per_w_per_m2=np.full((2, 5), 0.3),
                conductance_opaque_w_per_k=np.array([116.3, 29.2]),
                sky_loss_w=20.0,
            ),
            air_conditioner=AirConditioner(
                heat_nominal_kw=np.full(2, 6.0), cooling_nominal_kw=np.full(2, 6.0)
            ),
            conductance_windows_open_w_per_k=np.zeros(2),
        ),
    )
    simulator = Dwellings()
    exposure = Exposure(series(grid), devices, ComfortCalendar())
    simulator.init("dwelling-0", grid=grid, names=devices.names, devices=devices, exposure=exposure)
    simulator.create(1, GROUP_MODEL)
    given = {
        "temp_outdoor_degc": OUTDOOR_DEGC,
        "irradiance_facade_w_per_m2": np.full(5, IRRADIANCE_W_PER_M2),
        "power_load_kw": np.full(2, LOAD_KW),
        "occupants_home": np.zeros(2),
        "occupants_awake": np.zeros(2),
    } | {f"setpoint_{name}": np.full(2, value) for name, value in setpoints.items()}
    states, energies = (
        [],
        {name: np.zeros(2) for name in ("power_heating_kw", "heat_loss_kw", "heat_gain_kw")},
    )
    for step in range(grid.n_steps):
        simulator.step(step_s * step, {GROUP: {name: {"x": value} for name, value in given.items()}}, 0)
        for name in energies:
            energies[name] += simulator.out[name] * grid.step_h
        if (step + 1) % grid.steps_per_hour == 0:
            states.append([simulator.out["temp_indoor_degc"], simulator.out["temp_mass_degc"]])
    return np.array(states), energies


@pytest.mark.parametrize("power_kw", [0.0, 0.8])
@pytest.mark.parametrize("step_s", [300, 1800, 3600])
def test_dwellings_have_the_same_states_and_energies(step_s, power_kw):
    states, energies = dwelling_hours(step_s, power_heating_kw=power_kw)
    expected, expected_energies = dwelling_hours(900, power_heating_kw=power_kw)
    assert np.ptp(expected[:, 0, 0]) > 0.5, "something must happen"
    np.testing.assert_allclose(states, expected, atol=1e-9)
    for name, energy in energies.items():
        np.testing.assert_allclose(energy, expected_energies[name], atol=1e-9)


def battery_energies(step_s):
    """Energy stored at each full hour and at the end the sums of charge and discharge [kWh]."""
    grid = TimeGrid(start=0, step_s=step_s, n_steps=8 * 3600 // step_s)
    devices = Devices(
        declaration=Batteries.declaration,
        names=("x",),
        node=np.array([0]),
        parameters=Battery(
            capacity_kwh=np.array([10.0]),
            power_charge_max_kw=2.5,
            power_discharge_max_kw=2.5,
            grid_charging=True,
        ),
    )
    simulator = Batteries()
    simulator.init("battery-0", grid=grid, names=devices.names, devices=devices, others={}, n_pods=1)
    simulator.create(1, GROUP_MODEL)
    stored, charged, discharged = [], 0.0, 0.0
    for step in range(grid.n_steps):
        charging = step < grid.n_steps // 2
        given = {
            "setpoint_power_charge_kw": np.array([1.5 if charging else 0.0]),
            "setpoint_power_discharge_kw": np.array([0.0 if charging else 1.0]),
            "power_load_kw": np.array([2.0]),
        }
        simulator.step(step_s * step, {GROUP: {name: {"x": value} for name, value in given.items()}}, 0)
        charged += float(simulator.out["power_charge_kw"][0]) * grid.step_h
        discharged += float(simulator.out["power_discharge_kw"][0]) * grid.step_h
        if (step + 1) % grid.steps_per_hour == 0:
            stored.append(float(simulator.out["energy_battery_kwh"][0]))
    return np.array(stored), charged, discharged


@pytest.mark.parametrize("step_s", [300, 1800, 3600])
def test_batteries_hold_the_same_energy(step_s):
    stored, charged, discharged = battery_energies(step_s)
    expected, expected_charged, expected_discharged = battery_energies(900)
    assert (charged, discharged) == pytest.approx((expected_charged, expected_discharged), rel=1e-12)
    assert charged == pytest.approx(6.0)
    # self-discharge acts on what flows within a step only from the next step on: 2 % a month of 1.5 kWh
    np.testing.assert_allclose(stored, expected, atol=2e-4)


@pytest.mark.parametrize("step_s", [300, 900, 1800])
def test_irradiation_of_a_year_hardly_changes(step_s, shared_data):
    file = shared_data / "validation" / "USA_CO_Denver.Intl.AP.725650_TMY3.epw"
    if not file.is_file():
        pytest.skip("the Denver weather is not here")
    planes = [
        Plane(tilt=0.0, azimuth=180.0),
        *(Plane(tilt=90.0, azimuth=a) for a in (0.0, 90.0, 180.0, 270.0)),
    ]

    def yearly(step):
        return irradiance_on(denver_weather(file, step), planes).sum(axis=0) * step

    np.testing.assert_allclose(yearly(step_s), yearly(3600), rtol=5e-3)
