"""Who gets in: more than 200 credentials made by hand, each with every group, each decision written here."""

from __future__ import annotations

import hashlib
import itertools
import json
from typing import Any

import pytest
from tests.unit.serving.access import made
from tests.unit.serving.access.made import (
    NOW,
    OTHER_ISSUER,
    b64,
    claims,
    key_record,
    key_text,
    segment,
    token,
)

from ekiben.serving.access.clock import Clock
from ekiben.serving.access.door import Required
from ekiben.serving.problem import RefusedError

PREDICT, BOTH, ALL = ("predict",), ("predict", "metadata"), ("predict", "explain", "metadata", "admin")
NONE: tuple[str, ...] = ()  # known, and may nothing: 403
UNKNOWN = None  # 401, whatever is asked for
Cases = dict[str, tuple[bytes, tuple[str, ...] | None]]
CLUSTER, LOGIN, STRANGER = made.rsa_key("cluster"), made.ec_key("login"), made.rsa_key("stranger")
OPS = "system:serviceaccount:ops:ekiben"


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Required:
    """Two issuers with a key set each, and ten keys."""
    folder = tmp_path_factory.mktemp("access")
    login = made.issuer(
        issuer=OTHER_ISSUER,
        algorithms=["ES256", "PS256"],
        allow=[{"subjects": ["**@example.com"], "groups": ["metadata"]}],
        jwks_file="jwks-1.json",
    )
    made.write(folder, "policy.json", made.policy(made.issuer(), login))
    keys = [made.jwk(CLUSTER, "cluster", alg="RS256"), made.jwk(made.ed_key(), "ed", alg="EdDSA")]
    made.write(folder, "jwks-0.json", {"keys": [*keys, made.jwk(made.rsa_key("plain"), "plain")]})
    made.write(folder, "jwks-1.json", {"keys": [made.jwk(LOGIN, "login"), made.jwk(LOGIN, "ec-too")]})
    records = [
        key_record(key_text("web")),
        key_record(key_text("meta"), ["metadata"]),
        key_record(key_text("ops"), ["admin"]),
        key_record(key_text("why"), ["explain"]),
        key_record(key_text("both"), BOTH),
        key_record(key_text("all"), ALL),
        key_record(key_text("ending"), expires=made.moment(1)),
        key_record(key_text("ended"), expires=made.moment(0)),
        key_record(key_text("old"), ALL, expires=made.moment(-86_400)),
        key_record(key_text("later"), not_before=made.moment(1)),
        key_record(key_text("begun"), not_before=made.moment(0), expires=made.moment(60)),
        key_record(key_text("turning"), expires=made.moment(3_600)),
        key_record(key_text("turning", 1), expires=made.moment(86_400)),
    ]
    made.write(folder, "keys.json", made.key_file(*records))
    return Required(folder, Clock(lambda: float(NOW), lambda: 0.0))


def keys() -> Cases:
    """API keys."""
    web, digest = key_text("web"), hashlib.sha256(key_text("web").encode())
    right: Cases = {
        f"key {name}": (key_text(name).encode(), may)
        for name, may in {
            "web": PREDICT, "meta": ("metadata",), "ops": ("admin",), "why": ("explain",),
            "both": BOTH, "all": ALL,
            "ending": PREDICT, "ended": UNKNOWN, "old": UNKNOWN, "later": UNKNOWN, "begun": PREDICT,
            "turning": PREDICT, "stranger": UNKNOWN, "revoked": UNKNOWN,
        }.items()
    }  # fmt: skip
    wrong = {
        "cut by one": web[:-1], "one too long": web + "0", "upper case": web.upper(), "its id alone": "web",
        "the prefix alone": "ekiben_", "no secret": "ekiben_web_", "no prefix": web[7:],
        "another's id": web.replace("web", "all"), "no id": web.replace("_web_", "__"),
        "its hash": digest.hexdigest(), "a key of its hash": f"ekiben_web_{digest.hexdigest()}",
        "quoted": f'"{web}"', "twice": f"{web},{web}", "two": f"{web} {key_text('meta')}",
        "zero at the end": web + "\0", "zero in front": "\0" + web, "a line after": web + "\n",
        "empty": "", "a blank": " ", "null": "null", "undefined": "undefined", "star": "*", "dots": "..",
        "a comment": "' or 1=1 --", "endless": web + "0" * 20_000, "long": "ekiben_" + "a" * 16_000,
        "the other of nobody": key_text("web", 1), "old's other": key_text("old", 1),
    }  # fmt: skip
    cases = {f"key {name}": (text.encode(), UNKNOWN) for name, text in wrong.items()}
    raw = {
        "key of hash bytes": digest.digest(),
        "key of high bytes": b"ekiben_\xff\xfe",
        "key utf-16": web.encode("utf-16"),
    }
    return {
        **right,
        "key turning, the new one": (key_text("turning", 1).encode(), PREDICT),
        **cases,
        **{name: (text, UNKNOWN) for name, text in raw.items()},
    }


