from typing import Any

import numpy as np
import pytest

from recosim.arrays import FloatArray
from recosim.components import Devices
from recosim.simulators.dwellings import DwellingParameters, Dwellings
from recosim.simulators.exposure import ComfortCalendar, Exposure
from recosim.simulators.group import GROUP, GROUP_MODEL
from recosim.simulators.inputs import InputSeries
from recosim.simulators.physics.heat_pump import (
    AirConditioner,
    cooling_heat_kw,
    cooling_power_kw,
    heating_capacity_kw,
    heating_heat_kw,
    heating_power_kw,
)
from recosim.simulators.physics.rc_parameters import RcNetwork, network_1r1c, network_from_resistances
from recosim.simulators.physics.solar_gains import Envelope
from recosim.timegrid import TimeGrid

N = 2
TWO_NODES = network_from_resistances(
    resistance_air_outdoor_k_per_w=np.array([0.01, 0.02]),
    resistance_air_mass_k_per_w=0.002,
    resistance_mass_outdoor_k_per_w=0.01,
    capacity_air_j_per_k=1e6,
    capacity_mass_j_per_k=1e7,
)
SPRING, WINTER, SUMMER = "2025-04-10", "2025-01-10", "2025-07-10"


class House:
    """Two dwellings in a constant climate."""

    def __init__(
        self,
        date: str,
        *,
        days: int = 1,
        outdoor: float = 10.0,
        network: RcNetwork = TWO_NODES,
        capacity_kw: float = 5.0,
        home: int = 2,
        load: float = 0.0,
        airing_w_per_k: float = 0.0,
        temp_initial: float = 20.0,
    ) -> None:
        grid = TimeGrid.from_local_date(date, days)
        n = grid.n_steps + 100
        people = np.full((n, N), home, dtype=np.int8)
        self.outdoor, self.load = outdoor, load
        self.unit = AirConditioner(
            heat_nominal_kw=np.full(N, capacity_kw), cooling_nominal_kw=np.full(N, capacity_kw)
        )
        series = InputSeries(
            grid=grid.part(0, n),
            n_warmup=0,
            n_beyond=100,
            temp_outdoor_degc=np.full(n, outdoor),
            wind_speed_m_per_s=np.ones(n),
            irradiance_global_w_per_m2=np.zeros(n),
            irradiance_facade_w_per_m2=np.zeros((n, 5)),
            irradiance_module_w_per_m2=np.zeros((n, 0)),
            power_load_kw=np.full((n, N), load, dtype=np.float32),
            occupants_home=people,
            occupants_awake=people,
            price_zonal_eur_per_mwh=np.zeros(n),
            price_pun_eur_per_mwh=np.zeros(n),
        )
        self.devices = Devices(
            declaration=Dwellings.declaration,
            names=("a", "b"),
            node=np.arange(N, dtype=np.int64),
            parameters=DwellingParameters(
                network=network,
                envelope=Envelope(
                    aperture_m2=np.zeros((N, 5)),
                    absorption_w_per_w_per_m2=np.zeros((N, 5)),
                    conductance_opaque_w_per_k=np.full(N, 50.0),
                    sky_loss_w=0.0,
                ),
                air_conditioner=self.unit,
                conductance_windows_open_w_per_k=np.full(N, airing_w_per_k),
                temp_initial_degc=temp_initial,
            ),
        )
        self.people = np.full(N, float(home))
        self.simulator = Dwellings()
        exposure = Exposure(series, self.devices, ComfortCalendar())
        self.simulator.init(
            "dwelling-0", grid=grid, names=self.devices.names, devices=self.devices, exposure=exposure
        )
        self.simulator.create(1, GROUP_MODEL)
        self.n_steps = grid.n_steps

    def step(self, number: int, **setpoints: Any) -> dict[str, FloatArray]:
        values = {
            "temp_outdoor_degc": self.outdoor,
            "irradiance_facade_w_per_m2": np.zeros(5),
            "power_load_kw": np.full(N, self.load),
            "occupants_home": self.people,
            "occupants_awake": self.people,
        } | {f"setpoint_{name}": np.array(value, dtype=float) for name, value in setpoints.items()}
        self.simulator.step(900 * number, {GROUP: {name: {"x": v} for name, v in values.items()}}, 0)
        return dict(self.simulator.out)

    def run(self, n_steps: int | None = None, **setpoints: Any) -> dict[str, FloatArray]:
        return [self.step(number, **setpoints) for number in range(n_steps or self.n_steps)][-1]


@pytest.mark.parametrize("outdoor", [-5.0, 10.0, 33.0])
def test_without_heating_it_becomes_as_cold_as_outdoors(outdoor: float) -> None:
    house = House(SPRING, days=10, outdoor=outdoor, home=0)
    out = house.run()
    for name in ("temp_indoor_degc", "temp_mass_degc", "temp_operative_degc"):
        np.testing.assert_allclose(out[name], outdoor, atol=1e-3)
    np.testing.assert_allclose(out["heat_loss_kw"], 0.0, atol=1e-4)


