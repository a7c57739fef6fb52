"""What every part of a scenario file shares: how strict it is, and the kinds of number it holds."""

from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


class Section(BaseModel):
    """Base of all parts of a scenario: unknown keys are refused, values never change afterwards.

    Values are taken as they are typed: ``yes`` or ``"3"`` is not a number. Whole numbers are fine wherever a
    number is asked for; infinity and NaN are not.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, validate_default=True
    )


def _known_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("allowed: an IANA name such as Europe/Rome") from None
    return value


ZoneName = Annotated[str, AfterValidator(_known_zone)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
ShareBelowOne = Annotated[float, Field(ge=0.0, lt=1.0)]
# Numbers far outside anything real are refused: with them a run overflows.
Factor = Annotated[float, Field(ge=0.01, le=1.0)]
NonNegative = Annotated[float, Field(ge=0.0, le=1e6)]
Positive = Annotated[float, Field(ge=1e-9, le=1e9)]
Temperature = Annotated[float, Field(ge=0.0, le=45.0)]
Name = Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
