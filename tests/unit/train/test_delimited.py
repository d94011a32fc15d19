from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from ekiben.config import DataFile, InputPolicy, Train
from ekiben.errors import ConfigError
from ekiben.train import delimited, frame, sources


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "data.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(folder: Path, content: str | bytes, **section: Any) -> pd.DataFrame:
    file = DataFile(file="data.csv", target="y", **section)
    found: pd.DataFrame = delimited.read(written(folder, content), file)
    return found


def section(**changed: Any) -> Train:
    given = {"estimator": "a:b", "data": {"file": "data.csv", "target": "y"}, "accept": {"min": 0}, **changed}
    return Train.model_validate(given)


def test_types_are_inferred_from_every_value(tmp_path: Path) -> None:
    """One value of another kind widens its column; codes that start with 0 stay as they are written."""
    found = read(tmp_path, 'a,b,c,d,e\n1,1,true,007,"x, y"\n2,1.5,FALSE,120," z"\n')
    assert found.to_dict("list") == {
        "a": [1, 2],
        "b": [1.0, 1.5],
        "c": [True, False],
        "d": ["007", "120"],
        "e": ["x, y", " z"],
    }
    assert [str(found[name].dtype) for name in "abc"] == ["int64", "float64", "bool"]


def test_missing_values_keep_the_columns_type(tmp_path: Path) -> None:
    """Empty fields and the declared words are no values; the others still say what the column is."""
    found = read(tmp_path, "a,b,c,d\n1,,true,x\n?,2.5,?,\n", missing=["", "?"])
    assert [str(found[name].dtype) for name in "abcd"] == ["Int64", "float64", "boolean", "object"]
    assert found.isna().sum().tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("content", "section", "message"),
    [
        ("", {}, "an empty file"),
        ("a,y\n", {}, "rows below the names, found none"),
        ("a,,y\n1,2,3\n", {}, "a name for every column"),
        ("a,a,y\n1,2,3\n", {}, "different names, found a twice"),
        ("a,b,y\n1,2,3\n1,2\n", {}, r"expected 3 fields .* line 3 has 2"),
        ("a,b,y\n1,2,3,4\n1,2,3,4\n", {}, r"found 2 row\(s\) .* line 2 has 4; line 3 has 4"),
        ("a,b,y\n1,2,3\n\n1,2,3\n", {}, "line 3 has 0"),
        ('a,y\n1,"2\n', {}, "not CSV, near line"),
        (b"a,y\nK\xf6ln,1\n", {}, "expected text encoded as utf-8"),
        ("a,y\n1,2\n".encode("utf-16"), {}, "expected text encoded as utf-8"),
        ("a,y\n1,2\n", {"encoding": "utf-99"}, "encoded as utf-99"),
    ],
)
def test_files_that_are_no_table(tmp_path: Path, content: str | bytes, section: Any, message: str) -> None:
    """Each is refused with what was expected and the lines where it is not so; nothing is guessed."""
    with pytest.raises(ConfigError, match=message):
        read(tmp_path, content, **section)


def test_other_encodings_and_separators(tmp_path: Path) -> None:
    """A declared encoding and separator are taken; a byte order mark and lines at the end don't count."""
    assert read(tmp_path, b"a;y\nK\xf6ln;1\n", encoding="latin-1", separator=";").a.tolist() == ["Köln"]
    assert read(tmp_path, b"\xef\xbb\xbfa,y\r\n1,2\r\n\r\n").columns.tolist() == ["a", "y"]


def test_long_fields_are_read_and_nobody_elses_limit_moves(tmp_path: Path) -> None:
    """The limit is the process's: after a reading, a trace's 200,000 digits are refused as before."""
    usual = csv.field_size_limit()
    assert read(tmp_path, f"a,b\n{'x' * 200_000},1\n")["a"].str.len().tolist() == [200_000]
    with pytest.raises(ConfigError, match="not CSV"):
        read(tmp_path, f'a,b\n"{"x" * (1 << 25)}",1\n')
    assert csv.field_size_limit() == usual


def test_features_and_labels_of_a_file(tmp_path: Path) -> None:
    """The target is the labels, the rest the features, alike from CSV and Parquet."""
    written(tmp_path, "a,b,y\n1,x,u\n2,z,v\n")
    features, labels = sources.load(section(), tmp_path)
    assert (features.columns.tolist(), labels.tolist()) == (["a", "b"], ["u", "v"])
    pd.DataFrame({"a": [1, 2], "b": ["x", "z"], "y": ["u", "v"]}).to_parquet(tmp_path / "data.parquet")
    other = section(data={"file": "data.parquet", "target": "y"})
    digests = [frame.read(sources.load(each, tmp_path), "data").sha256 for each in (section(), other)]
    assert digests[0] == digests[1]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"file": "data.csv", "target": "z"}, "has no column 'z'; it has a, y"),
        ({"file": "data.csv", "target": "y"}, "'y' is missing in 1 of 2 rows"),
        ({"file": "none.csv", "target": "y"}, "no such file"),
        ({"file": "none.parquet", "target": "y"}, "no such file"),
        ({"file": "bad.parquet", "target": "y"}, "cannot be read as Parquet"),
        ("sklearn:olivetti_faces", "it has breast_cancer, diabetes, digits, iris, wine"),
    ],
)
def test_sources_that_give_nothing(tmp_path: Path, given: Any, message: str) -> None:
    """A wrong target, a label that is missing, an absent or broken file, an unknown data set."""
    written(tmp_path, "a,y\n1,2\n1,\n")
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 nothing")
    with pytest.raises(ConfigError, match=message):
        sources.load(section(data=given), tmp_path)


def test_data_sets_of_scikit_learn(tmp_path: Path) -> None:
    """They come by name, with scikit-learn's own columns."""
    features, labels = sources.load(section(data="sklearn:wine"), tmp_path)
    assert features.shape == (178, 13)
    assert sorted(set(labels)) == [0, 1, 2]


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ("1\n2\n", "string", ["1", "2"]),
        ("1\n2\n", "float64", [1.0, 2.0]),
        ("1.0\n2\n", "int64", [1, 2]),
        ("1\n0\n", "bool", [True, False]),
        ("true\nfalse\n", "int64", [1, 0]),
    ],
)
def test_declared_types_win(tmp_path: Path, values: str, kind: str, expected: list[Any]) -> None:
    """A declared type is taken instead of the inferred one, and stands in the schema."""
    first, second = values.split()
    written(tmp_path, f"a,y\n{first},0\n{second},1\n")
    declared = section(inputs={"a": {"type": kind}})
    found = frame.read(sources.load(declared, tmp_path), "data", declared.inputs)
    assert found.inputs[0].type == kind
    assert found.rows[:, 0].tolist() == expected


@pytest.mark.parametrize(("kind", "value"), [("int64", "1.5"), ("bool", "2"), ("float64", "x")])
def test_declared_types_that_the_values_have_not(tmp_path: Path, kind: str, value: str) -> None:
    """A value that the declared type cannot hold is refused, never rounded."""
    written(tmp_path, f"a,y\n{value},0\n1,1\n")
    policies = {"a": InputPolicy.model_validate({"type": kind})}
    with pytest.raises(ConfigError, match=f"'a' cannot be {kind}"):
        frame.read(sources.load(section(), tmp_path), "data", policies)
