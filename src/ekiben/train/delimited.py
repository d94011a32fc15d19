"""A CSV file as columns: every row whole, every type inferred from every value.

pandas fills rows that are too short, and takes the first column for an index
where rows are too long by one. A model fitted on such a frame is wrong without a
word, so rows are read by the standard library's reader and counted.

Source: RFC 4180, section 2 (each line holds the same number of fields).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ekiben.config import DataFile
from ekiben.errors import ConfigError

_INTEGER = re.compile(r"[+-]?(0|[1-9]\d{0,17})")  # fits int64
_CODE = re.compile(r"0\d+")
_REAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_TRUTH = {"true": True, "false": False}
_LONGEST_FIELD = 1 << 24  # characters


def read(path: Path, section: DataFile, text: Collection[str] = ()) -> Any:
    """Read a CSV file.

    A column is `bool` if every value is `true` or `false` (in any case), else `int64` if every value is
    an integer of at most 18 digits, else `float64` if every value is a decimal number, else strings. A
    column with missing values keeps its type: integers and truth values as pandas' nullable ones.
    An integer that starts with 0 and has more digits (a code, not a number) makes its column strings.

    Args:
        path: The file.
        section: Separator, encoding, and what means a missing value.
        text: Columns that are strings, whatever they look like.

    Returns:
        A pandas data frame.

    Raises:
        ConfigError: No such file, another encoding, no row, rows of different lengths, or names that are
            empty or there twice.
    """
    import pandas as pd

    header, rows = _fields(path, section)
    missing = frozenset(section.missing)
    columns = zip(*rows, strict=True)
    return pd.DataFrame(
        {
            name: _column(values, missing, text=name in text)
            for name, values in zip(header, columns, strict=True)
        }
    )


def _fields(path: Path, section: DataFile) -> tuple[list[str], list[list[str]]]:
    encoding = (
        "utf-8-sig" if section.encoding.lower().replace("_", "-") in ("utf-8", "utf8") else section.encoding
    )
    try:
        with path.open(encoding=encoding, newline="") as file, _long_fields():
            reader = csv.reader(file, delimiter=section.separator, strict=True)
            header = next(reader, [])
            _check_header(header, path)
            rows, lines = [], []
            for row in reader:
                rows.append(row)
                lines.append(reader.line_num)
    except FileNotFoundError as error:
        raise ConfigError(
            f"{path}: no such file", remedy="write train.data.file relative to the project"
        ) from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except (UnicodeError, LookupError) as error:
        raise ConfigError(
            f"{path}: expected text encoded as {section.encoding}, found other bytes: {error}",
            remedy="name its encoding in train.data.encoding, e.g. latin-1",
        ) from error
    except csv.Error as error:
        raise ConfigError(
            f"{path}: not CSV, near line {reader.line_num}: {error}", remedy="quote fields as RFC 4180 says"
        ) from error
    while rows and not rows[-1]:  # blank lines at the end
        rows.pop()
    _check_rows(header, rows, lines, path)
    return header, rows


@contextmanager
def _long_fields() -> Iterator[None]:
    """The limit is the process's: others that read CSV count on theirs."""
    usual = csv.field_size_limit(_LONGEST_FIELD)
    try:
        yield
    finally:
        csv.field_size_limit(usual)


def _check_header(header: Sequence[str], path: Path) -> None:
    if not header:
        raise ConfigError(f"{path}: expected a line with names of columns, found an empty file")
    if any(not name.strip() or "\0" in name for name in header):
        raise ConfigError(f"{path}: expected a name for every column, found {list(header)}")
    if twice := sorted({name for name in header if header.count(name) > 1}):
        raise ConfigError(f"{path}: expected columns with different names, found {', '.join(twice)} twice")


def _check_rows(
    header: Sequence[str], rows: Sequence[Sequence[str]], lines: Sequence[int], path: Path
) -> None:
    if not rows:
        raise ConfigError(f"{path}: expected rows below the names, found none")
    wrong = [(line, len(row)) for line, row in zip(lines, rows, strict=False) if len(row) != len(header)]
    if wrong:
        shown = "; ".join(f"line {line} has {count}" for line, count in wrong[:5])
        raise ConfigError(
            f"{path}: expected {len(header)} fields in every row, found {len(wrong)} row(s) with another "
            f"number: {shown}",
            remedy="repair these lines, quote fields that hold a separator, or set train.data.separator",
        )


def _column(values: Sequence[str], missing: frozenset[str], *, text: bool) -> Any:
    """One column by the narrowest type that holds every value."""
    import pandas as pd

    stripped = [value.strip() for value in values]
    gaps = np.array([value in missing for value in stripped], dtype=bool)
    given = [value for value, gap in zip(stripped, gaps, strict=True) if not gap]
    kind, found = (str, given) if text else _typed(given)
    if kind is str:  # text keeps its spaces
        found = [value for value, gap in zip(values, gaps, strict=True) if not gap]
    if not gaps.any():
        return np.array(found, dtype=object if kind is str else kind)
    filled = np.empty(len(values), dtype=object)
    filled[~gaps] = found
    filled[gaps] = np.nan if kind is float else None
    nullable = {bool: "boolean", int: "Int64", float: "float64", str: object}[kind]
    return pd.Series(filled, dtype=nullable)


def _typed(given: Sequence[str]) -> tuple[type, list[Any]]:
    if not given:
        return float, []
    if all(value.lower() in _TRUTH for value in given):
        return bool, [_TRUTH[value.lower()] for value in given]
    if all(map(_INTEGER.fullmatch, given)):
        return int, list(map(int, given))
    if all(map(_REAL.fullmatch, given)) and not any(map(_CODE.fullmatch, given)):
        return float, list(map(float, given))
    return str, list(given)
