"""Faults in a scenario file: what is out of order, whose it is, from when to when."""

import re
from datetime import date, datetime
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import BeforeValidator, Field, model_validator

from recosim.scenarios.schema.section import Name, Section

MOMENT = "a local time as YYYY-MM-DDTHH:MM"
ERROR_MAX_K = 100.0
_TEXT = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2})?)?")


def _moment(value: Any) -> Any:
    """A date is its first minute; a time has no zone, for it is local."""
    if isinstance(value, str) and _TEXT.fullmatch(value):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError(f"allowed: {MOMENT} that exists") from None
    elif isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)  # noqa: DTZ001  local, as everything here
    if not isinstance(value, datetime) or value.tzinfo is not None:
        raise ValueError(f"allowed: {MOMENT}, without a zone")
    return value


Moment = Annotated[datetime, BeforeValidator(_moment)]


class _Fault(Section):
    start: Moment = Field(description="Local time at which it begins; a date alone is its midnight.")
    end: Moment = Field(description="Local time at which it is over.")


class MeterSilent(_Fault):
    """A meter gives no readings to the controller; what flowed is settled all the same."""

    kind: Literal["meter_silent"] = Field(description="Which fault.")
    member: Name = Field(description="Delivery point: a dwelling, `common`, or a plant with its own meter.")


class LinkDown(_Fault):
    """The internet link of a dwelling is down: no readings come, no set-points arrive."""

    kind: Literal["link_down"] = Field(description="Which fault.")
    member: Name = Field(description="A dwelling.")


class BatteryTrip(_Fault):
    """A battery is switched off by its own protection, whatever is asked of it."""

    kind: Literal["battery_trip"] = Field(description="Which fault.")
    member: Name = Field(description="A dwelling with a battery.")


class SensorDrift(_Fault):
    """A temperature sensor shows too much or too little to the controller."""

    kind: Literal["sensor_drift"] = Field(description="Which fault.")
    member: Name = Field(description="A dwelling.")
    quantity: Literal["temp_indoor_degc", "temp_tank_degc"] = Field(
        default="temp_indoor_degc", description="Of the dwelling, or of its hot water."
    )
    offset_k: float = Field(
        default=0.0, ge=-ERROR_MAX_K, le=ERROR_MAX_K, description="Error from the start on [K]."
    )
    drift_k_per_day: float = Field(
        default=0.0, ge=-ERROR_MAX_K, le=ERROR_MAX_K, description="What is added in 24 hours [K/d]."
    )

    @model_validator(mode="after")
    def _errs(self) -> Self:
        if self.offset_k == 0.0 and self.drift_k_per_day == 0.0:
            raise ValueError("offset_k and drift_k_per_day are both 0; give one of them")
        return self


class ForecastDown(_Fault):
    """No forecast comes; the last one that came goes on."""

    kind: Literal["forecast_down"] = Field(description="Which fault.")


Fault: TypeAlias = Annotated[
    MeterSilent | LinkDown | BatteryTrip | SensorDrift | ForecastDown, Field(discriminator="kind")
]
