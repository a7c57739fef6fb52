import subprocess
import sys
import warnings

import numpy as np
import pytest
from hplib import hplib
from hypothesis import given
from hypothesis import strategies as st

from recosim.simulators.physics.air_to_water import cop, eer, generic_fit

FIT = generic_fit()


@pytest.mark.parametrize(
    ("outdoor", "water", "expected"),
    [
        (7.0, 35.0, 5.06),
        (2.0, 35.0, 4.29),
        (-7.0, 35.0, 2.90),
        (7.0, 45.0, 4.18),
        (7.0, 55.0, 3.31),
        (2.0, 55.0, 2.54),
        (-7.0, 55.0, 1.15),
    ],
)
def test_cop_at_the_points_of_the_standard(outdoor, water, expected):
    assert float(cop(FIT, outdoor, water)) == pytest.approx(expected, abs=0.005)


@pytest.mark.parametrize(
    ("outdoor", "water", "expected"), [(35.0, 7.0, 3.28), (35.0, 18.0, 3.99), (30.0, 7.0, 4.52)]
)
def test_eer_at_the_points_of_the_standard(outdoor, water, expected):
    assert float(eer(FIT, outdoor, water)) == pytest.approx(expected, abs=0.005)


def test_never_below_a_resistance():
    assert cop(FIT, -10.0, 55.0) == 1.0
    assert eer(FIT, 55.0, 7.0) == 1.0


@pytest.mark.parametrize("outdoor", [-7.0, 2.0, 7.0, 12.0])
@pytest.mark.parametrize("water", [35.0, 45.0, 50.0])
def test_heating_is_what_hplib_simulates(outdoor, water):
    unit = hplib.get_parameters("Generic", group_id=1, t_in=-7, t_out=52, p_th=9000)
    theirs = hplib.simulate(outdoor, water - 5.0, unit, outdoor)  # hplib wants the water's return
    assert float(cop(FIT, outdoor, water)) == pytest.approx(theirs["COP"].iloc[0], rel=1e-9)


@pytest.mark.parametrize("outdoor", [25.0, 30.0, 35.0])
def test_cooling_is_what_hplib_simulates(outdoor):
    unit = hplib.get_parameters("Generic", group_id=1, t_in=-7, t_out=52, p_th=9000)
    theirs = hplib.simulate(outdoor, 12.0, unit, outdoor, mode=2)
    assert float(eer(FIT, outdoor, 7.0)) == pytest.approx(theirs["EER"].iloc[0], rel=1e-9)


@given(
    outdoor=st.floats(-20.0, 20.0),
    water=st.floats(30.0, 60.0),
    warmer=st.floats(0.1, 10.0),
)
def test_milder_air_and_cooler_water_help_heating(outdoor, water, warmer):
    here = cop(FIT, outdoor, water)
    assert cop(FIT, outdoor + warmer, water) >= here >= cop(FIT, outdoor, water + warmer) >= 1.0
    assert cop(FIT, 0.0 + warmer, 35.0) > cop(FIT, 0.0, 35.0) > cop(FIT, 0.0, 35.0 + warmer)


@given(outdoor=st.floats(20.0, 40.0), water=st.floats(5.0, 20.0), warmer=st.floats(0.1, 5.0))
def test_milder_air_and_warmer_water_help_cooling(outdoor, water, warmer):
    here = eer(FIT, outdoor, water)
    assert eer(FIT, outdoor + warmer, water) < here < eer(FIT, outdoor, water + warmer)


def test_scalar_is_the_same_line_as_array():
    outdoor = np.array([[-5.0], [7.0]])
    water = np.array([35.0, 45.0, 55.0])
    together = cop(FIT, outdoor, water)
    assert together.shape == (2, 3)
    assert together[1, 2] == cop(FIT, 7.0, 55.0)
    assert eer(FIT, 40.0 + outdoor, water / 5.0)[0, 1] == eer(FIT, 35.0, 9.0)


def test_the_database_is_read_once_without_a_word(capfd):
    generic_fit.cache_clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit = generic_fit()
    assert fit == FIT
    assert generic_fit() is fit
    assert capfd.readouterr() == ("", "")


def test_hplib_is_imported_only_when_asked_for():
    code = "import sys, recosim.simulators.physics.air_to_water; print('hplib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
