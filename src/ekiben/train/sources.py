"""Where data come from: a file, scikit-learn's own sets, or a function of the project."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ekiben.config import DataFile, Train
from ekiben.errors import ConfigError
from ekiben.train import delimited, functions

_PREFIX = "sklearn:"
# Sets that come with scikit-learn and have one target; the others are fetched from the network.
# Source: https://scikit-learn.org/stable/datasets/toy_dataset.html
INSTALLED = ("breast_cancer", "diabetes", "digits", "iris", "wine")


def name(data: str | DataFile) -> str:
    """Name of the source, for messages."""
    return data if isinstance(data, str) else data.file


def load(section: Train, project: Path) -> Any:
    """Give a pair of a data frame of features and a series of labels; a function may give anything.

    Args:
        section: Of `ekiben.yaml`: data, and the columns declared as strings.
        project: Root of the project.

    Raises:
        ConfigError: No such file, data set or function, or a file that cannot be read as what its name says.
    """
    data = section.data
    if isinstance(data, DataFile):
        text = [name for name, policy in section.inputs.items() if policy.type == "string"]
        return _separated(_table(project / data.file, data, text), data)
    if data.startswith(_PREFIX):
        return _installed(data.removeprefix(_PREFIX))
    return functions.call(data, project)


def _installed(wanted: str) -> Any:
    from sklearn import datasets

    if wanted not in INSTALLED:
        raise ConfigError(
            f"train.data: scikit-learn has no data set {wanted!r} inside; it has {', '.join(INSTALLED)}",
            remedy="write a function that loads it: train.data: module:function",
        )
    return getattr(datasets, f"load_{wanted}")(return_X_y=True, as_frame=True)


def _table(path: Path, section: DataFile, text: list[str]) -> Any:
    if path.suffix == ".csv":
        return delimited.read(path, section, text)
    import pandas as pd
    from pyarrow import ArrowException

    try:
        return pd.read_parquet(path, engine="pyarrow")
    except FileNotFoundError as error:
        raise ConfigError(
            f"{path}: no such file", remedy="write train.data.file relative to the project"
        ) from error
    except (OSError, ArrowException, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read as Parquet: {error}") from error


def _separated(table: Any, section: DataFile) -> Any:
    """Features and labels of a table; a row without a label teaches nothing and tests nothing."""
    if section.target not in table.columns:
        raise ConfigError(
            f"train.data.target: {section.file} has no column {section.target!r}; "
            f"it has {', '.join(map(str, table.columns))}",
            remedy="write the column to predict as the file has it",
        )
    labels = table[section.target]
    if count := int(labels.isna().sum()):
        raise ConfigError(
            f"{section.file}: the target {section.target!r} is missing in {count} of {len(labels)} rows",
            remedy="drop these rows, or write the labels",
        )
    return table.drop(columns=section.target), labels
