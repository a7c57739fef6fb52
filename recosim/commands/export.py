"""Runs in the formats of other programs."""

from pathlib import Path
from typing import Annotated

import typer

from recosim.commands.options import Debug
from recosim.terminal import guarded

NAMED_MAX = 8
"""Of the files that are not of this run."""


@guarded
def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A result file of `recosim run`.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the files.", show_default=False)],
    format_: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="NAME",
            help="csv, parquet: a table for each kind of thing; mosaik: the layout of mosaik-hdf5; readings: "
            "what `recosim settle` reads (readings.csv, community.yaml, prices.csv).",
        ),
    ] = "readings",
    force: Annotated[
        bool, typer.Option("--force", metavar="", help="Replace files of the same names in that folder.")
    ] = False,
    debug: Debug = False,
) -> None:
    """Write a run in another format."""
    from recosim.results.export.folder import export_run
    from recosim.scenarios.exports import exporter_named

    files = export_run(run, exporter_named(format_), out, force)
    for path in files:
        typer.echo(path)
    others = sorted({path.name for path in out.iterdir()} - {path.name for path in files})
    if others:
        more = "" if len(others) <= NAMED_MAX else f" and {len(others) - NAMED_MAX} more"
        told = ", ".join(others[:NAMED_MAX])
        typer.echo(f"note: left alone in {out}, so not of this run: {told}{more}", err=True)
