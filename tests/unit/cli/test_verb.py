"""Verbs with subcommands."""

from __future__ import annotations

import pytest

from ekiben.cli import app
from ekiben.config import RESERVED_NAMES


@pytest.mark.parametrize("verb", ["bento", "image"])
def test_a_model_may_follow_the_verb_itself(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`ekiben image NAME` is `ekiben image make NAME`: both say that no such model is here."""
    for argv in ([verb, "nobody"], [verb, "make", "nobody"], [verb, "--json", "nobody"]):
        assert app.main(argv) == 2
        assert "nobody" in capsys.readouterr().err


@pytest.mark.parametrize(("verb", "words"), [("bento", ["make", "export"]), ("image", ["make", "inspect"])])
def test_the_help_of_a_verb_names_its_subcommands_and_no_model_has_their_names(
    verb: str, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A model `inspect` could not be told from the subcommand."""
    assert app.main([verb, "--help"]) == 0
    out = capsys.readouterr().out
    assert all(word in out for word in words)
    assert set(words) <= RESERVED_NAMES
