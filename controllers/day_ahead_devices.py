"""Air conditioning and batteries over one day: what they may do, and what they do by their own rules.

The rules are foreseen by `own_rules`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recosim.arrays import BoolArray, FloatArray, IntArray
from recosim.components import Devices
from recosim.contracts import Community, Forecast, Observation
from recosim.controllers.own_rules import batteries, present, thermostats
from recosim.simulators.dwellings import DwellingParameters
from recosim.simulators.physics.battery import retained_share
from recosim.simulators.physics.heat_pump import cooling_capacity_kw, cop, eer, heating_capacity_kw
from recosim.simulators.physics.rc_network import discretise, stack_inputs


@dataclass(frozen=True, kw_only=True)
class AirConditioning:
    """The dwellings' units over the day; S futures, K steps, I dwellings, 2 nodes (air and mass).

    Parameters
    ----------
    node : array of int, shape (I,)
        Delivery point of each dwelling.
    keeps : array, shape (I, 2, 2)
        Temperatures after a step in terms of those before.
    rise_k_per_kw : array, shape (K, I, 2)
        What a kW of electricity adds in a step: positive when heating, negative when cooling [K/kW].
    drift : array, shape (S, K, I, 2)
        What everything else adds; in the first step it holds the present temperatures too [K].
    weights : array, shape (I, 2)
        Of the nodes in the operative temperature.
    lowest, highest : array, shape (S, K, I)
        Limits of the weighted temperatures at the end of each step [degC].
    temp_end_max, temp_end_min : array, shape (S, I, 2)
        Limits at the end of the day: no warmer than it began when cooling, no colder when heating [degC].
    power_max_kw : array, shape (K, I)
    heats : array of bool, shape (K,)
        Where a power heats; elsewhere it cools.
    base_kw : array, shape (S, K, I)
        What the thermostats take [kW].
    """

    node: IntArray
    keeps: FloatArray
    rise_k_per_kw: FloatArray
    drift: FloatArray
    weights: FloatArray
    lowest: FloatArray
    highest: FloatArray
    temp_end_max: FloatArray
    temp_end_min: FloatArray
    power_max_kw: FloatArray
    heats: BoolArray
    base_kw: FloatArray


@dataclass(frozen=True, kw_only=True)
class Storage:
    """The batteries over the day; S futures, K steps, B batteries.

    Parameters
    ----------
    node : array of int, shape (B,)
    start_kwh, least_kwh, most_kwh : array, shape (B,)
        Energy now and its limits [kWh].
    end_kwh : array, shape (S, B)
        What the own rule leaves at the end of the day, and a plan as well: where it begins empty, as much as
        it began with [kWh].
    keeps : array, shape (B,)
        Share of the stored energy that is left after a step.
    into, out : array, shape (B,)
        Stored per kWh charged, and taken from the store per kWh discharged.
    charge_max_kw, discharge_max_kw : array, shape (B,)
    base_kw : array, shape (S, K, B)
        What the batteries' own rule takes, negative when discharging [kW].
    """

    node: IntArray
    start_kwh: FloatArray
    least_kwh: FloatArray
    most_kwh: FloatArray
    end_kwh: FloatArray
    keeps: FloatArray
    into: FloatArray
    out: FloatArray
    charge_max_kw: FloatArray
    discharge_max_kw: FloatArray
    base_kw: FloatArray


def air_conditioning_of(
    community: Community,
    observation: Observation,
    futures: Sequence[Forecast],
    n_steps: int,
    band_k: float,
) -> AirConditioning:
    """The dwellings' units over the ``n_steps`` that begin now; parameters as of ``pose_day``."""
    devices: Devices = community.devices["dwelling"]
    parameters: DwellingParameters = devices.parameters
    network, unit = parameters.network, parameters.air_conditioner
    discrete = discretise(network, community.grid.step_s)
    first, rows = futures[0], slice(0, n_steps)
    outdoor = first.temp_outdoor_degc[rows, None]
    heats, cools = first.heating_season[rows], first.cooling_season[rows]
    heats_here = heats[:, None]
    most_heating = heating_capacity_kw(unit, outdoor) / cop(unit, outdoor)
    most_cooling = cooling_capacity_kw(unit, outdoor) / eer(unit, outdoor)
    power_max = np.where(heats_here, most_heating, np.where(cools[:, None], most_cooling, 0.0))
    heat_per_kw = np.where(heats_here, cop(unit, outdoor), -eer(unit, outdoor))
    rise = heat_per_kw[..., None] * discrete.b[None, :, :, 2]
    weights: FloatArray = np.stack([network.operative_air, network.operative_mass], axis=1)
    start = np.stack([observation["temp_indoor_degc"], observation["temp_mass_degc"]], axis=1)
    drift, given = [], []
    for future in futures:
        internal, solar = future.heat_internal_kw[rows], future.heat_solar_kw[rows]
        inputs = stack_inputs(outdoor, future.temp_solair_degc[rows], 0.0, internal, solar)
        added = np.einsum("nsj,knj->kns", discrete.b, inputs)
        added[0] += np.einsum("nab,nb->na", discrete.a, start)
        drift.append(added)
        given.append(
            network.operative_outdoor * outdoor
            + network.operative_internal_k_per_kw * internal
            + network.operative_solar_k_per_kw * solar
        )
    moves, known = np.stack(drift), np.stack(given)
    # a thermostat heats to the lower edge in the heating season, cools to the upper one in the cooling season
    edge = np.where(heats_here, first.temp_comfort_min_degc[rows], first.temp_comfort_max_degc[rows])
    edge = np.where(power_max > 0.0, edge, np.nan)
    alone = [thermostats(parameters, start, future, n_steps) for future in futures]
    base, temps = (np.stack(series) for series in zip(*alone, strict=True))
    held = np.einsum("in,skin->ski", weights, temps)
    target = np.where(np.isnan(edge), np.inf, edge) - known
    ends = temps[:, -1]
    return AirConditioning(
        node=devices.node,
        keeps=discrete.a,
        rise_k_per_kw=rise,
        drift=moves,
        weights=weights,
        # whatever happens without control is allowed, so that there always is a plan
        lowest=np.minimum(held, target - band_k),
        highest=np.where(np.isfinite(target), np.maximum(held, target + band_k), np.inf),
        temp_end_max=np.where(heats[-1], np.inf, np.maximum(start, ends)),
        temp_end_min=np.where(heats[-1], np.minimum(start, ends), -np.inf),
        power_max_kw=power_max,
        heats=heats,
        base_kw=base,
    )


