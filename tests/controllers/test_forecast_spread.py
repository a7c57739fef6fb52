from dataclasses import fields, replace
from functools import cache

import numpy as np
import pytest

from recosim.contracts import Community, Forecast, ForecastSet
from recosim.controllers.forecast_errors import STANDARD, lead_hours
from recosim.controllers.forecast_spread import spread
from recosim.controllers.forecasts import PerfectForecast
from recosim.scenarios.loader import load_scenario
from recosim.scenarios.runner import build_plant
from recosim.simulators.physics.solar_gains import heat_solar_kw, temp_solair_degc


@cache
def scene(start: str) -> tuple[Community, Forecast]:
    given = (f"period.start={start}", "period.days=1", "period.warmup_days=0")
    plant = build_plant(load_scenario("naples", given))
    return plant.community, PerfectForecast(plant.community, plant.series, plant.exposure, 96).at(0)


def test_levels_have_the_mean_and_variance_of_the_errors() -> None:
    community, forecast = scene("2025-01-20")
    futures = spread(forecast, community)
    assert len(futures.members) == 9
    np.testing.assert_allclose(np.sort(futures.probabilities)[[0, 4, 8]], [1 / 36, 1 / 9, 4 / 9])
    leads = lead_hours(forecast.grid)
    sums = np.stack([member.power_load_kw.sum(axis=1) for member in futures.members])
    base = forecast.power_load_kw
    mean = futures.probabilities @ sums
    np.testing.assert_allclose(mean, base.sum(axis=1))
    variance = futures.probabilities @ (sums - mean) ** 2
    # independent errors of the delivery points: their squares add up
    expected = STANDARD.load.deviation(leads) ** 2 * np.square(base).sum(axis=1)
    np.testing.assert_allclose(variance, expected)


def test_the_middle_is_the_forecast() -> None:
    community, forecast = scene("2025-07-14")
    for futures in (spread(forecast, community), spread(forecast, community, n_pv=1, n_load=1)):
        middle = futures.members[len(futures.members) // 2]
        for item in fields(Forecast):
            if isinstance(value := getattr(forecast, item.name), np.ndarray):
                np.testing.assert_allclose(getattr(middle, item.name), value, rtol=1e-12)


def test_order_and_limits() -> None:
    community, forecast = scene("2025-07-14")
    members = spread(forecast, community, kind="high").members
    plant = community.devices["photovoltaics"].parameters.plant
    least, more_use, most = members[0], members[1], members[-1]
    noon = 44
    assert least.power_pv_kw is more_use.power_pv_kw
    assert least.power_load_kw[noon].sum() < more_use.power_load_kw[noon].sum()
    assert least.power_pv_kw[noon].sum() < forecast.power_pv_kw[noon].sum() < most.power_pv_kw[noon].sum()
    assert (most.power_pv_kw <= plant.power_nominal_kw / plant.dc_ac_ratio + 1e-12).all()
    assert (most.power_pv_kw[:12] == 0.0).all()
    assert (least.power_load_kw >= 0.0).all()
    assert not most.heat_solar_kw.flags.writeable
    # wider the further ahead
    width = [
        np.ptp([m.power_load_kw[k].sum() for m in members]) / members[4].power_load_kw[k].sum()
        for k in (0, 95)
    ]
    assert width[0] < 0.6 * width[1]


def test_heat_follows_sun_and_load() -> None:
    """In winter, without shutters, scaling the gains is scaling the irradiance."""
    given = ("period.start=2025-01-20", "period.days=1", "period.warmup_days=0")
    plant = build_plant(load_scenario("naples", given))
    community, forecast = scene("2025-01-20")
    member = spread(forecast, community, n_load=2).members[-1]
    parameters = community.devices["dwelling"].parameters
    leads = lead_hours(forecast.grid)
    sun = 1.0 + np.sqrt(3.0) * STANDARD.irradiance.deviation(leads)
    facade = plant.series.irradiance_facade_w_per_m2[:96] * sun[:, None]
    np.testing.assert_allclose(member.heat_solar_kw, heat_solar_kw(parameters.envelope, facade), atol=1e-12)
    solair = temp_solair_degc(parameters.envelope, facade, forecast.temp_outdoor_degc)
    np.testing.assert_allclose(member.temp_solair_degc, solair, atol=1e-9)
    node = community.devices["dwelling"].node
    added = (member.power_load_kw - forecast.power_load_kw)[:, node]
    assert (added > 0.0).all()
    np.testing.assert_allclose(member.heat_internal_kw - forecast.heat_internal_kw, added, atol=1e-12)


def test_what_is_refused() -> None:
    community, forecast = scene("2025-07-14")
    with pytest.raises(ValueError, match="n_pv = 0, allowed: 1 or more"):
        spread(forecast, community, n_pv=0)
    with pytest.raises(ValueError, match="'perfect', allowed: low, medium, high"):
        spread(forecast, community, kind="perfect")
    with pytest.raises(ValueError, match=r"shape \(2,\) for 1 members"):
        ForecastSet(probabilities=np.array([0.5, 0.5]), members=(forecast,))
    with pytest.raises(ValueError, match="positive numbers with sum 1"):
        ForecastSet(probabilities=np.array([0.5, 0.6]), members=(forecast, forecast))
    with pytest.raises(ValueError, match="positive numbers with sum 1"):
        ForecastSet(probabilities=np.array([1.0, 0.0]), members=(forecast, forecast))
    moved = replace(forecast, grid=forecast.grid.part(1, 96))
    with pytest.raises(ValueError, match="different grids"):
        ForecastSet(probabilities=np.array([0.5, 0.5]), members=(forecast, moved))
