"""What an image is made of, as a CycloneDX document. Pure.

Source: https://cyclonedx.org/docs/1.6/json/ and https://github.com/package-url/purl-spec.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from email.parser import HeaderParser
from typing import Any, Literal
from urllib.parse import quote


@dataclass(frozen=True, slots=True)
class Component:
    """One installed distribution.

    Attributes:
        kind: `deb` or `pypi`.
        name: As its packager spells it.
        version: Its version.
        licence: SPDX expression or its packager's words; empty if the package does not say.
        sha256: Of the package file, 64 hex digits; empty if unknown.
    """

    kind: Literal["deb", "pypi"]
    name: str
    version: str
    licence: str = ""
    sha256: str = ""

    @property
    def purl(self) -> str:
        """Package URL, by which scanners look it up."""
        space = "debian/" if self.kind == "deb" else ""
        name = self.name.lower().replace("_", "-") if self.kind == "pypi" else self.name
        return f"pkg:{self.kind}/{space}{quote(name)}@{quote(self.version, safe='.+~-')}"


def from_metadata(text: str) -> Component:
    """A Python distribution, from its METADATA."""
    fields = HeaderParser().parsestr(text)
    licence = fields.get("License-Expression") or fields.get("License") or ""
    if "\n" in licence or not licence:  # a whole licence text, or none: the classifier is shorter
        classified = [line for line in fields.get_all("Classifier", []) if line.startswith("License :: ")]
        licence = classified[0].rsplit(" :: ", 1)[-1] if classified else licence.partition("\n")[0]
    return Component("pypi", fields["Name"], fields["Version"], licence.strip())


def from_control(text: str, sha256: str = "") -> Component:
    """A Debian package, from its control stanza."""
    fields = HeaderParser().parsestr(text)
    return Component("deb", fields["Package"], fields["Version"], sha256=sha256)


def document(components: Iterable[Component]) -> bytes:
    """CycloneDX 1.6, without serial number and time: same parts, same bytes."""
    parts = sorted(set(components), key=lambda part: (part.kind, part.name, part.version))
    return (
        json.dumps(
            {
                "bomFormat": "CycloneDX",
                "specVersion": "1.6",
                "version": 1,
                "components": [_described(part) for part in parts],
            },
            sort_keys=True,
            indent=1,
        )
        + "\n"
    ).encode()


def _described(part: Component) -> dict[str, Any]:
    found: dict[str, Any] = {
        "type": "library",
        "bom-ref": part.purl,
        "name": part.name,
        "version": part.version,
        "purl": part.purl,
    }
    if part.licence:
        found["licenses"] = [{"license": {"name": part.licence}}]
    if part.sha256:
        found["hashes"] = [{"alg": "SHA-256", "content": part.sha256}]
    return found