def signed() -> Cases:
    """Signatures, algorithms and key ids."""
    good = claims()
    modulus = CLUSTER.public_key().public_numbers().n.to_bytes(256, "big")
    public = made.jwk(STRANGER, "cluster")
    cases: Cases = {
        "token": (token(good, CLUSTER), BOTH),
        "token with typ": (token(good, CLUSTER, typ="JWT"), BOTH),
        "token by a key for several": (token(good, made.rsa_key("plain"), kid="plain"), BOTH),
        "token by a stranger": (token(good, STRANGER), UNKNOWN),
        "token by a stranger under its own id": (token(good, STRANGER, kid="stranger"), UNKNOWN),
        "token of the other issuer's key": (token(good, LOGIN, alg="ES256", kid="login"), UNKNOWN),
        "token of this key under the other's id": (token(good, CLUSTER, kid="login"), UNKNOWN),
        "token RS512, not allowed": (token(good, made.rsa_key("plain"), alg="RS512", kid="plain"), UNKNOWN),
        "token PS256, not allowed": (token(good, made.rsa_key("plain"), alg="PS256", kid="plain"), UNKNOWN),
        "token PS256 of an RS256 key": (token(good, CLUSTER, alg="PS256"), UNKNOWN),
        "token RS256 in name, PS256 in fact": (token(good, CLUSTER, sign_as="PS256"), UNKNOWN),
        "token RS256 in name, RS512 in fact": (token(good, CLUSTER, sign_as="RS512"), UNKNOWN),
        "token EdDSA, not allowed": (token(good, made.ed_key(), alg="EdDSA", kid="ed"), UNKNOWN),
        "token ES256 in name, RS256 in fact": (token(good, CLUSTER, alg="ES256", sign_as="RS256"), UNKNOWN),
        "token its own key in the header": (token(good, STRANGER, jwk=public), UNKNOWN),
        "token its own key only": (token(good, STRANGER, kid="x", jwk=public), UNKNOWN),
        "token jku": (token(good, STRANGER, jku="http://127.0.0.1/jwks"), UNKNOWN),
        "token x5u": (token(good, STRANGER, x5u="http://127.0.0.1/"), UNKNOWN),
        "token crit that asks for nothing": (token(good, CLUSTER, crit=["b64"], b64=True), UNKNOWN),
        "token crit": (token(good, CLUSTER, crit=["exp"]), UNKNOWN),
        "token crit empty": (token(good, CLUSTER, crit=[]), UNKNOWN),
        "token crit null": (token(good, CLUSTER, crit=None), UNKNOWN),
        "token b64": (token(good, CLUSTER, b64=False, crit=["b64"]), UNKNOWN),
        "token b64 without crit": (token(good, CLUSTER, b64=False), UNKNOWN),
        "token without alg": (token(good, CLUSTER, alg=..., sign_as="RS256"), UNKNOWN),
    }
    odd: tuple[Any, ...] = (
        "none",
        "None",
        "NONE",
        "nOnE",
        "",
        None,
        0,
        [],
        {},
        ["RS256"],
        "rs256",
        "RS256 ",
        "HS1",
    )
    for alg in odd:
        unsigned = f"{segment({'alg': alg, 'kid': 'cluster'})}.{segment(good)}."
        cases[f"token alg {alg!r} unsigned"] = (unsigned.encode(), UNKNOWN)
        cases[f"token alg {alg!r} signed"] = (token(good, CLUSTER, alg=alg, sign_as="RS256"), UNKNOWN)
    for alg, (name, secret) in itertools.product(
        ("HS256", "HS384", "HS512"),
        {
            "pem": made.pem(CLUSTER),
            "modulus": modulus,
            "nothing": b"",
            "n": made.jwk(CLUSTER, "")["n"].encode(),
        }.items(),
    ):
        cases[f"token {alg} of the public key as {name}"] = (token(good, secret, alg=alg), UNKNOWN)
    cases["token RS256 in name, HS256 of the PEM"] = (
        token(good, made.pem(CLUSTER), sign_as="HS256"), UNKNOWN,
    )  # fmt: skip
    for kid in (
        ...,
        "",
        "unknown",
        "CLUSTER",
        "cluster ",
        0,
        None,
        True,
        ["cluster"],
        {"a": 1},
        "../../dev/null",
        "'",
    ):
        cases[f"token kid {kid!r}"] = (token(good, CLUSTER, kid=kid), UNKNOWN)
    other = claims(iss=OTHER_ISSUER, sub="jo@example.com")
    cases |= {
        "login": (token(other, LOGIN, alg="ES256", kid="login"), ("metadata",)),
        "login, the key's other id": (token(other, LOGIN, alg="ES256", kid="ec-too"), ("metadata",)),
        "login by the cluster's key": (token(other, CLUSTER), UNKNOWN),
        "login by another EC key": (token(other, made.ec_key("x"), alg="ES256", kid="login"), UNKNOWN),
        "login as an account": (token(claims(iss=OTHER_ISSUER), LOGIN, alg="ES256", kid="login"), NONE),
        "cluster as a login": (token(claims(sub="jo@example.com"), CLUSTER), NONE),
    }
    return cases


