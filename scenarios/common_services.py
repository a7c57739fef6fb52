"""Load of a building's common services: lift, stair lights and pump."""

import numpy as np

from recosim.arrays import FloatArray
from recosim.timegrid import TimeGrid

SHARE_CONSTANT, SHARE_LIGHTS, SHARE_LIFT = 0.40, 0.25, 0.35
"""Parts of the yearly energy: always on, stair lights in the dark, lift and pump by use [assumption]."""
LIFT_BY_HOUR = np.array(
    [1, 0.5, 0.3, 0.3, 0.5, 1, 3, 6, 8, 6, 5, 5, 6, 7, 6, 5, 5, 6, 7, 8, 7, 5, 3, 2], dtype=np.float64
)
"""Use of the lift by local hour, in arbitrary units [assumption: follows people's comings and goings]."""
HOURS_PER_YEAR = 8760.0


def common_services_load_kw(energy_kwh_per_year: float, grid: TimeGrid, seed: int) -> FloatArray:
    """Load of the common services, shape (n_steps,) [kW].

    The lift's use in a quarter-hour is drawn from a gamma distribution around the hour's mean, keyed by the
    step's own time, so that a moment's load does not depend on the window; a mean year has the energy asked
    for.
    """
    local = grid.local
    hour = np.asarray(local.hour)
    mean_kw = energy_kwh_per_year / HOURS_PER_YEAR
    dark = ((hour >= 17) | (hour < 7)).astype(np.float64)
    lift = LIFT_BY_HOUR[hour] / LIFT_BY_HOUR.mean()
    days, inside = np.divmod(grid.times, 86_400)
    draw = np.empty(grid.n_steps)
    for day in np.unique(days):
        rows = days == day
        per_day = np.random.default_rng([seed, 0xC0, int(day)]).gamma(2.0, 0.5, 86_400 // grid.step_s)
        draw[rows] = per_day[inside[rows] // grid.step_s]
    shares = SHARE_CONSTANT + SHARE_LIGHTS * dark * 24.0 / 14.0 + SHARE_LIFT * lift * draw
    return np.asarray(mean_kw * shares, dtype=np.float64)
