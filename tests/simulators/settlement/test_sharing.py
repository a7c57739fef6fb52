import numpy as np
import pytest

from recosim.simulators.settlement.checks import SettlementError
from recosim.simulators.settlement.sharing import injection_by_plant, seniority_order, share_between_plants

INJECTED = np.array([[6.0, 4.0], [6.0, 4.0], [0.0, 4.0], [6.0, 4.0]])
WITHDRAWN = np.array([5.0, 20.0, 3.0, 0.0])
OLD_AND_NEW = np.array([False, True])
ORDER = np.array([0, 1])


def test_plants_behind_one_meter_share_by_power() -> None:
    found = injection_by_plant(np.array([[6.0, 0.0, 5.0]]), np.array([0, 2, 0]), np.array([10.0, 7.0, 20.0]))
    assert found.tolist() == [[2.0, 5.0, 4.0]]


def test_eligible_only_takes_the_minimum_anew() -> None:
    shared = share_between_plants(INJECTED, WITHDRAWN, OLD_AND_NEW, ORDER)
    assert shared.valorised_kwh.tolist() == [[5.0, 0.0], [6.0, 4.0], [0.0, 3.0], [0.0, 0.0]]
    assert shared.incentivised_kwh.tolist() == [[0.0, 4.0], [0.0, 4.0], [0.0, 3.0], [0.0, 0.0]]


def test_attributed_pays_what_the_older_plant_leaves() -> None:
    shared = share_between_plants(INJECTED, WITHDRAWN, OLD_AND_NEW, ORDER, incentive_basis="attributed")
    assert shared.incentivised_kwh.tolist() == [[0.0, 0.0], [0.0, 4.0], [0.0, 3.0], [0.0, 0.0]]
    pro_rata = share_between_plants(INJECTED, WITHDRAWN, OLD_AND_NEW, ORDER, "pro_rata", "attributed")
    assert pro_rata.incentivised_kwh == pytest.approx(np.array([[0, 2.0], [0, 4.0], [0, 3.0], [0, 0]]))


def test_seniority_order() -> None:
    assert seniority_order(np.array([3, 1, 1]), np.array([5.0, 9.0, 2.0])).tolist() == [2, 1, 0]


def test_eligibility_may_change_from_hour_to_hour() -> None:
    due = np.array([[False, True], [True, True], [True, True], [True, True]])
    shared = share_between_plants(INJECTED, WITHDRAWN, due, ORDER)
    assert shared.incentivised_kwh[:2].tolist() == [[0.0, 4.0], [6.0, 4.0]]


@pytest.mark.parametrize("option", [{"attribution": "age"}, {"incentive_basis": "all"}])
def test_unknown_options(option: dict[str, str]) -> None:
    with pytest.raises(SettlementError, match="allowed"):
        share_between_plants(INJECTED, WITHDRAWN, OLD_AND_NEW, ORDER, **option)
