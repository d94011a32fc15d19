"""A small artefact, written by the artefact room once per session."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

from ekiben.artefact.forms.proof import Proven, prove
from ekiben.artefact.write import write
from ekiben.serving.schema import Input, Output, Schema

NAMES = ("a", "b", "c")


def training_rows() -> tuple[Any, Any]:
    """Sixty rows of three columns, and labels that depend on two of them."""
    rows = np.random.default_rng(0).uniform(-1, 1, size=(60, 3))
    return rows, (rows[:, 0] + rows[:, 1] > 0).astype(int)


@pytest.fixture(scope="session")
def forest() -> RandomForestClassifier:
    """Five trees."""
    return RandomForestClassifier(n_estimators=5, random_state=0).fit(*training_rows())


@pytest.fixture(scope="session")
def schema() -> Schema:
    """Three numbers in, one of two labels out."""
    return Schema(
        tuple(Input(name, "float64") for name in NAMES), Output("classification", (0, 1), probabilities=True)
    )


@pytest.fixture(scope="session")
def golden(forest: RandomForestClassifier) -> dict[str, Any]:
    """Four of the rows with the forest's answers."""
    rows = training_rows()[0][:4]
    return {
        "format": 1,
        "instances": [dict(zip(NAMES, row, strict=True)) for row in rows.tolist()],
        "predictions": forest.predict(rows).tolist(),
        "probabilities": forest.predict_proba(rows).tolist(),
        "relative_tolerance": 1e-9,
    }


@pytest.fixture(scope="session")
def proven(forest: RandomForestClassifier, schema: Schema) -> Proven:
    """The forest's exact forms."""
    rows = training_rows()[0]
    return prove(forest, schema, rows, rows[:10], count=1_000, seed=0)


@pytest.fixture
def artefact(
    tmp_path: Path, forest: RandomForestClassifier, schema: Schema, golden: dict[str, Any], proven: Proven
) -> Path:
    """Folder of a whole artefact."""
    folder = tmp_path / "artefact"
    folder.mkdir()
    write(
        folder,
        "small",
        forest,
        schema,
        golden=golden,
        reference={"format": 1},
        card={"format": 1},
        proven=proven,
    )
    return folder
