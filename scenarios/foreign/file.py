"""Foreign simulators: which other programs take part in a run, as a YAML file says.

A file of its own, given on the command line: it names code, which a scenario file never does.
"""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, model_validator

from recosim.errors import ForeignError, ScenarioError
from recosim.scenarios.loader import mapping_from_text
from recosim.scenarios.schema.messages import problem_lines
from recosim.scenarios.schema.section import Name, Positive, Section

ALL: Literal["all"] = "all"
ADDRESS, PYTHON = "%(addr)s", "%(python)s"

Names = Annotated[list[str], Field(min_length=1)]
Scalar = float | int | bool | str


class ForeignSimulator(Section):
    """One foreign simulator.

    Exactly one of ``command``, ``connect`` and ``python`` says where it is, exactly one of ``controls`` and
    ``replaces`` what it does.

    Parameters
    ----------
    name : str
        What messages and the result file call it.
    command : str, optional
        Starts its process, in the folder of the file; ``%(addr)s`` stands for the address to connect to,
        ``%(python)s`` for the Python that runs recosim.
    connect : str, optional
        ``host:port`` at which it waits already.
    python : str, optional
        ``file.py:Class`` or ``package.module:Class``: a `mosaik_api_v3.Simulator` in recosim's own process.
    controls : "all", or mapping of kind to "all" or list of names
        A controller: the devices it is shown and may give set-points.
    replaces : mapping of kind to list of names
        A device: the members in whose place it stands.
    parameters : mapping
        Given to ``create``, before what recosim knows of the device.
    timeout_start_s, timeout_s : float
        Longest wait for it to connect, and for each answer [s].
    """

    name: Name
    command: str | None = None
    connect: Annotated[str, Field(pattern=r"^[^:\s]+:\d{1,5}$")] | None = None
    python: Annotated[str, Field(pattern=r"^.+:\w+$")] | None = None
    controls: Literal["all"] | Annotated[dict[str, Literal["all"] | Names], Field(min_length=1)] | None = None
    replaces: Annotated[dict[str, Names], Field(min_length=1)] | None = None
    parameters: dict[str, Scalar] = {}
    timeout_start_s: Positive = 20.0
    timeout_s: Positive = 60.0

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        for names in (("command", "connect", "python"), ("controls", "replaces")):
            given = [name for name in names if getattr(self, name) is not None]
            if len(given) != 1:
                what = " and ".join(given) if given else "none of them"
                raise ValueError(f"{what} given, allowed: exactly one of {', '.join(names)}")
        if self.command is not None and ADDRESS not in self.command:
            raise ValueError(f"command has no {ADDRESS}, which stands for the address to connect to; add it")
        return self

    @property
    def is_controller(self) -> bool:
        """Whether it gives set-points; otherwise it is a device."""
        return self.controls is not None


class ForeignFile(Section):
    """The simulators of a file."""

    simulators: Annotated[list[ForeignSimulator], Field(min_length=1)]

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [one.name for one in self.simulators]
        doubled = sorted({name for name in names if names.count(name) > 1})
        if doubled:
            raise ValueError(f"two simulators are called {doubled[0]!r}, allowed: a name once")
        return self


class Foreign:
    """The foreign simulators of a run.

    Parameters
    ----------
    simulators : sequence of ForeignSimulator
    folder : Path
        Where commands run, and from which files are named.
    """

    def __init__(self, simulators: list[ForeignSimulator], folder: Path) -> None:
        self.simulators = simulators
        self.folder = folder

    @property
    def controllers(self) -> list[str]:
        """Names of those that give set-points."""
        return [one.name for one in self.simulators if one.is_controller]

    @property
    def names(self) -> list[str]:
        """Names of all."""
        return [one.name for one in self.simulators]


def load_foreign(path: Path) -> Foreign:
    """Read which foreign simulators take part.

    Raises
    ------
    ForeignError
        The file is not there, or it is wrong: one line per problem.
    """
    path = Path(path)
    if path.exists() and not path.is_file() and not path.is_dir():  # a device or a pipe may never end
        raise ForeignError(f"--foreign {path}: no ordinary file; give a YAML file")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ForeignError(f"{path} is not UTF-8 text (byte {error.start}); save it as UTF-8") from None
    except OSError as error:
        raise ForeignError(f"--foreign {path}: {error.strerror}; give a YAML file") from None
    try:
        data = mapping_from_text(text, path.name, ForeignFile)
    except ScenarioError as error:
        raise ForeignError(str(error)) from None
    try:
        file = ForeignFile.model_validate(data)
    except ValidationError as error:
        raise ForeignError("\n".join(problem_lines(error, ForeignFile, path.name, ()))) from None
    return Foreign(list(file.simulators), path.resolve().parent)
