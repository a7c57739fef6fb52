"""Heating and cooling units in a scenario file: reversible splits and air-to-water heat pumps."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from recosim.scenarios.schema.section import Factor, Section, ShareBelowOne


class Split(Section):
    """A reversible multisplit unit with inverter."""

    kind: Literal["split"] = Field(default="split", description="What heats and cools the dwelling.")
    cop_nominal: float = Field(default=3.6, ge=1.0, le=10.0, description="COP at 7 degC outdoors, full load.")
    eer_nominal: float = Field(
        default=3.3, ge=1.0, le=10.0, description="EER at 35 degC outdoors, full load."
    )
    slope_per_k: float = Field(
        default=0.025,
        ge=0.0,
        le=0.1,
        description="Relative gain of COP and EER per kelvin of milder weather [1/K].",
    )
    field_factor_heating: Factor = Field(
        default=0.90, description="What installation and use leave of the COP."
    )
    field_factor_cooling: Factor = Field(
        default=0.95, description="What installation and use leave of the EER."
    )
    modulation_min: ShareBelowOne = Field(
        default=0.20, description="Smallest share of the capacity at which the compressor runs."
    )
    degradation: ShareBelowOne = Field(
        default=0.25, description="Share of the efficiency lost by cycling as the load goes to zero."
    )
    power_standby_kw: float = Field(default=0.003, ge=0.0, le=1.0, description="Constant draw [kW].")


class AirToWater(Section):
    """A reversible air-to-water heat pump with inverter: COP and EER of hplib's generic fit."""

    kind: Literal["air_to_water"] = Field(description="What heats and cools the dwelling.")
    supply_heating_degc: float = Field(
        default=45.0,
        ge=25.0,
        le=60.0,
        description="Water when heating: 35 for floors, 45 for fan coils, 55 for radiators [degC].",
    )
    supply_cooling_degc: float = Field(
        default=7.0,
        ge=5.0,
        le=20.0,
        description="Water when cooling: 7 for fan coils, 18 for floors and ceilings [degC].",
    )
    field_factor_heating: Factor = Field(
        default=1.0, description="What installation and use leave of the COP."
    )
    field_factor_cooling: Factor = Field(
        default=1.0, description="What installation and use leave of the EER."
    )
    modulation_min: ShareBelowOne = Field(
        default=0.25, description="Smallest share of the capacity at which the compressor runs."
    )
    degradation: ShareBelowOne = Field(
        default=0.10,
        description="Share of the power at the lowest speed that a cycling unit draws for nothing, 1 - C_c.",
    )
    power_standby_kw: float = Field(
        default=0.015, ge=0.0, le=1.0, description="Constant draw; hplib's median [kW]."
    )


def _split_unless_said(value: Any) -> Any:
    return {"kind": "split", **value} if isinstance(value, dict) else value


Hvac = Annotated[Split | AirToWater, Field(discriminator="kind"), BeforeValidator(_split_unless_said)]
