"""What is mounted is read strictly, and no message repeats it."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from tests.unit.serving.access import made
from tests.unit.serving.access.made import key_record, key_text

from ekiben.errors import ConfigError
from ekiben.serving.access import jwks, keys, policy

KEY = key_record(key_text("web"))
SECRET = "hunter2hunter2"  # noqa: S105 - what must not come back


def encoded(document: Any) -> bytes:
    return document if isinstance(document, bytes) else json.dumps(document).encode()


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (b"", "expected JSON"), (SECRET.encode(), "expected JSON"), (b"[" * 10_000, "expected JSON"),
        (b'{"format": 1, "keys": [], "keys": []}', "each member once"), ([], "format"),
        ({"keys": []}, "format"),
        ({"format": 2, "keys": []}, "format"), ({"format": 1}, "keys"), ({"format": 1, "keys": {}}, "keys"),
        ({"format": 1, "keys": [], SECRET: 1}, "no other"), (made.key_file({**KEY, SECRET: 1}), "/keys/0"),
        (made.key_file(KEY, {}), "/keys/1"), (made.key_file(*[KEY] * 1_001), "1000"),
        (made.key_file(KEY, {**KEY, "id": "other"}), "each key once"),
        *(
            (made.key_file({**KEY, name: value}), name)
            for name, value in (
                ("id", ""), ("id", SECRET.upper()), ("id", "a_b"), ("id", "a" * 41), ("id", 1),
                ("id", "a\n"),
                ("sha256", SECRET), ("sha256", KEY["sha256"].upper()), ("sha256", KEY["sha256"] + "\n"),
                ("sha256", None), ("groups", []), ("groups", "predict"), ("groups", ["probe"]),
                ("groups", [SECRET]), ("groups", ["predict", "predict"]), ("groups", [1]),
                ("created", None),
                ("created", SECRET), ("expires", "2027-01-15"), ("expires", "2027-01-15T08:00:00"),
                ("expires", "2027-13-15T08:00:00Z"), ("expires", 1_800_000_000), ("expires", ""),
                ("not_before", "soon"), ("not_before", False),
            )
        ),
    ],
)  # fmt: skip
def test_a_wrong_file_of_keys_is_refused(document: Any, says: str) -> None:
    """The message names the place and what was expected, never what was there."""
    with pytest.raises(ConfigError, match=r"keys\.json") as error:
        keys.parse(encoded(document))
    assert says in f"{error.value}"
    assert SECRET not in f"{error.value}{error.value.remedy}".lower()
    assert error.value.__cause__ is None


def test_keys_come_back_as_they_were_written() -> None:
    """What is written is what is read: ids, groups, times."""
    document = made.key_file(KEY, key_record(key_text("b"), ["admin", "predict"], expires=made.moment(5)))
    records = keys.parse(encoded(document))
    assert [each.document() for each in records] == document["keys"]
    expires = records[1].expires
    assert expires is not None
    assert expires.timestamp() == made.NOW + 5


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"issuer": ""}, "issuer"), ({"issuer": 1}, "issuer"), ({"audiences": "iris"}, "audiences"),
        ({"audiences": []}, "audiences"), ({"audiences": [""]}, "audiences"), ({"allow": []}, "allow"),
        ({"allow": [{"subjects": ["*"]}]}, "groups"),
        ({"allow": [{"subjects": [], "groups": ["admin"]}]}, "subjects"),
        ({"allow": [{"subjects": ["*"], "groups": ["probe"]}]}, "admin, explain, metadata, predict"),
        ({"allow": ...}, "allow"),
        ({"algorithms": []}, "algorithms"), ({"algorithms": ["none"]}, "RS256"),
        ({"algorithms": ["HS256"]}, "RS256"),
        ({"algorithms": ["RS256", "ES256K"]}, "RS256"), ({"jwks_file": ...}, "jwks_file"),
        ({"extra": 1}, "no other"),
        ({"jwks_url": "https://a/"}, "one of"), ({"jwks_file": "../keys.json"}, "beside"),
        ({"jwks_file": "/etc/passwd"}, "beside"), ({"jwks_file": ".."}, "beside"),
        *(
            ({"jwks_file": ..., "jwks_url": url}, "https")
            for url in ("http://issuer.example.com/jwks", "file:///etc/passwd", "https://u:p@a/",
            "https:///x", "x")
        ),
    ],
)  # fmt: skip
def test_a_wrong_policy_is_refused(change: dict[str, Any], says: str) -> None:
    """Symmetric algorithms, open lines and paths that lead out are no configuration."""
    with pytest.raises(ConfigError, match=r"policy\.json: /issuers/1: ") as error:
        policy.parse(encoded(made.policy(made.issuer(issuer="https://other"), made.issuer(**change))))
    assert says in str(error.value)


@pytest.mark.parametrize(
    "document",
    [
        made.policy(made.issuer(), made.issuer()), made.policy(),
        made.policy(made.issuer(), leeway_seconds=-1),
        made.policy(made.issuer(), leeway_seconds=301), made.policy(made.issuer(), leeway_seconds=True),
        made.policy(made.issuer(), leeway_seconds="30"), made.policy(made.issuer(), other=1),
    ],
)  # fmt: skip
def test_a_wrong_frame_of_a_policy_is_refused(document: Any) -> None:
    """No issuer twice, a leeway of seconds, no unknown member."""
    with pytest.raises(ConfigError, match=r"policy\.json"):
        policy.parse(encoded(document))


@pytest.mark.parametrize(
    ("glob", "subject", "matches"),
    [
        ("a:*", "a:b", True), ("a:*", "a:", True), ("a:*", "a:b:c", False), ("a:*", "xa:b", False),
        ("a:**", "a:b:c", True), ("*", "abc", True), ("*", "a:c", False), ("**", "a:c", True),
        ("a.c", "abc", False),
        ("a?", "ab", False), ("[ab]", "a", False), ("a|b", "b", False), ("*:x", "n:x", True),
        ("*:x", "n:m:x", False),
        ("**@b.c", "a@b.c", True), ("**@b.c", "a@bxc", False), ("a", "A", False), ("a*", "a\n", True),
    ],
)  # fmt: skip
def test_globs_of_subjects(glob: str, subject: str, matches: bool) -> None:
    """One star stops at a colon, two do not; all else is taken as it is written."""
    found = policy.subject_pattern([glob, "never"]).fullmatch(subject)
    assert (found is not None) is matches


def test_keys_that_cannot_be_used_are_left_out_and_said(caplog: pytest.LogCaptureFixture) -> None:
    """Secrets, other uses, short and broken keys do not hide the one that is right."""
    right, short = made.rsa_key("cluster"), made.rsa_key("short", 1_024)
    whole, secret = made.jwk(right, "a"), made.ec_key("secret")
    number = made.b64(secret.private_numbers().private_value.to_bytes(32, "big"))
    wrong: list[Any] = [
        {**made.jwk(secret, "private"), "d": number},
        1, {}, {**whole, "kid": ""}, {**whole, "kid": 1}, {**whole, "d": SECRET}, {**whole, "use": "enc"},
        {**whole, "key_ops": ["sign"]}, {**whole, "key_ops": 1}, {**whole, "kty": "oct", "k": SECRET},
        {**whole, "kty": "EC"}, {**whole, "kty": ["RSA"]}, {**whole, "alg": "HS256"},
        {**whole, "alg": "none"},
        {**whole, "alg": "ES256"}, {**whole, "n": "!"}, {**whole, "n": ""}, {**whole, "e": 1},
        made.jwk(short, "s"),
        {**made.jwk(made.ec_key("x"), "x"), "x": made.b64(bytes(32))},
        {**made.jwk(made.ec_key("x"), "x"), "crv": "P-384"},
        {**made.jwk(made.ed_key(), "x"), "crv": "X25519"},
    ]  # fmt: skip
    with caplog.at_level(logging.WARNING):
        found = jwks.parse(encoded({"keys": [*wrong, {**whole, "alg": "RS256"}]}))
    assert set(found) == {("a", "RS256"), (None, "RS256")}  # the only one that is left
    assert len(caplog.records) == len(wrong)
    assert SECRET not in caplog.text
    assert number not in caplog.text


def test_a_key_serves_the_algorithms_of_its_kind() -> None:
    """Without `alg`: an RSA key six, a P-256 and an Ed25519 key one each."""
    parts = [
        made.jwk(made.rsa_key("cluster"), "r"),
        made.jwk(made.ec_key("x"), "e"),
        made.jwk(made.ed_key(), "d"),
    ]
    rsa = {("r", f"{kind}{bits}") for kind in ("RS", "PS") for bits in (256, 384, 512)}
    assert set(jwks.parse(encoded({"keys": parts}))) == rsa | {("e", "ES256"), ("d", "EdDSA")}


@pytest.mark.parametrize(
    "document", [b"", b"[]", b"{}", {"keys": {}}, {"keys": []}, {"keys": [1]}, b'{"keys": ' + b"[" * 10_000]
)
def test_no_set_of_keys_is_refused(document: Any) -> None:
    """A page of a login form, or a set without a usable key, is not one."""
    with pytest.raises(ConfigError, match="JSON web key set"):
        jwks.parse(encoded(document))


def test_a_key_without_id_is_taken_alone_only(caplog: pytest.LogCaptureFixture) -> None:
    """RFC 7517 lets `kid` out; beside another key it could not be told which one a token means."""
    bare, other = made.jwk(made.rsa_key("cluster"), ""), made.jwk(made.ec_key("x"), "e")
    del bare["kid"]
    bare["alg"] = "RS256"
    unusable = {**other, "use": "enc"}
    for parts in ([bare], [bare, unusable]):
        assert set(jwks.parse(encoded({"keys": parts}))) == {(None, "RS256")}
    caplog.clear()
    assert set(jwks.parse(encoded({"keys": [bare, other, other | {"kid": "f"}]}))) == {
        ("e", "ES256"), ("f", "ES256"),
    }  # fmt: skip
    assert ["/keys/0" in text for text in caplog.messages] == [True]
    with pytest.raises(ConfigError, match="found none in it"):
        jwks.parse(encoded({"keys": [bare, bare]}))


def test_two_keys_of_one_id_are_refused() -> None:
    """Which of them signed could not be told."""
    parts = [made.jwk(made.rsa_key(name), "same") for name in ("cluster", "plain")]
    with pytest.raises(ConfigError, match=r"/keys/1 has the key id of another"):
        jwks.parse(encoded({"keys": parts}))
