"""Access control while the pod runs: files replaced as the kubelet does it, key sets behind an address."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from tests.unit.serving.access import made
from tests.unit.serving.access.made import NOW, claims, key_record, key_text, token

from ekiben.errors import ConfigError
from ekiben.serving.access.clock import Clock
from ekiben.serving.access.door import Open, Required
from ekiben.serving.access.opening import build
from ekiben.serving.problem import RefusedError

WEB, NEW = key_text("web"), key_text("web", 1)
CLUSTER, NEXT = made.rsa_key("cluster"), made.rsa_key("plain")


def clock() -> Clock:
    return Clock(lambda: float(NOW), lambda: 0.0)


def admits(door: Required | Open, text: str | bytes, group: str = "predict") -> int:
    """The status that a credential gets."""
    content = text if isinstance(text, bytes) else text.encode()
    try:
        door.leave(door.credential({b"authorization": b"Bearer " + content}), group, "127.0.0.1")  # type: ignore[arg-type]
    except RefusedError as error:
        return error.status
    return 200


def until(wanted: Callable[[], bool], seconds: float = 5.0) -> None:
    """Wait for a condition."""
    end = time.monotonic() + seconds
    while not wanted():
        assert time.monotonic() < end, "not in time"
        time.sleep(0.005)


def test_a_rotation_refuses_nobody(tmp_path: Path) -> None:
    """Old and new key are both valid between two replacements; then the old one is refused."""
    made.write(tmp_path, "keys.json", made.key_file(key_record(WEB)))
    door = Required(tmp_path, clock())
    assert (admits(door, WEB), admits(door, NEW)) == (200, 401)
    made.write(tmp_path, "keys.json", made.key_file(key_record(WEB), key_record(NEW)))
    door.refresh()
    assert (admits(door, WEB), admits(door, NEW)) == (200, 200)
    made.write(tmp_path, "keys.json", made.key_file(key_record(NEW)))
    door.refresh()
    assert (admits(door, WEB), admits(door, NEW)) == (401, 200)


def test_the_watch_finds_a_revoked_key_by_itself(tmp_path: Path) -> None:
    """In a thread of its own, which ends with `close`."""
    made.write(tmp_path, "keys.json", made.key_file(key_record(WEB)))
    door = Required(tmp_path, clock(), look_seconds=0.01)
    door.start()
    with closing(door):
        assert admits(door, WEB) == 200
        made.write(tmp_path, "keys.json", made.key_file())
        until(lambda: admits(door, WEB) == 401)
        made.write(tmp_path, "keys.json", made.key_file(key_record(WEB)))
        until(lambda: admits(door, WEB) == 200)
    made.write(tmp_path, "keys.json", made.key_file())
    time.sleep(0.05)
    assert admits(door, WEB) == 200


@pytest.mark.parametrize("broken", [b"", b"{", b"\xff", b'{"format": 1, "keys": [{"id": "hunter2"}]}'])
def test_a_broken_file_leaves_the_old_keys_in_force(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, broken: bytes
) -> None:
    """It is said once, without its content; the next right file counts again."""
    made.write(tmp_path, "keys.json", made.key_file(key_record(WEB)))
    door = Required(tmp_path, clock())
    made.write(tmp_path, "keys.json", broken)
    with caplog.at_level(logging.ERROR):
        door.refresh()
        door.refresh()
    assert admits(door, WEB) == 200
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "stays in force" in caplog.text
    assert "hunter2" not in caplog.text
    made.write(tmp_path, "keys.json", made.key_file(key_record(NEW)))
    door.refresh()
    assert (admits(door, WEB), admits(door, NEW)) == (401, 200)


@pytest.mark.parametrize("name", ["keys.json", "policy.json", "jwks-0.json"])
def test_a_broken_file_ends_a_start(tmp_path: Path, name: str) -> None:
    """There is nothing older to go on with: the pod says which file, and does not begin."""
    made.write(tmp_path, "policy.json", made.policy(made.issuer()))
    made.write(tmp_path, name, b"{")
    with pytest.raises(ConfigError) as error:
        Required(tmp_path, clock())
    assert error.value.remedy


def test_keys_begin_and_end_at_their_times(tmp_path: Path) -> None:
    """The end counts at once, without a look; the beginning at the next look."""
    record = key_record(WEB, not_before=made.moment(10), expires=made.moment(20))
    made.write(tmp_path, "keys.json", made.key_file(record))
    now = [float(NOW)]
    door = Required(tmp_path, Clock(lambda: now[0], lambda: now[0]))
    statuses = []
    for now[0], looks in (
        (NOW + 9.9, True),
        (NOW + 10, True),
        (NOW + 19.9, False),
        (NOW + 20, False),
        (NOW + 20, True),
    ):
        if looks:
            door.refresh()
        statuses.append(admits(door, WEB))
    assert statuses == [401, 200, 200, 401, 401]


def test_a_key_that_was_seen_ends_as_any_other(tmp_path: Path) -> None:
    """A known key is refused from its end on, and at the next look after it was revoked; its id may stay."""
    now = [float(NOW)]
    made.write(tmp_path, "keys.json", made.key_file(key_record(WEB, expires=made.moment(20))))
    door = Required(tmp_path, Clock(lambda: now[0], lambda: now[0]))
    assert [admits(door, WEB) for _ in range(2)] == [200, 200]
    now[0] += 20
    assert admits(door, WEB) == 401
    now[0] -= 20
    assert admits(door, WEB) == 200
    made.write(tmp_path, "keys.json", made.key_file(key_record(NEW)))
    door.refresh()
    assert (admits(door, WEB), admits(door, NEW)) == (401, 200)


@pytest.mark.parametrize("step", [3_600.0, -3_600.0])
def test_a_step_of_the_clock_refuses_no_key_and_no_token(tmp_path: Path, step: float) -> None:
    """Known and new ones, a key that is a minute old and a token of ten minutes."""
    steady = [0.0]
    wall = [float(NOW)]
    record = key_record(WEB, not_before=made.moment(-60), expires=made.moment(600))
    made.write(tmp_path, "keys.json", made.key_file(record))
    made.write(tmp_path, "jwks-0.json", {"keys": [made.jwk(CLUSTER, "cluster")]})
    made.write(tmp_path, "policy.json", made.policy(made.issuer()))
    door = Required(tmp_path, Clock(lambda: wall[0], lambda: steady[0]))
    tokens = [token(claims(jti=str(number)), CLUSTER) for number in range(3)]
    assert [admits(door, each) for each in (WEB.encode(), tokens[0])] == [200, 200]
    wall[0] += step
    for number in range(60):
        door.refresh()
        assert [admits(door, each) for each in (WEB.encode(), *tokens[: 1 + number % 3])].count(
            200
        ) == 2 + number % 3
        wall[0] += 5
        steady[0] += 5


def test_files_may_come_later_and_go(tmp_path: Path) -> None:
    """An optional Secret that is not there yet: all is refused; one that is removed revokes its keys."""
    door = Required(tmp_path, clock())
    assert admits(door, WEB) == 401
    made.write(tmp_path, "keys.json", made.key_file(key_record(WEB)))
    door.refresh()
    assert admits(door, WEB) == 200
    (tmp_path / "keys.json").unlink()
    door.refresh()
    assert admits(door, WEB) == 401


def test_a_policy_and_its_keys_are_read_again(tmp_path: Path) -> None:
    """A new audience, a withdrawn signing key, a withdrawn issuer: also for tokens that are remembered."""
    made.write(tmp_path, "jwks-0.json", {"keys": [made.jwk(CLUSTER, "cluster")]})
    made.write(tmp_path, "policy.json", made.policy(made.issuer()))
    door, old, new = Required(tmp_path, clock()), token(claims(), CLUSTER), token(claims(), NEXT, kid="next")
    assert [admits(door, each) for each in (old, new)] == [200, 401]
    both = [made.jwk(CLUSTER, "cluster"), made.jwk(NEXT, "next")]
    for keys, expected in ((both, [200, 200]), (both[1:], [401, 200])):
        made.write(tmp_path, "jwks-0.json", {"keys": keys})
        door.refresh()
        assert [admits(door, each) for each in (old, new)] == expected
    made.write(tmp_path, "policy.json", made.policy(made.issuer(audiences=["other"])))
    door.refresh()
    assert admits(door, new) == 401
    made.write(tmp_path, "policy.json", made.policy(made.issuer(issuer="https://x", jwks_file="jwks-1.json")))
    door.refresh()
    made.write(tmp_path, "jwks-1.json", {"keys": [made.jwk(NEXT, "next")]})
    door.refresh()
    assert [admits(door, each) for each in (new, token(claims(iss="https://x"), NEXT, kid="next"))] == [
        401,
        200,
    ]


def test_a_key_set_that_was_never_right_is_taken_when_it_is(tmp_path: Path) -> None:
    """A policy that names a broken file while the pod runs: its tokens wait, nothing else does."""
    made.write(tmp_path, "keys.json", made.key_file(key_record(WEB)))
    door = Required(tmp_path, clock())
    made.write(tmp_path, "jwks-0.json", b"{")
    made.write(tmp_path, "policy.json", made.policy(made.issuer()))
    door.refresh()
    assert (admits(door, WEB), admits(door, token(claims(), CLUSTER))) == (200, 401)
    made.write(tmp_path, "jwks-0.json", {"keys": [made.jwk(CLUSTER, "cluster")]})
    door.refresh()
    assert admits(door, token(claims(), CLUSTER)) == 200


def test_a_token_without_key_id_is_verified_by_an_only_key(tmp_path: Path) -> None:
    """RFC 7515 lets `kid` out: then the set must leave no choice. A key that is named must be right."""
    made.write(tmp_path, "policy.json", made.policy(made.issuer()))
    tokens = [
        token(claims(), CLUSTER, kid=...), token(claims(), CLUSTER), token(claims(), CLUSTER, kid="other"),
        token(claims(), CLUSTER, kid=None), token(claims(), CLUSTER, kid=""), token(claims(), NEXT, kid=...),
        token(claims(), CLUSTER, kid=..., alg="RS512"), token(claims(aud="other"), CLUSTER, kid=...),
        token(claims(), made.pem(CLUSTER), kid=..., alg="HS256"),
    ]  # fmt: skip
    one, two = made.jwk(CLUSTER, "cluster"), made.jwk(NEXT, "next")
    bare = {name: value for name, value in one.items() if name != "kid"}
    statuses = []
    for keys in ([one], [one, two], [bare]):
        made.write(tmp_path, "jwks-0.json", {"keys": keys})
        door = Required(tmp_path, clock())
        statuses.append([admits(door, each) for each in tokens])
    assert statuses == [
        [200, 200] + [401] * 7,
        [401, 200] + [401] * 7,
        [200, 401] + [401] * 7,
    ]


def test_an_only_key_verifies_for_its_own_issuer_alone(tmp_path: Path) -> None:
    """Two issuers with one key each: a token without key id passes as that of its issuer, or not at all."""
    made.write(
        tmp_path,
        "policy.json",
        made.policy(made.issuer(), made.issuer(issuer="https://x", jwks_file="jwks-1.json")),
    )
    made.write(tmp_path, "jwks-0.json", {"keys": [made.jwk(CLUSTER, "cluster")]})
    made.write(tmp_path, "jwks-1.json", {"keys": [made.jwk(NEXT, "next")]})
    door = Required(tmp_path, clock())
    found = [
        admits(door, token(claims(**changes), key, kid=...))
        for changes in ({}, {"iss": "https://x"})
        for key in (CLUSTER, NEXT)
    ]
    assert found == [200, 401, 401, 200]


def test_a_remembered_token_ends_at_its_time(tmp_path: Path) -> None:
    """Leeway included, and not a second later; what is remembered is bounded."""
    made.write(tmp_path, "jwks-0.json", {"keys": [made.jwk(CLUSTER, "cluster")]})
    made.write(tmp_path, "policy.json", made.policy(made.issuer(), leeway_seconds=5))
    now = [float(NOW)]
    door, text = (
        Required(tmp_path, Clock(lambda: now[0], lambda: now[0])),
        token(claims(exp=NOW + 60), CLUSTER),
    )
    statuses = []
    for now[0] in (NOW, NOW + 64.9, NOW + 65, NOW + 3_600):
        statuses.append(admits(door, text))
    assert statuses == [200, 200, 401, 401]


def test_what_is_remembered_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two generations of tokens at most; one that is in use is not forgotten."""
    monkeypatch.setattr("ekiben.serving.access.tokens.REMEMBERED", 10)
    made.write(tmp_path, "jwks-0.json", {"keys": [made.jwk(made.ec_key("x"), "e")]})
    made.write(tmp_path, "policy.json", made.policy(made.issuer()))
    door, key = Required(tmp_path, clock()), made.ec_key("x")
    assert door._tokens is not None
    used = token(claims(jti="used"), key, alg="ES256", kid="e")
    for number in range(50):
        assert admits(door, token(claims(jti=str(number)), key, alg="ES256", kid="e")) == 200
        assert admits(door, used) == 200
        assert len(door._tokens._young) + len(door._tokens._old) <= 20
    verified: list[bytes] = []
    monkeypatch.setattr(door._tokens, "_verified", verified.append)
    assert admits(door, used) == 200
    assert verified == []


