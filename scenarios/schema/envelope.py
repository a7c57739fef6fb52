"""A flat's envelope in a scenario file: areas by orientation and U-values."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from recosim.scenarios.schema.section import Factor, NonNegative, Section, Share

UValue = Annotated[float, Field(gt=0.0, le=10.0)]
Area = Annotated[float, Field(ge=0.0, le=10_000.0)]
Mass = Literal["very-light", "light", "medium", "heavy", "very-heavy"]


class _ByOrientation(Section):
    """Areas that look four ways."""

    north_m2: Area = Field(default=0.0, description="Area to the north [m2].")
    east_m2: Area = Field(default=0.0, description="Area to the east [m2].")
    south_m2: Area = Field(default=0.0, description="Area to the south [m2].")
    west_m2: Area = Field(default=0.0, description="Area to the west [m2].")


class Walls(_ByOrientation):
    """Outer walls, without their windows."""

    u_w_per_m2k: UValue = Field(description="U-value [W/(m2 K)].")


class Windows(_ByOrientation):
    """Windows with their frames."""

    u_w_per_m2k: UValue = Field(description="U-value of glass and frame [W/(m2 K)].")
    g_value: Factor = Field(
        default=0.67, description="Solar transmittance of the glazing at a right angle; low-e by default."
    )
    fraction_frame: Share = Field(default=0.3, description="Part of the window that is frame.")
    factor_incidence: Factor = Field(default=0.9, description="What slanting light leaves of the g-value.")


class Element(Section):
    """Another part of the envelope."""

    area_m2: Area = Field(description="Area [m2].")
    u_w_per_m2k: UValue = Field(description="U-value [W/(m2 K)].")
    factor_temperature: Share = Field(
        default=1.0,
        description="Temperature drop to what lies behind, over that to outdoors: 1 outdoors, 0.5 a cellar, "
        "stairs or ground, 0 a heated flat.",
    )


class Glazing(Section):
    """Windows that replaced those of the archetype or the envelope."""

    u_w_per_m2k: UValue = Field(description="U-value of glass and frame [W/(m2 K)].")
    g_value: Factor = Field(description="Solar transmittance of the glazing at a right angle.")


class GivenEnvelope(Section):
    """What separates a flat from outdoors and from what is not heated."""

    walls: Walls | None = Field(default=None, description="Outer walls.")
    windows: Windows | None = Field(default=None, description="Windows.")
    roof: Element | None = Field(default=None, description="A flat roof in the sun; a top floor has one.")
    floor: Element | None = Field(default=None, description="Floor over ground, cellar or outdoors.")
    partition: Element | None = Field(default=None, description="Walls to stairs or other unheated spaces.")
    thermal_bridges_w_per_k: NonNegative = Field(
        default=0.0, description="Thermal bridges that the U-values leave out [W/K]."
    )
    height_m: float = Field(default=2.7, ge=1.5, le=10.0, description="Height of the rooms [m].")

    @model_validator(mode="after")
    def _some_surface(self) -> Self:
        if self.walls is None and self.windows is None and self.roof is None:
            raise ValueError("nothing faces outdoors; give walls, windows or roof")
        return self

    def scaled(self, factor: float) -> "GivenEnvelope":
        """The same envelope with all areas, and its thermal bridges, times ``factor``."""
        parts = {
            name: part.model_copy(
                update={key: round(value * factor, 3) for key, value in part if key.endswith("_m2")}
            )
            for name, part in self
            if isinstance(part, Section)
        }
        bridges = {"thermal_bridges_w_per_k": self.thermal_bridges_w_per_k * factor}
        return self.model_copy(update=parts | bridges)
