"""Who receives what, and cents that add up; pages and hours from which it can be worked out again."""

import json
from datetime import date
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recosim.errors import ResultsError
from recosim.results.member_page import AMOUNTS, member_year
from recosim.results.settled import Settled, rounded_cents
from recosim.results.settled_figures import figures
from recosim.results.statement import hours_table, page_names, write_statement
from recosim.scenarios.meter_readings import HourlyPrices, Readings
from recosim.scenarios.schema.metered import MeteredCommunity
from recosim.scenarios.settle import settle_readings
from recosim.simulators.settlement.allocation import KEYS
from recosim.simulators.settlement.configuration import MEMBER_KINDS
from recosim.terminal import plain
from recosim.timegrid import TimeGrid

DAYS = ("2025-03-30", "2025-07-02", "2025-10-26", "2024-12-31")


def settled_at_random(
    seed: int,
    n_members: int,
    n_plants: int,
    day: str,
    options: dict[str, Any],
    days: int = 1,
    priced: bool = True,
) -> Settled:
    """A random community: some plants behind members' meters, some behind their own."""
    rng = np.random.default_rng(seed)
    grid = TimeGrid.from_local_date(day, days, 900)
    members = [f"M{i}" for i in range(n_members)]
    at = [str(rng.choice([*members, f"P{i}"])) for i in range(n_plants)]
    if options.get("allocation", {}).get("key") in ("producers_consumers", "shapley", "marginal"):
        at = [str(rng.choice(members)) for _ in range(n_plants)]
    community = MeteredCommunity.model_validate(
        {
            "region": str(rng.choice(["Piemonte", "Lazio", "Puglia"])),
            "tariff_year": 2025,
            **options,
            "plants": [
                {
                    "pod": pod,
                    "power_kw": float(rng.choice([3.0, 20.0, 300.0, 900.0])),
                    "technology": str(rng.choice(["photovoltaic", "wind"])),
                    "commissioned": date(2022 + int(rng.integers(0, 3)), 5, 1),
                    "grant_percent": float(rng.choice([0.0, 25.0, 40.0])),
                }
                for pod in at
            ],
            "members": [{"pod": pod, "kind": str(rng.choice(MEMBER_KINDS))} for pod in members],
        }
    )
    shape = (grid.n_steps, len(community.pods))
    withdrawn = rng.random(shape) * (rng.random(shape) < 0.6)
    injected = 4.0 * rng.random(shape) * (rng.random(shape) < 0.5)
    injected[:, [pod not in at for pod in community.pods]] = 0.0
    price = 300.0 * rng.random(grid.n_steps // 4) - 60.0
    readings = Readings(
        source="readings.csv",
        grid=grid,
        pods=community.pods,
        withdrawn_kwh=withdrawn,
        injected_kwh=injected,
    )
    return settle_readings(readings, community, HourlyPrices(zonal_eur_per_mwh=price) if priced else None)


cases = st.builds(
    settled_at_random,
    seed=st.integers(0, 2**32 - 1),
    n_members=st.integers(1, 50),
    n_plants=st.integers(0, 5),
    day=st.sampled_from(DAYS),
    options=st.fixed_dictionaries(
        {
            "configuration": st.sampled_from(["CER", "GAC", "AID", "NONE"]),
            "attribution": st.sampled_from(["seniority", "pro_rata"]),
            "settlement_step": st.sampled_from(["hour", "quarter"]),
            "minimum_price": st.booleans(),
            "allocation": st.fixed_dictionaries(
                {"key": st.sampled_from(KEYS), "fund_share": st.sampled_from([0.0, 0.15])}
            ),
        }
    ),
)


@settings(max_examples=60, deadline=None)
@given(cases)
def test_accounts_close_to_the_cent(settled: Settled) -> None:
    found = figures(settled)
    members, plants = found["by_member"].values(), found["by_plant"].values()

    def whole(part: str, of: Any) -> Any:
        return sum(one[part] for one in of)

    shares = whole("premium_cents", members)
    assert found["premium_cents"] == shares + found["premium_excess_cents"] + found["premium_fund_cents"]
    excess = whole("excess_cents", members) + found["premium_excess_social_cents"]
    assert found["premium_excess_cents"] == excess
    assert (
        found["valorisation_cents"] == whole("valorisation_cents", members) + found["valorisation_fund_cents"]
    )
    assert found["premium_cents"] == whole("premium_cents", plants)
    assert found["sale_cents"] == whole("sale_cents", plants)
    earned = found["premium_cents"] + found["valorisation_cents"] + found["sale_cents"]
    assert found["total_cents"] == earned - found["fees_cents"]
    for name in ("premium", "premium_excess", "valorisation", "sale", "fees"):
        assert abs(found[f"{name}_cents"] - 100.0 * found[f"{name}_eur"]) < 1.0 + 1e-6
    for one in (*members, *plants):
        for name in AMOUNTS:
            if f"{name}_eur" in one:
                assert abs(one[f"{name}_cents"] - 100.0 * one[f"{name}_eur"]) < 2.0 + 1e-6
                assert isinstance(one[f"{name}_cents"], int)
    # and in full precision
    parts = whole("premium_eur", members) + found["premium_excess_eur"] + found["premium_fund_eur"]
    assert parts == pytest.approx(found["premium_eur"], abs=1e-9)
    credited = whole("energy_credited_kwh", members)
    assert credited <= found["energy_shared_kwh"] + 1e-9
    if all(pod in found["by_member"] for pod in settled.pods):
        assert credited == pytest.approx(found["energy_shared_kwh"], abs=1e-9)
    json.dumps(plain(found), allow_nan=False)


@settings(max_examples=30, deadline=None)
@given(cases)
def test_months_add_up_to_what_a_member_receives(settled: Settled) -> None:
    found = figures(settled)
    for i, mine in enumerate(found["by_member"].values()):
        year = member_year(settled, i)
        for name in AMOUNTS:
            cents = year.cents[name]
            assert cents is not None
            assert int(cents.sum()) == mine[f"{name}_cents"]
        for flow, key in (("withdrawn", "withdrawn"), ("injected", "injected"), ("shared", "credited")):
            assert year.energy_kwh[flow].sum() == pytest.approx(mine[f"energy_{key}_kwh"], abs=1e-9)


def test_excess_is_for_consumers_who_are_no_companies() -> None:
    def settled(*kinds: str, idle: bool = False) -> dict[str, Any]:
        community = MeteredCommunity.model_validate(
            {
                "configuration": "CER",
                "region": "Campania",
                "tariff_year": 2025,
                "allocation": "equal",
                "fees": {"gse": False, "rid": False},
                "plants": [{"pod": "P", "power_kw": 100.0, "commissioned": date(2024, 1, 1)}],
                "members": [{"pod": f"M{i}", "kind": kind} for i, kind in enumerate(kinds)],
            }
        )
        n = len(kinds)
        withdrawn = np.array([[10.0 / n] * n + [0.0]])
        if idle:
            withdrawn[0, :n] = [10.0] + [0.0] * (n - 1)
        readings = Readings(
            source="r",
            grid=TimeGrid(start=1_750_000_000 // 3600 * 3600, step_s=3600, n_steps=1),
            pods=community.pods,
            withdrawn_kwh=withdrawn,
            injected_kwh=np.array([[0.0] * n + [10.0]]),
        )
        return figures(
            settle_readings(readings, community, HourlyPrices(zonal_eur_per_mwh=np.array([100.0])))
        )

    # 10 kWh at 120 EUR/MWh; shared 100 %, threshold 55 %: 45 % of 1.20 EUR is excess
    mixed = settled("company", "natural_person", "third_sector")
    assert mixed["premium_eur"] == pytest.approx(1.20)
    assert mixed["premium_excess_eur"] == pytest.approx(0.54)
    members = list(mixed["by_member"].values())
    assert [m["premium_eur"] for m in members] == pytest.approx([0.22, 0.22, 0.22])
    assert [m["excess_eur"] for m in members] == pytest.approx([0.0, 0.27, 0.27])
    assert [m["excess_cents"] for m in members] == [0, 27, 27]
    assert mixed["premium_excess_social_cents"] == 0
    firms = settled("company", "company")
    assert [m["excess_cents"] for m in firms["by_member"].values()] == [0, 0]
    assert firms["premium_excess_social_eur"] == pytest.approx(0.54)
    assert firms["premium_excess_social_cents"] == 54
    # the only natural person consumed nothing, so is no consumer
    idle = settled("company", "natural_person", idle=True)
    assert idle["premium_excess_social_cents"] == 54


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.floats(-1e5, 1e5), min_size=1, max_size=20),
    st.one_of(st.none(), st.integers(-(10**7), 10**7)),
)
def test_rounded_parts_add_up(parts: list[float], total: int | None) -> None:
    amounts = np.array(parts)
    cents = rounded_cents(amounts, total)
    assert int(cents.sum()) == (round(100.0 * float(amounts.sum())) if total is None else total)
    if total is None:
        assert np.abs(cents - 100.0 * amounts).max() < 1.0 + 1e-6


