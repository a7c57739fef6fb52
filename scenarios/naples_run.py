"""One day of a plant, lived through and settled: what its meters say."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from recosim.arrays import FloatArray
from recosim.contracts import Controller
from recosim.controllers.forecasts import PerfectForecast
from recosim.controllers.host import DecisionLog
from recosim.results.run_file import RunMeta, installed_versions
from recosim.results.store import RunWriter
from recosim.scenarios.community import comfort_calendar
from recosim.scenarios.event_loops import beside_a_running_loop
from recosim.scenarios.loader import scenario_yaml
from recosim.scenarios.schema.scenario import Scenario
from recosim.scenarios.world import Plant, RecosimWorld, recorded_series
from recosim.simulators.exposure import Exposure


@dataclass(frozen=True, kw_only=True)
class Day:
    """What the meters and the settlement of one run say.

    Parameters
    ----------
    bill_eur : array, shape (n_pods,)
        Before incentives.
    revenue_eur : float
        Premium on shared energy.
    withdrawn_kwh : array, shape (n_hours, n_pods)
        By the meters.
    injected_kwh : array, shape (n_hours,)
        By all meters together.
    hvac_kwh, charged_kwh : float
    states_at_start : mapping of str to mapping of str to array
        By kind of device and name.
    temp_change_k : array, shape (n_dwellings,)
        Indoor temperature at the end, less that at the start [K].
    charge_change_kwh : array, shape (n_batteries,)
        Stored at the end, less what was stored at the start [kWh].
    residual_kwh : float
        Largest residual of the energy balances.
    """

    bill_eur: FloatArray
    revenue_eur: float
    withdrawn_kwh: FloatArray
    injected_kwh: FloatArray
    hvac_kwh: float
    charged_kwh: float
    states_at_start: Mapping[str, Mapping[str, FloatArray]]
    temp_change_k: FloatArray
    charge_change_kwh: FloatArray
    residual_kwh: float

    @property
    def shared_kwh(self) -> FloatArray:
        """What is injected and withdrawn in the same hour, shape (n_hours,)."""
        return np.asarray(np.minimum(self.injected_kwh, self.withdrawn_kwh.sum(axis=1)))


@beside_a_running_loop()
def live_through(scenario: Scenario, plant: Plant, controller: Controller) -> Day:
    """Run the day and settle it; the file of the run is thrown away."""
    community, series = plant.community, plant.series
    meta = RunMeta(
        name=scenario.name,
        scenario_yaml=scenario_yaml(scenario),
        controller=type(controller).__name__,
        seed=scenario.seed,
        created="",
        versions=installed_versions(),
    )
    with TemporaryDirectory() as folder:
        path = Path(folder) / "day.h5"
        recorded = recorded_series(community)
        with RunWriter(path, meta=meta, grid=community.grid, series=recorded) as writer:
            world = RecosimWorld(
                plant,
                controller=controller,
                forecasts=PerfectForecast(community, series, plant.exposure, series.n_beyond),
                log=DecisionLog(),
                writer=writer,
                seed=scenario.seed,
            )
            world.run()
            run, accounts = writer.so_far(), world.accounts()
            first = world.states_at_start
            hours = community.grid.step_s / 3600.0
            power = run.values("dwelling", "power_cooling_kw") + run.values("dwelling", "power_heating_kw")
            charged, stored = 0.0, np.zeros(0)
            if "battery" in plant.devices:
                charged = float(run.values("battery", "power_charge_kw").sum()) * hours
                stored = run.last("battery", "energy_battery_kwh")
                stored = stored - first["battery"]["energy_battery_kwh"]
            warmer = run.last("dwelling", "temp_indoor_degc") - first["dwelling"]["temp_indoor_degc"]
    return Day(
        bill_eur=accounts.bill.by_pod_eur,
        revenue_eur=accounts.settlement.premium_total_eur,
        withdrawn_kwh=accounts.energy_withdrawn_kwh,
        injected_kwh=accounts.energy_injected_kwh.sum(axis=1),
        hvac_kwh=float(power.sum()) * hours,
        charged_kwh=charged,
        states_at_start=first,
        temp_change_k=warmer,
        charge_change_kwh=stored,
        residual_kwh=world.balance.residual_kwh,
    )


def in_future(plant: Plant, scenario: Scenario, temps: FloatArray, pv: float, load: float) -> Plant:
    """The day alone, from these temperatures on, with this much of the sun and of the load."""
    whole, community = plant.series, plant.community
    first, n_steps = whole.n_warmup, whole.grid.n_steps
    cut: dict[str, Any] = {n: v[first:] for n, v in vars(whole).items() if isinstance(v, np.ndarray)}
    power = cut.pop("power_load_kw").astype(np.float64) * load
    power.setflags(write=False)
    grid = whole.grid.part(first, n_steps - first)
    series = replace(whole, grid=grid, n_warmup=0, power_load_kw=power, **cut)
    devices = dict(community.devices)
    dwellings, plants = devices["dwelling"], devices["photovoltaics"]
    devices["dwelling"] = replace(
        dwellings, parameters=replace(dwellings.parameters, temp_initial_degc=temps)
    )
    parameters = plants.parameters
    # modules and inverter in proportion: the AC power is that of the plant times the factor
    scaled = replace(parameters.plant, power_nominal_kw=parameters.plant.power_nominal_kw * pv)
    devices["photovoltaics"] = replace(plants, parameters=replace(parameters, plant=scaled))
    return Plant(
        community=replace(community, devices=devices),
        series=series,
        exposure=Exposure(series, devices["dwelling"], comfort_calendar(scenario.comfort)),
    )
