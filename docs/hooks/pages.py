"""What mkdocs does to the pages of docs/: navigation, and the tables that no hand types.

A page holds ``<!-- made: NAME -->`` where the text of ``MAKERS[NAME]`` belongs, and
``<!-- picture: NAME -->`` where a picture of ``assets/`` does.
"""

import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from quantity_tables import key_figures, series
from schema_tables import reference
from validation_tables import validated

MADE = re.compile(r"^<!-- made: (?P<name>\S+) -->$", re.M)
PICTURE = re.compile(r"^<!-- picture: (?P<name>\S+) -->$", re.M)
FOR_TESTS = re.compile(r"^<!-- test: .* -->\n", re.M)
ROOT = Path(__file__).resolve().parents[2]
ASSETS = ROOT / "docs" / "assets"
MAKERS: Mapping[str, Callable[[], str]] = {
    "readme-figures": lambda: _readme_section("Measured figures"),
    "scenario-reference": reference,
    "key-figures": key_figures,
    "series": series,
    **{
        f"validation-{name}": partial(validated, name)
        for name in ("bestest", "irradiation", "tabula", "climate", "households")
    },
}


def on_config(config: Any) -> Any:
    """Put pages that the navigation does not name at its end."""
    named = set(_files(config.nav))
    folder = Path(config.docs_dir)
    others = sorted(path.name for path in folder.glob("*.md") if path.name not in named)
    (last,) = config.nav[-1].values()
    last.extend(others)
    return config


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Fill in what is made, and the pictures, which stand in the page to have its colours."""
    markdown = PICTURE.sub(lambda match: (ASSETS / match["name"]).read_text(encoding="utf-8"), markdown)
    markdown = MADE.sub(lambda match: MAKERS[match["name"]](), markdown)
    return FOR_TESTS.sub("", markdown)


def _readme_section(heading: str) -> str:
    """Text below a heading of the README, which must not stand in two places."""
    _, _, text = (ROOT / "README.md").read_text(encoding="utf-8").partition(f"\n## {heading}\n")
    return text.partition("\n## ")[0]


def _files(entry: Any) -> list[str]:
    if isinstance(entry, str):
        return [entry]
    parts = entry.values() if isinstance(entry, dict) else entry
    return [file for part in parts for file in _files(part)]
