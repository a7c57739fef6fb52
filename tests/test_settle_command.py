"""`recosim settle` and `recosim export` as a user meets them."""

import json
from pathlib import Path
from typing import Any

import pytest

from recosim.cli import main

COMMUNITY = """configuration: CER
regime: cacer
region: Campania
tariff_year: 2024
fees: {gse: false, rid: false}
plants:
  - {pod: IT001E1, power_kw: 100, technology: photovoltaic, commissioned: 2024-03-15, voltage: LV}
members:
  - {pod: IT001E1, kind: third_sector, primary_substation: AC001E00001}
  - {pod: IT001E2, name: Rossi, kind: natural_person, primary_substation: AC001E00001}
"""
READINGS = """time,IT001E1:injection_kwh,IT001E2:withdrawal_kwh
2024-06-03T12:00:00+02:00,10,4
2024-06-03T13:00:00+02:00,6,9
2024-06-03T14:00:00+02:00,0,5
"""
PRICES = """time,zonal_price_eur_per_mwh
2024-06-03T10:00Z,200
2024-06-03T11:00Z,100
2024-06-03T12:00Z,150
"""


class Outcome:
    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


@pytest.fixture
def settle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    monkeypatch.chdir(tmp_path)

    def run(
        *options: str, readings: str = READINGS, community: str = COMMUNITY, prices: str | None = PRICES
    ) -> Outcome:
        Path("readings.csv").write_text(readings)
        Path("community.yaml").write_text(community)
        given = []
        if prices is not None:
            Path("prices.csv").write_text(prices)
            given = ["--prices", "prices.csv"]
        with pytest.raises(SystemExit) as ended:
            main(["settle", "readings.csv", "--community", "community.yaml", *given, *options])
        captured = capsys.readouterr()
        return Outcome(int(ended.value.code or 0), captured.out, captured.err)

    return run


def test_figures_by_hand(settle: Any) -> None:
    found = json.loads(settle("--json", "-").out)
    assert found["hours"] == 3
    # 4 kWh at 80 (the price is above 180) and 6 at 120 (the cap) EUR/MWh; TRASE 10.57; sale with 5.2 %
    expected = {
        "energy_shared_kwh": 10.0,
        "energy_incentivised_kwh": 10.0,
        "energy_injected_kwh": 16.0,
        "energy_withdrawn_kwh": 18.0,
        "premium_eur": 1.04,
        "premium_excess_eur": (10 / 16 - 0.55) * 1.04,
        "valorisation_eur": 0.1057,
        "sale_eur": 2.7352,
        "fees_eur": 0.0,
        "total_eur": 3.8809,
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-9)
    assert (found["premium_cents"], found["valorisation_cents"], found["sale_cents"]) == (104, 11, 274)
    assert found["total_cents"] == 104 + 11 + 274
    plant = found["by_plant"]["IT001E1"]
    assert plant["energy_incentivised_kwh"] == pytest.approx(10.0)
    assert plant["premium_eur"] == pytest.approx(1.04)
    assert plant["rate_mean_eur_per_mwh"] == pytest.approx(104.0)
    owner, rossi = found["by_member"]["IT001E1"], found["by_member"]["IT001E2"]
    assert rossi["premium_eur"] == pytest.approx(1.04 * (1.0 - 0.075))
    assert rossi["excess_eur"] == pytest.approx(1.04 * 0.075)
    assert rossi["energy_credited_kwh"] == pytest.approx(10.0)
    # no withdrawal column: a producer who consumes nothing has neither a share nor a part in the excess
    assert (owner["premium_eur"], owner["excess_eur"], owner["energy_credited_kwh"]) == (0.0, 0.0, 0.0)
    assert owner["sale_eur"] == pytest.approx(2.7352)


def test_the_table_is_for_people(settle: Any) -> None:
    done = settle("--statement", "pages")
    assert done.code == 0
    for words in ("Energy community (CER)", "shared: both in the same hour", "1.04", "IT001E2 Rossi", "3.89"):
        assert words in done.out
    assert "Statement: 2 pages and hours.csv in pages" in done.out
    assert sorted(path.name for path in Path("pages").iterdir()) == [
        "hours.csv",
        "member-IT001E1.html",
        "member-IT001E2.html",
    ]
    again = settle("--statement", "pages")
    assert (again.code, again.out) == (2, "")
    assert again.err.startswith("error: pages is not empty")
    assert settle("--statement", "pages", "--force").code == 0


