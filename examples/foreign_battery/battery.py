"""A battery in a process of its own, as a mosaik simulator; it needs the package mosaik-api-v3 only.

    python battery.py 127.0.0.1:5555

The physics are those of recosim's own batteries without ageing, written out once more in plain Python: a run
with this battery in the place of a built-in one gives the same figures.
"""

import mosaik_api_v3

SECONDS_PER_MONTH = 365.25 / 12 * 86_400
PARAMETERS = {
    "capacity_kwh": 5.0,
    "power_charge_max_kw": 2.5,  # at the terminals, like all powers
    "power_discharge_max_kw": 2.5,
    "state_min": 0.10,  # share of the capacity that always stays in
    "state_max": 0.95,
    "efficiency_charge": 0.95,
    "efficiency_discharge": 0.95,
    "self_discharge_per_month": 0.02,
    "grid_charging": False,
    "step_s": 900,
}
ATTRS = [
    # what it is told
    "power_net_kw",  # what the delivery point takes without the battery; negative: a surplus
    "setpoint_power_charge_kw",  # null: its own rule decides
    "setpoint_power_discharge_kw",
    # what it says it has done
    "energy_battery_kwh",
    "power_charge_kw",
    "power_discharge_kw",
    "power_loss_kw",
]
META = {
    "api_version": "3.0",
    "type": "time-based",
    "models": {"battery": {"public": True, "params": list(PARAMETERS), "attrs": ATTRS}},
}


class Battery:
    def __init__(self, parameters):
        self.__dict__.update(parameters)
        self.hours = self.step_s / 3600
        self.kept = (1 - self.self_discharge_per_month) ** (self.step_s / SECONDS_PER_MONTH)
        self.said = {
            "energy_battery_kwh": self.state_min * self.capacity_kwh,
            "power_charge_kw": 0.0,
            "power_discharge_kw": 0.0,
            "power_loss_kw": 0.0,
        }

    def step(self, net_kw, charge_kw, discharge_kw):
        before = self.said["energy_battery_kwh"]
        kept = self.kept * before
        room = (self.state_max * self.capacity_kwh - kept) / (self.efficiency_charge * self.hours)
        stock = (kept - self.state_min * self.capacity_kwh) * self.efficiency_discharge / self.hours
        charge_max = max(0.0, min(room, self.power_charge_max_kw))
        discharge_max = max(0.0, min(stock, self.power_discharge_max_kw))
        # it may take from the grid, or feed into it, but not both
        if self.grid_charging:
            discharge_max = min(discharge_max, max(net_kw, 0.0))
        else:
            charge_max = min(charge_max, max(-net_kw, 0.0))
        asked = -net_kw if charge_kw is None or discharge_kw is None else charge_kw - discharge_kw
        charge, discharge = min(max(asked, 0.0), charge_max), min(max(-asked, 0.0), discharge_max)
        stored = self.efficiency_charge * charge * self.hours
        taken = discharge / self.efficiency_discharge * self.hours
        leaked = (before - kept) / self.hours
        self.said = {
            "energy_battery_kwh": kept + stored - taken,
            "power_charge_kw": charge,
            "power_discharge_kw": discharge,
            "power_loss_kw": charge - stored / self.hours + taken / self.hours - discharge + leaked,
        }


class Batteries(mosaik_api_v3.Simulator):
    def __init__(self):
        super().__init__(META)
        self.batteries = {}

    def create(self, num, model, **given):
        first = len(self.batteries)
        names = [f"battery-{i}" for i in range(first, first + num)]
        self.batteries |= {name: Battery(PARAMETERS | given) for name in names}
        return [{"eid": name, "type": model} for name in names]

    def step(self, time, inputs, max_advance):
        for name, battery in self.batteries.items():
            told = {attr: next(iter(sources.values())) for attr, sources in inputs[name].items()}
            battery.step(
                told["power_net_kw"],
                told["setpoint_power_charge_kw"],
                told["setpoint_power_discharge_kw"],
            )
        return time + battery.step_s

    def get_data(self, outputs):
        return {
            name: {attr: self.batteries[name].said[attr] for attr in attrs} for name, attrs in outputs.items()
        }


if __name__ == "__main__":
    mosaik_api_v3.start_simulation(Batteries(), configure_logging=False)
