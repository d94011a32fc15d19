"""CSV to rows and predictions to CSV (RFC 4180), as MLflow's server and SageMaker's container read it.

MLflow's first line is always a header; SageMaker's container knows none. So the first line is a header

1. as the media type says: `text/csv; header=present` or `absent` (RFC 4180, section 3);
2. else, if it is the names of the columns, in any order;
3. else, unless one of its cells is a number: then it is a row, in the order of the schema.

Numbers are decimal, with blanks around them at most; truth values are those that pandas knows. An empty
cell is a missing value. Blank lines are skipped. Nothing else is converted, and no text counts as missing.

Source: `parse_csv_input` in mlflow/pyfunc/scoring_server (pandas.read_csv); `_csv_to_numpy` in
sagemaker_inference/decoder.py (numpy.genfromtxt)
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Sequence
from typing import Any

from ekiben.serving.predictor import Answers
from ekiben.serving.problem import Place, RefusedError
from ekiben.serving.schema import InputType, Schema
from ekiben.serving.validation import Rows, Validator

_REAL = re.compile(r"[ \t]*[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?[ \t]*", re.ASCII)
_WHOLE = re.compile(r"[ \t]*[+-]?[0-9]{1,19}[ \t]*", re.ASCII)
_PLAIN = b"0123456789.,+-eE \t\r\n"  # of these alone, what `float` and `int` take is what the patterns match
# Source: pandas.read_csv, `true_values` and `false_values`
_TRUTHS = {"True": True, "TRUE": True, "true": True, "False": False, "FALSE": False, "false": False}
_CSV = "expected CSV in UTF-8 (RFC 4180)"


class Reader:
    """Reads the CSV of one schema.

    Args:
        schema: The model's.
        validator: The model's.
    """

    def __init__(self, schema: Schema, validator: Validator) -> None:
        self._names = tuple(each.name for each in schema.inputs)
        self._columns = frozenset(self._names)
        self._converters = {each.name: _CONVERTERS[each.type] for each in schema.inputs}
        self._numeric = all(each.type == "float64" for each in schema.inputs)
        self._validator = validator

    def read(self, body: bytes, header: str | None) -> Rows:
        """Decode and check a body.

        Args:
            body: As it came.
            header: `present`, `absent`, or None if the media type does not say.

        Returns:
            Shape (rows, inputs).

        Raises:
            RefusedError: 400, 415 or 422; places are rows and columns of the body, from 0.
        """
        try:
            text = io.StringIO(body.decode("utf-8-sig"), newline="")
            lines = [line for line in csv.reader(text, strict=True) if line]
        except (UnicodeDecodeError, csv.Error):
            raise RefusedError(400, "form", _CSV, (Place("", _CSV),)) from None
        names = self._names
        if lines and self._is_header(lines[0], header):
            names = self._header(lines.pop(0))
        if self._numeric and names == self._names and not body.translate(None, _PLAIN):
            try:
                return self._validator.rows([list(map(float, line)) for line in lines], "")
            except ValueError:  # an empty cell, or a number that is none: the slow way knows
                pass
        return self._converted(lines, names)

    def _is_header(self, line: Sequence[str], header: str | None) -> bool:
        if header is not None:
            if header not in {"present", "absent"}:
                raise RefusedError(415, "content_type", "expected header=present or header=absent")
            return header == "present"
        return frozenset(line) == self._columns or not any(_REAL.fullmatch(cell) for cell in line)

    def _header(self, line: Sequence[str]) -> tuple[str, ...]:
        """Names of the columns, each once."""
        if len(line) != len(self._names) or frozenset(line) != self._columns:
            detail = f"expected a header of the {len(self._names)} columns of the model, each once"
            raise RefusedError(400, "fields", detail, (Place("", detail),))
        return tuple(line)

    def _converted(self, lines: Sequence[Sequence[str]], names: tuple[str, ...]) -> Rows:
        for row, line in enumerate(lines):
            if len(line) != len(names):
                detail = f"expected {len(names)} cells, found {len(line)}"
                raise RefusedError(400, "fields", detail, (Place(f"/{row}", detail),))
        columns = {}
        for column, name in enumerate(names):
            convert = self._converters[name]
            columns[name] = [convert(line[column]) for line in lines]
        position = {name: column for column, name in enumerate(names)}
        return self._validator.columns(columns, "", place=lambda name, row: f"/{row}/{position[name]}")


def _real(cell: str) -> Any:
    return float(cell) if _REAL.fullmatch(cell) else cell or None


def _whole(cell: str) -> Any:
    return int(cell) if _WHOLE.fullmatch(cell) else cell or None


def _truth(cell: str) -> Any:
    return _TRUTHS.get(cell.strip(" \t"), cell or None)


def _text(cell: str) -> Any:
    return cell or None


# What is not of the type stays text, so that the validator refuses it.
_CONVERTERS: dict[InputType, Callable[[str], Any]] = {
    "float64": _real,
    "int64": _whole,
    "bool": _truth,
    "string": _text,
}


def write(answers: Answers) -> bytes:
    """Encode predictions, one line each, as SageMaker's container does.

    Source: `_array_to_csv` in sagemaker_inference/encoder.py
    """
    stream = io.StringIO(newline="")
    csv.writer(stream, lineterminator="\n").writerows([each] for each in answers.predictions.tolist())
    return stream.getvalue().encode()