def claimed() -> Cases:
    """Claims, one wrong at a time."""
    table: dict[str, list[tuple[object, tuple[str, ...] | None]]] = {
        "aud": [
            ("iris", BOTH), (["x", "iris"], BOTH), (..., UNKNOWN), ([], UNKNOWN), ("", UNKNOWN),
            (None, UNKNOWN),
            ("Iris", UNKNOWN), ("iri", UNKNOWN), ("iris2", UNKNOWN), ("iris ", UNKNOWN),
            (["irisx"], UNKNOWN),
            ([["iris"]], UNKNOWN), ({"iris": 1}, UNKNOWN), (1, UNKNOWN), (["iris", 1], UNKNOWN),
            (True, UNKNOWN),
            ("https://kubernetes.default.svc.cluster.local", UNKNOWN),
        ],
        "iss": [
            (..., UNKNOWN), (None, UNKNOWN), ("", UNKNOWN), (made.ISSUER + "/", UNKNOWN),
            (OTHER_ISSUER, UNKNOWN),
            (made.ISSUER.upper(), UNKNOWN), ([made.ISSUER], UNKNOWN), (1, UNKNOWN),
            ({"a": made.ISSUER}, UNKNOWN),
            (made.ISSUER[:-1], UNKNOWN),
        ],
        "sub": [
            (..., UNKNOWN), (None, UNKNOWN), ("", UNKNOWN), (1, UNKNOWN), ([made.SUBJECT], UNKNOWN),
            (OPS, ALL),
            ("system:serviceaccount:web:other", BOTH), ("system:serviceaccount:db:shop", NONE),
            ("system:serviceaccount:web2:shop", NONE), ("system:serviceaccount:web", NONE),
            ("system:serviceaccount:web:a:b", NONE), ("xsystem:serviceaccount:web:shop", NONE),
            ("SYSTEM:SERVICEACCOUNT:WEB:SHOP", NONE), (OPS + "2", NONE), (OPS[:-1], NONE), ("*", NONE),
            ("**", NONE),
            (made.SUBJECT + "\n", UNKNOWN), ("a\r\nb", UNKNOWN), ("a\0", UNKNOWN), ("s" * 1_024, NONE),
            ("s" * 1_025, UNKNOWN), ("kube:admin", NONE), ("ключ", NONE),
        ],
        "exp": [
            (NOW + 1, BOTH), (NOW - 29, BOTH), (NOW - 30, UNKNOWN), (NOW - 31, UNKNOWN),
            (NOW - 3_600, UNKNOWN),
            (NOW + 0.5, BOTH), (1e12, BOTH), (..., UNKNOWN), (None, UNKNOWN), (str(NOW + 600), UNKNOWN),
            (True, UNKNOWN),
            (0, UNKNOWN), (-1, UNKNOWN), (-1e308, UNKNOWN), ([NOW + 600], UNKNOWN), ({}, UNKNOWN),
            ("", UNKNOWN),
            (float("inf"), UNKNOWN), (float("nan"), UNKNOWN), (10**400, UNKNOWN),
        ],
        "nbf": [
            (..., BOTH), (NOW + 30, BOTH), (NOW + 31, UNKNOWN), (NOW + 3_600, UNKNOWN), (0, BOTH),
            (str(NOW), UNKNOWN),
            (None, UNKNOWN), (True, UNKNOWN), (float("nan"), UNKNOWN), (float("-inf"), UNKNOWN),
            ([], UNKNOWN),
        ],
        "iat": [
            (..., BOTH), (NOW + 30, BOTH), (NOW + 31, UNKNOWN), (NOW + 3_600, UNKNOWN), ("now", UNKNOWN),
            (None, UNKNOWN),
            (False, UNKNOWN),
        ],
        "jti": [(..., BOTH), ("a", BOTH), (1, UNKNOWN)],
    }  # fmt: skip
    return {
        f"token {name} {str(value)[:40]!r} {place}": (token(claims(**{name: value}), CLUSTER), may)
        for name, cases in table.items()
        for place, (value, may) in enumerate(cases)
    }


