from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from typing import Any

import numpy as np
import pytest
import skops.io
from sklearn.base import BaseEstimator
from sklearn.ensemble import RandomForestClassifier
from sklearn.preprocessing import OrdinalEncoder

from ekiben.artefact.form import estimator_bytes
from ekiben.errors import ConfigError

ROWS = np.random.default_rng(0).uniform(size=(40, 3))
LABELS = (ROWS[:, 0] > 0.5).astype(int)


def fitted() -> RandomForestClassifier:
    return RandomForestClassifier(3, random_state=0).fit(ROWS, LABELS)


def entries(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_two_fits_give_the_same_bytes_where_skops_does_not() -> None:
    """The canonical form does not change with addresses and clock; skops' own does, so this is needed."""
    first, second = fitted(), fitted()
    assert skops.io.dumps(first) != skops.io.dumps(second)
    assert estimator_bytes(first) == estimator_bytes(second)


def test_another_estimator_gives_other_bytes() -> None:
    """One parameter that changes a tree changes the bytes."""
    other = RandomForestClassifier(3, random_state=1).fit(ROWS, LABELS)
    assert estimator_bytes(other) != estimator_bytes(fitted())


def test_the_canonical_form_answers_the_same() -> None:
    """Read back by skops, every answer is equal bit for bit."""
    found = skops.io.loads(estimator_bytes(fitted()), trusted=["sklearn.tree._tree.Tree"])
    assert np.array_equal(found.predict_proba(ROWS), fitted().predict_proba(ROWS))


def test_no_address_and_no_date_is_left() -> None:
    """Ids are small numbers, file names too, and the zip has the one date that every zip can hold."""
    content = estimator_bytes(fitted())
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        names = archive.namelist()
    assert all(re.fullmatch(r"\d{1,4}\.npy|schema\.json", name) for name in names)
    ids = re.findall(rb'"__id__":(\d+)', entries(content)["schema.json"])
    assert max(map(int, ids)) <= len(ids)


def test_shared_objects_stay_shared() -> None:
    """Two attributes that are one array are one array afterwards, and equal arrays stay two."""
    shared = np.arange(3.0)
    encoder = OrdinalEncoder(categories=[shared, shared, np.arange(3.0)])
    found = skops.io.loads(estimator_bytes(encoder)).categories
    assert found[0] is found[1]
    assert found[0] is not found[2]


def test_sets_are_sorted() -> None:
    """A set's order depends on the hash seed; in the file it does not."""
    encoder = OrdinalEncoder()
    encoder.names_ = {"b", "a", "c", "d", "e"}
    document = json.loads(entries(estimator_bytes(encoder))["schema.json"])
    values = [item["content"] for item in document["content"]["content"]["names_"]["content"]]
    assert values == sorted(values)


def test_padding_of_nodes_is_zero() -> None:
    """Bytes between the fields of a tree's nodes are whatever memory held; they must not reach the file."""
    tree = fitted().estimators_[0].tree_
    nodes: Any = tree.__getstate__()["nodes"]
    used = sum(nodes.dtype.fields[name][0].itemsize for name in nodes.dtype.names)
    assert used < nodes.dtype.itemsize  # there is padding
    encoder = OrdinalEncoder()
    dirty = np.frombuffer(b"\xff" * nodes.dtype.itemsize * 2, dtype=nodes.dtype)
    encoder.dirty_ = dirty
    [written] = [data for name, data in entries(estimator_bytes(encoder)).items() if name.endswith(".npy")]
    raw = written[-2 * nodes.dtype.itemsize :]
    assert raw.count(b"\xff") == 2 * used
    assert np.array_equal(np.load(io.BytesIO(written))["left_child"], dirty["left_child"])


class Mine(BaseEstimator):  # type: ignore[misc]
    """An estimator with something that no file holds."""

    def __init__(self) -> None:
        self.generator = (i for i in range(3))


def test_what_skops_cannot_write_is_said() -> None:
    """A remedy instead of a traceback."""
    with pytest.raises(ConfigError, match="cannot write this estimator") as caught:
        estimator_bytes(Mine())
    assert "scikit-learn itself" in caught.value.remedy


def test_the_digest_is_of_the_content() -> None:
    """A digest is stable within a process too."""
    forest = fitted()
    assert (
        hashlib.sha256(estimator_bytes(forest)).digest() == hashlib.sha256(estimator_bytes(forest)).digest()
    )
