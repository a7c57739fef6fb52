"""The rules of the game in a scenario file: comfort, building use, tariff, settlement."""

from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from recosim.scenarios.schema.section import NonNegative, Section, Share, ShareBelowOne, Temperature

MonthDay = Annotated[str, Field(pattern=r"^\d{2}-\d{2}$")]
Hours = tuple[tuple[float, float], ...]
Price = Annotated[float, Field(ge=0.0, le=10.0)]
Region = Literal[
    "Abruzzo",
    "Basilicata",
    "Calabria",
    "Campania",
    "Emilia-Romagna",
    "Friuli-Venezia Giulia",
    "Lazio",
    "Liguria",
    "Lombardia",
    "Marche",
    "Molise",
    "Piemonte",
    "Puglia",
    "Sardegna",
    "Sicilia",
    "Toscana",
    "Trentino-Alto Adige",
    "Umbria",
    "Valle d'Aosta",
    "Veneto",
]


AllocationKey = Literal[
    "coincident_withdrawal", "equal", "consumption", "producers_consumers", "shapley", "marginal"
]


class Comfort(Section):
    """Operative temperatures wanted, when, and what missing them costs."""

    heating_awake_degc: Temperature = Field(default=20.0, description="Least, someone awake at home [degC].")
    heating_asleep_degc: Temperature = Field(default=18.0, description="Least, everybody asleep [degC].")
    heating_away_degc: Temperature = Field(default=16.0, description="Least, nobody at home [degC].")
    heating_upper_degc: Temperature = Field(
        default=22.0, description="Most when heating, someone at home [degC]."
    )
    heating_upper_away_degc: Temperature = Field(
        default=30.0, description="Most when heating, nobody home [degC]."
    )
    cooling_home_degc: Temperature = Field(
        default=26.0, description="Most when cooling, someone awake [degC]."
    )
    cooling_asleep_degc: Temperature = Field(
        default=27.0, description="Most when cooling, everybody asleep [degC]."
    )
    cooling_away_degc: Temperature = Field(
        default=30.0, description="Most when cooling, nobody at home [degC]."
    )
    heating_season_start: MonthDay = Field(default="11-15", description="First day, MM-DD.")
    heating_season_end: MonthDay = Field(default="03-31", description="Last day, MM-DD.")
    heating_hours: Hours = Field(
        default=((6.0, 9.0), (16.0, 23.0)),
        strict=False,
        description="Local hours of heating, from and to [h].",
    )
    cooling_season_start: MonthDay = Field(default="06-01", description="First day, MM-DD.")
    cooling_season_end: MonthDay = Field(default="09-30", description="Last day, MM-DD.")
    cooling_hours: Hours = Field(
        default=((13.0, 24.0),), strict=False, description="Local hours of cooling, from and to [h]."
    )
    price_comfort_eur_per_kh: NonNegative = Field(
        default=0.50,
        description="Per dwelling and kelvin hour outside the band, three times that beyond 2 K [EUR/Kh].",
    )

    @field_validator(
        "heating_season_start", "heating_season_end", "cooling_season_start", "cooling_season_end"
    )
    @classmethod
    def _day_of_year(cls, value: str) -> str:
        try:
            date.fromisoformat(f"2000-{value}")
        except ValueError:
            raise ValueError("allowed: a day of the year as MM-DD") from None
        return value

    @field_validator("heating_hours", "cooling_hours", mode="before")
    @classmethod
    def _pairs(cls, value: object) -> object:
        if isinstance(value, list):
            return tuple(tuple(pair) if isinstance(pair, list) else pair for pair in value)
        return value

    @field_validator("heating_hours", "cooling_hours")
    @classmethod
    def _hours(cls, value: Hours) -> Hours:
        previous = 0.0
        for first, last in value:
            if not previous <= first < last <= 24.0:
                raise ValueError("allowed: pairs [from, to] in order, within 0 to 24, not overlapping")
            previous = last
        return value

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        for upper, lower in (
            ("heating_upper_degc", "heating_awake_degc"),
            ("heating_upper_degc", "heating_asleep_degc"),
            ("heating_upper_away_degc", "heating_away_degc"),
        ):
            if getattr(self, upper) < getattr(self, lower):
                raise ValueError(
                    f"{upper} = {getattr(self, upper)}, allowed: at least {lower} = {getattr(self, lower)}"
                )
        return self


