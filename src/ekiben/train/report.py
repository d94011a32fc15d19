"""The data report: what was found, in sentences, and as a document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ekiben.config import ModelConfig
from ekiben.errors import ConfigError
from ekiben.train import fitting, frame, partition, profile, sources

_RULES = {"tukey": "1.5 interquartile ranges (Tukey 1977)", "mad": "modified z-score 3.5 (Iglewicz 1993)"}


def report(config: ModelConfig, project: Path) -> dict[str, Any]:
    """Look at the data of a model; nothing is fitted or stored.

    Args:
        config: The model's `ekiben.yaml`.
        project: Root of the project.

    Returns:
        The profile of the raw data, `parts` (what they share; None if the data cannot be trained on),
        `refused` (why they cannot; empty if they can) and `findings` (sentences).

    Raises:
        ConfigError: The data cannot be read at all, or the estimator is none.
    """
    from sklearn.base import is_classifier

    section = config.train
    classifier = is_classifier(fitting.build(section, project))
    loaded = sources.load(section, project)
    name = sources.name(section.data)
    features, labels = frame.pair(loaded, name)
    found = {
        "model": config.model,
        "source": name,
        **profile.profile(features, labels, section, classifier=classifier),
        "parts": None,
        "refused": "",
    }
    aside = {*section.ignore, *filter(None, [section.partition.column])}
    try:
        data = frame.read(loaded, name, section.inputs, aside)
        found["parts"] = profile.leakage(partition.split(data, section, classifier=classifier), section)
    except ConfigError as error:
        found["refused"] = str(error)
    return {**found, "findings": list(_findings(found))}


def _findings(found: Mapping[str, Any]) -> Iterator[str]:
    for column in found["columns"]:
        yield from _of_column(column, found["rows"])
    yield from _of_target(found["target"])
    yield from _of_rows(found["duplicates"], found["parts"] or {})
    if found["refused"]:
        yield f"these data cannot be trained on: {found['refused']}"


def _of_column(column: Mapping[str, Any], rows: int) -> Iterator[str]:
    name = column["name"]
    if column["missing"]:
        yield f"{name}: {column['missing']} of {rows} values missing ({column['missing'] / rows:.1%})"
    if column["constant"]:
        yield f"{name}: constant, it says nothing about the target"
    if beyond := column.get("outliers", {}).get("count", 0):
        yield f"{name}: {beyond} outlier(s) ({beyond / rows:.1%}) by {_RULES[column['outliers']['rule']]}"
    if column.get("infinite"):
        yield f"{name}: {column['infinite']} infinite value(s)"


def _of_target(target: Mapping[str, Any]) -> Iterator[str]:
    if target["missing"]:
        yield f"target: {target['missing']} label(s) missing"
    if target.get("imbalance", "none") != "none":
        ratio = target["imbalance_ratio"]
        yield f"target: {target['imbalance']} imbalance, the largest class has {ratio:.1f} times the smallest"


def _of_rows(duplicates: Mapping[str, int], parts: Mapping[str, Any]) -> Iterator[str]:
    if duplicates["rows"]:
        yield f"duplicates: {duplicates['rows']} row(s) repeat another with the same label"
    if duplicates["contradicting"]:
        yield f"duplicates: {duplicates['contradicting']} row(s) have the features of one with another label"
    for part, count in parts.get("seen_in_train", {}).items():
        if count:
            yield f"leakage: {count} {part} row(s) have the very features of a row to fit on"
    if parts.get("shared_groups"):
        yield f"leakage: {parts['shared_groups']} group(s) in more than one part"