def shaped() -> Cases:
    """What is not a token, or not quite."""
    whole = token(claims(), CLUSTER)
    text = whole.decode()
    head, body, tail = text.split(".")
    wrong = {
        "no signature": f"{head}.{body}.", "two parts": f"{head}.{body}", "one part": head, "dots": "..",
        "four parts": f"{text}.x", "five parts": f"{head}.{body}.{tail}.{tail}.{tail}",
        "a dot after": f"{text}.",
        "a dot before": f".{text}", "no header": f".{body}.{tail}", "no claims": f"{head}..{tail}",
        "a blank after": f"{text} x", "a blank inside": f"{head}. {body}.{tail}",
        "a line": f"{head}.\n{body}.{tail}",
        "another's claims": f"{head}.{segment(claims(sub=OPS))}.{tail}",
        "another's signature": f"{head}.{body}.{token(claims(sub=OPS), CLUSTER).decode().split('.')[2]}",
        "another header": f"{segment({'alg': 'RS256', 'kid': 'cluster', 'x': 1})}.{body}.{tail}",
        "header a list": f"{segment(['alg'])}.{body}.{tail}",
        "header no JSON": f"{segment(b'{')}.{body}.{tail}",
        "header deep": f"{segment('[' * 5_000)}.{body}.{tail}",
        "header null": f"{segment(None)}.{body}.{tail}",
        "header not base64": f"!!!!.{body}.{tail}", "a basic login": b64(b"web:password"),
        "signature of zeros": f"{head}.{body}.{b64(bytes(256))}",
        "signature short": f"{head}.{body}.{b64(bytes(8))}",
        "signature padded": f"{text}==", "signature in hex": f"{head}.{body}.{'00' * 256}",
    }  # fmt: skip
    payloads = {
        "claims a list": [claims()], "claims a text": '"x"', "claims no JSON": b"{", "claims null": None,
        "claims empty": {}, "claims not UTF-8": b"\xff\xfe", "claims deep": "[" * 5_000,
        "claims endless": claims(pad="x" * 16_000),
    }  # fmt: skip
    cases = {f"token {name}": (found.encode(), UNKNOWN) for name, found in wrong.items()}
    cases |= {f"token {name}": (token(found, CLUSTER), UNKNOWN) for name, found in payloads.items()}
    twice = json.dumps(claims())[:-1] + f', "sub": "{OPS}"}}'
    return {
        **cases,
        "token with a claim twice: the last, as the issuer signed it": (token(twice, CLUSTER), ALL),
        **{f"token cut at {end}": (whole[:end], UNKNOWN) for end in range(7, len(whole), 31)},
        **{
            f"token changed at {place}": (_changed(whole, place), UNKNOWN)
            for place in range(3, len(whole), 29)
        },
        "token changed at its end": (_changed(whole, len(whole) - 1), UNKNOWN),
    }