class BuildingUse(Section):
    """How sun and night air get in."""

    factor_shading: Share = Field(
        default=0.60, description="What eaves, balconies and other houses leave of the sun."
    )
    factor_shutters: Share = Field(
        default=0.45, description="What closed shutters leave, June to September above 300 W/m2."
    )
    gain_from_load: Share = Field(
        default=1.0, description="Share of the household load that stays in the dwelling as heat."
    )
    natural_night_ventilation: bool = Field(default=True, description="Windows are opened in warm nights.")
    roof_u_w_per_m2k: float | None = Field(
        default=None,
        gt=0.0,
        le=10.0,
        description="U-value of a roof insulated later; left out: the archetype's own [W/(m2 K)].",
    )
    air_change_windows_per_h: float = Field(
        default=1.0, ge=0.0, le=20.0, description="Extra air change with the windows open [1/h]."
    )


class Objective(Section):
    """Prices that steer an optimising controller beside money and comfort."""

    price_wear_eur_per_kwh: Price = Field(
        default=0.02, description="Battery wear per kWh charged or discharged [EUR/kWh]."
    )
    price_overrun_eur_per_kwh: NonNegative = Field(
        default=5.0,
        description="Withdrawing above 1.1 times the contract power, in the optimisation [EUR/kWh].",
    )


class BandPrices(Section):
    """Energy price by time band."""

    f1: Price = Field(description="Working days 8-19 [EUR/kWh].")
    f2: Price = Field(description="Working days 7-8 and 19-23, Saturdays 7-23 [EUR/kWh].")
    f3: Price = Field(description="Nights, Sundays and holidays [EUR/kWh].")


class Tariff(Section):
    """What a withdrawn kWh costs. A regulated figure left out is that of `settlement.tariff_year`."""

    kind: Literal["flat", "bands", "hourly"] = Field(
        default="hourly", description="Energy price: the same all year, by band, or the hourly PUN."
    )
    price_all_in_eur_per_kwh: Price | None = Field(
        default=None,
        description="One price that contains everything; nothing else is then charged [EUR/kWh].",
    )
    price_energy_eur_per_kwh: Price | None = Field(
        default=None, description="Energy price of kind `flat`; left out: the mean PUN [EUR/kWh]."
    )
    prices_energy_bands: BandPrices | None = Field(
        default=None, description="Energy prices of kind `bands`; left out: the mean PUN of each band."
    )
    spread_eur_per_kwh: Price = Field(
        default=0.020, description="The seller's margin on the energy [EUR/kWh]."
    )
    sales_eur_per_year: NonNegative = Field(default=120.0, description="The seller's fixed part [EUR/year].")
    dispatching_eur_per_kwh: Price | None = Field(
        default=None, description="Dispatching, regulated [EUR/kWh]."
    )
    losses: ShareBelowOne | None = Field(
        default=None, description="Added to energy and dispatching for grid losses, regulated, as a share."
    )
    network_fixed_eur_per_year: NonNegative | None = Field(
        default=None, description="Network, fixed part, regulated [EUR/year]."
    )
    network_power_eur_per_kw_month: NonNegative | None = Field(
        default=None, description="Network, by contract power, regulated [EUR/(kW month)]."
    )
    network_energy_eur_per_kwh: Price | None = Field(
        default=None, description="Network, by energy, regulated [EUR/kWh]."
    )
    system_eur_per_kwh: Price | None = Field(
        default=None, description="General system charges ASOS and ARIM, regulated [EUR/kWh]."
    )
    excise_eur_per_kwh: Price | None = Field(default=None, description="Excise, regulated [EUR/kWh].")
    vat: ShareBelowOne | None = Field(default=None, description="Value added tax, regulated, as a share.")
    resident: bool = Field(default=True, description="Residents with up to 3 kW have the excise exemption.")
    holiday_october_4: bool = Field(default=False, description="4 October counts as a holiday from 2026 on.")

    @property
    def needs_pun(self) -> bool:
        """Whether the bill depends on the national single price."""
        given = {"flat": self.price_energy_eur_per_kwh, "bands": self.prices_energy_bands}.get(self.kind)
        return self.price_all_in_eur_per_kwh is None and given is None

    @model_validator(mode="after")
    def _prices_of_the_kind(self) -> Self:
        for name, kind in (("price_energy_eur_per_kwh", "flat"), ("prices_energy_bands", "bands")):
            if getattr(self, name) is not None and self.kind != kind:
                raise ValueError(f"{name} belongs to kind: {kind}, here kind = {self.kind!r}; leave one out")
        return self


