"""What acts on the dwellings from outside and inside: gains, sol-air temperature, comfort band."""

from dataclasses import dataclass

import numpy as np

from recosim.arrays import BoolArray, FloatArray
from recosim.components import Devices
from recosim.simulators.inputs import InputSeries
from recosim.simulators.physics.comfort import comfort_band, in_hours, in_season
from recosim.simulators.physics.internal_gains import heat_internal_kw
from recosim.simulators.physics.solar_gains import heat_solar_kw, shutters_closed, temp_solair_degc


@dataclass(frozen=True, kw_only=True)
class ComfortCalendar:
    """When heating and cooling are expected, in local time.

    Parameters
    ----------
    heating_season, cooling_season, summer : pair of (month, day)
        First and last day; ``summer`` is when shutters are used and windows opened.
    heating_hours, cooling_hours : tuple of (from, to) [h]
        Hours of the day in which the comfort temperature is due while somebody is up.
    """

    heating_season: tuple[tuple[int, int], tuple[int, int]] = ((11, 15), (3, 31))
    cooling_season: tuple[tuple[int, int], tuple[int, int]] = ((6, 1), (9, 30))
    summer: tuple[tuple[int, int], tuple[int, int]] = ((6, 1), (9, 30))
    heating_hours: tuple[tuple[float, float], ...] = ((6.0, 9.0), (16.0, 23.0))
    cooling_hours: tuple[tuple[float, float], ...] = ((13.0, 24.0),)


@dataclass(frozen=True, kw_only=True)
class ComfortRows:
    """The comfort band over some steps; every field has shape (n_rows, n_dwellings)."""

    temp_min_degc: FloatArray
    temp_max_degc: FloatArray
    occupied: BoolArray


class Exposure:
    """Derives, for any range of steps, what acts on the dwellings.

    Parameters
    ----------
    series : InputSeries
    dwellings : Devices
    calendar : ComfortCalendar
    """

    def __init__(self, series: InputSeries, dwellings: Devices, calendar: ComfortCalendar) -> None:
        self._series = series
        self._node = dwellings.node
        self._parameters = dwellings.parameters
        local, hour = series.grid.local, series.grid.hour_of_day_local
        month, day = np.asarray(local.month), np.asarray(local.day)
        self.heating_season: BoolArray = in_season(month, day, *calendar.heating_season)
        self.cooling_season: BoolArray = in_season(month, day, *calendar.cooling_season)
        self.summer: BoolArray = in_season(month, day, *calendar.summer)
        self._heating_hours: BoolArray = in_hours(hour, calendar.heating_hours)
        self._cooling_hours: BoolArray = in_hours(hour, calendar.cooling_hours)

    def comfort(self, rows: slice) -> ComfortRows:
        """Comfort band over ``rows`` of the series' grid."""
        series = self._series
        lower, upper, occupied = comfort_band(
            self._parameters.comfort,
            series.occupants_home[rows],
            series.occupants_awake[rows],
            self.heating_season[rows, None],
            self._heating_hours[rows, None],
            self.cooling_season[rows, None],
            self._cooling_hours[rows, None],
        )
        return ComfortRows(temp_min_degc=lower, temp_max_degc=upper, occupied=occupied)

    def heat_internal_kw(self, rows: slice) -> FloatArray:
        """Internal gains over ``rows``, each cycle as wished, shape (n_rows, n_dwellings) [kW]."""
        series = self._series
        return heat_internal_kw(
            series.power_as_wished_kw(rows)[:, self._node],
            series.occupants_home[rows],
            series.occupants_awake[rows],
            self._parameters.gain_from_load,
        )

    def heat_solar_kw(self, rows: slice) -> FloatArray:
        """Solar gains through the windows over ``rows``, shape (n_rows, n_dwellings) [kW]."""
        irradiance = self._series.irradiance_facade_w_per_m2[rows]
        parameters = self._parameters
        closed = shutters_closed(irradiance, self.summer[rows])
        return heat_solar_kw(parameters.envelope, irradiance, closed, parameters.shutter_factor)

    def temp_solair_degc(self, rows: slice) -> FloatArray:
        """Sol-air temperature over ``rows``, shape (n_rows, n_dwellings) [degC]."""
        series = self._series
        return temp_solair_degc(
            self._parameters.envelope, series.irradiance_facade_w_per_m2[rows], series.temp_outdoor_degc[rows]
        )
