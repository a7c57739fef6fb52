"""Electric cars as a mosaik simulator."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from recosim.arrays import FloatArray
from recosim.components import DeviceKind, Devices
from recosim.simulators.clock import State
from recosim.simulators.group import DeviceGroup, read_only
from recosim.simulators.physics.car import Car, charging_kw, energy_after
from recosim.simulators.trips import Trips

ROUNDING_KWH = 1e-9


def _stored_kwh(car: Car, states: Mapping[str, FloatArray]) -> FloatArray:
    return states["energy_car_battery_kwh"]


class Cars(DeviceGroup):
    """All cars; their own rule is to charge on arrival, at full power, until the battery is full.

    What a controller asks for is limited by the wall box and the battery. Whoever decides, the wall box
    charges when it must: in time for the car to leave with what its trips need, where that can be had at all.
    Nothing goes back to the grid. What a trip takes beyond an empty battery is charged elsewhere.

    The states hold for the end of a step, so a car that comes home at 18:00 is plugged in what a controller
    sees at 18:00. Of a car that is away, the time to departure and the energy needed then are zero.
    """

    declaration: ClassVar[DeviceKind] = DeviceKind(
        kind="car",
        states=("energy_car_battery_kwh", "car_plugged", "car_departure_s", "energy_car_needed_kwh"),
        controls=("power_car_kw",),
        flows={"electricity": {"power_car_kw": 1.0}},
        outputs=("power_driving_kw", "power_car_loss_kw", "energy_car_unmet_kwh"),
        stored_kwh=_stored_kwh,
        storage_flows={"power_car_kw": 1.0, "power_car_loss_kw": -1.0, "power_driving_kw": -1.0},
    )

    def setup(self, *, devices: Devices, trips: Trips) -> None:  # type: ignore[override]
        """Take the cars, which begin with full batteries, and their trips."""
        self._car: Car = devices.parameters
        self._trips = trips
        self.energy_kwh: FloatArray = np.zeros(len(devices)) + self._car.capacity_kwh
        self.out = self.zeros() | self._states(0)

    def advance(self, step: int, inputs: Mapping[str, FloatArray]) -> None:
        """Charge, or drive."""
        car, trips, step_s = self._car, self._trips, float(self.grid.step_s)
        before = self.energy_kwh
        charge = charging_kw(
            car,
            before,
            inputs["setpoint_power_car_kw"],
            trips.plugged[step],
            trips.least_kwh[step + 1],
            step_s,
        )
        missing = trips.departures.missing_kwh(step, before)
        self.energy_kwh, driving = energy_after(car, before, charge, trips.power_trip_kw[step], step_s)
        self.out = {
            **self._states(step + 1),
            "power_car_kw": read_only(charge),
            "power_driving_kw": read_only(driving),
            "power_car_loss_kw": read_only(np.asarray((1.0 - car.efficiency_charge) * charge)),
            "energy_car_unmet_kwh": read_only(np.where(missing > ROUNDING_KWH, missing, 0.0)),
        }

    def get_state(self) -> dict[str, NDArray[Any]]:
        """Energy in the batteries; trips are known beforehand."""
        return {**super().get_state(), "energy_kwh": self.energy_kwh}

    def set_state(self, state: State) -> None:
        """Go on from `get_state`."""
        super().set_state(state)
        self.energy_kwh = np.array(state["energy_kwh"])

    def _states(self, step: int) -> dict[str, FloatArray]:
        """What a controller sees at the start of ``step``."""
        trips = self._trips
        plugged = trips.plugged[step]
        departure = trips.next_departure[step]
        needed = trips.least_kwh[departure, np.arange(len(departure))]
        remaining = (departure - step) * float(self.grid.step_s)
        return {
            "energy_car_battery_kwh": read_only(self.energy_kwh.copy()),
            "car_plugged": read_only(plugged.astype(np.float64)),
            "car_departure_s": read_only(np.where(plugged, remaining, 0.0)),
            "energy_car_needed_kwh": read_only(np.where(plugged, needed, 0.0)),
        }