def storage_of(community: Community, observation: Observation, before_kw: FloatArray) -> Storage | None:
    """The batteries, and what they do by their own rule before a net load, shape (S, K, P)."""
    devices = community.devices.get("battery")
    if devices is None or not len(devices):
        return None
    battery, start = present(devices, observation), observation["energy_battery_kwh"]
    n, step_s = len(devices), float(community.grid.step_s)
    alone = [batteries(battery, start, load[:, devices.node], step_s) for load in before_kw]
    base, end = (np.stack(series) for series in zip(*alone, strict=True))

    def column(values: object) -> FloatArray:
        return np.array(np.broadcast_to(np.asarray(values, dtype=np.float64), n))

    return Storage(
        node=devices.node,
        start_kwh=start,
        # self-discharge may take an idle battery below its minimum
        least_kwh=np.minimum(column(battery.state_min * battery.capacity_kwh), end.min(axis=0)),
        most_kwh=np.maximum(column(battery.state_max * battery.capacity_kwh), start),
        end_kwh=end,
        keeps=column(retained_share(battery, step_s)),
        into=column(battery.efficiency_charge),
        out=1.0 / column(battery.efficiency_discharge),
        charge_max_kw=column(battery.power_charge_max_kw),
        discharge_max_kw=column(battery.power_discharge_max_kw),
        base_kw=base,
    )
