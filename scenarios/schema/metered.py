"""The community of `recosim settle`: whose meters are read, which plants stand behind them, by which rules.

Its keys are those of the section `settlement` of a scenario, and plants and members beside them.
"""

from collections import Counter
from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from recosim.scenarios.schema.rules import Region, Settlement, Tariff
from recosim.scenarios.schema.scenario import SEED_MAX
from recosim.scenarios.schema.section import Section, ZoneName

PODS_MAX = 10_000
PHOTOVOLTAIC: Literal["photovoltaic"] = "photovoltaic"
_ALSO_PHOTOVOLTAIC = ("pv", "solar", "photovoltaics", "fotovoltaico")

Configurations = Literal["CER", "GAC", "AID", "NONE"]


def _as_text(value: Any) -> Any:
    """Turn a number into text: codes of digits alone are numbers in YAML."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _as_date(value: Any) -> Any:
    """Accept a date in quotes."""
    if isinstance(value, str):
        try:
            return date.fromisoformat(value)
        except ValueError:
            return value
    return value


def _technology(value: Any) -> Any:
    if isinstance(value, str):
        word = value.strip().lower()
        return PHOTOVOLTAIC if word in _ALSO_PHOTOVOLTAIC else word
    return value


Code = Annotated[
    str,
    BeforeValidator(_as_text),
    Field(min_length=1, max_length=60, pattern=r"^[^\s;,\"](?:[^;,\"\r\n\t]*[^\s;,\"])?$"),
]


class MeteredPlant(Section):
    """A plant, by the delivery point behind which it stands."""

    pod: Code = Field(
        description="Delivery point whose meter counts the injection: no comma, semicolon or quote in it."
    )
    power_kw: float = Field(gt=0.0, description="Power, of the configuration at most 1000 [kW].")
    technology: Annotated[
        Literal["photovoltaic", "wind", "hydro", "biomass", "biogas", "geothermal", "other"],
        BeforeValidator(_technology),
    ] = Field(default=PHOTOVOLTAIC, description="Decides the correction for less sun.")
    commissioned: Annotated[date, BeforeValidator(_as_date)] = Field(
        description="Start of operation: seniority, and whether and how long the premium is paid."
    )
    grant_percent: float = Field(
        default=0.0, ge=0.0, description="Capital grant, at most 40, of the investment [%]."
    )
    voltage: Literal["LV", "MV", "HV"] = Field(default="LV", description="Voltage of the connection.")
    primary_substation: Code | None = Field(
        default=None, description="Code of the area of the primary substation; compared where it is given."
    )


class MeteredMember(Section):
    """A member, by the delivery point."""

    pod: Code = Field(description="Delivery point: no comma, semicolon or quote in it.")
    name: str | None = Field(default=None, max_length=200, description="What the statement calls the member.")
    primary_substation: Code | None = Field(
        default=None, description="Code of the area of the primary substation; compared where it is given."
    )
    power_contract_kw: float = Field(
        default=3.0, gt=0.0, le=100_000.0, description="Contract power, for the bill [kW]."
    )
    kind: Literal[
        "natural_person", "company", "local_authority", "third_sector", "religious", "environmental"
    ] = Field(
        default="natural_person",
        description="All but companies may receive the excess, and escape the reduction for grants.",
    )


class MeteredCommunity(Settlement):
    """What `recosim settle --community` reads."""

    configuration: Configurations = Field(
        description="Energy community, self-consumers of a building, self-consumer at a distance, none."
    )
    region: Region = Field(description="Region of the plants: market zone and correction.")
    tariff_year: int | None = Field(
        default=None,
        ge=2020,
        le=2100,
        description="Year of the regulated figures; left out: the year of the first reading.",
    )
    plants: tuple[MeteredPlant, ...] = Field(
        default=(), strict=False, max_length=PODS_MAX, description="The plants of the configuration."
    )
    members: tuple[MeteredMember, ...] = Field(
        strict=False, min_length=1, max_length=PODS_MAX, description="Who shares, one entry per meter."
    )
    tariff: Tariff | None = Field(
        default=None,
        description="What a kWh from the grid costs; natural persons are residents, others non-domestic.",
    )
    seed: int = Field(
        default=0,
        ge=0,
        le=SEED_MAX,
        description="Of the orders drawn for the Shapley value above 12 members.",
    )
    timezone: ZoneName = Field(default="Europe/Rome", description="IANA name; decides months and years.")

    @model_validator(mode="after")
    def _each_member_once(self) -> Self:
        counts = Counter(member.pod for member in self.members)
        doubled = [pod for pod, count in counts.items() if count > 1]
        if doubled:
            raise ValueError(
                f"members: pod {doubled[0]!r} is listed {counts[doubled[0]]} times; list it once"
            )
        return self

    @model_validator(mode="after")
    def _one_substation(self) -> Self:
        if self.configuration == "NONE":
            return self
        first: dict[str, str] = {}
        for what, entries in (("member", self.members), ("plant", self.plants)):
            for entry in entries:
                if entry.primary_substation is not None:
                    first.setdefault(entry.primary_substation, f"{what} {entry.pod!r}")
        if len(first) > 1:
            (one, at_one), (other, at_other), *_ = first.items()
            raise ValueError(
                f"{at_one} is under the primary substation {one!r}, {at_other} under {other!r}; a "
                f"configuration ({self.configuration}) lies under one: settle one file for each, and add"
            )
        return self

    @property
    def pods(self) -> tuple[str, ...]:
        """All delivery points: members in their order, then plants' that are no member's."""
        return tuple(dict.fromkeys([*(m.pod for m in self.members), *(p.pod for p in self.plants)]))
