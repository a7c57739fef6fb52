from dataclasses import fields
from typing import Any

import numpy as np
import pytest

from recosim.contracts import Community
from recosim.scenarios.archetypes import envelope_of
from recosim.scenarios.community import (
    COMMON,
    Parts,
    comfort_calendar,
    community_of,
    parts_of,
    pod_of_plant,
)
from recosim.scenarios.facades import FACADES, planes_of_facades
from recosim.scenarios.loader import load_scenario
from recosim.scenarios.rules_of_money import sharing_of, tariff_of
from recosim.simulators.physics.heat_pump import cop, eer
from recosim.simulators.physics.photovoltaics import Plane
from recosim.timegrid import TimeGrid

DIRECT_1R1C = (
    "community.dwellings[0].archetype=null",
    "community.dwellings[0].thermal={model: 1r1c, resistance_k_per_w: 0.005, capacity_j_per_k: 2.0e7, "
    "aperture_south_m2: 2.0}",
)
DIRECT_3R2C = (
    "community.dwellings[1].archetype=null",
    "community.dwellings[1].thermal={model: 3r2c, resistance_air_outdoor_k_per_w: 0.01, "
    "resistance_air_mass_k_per_w: 0.002, resistance_mass_outdoor_k_per_w: 0.008, "
    "capacity_air_j_per_k: 1.0e6, capacity_mass_j_per_k: 2.0e7, aperture_west_m2: 3.0}",
)


def parts(*overrides: str, name: str = "naples") -> Parts:
    return parts_of(load_scenario(name, overrides))


def dwellings(*overrides: str) -> Any:
    return parts(*overrides).devices["dwelling"].parameters


def test_delivery_points() -> None:
    pods = parts().pods
    assert pods.names == (*(f"flat-{i:02}" for i in range(1, 11)), COMMON)
    assert pods.is_dwelling.tolist() == [True] * 10 + [False]
    assert pods.power_contract_kw.tolist() == [3, 3, 3, 4.5, 3, 3, 4.5, 3, 4.5, 3, 3]


def test_a_plant_of_its_own_has_a_meter_of_its_own() -> None:
    made = parts("community.plants[0].pod=own")
    assert made.pods.names[-2:] == (COMMON, "roof")
    assert made.pods.power_contract_kw[-1] == 20.0
    assert made.devices["photovoltaics"].node[0] == 11
    alone = parts("community.plants[0].pod=own", "community.common_services=null")
    assert alone.pods.names[-1] == "roof"
    assert COMMON not in alone.pods.names
    assert alone.devices["photovoltaics"].node[0] == 10


def test_devices_and_where_they_stand() -> None:
    devices = parts().devices
    assert set(devices) == {"dwelling", "photovoltaics", "battery"}
    assert devices["dwelling"].node.tolist() == list(range(10))
    assert devices["battery"].names == tuple(f"flat-{i:02}-battery" for i in (3, 4, 6, 9))
    assert devices["battery"].node.tolist() == [2, 3, 5, 8]
    assert devices["photovoltaics"].node.tolist() == [10, 2, 3, 5, 8]


def test_without_batteries_there_is_no_such_kind() -> None:
    assert set(parts(name="naples-small").devices) == {"dwelling", "photovoltaics"}


def test_plants_share_the_planes_they_have_in_common() -> None:
    made = parts("community.dwellings[2].photovoltaics.azimuth_deg=180")  # now as flat-04
    assert made.planes_module == (
        Plane(tilt=15.0, azimuth=190.0, iam=True),
        Plane(tilt=20.0, azimuth=180.0, iam=True),
        Plane(tilt=20.0, azimuth=200.0, iam=True),
        Plane(tilt=20.0, azimuth=250.0, iam=True),
    )
    assert made.devices["photovoltaics"].parameters.plane.tolist() == [0, 1, 1, 2, 3]


def test_pods_of_plants_name_what_the_scenario_describes() -> None:
    scenario = load_scenario("naples")
    described, names, nodes = pod_of_plant(scenario, parts_of(scenario).pods)
    assert [plant.power_kw for plant in described] == [20.0, 3.0, 3.0, 3.0, 3.0]
    assert names[:2] == ["roof", "flat-03-pv"]
    assert nodes.tolist() == [10, 2, 3, 5, 8]


