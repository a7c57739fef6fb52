"""Kinds of device that an optimising controller leaves to their own rules, and foresees.

What is left alone becomes load that is known beforehand (see `own_rules`). A battery is foreseen beside
thermostats, even where the controller decides the air conditioning.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from recosim.arrays import FloatArray
from recosim.contracts import Community, Forecast, Observation
from recosim.controllers.day_ahead_problem import BATTERY, HVAC, checked_kinds, other_kinds
from recosim.controllers.own_rules import batteries, present, thermostats
from recosim.errors import ControllerError

KIND_OF = {HVAC: "dwelling", BATTERY: "battery"}


class LeftAlone:
    """Foresees what a controller does not decide, and takes it out of what it asks.

    Parameters
    ----------
    controls : list of {"hvac", "battery"}
        What the controller decides.
    where : str
        Name of the controller, for messages.

    Raises
    ------
    ControllerError
        ``controls`` is no such list.
    """

    def __init__(self, controls: object, where: str) -> None:
        self._where = where
        decided = checked_kinds(controls, where)
        self._left = tuple(kind for kind in KIND_OF if kind not in decided)

    def reset(self, community: Community) -> Community:
        """Take the community; what an optimisation model shall know of it.

        Raises
        ------
        ControllerError
            It has other devices to decide, such as hot water, which are not foreseen.
        """
        for kind, devices in other_kinds(community).items():
            raise ControllerError(
                f"{self._where}.controls beside devices of kind {kind} ({devices.names[0]}), allowed: "
                "communities without them; leave controls out to decide everything"
            )
        self._community = community
        self._ignored = {
            control
            for left in self._left
            if KIND_OF[left] in community.devices
            for control in community.devices[KIND_OF[left]].declaration.controls
        }
        if BATTERY not in self._left:
            return community
        kept = {kind: devices for kind, devices in community.devices.items() if kind != KIND_OF[BATTERY]}
        return replace(community, devices=kept)

    def asked(self, setpoints: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        """Those set-points that are the controller's to ask for."""
        return {name: values for name, values in setpoints.items() if name not in self._ignored}

    def foreseen(self, observation: Observation, forecast: Forecast) -> Forecast:
        """The forecast with what is left alone as load."""
        if not self._left:
            return forecast
        devices, n_pods = self._community.devices, len(self._community.pods)
        load = forecast.power_load_kw
        temps = np.stack([observation["temp_indoor_degc"], observation["temp_mass_degc"]], axis=1)
        hvac, _ = thermostats(devices["dwelling"].parameters, temps, forecast, len(load))
        with_hvac = load + devices["dwelling"].at_nodes(hvac, n_pods)
        storage = devices.get("battery")
        if BATTERY in self._left and storage is not None:
            net = with_hvac - devices["photovoltaics"].at_nodes(forecast.power_pv_kw, n_pods)
            power, _ = batteries(
                present(storage, observation),
                observation["energy_battery_kwh"],
                net[:, storage.node],
                float(self._community.grid.step_s),
            )
            taken = storage.at_nodes(power, n_pods)
            load, with_hvac = load + taken, with_hvac + taken
        if HVAC not in self._left:
            return replace(forecast, power_load_kw=load)
        never = np.zeros_like(forecast.heating_season)
        return replace(  # without a season nothing can be heated or cooled, and no temperature is wanted
            forecast,
            power_load_kw=with_hvac,
            heating_season=never,
            cooling_season=never,
            temp_comfort_min_degc=np.full_like(forecast.temp_comfort_min_degc, -np.inf),
            temp_comfort_max_degc=np.full_like(forecast.temp_comfort_max_degc, np.inf),
            occupied=np.zeros_like(forecast.occupied),
        )
