"""Every command and every file that the README and the pages in docs/ show works.

The fenced blocks ``console`` (lines that begin with ``$``) and ``sh`` (all lines) are run in their order, in
one temporary folder for each page. An HTML comment on the line before a block says what a test may change:

``<!-- test: add --days 1 -->``
    appended to each command of the block, to shorten a long run;
``<!-- test: skip (why) -->``
    not run; allowed only for what installs recosim or fetches it;
``<!-- test: in PAGE -->``
    not run again: PAGE has the same commands, where they are run;
``<!-- test: file NAME -->``
    the block (of any language) is written to NAME, for the commands that follow.
"""

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

README = Path(__file__).resolve().parents[1] / "README.md"
PAGES = [README, *sorted((README.parent / "docs").glob("*.md"))]
NOT_RUN = ("skip", "in")
COMMANDS_LEAST = 40
"""On all pages together."""
BLOCK = re.compile(
    r"^(?:<!-- test: (?P<marker>[^\n]*?) -->\n)?```(?P<language>[a-z]*)\n(?P<body>.*?)^```$", re.M | re.S
)
MAY_BE_SKIPPED = {"make", "pip", "git", "python3", "cd", "source"}


@dataclass(frozen=True, kw_only=True)
class Block:
    language: str
    body: str
    verb: str
    rest: str

    @property
    def commands(self) -> list[str]:
        lines = self.body.replace("\\\n", " ").splitlines()
        if self.language == "console":
            return [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
        if self.language == "sh":
            return [line for line in lines if line.strip() and not line.startswith("#")]
        return []


def blocks(text: str) -> list[Block]:
    found = []
    for match in BLOCK.finditer(text):
        verb, _, rest = (match["marker"] or "").partition(" ")
        found.append(Block(language=match["language"], body=match["body"], verb=verb, rest=rest))
    return found


def n_commands(page: Path) -> int:
    """How many commands of a page are run in its folder."""
    return len(commands_run(page))


def commands_run(page: Path) -> list[str]:
    found = [block for block in blocks(page.read_text()) if block.verb not in NOT_RUN]
    return [command for block in found for command in block.commands]


by_page = pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])


@by_page
def test_the_page_is_read(page: Path) -> None:
    text = page.read_text()
    found = blocks(text)
    assert text.count("```") == 2 * len(found)
    assert text.count("<!-- test:") == sum(block.verb != "" for block in found)


def test_the_readme_shows_how_to_begin() -> None:
    commands = [command for block in blocks(README.read_text()) for command in block.commands]
    assert any(command.startswith("make run") for command in commands)
    assert any(command.startswith("make test") for command in commands)
    assert any(command.startswith("recosim run naples") for command in commands)


def test_pages_show_commands() -> None:
    assert n_commands(README) >= 8
    assert sum(map(n_commands, PAGES)) >= COMMANDS_LEAST


def test_links_of_the_readme_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", README.read_text())
    inside = [link for link in links if not link.startswith("https://")]
    assert len(inside) > 10
    assert [link for link in inside if not (README.parent / link).exists()] == []


@by_page
def test_markers_mean_something(page: Path) -> None:
    for block in blocks(page.read_text()):
        assert block.verb in ("", "add", "skip", "in", "file"), block
        assert not block.verb or block.rest, block
        if block.verb == "in":
            assert block.commands, block
            assert set(block.commands) <= set(commands_run(README.parent / block.rest)), block
        if block.verb == "skip":
            assert re.fullmatch(r"\(.+\)", block.rest), block
            assert {Path(shlex.split(command)[0]).name for command in block.commands} <= MAY_BE_SKIPPED, block


@pytest.mark.parametrize(
    ("text", "commands"),
    [
        ("```sh\n# first\nrecosim list\n\nrecosim schema\n```\n", ["recosim list", "recosim schema"]),
        (
            "```console\n$ recosim list\nnaples\n$ recosim \\\n  schema\n```\n",
            ["recosim list", "recosim    schema"],
        ),
        ("```python\nrecosim list\n```\n", []),
    ],
)
def test_commands_of_a_block(text: str, commands: list[str]) -> None:
    (block,) = blocks(text)
    assert block.commands == commands


def test_marker_of_a_block() -> None:
    (block,) = blocks("words\n<!-- test: add --days 1 -->\n```sh\nrecosim run naples\n```\n")
    assert (block.verb, block.rest) == ("add", "--days 1")


@pytest.mark.slow
@by_page
def test_every_command_works(page: Path, tmp_path: Path) -> None:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    ran = []
    # the commands are those of a checkout, but what they write must not land in it
    for folder in ("benchmarks", "examples"):
        (tmp_path / folder).symlink_to(README.parent / folder)
    for block in blocks(page.read_text()):
        if block.verb == "file":
            (tmp_path / block.rest).write_text(block.body)
        elif block.verb not in NOT_RUN:
            for command in block.commands:
                shown = f"{command} {block.rest}" if block.verb == "add" else command
                done = subprocess.run(
                    ["bash", "-c", shown],
                    cwd=tmp_path,
                    env=os.environ | {"PATH": path},
                    capture_output=True,
                    text=True,
                    stdin=subprocess.DEVNULL,
                )
                assert done.returncode == 0, f"$ {shown}\n{done.stdout}\n{done.stderr}"
                ran.append(shown)
    assert len(ran) == n_commands(page)
