"""The package as one tree of links: its folders stand apart, and docstrings are read from files."""

import tempfile
from pathlib import Path
from typing import Any

from mkdocs.plugins import event_priority

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("simulators", "controllers", "scenarios", "results")
_trees: list[tempfile.TemporaryDirectory[str]] = []


@event_priority(100)  # before mkdocstrings reads where to look
def on_config(config: Any) -> Any:
    """Lay the links and tell mkdocstrings of them."""
    tree = tempfile.TemporaryDirectory(prefix="recosim-docs-")
    _trees.append(tree)
    package = Path(tree.name) / "recosim"
    package.mkdir()
    for path in [*(ROOT / "recosim").iterdir(), *(ROOT / name for name in FOLDERS)]:
        (package / path.name).symlink_to(path)
    config.plugins["mkdocstrings"].config["handlers"]["python"]["paths"] = [tree.name]
    return config


def on_post_build(**_: Any) -> None:
    """Take the links away."""
    while _trees:
        _trees.pop().cleanup()
