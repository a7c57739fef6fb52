"""The community in a scenario file: dwellings with their devices, common services, shared plants."""

from collections import Counter
from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from recosim.scenarios.archetypes import Archetype, Position
from recosim.scenarios.schema.car import Car
from recosim.scenarios.schema.envelope import GivenEnvelope, Glazing, Mass
from recosim.scenarios.schema.hvac import Hvac
from recosim.scenarios.schema.section import Factor, Name, Section, Share, ShareBelowOne
from recosim.simulators.physics.battery import TEMP_CELL_RANGE_DEGC

POWER_PLANT_MAX_KW = 1000.0
FLOOR_AREA_MIN_M2, FLOOR_AREA_MAX_M2 = 10.0, 1000.0
ENERGY_BASE_MAX_KWH = 100_000.0
SIZE_MAX = 1000
ENVELOPES = ("archetype", "envelope", "thermal")
DETAILS = ("mass", "glazing", "air_change_per_h", "factor_shading")

AzimuthDeg = Annotated[float, Field(ge=0.0, le=360.0)]
CapacityJPerK = Annotated[float, Field(ge=1.0, le=1e12)]
ResistanceKPerW = Annotated[float, Field(ge=1e-6, le=1e6)]
ApertureM2 = Annotated[float, Field(ge=0.0, le=10_000.0)]


class Photovoltaics(Section):
    """A photovoltaic plant; losses and inverter together are the 14 % of PVGIS."""

    power_kw: float = Field(
        gt=0.0,
        le=POWER_PLANT_MAX_KW,
        description="Peak power [kW]; plants above 1 MW may not belong to a configuration.",
    )
    tilt_deg: float = Field(default=20.0, ge=0.0, le=90.0, description="Tilt from the horizontal [deg].")
    azimuth_deg: AzimuthDeg = Field(default=180.0, description="Clockwise from north, 180 is south [deg].")
    losses: ShareBelowOne = Field(default=0.11, description="Losses before the inverter, as a share.")
    efficiency_inverter: Factor = Field(default=0.96, description="Nominal efficiency of the inverter.")
    dc_ac_ratio: float = Field(
        default=1.1, ge=0.1, le=3.0, description="Peak power over the inverter's power."
    )
    gamma_per_k: float = Field(
        default=-0.0037,
        ge=-0.02,
        le=0.0,
        description="Relative change of power per kelvin of the cell [1/K].",
    )
    power_auxiliary_kw: float = Field(
        default=0.0, ge=0.0, le=100.0, description="Constant draw of inverter and monitoring [kW]."
    )
    commissioned: date = Field(
        default=date(2024, 6, 1),
        description="Start of operation; before 16 December 2021 it earns no premium.",
    )
    grant_percent: float = Field(
        default=0.0, ge=0.0, le=40.0, description="Capital grant, of the investment [%]."
    )


class Plant(Photovoltaics):
    """A plant that serves the community rather than one dwelling."""

    name: Name = Field(description="Name, unique among the plants.")
    tilt_deg: float = Field(default=15.0, ge=0.0, le=90.0, description="Tilt from the horizontal [deg].")
    pod: Literal["common", "own"] = Field(
        default="common", description="Behind the meter of the common services, or with a meter of its own."
    )
    voltage: Literal["LV", "MV", "HV"] = Field(default="LV", description="Voltage of the connection.")


class Battery(Section):
    """A battery behind a dwelling's meter."""

    capacity_kwh: float = Field(default=5.0, gt=0.0, le=10_000.0, description="Nominal capacity [kWh].")
    power_charge_max_kw: float = Field(
        default=2.5, gt=0.0, le=10_000.0, description="Largest charging power at the terminals [kW]."
    )
    power_discharge_max_kw: float = Field(
        default=2.5, gt=0.0, le=10_000.0, description="Largest discharging power at the terminals [kW]."
    )
    state_min: Share = Field(
        default=0.10, description="Lower end of the usable range, as a share of the capacity."
    )
    state_max: Share = Field(
        default=0.95, description="Upper end of the usable range, as a share of the capacity."
    )
    efficiency_charge: Factor = Field(default=0.95, description="Terminals to cells, inverter included.")
    efficiency_discharge: Factor = Field(default=0.95, description="Cells to terminals, inverter included.")
    self_discharge_per_month: ShareBelowOne = Field(
        default=0.02, description="Share of the stored energy lost."
    )
    grid_charging: bool = Field(
        default=False,
        description="True: may charge from the grid and never injects. False: charges from its own surplus.",
    )
    ageing: Literal["none", "lfp"] = Field(
        default="none",
        description="Whether capacity is lost by time and use, and by which model: lithium iron phosphate.",
    )
    temp_cell_degc: float = Field(
        default=25.0,
        ge=TEMP_CELL_RANGE_DEGC[0],
        le=TEMP_CELL_RANGE_DEGC[1],
        description="Temperature of the cells all year, for ageing: that of a room indoors [degC].",
    )

    @model_validator(mode="after")
    def _usable_range(self) -> Self:
        if self.state_min >= self.state_max:
            raise ValueError(f"state_min = {self.state_min}, allowed: below state_max = {self.state_max}")
        return self


