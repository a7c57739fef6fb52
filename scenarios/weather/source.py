"""Which weather a scenario asks for."""

import numpy as np

from recosim.arrays import FloatArray
from recosim.scenarios.climate import Place, place_named, places, synthetic_weather
from recosim.scenarios.schema.climate import Climate
from recosim.scenarios.schema.scenario import Location, Scenario
from recosim.scenarios.weather.files import read_weather
from recosim.scenarios.weather.series import Weather
from recosim.scenarios.weather.table import Site


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
    seed = scenario.seed if described.seed is None else described.seed
    if described.climate is not None:
        return synthetic_weather(_place_of(described.climate, scenario.location), seed, step_s=step_s)
    place = described.place or scenario.location.place
    assert place is not None  # the schema asks for one of them
    return synthetic_weather(place_named(place), seed, step_s=step_s)


def _place_of(climate: Climate, location: Location) -> Place:
    """A place with the figures of a scenario; what they leave out is the mean of the known places."""
    site, known = site_of(location), list(places().values())
    irradiation = np.array(climate.irradiation_kwh_per_m2_day)
    share_sd = np.mean([place.irradiation_sd / place.irradiation_kwh_per_m2_day for place in known], axis=0)

    def given(values: tuple[float, ...] | None, instead: FloatArray) -> FloatArray:
        return instead if values is None else np.array(values)

    return Place(
        name="the scenario's climate",
        latitude=site.latitude,
        longitude=site.longitude,
        altitude_m=site.altitude_m,
        timezone=site.timezone,
        linke_turbidity=climate.linke_turbidity,
        wind_m_per_s=climate.wind_speed_m_per_s,
        irradiation_kwh_per_m2_day=irradiation,
        irradiation_sd=given(climate.irradiation_sd_kwh_per_m2_day, share_sd * irradiation),
        temp_degc=np.array(climate.temp_degc),
        temp_sd_k=given(climate.temp_sd_k, np.mean([place.temp_sd_k for place in known], axis=0)),
        temp_range_k=given(climate.temp_range_k, np.mean([place.temp_range_k for place in known], axis=0)),
    )


def site_of(location: Location) -> Site:
    """Where a scenario's community is."""
    if location.place is not None:
        place = place_named(location.place)
        return Site(place.latitude, place.longitude, place.altitude_m, place.timezone)
    assert location.latitude_deg is not None  # the schema asks for a place or both
    assert location.longitude_deg is not None
    return Site(location.latitude_deg, location.longitude_deg, location.altitude_m, location.timezone)
