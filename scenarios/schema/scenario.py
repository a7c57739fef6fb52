"""The scenario: everything that decides a run, read from YAML.

Each quantity has its unit in its name, and bounds; unknown keys are refused. ``recosim.scenarios.loader``
reads and writes scenarios and turns what is wrong into messages.
"""

from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, PrivateAttr, field_validator, model_validator

from recosim.scenarios.data_folders import DataFolders
from recosim.scenarios.schema.climate import Climate
from recosim.scenarios.schema.community import Community
from recosim.scenarios.schema.faults import Fault
from recosim.scenarios.schema.hvac import Hvac, Split
from recosim.scenarios.schema.rules import (
    BuildingUse,
    Comfort,
    Objective,
    Settlement,
    Tariff,
)
from recosim.scenarios.schema.section import Name, Section, ZoneName
from recosim.scenarios.weather.mapping import WeatherMapping

Place = Literal["naples", "rome", "torino"]
Zone = Literal["NORD", "CNOR", "CSUD", "SUD", "CALA", "SICI", "SARD"]
SEED_MAX = 2**32 - 1
YEAR_MIN, YEAR_MAX = 2000, 2100
FAULTS_MAX = 1000
DWELLING_STEPS_MAX = 400_000_000
"""Ten years of 1000 dwellings in quarter-hours; a series of that is 1.6 GB."""
HalfWidth = Annotated[float, Field(ge=0.0, lt=0.5)]
FilePath = Annotated[str, Field(min_length=1, max_length=1000)]


class Period(Section):
    """When: whole local days from local midnight."""

    start: date | None = Field(default=None, description="First day; left out: 1 January of `calendar_year`.")
    days: int = Field(default=365, ge=1, le=3660, description="Number of days.")
    calendar_year: int = Field(
        default=2025,
        ge=YEAR_MIN,
        le=YEAR_MAX,
        description="Year that decides weekdays, clock changes and tariffs.",
    )
    warmup_days: int = Field(
        default=3, ge=0, le=60, description="Days before the start, run by rules, not counted."
    )
    step_minutes: Literal[5, 15, 30, 60] = Field(
        default=15, description="Step of the simulation and of the controller [min]."
    )

    @model_validator(mode="before")
    @classmethod
    def _year_of_start(cls, data: object) -> object:
        if isinstance(data, dict) and isinstance(data.get("start"), date) and "calendar_year" not in data:
            year = data["start"].year
            return {**data, "calendar_year": year} if YEAR_MIN <= year <= YEAR_MAX else data
        return data

    @field_validator("start")
    @classmethod
    def _start_known(cls, value: date | None) -> date | None:
        if value is not None and not YEAR_MIN <= value.year <= YEAR_MAX:
            raise ValueError(f"allowed: a date in the years {YEAR_MIN} to {YEAR_MAX}")
        return value

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.start is not None and self.start.year != self.calendar_year:
            raise ValueError(
                f"start = {self.start} lies outside calendar_year = {self.calendar_year}; give one of them"
            )
        return self

    @property
    def date_start(self) -> date:
        """First day of the period."""
        return self.start or date(self.calendar_year, 1, 1)


class Location(Section):
    """Where: a place that recosim knows, or coordinates."""

    place: Place | None = Field(default=None, description="Coordinates and climate of a city.")
    latitude_deg: float | None = Field(
        default=None, ge=-66.0, le=66.0, description="North is positive [deg]."
    )
    longitude_deg: float | None = Field(
        default=None, ge=-180.0, le=180.0, description="East is positive [deg]."
    )
    altitude_m: float = Field(default=0.0, ge=-430.0, le=5000.0, description="Used with coordinates [m].")
    timezone: ZoneName = Field(default="Europe/Rome", description="IANA name; decides local time.")

    @model_validator(mode="after")
    def _place_or_coordinates(self) -> Self:
        coordinates = (self.latitude_deg is not None, self.longitude_deg is not None)
        if any(coordinates) != all(coordinates):
            raise ValueError("latitude_deg and longitude_deg belong together, give both")
        if (self.place is not None) == all(coordinates):
            raise ValueError("give either place or latitude_deg and longitude_deg")
        return self


class _Source(Section):
    source: Literal["synthetic", "file"] = Field(default="synthetic", description="Made by recosim, or read.")
    file: FilePath | None = Field(
        default=None, description="Path within the scenario file's folder, or a folder of --data."
    )

    @model_validator(mode="after")
    def _file_or_not(self) -> Self:
        if (self.source == "file") != (self.file is not None):
            wrong = "needs file: PATH" if self.source == "file" else "reads no file; set source: file"
            raise ValueError(f"source = {self.source!r} {wrong}")
        return self


class WeatherInput(_Source):
    """Outdoor temperature and sun."""

    place: Place | None = Field(
        default=None, description="Climate of the synthetic year; left out: that of `location.place`."
    )
    climate: Climate | None = Field(
        default=None,
        description="Monthly figures of another place, for a synthetic year at the location's coordinates.",
    )
    seed: int | None = Field(
        default=None, ge=0, le=SEED_MAX, description="Seed of the synthetic year; left out: the scenario's."
    )
    mapping: WeatherMapping | None = Field(
        default=None,
        description="Columns of a CSV file of any other kind; left out: the file is EPW, PVGIS or NSRDB.",
    )

    @model_validator(mode="after")
    def _mapping_of_a_file(self) -> Self:
        if self.mapping is not None and self.file is None:
            raise ValueError("mapping belongs to a file; set source: file and file: PATH")
        return self

    @model_validator(mode="after")
    def _one_climate(self) -> Self:
        if self.climate is not None and (self.place is not None or self.file is not None):
            raise ValueError("climate is that of a synthetic year; leave out place and file, or climate")
        return self