class HotWater(Section):
    """A tank of domestic hot water behind a dwelling's meter."""

    kind: Literal["boiler", "heat_pump"] = Field(
        default="boiler", description="Heated by an electric element, or by a heat pump from the outdoor air."
    )
    volume_l: float = Field(default=80.0, ge=5.0, le=2000.0, description="Water in the tank [l].")
    power_kw: float = Field(
        default=1.2, gt=0.0, le=50.0, description="Electric power of the element or the compressor [kW]."
    )
    loss_w_per_k: float = Field(
        default=1.2, ge=0.0, le=50.0, description="Loss of the tank, which does not warm the flat [W/K]."
    )
    temp_setpoint_degc: float = Field(
        default=55.0, ge=45.0, le=65.0, description="The thermostat heats up to this [degC]."
    )
    deadband_k: float = Field(
        default=5.0, ge=1.0, le=15.0, description="It heats again this far below the set-point [K]."
    )
    disinfection: bool = Field(
        default=True, description="After a week without 60 degC the tank is heated to it (legionella)."
    )
    litres_per_person_day: float = Field(
        default=45.0, gt=0.0, le=300.0, description="Water drawn at `temp_tap_degc` [l per person and day]."
    )
    temp_tap_degc: float = Field(default=40.0, ge=35.0, le=45.0, description="Temperature of use [degC].")
    temp_cold_mean_degc: float = Field(
        default=12.0, ge=0.0, le=25.0, description="Cold water, mean of the year [degC]."
    )
    temp_cold_amplitude_k: float = Field(
        default=4.0, ge=0.0, le=12.0, description="Cold water in mid-August above the mean [K]."
    )

    @model_validator(mode="after")
    def _warm_enough(self) -> Self:
        if self.temp_setpoint_degc - self.deadband_k < self.temp_tap_degc:
            raise ValueError(
                f"deadband_k = {self.deadband_k}, allowed: at most temp_setpoint_degc - temp_tap_degc = "
                f"{self.temp_setpoint_degc - self.temp_tap_degc}"
            )
        coldest = self.temp_cold_mean_degc - self.temp_cold_amplitude_k
        warmest = self.temp_cold_mean_degc + self.temp_cold_amplitude_k
        if coldest < 0.0 or warmest > 25.0:
            raise ValueError(
                f"temp_cold_amplitude_k = {self.temp_cold_amplitude_k} around {self.temp_cold_mean_degc}, "
                "allowed: cold water within [0, 25] degC all year"
            )
        return self


class _Aperture(Section):
    """Sun that enters through the windows."""

    aperture_north_m2: ApertureM2 = Field(
        default=0.0, description="Collecting area of the windows to the north, A (1 - F_f) F_w g F_sh [m2]."
    )
    aperture_east_m2: ApertureM2 = Field(default=0.0, description="The same to the east [m2].")
    aperture_south_m2: ApertureM2 = Field(default=0.0, description="The same to the south [m2].")
    aperture_west_m2: ApertureM2 = Field(default=0.0, description="The same to the west [m2].")


class Thermal3R2C(_Aperture):
    """A dwelling's thermal network, given directly: a node of air and a node of mass."""

    model: Literal["3r2c"] = Field(description="Which network.")
    resistance_air_outdoor_k_per_w: ResistanceKPerW = Field(description="Windows and ventilation [K/W].")
    resistance_air_mass_k_per_w: ResistanceKPerW = Field(description="Between air and mass [K/W].")
    resistance_mass_outdoor_k_per_w: ResistanceKPerW = Field(
        description="Walls, from the mass outwards [K/W]."
    )
    capacity_air_j_per_k: CapacityJPerK = Field(description="Air and furniture [J/K].")
    capacity_mass_j_per_k: CapacityJPerK = Field(description="Walls and floors [J/K].")


class Thermal1R1C(_Aperture):
    """A dwelling's thermal network, given directly: one node."""

    model: Literal["1r1c"] = Field(description="Which network.")
    resistance_k_per_w: ResistanceKPerW = Field(description="Indoors to outdoors [K/W].")
    capacity_j_per_k: CapacityJPerK = Field(description="Of the whole dwelling [J/K].")


