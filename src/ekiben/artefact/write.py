"""Write the files of an artefact into a folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ekiben.artefact import formats as estimator_formats
from ekiben.artefact.forms.proof import Proven
from ekiben.serving import artefact as reader
from ekiben.serving import versions
from ekiben.serving.explanation.content import Content
from ekiben.serving.schema import Schema

_NOTHING = Proven({}, {"format": 1, "forms": {}})


def write(
    folder: Path,
    name: str,
    estimator: Any,
    schema: Schema,
    *,
    golden: Mapping[str, Any],
    reference: Mapping[str, Any],
    card: Mapping[str, Any],
    labelled: Mapping[str, Any] | None = None,
    proven: Proven = _NOTHING,
    formats: Sequence[str] = ("skops",),
    explanation: Content | None = None,
) -> str:
    """Write all files, the manifest last.

    Args:
        folder: An existing, empty folder.
        name: The model's name.
        estimator: The fitted estimator.
        schema: Content of `schema.json`; `golden`, `reference` and `card` likewise.
        golden: Rows with their answers.
        reference: Distributions of the training rows.
        card: Where the model comes from and how good it is.
        labelled: Held-out rows with their labels, for pods that score themselves; None for no such file.
        proven: Exact forms beside the estimator itself.
        formats: Of the estimator's files; the first of skops, joblib and pickle is what a pod reads.
        explanation: What explains predictions, if that was asked for.

    Returns:
        The artefact's hash, `sha256:...`.

    Raises:
        ConfigError: The estimator cannot be written in a format.
        AcceptanceError: `onnx` was asked for, and no exact graph was found.
    """
    documents = {
        reader.SCHEMA: schema.document(),
        reader.GOLDEN: golden,
        reader.REFERENCE: reference,
        reader.CARD: card,
        reader.PARITY: proven.document,
        **({} if labelled is None else {reader.LABELLED: labelled}),
    }
    contents = {name: json_bytes(document) for name, document in documents.items()}
    written, first = estimator_formats.contents(formats, estimator, schema, proven)
    contents.update(written)
    contents.update({reader.FORM_FILES[form]: content for form, content in proven.contents.items()})
    if explanation is not None:
        contents[reader.EXPLANATION] = explanation.content()
    manifest = json_bytes(
        {
            "format": reader.FORMAT,
            "name": name,
            "files": {file: hashlib.sha256(content).hexdigest() for file, content in contents.items()},
            "formats": [each for each, file in reader.FORMAT_FILES.items() if file in written],
            "estimator": first,
            "forms": [*proven.contents, "scikit-learn"],
            "predictor": proven.predictor,
            "versions": versions.here(),
            **({} if explanation is None else {"explanation": asdict(explanation.summary)}),
        }
    )
    for file, content in {**contents, reader.MANIFEST: manifest}.items():
        (folder / file).write_bytes(content)
    return reader.hash_of(manifest)


def json_bytes(document: Mapping[str, Any]) -> bytes:
    """JSON with sorted keys and one newline at the end; no NaN."""
    text = json.dumps(document, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)
    return f"{text}\n".encode()
