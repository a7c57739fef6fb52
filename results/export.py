"""Copies of a run in the formats of other programs.

A format is a function that writes its files into a folder; ``recosim.scenarios.exports`` lists them by name.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from recosim.errors import ResultsError
from recosim.results.folders import check_folder
from recosim.results.run_file import Run, open_run

Exporter: TypeAlias = Callable[[Run, Path], list[Path]]
"""Writes its files into a folder that may not exist yet, and returns them."""


def export_run(path: Path, exporter: Exporter, folder: Path, force: bool = False) -> list[Path]:
    """Write a run in another format.

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
        The files written.

    Raises
    ------
    ResultsError
        The run cannot be read or holds nothing, or the folder is not empty and ``force`` is not given.
    """
    check_folder(folder, force)
    with open_run(path) as run:
        if run.committed == 0:
            raise ResultsError(f"{path} holds no recorded step: run again")
        return exporter(run, Path(folder))
