"""Values that travel."""

from __future__ import annotations

import pytest

from ekiben.errors import ConfigError
from ekiben.identifiers import BentoTag, ImageReference, ModelTag, Revision

DIGEST = "sha256:" + "0123456789abcdef" * 4


@pytest.mark.parametrize("kind", [ModelTag, BentoTag])
def test_a_tag_is_read_and_written_the_same(kind: type[ModelTag | BentoTag]) -> None:
    """`name:version` survives reading and writing."""
    assert str(kind.parse("iris:4f0a")) == "iris:4f0a"


@pytest.mark.parametrize("text", ["iris", "iris:", ":1", "Iris:1", "iris:1:2", "iris: 1", ""])
def test_what_is_no_tag_is_refused(text: str) -> None:
    """Another form is named in the error."""
    with pytest.raises(ConfigError, match="name:version"):
        ModelTag.parse(text)


@pytest.mark.parametrize(
    ("text", "repository", "tag"),
    [
        (f"r/iris@{DIGEST}", "r/iris", ""),
        (f"r:5000/a/iris:1.2@{DIGEST}", "r:5000/a/iris", "1.2"),
        (f"r:5000/iris@{DIGEST}", "r:5000/iris", ""),
    ],
)
def test_a_registry_port_is_not_taken_for_a_tag(text: str, repository: str, tag: str) -> None:
    """The tag is what follows the last colon behind the last slash."""
    found = ImageReference.parse(text)
    assert (found.repository, found.tag, str(found)) == (repository, tag, f"{repository}@{DIGEST}")


@pytest.mark.parametrize("text", ["r/iris:1.2", "r/iris@sha256:12", f"@{DIGEST}", f"r/iris@{DIGEST.upper()}"])
def test_an_image_without_a_whole_digest_is_refused(text: str) -> None:
    """Nothing is deployed by tag."""
    with pytest.raises(ConfigError):
        ImageReference.parse(text)


def test_a_revision_says_where_it_is() -> None:
    """The text names namespace, release and number."""
    assert str(Revision("iris", "models", 3)) == "models/iris revision 3"
