"""The story of a run as a page for people."""

from pathlib import Path
from typing import Annotated

import typer

from recosim.commands.options import Data, Debug
from recosim.terminal import guarded


@guarded
def report(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="RUN...", help="Result files of `recosim run`; the first is the reference."),
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE", help="The page; an older one is replaced.")
    ] = Path("report.html"),
    week: Annotated[
        str | None,
        typer.Option(
            metavar="DATE",
            help="First day of the week that is drawn step by step; default: the one that could share most.",
        ),
    ] = None,
    data: Data = None,
    debug: Debug = False,
) -> None:
    """Write one HTML page that tells a run's story, or compares several; it needs no network."""
    from recosim.results.folders import write_text
    from recosim.results.report.file import check_page
    from recosim.results.report.story import report_page
    from recosim.scenarios.report_bands import band_of

    check_page(out, files)
    write_text(out, report_page(files, lambda run: band_of(run, data or ()), week))
    typer.echo(out)