def test_without_prices_what_needs_none(settle: Any) -> None:
    found = json.loads(settle("--json", "-", prices=None).out)
    assert found["energy_shared_kwh"] == 10.0
    for name in ("premium", "premium_excess", "sale", "total"):
        assert found[f"{name}_eur"] is None
        assert found[f"{name}_cents"] is None
    assert found["valorisation_eur"] == pytest.approx(0.1057)
    assert found["by_plant"]["IT001E1"]["rate_mean_eur_per_mwh"] is None
    assert found["by_member"]["IT001E2"]["excess_eur"] is None
    assert "without --prices these cannot be known: premium, sale" in found["notes"][0]
    shown = settle(prices=None)
    assert shown.code == 0
    assert "–" in shown.out
    # nor can a key that divides by money
    by_value = COMMUNITY + "allocation: shapley\n"
    assert json.loads(settle("--json", "-", community=by_value, prices=None).out)["valorisation_eur"] is None
    # the flat premium of the transitional regime needs no price
    flat = COMMUNITY.replace("cacer", "transitional").replace("tariff_year: 2024", "tariff_year: 2021")
    found = json.loads(settle("--json", "-", community=flat, prices=None).out)
    assert found["premium_eur"] == pytest.approx(1.10)
    assert found["valorisation_eur"] == pytest.approx(0.0822)
    assert found["sale_eur"] is None
    # nothing depends on prices where nothing is fed in
    nothing = READINGS.replace(",10,4", ",0,4").replace(",6,9", ",0,9")
    found = json.loads(settle("--json", "-", community=flat, prices=None, readings=nothing).out)
    assert found["total_eur"] == 0.0


def test_bills_by_a_tariff_are_the_same_alone(settle: Any) -> None:
    flat = COMMUNITY + "tariff: {price_all_in_eur_per_kwh: 0.25}\n"
    found = json.loads(settle("--json", "-", community=flat).out)
    rossi, owner = found["by_member"]["IT001E2"], found["by_member"]["IT001E1"]
    assert found["bill_eur"] == pytest.approx(18.0 * 0.25)
    assert (rossi["bill_cents"], owner["bill_cents"]) == (450, 0)
    assert rossi["without_community"] == pytest.approx(
        {"sale_eur": 0.0, "bill_eur": 4.5, "net_cost_eur": 4.5}
    )
    assert owner["without_community"]["net_cost_eur"] == pytest.approx(-2.7352)
    assert found["total_eur"] == pytest.approx(3.8809)
    assert "4.50" in settle("--statement", "pages", community=flat).out
    assert "your bill for what you took" in Path("pages/member-IT001E2.html").read_text()
    hourly = COMMUNITY + "tariff: {kind: hourly}\n"
    found = json.loads(settle("--json", "-", community=hourly).out)
    assert found["bill_eur"] is None
    assert found["notes"] == [
        "the tariff follows the PUN: give prices with a column pun_eur_per_mwh for the bills"
    ]
    pun = (
        PRICES.replace("_mwh\n", "_mwh,pun_eur_per_mwh\n")
        .replace("00\n", "00,100\n")
        .replace("50\n", "50,100\n")
    )
    found = json.loads(settle("--json", "-", community=hourly, prices=pun).out)
    assert found["bill_eur"] > 0.0
    assert json.loads(settle("--json", "-").out)["bill_eur"] is None


def test_several_plants_behind_one_meter(settle: Any) -> None:
    two = COMMUNITY.replace("plants:", "plants:\n  - {pod: IT001E1, power_kw: 300, commissioned: 2024-01-01}")
    found = json.loads(settle("--json", "-", community=two).out)
    assert list(found["by_plant"]) == ["IT001E1"]
    # three quarters of what the meter counts are the older plant's, which shares first
    premium = 4.0 * 70.0 + 4.5 * 110.0 + 1.5 * 120.0
    assert found["by_plant"]["IT001E1"]["premium_eur"] == pytest.approx(premium / 1000.0)
    assert found["premium_eur"] == pytest.approx(premium / 1000.0)


def test_fees_are_those_of_the_days_read(settle: Any) -> None:
    found = json.loads(settle("--json", "-", community=COMMUNITY.replace("rid: false", "rid: true")).out)
    assert found["fees_eur"] == pytest.approx((20 * 0.70 + 80 * 0.65) * 3.0 / 24.0 / 366.0)


def test_what_is_fed_in_without_a_plant_is_noted(settle: Any) -> None:
    extra = (
        READINGS.replace("IT001E2:withdrawal_kwh", "IT001E2:injection_kwh")
        .replace("time,", "time,IT001E2:withdrawal_kwh,")
        .replace("+02:00,", "+02:00,1,")
    )
    found = json.loads(settle("--json", "-", readings=extra).out)
    assert found["notes"] == [
        "IT001E2 fed in 18.000 kWh, but no plant is listed there: neither sold nor shared"
    ]
    assert found["energy_shared_kwh"] == pytest.approx(2.0)


def test_names_are_shown_as_they_are_written(settle: Any) -> None:
    odd = COMMUNITY.replace("Rossi", "'[/bold] & [red]Rossi'").replace("IT001E1", "'A[/]'")
    done = settle(community=odd, readings=READINGS.replace("IT001E1", "A[/]"))
    assert (done.code, done.err) == (0, "")
    assert "IT001E2 [/bold] & [red]Rossi" in " ".join(done.out.split())
    assert "A[/]" in done.out


