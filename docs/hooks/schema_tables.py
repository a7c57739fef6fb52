"""The scenario reference, from the schema: every section, every key, its unit, bounds and default."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from recosim.scenarios.loader import json_schema

Node: TypeAlias = Mapping[str, Any]
NAMES = {
    "number": "number",
    "integer": "whole number",
    "string": "text",
    "boolean": "`true` or `false`",
    "object": "keys of its own",
    "null": "`null`",
}
BOUNDS = (
    ("minimum", "at least"),
    ("exclusiveMinimum", "above"),
    ("maximum", "at most"),
    ("exclusiveMaximum", "below"),
    ("minItems", "entries, at least"),
    ("maxItems", "entries, at most"),
)


@dataclass
class Part:
    """A section of the schema, and the paths under which a scenario has it."""

    name: str
    node: Node
    paths: list[str] = field(default_factory=list)

    @property
    def anchor(self) -> str:
        """Where the page has it."""
        return re.sub(r"[^a-z0-9]+", "-", self.paths[0].lower()).strip("-") or "scenario"

    @property
    def constant(self) -> str:
        """``kind: split`` of a section that is one of several."""
        found = (
            f"{key}: {value['const']}"
            for key, value in self.node.get("properties", {}).items()
            if "const" in value
        )
        return next(found, "")

    @property
    def title(self) -> str:
        """Path of the section, as in ``--set``."""
        return self.paths[0] or "The scenario"


def reference() -> str:
    """Write every section of a scenario as a table."""
    schema = json_schema()
    parts = parts_of(schema)
    return "\n\n".join(_section(part, parts) for part in parts.values())


def parts_of(schema: Node) -> dict[str, Part]:
    """Every section that a scenario can hold, by the name of its definition, in the order of the keys."""
    parts = {"Scenario": Part(name="Scenario", node=schema, paths=[""])}
    _collect(schema, "", schema["$defs"], parts)
    return parts


def _collect(node: Node, path: str, definitions: Node, parts: dict[str, Part]) -> None:
    for key, value in node.get("properties", {}).items():
        below = f"{path}.{key}".lstrip(".") + ("[]" if _is_list(value) else "")
        names = list(dict.fromkeys(_references(value)))
        for name in names:
            part = Part(name=name, node=definitions[name])
            several = len(names) > 1 and part.constant
            where = f"{below} ({part.constant})" if several else below
            known = parts.setdefault(name, part)
            if where not in known.paths:
                known.paths.append(where)
                _collect(definitions[name], below, definitions, parts)


def _is_list(node: Node) -> bool:
    return "items" in node


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"].rpartition("/")[2]
        for key, value in node.items():
            if key not in ("default", "discriminator"):
                yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


def _section(part: Part, parts: Mapping[str, Part]) -> str:
    about = str(part.node.get("description", "")).partition("\n\nExamples\n")[0]
    about = about.replace("``", "`")
    lines = [f"## {part.title} {{ #{part.anchor} }}", about]
    if len(part.paths) > 1:
        lines.append("Also as " + ", ".join(f"`{path}`" for path in part.paths[1:]) + ".")
    required = part.node.get("required", [])
    rows = ["| key | what | allowed | default |", "|---|---|---|---|"]
    for key, node in part.node.get("properties", {}).items():
        cells = (
            f"`{key}`",
            _meaning(node, parts),
            _allowed(node, parts),
            "**required**" if key in required else _default(node),
        )
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n\n".join([*lines, "\n".join(rows)])


def _meaning(node: Node, parts: Mapping[str, Part]) -> str:
    if "description" in node:
        return str(node["description"])
    (name,) = dict.fromkeys(_references(node))
    return str(parts[name].node["description"]).partition("\n")[0]


def _allowed(node: Node, parts: Mapping[str, Part]) -> str:
    choices = [choice for choice in _choices(node) if choice.get("type") != "null"]
    return ", or ".join(dict.fromkeys(_one(choice, parts) for choice in choices))


def _choices(node: Node) -> Iterator[Node]:
    for several in ("anyOf", "oneOf"):
        if several in node:
            for choice in node[several]:
                yield from _choices(choice)
            return
    yield node


def _one(node: Node, parts: Mapping[str, Part]) -> str:
    if "$ref" in node:
        part = parts[node["$ref"].rpartition("/")[2]]
        return f"[{part.constant or 'a section'}](#{part.anchor})"
    if "const" in node:
        return f"`{node['const']}`"
    if "enum" in node:
        return ", ".join(f"`{_text(value)}`" for value in node["enum"])
    if "prefixItems" in node:
        return "a pair: " + " and ".join(_one(item, parts) for item in node["prefixItems"])
    if node.get("type") == "array":
        inner = _allowed(node["items"], parts)
        return f"a list of: {inner}{_bounds(node)}"
    name = "date" if node.get("format") == "date" else NAMES[node["type"]]
    return name + _bounds(node)


def _bounds(node: Node) -> str:
    return "".join(f", {words} {_text(node[key])}" for key, words in BOUNDS if key in node)


def _default(node: Node) -> str:
    value = node.get("default")
    if value is None:
        return "–"
    if isinstance(value, dict):
        return "its defaults" if value else "none"
    if isinstance(value, str) and value == "":
        return "empty"
    return f"`{_text(value)}`"


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) and value.strip() else json.dumps(value)
