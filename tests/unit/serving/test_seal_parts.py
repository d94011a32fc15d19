"""JSON without a choice, and archives that unpack to their own size."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest

from ekiben.errors import ConfigError
from ekiben.serving.predictors import archive
from ekiben.serving.seal import strict


@pytest.mark.parametrize(
    "content",
    [b'{"a": 1, "a": 1}', b'[{"b": {"a": 1, "a": 2}}]', b"NaN", b"[-Infinity]", b"[" * 100_000, b"\xff", b""],
)
def test_json_with_a_choice_is_refused(content: bytes) -> None:
    """A member twice at any depth, numbers that JSON has not, and nesting beyond the parser."""
    with pytest.raises(ConfigError, match="expected JSON in UTF-8, each member once"):
        strict.parse(content, "x.json")


def zipped(*entries: tuple[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", compression) as found:
        for name, content in entries:
            found.writestr(name, content)
    return target.getvalue()


def array(*, shape: tuple[int, ...] = (4,)) -> bytes:
    target = io.BytesIO()
    np.save(target, np.zeros(4))
    return target.getvalue().replace(b"(4,)", str(shape).encode())


SCHEMA = ("schema.json", b'{"protocol": 2}')


def test_a_plain_archive_is_read() -> None:
    """Entries as they are stored, arrays as long as they say."""
    assert archive.document(zipped(SCHEMA, ("0.npy", array()))) == {"protocol": 2}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (zipped(SCHEMA, compression=zipfile.ZIP_DEFLATED), "compressed"),
        (zipped(SCHEMA, ("../0.npy", array())), "a name that is a path"),
        (zipped(SCHEMA, ("0.npy", array(shape=(9,)))), "as long as its header"),
        (zipped(SCHEMA, ("0.npz", zipped(("data.npy", array(shape=(9,)))))), "as long as its header"),
        (zipped(SCHEMA).replace(b"PK\x03\x04", b"PK\x03\x05"), "archive of arrays"),
    ],
)
def test_an_archive_that_is_none(content: bytes, message: str) -> None:
    """Each is found by names, sizes and headers."""
    with pytest.raises(ConfigError, match=message):
        archive.document(content)


def test_one_name_for_two_entries() -> None:
    """Two readers could take another one each."""
    with pytest.warns(UserWarning, match="Duplicate"):
        content = zipped(SCHEMA, SCHEMA)
    with pytest.raises(ConfigError, match="entries that have one name"):
        archive.document(content)
