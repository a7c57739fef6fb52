"""The band in which each dwelling's temperature was wanted, worked out again from a run's scenario."""

from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path

import numpy as np

from recosim.arrays import FloatArray
from recosim.errors import RecosimError
from recosim.results.report.series import Band
from recosim.results.run_file import Run
from recosim.scenarios.community import comfort_calendar
from recosim.scenarios.data_folders import DataFolders, checked_folders
from recosim.scenarios.input_series import times_of
from recosim.scenarios.loader import scenario_from_text
from recosim.scenarios.runner import build_plant
from recosim.scenarios.schema.scenario import Scenario
from recosim.simulators.physics.comfort import ComfortSchedule, comfort_band, in_hours, in_season
from recosim.timegrid import TimeGrid

DWELLINGS_WITH_OWN_BAND = 100
"""With more, households are not made a second time: a year of one takes about 0.2 s."""
_OTHER_TIMES = "The comfort band is not drawn: the times of the file are not those of its scenario."


def band_of(run: Run, data: Sequence[str | Path] = ()) -> Band:
    """Comfort band over the committed steps of a run.

    Parameters
    ----------
    run : Run
    data : sequence of str or Path
        Folders in which the scenario's weather and prices may lie, beside that of the result file.

    With more than ``DWELLINGS_WITH_OWN_BAND`` dwellings, or where the scenario's data are not at hand any
    more, it is that of a dwelling whose people are at home and awake.
    """
    folders = DataFolders(scenario=run.path.resolve().parent, named=checked_folders(data))
    try:
        scenario = scenario_from_text(run.meta.scenario_yaml, source=str(run.path), folders=folders)
    except RecosimError as error:
        return Band(note=f"The comfort band is not drawn: this version does not read the scenario ({error}).")
    if len(scenario.community.dwellings) <= DWELLINGS_WITH_OWN_BAND:
        try:
            if times_of(scenario).period != run.grid:  # and ten years could take for ever
                return Band(note=_OTHER_TIMES)
            return _of_each(scenario, run.committed)
        except RecosimError:
            pass  # its weather or its prices may lie elsewhere
    band = _awake(scenario, run.grid_committed)
    if scenario.weather.file is None and scenario.prices.file is None:
        return band
    return replace(band, note=f"{band.note} Each dwelling's own needs the scenario's files: --data DIR.")


def _of_each(scenario: Scenario, n_steps: int) -> Band:
    plant = build_plant(scenario)
    first = plant.series.n_warmup
    comfort = plant.exposure.comfort(slice(first, first + n_steps))
    return Band(
        low_degc=_drawn(comfort.temp_min_degc),
        high_degc=_drawn(comfort.temp_max_degc),
        note="The band is the one asked for by the hour: wider at night and while nobody is at home, when "
        "leaving it does not count.",
    )


def _awake(scenario: Scenario, grid: TimeGrid) -> Band:
    comfort = scenario.comfort
    schedule = ComfortSchedule(**{item.name: getattr(comfort, item.name) for item in fields(ComfortSchedule)})
    calendar = comfort_calendar(comfort)
    month, day = np.asarray(grid.local.month), np.asarray(grid.local.day)
    hour = grid.hour_of_day_local
    low, high, _ = comfort_band(
        schedule,
        np.ones(1),
        np.ones(1),
        in_season(month, day, *calendar.heating_season)[:, None],
        in_hours(hour, calendar.heating_hours)[:, None],
        in_season(month, day, *calendar.cooling_season)[:, None],
        in_hours(hour, calendar.cooling_hours)[:, None],
    )
    return Band(
        low_degc=_drawn(low),
        high_degc=_drawn(high),
        note="The band is that of people who are at home and awake; while nobody is at home, leaving it does "
        "not count.",
    )


def _drawn(edge: FloatArray) -> FloatArray:
    """An edge with gaps where the season asks for none."""
    return np.where(np.isfinite(edge), edge, np.nan)
