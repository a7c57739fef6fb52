"""Which weather a scenario asks for."""

from recosim.scenarios.climate import place_named, synthetic_weather
from recosim.scenarios.schema import Location, Scenario
from recosim.scenarios.weather import Weather
from recosim.scenarios.weather_files import read_weather
from recosim.scenarios.weather_table import Site


def weather_of(scenario: Scenario) -> Weather:
    """Weather of a scenario at its step, from its file or made.

    Raises
    ------
    InputDataError
        The file cannot be used.
    ScenarioError
        The file is not there.
    """
    described = scenario.weather
    step_s = 60 * scenario.period.step_minutes
    if described.file is not None:
        path = scenario.path_of(described.file)
        return read_weather(path, step_s, described.mapping, site_of(scenario.location))
    place = described.place or scenario.location.place
    assert place is not None  # the schema asks for one of them
    seed = scenario.seed if described.seed is None else described.seed
    return synthetic_weather(place, seed, step_s=step_s)


def site_of(location: Location) -> Site:
    """Where a scenario's community is."""
    if location.place is not None:
        place = place_named(location.place)
        return Site(place.latitude, place.longitude, place.altitude_m, place.timezone)
    assert location.latitude_deg is not None  # the schema asks for a place or both
    assert location.longitude_deg is not None
    return Site(location.latitude_deg, location.longitude_deg, location.altitude_m, location.timezone)
