"""Seasonal heat need of Italian buildings beside TABULA, by its static method and by our dwellings."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recosim.arrays import BoolArray, FloatArray
from recosim.scenarios.archetypes import EnvelopeFigures, envelope_of, position_shares
from recosim.scenarios.climate import synthetic_weather
from recosim.scenarios.community import stacked
from recosim.scenarios.envelopes import network_of
from recosim.scenarios.facades import envelope_on_facades, irradiance_on, planes_of_facades
from recosim.scenarios.validation.reference import Report, Request, Row, checked, published_table, shown
from recosim.simulators.physics.ideal_loads import ideal_loads
from recosim.simulators.physics.rc_network import stack_inputs
from recosim.simulators.physics.seasonal_need import (
    degree_days_and_heating_days,
    heat_need_kwh_per_m2,
    reduction_temperature,
)
from recosim.simulators.physics.solar_gains import (
    heat_solar_kw,
    temp_solair_degc,
)
from recosim.timegrid import SECONDS_PER_DAY

SOURCE = "TABULA/EPISCOPE, Italy, middle climatic zone"
BLOCKS = ("AB.05", "AB.06", "AB.07", "AB.08")
STATIC_TOLERANCE_KWH_PER_M2 = 1e-9
DYNAMIC_TOLERANCE = 0.25
PLACE, SEED, STEP_S = "Torino", 1, 900
FLOOR_AREA_M2 = 70.0
"""Of the simulated flats; needs are per floor area, so it matters to nothing."""
TEMP_HEATING_DEGC, TEMP_BASE_DEGC = 20.0, 12.0
"""TABULA's indoor temperature, and the daily mean outdoors below which a day is heated."""
HEAT_INTERNAL_W_PER_M2 = 3.0
SHADING = 0.6
"""TABULA's F_sh of vertical windows."""
WARMUP_DAYS = 14
W_PER_KW, HOURS_PER_DAY = 1e3, 24.0


def validate(request: Request) -> Report:
    """Reproduce the published needs, and put our dwellings beside the static method in a year of Torino."""
    needs = published_needs()
    rows = [
        checked(
            f"largest deviation of {len(needs)} buildings",
            "kWh/m2",
            max(abs(ours - theirs) for ours, theirs in needs.values()),
            0.0,
            STATIC_TOLERANCE_KWH_PER_M2,
            SOURCE,
            group="static method",
        )
    ]
    rows += [
        shown(name, "kWh/m2", ours, SOURCE, group="static method", published=f"{theirs:.3f}")
        for name, (ours, theirs) in needs.items()
    ]
    blocks = dynamic_needs()
    rows += [row for block in blocks for row in _block_rows(block)]
    return Report(
        title="Seasonal heat need, TABULA",
        rows=rows,
        figures={
            "static": {name: {"need": ours, "published": theirs} for name, (ours, theirs) in needs.items()},
            "dynamic": {
                block.name: {"dynamic": block.dynamic, "static": block.static, "ratio": block.ratio}
                for block in blocks
            },
        },
        notes=[
            f"synthetic year of {PLACE}, seed {SEED}: the static method with its degree days, irradiation "
            "and heating days (daily mean below 12 degC); the dwellings of a run with an operative "
            "temperature of 20 degC on those days, all six positions of a block by their frequency",
            "the static method takes its reduction F_red off the losses, for rooms and hours without "
            "heating; the dwellings are heated throughout, so they need more where F_red takes off most, "
            "in the block that loses most (AB.05); without F_red both agree within 5 %",
        ],
    )


def published_needs() -> dict[str, tuple[float, float]]:
    """Seasonal need by our static method and as published, by building [kWh/m2]."""
    table = published_table("tabula.csv")
    ours = heat_need_kwh_per_m2(
        conductance_transmission_w_per_m2k=table["h_tr_w_per_m2k"].to_numpy(),
        conductance_ventilation_w_per_m2k=table["h_ve_w_per_m2k"].to_numpy(),
        degree_days_kd=table["degree_days_kd"].to_numpy(),
        heat_solar_kwh_per_m2=table["q_sol_kwh_per_m2"].to_numpy(),
        heat_internal_kwh_per_m2=table["q_int_kwh_per_m2"].to_numpy(),
        capacity_wh_per_m2k=table["c_m_wh_per_m2k"].to_numpy(),
        reduction_temperature=reduction_temperature(
            table["h_tr_w_per_m2k"].to_numpy(), table["f_red_1"].to_numpy(), table["f_red_4"].to_numpy()
        ),
    )
    theirs = table["q_h_nd_kwh_per_m2"].to_numpy()
    return {
        name: (float(own), float(other))
        for name, own, other in zip(table["building"], ours, theirs, strict=True)
    }


@dataclass(frozen=True, kw_only=True)
class BlockNeed:
    """Seasonal needs of an apartment block in the synthetic year [kWh/m2].

    Parameters
    ----------
    name : str
    static, static_unreduced : float
        TABULA's method, and the same with F_red = 1.
    dynamic, dynamic_all_year : float
        Our dwellings, heated on the heating days of the static method, and whenever they are cold.
    """

    name: str
    static: float
    static_unreduced: float
    dynamic: float
    dynamic_all_year: float

    @property
    def ratio(self) -> float:
        """Dynamic over static."""
        return self.dynamic / self.static


