"""From a scenario to a community: parameters of every device, and who belongs where."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

import numpy as np

from recosim.arrays import FloatArray, IntArray
from recosim.components import Devices, Pods
from recosim.contracts import Community
from recosim.errors import ScenarioError
from recosim.scenarios.air_conditioning import air_conditioner_of
from recosim.scenarios.archetypes import EnvelopeFigures
from recosim.scenarios.cars import cars_of, use_of
from recosim.scenarios.envelopes import figures_of, network_of
from recosim.scenarios.facades import FACADES, envelope_on_facades
from recosim.scenarios.occupancy import Household
from recosim.scenarios.schema import community as described
from recosim.scenarios.schema.rules import Comfort
from recosim.scenarios.schema.scenario import Scenario
from recosim.scenarios.shiftable import appliances_of
from recosim.simulators.batteries import Batteries
from recosim.simulators.dwellings import DwellingParameters, Dwellings
from recosim.simulators.exposure import ComfortCalendar
from recosim.simulators.gse import BillingTariff, PayingScheme
from recosim.simulators.photovoltaics import Photovoltaics, PhotovoltaicsParameters
from recosim.simulators.physics.battery import Battery
from recosim.simulators.physics.comfort import ComfortSchedule
from recosim.simulators.physics.hot_water import WaterHeater
from recosim.simulators.physics.photovoltaics import Plane, PvPlant
from recosim.simulators.physics.rc_parameters import (
    RcNetwork,
    network_1r1c,
    network_from_resistances,
)
from recosim.simulators.physics.solar_gains import Envelope
from recosim.simulators.water_heaters import WaterHeaters
from recosim.timegrid import TimeGrid

AIR_WH_PER_M3K = 0.34
"""Heat capacity of air (EN ISO 13790)."""
COMMON = "common"

Params = TypeVar("Params")


@dataclass(frozen=True, kw_only=True)
class Parts:
    """A community before its tariff and sharing scheme are known.

    Parameters
    ----------
    pods : Pods
    devices : mapping of str to Devices
    planes_module : tuple of Plane
        Every distinct plane of photovoltaic modules.
    """

    pods: Pods
    devices: dict[str, Devices]
    planes_module: tuple[Plane, ...]


def parts_of(scenario: Scenario) -> Parts:
    """Parameters of all devices of a scenario (already resized)."""
    flats = scenario.community.dwellings
    pods = pods_of(scenario)
    planes: list[Plane] = []
    devices = {
        "dwelling": Devices(
            declaration=Dwellings.declaration,
            names=tuple(flat.name for flat in flats),
            node=np.arange(len(flats), dtype=np.int64),
            parameters=_dwelling_parameters(scenario),
        ),
        "photovoltaics": _photovoltaics(scenario, pods, planes),
    }
    with_battery = [(i, flat) for i, flat in enumerate(flats) if flat.battery is not None]
    if with_battery:
        batteries = _batteries([flat.battery for _, flat in with_battery if flat.battery])
        devices["battery"] = Devices(
            declaration=Batteries.declaration_of(batteries),
            names=tuple(f"{flat.name}-battery" for _, flat in with_battery),
            node=np.array([i for i, _ in with_battery], dtype=np.int64),
            parameters=batteries,
        )
    with_water = [(i, flat) for i, flat in enumerate(flats) if flat.hot_water is not None]
    if with_water:
        devices["water_heater"] = Devices(
            declaration=WaterHeaters.declaration,
            names=tuple(f"{flat.name}-hot-water" for _, flat in with_water),
            node=np.array([i for i, _ in with_water], dtype=np.int64),
            parameters=_water_heaters([flat.hot_water for _, flat in with_water if flat.hot_water]),
        )
    cars = cars_of(flats)
    if cars is not None:
        devices["car"] = cars
    if scenario.community.shiftable_appliances:
        appliances = appliances_of(households_of(scenario), scenario.seed)
        if appliances is not None:
            devices["appliance"] = appliances
    return Parts(pods=pods, devices=devices, planes_module=tuple(planes))


def households_of(scenario: Scenario) -> list[Household]:
    """Households of the dwellings, in their order."""
    return [
        Household(
            name=flat.name,
            n_people=flat.people,
            kind=flat.occupancy,
            energy_base_kwh_per_year=flat.energy_base_kwh_per_year,
            power_contract_kw=flat.power_contract_kw,
            hot_water_l_per_day=(
                0.0 if flat.hot_water is None else flat.people * flat.hot_water.litres_per_person_day
            ),
            car=None if flat.car is None else use_of(flat.car),
        )
        for flat in scenario.community.dwellings
    ]


def community_of(
    scenario: Scenario, parts: Parts, grid: TimeGrid, tariff: BillingTariff, sharing: PayingScheme
) -> Community:
    """The community over the period ``grid``."""
    return Community(
        name=scenario.name,
        grid=grid,
        pods=parts.pods,
        devices=parts.devices,
        tariff=tariff,
        sharing=sharing,
        price_comfort_eur_per_kh=scenario.comfort.price_comfort_eur_per_kh,
        price_wear_eur_per_kwh=scenario.objective.price_wear_eur_per_kwh,
        price_overrun_eur_per_kwh=scenario.objective.price_overrun_eur_per_kwh,
    )


def comfort_calendar(comfort: Comfort) -> ComfortCalendar:
    """Seasons and hours of a scenario."""

    def day(text: str) -> tuple[int, int]:
        month, day_of_month = text.split("-")
        return int(month), int(day_of_month)

    return ComfortCalendar(
        heating_season=(day(comfort.heating_season_start), day(comfort.heating_season_end)),
        cooling_season=(day(comfort.cooling_season_start), day(comfort.cooling_season_end)),
        heating_hours=comfort.heating_hours,
        cooling_hours=comfort.cooling_hours,
    )


def pods_of(scenario: Scenario) -> Pods:
    """Delivery points: of the dwellings, of the common services, of plants with a meter of their own."""
    community = scenario.community
    names = [flat.name for flat in community.dwellings]
    contracts = [flat.power_contract_kw for flat in community.dwellings]
    n_flats = len(names)
    if community.common_services is not None:
        names.append(COMMON)
        contracts.append(community.common_services.power_contract_kw)
    for plant in community.plants:
        if plant.pod == "own":
            names.append(plant.name)
            contracts.append(plant.power_kw)
    return Pods(
        names=tuple(names),
        power_contract_kw=np.array(contracts),
        is_dwelling=np.arange(len(names)) < n_flats,
    )


def pod_of_plant(scenario: Scenario, pods: Pods) -> tuple[list[described.Photovoltaics], list[str], IntArray]:
    """Every plant, its name, and its delivery point: common plants first, then those of flats."""
    plants: list[described.Photovoltaics] = []
    names: list[str] = []
    nodes: list[int] = []
    for plant in scenario.community.plants:
        plants.append(plant)
        names.append(plant.name)
        nodes.append(pods.names.index(COMMON if plant.pod == "common" else plant.name))
    for i, flat in enumerate(scenario.community.dwellings):
        if flat.photovoltaics is not None:
            plants.append(flat.photovoltaics)
            names.append(f"{flat.name}-pv")
            nodes.append(i)
    return plants, names, np.array(nodes, dtype=np.int64)


def _photovoltaics(scenario: Scenario, pods: Pods, planes: list[Plane]) -> Devices:
    plants, names, nodes = pod_of_plant(scenario, pods)

    def column(name: str) -> FloatArray:
        return np.array([getattr(plant, name) for plant in plants], dtype=np.float64)

    plant = PvPlant(
        power_nominal_kw=column("power_kw"),
        tilt_deg=column("tilt_deg"),
        azimuth_deg=column("azimuth_deg"),
        losses=column("losses"),
        efficiency_inverter=column("efficiency_inverter"),
        dc_ac_ratio=column("dc_ac_ratio"),
        gamma_per_k=column("gamma_per_k"),
        power_auxiliary_kw=column("power_auxiliary_kw"),
    )
    plane = [_index_of(planes, Plane(tilt=p.tilt_deg, azimuth=p.azimuth_deg, iam=True)) for p in plants]
    return Devices(
        declaration=Photovoltaics.declaration,
        names=tuple(names),
        node=nodes,
        parameters=PhotovoltaicsParameters(plant=plant, plane=np.array(plane, dtype=np.int64)),
    )


def _batteries(batteries: Sequence[described.Battery]) -> Battery:
    names = [item.name for item in fields(Battery) if item.name not in ("grid_charging", "ages")]
    columns: dict[str, Any] = {
        name: np.array([getattr(battery, name) for battery in batteries], dtype=np.float64) for name in names
    }
    return Battery(
        **columns,
        grid_charging=np.array([battery.grid_charging for battery in batteries]),
        ages=np.array([battery.ageing != "none" for battery in batteries]),
    )


def _water_heaters(heaters: Sequence[described.HotWater]) -> WaterHeater:
    def column(name: str) -> FloatArray:
        return np.array([getattr(heater, name) for heater in heaters], dtype=np.float64)

    return WaterHeater(
        volume_l=column("volume_l"),
        power_max_kw=column("power_kw"),
        heat_pump=np.array([heater.kind == "heat_pump" for heater in heaters]),
        loss_w_per_k=column("loss_w_per_k"),
        temp_setpoint_degc=column("temp_setpoint_degc"),
        deadband_k=column("deadband_k"),
        temp_tap_degc=column("temp_tap_degc"),
        temp_cold_mean_degc=column("temp_cold_mean_degc"),
        temp_cold_amplitude_k=column("temp_cold_amplitude_k"),
        disinfects=np.array([heater.disinfection for heater in heaters]),
    )


def _index_of(planes: list[Plane], plane: Plane) -> int:
    if plane not in planes:
        planes.append(plane)
    return planes.index(plane)


def _dwelling_parameters(scenario: Scenario) -> DwellingParameters:
    flats = scenario.community.dwellings
    thermal = [_thermal(flat, scenario) for flat in flats]
    comfort = scenario.comfort
    return DwellingParameters(
        network=stacked([network for network, _, _ in thermal]),
        envelope=stacked([envelope for _, envelope, _ in thermal]),
        air_conditioner=air_conditioner_of(scenario),
        comfort=ComfortSchedule(
            **{item.name: getattr(comfort, item.name) for item in fields(ComfortSchedule)}
        ),
        conductance_windows_open_w_per_k=np.array([opened for _, _, opened in thermal]),
        gain_from_load=scenario.building.gain_from_load,
        shutter_factor=scenario.building.factor_shutters,
    )


def _thermal(flat: described.Dwelling, scenario: Scenario) -> tuple[RcNetwork, Envelope, float]:
    """Network, envelope and conductance of opened windows of one flat."""
    building = scenario.building
    air_change = building.air_change_windows_per_h if building.natural_night_ventilation else 0.0
    if flat.thermal is None:
        figures = figures_of(flat, building.roof_u_w_per_m2k)
        network = _reduced(flat.name, figures)
        volume = figures.volume_m3
        shading = building.factor_shading if flat.factor_shading is None else flat.factor_shading
        envelope = envelope_on_facades(figures, shading)
    else:
        network, outer = _direct_network(flat)
        volume = 2.7 * flat.floor_area_m2
        aperture = np.zeros(len(FACADES))
        for facade, orientation in enumerate(FACADES[:-1]):
            aperture[facade] = getattr(flat.thermal, f"aperture_{orientation}_m2")
        envelope = Envelope(
            aperture_m2=aperture,
            absorption_w_per_w_per_m2=np.zeros(len(FACADES)),
            conductance_opaque_w_per_k=np.asarray(outer),
            sky_loss_w=np.asarray(0.0),
            sky_loss_window_w=np.asarray(0.0),
        )
    return network, envelope, AIR_WH_PER_M3K * air_change * volume


def _reduced(name: str, figures: EnvelopeFigures) -> RcNetwork:
    try:
        return network_of(figures)
    except ValueError as error:
        raise ScenarioError(
            f"dwelling {name!r}: its envelope is too large or too leaky for its floor area "
            f"({figures.floor_area_m2:g} m2): {error}"
        ) from None


def _direct_network(flat: described.Dwelling) -> tuple[RcNetwork, float]:
    """Network given by resistances and capacities, and the conductance of its outer wall."""
    thermal = flat.thermal
    if isinstance(thermal, described.Thermal3R2C):
        network = network_from_resistances(
            resistance_air_outdoor_k_per_w=thermal.resistance_air_outdoor_k_per_w,
            resistance_air_mass_k_per_w=thermal.resistance_air_mass_k_per_w,
            resistance_mass_outdoor_k_per_w=thermal.resistance_mass_outdoor_k_per_w,
            capacity_air_j_per_k=thermal.capacity_air_j_per_k,
            capacity_mass_j_per_k=thermal.capacity_mass_j_per_k,
        )
        return network, 1.0 / thermal.resistance_mass_outdoor_k_per_w
    assert isinstance(thermal, described.Thermal1R1C)  # the schema allows no third kind
    network = network_1r1c(
        resistance_k_per_w=thermal.resistance_k_per_w, capacity_j_per_k=thermal.capacity_j_per_k
    )
    return network, 1.0 / thermal.resistance_k_per_w


def stacked(items: Sequence[Params]) -> Params:
    """One dataclass of arrays from many of scalars (or rows)."""
    first: Any = items[0]
    columns = {
        item.name: np.stack([np.asarray(getattr(one, item.name), dtype=np.float64) for one in items])
        for item in fields(first)
    }
    return replace(first, **columns)  # type: ignore[no-any-return]