def test_battery_parameters_are_the_scenarios() -> None:
    battery = (
        parts(
            "community.dwellings[3].battery.capacity_kwh=7.5",
            "community.dwellings[3].battery.grid_charging=true",
            "community.dwellings[5].battery.efficiency_charge=0.9",
        )
        .devices["battery"]
        .parameters
    )
    assert battery.capacity_kwh.tolist() == [5.0, 7.5, 5.0, 5.0]
    assert battery.grid_charging.tolist() == [False, True, False, False]
    assert battery.efficiency_charge.tolist() == [0.95, 0.95, 0.9, 0.95]


def test_air_conditioners_and_comfort_are_the_scenarios() -> None:
    made = dwellings("hvac.cop_nominal=4.0", "comfort.heating_awake_degc=21", "building.factor_shutters=0.2")
    assert made.air_conditioner.cop_nominal == 4.0
    assert made.air_conditioner.heat_nominal_kw.tolist() == [4, 4.5, 5.5, 6.5, 4.5, 5.5, 6.5, 4.5, 5.5, 3]
    assert made.comfort.heating_awake_degc == 21.0
    assert made.shutter_factor == 0.2


def test_what_all_units_share_is_one_value() -> None:
    for given in ("hvac.kind=split", "hvac.kind=air_to_water"):
        unit = dwellings(given).air_conditioner
        shared = [
            item.name for item in fields(unit) if item.name not in ("heat_nominal_kw", "cooling_nominal_kw")
        ]
        assert all(np.ndim(getattr(unit, name)) == 0 for name in shared)


def test_a_dwelling_with_a_heat_pump_of_its_own() -> None:
    own = "{kind: air_to_water, supply_heating_degc: 35, supply_cooling_degc: 18, modulation_min: 0.3}"
    unit = dwellings("hvac.cop_nominal=4.0", f"community.dwellings[3].hvac={own}").air_conditioner
    assert np.flatnonzero(unit.is_air_to_water).tolist() == [3]
    assert unit.modulation_min[2:4].tolist() == [0.2, 0.3]
    assert unit.degradation[2:4].tolist() == [0.25, 0.1]
    # published points of the generic heat pump: 5.06 and 3.99; splits: 4.0 and 3.3 with their field factors
    np.testing.assert_allclose(cop(unit, 7.0)[2:4], [3.6, 5.06], atol=0.005)
    np.testing.assert_allclose(eer(unit, 35.0)[2:4], [3.135, 3.99], atol=0.005)
    np.testing.assert_allclose(cop(unit, 2.0)[2:4], [3.15, 4.29], atol=0.005)


def test_a_split_of_its_own_beside_heat_pumps() -> None:
    unit = dwellings("hvac.kind=air_to_water", "community.dwellings[0].hvac.cop_nominal=4").air_conditioner
    assert unit.is_air_to_water.tolist() == [False] + 9 * [True]
    np.testing.assert_allclose(cop(unit, 7.0)[:2], [3.6, 4.18], atol=0.005)


def test_networks_lie_between_new_and_old() -> None:
    network = dwellings().network
    assert network.capacity_air_j_per_k.shape == (10,)
    loss = network.conductance_air_outdoor_w_per_k / np.array([55, 65, 80, 95, 70, 85, 100, 75, 90, 80])
    assert loss[9] < loss[:9].min(), "the deep retrofit"


def test_the_envelope_by_hand() -> None:
    scenario = load_scenario("naples")
    made = dwellings()
    figures = envelope_of("AB.05", "top-corner", 95.0, scenario.building.roof_u_w_per_m2k)
    shading = scenario.building.factor_shading
    through = (1 - figures.fraction_frame) * figures.factor_incidence * figures.g_value * shading
    south = sum(window.area_m2 for window in figures.windows if window.orientation == "south") * through
    assert made.envelope.aperture_m2[3, FACADES.index("south")] == pytest.approx(south)
    roof = sum(wall.conductance_w_per_k for wall in figures.walls if wall.orientation == "up")
    absorbed = made.envelope.absorption_w_per_w_per_m2[3, FACADES.index("up")]
    assert roof > 0.0
    assert absorbed == pytest.approx(0.6 * roof * shading / 25.0)
    assert made.envelope.absorption_w_per_w_per_m2[0, FACADES.index("up")] == 0.0, "a middle flat has no roof"


