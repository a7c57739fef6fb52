"""Statements of a settlement: a page for each member, and the hours from which an auditor can redo it."""

import re
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from recosim.results.folders import check_folder, write_csv, write_text
from recosim.results.member_page import member_pages
from recosim.results.settled import PREMIUM, SALE, VALORISATION, Settled
from recosim.results.settled_figures import figures

HOURS_FILE = "hours.csv"


def write_statement(settled: Settled, folder: Path, force: bool = False) -> list[Path]:
    """Write a page for each member and the hours.

    Parameters
    ----------
    settled : Settled
    folder : Path
        Is made if need be.
    force : bool
        Whether files of the same names may be replaced.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    ResultsError
        The folder is not empty and ``force`` is not given, or a file cannot be written.
    """
    folder = Path(folder)
    check_folder(folder, force)
    written = []
    for name, text in zip(
        page_names(settled.pods_of_members), member_pages(settled, figures(settled)), strict=True
    ):
        write_text(folder / name, text)
        written.append(folder / name)
    write_csv(folder / HOURS_FILE, hours_table(settled))
    return [*written, folder / HOURS_FILE]


def page_names(pods: tuple[str, ...]) -> list[str]:
    """File names for delivery points, safe and different on any system.

    Examples
    --------
    >>> page_names(("IT001E1", "flat/1", "FLAT:1"))
    ['member-IT001E1.html', 'member-flat_1.html', 'member-FLAT_1-2.html']
    >>> page_names(("flat/1", "flat:1", "flat_1-2"))
    ['member-flat_1.html', 'member-flat_1-2.html', 'member-flat_1-2-2.html']
    """
    names: list[str] = []
    taken: set[str] = set()
    for pod in pods:
        safe = re.sub(r"[^A-Za-z0-9-]+", "_", pod)
        numbered = (safe if number == 1 else f"{safe}-{number}" for number in count(1))
        name = next(name for name in numbered if name.lower() not in taken)
        taken.add(name.lower())
        names.append(f"member-{name}.html")
    return names


def hours_table(settled: Settled) -> dict[str, Any]:
    """Columns of ``hours.csv``: what was metered, shared and paid in each hour.

    Totals first (``energy_injected_kwh`` counts the delivery points with plants, which may share), then for
    each plant its shared energy with premium, rate and premium, then every meter. A rate stands where the
    plant shared something. Prices and money are blank where no prices were given.
    With ``settlement_step = "quarter"`` shared energy is a sum over quarters, which hours cannot show.
    """
    what, unknown = settled.settlement, settled.unknown
    utc = pd.DatetimeIndex(pd.to_datetime(what.times, unit="s", utc=True))
    nothing = np.full(what.times.size, np.nan)
    price = settled.price_zonal_eur_per_mwh
    columns: dict[str, Any] = {
        "time_utc": utc.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "time_local": [time.isoformat() for time in utc.tz_convert(settled.configuration.timezone)],
        "zonal_price_eur_per_mwh": nothing if price is None else price,
        "energy_withdrawn_kwh": settled.withdrawn_kwh.sum(axis=1),
        "energy_injected_kwh": settled.injected_kwh[:, list(settled.pods_with_plant)].sum(axis=1),
        "energy_shared_kwh": what.energy_shared_kwh,
    }
    for plant, name in enumerate(settled.plants.names):
        energy, premium = what.energy_incentivised_kwh[:, plant], what.premium_eur[:, plant]
        if PREMIUM in unknown:
            premium = nothing
        rate = np.divide(1000.0 * premium, energy, out=nothing.copy(), where=energy > 0.0)
        columns |= {
            f"{name}:incentivised_kwh": energy,
            f"{name}:rate_eur_per_mwh": rate,
            f"{name}:premium_eur": premium,
        }
    columns["valorisation_eur"] = nothing if VALORISATION in unknown else what.valorisation_eur
    columns["sale_eur"] = nothing if SALE in unknown else what.sale_eur.sum(axis=1)
    for pod, name in enumerate(settled.pods):
        columns[f"{name}:withdrawal_kwh"] = settled.withdrawn_kwh[:, pod]
        columns[f"{name}:injection_kwh"] = settled.injected_kwh[:, pod]
    return columns