def read_hours(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype={"time_utc": str, "time_local": str})


def test_an_auditor_can_work_it_out_again_from_the_hours(tmp_path: Path) -> None:
    options = {"configuration": "GAC", "region": "Toscana", "fees": {"gse": True, "rid": False}}
    settled = settled_at_random(3, 4, 3, "2025-10-26", options, days=3)
    write_statement(settled, tmp_path)
    hours, found = read_hours(tmp_path / "hours.csv"), figures(settled)
    assert len(hours) == found["hours"] == 73
    assert hours.time_utc.iloc[0] == "2025-10-25T22:00:00Z"
    assert hours.time_local.iloc[0] == "2025-10-26T00:00:00+02:00"
    withdrawn = hours[[c for c in hours if c.endswith(":withdrawal_kwh")]].sum(axis=1)
    shared = np.minimum(withdrawn, hours[[c for c in hours if c.endswith(":injection_kwh")]].sum(axis=1))
    assert shared.sum() == pytest.approx(found["energy_shared_kwh"], rel=1e-12)
    np.testing.assert_allclose(hours.energy_shared_kwh, shared, rtol=1e-12)
    # each plant in its turn takes what is left; its rate is written out once more from the decree
    left, premium, price = shared.to_numpy().copy(), 0.0, hours.zonal_price_eur_per_mwh.to_numpy()
    plants = settled.plants
    turns = sorted(range(len(plants)), key=lambda i: (plants.commissioned[i], plants.power_kw[i]))
    for plant in turns:
        pod = settled.pods[plants.pod[plant]]
        behind = [i for i in turns if plants.pod[i] == plants.pod[plant]]
        weight = plants.power_kw[plant] / sum(plants.power_kw[i] for i in behind)
        taken = np.minimum(hours[f"{pod}:injection_kwh"].to_numpy() * weight, left)
        left = left - taken
        power = plants.power_kw[plant]
        base = 80.0 if power <= 200.0 else 70.0 if power <= 600.0 else 60.0
        full = np.minimum(base + 40.0, base + np.maximum(0.0, 180.0 - price))
        full += 4.0 if plants.photovoltaic[plant] else 0.0
        exempt = [m for m, kind in enumerate(settled.members.kind) if kind != "company"]
        share_exempt = (
            hours[[f"{settled.pods[m]}:withdrawal_kwh" for m in exempt]].sum(axis=1) / withdrawn
        ).to_numpy()
        rate = full * (1.0 - plants.grant_percent[plant] / 80.0 * (1.0 - share_exempt))
        name = plants.names[plant]
        some = taken > 1e-9
        np.testing.assert_allclose(hours[f"{name}:incentivised_kwh"], taken, atol=1e-12)
        np.testing.assert_allclose(hours[f"{name}:rate_eur_per_mwh"][some], rate[some], rtol=1e-9)
        np.testing.assert_allclose(hours[f"{name}:premium_eur"], taken * rate / 1000.0, atol=1e-12)
        premium += float((taken * rate).sum()) / 1000.0
    assert premium == pytest.approx(found["premium_eur"], abs=1e-9)
    # TRASE and BTAU of 2025, avoided losses at low voltage
    valorisation = (shared * (10.57 + 0.65 + 0.026 * price) / 1000.0).sum()
    assert valorisation == pytest.approx(found["valorisation_eur"], abs=1e-9)
    assert hours.valorisation_eur.sum() == pytest.approx(found["valorisation_eur"], abs=1e-9)
    sale = (hours.energy_injected_kwh * 1.052 * price / 1000.0).sum()
    assert sale == pytest.approx(found["sale_eur"], abs=1e-9)
    assert hours.sale_eur.sum() == pytest.approx(found["sale_eur"], abs=1e-9)