class PricesInput(_Source):
    """Day-ahead prices: PUN and zonal."""

    zone: Zone | None = Field(default=None, description="Market zone; left out: that of `settlement.region`.")
    align: Literal["timestamp", "calendar"] = Field(
        default="timestamp",
        description="Take a file's prices by instant, or by month, day and hour of any year.",
    )


class ControllerChoice(Section):
    """Who decides heating, cooling and storage."""

    name: str = Field(
        default="rules",
        max_length=100,
        pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$",
        description="Name under which the controller is installed; files are named on the command line only.",
    )
    options: dict[str, Any] = Field(default={}, description="The controller's own options.")
    time_budget_ms: float | None = Field(
        default=None,
        gt=0.0,
        description="A decision that takes longer comes too late and local rules take its step; left out: no "
        "limit. Depends on the machine, so a run with it may not repeat [ms].",
    )
    kill_after_s: float = Field(
        default=60.0,
        gt=0.0,
        le=86_400.0,
        description="With --isolate: a decision that takes longer is ended together with its process [s].",
    )

    @field_validator("options")
    @classmethod
    def _plain_values(cls, value: dict[str, Any]) -> dict[str, Any]:
        for key, option in value.items():
            parts = option if isinstance(option, list) else [option]
            if any(part is not None and not isinstance(part, bool | int | float | str) for part in parts):
                raise ValueError(
                    f"option {key!r}: allowed: a number, a word, true, false, null or a list of them"
                )
        return value


class ModelError(Section):
    """How far the controller's model may be from the plant: each device gets its own seeded factor."""

    resistance: HalfWidth = Field(default=0.0, description="Thermal resistances, as a share.")
    capacity: HalfWidth = Field(default=0.0, description="Heat capacities, as a share.")
    cop: HalfWidth = Field(default=0.0, description="COP and EER, as a share.")
    photovoltaics: HalfWidth = Field(default=0.0, description="Power of the plants, as a share.")


class Scenario(Section):
    """A community, where and when it lives, what it pays, and who controls it."""

    name: Name = Field(description="Short name, used for result files.")
    description: str = Field(default="", max_length=2000, description="What the scenario is, for people.")
    seed: int = Field(
        default=0, ge=0, le=SEED_MAX, description="Decides every random series; equal seeds give equal runs."
    )
    period: Period = Period()
    location: Location
    weather: WeatherInput = WeatherInput()
    prices: PricesInput = PricesInput()
    community: Community
    hvac: Hvac = Field(default=Split(), description="What heats and cools the dwellings.")
    comfort: Comfort = Comfort()
    building: BuildingUse = BuildingUse()
    objective: Objective = Objective()
    tariff: Tariff = Tariff()
    settlement: Settlement = Settlement()
    controller: ControllerChoice = ControllerChoice()
    forecast: Literal["perfect", "persistence", "low", "medium", "high"] = Field(
        default="perfect",
        description="What the controller is told of the future: the truth, the last day, or errors.",
    )
    model_error: ModelError = Field(
        default=ModelError(),
        description="Of the controller's model; a number stands for all four parts.",
    )
    faults: tuple[Fault, ...] = Field(
        default=(), strict=False, max_length=FAULTS_MAX, description="What is out of order, and when."
    )

    _folders: DataFolders = PrivateAttr(default=DataFolders())

    @field_validator("model_error", mode="before", json_schema_input_type=ModelError | HalfWidth)
    @classmethod
    def _one_for_all(cls, value: Any) -> Any:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return dict.fromkeys(ModelError.model_fields, value) if is_number else value

    @model_validator(mode="after")
    def _climate_known(self) -> Self:
        weather, place = self.weather, self.location.place
        if weather.source == "synthetic" and not (weather.place or weather.climate or place):
            raise ValueError(
                "weather.place is missing: coordinates alone do not say which climate to make; give it, "
                "weather.climate or a file"
            )
        return self

    @model_validator(mode="after")
    def _step_fits(self) -> Self:
        minutes = self.period.step_minutes
        if self.community.shiftable_appliances and minutes != 15:
            raise ValueError(
                f"period.step_minutes = {minutes} with community.shiftable_appliances: cycles are in "
                "quarter-hours; allowed: 15"
            )
        if self.settlement.settlement_step == "quarter" and minutes > 15:
            raise ValueError(
                f"period.step_minutes = {minutes} with settlement.settlement_step = 'quarter', "
                "allowed: 5 or 15, or settlement_step: hour"
            )
        return self

    @model_validator(mode="after")
    def _fits_into_memory(self) -> Self:
        n_dwellings = self.community.size or len(self.community.dwellings)
        n_steps = (self.period.days + self.period.warmup_days) * 24 * 60 // self.period.step_minutes
        if n_dwellings * n_steps > DWELLING_STEPS_MAX:
            raise ValueError(
                f"{n_dwellings} dwellings times {n_steps} steps are more than {DWELLING_STEPS_MAX:,}; give "
                "fewer days or dwellings, or a longer period.step_minutes"
            )
        return self

    @property
    def folders(self) -> DataFolders:
        """Where its files may lie; not part of the scenario's text or hash."""
        return self._folders

    def placed_in(self, folders: DataFolders | Path | None) -> Self:
        """Return the same scenario, seen from another folder, or from several."""
        placed = self.model_copy()
        placed._folders = folders if isinstance(folders, DataFolders) else DataFolders(scenario=folders)
        return placed

    def path_of(self, file: str) -> Path:
        """Find a file that the scenario names: in its own folder or those of ``--data``.

        Raises
        ------
        ScenarioError
            The file is in none of them, or the path leads out of them.
        """
        return self._folders.path_of(file, self.name)
