"""Named base images: how their names are read."""

from __future__ import annotations

import pytest

from ekiben.image import foundation


@pytest.mark.parametrize(
    ("reference", "parts"),
    [
        ("python:3.11-slim", ("docker.io", "library/python", "3.11-slim")),
        ("python", ("docker.io", "library/python", "latest")),
        ("someone/python:1", ("docker.io", "someone/python", "1")),
        ("localhost/python", ("localhost", "python", "latest")),
        ("127.0.0.1:5000/a/b/c:1", ("127.0.0.1:5000", "a/b/c", "1")),
        ("gcr.io/distroless/python3", ("gcr.io", "distroless/python3", "latest")),
        ("gcr.io/x@sha256:" + "0" * 64, ("gcr.io", "x", "sha256:" + "0" * 64)),
        ("gcr.io:443/x:tag@sha256:" + "0" * 64, ("gcr.io:443", "x", "sha256:" + "0" * 64)),
    ],
)
def test_a_reference_is_read_as_docker_reads_it(reference: str, parts: tuple[str, str, str]) -> None:
    """Registry, repository, and tag or digest; a digest wins over a tag."""
    assert foundation.split(reference) == parts
