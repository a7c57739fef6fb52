"""What can be simulated: the library, scenario files and their schema."""

from pathlib import Path
from typing import Annotated

import typer

from recosim.commands.options import Data, Debug, Overrides, ScenarioName
from recosim.terminal import STANDARD_OUTPUT, guarded, user_code, write_json

CONTROLLERS = "recosim.controllers"


@guarded
def list_() -> None:
    """List the scenarios of the library and the installed controllers."""
    from importlib.metadata import entry_points

    from recosim.scenarios.loader import library_descriptions
    from recosim.tables import description_of, listing_table, show

    show(listing_table("Scenarios", library_descriptions()))
    typer.echo()
    controllers = sorted(entry_points(group=CONTROLLERS), key=lambda entry: entry.name)
    show(listing_table("Controllers", {entry.name: description_of(entry) for entry in controllers}))


@guarded
def check(scenario: ScenarioName, sets: Overrides = None, data: Data = None, debug: Debug = False) -> None:
    """Read a scenario and its data, and say what is wrong, without running it."""
    from recosim.scenarios.loader import load_scenario

    loaded = load_scenario(scenario, sets or [], data or ())
    from recosim.scenarios.runner import check_scenario

    with user_code():
        notes = check_scenario(loaded)
    for note in notes:
        typer.echo(note)
    typer.echo(f"{scenario}: in order")


@guarded
def schema() -> None:
    """Print the JSON schema of a scenario file, for an editor's completion."""
    from recosim.scenarios.loader import json_schema

    write_json(STANDARD_OUTPUT, json_schema())


@guarded
def init(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A scenario of the library, such as naples.")],
    debug: Debug = False,
) -> None:
    """Copy a scenario of the library into this folder, to be edited."""
    from recosim.scenarios.loader import write_copy

    path = write_copy(name, Path.cwd())
    typer.echo(f"{path.name}: edit it, then: recosim run {path.name}")
