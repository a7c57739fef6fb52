"""ASHRAE 140 cases through mosaik: the very simulator of the dwellings of a run, with its own thermostat."""

from collections.abc import Mapping
from typing import Any

import mosaik
import mosaik_api_v3
import numpy as np

from recosim.arrays import FloatArray
from recosim.components import Devices
from recosim.scenarios.validation.bestest_building import Cases, Year
from recosim.simulators.dwellings import DwellingParameters, Dwellings
from recosim.simulators.exposure import ComfortCalendar, Exposure
from recosim.simulators.group import GROUP, GROUP_MODEL
from recosim.simulators.inputs import PACE, Inputs, InputSeries
from recosim.simulators.nodes import LOAD
from recosim.simulators.physics.comfort import ComfortSchedule
from recosim.simulators.physics.heat_pump import AirConditioner

UNLIMITED_KW = 1e3
HEATING_DEGC, COOLING_DEGC = 20.0, 27.0
WHOLE_YEAR = ((1, 1), (12, 31))
COLLECTED = ("heat_heating_kw", "heat_cooling_kw")
SIMULATORS: Mapping[str, Any] = {
    "inputs": {"python": "recosim.simulators.inputs:Inputs"},
    "dwelling": {"python": "recosim.simulators.dwellings:Dwellings"},
    "collector": {"python": "recosim.scenarios.validation.bestest_adapter:Collector"},
}


class Collector(mosaik_api_v3.Simulator):
    """Keeps heating minus cooling of every step."""

    def __init__(self) -> None:
        models = {GROUP_MODEL: {"public": True, "params": [], "attrs": list(COLLECTED)}}
        super().__init__({"api_version": "3.0", "type": "time-based", "models": models})

    def init(self, sid: str, time_resolution: float = 1.0, *, step_s: int, heat_kw: list[FloatArray]) -> Any:
        """Take the step and the list to fill."""
        self._step_s, self._heat_kw = step_s, heat_kw
        return self.meta

    def create(self, num: int, model: str, **model_params: Any) -> list[Any]:
        """Create the one group."""
        return [{"eid": GROUP, "type": GROUP_MODEL}]

    def step(self, time: int, inputs: Mapping[str, Mapping[str, Mapping[str, Any]]], max_advance: int) -> int:
        """Keep what the dwellings report for this step."""
        heating, cooling = (next(iter(inputs[GROUP][name].values())) for name in COLLECTED)
        self._heat_kw.append(np.asarray(heating - cooling, dtype=np.float64))
        return time + self._step_s

    def get_data(self, outputs: Mapping[str, Any]) -> dict[str, Any]:
        """Nothing is handed out."""
        return {}


def adapter_heat_kw(year: Year, cases: Cases) -> FloatArray:
    """Heat of cases with set-points of 20 and 27 degC all year, out of a mosaik world.

    Nobody lives there, so the comfort band of the empty flat is the set-points, and internal gains are a
    load; the air conditioner has no limits, shutters let everything through, opened windows nothing.

    Parameters
    ----------
    year : Year
    cases : Cases
        Of the cases, 600 and 900 have these set-points.

    Returns
    -------
    array, shape (n_steps, n)
        Heating minus cooling, warm-up included [kW].
    """
    n, n_steps = len(cases.names), year.grid.n_steps
    series = _series(year, cases, n)
    devices = Devices(
        declaration=Dwellings.declaration,
        names=tuple(f"case-{name}" for name in cases.names),
        node=np.arange(n, dtype=np.int64),
        parameters=DwellingParameters(
            network=cases.network,
            envelope=cases.envelope,
            air_conditioner=AirConditioner(
                heat_nominal_kw=np.full(n, UNLIMITED_KW), cooling_nominal_kw=np.full(n, UNLIMITED_KW)
            ),
            comfort=ComfortSchedule(heating_away_degc=HEATING_DEGC, cooling_away_degc=COOLING_DEGC),
            conductance_windows_open_w_per_k=np.zeros(n),
            shutter_factor=1.0,
        ),
    )
    calendar = ComfortCalendar(heating_season=WHOLE_YEAR, cooling_season=WHOLE_YEAR)
    heat_kw: list[FloatArray] = []
    registry: dict[str, Any] = {}
    world = mosaik.World(dict(SIMULATORS), cache=False, skip_greetings=True, configure_logging=False)
    try:
        inputs = world.start("inputs", series=series, pod_names=devices.names).Group()
        dwellings = world.start(
            "dwelling",
            grid=year.grid,
            names=devices.names,
            devices=devices,
            exposure=Exposure(series, devices, calendar),
            registry=registry,
        ).Group()
        collector = world.start("collector", step_s=year.grid.step_s, heat_kw=heat_kw).Group()
        world.connect(inputs, dwellings, *Dwellings.signals)
        world.connect(dwellings, collector, *COLLECTED)
        state = Dwellings.declaration.states[0]
        start = {state: registry[Dwellings.declaration.kind].out[state]}
        world.connect(dwellings, inputs, (state, PACE), time_shifted=True, initial_data=start)
        world.run(until=n_steps * year.grid.step_s, print_progress=False, lazy_stepping=False)
    finally:
        world.shutdown()
    return np.stack(heat_kw)


def _series(year: Year, cases: Cases, n: int) -> InputSeries:
    n_steps = year.grid.n_steps
    nothing, nobody = np.zeros(n_steps), np.zeros((n_steps, n), dtype=np.int8)
    assert {LOAD, *Inputs.signals} >= set(Dwellings.signals)
    return InputSeries(
        grid=year.grid,
        n_warmup=year.n_warmup,
        n_beyond=0,
        temp_outdoor_degc=year.temp_outdoor_degc,
        wind_speed_m_per_s=nothing,
        irradiance_global_w_per_m2=nothing,
        irradiance_facade_w_per_m2=year.irradiance_w_per_m2,
        irradiance_module_w_per_m2=np.zeros((n_steps, 0)),
        power_load_kw=np.full((n_steps, n), cases.heat_internal_kw, dtype=np.float32),
        occupants_home=nobody,
        occupants_awake=nobody,
        price_zonal_eur_per_mwh=nothing,
        price_pun_eur_per_mwh=nothing,
    )
