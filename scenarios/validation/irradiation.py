"""Yearly irradiation on the five planes of ASHRAE 140 beside EnergyPlus and the other programmes."""

from pathlib import Path

from recosim.errors import InputDataError
from recosim.scenarios.facades import FACADES, irradiance_on, planes_of_facades
from recosim.scenarios.validation.bestest import published
from recosim.scenarios.validation.bestest_building import denver_weather
from recosim.scenarios.validation.reference import Report, Request, checked
from recosim.timegrid import SECONDS_PER_HOUR

TOLERANCE = 0.02
# The weather is hourly; so are the programmes' figures.
STEP_S = 3600
NAMES = {"up": "horizontal"} | {facade: facade for facade in FACADES if facade != "up"}
W_PER_KW = 1e3


def irradiation_kwh_per_m2(path: Path) -> dict[str, float]:
    """Yearly irradiation by plane, the facades of a run, from Denver's weather [kWh/m2]."""
    weather = denver_weather(path, STEP_S)
    yearly = irradiance_on(weather, planes_of_facades()).sum(axis=0) * STEP_S / SECONDS_PER_HOUR / W_PER_KW
    found = {NAMES[facade]: float(value) for facade, value in zip(FACADES, yearly, strict=True)}
    return {name: found[name] for name in NAMES.values()}


def validate(request: Request) -> Report:
    """Compare with EnergyPlus, plane by plane.

    Raises
    ------
    InputDataError
        There is no weather, or it is not Denver's.
    """
    if request.weather is None:
        raise InputDataError("irradiation needs the weather of Denver")
    found = irradiation_kwh_per_m2(Path(request.weather))
    rows = []
    for name, value in found.items():
        programmes = published("irradiation", name)
        assert programmes is not None  # tabulated for the five planes
        reference = programmes.of("energyplus")
        rows.append(
            checked(
                name,
                "kWh/m2",
                value,
                reference * (1.0 - TOLERANCE),
                reference * (1.0 + TOLERANCE),
                f"EnergyPlus in {programmes.source}",
                published=f"{reference:g} ({programmes.low:g} to {programmes.high:g})",
            )
        )
    return Report(
        title="Yearly irradiation, Denver",
        rows=rows,
        figures=found,
        notes=["published: EnergyPlus, and the range of the six programmes; allowed: EnergyPlus within 2 %"],
    )