class Fees(Section):
    """Yearly fees of the GSE."""

    gse: bool = Field(default=True, description="Fee for the premium.")
    rid: bool = Field(default=True, description="Fee for selling through the GSE (ritiro dedicato).")


class Allocation(Section):
    """The key by which premium and valorisation are divided among the members."""

    key: AllocationKey = Field(
        default="coincident_withdrawal", description="What a member's part is measured by."
    )
    fund_share: Share = Field(default=0.0, description="Part that goes to a common fund first.")
    producers_share: Share = Field(
        default=0.5, description="The producers' part of the rest, with the key `producers_consumers`."
    )
    n_samples: int = Field(
        default=200, ge=2, le=1_000_000, description="Random orders for the Shapley value above 12 members."
    )


class Settlement(Section):
    """How shared energy and injected energy are paid."""

    configuration: Literal["CER", "GAC", "AID", "NONE"] = Field(
        default="GAC",
        description="Energy community, self-consumers of a building, self-consumer at a distance, none.",
    )
    regime: Literal["cacer", "transitional"] = Field(
        default="cacer", description="Rules in force, or those of the decree of 16 September 2020."
    )
    region: Region = Field(
        default="Campania", description="Region of the plants: market zone and correction."
    )
    tariff_year: int | None = Field(
        default=None,
        ge=2020,
        le=2100,
        description="Year of the regulated figures; left out: the year of the start.",
    )
    attribution: Literal["seniority", "pro_rata"] = Field(
        default="seniority", description="Which plant's energy counts as shared first."
    )
    settlement_step: Literal["hour", "quarter"] = Field(
        default="hour",
        description="Period over which injection and withdrawal are compared; the rule is the hour.",
    )
    incentive_basis: Literal["eligible_only", "attributed"] = Field(
        default="eligible_only",
        description="Premium on the eligible plants' own minimum, or on their part of all.",
    )
    excess_variant: Literal["points", "ratio"] = Field(
        default="points",
        description="Share of the premium above the threshold: r - s, or (r - s)/r to compare.",
    )
    fees: Fees = Field(default=Fees(), description="Which yearly fees are paid.")
    minimum_price: bool = Field(
        default=False, description="Sell at the guaranteed minimum price where it is higher."
    )
    valorisation: bool = Field(
        default=True, description="False counts the premium alone, as some studies do."
    )
    allocation: Allocation = Field(
        default=Allocation(),
        description="How the members share what the GSE pays; a word stands for a section with that key.",
    )

    @field_validator("allocation", mode="before", json_schema_input_type=Allocation | AllocationKey)
    @classmethod
    def _key_alone(cls, value: Any) -> Any:
        return {"key": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _configuration_of_the_regime(self) -> Self:
        if self.regime == "transitional" and self.configuration == "AID":
            raise ValueError("regime = 'transitional' knows no AID, allowed: CER, GAC, NONE")
        return self
