import numpy as np
import pytest

from recosim.scenarios.validation.bestest_adapter import adapter_heat_kw
from recosim.scenarios.validation.bestest_building import Year, cases_of, denver_year
from recosim.simulators.physics.ideal_loads import ideal_loads


@pytest.fixture(scope="module")
def weeks(denver_file):
    """The last days of December and the first of January."""
    year = denver_year(denver_file)
    n = 20 * 96
    return Year(
        grid=year.grid.part(0, n),
        n_warmup=year.n_warmup,
        temp_outdoor_degc=year.temp_outdoor_degc[:n],
        irradiance_w_per_m2=year.irradiance_w_per_m2[:n],
    )


def test_the_mosaik_simulator_of_a_run_needs_the_same_heat(weeks):
    cases = cases_of(["600", "900"])
    found = adapter_heat_kw(weeks, cases)
    direct = ideal_loads(cases.network, 900, cases.inputs(weeks), *cases.targets(weeks.grid)).heat_kw
    assert found.shape == direct.shape
    assert (direct.max(axis=0) > 1.0).all() and (direct.min(axis=0) < -0.5).any(), "it heats and cools"
    np.testing.assert_allclose(found, direct, atol=1e-6)


def test_another_surface_coefficient_is_seen(weeks):
    found = adapter_heat_kw(weeks, cases_of(["600"], 3.45))
    direct = ideal_loads(
        (cases := cases_of(["600"])).network, 900, cases.inputs(weeks), *cases.targets(weeks.grid)
    ).heat_kw
    assert np.abs(found - direct).max() > 0.1