def _changed(text: bytes, place: int) -> bytes:
    """Another letter in one place."""
    letter = b"A" if text[place : place + 1] != b"A" else b"B"
    return text[:place] + letter + text[place + 1 :]


CASES: Cases = {**keys(), **signed(), **claimed(), **shaped()}


def test_the_matrix_is_large() -> None:
    """At least 200 credentials, no two the same."""
    assert len({text for text, _ in CASES.values()}) >= 200


@pytest.mark.parametrize("name", CASES)
def test_every_decision_is_the_one_written_here(door: Required, name: str) -> None:
    """As Bearer and as X-API-Key, for each group, twice: the second time it may be remembered."""
    text, may = CASES[name]
    headers = ({b"authorization": b"Bearer " + text}, {b"x-api-key": text})
    for header, group in itertools.product((*headers, *headers), ALL):
        expected = 401 if may is UNKNOWN else 200 if group in may else 403
        assert _decision(door, header, group) == expected


def _decision(door: Required, headers: dict[bytes, bytes], group: str) -> int:
    try:
        door.leave(door.credential(headers), group, "127.0.0.1")  # type: ignore[arg-type]  # a literal, drawn from a table
    except RefusedError as error:
        return error.status
    return 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({b"authorization": b"bearer %s"}, 200),
        ({b"authorization": b"BEARER   %s"}, 200),
        ({b"authorization": b"Bearer %s "}, 200),
        ({b"authorization": b"Bearer"}, 401),
        ({b"authorization": b"Bearer "}, 401),
        ({b"authorization": b"%s"}, 401),
        ({b"authorization": b"Basic %s"}, 401),
        ({b"authorization": b"Token %s"}, 401),
        ({b"authorization": b"Bearer\t%s"}, 401),
        ({b"authorization": b"Bearer Bearer %s"}, 401),
        ({b"authorization": b"Bearer x", b"x-api-key": b"%s"}, 200),
        ({b"authorization": b"Bearer %s", b"x-api-key": b"x"}, 401),
        ({b"authorization": b"Bearer %s", b"x-api-key": b""}, 401),
        ({b"authorization": b"Basic eDp5", b"x-api-key": b"%s"}, 200),
        ({b"api-key": b"%s"}, 401),
        ({b"cookie": b"x-api-key=%s"}, 401),
    ],
)
def test_where_a_credential_is_looked_for(door: Required, headers: dict[bytes, bytes], status: int) -> None:
    """RFC 6750's header in any case, or X-API-Key, which wins; nowhere else."""
    key = key_text("web").encode()
    assert _decision(door, {k: v.replace(b"%s", key) for k, v in headers.items()}, "predict") == status


def test_every_refusal_of_the_unknown_is_the_same(door: Required) -> None:
    """Status, reason, words and headers are equal, and hold nothing that was sent."""
    seen = set()
    for text, may in CASES.values():
        if may is UNKNOWN:
            with pytest.raises(RefusedError) as error:
                door.leave(door.credential({b"x-api-key": text}), "predict", "127.0.0.1")
            found = error.value
            seen.add((found.status, found.reason, found.detail, found.places, found.headers))
    assert len(seen) == 1
    status, reason, _, places, headers = seen.pop()
    assert (status, reason, places) == (401, "unauthenticated", ())
    assert headers == ((b"www-authenticate", b'Bearer realm="ekiben"'),)


def test_a_caller_is_named_by_its_id_or_subject(door: Required) -> None:
    """Both keys of one id are one caller; a long subject is cut, and stays unlike its neighbour."""

    def name(credential: bytes) -> str:
        return door.leave(door.credential({b"x-api-key": credential}), "predict", "").name

    both = {name(key_text("turning", n).encode()) for n in (0, 1)}
    assert both == {"turning"}
    assert name(token(claims(), CLUSTER)) == made.SUBJECT
    prefix = "system:serviceaccount:web:" + "n" * 200
    long = [token(claims(sub=prefix + end), CLUSTER) for end in "ab"]
    names = [name(each) for each in long]
    assert [len(name) for name in names] == [128, 128]
    assert names[0] != names[1]
