"""What an image says about itself."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ekiben.errors import ConfigError
from ekiben.image import labels


def git(folder: Path, *arguments: str) -> str:
    """Run git as somebody."""
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    done = subprocess.run(
        ["git", "-C", str(folder), *who, *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_the_revision_is_the_commit_of_a_clean_work_tree(tmp_path: Path) -> None:
    """A changed or new file makes it unknown, and so does a folder that git does not know."""
    assert labels.revision(tmp_path) == ""
    git(tmp_path, "init", "-q")
    assert labels.revision(tmp_path) == ""
    (tmp_path / "a").write_text("1")
    git(tmp_path, "add", "a")
    git(tmp_path, "commit", "-qm", "a")
    assert labels.revision(tmp_path) == git(tmp_path, "rev-parse", "HEAD")
    (tmp_path / "b").touch()
    assert labels.revision(tmp_path) == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "1970-01-01T00:00:00Z"),
        ("1700000000", "2023-11-14T22:13:20Z"),
        ("253402300799", "9999-12-31T23:59:59Z"),
    ],
)
def test_the_time_is_the_one_that_was_given(text: str, expected: str) -> None:
    """By SOURCE_DATE_EPOCH, never by the clock."""
    assert labels.created({"SOURCE_DATE_EPOCH": text}) == expected


@pytest.mark.parametrize("text", ["now", "-1", "1.5", "253402300800", "\u0661"])
def test_a_time_that_is_none_is_refused(text: str) -> None:
    """The error names the variable."""
    with pytest.raises(ConfigError, match="SOURCE_DATE_EPOCH"):
        labels.created({"SOURCE_DATE_EPOCH": text})
