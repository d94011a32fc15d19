"""Every field of `ekiben.yaml`, with unit, bounds and default, read from the code."""

from __future__ import annotations

from typing import Any

import typer

from ekiben.cli import options, output


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command(rich_help_panel="The ground and the rest")(config)


def config(as_json: options.Json = False) -> None:
    """List every field of ekiben.yaml with its meaning, bounds and default."""
    from ekiben import config as room

    schema = room.ModelConfig.model_json_schema()
    output.emit(schema, list(_lines(schema, schema, "")), as_json=as_json)


def _lines(schema: dict[str, Any], root: dict[str, Any], prefix: str) -> list[str]:
    found: list[str] = []
    for name, field in schema.get("properties", {}).items():
        kinds = (
            *field.get("allOf", ()),
            *field.get("anyOf", ()),
        )  # a section, or a section that may be absent
        target = field.get("$ref") or next((each["$ref"] for each in kinds if "$ref" in each), None)
        if target:
            if "anyOf" in field:
                found.append(f"{prefix}{name:<28} {field.get('description', '')}")
            found += _lines(root["$defs"][target.rsplit("/", 1)[1]], root, f"{prefix}{name}.")
            continue
        entries = field.get("additionalProperties")
        if isinstance(entries, dict) and "$ref" in entries:  # a section per name that the user chooses
            found += _lines(root["$defs"][entries["$ref"].rsplit("/", 1)[1]], root, f"{prefix}{name}.<name>.")
            continue
        default = f" default {field['default']!r}." if "default" in field else ""
        required = " Required." if name in schema.get("required", ()) else ""
        found.append(f"{prefix}{name:<28} {field.get('description', '')}{_bounds(field)}{default}{required}")
    return found


def _bounds(field: dict[str, Any]) -> str:
    words = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
    parts = [f"{sign} {field[key]:g}" for key, sign in words.items() if key in field]
    if "enum" in field:
        parts.append("one of " + ", ".join(field["enum"]))
    return f" ({', '.join(parts)})" if parts else ""
