"""Keys and tokens of all kinds, and for each what its bearer may call: written down, not computed.

They are made by hand (`tests.unit.serving.access.made`), with the machine's
own clock, since the process under test has no other.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.unit.serving.access import made
from tests.unit.serving.access.made import key_record, key_text, segment, token

Groups = frozenset[str]
NOTHING: Groups = frozenset()
PREDICT, METADATA = frozenset({"predict"}), frozenset({"metadata"})
EXPLAIN = frozenset({"explain"})
BOTH, ALL = PREDICT | METADATA, frozenset({"predict", "explain", "metadata", "admin"})
_FAR_SECONDS = 86_400  # from any edge: this matrix is not about seconds
_FLIPS = 120


@dataclass(frozen=True, slots=True)
class Credential:
    """One of them.

    Attributes:
        name: What it is.
        text: As sent; a header's bytes.
        groups: What it opens; None: unknown, and so 401.
    """

    name: str
    text: bytes
    groups: Groups | None


def _moment(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _record(name: str, groups: Groups, **changes: Any) -> dict[str, Any]:
    return key_record(key_text(name), sorted(groups), created=_moment(-2 * _FAR_SECONDS), **changes)


def write(folder: Path) -> None:
    """Write the folder that a pod with access control mounts."""
    made.write(folder, "jwks-0.json", {"keys": [made.jwk(made.rsa_key("cluster"), "cluster", alg="RS256")]})
    made.write(folder, "policy.json", made.policy(made.issuer()))
    records = [
        _record("web", PREDICT),
        _record("meta", METADATA),
        _record("all", ALL),
        _record("why", EXPLAIN),
        _record("old", ALL, expires=_moment(-_FAR_SECONDS)),
        _record("later", ALL, not_before=_moment(_FAR_SECONDS)),
        _record("ends", PREDICT, expires=_moment(_FAR_SECONDS)),
    ]
    made.write(folder, "keys.json", made.key_file(*records))


def claims(**changes: Any) -> dict[str, Any]:
    """Those of a token that is valid now."""
    now = int(time.time())
    return made.claims(**{"iat": now - 60, "nbf": now - 60, "exp": now + _FAR_SECONDS, **changes})


def matrix(draw: random.Random) -> list[Credential]:
    """All of them, at least 200."""
    return [*_keys(), *_signed(), *_claimed(), *_damaged(draw)]


def _keys() -> Iterator[Credential]:
    right = {"web": PREDICT, "meta": METADATA, "why": EXPLAIN, "all": ALL, "ends": PREDICT}
    for name, groups in right.items():
        yield Credential(f"key {name}", key_text(name).encode(), groups)
    web = key_text("web")
    wrong = {
        "expired": key_text("old"), "not yet valid": key_text("later"), "revoked": key_text("gone"),
        "of a known id, wrong secret": key_text("web", 1), "cut": web[:-1], "too long": web + "0",
        "upper case": web.upper(), "its id": "web", "prefix": "ekiben_", "no secret": "ekiben_web_",
        "another's id": web.replace("_web_", "_all_"), "its hash": key_record(web)["sha256"], "empty": "",
        "quoted": f'"{web}"', "two": f"{web},{key_text('meta')}", "null": "null", "star": "*",
        "a comment": "' or 1=1 --", "endless": web + "0" * 8_000,
    }  # fmt: skip
    for name, text in wrong.items():
        yield Credential(f"key {name}", text.encode(), None)


def _signed() -> Iterator[Credential]:
    cluster, stranger = made.rsa_key("cluster"), made.rsa_key("stranger")
    good = claims()
    yield Credential("token", token(good, cluster), BOTH)
    yield Credential(
        "token of another namespace", token(claims(sub="system:serviceaccount:db:x"), cluster), NOTHING
    )
    yield Credential(
        "token of operations", token(claims(sub="system:serviceaccount:ops:ekiben"), cluster), ALL
    )
    wrong = {
        "by a stranger": token(good, stranger), "by a stranger's id": token(good, stranger, kid="stranger"),
        "unknown kid": token(good, cluster, kid="other"),
        "kid a path": token(good, cluster, kid="../../dev/null"),
        "PS256": token(good, cluster, alg="PS256"), "RS512": token(good, cluster, alg="RS512"),
        "RS256 in name only": token(good, cluster, sign_as="PS256"),
        "crit": token(good, cluster, crit=["exp"]),
        "its own key": token(good, stranger, jwk=made.jwk(stranger, "cluster")),
        "jku": token(good, stranger, jku="http://127.0.0.1/"),
    }  # fmt: skip
    none: tuple[Any, ...] = ("none", "None", "NONE", "nOnE", "", None, 0, [], {})
    for alg in none:
        wrong[f"alg {alg!r}"] = f"{segment({'alg': alg, 'kid': 'cluster'})}.{segment(good)}.".encode()
    modulus = cluster.public_key().public_numbers().n.to_bytes(256, "big")
    for alg in ("HS256", "HS384", "HS512"):
        for name, secret in {"PEM": made.pem(cluster), "modulus": modulus, "nothing": b""}.items():
            wrong[f"{alg} of the public key as {name}"] = token(good, secret, alg=alg)
    for name, text in wrong.items():
        yield Credential(f"token {name}", text, None)


def _claimed() -> Iterator[Credential]:
    cluster, now = made.rsa_key("cluster"), int(time.time())
    wrong: dict[str, tuple[Any, ...]] = {
        "aud": (..., None, "", [], "other", "Iris", "iris2", ["x"], {"iris": 1}, 1, True),
        "iss": (..., None, "", made.ISSUER + "/", made.OTHER_ISSUER, made.ISSUER.upper(), [made.ISSUER], 1),
        "sub": (..., None, "", 1, ["x"], "a\r\nb"),
        "exp": (
            ...,
            None,
            now - _FAR_SECONDS,
            0,
            -1,
            str(now + _FAR_SECONDS),
            True,
            [],
            {},
            float("nan"),
            float("inf"),
        ),
        "nbf": (now + _FAR_SECONDS, str(now), None, True, float("nan"), []),
        "iat": (now + _FAR_SECONDS, "now", None, False),
    }
    for name, values in wrong.items():
        for place, value in enumerate(values):
            yield Credential(
                f"token {name} {place}: {value!r:.40}", token(claims(**{name: value}), cluster), None
            )
    for sub in (
        "system:serviceaccount:web2:shop",
        "system:serviceaccount:web:a:b",
        "*",
        "SYSTEM:SERVICEACCOUNT:WEB:SHOP",
    ):
        yield Credential(f"token sub {sub}", token(claims(sub=sub), cluster), NOTHING)


def _damaged(draw: random.Random) -> Iterator[Credential]:
    """Tokens cut, changed by a letter, or put together from two."""
    whole = token(claims(), made.rsa_key("cluster"))
    head, body, tail = whole.split(b".")
    others = segment(claims(sub="system:serviceaccount:ops:ekiben")).encode()
    for name, text in {
        "no signature": head + b"." + body + b".", "two parts": head + b"." + body, "one part": head,
        "dots": b"..",
        "four parts": whole + b".x", "another's claims": b".".join([head, others, tail]),
        "header a list": segment(["alg"]).encode() + b"." + body + b"." + tail,
        "a basic login": made.b64(b"web:password").encode(),
    }.items():  # fmt: skip
        yield Credential(f"token {name}", text, None)
    for end in range(7, len(whole), 37):
        yield Credential(f"token cut at {end}", whole[:end], None)
    letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for _ in range(_FLIPS):
        place = draw.randrange(len(whole))
        letter = draw.choice([each for each in letters if each != whole[place]])
        yield Credential(
            f"token changed at {place}", whole[:place] + bytes([letter]) + whole[place + 1 :], None
        )
