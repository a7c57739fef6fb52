import pytest

from recosim.simulators.settlement.checks import SettlementError
from recosim.simulators.settlement.valorisation import (
    valorisation_cacer,
    valorisation_eur,
    valorisation_transitional,
)


def test_by_configuration() -> None:
    assert valorisation_cacer("CER", ("LV",), 2024).tariff_eur_per_mwh == 10.57
    assert valorisation_cacer("AID", ("LV",), 2024).loss_avoided.tolist() == [0.0]
    group = valorisation_cacer("GAC", ("LV", "MV"), 2024)
    assert group.tariff_eur_per_mwh == pytest.approx(11.22)
    assert group.loss_avoided.tolist() == [0.026, 0.012]
    assert valorisation_cacer("NONE", ("LV",), 1900).tariff_eur_per_mwh == 0.0
    with pytest.raises(SettlementError, match="CER, GAC, AID, NONE"):
        valorisation_cacer("REC", ("LV",), 2024)


def test_a_later_year_is_noted_once_per_figure() -> None:
    notes = valorisation_cacer("GAC", ("LV",), 2030).notes
    assert [note.split(":")[0] for note in notes] == [
        "trase_eur_per_mwh", "btau_eur_per_mwh", "avoided_losses_lv",
    ]  # fmt: skip
    assert valorisation_cacer("GAC", ("LV",), 2026).notes == ()


def test_transitional() -> None:
    group = valorisation_transitional("GAC", ("LV",), 2025)
    assert valorisation_eur(1000.0, 60.0, group.tariff_eur_per_mwh, group.loss_avoided) == pytest.approx(
        [9.78]
    )
    assert "2021" in group.notes[0]
    assert valorisation_transitional("CER", ("LV",), 2021).loss_avoided.tolist() == [0.0]


def test_negative_prices_lower_the_avoided_losses() -> None:
    assert float(valorisation_eur(1000.0, -100.0, 11.22, 0.026)) == pytest.approx(11.22 - 2.6)
