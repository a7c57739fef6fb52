"""Weather files."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from recosim.commands.options import Debug, Json
from recosim.terminal import EXIT_RED, STANDARD_OUTPUT, check_json_target, guarded, write_json

weather_app = typer.Typer(help="Look into weather files.")


@weather_app.command("check")
@guarded
def weather_check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A weather file.")],
    json_to: Json = None,
    debug: Debug = False,
) -> None:
    """Read a weather file and say what is in it."""
    check_json_target(json_to)
    from recosim.scenarios.weather_files import check_weather

    report = check_weather(file)
    if json_to is not None:
        write_json(json_to, asdict(report))
    if json_to != STANDARD_OUTPUT:
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
    if report.problems:
        raise typer.Exit(EXIT_RED)
