"""Which files a scenario may read: those of its own folder, and those that the command line names.

A scenario may come from anybody. What it names is looked for in its folder and in the folders of ``--data``;
a path that leads out of them, also by a link, is refused before it is looked at.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

from recosim.errors import ScenarioError
from recosim.readable import printable

_SHOWN_MAX = 200


@dataclass(frozen=True, kw_only=True)
class DataFolders:
    """Where a scenario's files may lie.

    Parameters
    ----------
    scenario : Path or None
        Folder of the scenario file; None for the library and for the scenario in a result file.
    named : tuple of Path
        Folders of ``--data``, and whatever else the user named.
    files : frozenset of str
        Files that the user named, by ``--set``: seen from the scenario's folder or the current one, anywhere.
    """

    scenario: Path | None = None
    named: tuple[Path, ...] = ()
    files: frozenset[str] = frozenset()

    def path_of(self, file: str, scenario: str) -> Path:
        """Find a file; ``scenario`` is the scenario's name, for messages.

        Raises
        ------
        ScenarioError
            The file is not there, is no ordinary file, or lies outside the folders.
        """
        if file in self.files:
            return self._found_anywhere(file, scenario)
        folders = [folder for folder in (self.scenario, *self.named) if folder is not None]
        shown = _shown(file)
        allowed = " or ".join(str(folder) for folder in dict.fromkeys(folders)) or "no folder"
        outside = ScenarioError(
            f"file {shown!r} of scenario {scenario!r} lies outside {allowed}: a scenario reads nothing else; "
            "move the file there, or open its folder with --data DIR"
        )
        try:
            inside = [folder / file for folder in folders if _within(folder / file, folders, file)]
            if not inside:
                raise outside
            for path in inside:
                if path.is_file():
                    if not any(path.resolve().is_relative_to(folder.resolve()) for folder in folders):
                        raise outside
                    return path
        except (OSError, RuntimeError, ValueError):  # too long, a loop of links, a zero byte
            raise ScenarioError(
                f"file {shown!r} of scenario {scenario!r} cannot be looked up; correct the path"
            ) from None
        raise ScenarioError(f"file {shown!r} is not in {allowed}; correct the path in scenario {scenario!r}")

    def _found_anywhere(self, file: str, scenario: str) -> Path:
        folders = [folder for folder in (self.scenario, Path.cwd(), *self.named) if folder is not None]
        for folder in folders:
            try:
                path = folder / expanded(file)
                if path.is_file():
                    return path
            except (OSError, RuntimeError, ValueError):
                continue
        looked = " or ".join(str(folder) for folder in dict.fromkeys(folders))
        shown = _shown(file)
        raise ScenarioError(f"file {shown!r} is not in {looked}; correct the path in scenario {scenario!r}")


def _shown(file: str) -> str:
    return printable(file if len(file) <= _SHOWN_MAX else f"{file[: _SHOWN_MAX - 1]}…")


def _within(path: Path, folders: Sequence[Path], file: str) -> bool:
    """Whether a path stays inside one of the folders, by its words alone."""
    if os.name != "nt" and PureWindowsPath(file).drive:
        return False
    words = Path(os.path.normpath(path.absolute()))
    return any(
        words.is_relative_to(os.path.normpath(whole))
        for folder in folders
        for whole in (folder.absolute(), folder.resolve())
    )


def expanded(name: str | Path) -> Path:
    """A path with the home folder for ``~``; as it is where there is no such home."""
    try:
        return Path(name).expanduser()
    except RuntimeError:
        return Path(name)


def checked_folders(names: Sequence[str | Path]) -> tuple[Path, ...]:
    """Folders as ``--data`` names them.

    Raises
    ------
    ScenarioError
        One is no folder.
    """
    folders = []
    for name in names:
        folder = expanded(name)
        if not folder.is_dir():
            raise ScenarioError(f"--data {str(name)!r} is not a folder; name one that is there")
        folders.append(folder.resolve())
    return tuple(folders)