class Text(HTMLParser):
    """Words of a page, and what it would fetch from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.fetched: list[str] = []

    def handle_data(self, data: str) -> None:
        self.words.append(" ".join(data.split()))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.fetched += [str(value) for key, value in attrs if key in ("src", "href")]
        assert tag != "script"


def test_a_page_for_each_member(tmp_path: Path) -> None:
    settled = settled_at_random(5, 3, 2, "2025-01-31", {"configuration": "CER"}, days=2)
    object.__setattr__(settled, "names", ("<script>alert(1)</script>", "Rossi & figli", "M2"))
    written = write_statement(settled, tmp_path / "new" / "folder")
    assert [path.name for path in written] == [
        "member-M0.html",
        "member-M1.html",
        "member-M2.html",
        "hours.csv",
    ]
    found = figures(settled)
    for path, mine in zip(written[:-1], found["by_member"].values(), strict=True):
        page = Text()
        page.feed(path.read_text(encoding="utf-8"))
        text = " ".join(page.words)
        assert page.fetched == []
        for name in AMOUNTS:
            assert f"{mine[f'{name}_cents'] / 100.0:,.2f}" in text
        received = sum(mine[f"{name}_cents"] for name in AMOUNTS)
        assert f"You receive {received / 100.0:,.2f} EUR" in text
        assert "January 2025" in text
        assert "February 2025" in text
        assert f"{mine['energy_withdrawn_kwh']:,.1f} kWh" in text
    assert "&lt;script&gt;" in written[0].read_text(encoding="utf-8")


def test_a_fund_takes_its_part_of_what_there_is(tmp_path: Path) -> None:
    options = {"configuration": "CER", "allocation": {"key": "equal", "fund_share": 0.1}}
    found = set()
    for seed in range(3):
        settled = settled_at_random(seed, 3, 2, "2025-01-31", options)
        figure = figures(settled)
        if not figure["premium_fund_cents"]:
            continue
        page = write_statement(settled, tmp_path / str(seed))[0].read_text(encoding="utf-8")
        excess = bool(figure["premium_excess_cents"])
        found.add(excess)
        assert f"10.0 % of {'the rest' if excess else 'it'} goes to the community's fund." in page
    assert found == {True, False}


def test_pages_without_prices_say_what_is_missing(tmp_path: Path) -> None:
    options = {"configuration": "CER", "minimum_price": True}
    settled = next(  # one whose supplement, worked out without prices, would be wrong
        made
        for made in (settled_at_random(seed, 3, 3, "2025-01-31", options, priced=False) for seed in range(50))
        if made.settlement.sale_minimum_eur[made.members.pod].any()
    )
    pages = [path.read_text(encoding="utf-8") for path in write_statement(settled, tmp_path)[:-1]]
    assert all("not known, because they depend on market prices" in page for page in pages)
    assert not any("guaranteed minimum price" in page for page in pages)
    assert read_hours(tmp_path / "hours.csv").sale_eur.isna().all()


def test_nothing_is_overwritten_unasked(tmp_path: Path) -> None:
    settled = settled_at_random(5, 2, 1, "2025-07-02", {"configuration": "CER"})
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(ResultsError, match="is not empty: name another folder"):
        write_statement(settled, tmp_path)
    write_statement(settled, tmp_path, force=True)
    assert (tmp_path / "mine.txt").read_text() == "keep"
    with pytest.raises(ResultsError, match="is a file, not a folder"):
        write_statement(settled, tmp_path / "mine.txt" / "pages")


def test_names_of_pages_differ_and_stay_in_the_folder() -> None:
    names = page_names(("../../etc/passwd", "a b", "A_B", "a/b", "è", "é"))
    assert len({name.lower() for name in names}) == 6
    assert all("/" not in name and ".." not in name.removesuffix(".html") for name in names)


def test_an_unchanged_sale_stands_in_the_same_cents_with_and_without() -> None:
    options = {"configuration": "CER", "minimum_price": False}
    settled = settled_at_random(8, 6, 5, "2025-07-02", options)
    one_by_one = np.rint(100.0 * settled.sale.eur)
    assert (settled.sale.cents != one_by_one).any()  # cents that add up are not those of each alone
    np.testing.assert_array_equal(settled.sale_alone.cents, settled.sale.cents)
    large = settled_at_random(149, 6, 5, "2025-07-02", options | {"minimum_price": True})
    changed = np.abs(large.sale_alone.eur - large.sale.eur) > 1e-9
    assert changed.any()  # above 100 kW only a plant without the premium has the minimum price
    cents = np.rint(100.0 * large.sale_alone.eur)
    np.testing.assert_array_equal(large.sale_alone.cents[changed], cents[changed])


def test_hours_follow_one_another() -> None:
    settled = settled_at_random(1, 2, 1, "2025-03-30", {"configuration": "CER"})
    times = pd.to_datetime(pd.Series(hours_table(settled)["time_utc"]))
    assert len(times) == 23
    assert {(b - a).total_seconds() for a, b in pairwise(times)} == {3600.0}
