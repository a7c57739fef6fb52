"""Controllers that break the contract, each in its own way; loaded by path."""

import random
import sys
import time

import numpy as np

from recosim.contracts import Setpoints
from recosim.errors import ControllerError


class Sound:
    """Charges batteries with what the roofs give; the others differ from it in one line."""

    def __init__(self, share: float = 0.5):
        self.share = share

    def reset(self, community, seed):
        self.batteries = community.devices.get("battery")
        self.n_dwellings = len(community.devices["dwelling"])
        self.rng = np.random.default_rng(seed)

    def decide(self, observation, forecast):
        self.observation, self.forecast = observation, forecast
        given = {"temp_cooling_degc": np.full(self.n_dwellings, 25.0) + self.rng.random()}
        if self.batteries is not None:
            most = self.batteries.parameters.power_charge_max_kw
            given["power_charge_kw"] = self.share * most
            given["power_discharge_kw"] = 0.0 * most
        return Setpoints(**given)


class WrongShape(Sound):
    def decide(self, observation, forecast):
        return Setpoints(temp_cooling_degc=np.full(self.n_dwellings + 1, 26.0))


class Misspelt(Sound):
    def decide(self, observation, forecast):
        return Setpoints(temp_colling_degc=np.full(self.n_dwellings, 26.0))


class ReturnsDict(Sound):
    def decide(self, observation, forecast):
        return {"temp_cooling_degc": [26.0] * self.n_dwellings}


class HalfNan(Sound):
    def decide(self, observation, forecast):
        asked = super().decide(observation, forecast)
        if observation.step == 5 and "power_charge_kw" in asked:
            asked["power_charge_kw"][0] = np.nan
        return asked


class AllNan(Sound):
    def decide(self, observation, forecast):
        return Setpoints(temp_heating_degc=np.full(self.n_dwellings, np.nan))


class Infinite(Sound):
    def decide(self, observation, forecast):
        return Setpoints(temp_heating_degc=np.full(self.n_dwellings, -np.inf))


class RaisesOnStep37(Sound):
    def decide(self, observation, forecast):
        if observation.step == 37:
            raise ZeroDivisionError("nothing to share")
        return super().decide(observation, forecast)


class RaisesInReset(Sound):
    def reset(self, community, seed):
        raise KeyError("battery")


class NeedsCommonPlant(Sound):
    def reset(self, community, seed):
        plants = community.devices["photovoltaics"]
        if not any(node not in community.devices["dwelling"].node for node in plants.node):
            raise ControllerError("there is no common plant; name a community with one")
        super().reset(community, seed)


class TooSlow(Sound):
    def decide(self, observation, forecast):
        if observation.step == 3:
            time.sleep(0.3)
        return super().decide(observation, forecast)


class ChangesTheObservation(Sound):
    def decide(self, observation, forecast):
        observation["temp_indoor_degc"][:] = 20.0
        return super().decide(observation, forecast)


class ChangesTheForecast(Sound):
    def decide(self, observation, forecast):
        if observation.step == 2:
            forecast.power_pv_kw *= 0.5
        return super().decide(observation, forecast)


class GlobalRandom(Sound):
    def decide(self, observation, forecast):
        return Setpoints(temp_cooling_degc=25.0 + np.random.rand(self.n_dwellings))  # noqa: NPY002


class PlainRandom(Sound):
    def decide(self, observation, forecast):
        return Setpoints(temp_cooling_degc=np.full(self.n_dwellings, 25.0 + random.random()))


class Unseeded(Sound):
    def decide(self, observation, forecast):
        return Setpoints(temp_cooling_degc=25.0 + np.random.default_rng().random(self.n_dwellings))


class Remembers(Sound):
    count = 0

    def decide(self, observation, forecast):
        self.count += 1
        return Setpoints(temp_cooling_degc=np.full(self.n_dwellings, 25.0 + self.count / 1000.0))


class TooMuchPower(Sound):
    def decide(self, observation, forecast):
        asked = super().decide(observation, forecast)
        if "power_charge_kw" in asked:
            asked["power_charge_kw"][:] = 1000.0
        return asked


class NegativePower(Sound):
    def decide(self, observation, forecast):
        return Setpoints(power_heating_kw=np.full(self.n_dwellings, -1.0))


class NoReadings(Sound):
    def decide(self, observation, forecast):
        if observation.missing:
            raise RuntimeError("a reading is missing")
        return super().decide(observation, forecast)


class BadState(Sound):
    def get_state(self):
        return {"rng": self.rng}

    def set_state(self, state):
        self.rng = state["rng"]


class ForgetsItsState(Sound):
    def get_state(self):
        return {}

    def set_state(self, state): ...


class NeverReturns(Sound):
    def decide(self, observation, forecast):
        while observation.step == 4:
            pass
        return super().decide(observation, forecast)


class NeverBegins(Sound):
    def reset(self, community, seed):
        while True:
            time.sleep(1.0)


class Leaves(Sound):
    def decide(self, observation, forecast):
        sys.exit(3)


class AnyOption(Sound):
    def __init__(self, **options):
        super().__init__(0.25)