def test_a_unit_without_capacity_is_no_unit() -> None:
    house = House(WINTER, days=10, outdoor=10.0, home=0, capacity_kw=0.0)
    out = house.run(power_heating_kw=[3.0, np.nan])
    np.testing.assert_allclose(out["temp_indoor_degc"], 10.0, atol=1e-3)
    assert out["power_heating_kw"].tolist() == [0.0, 0.0]
    assert out["heat_unmet_kw"][0] == 0.0, "who asks for a power asks for no temperature"
    assert out["heat_unmet_kw"][1] > 0.1, "the thermostat wants 16 degC in an empty flat"


def test_gains_in_steady_state() -> None:
    # 0.2 kW of appliances; 100 W/K + 1/(0.002 + 0.01) W/K and 50 W/K + 83.3 W/K to the outdoors
    house = House(SPRING, days=12, home=0, load=0.2)
    out = house.run()
    conductance = np.array([100.0, 50.0]) + 1.0 / 0.012
    np.testing.assert_allclose(out["temp_indoor_degc"], 10.0 + 200.0 / conductance, atol=1e-3)
    np.testing.assert_allclose(out["heat_gain_kw"], 0.2, rtol=1e-6)


def test_one_resistance_one_capacity_is_an_exponential() -> None:
    network = network_1r1c(resistance_k_per_w=np.array([0.01, 0.005]), capacity_j_per_k=np.array([1e7, 2e6]))
    house = House(SPRING, network=network, home=0, outdoor=5.0, temp_initial=21.0)
    seconds = 900.0 * 40
    out = house.run(40)
    expected = 5.0 + 16.0 * np.exp(-seconds / np.array([1e5, 1e4]))
    np.testing.assert_allclose(out["temp_indoor_degc"], expected, rtol=1e-9)
    np.testing.assert_allclose(out["temp_operative_degc"], expected, rtol=1e-9)


def test_every_step_balances() -> None:
    house = House(WINTER, outdoor=3.0, load=0.3)
    stored_kwh = Dwellings.declaration.stored_kwh
    assert stored_kwh is not None
    before = stored_kwh(house.devices.parameters, house.simulator.out)
    for number in range(60):
        out = house.step(number)
        after = stored_kwh(house.devices.parameters, out)
        brought = sum(sign * out[name] for name, sign in Dwellings.declaration.storage_flows.items())
        np.testing.assert_allclose(after - before, brought / 4, atol=1e-10)
        before = after


def test_arrays_handed_out_are_read_only() -> None:
    house = House(WINTER)
    for out in (house.simulator.out, house.step(0)):
        assert set(out) == set(house.simulator.outputs)
        assert not any(array.flags.writeable for array in out.values())


def test_thermostat_holds_the_near_edge_of_the_band() -> None:
    cold = House(WINTER, outdoor=5.0).run(30)  # at 7:30 somebody is up
    np.testing.assert_allclose(cold["temp_operative_degc"], 20.0, atol=1e-6)
    assert (cold["discomfort_heating_k"] == 0.0).all()
    assert (cold["power_heating_kw"] > 0.0).all()
    assert (cold["power_cooling_kw"] == 0.0).all()
    warm = House(SUMMER, outdoor=33.0, temp_initial=28.0).run(70)  # at 17:30
    np.testing.assert_allclose(warm["temp_operative_degc"], 26.0, atol=1e-6)
    assert (warm["power_cooling_kw"] > 0.0).all()
    assert (warm["power_heating_kw"] == 0.0).all()


def test_too_small_a_unit_leaves_demand_unmet_and_people_cold() -> None:
    house = House(WINTER, outdoor=0.0, capacity_kw=0.3)
    out = house.run(36)
    np.testing.assert_allclose(out["heat_heating_kw"], heating_capacity_kw(house.unit, 0.0))
    assert (out["heat_unmet_kw"] > 0.0).all()
    np.testing.assert_allclose(out["discomfort_heating_k"], 20.0 - out["temp_operative_degc"])
    assert out["outside_cat_ii"].tolist() == [1.0, 1.0]


def test_discomfort_needs_somebody_at_home() -> None:
    out = House(WINTER, outdoor=0.0, capacity_kw=0.0, home=0).run(60)
    assert (out["temp_operative_degc"] < 16.0).all()
    assert not (out["discomfort_heating_k"].any() or out["outside_cat_ii"].any())


def test_asked_temperature_is_reached() -> None:
    out = House(WINTER, outdoor=5.0).run(20, temp_heating_degc=[21.5, np.nan])
    assert out["temp_operative_degc"][0] == pytest.approx(21.5)
    assert out["temp_operative_degc"][1] < 20.5


