import numpy as np
import pytest

from recosim.simulators.group import GROUP, GROUP_MODEL
from recosim.simulators.inputs import Inputs, InputSeries
from recosim.timegrid import TimeGrid

N, PODS, FLATS, PLANES = 12, 3, 2, 2


def series() -> InputSeries:
    steps = np.arange(N, dtype=np.float64)
    return InputSeries(
        grid=TimeGrid(start=0, step_s=900, n_steps=N),
        n_warmup=4,
        n_beyond=2,
        temp_outdoor_degc=steps,
        wind_speed_m_per_s=steps / 2,
        irradiance_global_w_per_m2=10 * steps,
        irradiance_facade_w_per_m2=steps[:, None] + np.arange(5),
        irradiance_module_w_per_m2=steps[:, None] * np.arange(PLANES),
        power_load_kw=(steps[:, None] + 0.25 * np.arange(PODS)).astype(np.float32),
        occupants_home=np.full((N, FLATS), 2, dtype=np.int8),
        occupants_awake=np.full((N, FLATS), 1, dtype=np.int8),
        price_zonal_eur_per_mwh=100 + steps,
        price_pun_eur_per_mwh=110 + steps,
    )


@pytest.fixture
def inputs() -> Inputs:
    simulator = Inputs()
    simulator.init("inputs-0", series=series(), pod_names=("a", "b", "c"))
    return simulator


def test_warmup_period_and_horizon() -> None:
    made = series()
    assert made.period == TimeGrid(start=4 * 900, step_s=900, n_steps=6)
    assert made.simulated == TimeGrid(start=0, step_s=900, n_steps=10)


def test_entities(inputs: Inputs) -> None:
    (entity,) = inputs.create(1, GROUP_MODEL)
    assert [child["eid"] for child in entity["children"]] == ["a", "b", "c"]


def test_values_of_the_present_step(inputs: Inputs) -> None:
    assert inputs.step(3 * 900, {}, 0) == 4 * 900
    data = inputs.get_data({GROUP: [*Inputs.signals, "power_load_kw"], "c": ["power_load_kw"]})
    group = data[GROUP]
    assert float(group["temp_outdoor_degc"]) == 3.0
    assert float(group["price_pun_eur_per_mwh"]) == 113.0
    assert group["irradiance_facade_w_per_m2"].tolist() == [3.0, 4.0, 5.0, 6.0, 7.0]
    assert group["power_load_kw"].tolist() == [3.0, 3.25, 3.5]
    assert group["power_load_kw"].dtype == np.float64
    assert group["occupants_home"].tolist() == [2.0, 2.0]
    assert data["c"] == {"power_load_kw": 3.5}
    assert type(data["c"]["power_load_kw"]) is float


def test_arrays_handed_out_are_read_only(inputs: Inputs) -> None:
    inputs.step(0, {}, 0)
    names = [*Inputs.signals, "power_load_kw"]
    for name, array in inputs.get_data({GROUP: names})[GROUP].items():
        assert not array.flags.writeable, name
