"""Copies of a run in the formats of other programs.

A format is a function that writes its files into a folder; ``recosim.scenarios.exports`` lists them by name.
"""

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from recosim.errors import ResultsError
from recosim.results.folders import check_folder, staged, write_text
from recosim.results.run_file import Run, damage_told, open_run

Exporter: TypeAlias = Callable[[Run, Path], list[Path]]
"""Writes its files into a folder, and returns them."""

NOTICES_FILE = "NOTICES.txt"
UNKNOWN_SOURCES = (
    "The result file does not say whose data it was made from: see weather and prices in its scenario.",
)


def export_run(path: Path, exporter: Exporter, folder: Path, force: bool = False) -> list[Path]:
    """Write a run in another format, all files or none, with the notices of whose data it is made from.

    Parameters
    ----------
    path : Path
        Result file; of a run that was interrupted, what is committed is written.
    exporter : Exporter
    folder : Path
        Is made if need be.
    force : bool
        Whether files of the same names may be replaced.

    Returns
    -------
    list of Path
        The files written, the notices last.

    Raises
    ------
    ResultsError
        The run cannot be read or holds nothing, or the folder is not empty and ``force`` is not given.
    """
    folder = Path(folder)
    check_folder(folder, force)
    with open_run(path) as run:
        if run.committed == 0:
            raise ResultsError(f"{path} holds no recorded step: run again")
        with staged(folder) as stage:
            with damage_told(path):
                files = exporter(run, stage)
            notices = stage / NOTICES_FILE
            write_text(notices, notices_text(run))
            names = [file.name for file in (*files, notices)]
    return [folder / name for name in names]


def notices_of(run: Run) -> tuple[str, ...]:
    """Sentences that name the sources of a run's data, to go with whatever is made of it."""
    return run.meta.notices or UNKNOWN_SOURCES


def notices_text(run: Run) -> str:
    """Notices as a text file."""
    head = f"Results of recosim {run.meta.versions.get('recosim', '')}, made from these data:".replace(
        " ,", ","
    )
    return "\n\n".join([head, *(textwrap.fill(notice, 100) for notice in notices_of(run))]) + "\n"
