"""Weather files."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recosim.commands.options import Debug, Json
from recosim.errors import ScenarioError
from recosim.terminal import EXIT_RED, STANDARD_OUTPUT, check_json_target, guarded, write_json

if TYPE_CHECKING:
    from recosim.scenarios.weather.files import WeatherCheck

weather_app = typer.Typer(help="Look into weather files, and fetch them.")


@weather_app.command("check")
@guarded
def weather_check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A weather file.")],
    scenario: Annotated[
        str | None,
        typer.Option(
            metavar="SCENARIO", help="Read a CSV by the weather.mapping of this scenario, at its location."
        ),
    ] = None,
    json_to: Json = None,
    debug: Debug = False,
) -> None:
    """Read a weather file and say what is in it."""
    check_json_target(json_to)
    from recosim.scenarios.weather.files import check_weather

    if scenario is None:
        report = check_weather(file)
    else:
        from recosim.scenarios.loader import load_scenario
        from recosim.scenarios.weather.source import site_of

        loaded = load_scenario(scenario)
        if loaded.weather.mapping is None:
            raise ScenarioError(f"--scenario {scenario}: it has no weather.mapping; leave the option out")
        report = check_weather(file, loaded.weather.mapping, site_of(loaded.location))
    _tell(report, json_to)
    if report.problems:
        raise typer.Exit(EXIT_RED)


@weather_app.command("fetch")
@guarded
def weather_fetch(
    latitude: Annotated[float, typer.Option(min=-90.0, max=90.0, help="North is positive [deg].")],
    longitude: Annotated[float, typer.Option(min=-180.0, max=180.0, help="East is positive [deg].")],
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where to write; left out: pvgis_tmy_LATITUDE_LONGITUDE.csv here."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
    url: Annotated[
        str | None, typer.Option(metavar="URL", help="A mirror of PVGIS's programming interface.")
    ] = None,
    timeout: Annotated[
        float | None, typer.Option(metavar="S", min=1.0, help="How long to wait for an answer [s].")
    ] = None,
    json_to: Json = None,
    debug: Debug = False,
) -> None:
    """Fetch the typical year of a place from PVGIS and write it as a weather file."""
    check_json_target(json_to)
    from recosim.scenarios.weather.fetch import (
        PVGIS_URL,
        TIMEOUT_S,
        fetch_typical_year,
        refuse_existing,
        write_weather,
    )
    from recosim.scenarios.weather.files import check_weather

    path = out or Path(f"pvgis_tmy_{latitude:.3f}_{longitude:.3f}.csv")
    refuse_existing(path, force=force)
    write_weather(
        fetch_typical_year(latitude, longitude, url or PVGIS_URL, timeout or TIMEOUT_S), path, force=force
    )
    _tell(check_weather(path), json_to)
    if json_to != STANDARD_OUTPUT:
        typer.echo(f"in a scenario: weather: {{source: file, file: {json.dumps(str(path))}}}")


def _tell(report: "WeatherCheck", json_to: str | None) -> None:
    if json_to is not None:
        write_json(json_to, asdict(report))
    if json_to == STANDARD_OUTPUT:
        return
    from recosim.tables import listing_table, show

    facts = {
        "format": report.kind,
        "place": f"latitude {report.latitude:.3f}, longitude {report.longitude:.3f}",
        "period": f"{report.start} to {report.end}",
        "steps": f"{report.steps:,} of {report.step_s // 60} min, {report.gaps or 'none'} missing",
        "irradiation": f"{report.ghi_kwh_per_m2:,.1f} kWh/m2, global horizontal",
        "temperature": f"{report.temp_mean_degc:.1f} degC, mean",
    }
    show(listing_table(report.source, facts))
    for problem in report.problems:
        typer.echo(f"problem: {problem}")
