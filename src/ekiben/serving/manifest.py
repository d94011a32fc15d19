"""Content of `manifest.json`: which files an artefact has, and what each is for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self, get_args

from ekiben.errors import ConfigError
from ekiben.serving.explanation.explained import Kind, Summary
from ekiben.serving.predictor import Form

FORMAT = 3
READABLE_FORMATS = (2, 3)  # this one and the one before
MANIFEST = "manifest.json"
SCHEMA = "schema.json"
GOLDEN = "golden.json"
REFERENCE = "reference.json"
CARD = "card.json"
PARITY = "parity.json"
LABELLED = "labelled.json"  # only where the model asks to be checked again in its pods
EXPLANATION = "explanation.zip"  # only where explanations were asked for
EstimatorFormat = Literal["skops", "joblib", "pickle"]  # what scikit-learn itself can be read from
FileFormat = Literal["skops", "joblib", "pickle", "hdf5"]
PICKLES: frozenset[EstimatorFormat] = frozenset({"joblib", "pickle"})
FORMAT_FILES: Mapping[FileFormat, str] = {
    "skops": "estimator.skops",
    "joblib": "estimator.joblib",
    "pickle": "estimator.pickle",
    "hdf5": "estimator.h5",
}
ESTIMATOR = FORMAT_FILES["skops"]
FORM_FILES: Mapping[Form, str] = {
    "folded": "linear.json",
    "onnx": "estimator.onnx",
    "scikit-learn": ESTIMATOR,  # unless `estimator` in the manifest says another format
}
_DOCUMENTS = (CARD, GOLDEN, PARITY, REFERENCE, SCHEMA)
_NAME = re.compile(r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_REMEDY = "train the model again with this release of ekiben"


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest that says what it must.

    Attributes:
        name: The model's name.
        files: Hex SHA-256 of each other file by name; those that formats and forms need, and `labelled.json`
            if there is one.
        forms: What answers as the estimator does, itself included; the fastest first.
        predictor: The form that answers.
        estimator: What `scikit-learn` reads the estimator from.
        formats: Formats of the estimator that are there.
        versions: Of what it was trained with.
        explanation: What explains predictions; None if nothing does.
    """

    name: str
    files: Mapping[str, str]
    forms: tuple[Form, ...]
    predictor: Form
    estimator: EstimatorFormat
    formats: tuple[FileFormat, ...]
    versions: Any
    explanation: Summary | None = None

    @classmethod
    def parse(cls, document: Any) -> Self:
        """Read a document of this format or the one before.

        Raises:
            ConfigError: Another format, or a part that is missing, unknown or out of place.
        """
        found = document.get("format") if isinstance(document, dict) else "no manifest"
        if type(found) is not int or found not in READABLE_FORMATS:
            raise ConfigError(
                f"{MANIFEST}: expected an artefact of format {' or '.join(map(str, READABLE_FORMATS))}, "
                f"found {found!r}",
                remedy=_REMEDY,
            )
        forms, predictor = _forms(document)
        formats, estimator = _formats(document)
        explanation = _explanation(document.get("explanation"))
        asked = set() if explanation is None else {EXPLANATION}
        files = _files(document, {*_DOCUMENTS, *_needed(forms, formats), *asked})
        return cls(
            name=_name(document.get("name")),
            files=files,
            forms=forms,
            predictor=predictor,
            estimator=estimator,
            formats=formats,
            versions=document.get("versions"),
            explanation=explanation,
        )

    def file_of(self, form: Form) -> str:
        """Name of the file that a form is read from."""
        return file_of(form, self.estimator)


def file_of(form: Form, estimator: EstimatorFormat) -> str:
    """Name of the file that a form is read from.

    Args:
        form: The form.
        estimator: What `scikit-learn` reads the estimator from.
    """
    return FORMAT_FILES[estimator] if form == "scikit-learn" else FORM_FILES[form]


def _needed(forms: tuple[Form, ...], formats: tuple[FileFormat, ...]) -> set[str]:
    return {
        *(FORMAT_FILES[each] for each in formats),
        *(FORM_FILES[form] for form in forms if form != "scikit-learn"),
    }


def _forms(document: Mapping[str, Any]) -> tuple[tuple[Form, ...], Form]:
    """Forms that a manifest lists, and the one that it prefers."""
    listed, default = document.get("forms"), document.get("predictor")
    forms = tuple(form for form in FORM_FILES if isinstance(listed, list) and form in listed)
    if "scikit-learn" not in forms or len(forms) != len(listed or ()) or default not in forms:
        raise ConfigError(
            f"{MANIFEST}: expected forms out of {', '.join(FORM_FILES)}, scikit-learn among them, and one of "
            f"them as predictor; found {_short(listed)} and {_short(default)}",
            remedy=_REMEDY,
        )
    return forms, default


def _formats(document: Mapping[str, Any]) -> tuple[tuple[FileFormat, ...], EstimatorFormat]:
    """Formats that a manifest lists, and the one that scikit-learn is read from."""
    if document["format"] == 2:  # noqa: PLR2004 - it knew no other than skops
        return ("skops",), "skops"
    listed, estimator = document.get("formats"), document.get("estimator")
    formats = tuple(each for each in FORMAT_FILES if isinstance(listed, list) and each in listed)
    if (
        len(formats) != len(listed or ())
        or estimator not in formats
        or estimator not in get_args(EstimatorFormat)
    ):
        raise ConfigError(
            f"{MANIFEST}: expected formats out of {', '.join(FORMAT_FILES)}, and as estimator one that "
            f"scikit-learn reads; found {_short(listed)} and {_short(estimator)}",
            remedy=_REMEDY,
        )
    return formats, estimator


def _explanation(found: Any) -> Summary | None:
    """What a manifest says of an explanation."""
    if found is None:
        return None
    match found:
        case {"kind": str() as kind, "link": str() as link, "scores": int() as scores, **rest}:
            if kind in get_args(Kind) and not rest and type(scores) is int and scores > 0:
                return Summary(kind, link, scores)  # type: ignore[arg-type]  # get_args is untyped
    raise ConfigError(
        f"{MANIFEST}: expected an explanation of kind {' or '.join(get_args(Kind))}, with its link and the "
        f"number of scores; found {_short(found)}",
        remedy=_REMEDY,
    )


def _files(document: Mapping[str, Any], expected: set[str]) -> dict[str, str]:
    """Hashes by name, if the names are those that are expected: no path, no case of its own."""
    listed = document.get("files")
    if not isinstance(listed, dict) or set(listed) - {LABELLED} != expected:
        raise ConfigError(
            f"{MANIFEST}: expected a list of the files {', '.join(sorted(expected))}, found another list",
            remedy=_REMEDY,
        )
    if not all(isinstance(digest, str) and _SHA256.fullmatch(digest) for digest in listed.values()):
        raise ConfigError(
            f"{MANIFEST}: expected a sha256 in hex for each file, found another", remedy=_REMEDY
        )
    return dict(listed)


def _name(found: Any) -> str:
    """Name of a model; it becomes a folder, a label and a host name."""
    if not isinstance(found, str) or not _NAME.fullmatch(found):
        raise ConfigError(
            f"{MANIFEST}: expected a model's name in lower case, digits and dashes, found {_short(found)}"
        )
    return found


def _short(found: Any) -> str:
    text = repr(found)
    return text if len(text) <= 80 else f"{text[:77]}..."  # noqa: PLR2004 - one line of a log