def test_without_access_control_everybody_is_let_in(caplog: pytest.LogCaptureFixture) -> None:
    """Under the address's name, for every group; it is said loudly at the start."""
    door = build({})
    assert isinstance(door, Open)
    door.start()
    door.close()
    assert [(r.levelname, "ACCESS CONTROL IS OFF" in r.message) for r in caplog.records] == [
        ("WARNING", True)
    ]
    assert (
        door.leave(door.credential({b"authorization": b"Bearer x"}), "admin", "10.0.0.7").name == "10.0.0.7"
    )


def test_the_environment_decides(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """`required` reads the folder; other words, and a folder that is not there, are refused."""
    found = build({"EKIBEN_ACCESS": "required", "EKIBEN_ACCESS_DIR": str(tmp_path)})
    assert isinstance(found, Required)
    with closing(found):
        found.start()
        assert "every request but probes is refused" in caplog.text
    for mode in ("off", "Required", "none "):
        with pytest.raises(ConfigError, match="one of none, required"):
            build({"EKIBEN_ACCESS": mode, "EKIBEN_ACCESS_DIR": str(tmp_path)})
    with pytest.raises(ConfigError, match="EKIBEN_ACCESS_DIR"):
        build({"EKIBEN_ACCESS": "required", "EKIBEN_ACCESS_DIR": str(tmp_path / "none")})
