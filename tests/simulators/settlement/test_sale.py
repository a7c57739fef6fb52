import pytest

from recosim.simulators.settlement.checks import SettlementError
from recosim.simulators.settlement.sale import (
    gse_fee_eur_per_year,
    may_have_minimum_price,
    minimum_price_supplement_eur,
    rid_fee_eur_per_year,
    sale_eur,
)


def test_sale_with_losses() -> None:
    assert float(sale_eur(10.0, 200.0, 0.052)) == pytest.approx(2.104)
    assert sale_eur([1.0, 2.0], -10.0, 0.023) == pytest.approx([-0.01023, -0.02046])


def test_minimum_price_never_takes_away() -> None:
    assert minimum_price_supplement_eur(1000.0, [0.0, 46.8, 100.0], 46.8) == pytest.approx([46.8, 0.0, 0.0])


def test_who_may_have_the_minimum_price() -> None:
    power = [100.0, 101.0, 101.0, 50.0]
    may = may_have_minimum_price(power, [True, True, True, False], [True, True, False, False])
    assert may.tolist() == [True, False, True, False]


def test_fees_of_the_naples_plants() -> None:
    plants = [20.0, 3.0, 3.0, 3.0, 3.0]
    assert gse_fee_eur_per_year(plants).sum() == 15.0
    assert rid_fee_eur_per_year(plants).sum() == pytest.approx(22.4)


def test_fees_refuse_what_no_configuration_may_hold() -> None:
    with pytest.raises(SettlementError, match=r"plant\[1\]: power_kw = 2000"):
        rid_fee_eur_per_year([20.0, 2000.0])
