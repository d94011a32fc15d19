"""The record of verified revisions: what is written is read, and the way back is not crowded out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ekiben.identifiers import ImageReference, ModelTag
from ekiben.release import record
from ekiben.release.golden import Golden
from ekiben.release.record import Check, Verified


def entry(revision: int, content: str = "a") -> Verified:
    """Build an entry; `content` decides what it serves."""
    digest = f"sha256:{content * 64}"
    return Verified(
        revision,
        ImageReference("r.example:5000/iris", digest, "1"),
        ModelTag("iris", "v1"),
        digest,
        digest,
        2,
        (Check("rollout", passed=True, expected="e", found="f"),),
        "me",
        "2026-03-03T08:00:00+00:00",
        Golden(([1.5],), (0,), None, 1e-9),
    )


def test_what_is_written_is_read() -> None:
    """Every field survives, the tag too."""
    assert record.load(record.dump(entry(7))) == entry(7)
    untagged = replace(entry(7), image=ImageReference("r/x", f"sha256:{'a' * 64}"))
    assert record.load(record.dump(untagged)) == untagged


def test_what_is_not_ours_proves_nothing() -> None:
    """Another format, an edit by hand or rubbish is no verified revision."""
    good = record.dump(entry(7))
    for text in (
        "",
        "[]",
        "{}",
        good.replace('"format": 1', '"format": 2'),
        good.replace("sha256:a", "sha256:z"),
    ):
        assert record.load(text) is None, text


def test_the_newest_ten_are_kept_in_order() -> None:
    """The oldest goes when the eleventh comes; ten is not after nine by text."""
    data: dict[str, str] = {}
    for revision in range(1, 13):
        data = record.with_entry(data, entry(revision, f"{revision:x}"))
    assert [one.revision for one in record.entries(data)] == list(range(3, 13))


def test_copies_go_before_what_only_they_crowd_out() -> None:
    """Undone releases leave copies of what serves; the revision before stays within reach."""
    data = record.with_entry({}, entry(1, "b"))
    for revision in range(2, 30):
        data = record.with_entry(data, entry(revision, "a"))
    kept = record.entries(data)
    assert [one.revision for one in kept] == [1, *range(21, 30)]


def test_the_newest_verified_is_one_that_helm_still_has() -> None:
    """History may be shorter than the record; `before` looks further back."""
    known = [entry(1), entry(3), entry(5)]
    newest = record.newest(known, [2, 3, 5])
    assert newest is not None
    assert newest.revision == 5
    older = record.newest(known, [2, 3, 5], before=5)
    assert older is not None
    assert older.revision == 3
    assert record.newest(known, [2, 4]) is None


def test_inputs_are_the_chart_and_the_values(tmp_path: Path) -> None:
    """Changing either changes the hash; the order of keys does not."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "a.yaml").write_text("x")
    first = record.inputs_sha256(tmp_path, {"a": 1, "b": 2})
    assert first == record.inputs_sha256(tmp_path, {"b": 2, "a": 1})
    assert first != record.inputs_sha256(tmp_path, {"a": 1, "b": 3})
    (tmp_path / "templates" / "a.yaml").write_text("y")
    assert first != record.inputs_sha256(tmp_path, {"a": 1, "b": 2})
