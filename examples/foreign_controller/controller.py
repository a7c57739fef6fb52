"""A controller in a process of its own, as a mosaik simulator; it needs the package mosaik-api-v3 only.

    python controller.py 127.0.0.1:5555

Batteries keep what they hold for the dear hours, and flats are cooled a little ahead while the roofs deliver.
What is null (None) is left to the device's own rule. `examples/foreign_controller_js` is the same in
JavaScript.
"""

import mosaik_api_v3

ROOFS_DELIVER_KW = 5.0
TEMP_COOLING_AHEAD_DEGC = 24.5
MODELS = {  # attributes are both: what the controller wants to know, and what it decides
    "battery": [
        "power_pv_kw",
        "power_load_kw",
        "price_buy_eur_per_kwh",
        "forecast_price_buy_eur_per_kwh",
        "setpoint_power_charge_kw",
        "setpoint_power_discharge_kw",
    ],
    "dwelling": ["setpoint_temp_cooling_degc"],
    "community": ["power_pv_kw"],
}
META = {
    "api_version": "3.0",
    "type": "time-based",
    "models": {
        kind: {"public": True, "params": ["name", "step_s"], "attrs": attrs} for kind, attrs in MODELS.items()
    },
}


def battery(seen):
    """Charge with the surplus; give nothing back while electricity costs less than over the next day."""
    ahead = seen["forecast_price_buy_eur_per_kwh"]
    if seen["price_buy_eur_per_kwh"] >= 0.999 * sum(ahead) / len(ahead):
        return {"setpoint_power_charge_kw": None, "setpoint_power_discharge_kw": None}
    surplus = max(seen["power_pv_kw"] - seen["power_load_kw"], 0.0)
    return {"setpoint_power_charge_kw": surplus, "setpoint_power_discharge_kw": 0.0}


class Controller(mosaik_api_v3.Simulator):
    def __init__(self):
        super().__init__(META)
        self.kinds = {}
        self.decided = {}

    def create(self, num, model, step_s=900, name=""):
        self.step_s = step_s
        eid = f"{model}:{name}"
        self.kinds[eid] = model
        return [{"eid": eid, "type": model}]

    def step(self, time, inputs, max_advance):
        seen = {
            eid: {attr: next(iter(sources.values())) for attr, sources in attrs.items()}
            for eid, attrs in inputs.items()
        }
        sunny = seen["community:community"]["power_pv_kw"] > ROOFS_DELIVER_KW
        for eid, kind in self.kinds.items():
            if kind == "battery":
                self.decided[eid] = battery(seen[eid])
            elif kind == "dwelling":
                self.decided[eid] = {"setpoint_temp_cooling_degc": TEMP_COOLING_AHEAD_DEGC if sunny else None}
        return time + self.step_s

    def get_data(self, outputs):
        return {eid: {attr: self.decided[eid][attr] for attr in attrs} for eid, attrs in outputs.items()}


if __name__ == "__main__":
    mosaik_api_v3.start_simulation(Controller(), configure_logging=False)
