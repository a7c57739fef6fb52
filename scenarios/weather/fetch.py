"""A typical year of any place, from PVGIS over the network."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recosim.errors import InputDataError

PVGIS_URL = "https://re.jrc.ec.europa.eu/api/"
TIMEOUT_S = 60.0
COLUMNS = ("T2m", "RH", "G(h)", "Gb(n)", "Gd(h)", "IR(h)", "WS10m", "WD10m", "SP")
CREDIT = "PVGIS (c) European Union"
_INSTEAD = "or give an EPW, PVGIS or NSRDB file that you have"


def fetch_typical_year(
    latitude: float, longitude: float, url: str = PVGIS_URL, timeout_s: float = TIMEOUT_S
) -> str:
    """PVGIS's typical year of a place, as the text of a CSV file such as PVGIS itself writes.

    Parameters
    ----------
    latitude, longitude : float
        North and east positive [deg].
    url : str
        Where the programming interface of PVGIS is.
    timeout_s : float
        How long to wait for an answer [s].

    Raises
    ------
    InputDataError
        No network, no answer in time, or PVGIS refuses the place or answers something else.

    Source: the typical years of PVGIS (c) European Union, through pvlib's client.
    """
    # Neither is needed before the network is, and pvlib takes a second to import.
    import requests
    from pvlib.iotools import get_pvgis_tmy

    where = f"latitude {latitude:g}, longitude {longitude:g}"
    base = url if url.endswith("/") else f"{url}/"
    try:
        answer = get_pvgis_tmy(
            latitude,
            longitude,
            outputformat="json",
            map_variables=False,
            coerce_year=None,
            url=base,
            timeout=timeout_s,
        )
        return _as_csv(base, answer)
    except requests.HTTPError as error:
        if error.response is not None:  # pvlib raises PVGIS's own words without the response
            wrong_place = error.response.status_code in (404, 405, 410)
            then = "check the address" if wrong_place else "try again later"
            raise InputDataError(f"PVGIS fails: {_said(error)} ({base}); {then}, {_INSTEAD}") from error
        raise InputDataError(
            f"PVGIS refuses {where}: {_said(error)} ({base}); choose a place on land that PVGIS covers, "
            f"{_INSTEAD}"
        ) from error
    except requests.Timeout as error:
        raise InputDataError(
            f"PVGIS did not answer within {timeout_s:g} s ({base}); try again later, {_INSTEAD}"
        ) from error
    except requests.ConnectionError as error:
        raise InputDataError(
            f"PVGIS cannot be reached ({base}): no network, or a proxy that is not set; try again, {_INSTEAD}"
        ) from error
    except (requests.RequestException, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputDataError(
            f"what {base} answers is no typical year of PVGIS ({type(error).__name__}: {_said(error)}); "
            f"check the URL, {_INSTEAD}"
        ) from error


def _as_csv(base: str, answer: tuple[Any, ...]) -> str:
    """Text of a PVGIS file; pvlib before 0.13 answers inputs and months apart from the rest."""
    data, about = answer[0], answer[-1]
    inputs: Mapping[str, Any] = answer[2] if len(answer) == 4 else about["inputs"]
    months = answer[1] if len(answer) == 4 else about["months_selected"]
    missing = [column for column in COLUMNS if column not in data.columns]
    if missing or not len(data):
        raise InputDataError(
            f"what {base} answers is no typical year of PVGIS: {len(data)} hours, without "
            f"{', '.join(missing) or 'nothing'}; check the URL, {_INSTEAD}"
        )
    place, source = inputs["location"], inputs.get("meteo_data", {})
    head = [
        f"Latitude (decimal degrees): {place['latitude']}",
        f"Longitude (decimal degrees): {place['longitude']}",
        f"Elevation (m): {place['elevation']}",
    ]
    offset = place.get("irradiance_time_offset", place.get("irradiance time offset"))
    if offset is not None:
        head.append(f"Irradiance Time Offset (h): {offset}")
    head += ["month,year", *(f"{one['month']},{one['year']}" for one in months)]
    head.append(",".join(("time(UTC)", *COLUMNS)))
    times = data.index.strftime("%Y%m%d:%H%M")
    rows = [
        ",".join((time, *(str(float(value)) for value in values)))
        for time, values in zip(times, data[list(COLUMNS)].to_numpy(), strict=True)
    ]
    made_of = ", ".join(str(source[key]) for key in ("radiation_db", "meteo_db") if key in source)
    tail = ["", *([f"Databases: {made_of}"] if made_of else []), CREDIT]
    return "\n".join([*head, *rows, *tail]) + "\n"


def write_weather(text: str, path: Path, *, force: bool = False) -> None:
    """Write the text of a weather file, whole or not at all, once it reads as weather.

    Raises
    ------
    InputDataError
        The file is there already and ``force`` is not given, it cannot be written, or it is no weather.
    """
    refuse_existing(path, force=force)
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(text, encoding="utf-8")
        _refuse_problems(part, path)
        part.replace(path)
    except OSError as error:
        raise InputDataError(f"{path} cannot be written: {error.strerror}; choose another --out") from error
    finally:
        part.unlink(missing_ok=True)


def refuse_existing(path: Path, *, force: bool) -> None:
    """Refuse to write over a file unasked, and into a folder that is not there.

    Raises
    ------
    InputDataError
        It is there and ``force`` is not given, or it is no file.
    """
    if path.is_dir() or not path.parent.is_dir():
        raise InputDataError(f"{path}: allowed is a file in a folder that exists; choose another --out")
    if path.exists() and not force:
        raise InputDataError(f"{path} exists already; add --force to replace it, or choose another --out")


def _refuse_problems(part: Path, path: Path) -> None:
    from recosim.scenarios.weather.files import check_weather

    try:
        problems = check_weather(part).problems
    except InputDataError as error:
        problems = (str(error),)
    if problems:
        problem = problems[0].removeprefix(f"{part}: ")
        raise InputDataError(f"PVGIS's answer is not written to {path}: {problem}")


def _said(error: Exception) -> str:
    return " ".join(str(error).split())[:300].rstrip(". ") or type(error).__name__
