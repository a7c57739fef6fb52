"""Settle real meter data."""

from pathlib import Path
from typing import Annotated

import typer

from recosim.commands.options import Debug, Json
from recosim.terminal import STANDARD_OUTPUT, check_json_target, guarded, write_json


@guarded
def settle(
    readings: Annotated[
        Path,
        typer.Argument(
            metavar="READINGS",
            help="CSV: time (ISO 8601 with offset), <pod>:withdrawal_kwh, <pod>:injection_kwh.",
        ),
    ],
    community: Annotated[
        Path, typer.Option(metavar="FILE", help="YAML: the rules, plants and members.", show_default=False)
    ],
    prices: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="CSV: time, zonal_price_eur_per_mwh. Without it only what needs no price is settled.",
        ),
    ] = None,
    json_to: Json = None,
    statement: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write a page for each member and the hours of the settlement."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", metavar="", help="Replace files of the same names in that folder.")
    ] = False,
    debug: Debug = False,
) -> None:
    """Settle what meters counted: shared energy, premium, valorisation, sale, and each member's part."""
    check_json_target(json_to)
    from recosim.results.folders import check_folder
    from recosim.results.settled_figures import figures
    from recosim.scenarios.settle import settle_files

    if statement is not None:
        check_folder(statement, force)
    settled = settle_files(readings, community, prices)
    if statement is not None:
        from recosim.results.statement import HOURS_FILE, write_statement

        written = write_statement(settled, statement, force)
    if json_to is not None:
        write_json(json_to, figures(settled))
    if json_to != STANDARD_OUTPUT:
        from recosim.commands.settlement_tables import settlement_tables
        from recosim.tables import show

        for table in settlement_tables(settled):
            show(table)
        for note in settled.notes:
            typer.echo(f"note: {note}")
        if statement is not None:
            typer.echo(f"Statement: {len(written) - 1} pages and {HOURS_FILE} in {statement}")
