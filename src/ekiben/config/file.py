"""From files and the environment to the sections."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from ekiben.config.sections import ModelConfig
from ekiben.errors import ConfigError


def folder(model: str, project: Path) -> Path:
    """Folder of a model: `bentos/<model>`, or with underscores for dashes, which Python can import.

    Args:
        model: Its name, or its folder's.
        project: Root of the project.
    """
    found = project / "bentos" / model
    return found if found.is_dir() else found.with_name(model.replace("-", "_"))


def load(model: str, project: Path, environment: Mapping[str, str] = os.environ) -> ModelConfig:
    """Read the `ekiben.yaml` of a model, with `EKIBEN_<SECTION>__<FIELD>` laid over it.

    Args:
        model: Its name, or that of its folder below `bentos/`.
        project: Root of the project.
        environment: Where the overriding variables are.

    Raises:
        ConfigError: No such model, not YAML, a field that is unknown or out of bounds, or another model than
            the folder is named after.
    """
    path = folder(model, project) / "ekiben.yaml"
    if not path.is_file():
        known = sorted(p.parent.name for p in project.glob("bentos/*/ekiben.yaml"))
        raise ConfigError(
            f"unknown model {model!r}: expected {path.relative_to(project)}; "
            f"models here: {', '.join(known) or 'none'}",
            remedy="give one of these names, or run ekiben in the project's folder (or with --project)",
        )
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not YAML in UTF-8: {error}", remedy="correct this file") from error
    if not isinstance(found, dict):
        raise ConfigError(
            f"{path}: expected a mapping with the sections of the road, found {type(found).__name__}"
        )
    parsed = parse(_overlaid(found, environment), str(path))
    if path.parent != folder(parsed.model, project):
        raise ConfigError(
            f"{path}: expected the model that its folder is named after "
            f"({path.parent.name.replace('_', '-')}), found model: {parsed.model}",
            remedy="correct model, or rename the folder: store, releases and other folders go by this name",
        )
    return parsed


def parse(document: Mapping[str, Any], source: str) -> ModelConfig:
    """Validate a document; `source` is named in errors.

    Raises:
        ConfigError: With one line per wrong field.
    """
    try:
        return ModelConfig.model_validate(document)
    except ValidationError as error:
        lines = [
            f"  {'.'.join(str(part) for part in e['loc']) or '(top)'}: {e['msg']}" for e in error.errors()
        ]
        raise ConfigError(
            f"{source}: {len(lines)} wrong field(s)\n" + "\n".join(lines),
            remedy="`ekiben config` lists every field with its unit and bounds",
        ) from error


def _overlaid(document: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    """Lay `EKIBEN_SECTION__FIELD[__FIELD]` over the document; values are read as YAML."""
    result = dict(document)
    for variable, text in environment.items():
        if not variable.startswith("EKIBEN_") or "__" not in variable:
            continue
        *sections, field = variable.removeprefix("EKIBEN_").lower().split("__")
        place = result
        for section in sections:
            place[section] = dict(place.get(section) or {})
            place = place[section]
        place[field] = yaml.safe_load(text)
    return result
