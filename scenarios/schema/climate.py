"""A climate in a scenario file: the monthly figures from which a synthetic year is made."""

from typing import Annotated

from pydantic import Field

from recosim.scenarios.schema.section import Section

MonthlyIrradiation = Annotated[
    tuple[Annotated[float, Field(gt=0.0, le=12.0)], ...],
    Field(strict=False, min_length=12, max_length=12),
]
MonthlyTemperature = Annotated[
    tuple[Annotated[float, Field(ge=-60.0, le=60.0)], ...],
    Field(strict=False, min_length=12, max_length=12),
]
MonthlySpread = Annotated[
    tuple[Annotated[float, Field(gt=0.0, le=40.0)], ...],
    Field(strict=False, min_length=12, max_length=12),
]


class Climate(Section):
    """Twelve figures each, January to December, as climate normals and PVGIS give them."""

    irradiation_kwh_per_m2_day: MonthlyIrradiation = Field(
        description="Daily global horizontal irradiation, mean of the month [kWh/m2]."
    )
    temp_degc: MonthlyTemperature = Field(description="Mean air temperature [degC].")
    irradiation_sd_kwh_per_m2_day: MonthlySpread | None = Field(
        default=None,
        description="Day-to-day standard deviation; left out: the mean share of the known places [kWh/m2].",
    )
    temp_sd_k: MonthlySpread | None = Field(
        default=None,
        description="Standard deviation of daily means; left out: the mean of the known places [K].",
    )
    temp_range_k: MonthlySpread | None = Field(
        default=None, description="Mean daily range; left out: the mean of the known places [K]."
    )
    wind_speed_m_per_s: float = Field(
        default=2.4, ge=0.0, le=30.0, description="Mean wind speed at 10 m [m/s]."
    )
    linke_turbidity: float = Field(
        default=2.7, ge=1.0, le=10.0, description="Linke turbidity of the clear sky that bounds every day."
    )
