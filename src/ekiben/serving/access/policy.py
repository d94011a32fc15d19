"""Which tokens are taken: the reader of `policy.json`.

    {"format": 1, "leeway_seconds": 30, "issuers": [
      {"issuer": "https://kubernetes.default.svc.cluster.local", "audiences": ["iris"],
       "allow": [{"subjects": ["system:serviceaccount:web:*"], "groups": ["predict", "metadata"]}],
       "jwks_file": "jwks-0.json"}]}

Keys of one issuer never verify a token of another: each has its own set.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ekiben.serving.access import document
from ekiben.serving.access.credential import groups
from ekiben.serving.exchange import Group

# Asymmetric ones only: with a symmetric one whoever can verify can sign.
# Source: https://www.rfc-editor.org/rfc/rfc8725#section-3.1
ALGORITHMS = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
)  # fmt: skip
DEFAULT_ALGORITHMS = ("RS256", "ES256")
DEFAULT_LEEWAY_SECONDS, MOST_LEEWAY_SECONDS = 30.0, 300.0
_FILE = re.compile(r"[a-z0-9][-a-z0-9.]{0,62}")
_REMEDY = "the chart writes it from access.tokens.issuers"
_MEMBERS = frozenset({"issuer", "audiences", "allow"})
_OPTIONAL = frozenset({"algorithms", "jwks_file", "jwks_url"})


@dataclass(frozen=True, slots=True)
class Rule:
    """What some subjects may call.

    Attributes:
        subjects: Matches their names.
        groups: Their leave.
    """

    subjects: re.Pattern[str]
    groups: frozenset[Group]


@dataclass(frozen=True, slots=True)
class Issuer:
    """Whose tokens are taken.

    Attributes:
        name: The `iss` claim, exactly.
        audiences: A token must be for one of these.
        rules: Leave by subject; a subject that none names is known and may nothing.
        algorithms: Of its signatures.
        jwks_file: File of its public keys, beside `policy.json`; empty if they come from a URL.
        jwks_url: Where its public keys are; empty if they come from a file.
    """

    name: str
    audiences: tuple[str, ...]
    rules: tuple[Rule, ...]
    algorithms: tuple[str, ...] = DEFAULT_ALGORITHMS
    jwks_file: str = ""
    jwks_url: str = ""

    def groups_of(self, subject: str) -> frozenset[Group]:
        """What a subject may call; empty if no rule names it."""
        none: frozenset[Group] = frozenset()
        return none.union(*(rule.groups for rule in self.rules if rule.subjects.fullmatch(subject)))


@dataclass(frozen=True, slots=True)
class Policy:
    """All issuers, and how far clocks may differ.

    Attributes:
        issuers: Each name once.
        leeway_seconds: Added to both ends of a token's time.
    """

    issuers: tuple[Issuer, ...] = ()
    leeway_seconds: float = DEFAULT_LEEWAY_SECONDS


def parse(content: bytes) -> Policy:
    """Read the file.

    Raises:
        ConfigError: It is not of this form.
    """
    return document.parse(content, "policy.json", _policy, _REMEDY)


def subject_pattern(globs: Iterable[str]) -> re.Pattern[str]:
    """Compile globs: `*` is any text without a colon, `**` any text; nothing else is special.

    `system:serviceaccount:web:*` is every account of the namespace web and nothing beside it.
    """
    parts = (re.split(r"(\*\*|\*)", glob) for glob in globs)
    wild = {"*": "[^:]*", "**": ".*"}
    return re.compile(
        "|".join("".join(wild.get(piece, re.escape(piece)) for piece in part) for part in parts)
    )


def _policy(found: Any) -> Policy:
    document.members(found, frozenset({"format", "issuers"}), frozenset({"leeway_seconds"}))
    leeway, parts = (
        found.get("leeway_seconds", DEFAULT_LEEWAY_SECONDS),
        document.parts(found["issuers"], "issuers"),
    )
    if type(leeway) not in (int, float) or not 0 <= leeway <= MOST_LEEWAY_SECONDS:
        raise ValueError(f"expected leeway_seconds between 0 and {MOST_LEEWAY_SECONDS:g}")
    issuers = tuple(document.at(f"/issuers/{place}", _issuer, part) for place, part in enumerate(parts))
    if len({each.name for each in issuers}) != len(issuers):
        raise ValueError("expected each issuer once")
    return Policy(issuers, float(leeway))


def _issuer(part: Any) -> Issuer:
    found = document.members(part, _MEMBERS, _OPTIONAL)
    name, file, url = found["issuer"], found.get("jwks_file", ""), found.get("jwks_url", "")
    if not isinstance(name, str) or not name:
        raise ValueError("expected issuer: the text of the claim `iss`")
    if not isinstance(file, str) or not isinstance(url, str) or bool(file) == bool(url):
        raise ValueError("expected one of jwks_file and jwks_url")
    if file and not _FILE.fullmatch(file):
        raise ValueError("expected jwks_file: the name of a file beside policy.json")
    if url:
        _check_url(url)
    algorithms = document.texts(found.get("algorithms", list(DEFAULT_ALGORITHMS)), "algorithms")
    if not set(algorithms) <= set(ALGORITHMS):
        raise ValueError(f"expected algorithms: some of {', '.join(ALGORITHMS)}")
    rules = tuple(_rule(each) for each in document.parts(found["allow"], "allow"))
    return Issuer(name, document.texts(found["audiences"], "audiences"), rules, algorithms, file, url)


def _rule(part: Any) -> Rule:
    found = document.members(part, frozenset({"subjects", "groups"}))
    subjects = subject_pattern(document.texts(found["subjects"], "subjects"))
    return Rule(subjects, groups(document.texts(found["groups"], "groups")))


def _check_url(url: str) -> None:
    """Keys that came over an open line are anybody's; this machine itself is no line."""
    parts = urlsplit(url)
    local = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1", "localhost")
    if not parts.hostname or parts.username is not None or not (parts.scheme == "https" or local):
        raise ValueError("expected jwks_url: an https address without user and password")