class Dwelling(Section):
    """A flat: its envelope, its household and its devices; it has a meter of its own."""

    name: Name = Field(description="Name, unique among the dwellings.")
    archetype: Archetype | None = Field(
        default=None,
        description="Envelope of an Italian apartment block by age or retrofit.",
    )
    envelope: GivenEnvelope | None = Field(
        default=None, description="Envelope by areas and U-values, instead of `archetype`."
    )
    thermal: Annotated[Thermal3R2C | Thermal1R1C, Field(discriminator="model")] | None = Field(
        default=None, description="Resistances and capacities given directly, instead of `archetype`."
    )
    position: Position = Field(
        default="middle", description="Where the flat lies in its block, with `archetype`."
    )
    mass: Mass | None = Field(
        default=None,
        description="Heat capacity, ISO 13790; left out: the archetype's, medium with an `envelope`.",
    )
    glazing: Glazing | None = Field(
        default=None, description="New windows; left out: those of the archetype or the envelope."
    )
    air_change_per_h: float | None = Field(
        default=None,
        ge=0.0,
        le=20.0,
        description="Ventilation and leaks; left out: the archetype's, 0.5 with an `envelope` [1/h].",
    )
    factor_shading: Share | None = Field(
        default=None,
        description="What eaves, balconies and other houses leave of the sun; left out: that of `building`.",
    )
    floor_area_m2: float = Field(
        ge=FLOOR_AREA_MIN_M2, le=FLOOR_AREA_MAX_M2, description="Conditioned floor area [m2]."
    )
    people: int = Field(ge=1, le=12, description="Members of the household.")
    occupancy: Literal["retired", "working", "mixed", "family"] = Field(
        default="mixed",
        description="At home by day: all, nobody, one who works there, or children after school.",
    )
    energy_base_kwh_per_year: float = Field(
        gt=0.0, le=ENERGY_BASE_MAX_KWH, description="Consumption without heating and cooling [kWh/year]."
    )
    power_contract_kw: float = Field(default=3.0, gt=0.0, le=1000.0, description="Contract power [kW].")
    heating_nominal_kw: float = Field(
        ge=0.0, le=1000.0, description="Heating capacity at 7 degC outdoors, thermal [kW]."
    )
    cooling_nominal_kw: float = Field(
        ge=0.0, le=1000.0, description="Cooling capacity at 35 degC outdoors, thermal [kW]."
    )
    hvac: Hvac | None = Field(
        default=None, description="What heats and cools this dwelling; left out: the scenario's `hvac`."
    )
    photovoltaics: Photovoltaics | None = Field(
        default=None, description="A plant behind the dwelling's meter."
    )
    battery: Battery | None = Field(default=None, description="A battery behind the dwelling's meter.")
    hot_water: HotWater | None = Field(
        default=None, description="Electric hot water; left out: it comes from elsewhere, such as gas."
    )
    car: Car | None = Field(default=None, description="An electric car that charges behind the meter.")

    @model_validator(mode="after")
    def _one_envelope(self) -> Self:
        given = [name for name in ENVELOPES if getattr(self, name) is not None]
        if len(given) != 1:
            found = " and ".join(given) if given else "none"
            raise ValueError(f"give one of {', '.join(ENVELOPES)}; {found} given")
        if self.glazing is not None and self.envelope is not None and self.envelope.windows is None:
            raise ValueError("glazing replaces windows, and envelope has none; give envelope.windows")
        for name in DETAILS if self.thermal is not None else ():
            if getattr(self, name) is not None:
                raise ValueError(f"{name} says nothing beside thermal, which already holds it; leave it out")
        return self


class CommonServices(Section):
    """Lift, stairs and pump, with a meter of their own and the tariff of non-domestic uses."""

    energy_kwh_per_year: float = Field(default=2000.0, ge=0.0, le=1e7, description="Consumption [kWh/year].")
    power_contract_kw: float = Field(default=3.0, gt=0.0, le=10_000.0, description="Contract power [kW].")


class Community(Section):
    """Who takes part, and with which devices."""

    size: int | None = Field(
        default=None,
        ge=1,
        le=SIZE_MAX,
        description="Number of dwellings: those listed are repeated and varied, plants grow in proportion.",
    )
    dwellings: tuple[Dwelling, ...] = Field(
        strict=False, min_length=1, max_length=SIZE_MAX, description="The dwellings, one meter each."
    )
    common_services: CommonServices | None = Field(
        default=None, description="Common services of the building."
    )
    shiftable_appliances: bool = Field(
        default=False,
        description="True: a controller may move the cycles of washing machines, dishwashers and dryers.",
    )
    plants: tuple[Plant, ...] = Field(
        default=(), strict=False, max_length=SIZE_MAX, description="Plants that serve the community."
    )

    @model_validator(mode="after")
    def _names_and_pods(self) -> Self:
        for what, named in (("dwellings", self.dwellings), ("plants", self.plants)):
            counts = Counter(item.name for item in named)
            doubled = [name for name, count in counts.items() if count > 1]
            if doubled:
                raise ValueError(f"two {what} are called {doubled[0]!r}; allowed: each name once")
        if self.common_services is None:
            for index, plant in enumerate(self.plants):
                if plant.pod == "common":
                    raise ValueError(
                        f"plants[{index}].pod = 'common' needs common_services; give them, or set pod: own"
                    )
        return self