def test_asked_power_is_delivered() -> None:
    house = House(SPRING, outdoor=7.0)
    out = house.step(0, power_heating_kw=[0.8, np.nan])
    assert out["power_heating_kw"][0] == pytest.approx(0.8)
    assert out["heat_heating_kw"][0] == pytest.approx(float(heating_heat_kw(house.unit, 0.8, 7.0)[0]))
    assert out["power_heating_kw"][1] == 0.0, "outside the season the thermostat is off"
    house = House(SUMMER, outdoor=33.0, temp_initial=28.0)
    out = house.step(0, power_cooling_kw=[0.4, 0.4])
    np.testing.assert_allclose(out["power_cooling_kw"], 0.4)
    np.testing.assert_allclose(out["heat_cooling_kw"], cooling_heat_kw(house.unit, 0.4, 33.0))


def test_power_wins_over_temperature_over_thermostat() -> None:
    out = House(WINTER, outdoor=5.0).step(30, power_heating_kw=[0.0, np.nan], temp_heating_degc=[25.0, 25.0])
    assert out["power_heating_kw"][0] == 0.0
    assert out["power_heating_kw"][1] > 0.5


def test_asking_one_direction_switches_the_other_off() -> None:
    out = House(WINTER, outdoor=5.0, temp_initial=15.0).step(30, power_cooling_kw=[0.0, np.nan])
    assert out["power_heating_kw"][0] == 0.0
    assert out["power_heating_kw"][1] > 0.0


def test_asked_too_much_it_gives_its_capacity() -> None:
    house = House(WINTER, outdoor=7.0, capacity_kw=2.0)
    out = house.step(0, power_heating_kw=[50.0, 50.0])
    np.testing.assert_allclose(out["heat_heating_kw"], 2.0)
    np.testing.assert_allclose(out["power_heating_kw"], heating_power_kw(house.unit, np.full(N, 2.0), 7.0))


@pytest.mark.parametrize(
    ("date", "outdoor", "control", "stop"),
    [(WINTER, 10.0, "power_heating_kw", 30.0), (SUMMER, 25.0, "power_cooling_kw", 16.0)],
)
def test_a_units_own_limits(date: str, outdoor: float, control: str, stop: float) -> None:
    out = House(date, outdoor=outdoor, capacity_kw=20.0).run(90, **{control: [50.0, 50.0]})
    np.testing.assert_allclose(out["temp_operative_degc"], stop, atol=1e-6)


def test_never_heats_and_cools_at_once() -> None:
    house = House(WINTER, outdoor=7.0)
    out = house.step(0, power_heating_kw=[0.5, 0.1], power_cooling_kw=[0.1, 0.5])
    assert (out["heat_heating_kw"] > 0).tolist() == [True, False]
    assert (out["heat_cooling_kw"] > 0).tolist() == [False, True]
    np.testing.assert_allclose(
        out["power_cooling_kw"], cooling_power_kw(house.unit, out["heat_cooling_kw"], 7.0)
    )


def test_negative_power_is_none() -> None:
    out = House(WINTER).step(0, power_heating_kw=[-1.0, -1.0])
    assert out["power_heating_kw"].tolist() == [0.0, 0.0]


def test_opened_windows_cool_in_summer_only() -> None:
    night = {"outdoor": 20.0, "temp_initial": 27.0, "airing_w_per_k": 200.0, "home": 0}
    closed = House(SUMMER, **night | {"airing_w_per_k": 0.0}).run(4)
    opened = House(SUMMER, **night).run(4)
    assert (opened["temp_indoor_degc"] < closed["temp_indoor_degc"] - 1.0).all()
    assert (opened["heat_loss_kw"] > closed["heat_loss_kw"]).all()
    spring = House(SPRING, **night).run(4)
    np.testing.assert_allclose(spring["temp_indoor_degc"], closed["temp_indoor_degc"])


def test_steps_that_a_controller_decides_teach_the_thermostat_nothing() -> None:
    taught, untaught = (
        House(WINTER, outdoor=0.0, capacity_kw=3.0),
        House(WINTER, outdoor=0.0, capacity_kw=3.0),
    )
    first = taught.simulator.thermostat.rate_heating_k_per_h
    taught.run(40)
    untaught.run(40, power_heating_kw=[0.5, 0.5])
    assert not np.array_equal(taught.simulator.thermostat.rate_heating_k_per_h, first)
    np.testing.assert_array_equal(untaught.simulator.thermostat.rate_heating_k_per_h, first)


def test_standby_is_drawn_always() -> None:
    out = House(SPRING).step(0)
    assert out["power_standby_kw"].tolist() == [0.003, 0.003]


def test_runs_to_the_last_step_of_the_grid() -> None:
    house = House(WINTER, days=2)
    assert np.isfinite(house.run()["temp_indoor_degc"]).all()
