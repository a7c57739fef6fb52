"""Electric cars in a scenario file."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from recosim.scenarios.schema.section import Factor, Section, ShareBelowOne

AWAY_LEAST_H = 0.5
HourOfDay = Annotated[float, Field(ge=0.0, lt=24.0)]
DistanceKm = Annotated[float, Field(ge=0.0, le=1000.0)]


class Car(Section):
    """An electric car that charges behind a dwelling's meter.

    Distances together are the 10,231 km that private cars in Italy drive a year (ISTAT 2025, for 2021), split
    by day [judged]. Consumption: Weiss, Winbush and Helmers 2024 (Sustainability 16, 7529), 19 kWh/100 km
    certified and 21 driven, less 0.6 per 10 kWh of battery. Charging: a tenth less comes out than a meter
    counts (Green eMotion, education material). Capacity and what is left on coming home are judged.
    """

    power_kw: float = Field(
        default=3.7, gt=0.0, le=22.0, description="Power of the wall box; 3.7 and 7.4 are usual [kW]."
    )
    capacity_kwh: float = Field(default=50.0, ge=5.0, le=200.0, description="Usable capacity [kWh].")
    state_min: ShareBelowOne = Field(
        default=0.20, description="What the driver wants left on coming home, as a share of the capacity."
    )
    efficiency_charge: Factor = Field(default=0.90, description="Terminals to battery.")
    consumption_kwh_per_km: float = Field(
        default=0.19, gt=0.0, le=1.0, description="Taken from the battery [kWh/km]."
    )
    distance_weekday_km: DistanceKm = Field(
        default=29.0, description="Mean of the working days of a year [km]."
    )
    distance_saturday_km: DistanceKm = Field(default=28.0, description="Mean of the Saturdays [km].")
    distance_sunday_km: DistanceKm = Field(default=24.0, description="Mean of Sundays and holidays [km].")
    share_by_car: Factor | None = Field(
        default=None,
        description="Share of the driver's absences that are trips by car; left out: 0.65, Italy's mean.",
    )
    departure_h: HourOfDay | None = Field(
        default=None,
        description="Leaves at this local time, on every kind of day with a distance above 0; left out: when "
        "the household's driver leaves [h].",
    )
    arrival_h: HourOfDay | None = Field(
        default=None, description="Comes home at this local time, next day if before `departure_h` [h]."
    )
    spread_minutes: float | None = Field(
        default=None,
        ge=0.0,
        le=180.0,
        description="Standard deviation of `departure_h` and `arrival_h`; left out: 30 [min].",
    )

    @model_validator(mode="after")
    def _drives(self) -> Self:
        if max(self.distance_weekday_km, self.distance_saturday_km, self.distance_sunday_km) == 0.0:
            raise ValueError("a car that never drives: give a distance, or leave the car out")
        if (self.departure_h is None) != (self.arrival_h is None):
            given, other = ("departure_h", "arrival_h")[:: 1 if self.arrival_h is None else -1]
            raise ValueError(f"{given} without {other}; give both, or neither")
        if self.departure_h is None or self.arrival_h is None:
            if self.spread_minutes is not None:
                raise ValueError("spread_minutes says nothing without departure_h and arrival_h")
            return self
        if self.share_by_car is not None:
            raise ValueError("share_by_car says nothing beside departure_h and arrival_h; leave it out")
        away_h = (self.arrival_h - self.departure_h) % 24.0
        if not AWAY_LEAST_H <= away_h <= 24.0 - AWAY_LEAST_H:
            raise ValueError(
                f"arrival_h = {self.arrival_h} for departure_h = {self.departure_h}, allowed: half an hour "
                "apart at least"
            )
        return self