@dataclass(frozen=True, kw_only=True)
class _Season:
    """The synthetic year: temperature and irradiance by step, and what TABULA wants to know of it."""

    temp_outdoor_degc: FloatArray
    irradiance_w_per_m2: FloatArray
    degree_days_kd: float
    heated: BoolArray

    @property
    def heated_steps(self) -> BoolArray:
        return np.repeat(self.heated, SECONDS_PER_DAY // STEP_S)

    @property
    def irradiation_kwh_per_m2(self) -> FloatArray:
        """On the facades, over the heated days."""
        power = self.irradiance_w_per_m2[self.heated_steps].sum(axis=0)
        return np.asarray(power * STEP_S / 3600.0 / W_PER_KW, dtype=np.float64)


def dynamic_needs() -> list[BlockNeed]:
    """Needs of the four apartment blocks in the synthetic year."""
    season = _season()
    flats = [
        (block, share, envelope_of(block, position, FLOOR_AREA_M2))
        for block in BLOCKS
        for position, share in position_shares(block).items()
    ]
    dynamic, all_year = (_simulated(season, [flat for _, _, flat in flats], on) for on in (True, False))
    needs = []
    for block in BLOCKS:
        own = [k for k, (name, _, _) in enumerate(flats) if name == block]
        shares = np.array([flats[k][1] for k in own])
        static, unreduced = _static(season, [flats[k][2] for k in own], shares)
        needs.append(
            BlockNeed(
                name=block,
                static=static,
                static_unreduced=unreduced,
                dynamic=float(dynamic[own] @ shares),
                dynamic_all_year=float(all_year[own] @ shares),
            )
        )
    return needs


def _season() -> _Season:
    weather = synthetic_weather(PLACE, SEED, step_s=STEP_S)
    daily = weather.temp_outdoor_degc.reshape(-1, SECONDS_PER_DAY // STEP_S).mean(axis=1)
    degree_days, heated = degree_days_and_heating_days(daily, TEMP_BASE_DEGC, TEMP_HEATING_DEGC)
    return _Season(
        temp_outdoor_degc=weather.temp_outdoor_degc,
        irradiance_w_per_m2=irradiance_on(weather, planes_of_facades()),
        degree_days_kd=degree_days,
        heated=heated,
    )


def _static(season: _Season, flats: Sequence[EnvelopeFigures], shares: FloatArray) -> tuple[float, float]:
    """Static need of a block, with and without F_red, from the mean of its flats [kWh/m2]."""
    opaque_and_glass = [flat.conductance_opaque_w_per_k + flat.conductance_window_w_per_k for flat in flats]
    transmission = float(shares @ opaque_and_glass) / FLOOR_AREA_M2
    ventilation = float(shares @ [flat.conductance_ventilation_w_per_k for flat in flats]) / FLOOR_AREA_M2
    aperture = shares @ stacked([envelope_on_facades(flat, 1.0) for flat in flats]).aperture_m2

    def need(reduction: float) -> float:
        return float(
            heat_need_kwh_per_m2(
                conductance_transmission_w_per_m2k=transmission,
                conductance_ventilation_w_per_m2k=ventilation,
                degree_days_kd=season.degree_days_kd,
                heat_solar_kwh_per_m2=SHADING * (aperture @ season.irradiation_kwh_per_m2) / FLOOR_AREA_M2,
                heat_internal_kwh_per_m2=HEAT_INTERNAL_W_PER_M2
                * HOURS_PER_DAY
                / W_PER_KW
                * season.heated.sum(),
                reduction_temperature=reduction,
            )
        )

    return need(float(reduction_temperature(transmission))), need(1.0)


def _simulated(season: _Season, flats: Sequence[EnvelopeFigures], only_heated_days: bool) -> FloatArray:
    """Need of flats by our thermal model, shape (n,) [kWh/m2]."""
    n = len(flats)
    network = stacked([network_of(flat) for flat in flats])
    envelope = stacked([envelope_on_facades(flat, SHADING) for flat in flats])
    per_day = SECONDS_PER_DAY // STEP_S
    n_steps = len(season.temp_outdoor_degc)
    rows = np.r_[n_steps - WARMUP_DAYS * per_day : n_steps, 0:n_steps]
    outdoor, irradiance = season.temp_outdoor_degc[rows], season.irradiance_w_per_m2[rows]
    on = season.heated_steps[rows] if only_heated_days else np.ones(len(rows), dtype=np.bool_)
    loads = ideal_loads(
        network,
        STEP_S,
        stack_inputs(
            outdoor[:, None],
            temp_solair_degc(envelope, irradiance, outdoor),
            0.0,
            HEAT_INTERNAL_W_PER_M2 * FLOOR_AREA_M2 / W_PER_KW,
            heat_solar_kw(envelope, irradiance),
        ),
        np.broadcast_to(np.where(on, TEMP_HEATING_DEGC, -np.inf)[:, None], (len(rows), n)),
        np.full((len(rows), n), np.inf),
    )
    counted = loads.heating_kw[WARMUP_DAYS * per_day :]
    return np.asarray(counted.sum(axis=0) * STEP_S / 3600.0 / FLOOR_AREA_M2, dtype=np.float64)


def _block_rows(block: BlockNeed) -> list[Row]:
    source = f"static method, synthetic year of {PLACE}"
    group = f"{block.name} in a synthetic year of {PLACE}"
    return [
        checked(
            "need of our dwellings",
            "kWh/m2",
            block.dynamic,
            block.static * (1.0 - DYNAMIC_TOLERANCE),
            block.static * (1.0 + DYNAMIC_TOLERANCE),
            source,
            group=group,
            published=f"{block.static:.1f}",
        ),
        shown("  over the static method", "%", 100.0 * (block.ratio - 1.0), source, group=group),
        shown(
            "  over the static method without F_red",
            "%",
            100.0 * (block.dynamic / block.static_unreduced - 1.0),
            source,
            group=group,
            published=f"{block.static_unreduced:.1f} kWh/m2",
        ),
        shown("  heated on any cold day", "kWh/m2", block.dynamic_all_year, source, group=group),
    ]
