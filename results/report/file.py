"""Where a page may go."""

from collections.abc import Sequence
from pathlib import Path

from recosim.errors import ResultsError
from recosim.results.place import check_target


def check_page(path: Path, runs: Sequence[Path] = ()) -> None:
    """Refuse a page that cannot be, or that would replace a result file, before it is laid out.

    Raises
    ------
    ResultsError
        It is a folder, one of the ``runs``, another file that is no page, or cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() not in (".html", ".htm"):
        raise ResultsError(f"{path} is no name for a page: let it end in .html")
    if any(path.exists() and run.exists() and path.samefile(run) for run in runs):
        raise ResultsError(f"{path} is one of the runs: name another file")
    check_target(path, force=True)
