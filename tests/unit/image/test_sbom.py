"""The list of parts: package URLs as the purl specification spells them."""

from __future__ import annotations

import json
from importlib import metadata

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from ekiben.image import sbom
from ekiben.image.sbom import Component

MIT = "Metadata-Version: 2.1\nName: Foo_Bar\nVersion: 1.0\nLicense: MIT\n\nLicense: no header\n"
TEXT = (
    "Metadata-Version: 2.1\nName: x\nVersion: 1\nLicense: Copyright someone\n        all of it\n"
    "Classifier: License :: OSI Approved :: BSD License\n\n"
)


@pytest.mark.parametrize(
    ("part", "purl"),
    [
        (Component("pypi", "Foo_Bar", "1.0"), "pkg:pypi/foo-bar@1.0"),
        (Component("pypi", "torch", "2.1+cpu"), "pkg:pypi/torch@2.1+cpu"),
        (
            Component("deb", "libstdc++6", "12.2.0-14+deb12u1"),
            "pkg:deb/debian/libstdc%2B%2B6@12.2.0-14+deb12u1",
        ),
    ],
)
def test_a_part_has_a_package_url(part: Component, purl: str) -> None:
    """Scanners look a part up by it."""
    assert part.purl == purl


@pytest.mark.parametrize(
    ("text", "licence"),
    [
        (MIT, "MIT"),
        (MIT.replace("License: MIT", "License-Expression: Apache-2.0\nLicense: old"), "Apache-2.0"),
        (TEXT, "BSD License"),
        ("Name: x\nVersion: 1\n\n", ""),
    ],
)
def test_a_licence_is_one_line(text: str, licence: str) -> None:
    """The expression wins; a whole licence text gives way to the classifier."""
    assert sbom.from_metadata(text).licence == licence


def test_the_document_does_not_depend_on_order_and_lists_each_part_once() -> None:
    """Same parts, same bytes; CycloneDX' required fields are there."""
    parts = [
        Component("pypi", "b", "1"),
        Component("deb", "a", "2", sha256="0" * 64),
        Component("pypi", "b", "1"),
    ]
    found = sbom.document(parts)
    assert found == sbom.document(reversed(parts))
    document = json.loads(found)
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    assert [part["name"] for part in document["components"]] == ["a", "b"]
    assert document["components"][0]["hashes"] == [{"alg": "SHA-256", "content": "0" * 64}]


def test_the_document_is_valid_by_the_official_schema() -> None:
    """Every distribution of this environment and a Debian package, with and without licence and hash."""
    texts = [each.read_text("METADATA") for each in metadata.distributions()]
    parts = [sbom.from_metadata(text) for text in texts if text]
    assert len(parts) > 50
    bare = Component("pypi", "bare", "0")
    found = sbom.document(
        [*parts, bare, Component("deb", "libstdc++6", "12.2.0-14+deb12u1", sha256="0" * 64)]
    )
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    assert validator.validate_str(found.decode()) is None
    assert len(json.loads(found)["components"]) == len({(part.name, part.version) for part in parts}) + 2
    assert validator.validate_str(found.decode().replace('"library"', '"libary"', 1)) is not None
