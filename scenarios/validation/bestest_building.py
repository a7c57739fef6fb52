"""The buildings of ASHRAE 140 as dwellings, and a year of Denver's weather on them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from recosim.arrays import BoolArray, FloatArray, IntArray
from recosim.errors import InputDataError
from recosim.scenarios.community import AIR_WH_PER_M3K
from recosim.scenarios.facades import FACADES, SKY_SEEN, irradiance_on, planes_of_facades
from recosim.scenarios.weather.files import read_weather
from recosim.scenarios.weather.series import Weather
from recosim.simulators.physics.comfort import in_hours
from recosim.simulators.physics.photovoltaics import Plane
from recosim.simulators.physics.rc_network import stack_inputs
from recosim.simulators.physics.rc_parameters import (
    RcNetwork,
    network_from_iso13790,
    with_air_as_operative,
)
from recosim.simulators.physics.solar_gains import (
    Envelope,
    envelope_of_surfaces,
    heat_solar_kw,
    temp_solair_degc,
)
from recosim.timegrid import TimeGrid

STEP_S = 900
WARMUP_DAYS = 14
LATITUDE, LONGITUDE = 39.83, -104.65


@cache
def definitions() -> dict[str, Any]:
    """Buildings and cases, from ``bestest.yaml``."""
    text = files("recosim.scenarios.validation").joinpath("bestest.yaml").read_text(encoding="utf-8")
    table: dict[str, Any] = yaml.safe_load(text)
    return table


@dataclass(frozen=True, kw_only=True)
class Year:
    """A year of Denver, the last days of December before it as warm-up.

    Parameters
    ----------
    grid : TimeGrid
        Warm-up and year, in local standard time.
    n_warmup : int
        Steps of the warm-up.
    temp_outdoor_degc : array, shape (n_steps,)
    irradiance_w_per_m2 : array, shape (n_steps, 6) [W/m2]
        On the facades of a run and, last, behind the glazing of the window.
    """

    grid: TimeGrid
    n_warmup: int
    temp_outdoor_degc: FloatArray
    irradiance_w_per_m2: FloatArray


def denver_weather(path: Path, step_s: int) -> Weather:
    """Weather of a file that must be Denver's.

    Raises
    ------
    InputDataError
        The file cannot be read, is of another place or is not a year long.
    """
    weather = read_weather(path, step_s)
    if abs(weather.latitude - LATITUDE) > 0.05 or abs(weather.longitude - LONGITUDE) > 0.05:
        raise InputDataError(
            f"{weather.source}: weather of latitude {weather.latitude:g}, longitude {weather.longitude:g}; "
            f"the published figures hold for Denver, TMY3 725650 (latitude {LATITUDE}, longitude {LONGITUDE})"
        )
    if weather.grid.days != 365.0:
        raise InputDataError(f"{weather.source}: {weather.grid.days:g} days, allowed: a year of 365")
    return weather


def denver_year(path: Path) -> Year:
    """The year of a weather file, ready for the cases."""
    weather = denver_weather(path, STEP_S)
    building = definitions()["building"]
    window = Plane(
        tilt=90.0, azimuth=building["window"]["azimuth_deg"], glazing=tuple(map(float, building["glazing"]))
    )
    irradiance = irradiance_on(weather, (*planes_of_facades(), window))
    n = weather.grid.n_steps
    n_warmup = WARMUP_DAYS * 24 * weather.grid.steps_per_hour
    rows: IntArray = np.concatenate([np.arange(n - n_warmup, n), np.arange(n)])
    return Year(
        grid=weather.grid.part(-n_warmup, n + n_warmup),
        n_warmup=n_warmup,
        temp_outdoor_degc=weather.temp_outdoor_degc[rows],
        irradiance_w_per_m2=irradiance[rows],
    )


@dataclass(frozen=True, kw_only=True)
class Cases:
    """n cases as dwellings.

    Parameters
    ----------
    names : tuple of str
    network : RcNetwork
        Its operative temperature is that of the air, which these thermostats sense.
    envelope : Envelope
    heat_internal_kw : float [kW]
    conductance_fan_w_per_k : float
        What the ventilation fan adds between air and outdoors [W/K].
    """

    names: tuple[str, ...]
    network: RcNetwork
    envelope: Envelope
    heat_internal_kw: float
    conductance_fan_w_per_k: float

    def targets(self, grid: TimeGrid) -> tuple[FloatArray, FloatArray]:
        """Heating and cooling set-points for the end of each step, shape (n_steps, n) [degC]."""
        # the step that ends at 23 still belongs to the time before 23
        ends = (grid.hour_of_day_local + grid.step_h) % 24.0 - 1e-9
        ends = np.where(ends < 0.0, 24.0 + ends, ends)
        heating = np.full((grid.n_steps, len(self.names)), -np.inf)
        cooling = np.full((grid.n_steps, len(self.names)), np.inf)
        for column, name in enumerate(self.names):
            case = definitions()["cases"][name]
            if case["heating"] is not None:
                points = np.asarray(definitions()["schedules"][case["heating"]], dtype=np.float64)
                heating[:, column] = np.interp(ends, points[:, 0], points[:, 1])
            if case["cooling_degc"] is not None:
                on = in_hours(grid.hour_of_day_local, [tuple(case["cooling_hours"])])
                cooling[:, column] = np.where(on, case["cooling_degc"], np.inf)
        return heating, cooling

    def fan_on(self, grid: TimeGrid) -> BoolArray:
        """When the ventilation fan runs, shape (n_steps, n)."""
        on = np.zeros((grid.n_steps, len(self.names)), dtype=np.bool_)
        for column, name in enumerate(self.names):
            hours = definitions()["cases"][name]["fan_hours"]
            if hours is not None:
                on[:, column] = in_hours(grid.hour_of_day_local, [tuple(hours)])
        return on

    def inputs(self, year: Year) -> FloatArray:
        """What acts on the dwellings, shape (n_steps, n, 5), columns as in ``rc_network.INPUTS``."""
        outdoor = year.temp_outdoor_degc
        return stack_inputs(
            outdoor[:, None],
            temp_solair_degc(self.envelope, year.irradiance_w_per_m2, outdoor),
            0.0,
            self.heat_internal_kw,
            heat_solar_kw(self.envelope, year.irradiance_w_per_m2),
        )


def cases_of(names: Sequence[str], surface_coefficient_w_per_m2k: float | None = None) -> Cases:
    """Cases by name.

    Parameters
    ----------
    names : sequence of str
        Keys of ``cases`` in ``bestest.yaml``.
    surface_coefficient_w_per_m2k : float, optional
        h_is; by default what is published for these buildings [W/(m2 K)].
    """
    table = definitions()
    building, n = table["building"], len(names)
    masses = [table["mass"][table["cases"][name]["mass"]] for name in names]
    walls, window, floor = building["walls"], building["window"], building["floor"]
    on_planes = [walls[facade]["area_m2"] * walls[facade]["u_w_per_m2k"] for facade in FACADES]
    wall = np.array([*on_planes, 0.0])
    opaque = wall.sum() + floor["area_m2"] * floor["u_w_per_m2k"]
    glass = np.zeros(len(wall))
    glass[-1] = window["area_m2"] * window["u_w_per_m2k"]
    aperture = np.zeros(len(wall))
    aperture[-1] = window["area_m2"] * window["g_value"]
    density, volume = building["density_over_sea_level"], building["volume_m3"]
    air_change = building["air_change_sea_level_per_h"] * density
    network = network_from_iso13790(
        floor_area_m2=np.full(n, building["floor_area_m2"]),
        conductance_opaque_w_per_k=opaque,
        conductance_window_w_per_k=glass.sum(),
        conductance_ventilation_w_per_k=AIR_WH_PER_M3K * air_change * volume,
        capacity_mass_j_per_m2k=np.array([mass["capacity_j_per_m2k"] for mass in masses]),
        mass_area_factor=np.array([mass["mass_area_factor"] for mass in masses]),
        capacity_air_j_per_m2k=building["capacity_air_j_per_m3k"] * volume / building["floor_area_m2"],
        h_is=surface_coefficient_w_per_m2k or building["surface_coefficient_w_per_m2k"],
    )
    return Cases(
        names=tuple(names),
        network=with_air_as_operative(network),
        envelope=envelope_of_surfaces(
            aperture_m2=np.tile(aperture, (n, 1)),
            conductance_window_w_per_k=np.tile(glass, (n, 1)),
            conductance_wall_w_per_k=np.tile(wall, (n, 1)),
            conductance_opaque_w_per_k=np.full(n, opaque),
            sky_seen=np.append(SKY_SEEN, 0.5),  # the window comes last
        ),
        heat_internal_kw=building["heat_internal_kw"],
        conductance_fan_w_per_k=AIR_WH_PER_M3K * building["fan_sea_level_m3_per_h"] * density,
    )
