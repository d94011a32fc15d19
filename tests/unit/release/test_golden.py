"""Golden rows: read with their hash, compared with what a model answers."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekiben.errors import ConfigError
from ekiben.release import golden
from ekiben.release.golden import Golden

ROWS = {
    "instances": [{"a": 1.0}, {"a": 2.0}],
    "predictions": [0, 2],
    "probabilities": [[0.9, 0.1, 0.0], [0.0, 0.25, 0.75]],
    "relative_tolerance": 1e-9,
}
RIGHT = {"predictions": [0, 2], "probabilities": [[0.9, 0.1, 0.0], [0.0, 0.25, 0.75]], "id": "x"}


def write(folder: Path, rows: dict[str, Any] = ROWS, **manifest: Any) -> bytes:
    """Write an artefact's two files; returns the manifest."""
    data = json.dumps(rows).encode()
    (folder / "golden.json").write_bytes(data)
    files = {"golden.json": hashlib.sha256(data).hexdigest()}
    text = json.dumps({"format": 3, "name": "iris", "files": files, **manifest}).encode() + b"\n"
    (folder / "manifest.json").write_bytes(text)
    return text


def test_an_artefact_is_known_by_the_hash_of_its_manifest(tmp_path: Path) -> None:
    """Version and hash are those of the manifest's bytes."""
    digest = hashlib.sha256(write(tmp_path)).hexdigest()
    found = golden.read(tmp_path)
    assert found.artefact_sha256 == f"sha256:{digest}"
    assert str(found.model) == f"iris:{digest[:16]}"
    assert found.golden.document() == ROWS


def test_golden_rows_that_were_changed_are_refused(tmp_path: Path) -> None:
    """Their hash is in the manifest."""
    write(tmp_path)
    (tmp_path / "golden.json").write_text(json.dumps({**ROWS, "predictions": [0, 1]}))
    with pytest.raises(ConfigError, match="it was changed"):
        golden.read(tmp_path)


@pytest.mark.parametrize("manifest", [{"format": 1}, {"format": 4}, {"files": {}}, {"files": None}])
def test_another_format_is_refused(tmp_path: Path, manifest: dict[str, Any]) -> None:
    """A manifest that says something else is no artefact of ours."""
    write(tmp_path, **manifest)
    with pytest.raises(ConfigError):
        golden.read(tmp_path)


def test_a_folder_that_is_no_artefact_is_named(tmp_path: Path) -> None:
    """The message names the folder and what to do."""
    with pytest.raises(ConfigError, match=str(tmp_path)) as error:
        golden.read(tmp_path)
    assert "ekiben train" in error.value.remedy


def test_the_right_answer_differs_nowhere() -> None:
    """More keys than expected do not matter."""
    assert Golden.of(ROWS).difference(RIGHT) == ""


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ({**RIGHT, "predictions": [0, 1]}, "row 1: expected predictions 2, found 1"),
        ({**RIGHT, "predictions": [0]}, "expected 2 predictions"),
        ({**RIGHT, "predictions": [False, 2]}, "row 0"),
        ({**RIGHT, "predictions": [0.0, 2]}, "row 0"),
        ({**RIGHT, "probabilities": None}, "expected 2 probabilities, found null"),
        ({**RIGHT, "probabilities": [[0.9, 0.1], [0.0, 0.25, 0.75]]}, "row 0"),
        ({**RIGHT, "probabilities": [[0.9, 0.1, 0.0], [0.0, 0.26, 0.74]]}, "row 1"),
        ({}, "found null"),
        ([0, 2], "expected an object"),
    ],
)
def test_a_wrong_answer_is_told_by_its_first_row(answer: Any, says: str) -> None:
    """Wrong label, wrong type, wrong length, wrong number: each is a difference."""
    assert says in Golden.of(ROWS).difference(answer)


def test_a_model_without_probabilities_is_not_asked_for_them() -> None:
    """A regression has none."""
    rows = Golden.of({**ROWS, "predictions": [0.5, 2.5], "probabilities": None})
    assert rows.difference({"predictions": [0.5, 2.5]}) == ""
    assert rows.difference({"predictions": [0.5, 2.6]})


@given(st.floats(min_value=-1e9, max_value=1e9), st.floats(min_value=-1, max_value=1))
def test_numbers_may_differ_within_the_tolerance_and_not_beyond(value: float, share: float) -> None:
    """Half the tolerance is right, three times it (and more than 1e-12) is wrong."""
    tolerance = 1e-6
    rows = Golden(([0],), (value,), None, tolerance)
    assert rows.difference({"predictions": [value * (1 + 0.5 * share * tolerance)]}) == ""
    beyond = value * (1 + 3 * tolerance)
    if abs(beyond - value) > 2e-12:
        assert rows.difference({"predictions": [beyond]})


def test_the_first_rows_are_whole_rows() -> None:
    """Instances, answers and probabilities are cut alike."""
    cut = Golden.of(ROWS).first(1)
    assert (cut.instances, cut.predictions, cut.probabilities) == (({"a": 1.0},), (0,), ([0.9, 0.1, 0.0],))
