"""Water heaters as a mosaik simulator."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from recosim.arrays import BoolArray, FloatArray
from recosim.components import DeviceKind, Devices
from recosim.simulators.clock import State
from recosim.simulators.group import DeviceGroup, read_only
from recosim.simulators.physics.hot_water import (
    SECONDS_BETWEEN_DISINFECTIONS,
    TEMP_DISINFECTION_DEGC,
    TEMP_TANK_MAX_DEGC,
    WaterHeater,
    heat_per_power,
    heat_to_reach,
    tank_after,
    temp_cold_degc,
)

REACHED_WITHIN_K = 1e-6
_GOLDEN = 0.6180339887498949


def _stored_kwh(heater: WaterHeater, states: Mapping[str, FloatArray]) -> FloatArray:
    return np.asarray(heater.capacity_kwh_per_k * states["temp_tank_degc"], dtype=np.float64)


def _limits(heater: WaterHeater) -> dict[str, tuple[FloatArray | float, FloatArray | float]]:
    return {"power_water_heating_kw": (0.0, heater.power_max_kw)}


class WaterHeaters(DeviceGroup):
    """All tanks of domestic hot water; their own rule is a thermostat with a dead-band.

    What a controller asks for is limited by the element's power and by 65 degC. A tank that has not been at
    60 degC for a week is heated to it at full power, whoever decides.
    """

    declaration: ClassVar[DeviceKind] = DeviceKind(
        kind="water_heater",
        states=("temp_tank_degc", "time_since_disinfection_s"),
        controls=("power_water_heating_kw",),
        flows={"electricity": {"power_water_heating_kw": 1.0}},
        outputs=(
            "heat_water_heating_kw",
            "heat_ambient_kw",
            "heat_tapped_kw",
            "heat_tank_loss_kw",
            "heat_hot_water_unmet_kw",
            "discomfort_hot_water_k",
        ),
        stored_kwh=_stored_kwh,
        # the heat of the outdoor air and the electricity together are what warms the tank
        storage_flows={
            "power_water_heating_kw": 1.0,
            "heat_ambient_kw": 1.0,
            "heat_tapped_kw": -1.0,
            "heat_tank_loss_kw": -1.0,
        },
        limits=_limits,
    )
    signals: ClassVar[tuple[str, ...]] = ("temp_outdoor_degc",)
    inputs: ClassVar[tuple[str, ...]] = ("heat_hot_water_kw",)

    def setup(self, *, devices: Devices) -> None:  # type: ignore[override]
        """Take the heaters; tanks begin at their set-point, their disinfections spread over the week."""
        heater: WaterHeater = devices.parameters
        self._heater = heater
        n = len(devices)
        self.temp: FloatArray = np.zeros(n) + heater.temp_setpoint_degc
        share = np.asarray((_GOLDEN * np.arange(n)) % 1.0, dtype=np.float64)
        self._since: FloatArray = SECONDS_BETWEEN_DISINFECTIONS * share
        self._heats: BoolArray = np.zeros(n, dtype=np.bool_)
        self.out = self.zeros()
        self.out["temp_tank_degc"] = read_only(self.temp.copy())
        self.out["time_since_disinfection_s"] = read_only(self._since.copy())

    def advance(self, step: int, inputs: Mapping[str, FloatArray]) -> None:
        """Heat, tap and cool for one exact step."""
        heater, step_s = self._heater, float(self.grid.step_s)
        before, draw = self.temp, inputs["heat_hot_water_kw"]
        cold = temp_cold_degc(heater, float(self.grid.start + (step + 0.5) * step_s))
        efficiency = heat_per_power(heater, inputs["temp_outdoor_degc"], before)
        heat = self._delivered(inputs["setpoint_power_water_heating_kw"], efficiency, draw, cold)
        self.temp, tapped, lost = tank_after(heater, before, heat, draw, cold, step_s)
        power = heat / efficiency
        hot = self.temp >= TEMP_DISINFECTION_DEGC - REACHED_WITHIN_K
        self._since = np.where(hot, 0.0, self._since + step_s)
        short = np.maximum(heater.temp_tap_degc - np.minimum(before, self.temp), 0.0)
        out = {
            "temp_tank_degc": self.temp.copy(),
            "time_since_disinfection_s": self._since.copy(),
            "power_water_heating_kw": power,
            "heat_water_heating_kw": heat,
            "heat_ambient_kw": heat - power,
            "heat_tapped_kw": tapped,
            "heat_tank_loss_kw": lost,
            "heat_hot_water_unmet_kw": np.maximum(draw - tapped, 0.0),
            "discomfort_hot_water_k": np.where(draw > 0.0, short, 0.0),
        }
        self.out = {name: read_only(np.asarray(values, dtype=np.float64)) for name, values in out.items()}

    def get_state(self) -> dict[str, NDArray[Any]]:
        """Temperatures, time since the disinfection, and which thermostats are heating."""
        return {**super().get_state(), "temp": self.temp, "since": self._since, "heats": self._heats}

    def set_state(self, state: State) -> None:
        """Go on from `get_state`."""
        super().set_state(state)
        self.temp, self._since = np.array(state["temp"]), np.array(state["since"])
        self._heats = np.array(state["heats"])

    def _delivered(
        self, asked_kw: FloatArray, efficiency: FloatArray, draw: FloatArray, cold: FloatArray
    ) -> FloatArray:
        """Heat into the tanks: what is asked or the thermostat wants, and what disinfection takes [kW]."""
        heater, step_s, temp = self._heater, float(self.grid.step_s), self.temp
        most = heater.power_max_kw * efficiency

        def up_to(target: FloatArray | float) -> FloatArray:
            return np.minimum(most, heat_to_reach(heater, temp, target, draw, cold, step_s))

        by_rule = np.isnan(asked_kw)
        setpoint = np.asarray(heater.temp_setpoint_degc)
        goes_on = self._heats & (temp < setpoint - REACHED_WITHIN_K)
        self._heats = by_rule & (goes_on | (temp <= setpoint - heater.deadband_k))
        heat = np.where(self._heats, up_to(setpoint), 0.0)
        if not by_rule.all():
            asked = np.minimum(
                np.maximum(np.nan_to_num(asked_kw), 0.0) * efficiency, up_to(TEMP_TANK_MAX_DEGC)
            )
            heat = np.where(by_rule, heat, asked)
        overdue = np.asarray(heater.disinfects) & (self._since >= SECONDS_BETWEEN_DISINFECTIONS)
        if overdue.any():
            heat = np.where(overdue, np.maximum(heat, up_to(TEMP_DISINFECTION_DEGC)), heat)
        return heat