def test_thermal_networks_given_directly() -> None:
    made = dwellings(*DIRECT_1R1C, *DIRECT_3R2C)
    network, envelope = made.network, made.envelope
    assert network.conductance_air_outdoor_w_per_k[:2].tolist() == [200.0, 100.0]
    assert network.conductance_air_mass_w_per_k[:2].tolist() == [0.0, 500.0]
    assert network.conductance_mass_solair_w_per_k[:2].tolist() == [0.0, 125.0]
    assert network.capacity_air_j_per_k[:2].tolist() == [2.0e7, 1.0e6]
    assert envelope.aperture_m2[0].tolist() == [0.0, 0.0, 2.0, 0.0, 0.0]
    assert envelope.aperture_m2[1].tolist() == [0.0, 0.0, 0.0, 3.0, 0.0]
    assert not envelope.absorption_w_per_w_per_m2[:2].any()
    others = dwellings().network.conductance_air_outdoor_w_per_k[2:]
    np.testing.assert_array_equal(network.conductance_air_outdoor_w_per_k[2:], others)


def test_opened_windows() -> None:
    air = 0.34 * 2.7 * 55.0 * 1.5  # W/K: heat capacity of air, volume, 1.5 changes an hour
    opened = dwellings(*DIRECT_1R1C, "building.air_change_windows_per_h=1.5")
    assert opened.conductance_windows_open_w_per_k[0] == pytest.approx(air)
    assert (opened.conductance_windows_open_w_per_k[1:] > 0.0).all()
    assert not dwellings("building.natural_night_ventilation=false").conductance_windows_open_w_per_k.any()


def test_facades() -> None:
    planes = planes_of_facades()
    assert [(plane.tilt, plane.azimuth) for plane in planes[:4]] == [(90, 0), (90, 90), (90, 180), (90, 270)]
    assert planes[4].tilt == 0.0
    assert not any(plane.iam for plane in planes)


def test_calendar() -> None:
    calendar = comfort_calendar(
        load_scenario(
            "naples", ["comfort.heating_season_end=04-15", "comfort.cooling_hours=[[10, 20]]"]
        ).comfort
    )
    assert calendar.heating_season == ((11, 15), (4, 15))
    assert calendar.cooling_hours == ((10.0, 20.0),)


def test_community_carries_prices_and_grid() -> None:
    scenario = load_scenario("naples", ["objective.price_wear_eur_per_kwh=0.07"])
    made, grid = parts_of(scenario), TimeGrid.from_local_date("2025-06-02", 1)
    tariff = tariff_of(scenario, made.pods, grid.times, np.full(96, 100.0), grid.timezone)
    community: Community = community_of(
        scenario, made, grid, tariff, sharing_of(scenario, made.pods, grid.timezone)
    )
    assert community.name == "naples"
    assert community.grid == grid
    assert community.price_wear_eur_per_kwh == 0.07
    assert set(community.states) == {"temp_indoor_degc", "temp_mass_degc", "energy_battery_kwh"}
    assert len(community.controls["power_charge_kw"]) == 4


@pytest.mark.parametrize("size", [1, 25])
def test_other_sizes(size: int) -> None:
    made = parts(f"community.size={size}")
    assert len(made.devices["dwelling"]) == size
    assert len(made.pods) == size + 1
    assert made.devices["photovoltaics"].parameters.plant.power_nominal_kw[0] == pytest.approx(2.0 * size)
    for devices in made.devices.values():
        assert len(devices.node) == len(devices.names)
        assert devices.node.max() < len(made.pods)


def test_a_thousand_dwellings() -> None:
    made = parts("community.size=1000")
    assert len(made.devices["dwelling"]) == 1000
    assert len(made.devices["battery"]) == 400


def test_the_share_of_the_load_that_warms_a_dwelling() -> None:
    assert dwellings().gain_from_load == 1.0
    assert dwellings("building.gain_from_load=0.35").gain_from_load == 0.35