def test_a_sampled_key_states_its_error(settle: Any) -> None:
    extra = [f"S{i}" for i in range(12)]
    many = COMMUNITY + "".join(f"  - {{pod: {pod}}}\n" for pod in extra)
    title, *rows = READINGS.strip().split("\n")
    wider = [",".join([title, *(f"{pod}:withdrawal_kwh" for pod in extra)])]
    wider += [",".join([row, *(str(0.1 * i) for i in range(len(extra)))]) for row in rows]
    many += "allocation: {key: shapley, n_samples: 20}\n"
    found = json.loads(settle("--json", "-", community=many, readings="\n".join([*wider, ""])).out)
    errors = [member["share_error_eur"] for member in found["by_member"].values()]
    assert max(errors) > 0.0
    (note,) = found["notes"]
    assert "14 members are estimated from 20 random orders" in note
    assert f"up to {max(errors):.2f} EUR" in note
    assert found["by_member"].keys() == {"IT001E1", "IT001E2", *extra}


def test_what_looks_odd_is_noted(settle: Any) -> None:
    small = COMMUNITY.replace("power_kw: 100", "power_kw: 4")
    assert json.loads(settle("--json", "-", community=small).out)["notes"] == [
        "IT001E1 fed in 10.0 kWh in one hour, its plants have 4 kW: check the unit of the column and the "
        "power"
    ]
    no_year = COMMUNITY.replace("tariff_year: 2024\n", "")
    moved = {
        name: text.replace("2024-06-03T1", "2024-12-31T2")
        .replace("T22:00:00+02:00", "T23:00:00+01:00")
        .replace("2024-12-31T23:00:00+02:00", "2025-01-01T00:00:00+01:00")
        .replace("2024-12-31T24:00:00+02:00", "2025-01-01T01:00:00+01:00")
        .replace("T20:00Z", "T22:00Z")
        .replace("T21:00Z", "T23:00Z")
        .replace("2024-12-31T22:00Z,150", "2025-01-01T00:00Z,150")
        for name, text in (("readings", READINGS), ("prices", PRICES))
    }
    found = json.loads(settle("--json", "-", community=no_year, **moved).out)
    assert found["tariff_year"] == 2024
    assert found["notes"] == [
        "regulated figures are those of 2024, the year of the first reading, throughout"
    ]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"readings": READINGS.replace("+02:00", "")}, "readings.csv: column time, row 2"),
        ({"community": COMMUNITY.replace("100,", "1200,")}, "power_kw = 1200, allowed (0, 1000]"),
        (
            {"prices": PRICES.replace("2024-06-03T12:00Z,150\n", "")},
            "no price for the hour from 2024-06-03 12:00 U",
        ),
        ({"readings": ""}, "readings.csv: is empty or no text"),
        ({"community": "x"}, "community.yaml holds no mapping"),
        (
            {"prices": "time,PUN\n2024-06-03T10:00Z,3\n"},
            "column zonal_price_eur_per_mwh (or CSUD, the zone of Ca",
        ),
    ],
)
def test_errors_are_one_line_and_exit_code_2(change: dict[str, str], words: str, settle: Any) -> None:
    done = settle("--json", "out.json", **change)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: ")
    assert words in done.err
    assert done.err.count("\n") == 1
    assert "Traceback" not in done.err
    assert not Path("out.json").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["settle", "nothing.csv", "--community", "community.yaml"],
            "community file 'community.yaml' does not ex",
        ),
        (["settle", "nothing.csv"], "Missing option '--community'"),
        (["export", "nothing.h5", "--out", "here"], "nothing.h5 is not there"),
        (
            ["export", "nothing.h5", "--out", "here", "--format", "xls"],
            "--format xls: allowed: csv, parquet, mosaik, readings",
        ),
    ],
)
def test_files_that_are_not_there(
    words: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_file_without_its_last_line_end_may_be_cut_short(settle: Any) -> None:
    whole = settle("--json", "-").out
    cut = json.loads(settle("--json", "-", readings=READINGS.replace("9\n", "9.25\n").removesuffix("\n")).out)
    assert not any("line end" in note for note in json.loads(whole)["notes"])
    assert any("readings.csv ends without a line end" in note for note in cut["notes"])
    assert cut["energy_withdrawn_kwh"] == 4 + 9.25 + 5


def test_figures_of_another_year_in_bills_are_noted(settle: Any) -> None:
    later = COMMUNITY.replace("2024\nfees", "2030\nfees")
    tariff = "tariff: {kind: flat, price_energy_eur_per_kwh: 0.12}\n"
    found = json.loads(settle("--json", "-", community=later + tariff).out)
    assert any(note.startswith("dispatching_eur_per_kwh: no figure for 2030") for note in found["notes"])
    without = json.loads(settle("--json", "-", community=later).out)
    assert not any("dispatching" in note for note in without["notes"])
    assert any(note.startswith("trase_eur_per_mwh: no figure for 2030") for note in without["notes"])
