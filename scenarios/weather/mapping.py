"""The mapping of a scenario: which column of a CSV holds which quantity, in which unit, at which time."""

import re
from datetime import timedelta, timezone, tzinfo
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BeforeValidator, Field, field_validator, model_validator
from pydantic.config import JsonDict

from recosim.scenarios.schema.section import Positive, Section

_FIXED = re.compile(r"UTC(?:([+-])(\d{1,2})(?::?([0-5]\d))?)?")
ColumnName = Annotated[str, Field(min_length=1, max_length=200)]
_COLUMN = "Name of the column, as the header row has it."


class _Column(Section):
    column: ColumnName = Field(description=_COLUMN)
    factor: Positive = Field(default=1.0, description="What stands in the file times this is in `unit`.")


class IrradianceColumn(_Column):
    """An irradiance, or the irradiation of each step."""

    unit: Literal["W/m2", "kW/m2", "Wh/m2", "kWh/m2", "J/cm2", "kJ/m2", "MJ/m2"] = Field(
        default="W/m2", description="Power, or energy of one step of the file."
    )


class TemperatureColumn(_Column):
    """The air temperature."""

    unit: Literal["degC", "K", "degF"] = Field(default="degC", description="Unit of the column.")


class WindColumn(_Column):
    """The wind speed at 10 m."""

    unit: Literal["m/s", "km/h", "kn"] = Field(default="m/s", description="Unit of the column; kn: knots.")


def _named(value: Any) -> Any:
    return {"column": value} if isinstance(value, str) else value


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Irradiance = Annotated[
    IrradianceColumn, BeforeValidator(_named, json_schema_input_type=IrradianceColumn | ColumnName)
]
AirTemperature = Annotated[
    TemperatureColumn, BeforeValidator(_named, json_schema_input_type=TemperatureColumn | ColumnName)
]
TimeColumns = Annotated[
    list[ColumnName],
    Field(min_length=1, max_length=4),
    BeforeValidator(_listed, json_schema_input_type=ColumnName | list[ColumnName]),
]
Wind = Annotated[WindColumn, BeforeValidator(_named, json_schema_input_type=WindColumn | ColumnName)]

EXAMPLE_PLAIN: JsonDict = {
    "time": "time",
    "ghi": "GHI",
    "temperature": "T",
    "wind": "wind",
}
EXAMPLE_STATION: JsonDict = {
    "time": ["Data", "Ora"],
    "time_format": "%d/%m/%Y %H:%M",
    "timezone": "Europe/Rome",
    "label": "end",
    "delimiter": ";",
    "decimal": ",",
    "header_row": 2,
    "ghi": {"column": "Radiazione", "unit": "kJ/m2"},
    "temperature": {"column": "Temperatura", "unit": "degC"},
    "wind_speed_m_per_s": 2.0,
}


class WeatherMapping(Section):
    """What the columns of a CSV file of weather are; where it was recorded is the scenario's location.

    A column that is in W/m2, degC or m/s is named, another one is described: ``{column: GHI, unit: kJ/m2}``.

    Examples
    --------
    Hourly rows in UTC, labelled by their begin, in W/m2, degC and m/s::

        weather:
          source: file
          file: station.csv
          mapping: {time: time, ghi: GHI, temperature: T, wind: wind}

    A station that writes date and time of the end of each hour as the clock on the wall shows them, kJ/m2 for
    the hour, and no wind::

        weather:
          source: file
          file: stazione.csv
          mapping:
            time: [Data, Ora]
            time_format: "%d/%m/%Y %H:%M"
            timezone: Europe/Rome
            label: end
            delimiter: ";"
            decimal: ","
            header_row: 2
            ghi: {column: Radiazione, unit: kJ/m2}
            temperature: Temperatura
            wind_speed_m_per_s: 2.0
    """

    model_config = {"json_schema_extra": {"examples": [EXAMPLE_PLAIN, EXAMPLE_STATION]}}

    time: TimeColumns = Field(
        description="Column of the time, or several that are joined with a blank, such as [Date, Hour]."
    )
    time_format: str | None = Field(
        default=None,
        min_length=2,
        max_length=100,
        description="As strptime writes it, such as %d/%m/%Y %H:%M; left out: ISO 8601.",
    )
    timezone: str = Field(
        default="UTC",
        description="Zone of times without their own offset: UTC, a fixed UTC+01:00 (standard time all "
        "year), or an IANA name such as Europe/Rome, whose clock changes the file then follows.",
    )
    label: Literal["start", "middle", "end"] = Field(
        default="start", description="What the time is of the step over which a row's values are means."
    )
    ghi: Irradiance = Field(
        description="Global horizontal irradiance: a column in W/m2, or {column, unit, factor}."
    )
    dni: Irradiance | None = Field(default=None, description="Direct normal irradiance; needs dhi.")
    dhi: Irradiance | None = Field(default=None, description="Diffuse horizontal irradiance; needs dni.")
    temperature: AirTemperature = Field(
        description="Air temperature: a column in degC, or {column, unit, factor}."
    )
    wind: Wind | None = Field(
        default=None, description="Wind speed at 10 m: a column in m/s, or {column, unit, factor}."
    )
    wind_speed_m_per_s: float | None = Field(
        default=None, ge=0.0, le=50.0, description="Constant wind speed for files without it [m/s]."
    )
    delimiter: Literal[",", ";", "\t"] = Field(default=",", description="Between the columns.")
    decimal: Literal[".", ","] = Field(default=".", description="Decimal sign.")
    header_row: int = Field(default=1, ge=1, le=1000, description="Line that holds the columns' names.")

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            _zone(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("allowed: UTC, UTC+01:00 or an IANA name such as Europe/Rome") from None
        return value

    @field_validator("time_format")
    @classmethod
    def _some_directive(cls, value: str | None) -> str | None:
        if value is not None and "%" not in value:
            raise ValueError("allowed: a strptime format such as %d/%m/%Y %H:%M")
        if value is not None and "%Z" in value:
            raise ValueError(
                "%Z, the name of a zone, is no offset: use %z, or leave it out and give timezone"
            )
        return value

    @model_validator(mode="after")
    def _belongs_together(self) -> Self:
        if (self.dni is None) != (self.dhi is None):
            raise ValueError("dni and dhi belong together; give both, or neither and GHI is split by a model")
        if (self.wind is None) == (self.wind_speed_m_per_s is None):
            raise ValueError("give either wind, a column, or wind_speed_m_per_s, a constant")
        if self.decimal == self.delimiter:
            raise ValueError("delimiter and decimal are both ','; a file like that cannot be read")
        return self

    @property
    def zone(self) -> tzinfo:
        """Zone of the labels."""
        return _zone(self.timezone)


def _zone(name: str) -> tzinfo:
    fixed = _FIXED.fullmatch(name)
    if fixed is None:
        return ZoneInfo(name)
    sign, hours, minutes = fixed.groups()
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    return timezone(-offset if sign == "-" else offset)
