"""From one forecast to several futures of sun and load, for stochastic control."""

from dataclasses import replace

import numpy as np

from recosim.arrays import FloatArray
from recosim.contracts import Community, Forecast, ForecastSet
from recosim.controllers.forecast_errors import FACTOR_IRRADIANCE_MAX, STANDARD, lead_hours, scale_of


def spread(
    forecast: Forecast, community: Community, *, n_pv: int = 3, n_load: int = 3, kind: str = "medium"
) -> ForecastSet:
    """Futures in which more or less sun comes and more or less is used than a forecast says.

    Parameters
    ----------
    forecast : Forecast
        The middle of the set.
    community : Community
    n_pv, n_load : int
        Levels of sun and of load, 1 or more; with 1 the forecast's own are kept.
    kind : {"low", "medium", "high"}
        How much the forecast is held to err.

    Returns
    -------
    ForecastSet
        n_pv * n_load members, the load changing fastest, each level from little to much.

    Raises
    ------
    ValueError
        A number of levels is below 1, or the kind is unknown.

    Notes
    -----
    The levels are the nodes of the Gauss-Hermite rule, in standard deviations of `forecast_errors` at each
    lead, and the probabilities its weights: three levels are -1.73, 0 and 1.73 with 1/6, 2/3 and 1/6, which
    have the mean and the variance of the errors. Sun changes the PV power up to the inverters' limit, and the
    gains of the dwellings (with the shutters as forecast); load changes the internal gains.

    All delivery points use more or less together, by the standard deviation of their sum: the errors of homes
    are independent, and what is shared depends on the sum.
    """
    for name, number in (("n_pv", n_pv), ("n_load", n_load)):
        if number < 1:
            raise ValueError(f"{name} = {number}, allowed: 1 or more")
    scale, leads = scale_of(kind), lead_hours(forecast.grid)
    nodes_pv, nodes_load = _levels(n_pv)[0], _levels(n_load)[0]
    deviation_pv = STANDARD.irradiance.deviation(leads, scale)
    deviation_load = STANDARD.load.deviation(leads, scale) * _of_the_sum(forecast.power_load_kw)
    suns = [
        _with_sun(forecast, community, np.clip(1.0 + node * deviation_pv, 0.0, FACTOR_IRRADIANCE_MAX))
        for node in nodes_pv
    ]
    uses = [
        _with_load(forecast, community, np.maximum(1.0 + node * deviation_load, 0.0)) for node in nodes_load
    ]
    return ForecastSet(
        probabilities=probabilities(n_pv, n_load),
        members=tuple(
            replace(sun, power_load_kw=use.power_load_kw, heat_internal_kw=use.heat_internal_kw)
            for sun in suns
            for use in uses
        ),
    )


def probabilities(n_pv: int, n_load: int) -> FloatArray:
    """Probabilities of the members that `spread` makes, shape (n_pv * n_load,)."""
    return np.outer(_levels(n_pv)[1], _levels(n_load)[1]).ravel()


def _levels(number: int) -> tuple[FloatArray, FloatArray]:
    """Nodes of a normal variable, in standard deviations, and their probabilities."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(number)
    # the middle one is zero but for rounding; exactly zero keeps the forecast's own values
    nodes = np.where(np.abs(nodes) < 1e-12, 0.0, nodes)
    return nodes, weights / weights.sum()


def _of_the_sum(power_kw: FloatArray) -> FloatArray:
    """Relative deviation of a sum in terms of that of its independent parts, shape (n_steps,)."""
    total = np.maximum(power_kw.sum(axis=1), 1e-12)
    return np.asarray(np.sqrt(np.square(power_kw).sum(axis=1)) / total, dtype=np.float64)


def _with_sun(forecast: Forecast, community: Community, factor: FloatArray) -> Forecast:
    """PV power, solar gains and sol-air temperature under ``factor``, shape (n_steps,), times the sun."""
    envelope = community.devices["dwelling"].parameters.envelope
    plant = community.devices["photovoltaics"].parameters.plant
    more = factor[:, None] - 1.0
    outdoor = forecast.temp_outdoor_degc[:, None]
    # what the sky takes does not change with the sun
    sky_window_kw = np.asarray(envelope.sky_loss_window_w) / 1e3
    sky_k = envelope.sky_loss_w / np.maximum(envelope.conductance_opaque_w_per_k, 1e-9)
    power_max = np.maximum(np.divide(plant.power_nominal_kw, plant.dc_ac_ratio), forecast.power_pv_kw)
    power = np.minimum(forecast.power_pv_kw * factor[:, None], power_max)
    heat = forecast.heat_solar_kw + more * (forecast.heat_solar_kw + sky_window_kw)
    solair = forecast.temp_solair_degc + more * (forecast.temp_solair_degc - outdoor + sky_k)
    for array in (power, heat, solair):
        array.setflags(write=False)
    return replace(forecast, power_pv_kw=power, heat_solar_kw=heat, temp_solair_degc=solair)


def _with_load(forecast: Forecast, community: Community, factor: FloatArray) -> Forecast:
    """Load and internal gains under ``factor``, shape (n_steps,), times the load."""
    dwellings = community.devices["dwelling"]
    load = forecast.power_load_kw * factor[:, None]
    added = (load - forecast.power_load_kw)[:, dwellings.node]
    heat = forecast.heat_internal_kw + dwellings.parameters.gain_from_load * added
    for array in (load, heat):
        array.setflags(write=False)
    return replace(forecast, power_load_kw=load, heat_internal_kw=heat)
