"""ASHRAE 140 (BESTEST): the thermal model of a dwelling beside six programmes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recosim.arrays import FloatArray
from recosim.errors import InputDataError, ScenarioError
from recosim.scenarios.validation.bestest_adapter import adapter_heat_kw
from recosim.scenarios.validation.bestest_building import STEP_S, Year, cases_of, definitions, denver_year
from recosim.scenarios.validation.reference import Report, Request, Row, checked, published_table, shown
from recosim.simulators.physics.ideal_loads import ideal_loads
from recosim.timegrid import SECONDS_PER_HOUR

PROGRAMMES = ("bsimac", "cse", "dest", "energyplus", "esp_r", "trnsys")
SURFACE_COEFFICIENT_DEFAULT_W_PER_M2K = 3.45
THROUGH_ADAPTER = ("600", "900")
ADAPTER_TOLERANCE = 1e-6
LABELS = {
    "heating_mwh": "annual heating",
    "cooling_mwh": "annual cooling",
    "peak_heating_kw": "peak heating, mean of an hour",
    "peak_cooling_kw": "peak cooling, mean of an hour",
    "temp_max_degc": "highest air temperature, mean of an hour",
    "temp_min_degc": "lowest air temperature, mean of an hour",
    "temp_mean_degc": "mean air temperature",
}
LOADS, PEAKS = ("heating_mwh", "cooling_mwh"), ("peak_heating_kw", "peak_cooling_kw")
DIFFERENCES = (("900", "600"), ("640", "600"), ("940", "900"))
KWH_PER_MWH = 1e3

Figures = Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Published:
    """A figure as the six programmes give it.

    Parameters
    ----------
    values : array, shape (6,)
        In the order of `PROGRAMMES`.
    source : str
        Table of the standard.
    """

    values: FloatArray
    source: str

    @property
    def low(self) -> float:
        """Smallest of the six."""
        return float(self.values.min())

    @property
    def high(self) -> float:
        """Largest of the six."""
        return float(self.values.max())

    def of(self, programme: str) -> float:
        """Figure of one programme."""
        return float(self.values[PROGRAMMES.index(programme)])


def validate(request: Request) -> Report:
    """Run the cases and put them beside the six programmes.

    Parameters
    ----------
    request : Request
        ``weather`` is Denver's file; ``cases`` may name some of the cases.

    Raises
    ------
    ScenarioError
        There is no such case.
    InputDataError
        There is no weather, or it is not Denver's.
    """
    known = definitions()["cases"]
    unknown = [case for case in request.cases if case not in known]
    if unknown:
        raise ScenarioError(f"--cases {','.join(unknown)}: allowed are {', '.join(known)}")
    if request.weather is None:
        raise InputDataError("bestest needs the weather of Denver")
    names = request.cases or tuple(known)
    year = denver_year(Path(request.weather))
    figures, by_default = (
        case_figures(year, names),
        case_figures(year, names, SURFACE_COEFFICIENT_DEFAULT_W_PER_M2K),
    )
    through = [case for case in THROUGH_ADAPTER if case in names]
    rows = [row for name in names for row in _case_rows(name, figures[name], by_default[name])]
    rows += _difference_rows(figures, by_default)
    notes = [
        "h_is 2.1 W/m2K is what is published for these empty buildings; 3.45 is EN ISO 13790's, the "
        "default of the dwellings of a run",
    ]
    if any(known[name]["heating"] == "setback" for name in names):
        notes.append(
            "640 and 940: from 7 to 8 the set-point rises evenly, as ASHRAE 140-2020 has it; a jump at 7 "
            "takes more heat"
        )
    notes += [
        f"{row.group}, {row.what}: {abs(row.outside):.3f} {row.unit} "
        f"{'below' if row.outside < 0 else 'above'} the span of the programmes"
        for row in rows
        if row.group.startswith("difference") and row.outside
    ]
    if through:
        rows += _adapter_rows(year, through, figures)
    return Report(
        title="BESTEST, ASHRAE 140-2020",
        rows=rows,
        figures={name: dict(figures[name]) for name in names},
        beside=f"h_is {SURFACE_COEFFICIENT_DEFAULT_W_PER_M2K}",
        notes=notes,
    )


def case_figures(
    year: Year, names: Sequence[str], surface_coefficient_w_per_m2k: float | None = None
) -> dict[str, Figures]:
    """Annual loads [MWh], peaks [kW] and temperatures [degC] of cases, by case and key.

    Parameters
    ----------
    year : Year
    names : sequence of str
    surface_coefficient_w_per_m2k : float, optional
        h_is; by default what is published for these buildings [W/(m2 K)].
    """
    cases = cases_of(names, surface_coefficient_w_per_m2k)
    heating, cooling = cases.targets(year.grid)
    loads = ideal_loads(
        cases.network,
        STEP_S,
        cases.inputs(year),
        heating,
        cooling,
        conductance_extra_w_per_k=cases.conductance_fan_w_per_k,
        extra_on=cases.fan_on(year.grid),
    )
    period = slice(year.n_warmup, None)
    found = _figures(loads.heat_kw[period], loads.temp_air_degc[period])
    return dict(zip(names, found, strict=True))


def _figures(heat_kw: FloatArray, temp_air_degc: FloatArray) -> list[Figures]:
    """Figures of each column of a year of steps."""
    per_hour = SECONDS_PER_HOUR // STEP_S
    step_mwh = STEP_S / SECONDS_PER_HOUR / KWH_PER_MWH
    heat_hourly = heat_kw.reshape(-1, per_hour, heat_kw.shape[1]).mean(axis=1)
    air_hourly = temp_air_degc.reshape(-1, per_hour, heat_kw.shape[1]).mean(axis=1)
    columns = {
        "heating_mwh": np.maximum(heat_kw, 0.0).sum(axis=0) * step_mwh,
        "cooling_mwh": np.maximum(-heat_kw, 0.0).sum(axis=0) * step_mwh,
        "peak_heating_kw": np.maximum(heat_hourly, 0.0).max(axis=0),
        "peak_cooling_kw": np.maximum(-heat_hourly, 0.0).max(axis=0),
        "temp_max_degc": air_hourly.max(axis=0),
        "temp_min_degc": air_hourly.min(axis=0),
        "temp_mean_degc": air_hourly.mean(axis=0),
    }
    return [{key: float(values[k]) for key, values in columns.items()} for k in range(heat_kw.shape[1])]


def published(case: str, quantity: str) -> Published | None:
    """What the programmes give for a figure of a case; None where the standard has none."""
    table = published_table("bestest.csv")
    found = table[(table["case"] == case) & (table["quantity"] == quantity)]
    if found.empty:
        return None
    row = found.iloc[0]
    return Published(
        values=row[list(PROGRAMMES)].to_numpy(dtype=np.float64),
        source=f"ASHRAE 140-2020, table {row['table']}",
    )


def _allowed(case: str, key: str, reference: Published) -> tuple[float, float]:
    tolerance = definitions()["tolerance"]
    if key in LOADS or key in PEAKS:
        low, high = tolerance["annual" if key in LOADS else "peak"]
        return low * reference.low, high * reference.high
    free = "temperature_night_ventilation_k" if case in ("650FF", "950FF") else "temperature_k"
    return reference.low - tolerance[free], reference.high + tolerance[free]


def _case_rows(case: str, figures: Figures, by_default: Figures) -> list[Row]:
    rows = []
    for key, label in LABELS.items():
        reference = published(case, key)
        if reference is None:
            continue
        low, high = _allowed(case, key, reference)
        rows.append(
            checked(
                label,
                key.rsplit("_", 1)[1].replace("mwh", "MWh").replace("kw", "kW").replace("degc", "degC"),
                figures[key],
                low,
                high,
                reference.source,
                group=f"case {case}",
                published=f"{reference.low:g} to {reference.high:g}",
                beside=by_default[key],
            )
        )
    return rows


def _difference_rows(figures: Mapping[str, Figures], by_default: Mapping[str, Figures]) -> list[Row]:
    """Differences between cases beside the span of the programmes' own; shown, not judged."""
    rows = []
    for case, base in DIFFERENCES:
        if case not in figures or base not in figures:
            continue
        for key in LOADS:
            theirs, its_base = published(case, key), published(base, key)
            assert theirs is not None and its_base is not None  # tabulated for every conditioned case
            span = theirs.values - its_base.values
            rows.append(
                shown(
                    LABELS[key],
                    "MWh",
                    figures[case][key] - figures[base][key],
                    f"{theirs.source}, programme by programme",
                    low=float(span.min()),
                    high=float(span.max()),
                    group=f"difference {case} - {base}",
                    published=f"{span.min():.3f} to {span.max():.3f}",
                    beside=by_default[case][key] - by_default[base][key],
                )
            )
    return rows


def _adapter_rows(year: Year, names: Sequence[str], figures: Mapping[str, Figures]) -> list[Row]:
    """The same loads out of the mosaik simulator of a run."""
    heat_kw = adapter_heat_kw(year, cases_of(names))[year.n_warmup :]
    rows = []
    for name, through in zip(names, _figures(heat_kw, np.zeros_like(heat_kw)), strict=True):
        for key in (*LOADS, *PEAKS):
            direct = figures[name][key]
            rows.append(
                checked(
                    LABELS[key],
                    "kW" if key in PEAKS else "MWh",
                    through[key],
                    direct * (1.0 - ADAPTER_TOLERANCE),
                    direct * (1.0 + ADAPTER_TOLERANCE),
                    "the same case computed directly",
                    group=f"case {name} through the mosaik simulator of a run",
                    published=f"{direct:.6g}",
                )
            )
    return rows
