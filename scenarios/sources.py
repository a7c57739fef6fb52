"""Whose data a run is made from, and what their publishers ask of those who pass results on."""

from pathlib import Path

from recosim.scenarios.schema.hvac import AirToWater
from recosim.scenarios.schema.scenario import Scenario
from recosim.scenarios.weather.formats import text_of

PVGIS = (
    "PVGIS (c) European Union, European Commission, Joint Research Centre "
    "(https://re.jrc.ec.europa.eu/pvg_tools/). Reuse is authorised, provided the source is acknowledged "
    "(Commission Decision 2011/833/EU)."
)
NSRDB = (
    "National Solar Radiation Database (https://nsrdb.nrel.gov), provided as is by DOE/NREL/ALLIANCE. Credit "
    "DOE/NREL/ALLIANCE in any publication, and do not use these names to endorse or promote anything. "
    "Source: Sengupta et al. 2018, doi 10.1016/j.rser.2018.03.003."
)
GME = (
    "Gestore dei Mercati Energetici S.p.A. (GME, https://www.mercatoelettrico.org). Name GME as the source; "
    "GME's conditions of use and disclaimer hold for whoever passes its data on."
)
HPLIB = (
    "Heat pumps: the generic fit of hplib (Tjaden, Hoops, Rösken 2021, doi 10.5281/zenodo.5521597), whose "
    "database is under CC BY 4.0 (https://creativecommons.org/licenses/by/4.0/). Scaled "
    "to the size of each device."
)
OWN = "The conditions of whoever published the file hold."

_ENDS_CHARACTERS = 4000
"""Publishers name themselves at the head or at the foot of a file."""


def notices_of(scenario: Scenario) -> tuple[str, ...]:
    """Sentences that name the sources of a scenario's data: weather, prices, and heat pumps if there are any.

    Raises
    ------
    InputDataError, ScenarioError
        The weather file cannot be read.
    """
    notices = [_weather(scenario), _prices(scenario)]
    units = [flat.hvac or scenario.hvac for flat in scenario.community.dwellings]
    if any(isinstance(unit, AirToWater) for unit in units):
        notices.append(HPLIB)
    return tuple(notices)


def _weather(scenario: Scenario) -> str:
    described = scenario.weather
    if described.file is not None:
        path = scenario.path_of(described.file)
        return f"Weather: {path.name}, brought to the run's steps. {_publishers(path)}"
    if described.climate is not None:
        return (
            "Weather: a synthetic year made by recosim from the monthly figures that the scenario gives "
            "(weather.climate). The conditions of whoever published them hold."
        )
    return (
        "Weather: a synthetic year made by recosim. Its monthly figures are rounded from climate normals, "
        f"the NSRDB (wind) and {PVGIS}"
    )


def _publishers(path: Path) -> str:
    """Who made a weather file, by what it says of itself."""
    text = text_of(path)
    ends = f"{text[:_ENDS_CHARACTERS]}\n{text[-_ENDS_CHARACTERS:]}".lower()
    named = []
    if "pvgis" in ends or "time(utc)" in ends:
        named.append(PVGIS)
    if "nsrdb" in ends or "national solar radiation" in ends or _is_nsrdb(text):
        named.append(NSRDB)
    if named:
        return " ".join(named)
    if text.startswith("LOCATION,"):
        return f"An EPW file whose source is {_epw_source(text)}. {OWN}"
    return OWN


def _is_nsrdb(text: str) -> bool:
    first = text.lstrip("\ufeff").split("\n", 1)[0]
    return first.startswith("Source,") and "Latitude" in first


def _epw_source(text: str) -> str:
    """Fifth cell of the LOCATION line, which names where the data are from."""
    cells = text.split("\n", 1)[0].split(",")
    return f"{cells[4].strip()!r}" if len(cells) > 4 and cells[4].strip() else "not named in it"


def _prices(scenario: Scenario) -> str:
    file = scenario.prices.file
    if file is not None:
        return f"Prices: {scenario.path_of(file).name}. Italian day-ahead prices are published by {GME}"
    return (
        "Prices: a synthetic year made by recosim. Its levels and shapes are derived from day-ahead prices "
        f"of {GME}"
    )
