"""Keys on the operator's side: made once, stored as hashes, changed for one another without a gap."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.unit.release.world import World

from ekiben.errors import ClusterError, ConfigError
from ekiben.release import keys
from ekiben.release.keys import MadeKey, Records
from ekiben.serving.access.clock import Clock
from ekiben.serving.access.door import Required
from ekiben.serving.problem import RefusedError

NOW = datetime(2027, 1, 15, 8, tzinfo=UTC)
DAY = timedelta(days=1)


def new(identifier: str = "web", lasts: timedelta | None = 90 * DAY, now: datetime = NOW) -> MadeKey:
    return keys.made(identifier, {"predict"}, now=now, lasts=lasts)


def test_a_key_has_256_random_bits_and_is_stored_as_its_hash() -> None:
    """`sha256sum` of the text is all that is written; its repr does not show it either."""
    made = [new() for _ in range(100)]
    assert len({each.text for each in made}) == 100
    for each in made:
        assert re.fullmatch(r"ekiben_web_[0-9a-f]{64}", each.text)
        written = json.dumps(each.record.document())
        assert hashlib.sha256(each.text.encode()).hexdigest() in written
        assert each.text[11:] not in written + repr(each)


def test_the_random_source_is_the_systems() -> None:
    """Thirty-two bytes are asked for, of `secrets` unless a test says otherwise."""
    asked: list[int] = []

    def random(size: int) -> str:
        asked.append(size)
        return "ab" * size

    assert keys.made("web", {"predict"}, now=NOW, lasts=None, random=random).text == "ekiben_web_" + "ab" * 32
    assert asked == [32]


@pytest.mark.parametrize("identifier", ["", "Web", "a_b", "-a", "a" * 41, "a b", "ключ", "a\n"])
def test_ids_are_names(identifier: str) -> None:
    """What stands between the underscores of a key, in logs and in limits."""
    with pytest.raises(ConfigError, match="expected an id"):
        new(identifier)


@pytest.mark.parametrize(
    ("text", "seconds"), [("30m", 1_800), ("24h", 86_400), ("90d", 7_776_000), ("never", None)]
)
def test_times_are_read(text: str, seconds: float | None) -> None:
    """Minutes, hours, days, or never."""
    found = keys.duration(text)
    assert (None if found is None else found.total_seconds()) == seconds


@pytest.mark.parametrize(
    "text", ["", "90", "0d", "-1d", "1w", "1.5h", "90 d", "90d ", "9" * 9 + "d", "NEVER"]
)
def test_other_times_are_refused(text: str) -> None:
    """A time without a unit could be anything."""
    with pytest.raises(ConfigError, match="30m, 24h, 90d"):
        keys.duration(text)


def test_a_live_key_is_not_replaced_by_another() -> None:
    """`create` for an id that has one is refused, with the two ways on; an expired one gives way."""
    first, second = new(), new()
    with pytest.raises(ConfigError) as error:
        keys.with_new((first.record,), second.record, NOW + DAY)
    assert "key rotate" in error.value.remedy
    assert "key revoke" in error.value.remedy
    assert keys.with_new((first.record,), second.record, NOW + 91 * DAY) == (second.record,)


@pytest.mark.parametrize(
    ("lasts", "ends"), [(90 * DAY, NOW + 2 * DAY), (None, NOW + 2 * DAY), (1.5 * DAY, NOW + 1.5 * DAY)]
)
def test_a_rotation_leaves_the_old_key_its_grace(lasts: timedelta | None, ends: datetime) -> None:
    """And never more time than it had; the new one gets its leave."""
    old, next_one = new(lasts=lasts), keys.made("web", (), now=NOW + DAY, lasts=90 * DAY)
    other = new("other").record
    changed = keys.with_next((old.record, other), next_one.record, NOW + DAY, DAY)
    by_hash = {each.sha256: each for each in changed}
    assert len(by_hash) == 3
    assert by_hash[old.record.sha256].expires == ends
    assert by_hash[next_one.record.sha256].groups == {"predict"}
    assert by_hash[next_one.record.sha256].expires == NOW + 91 * DAY
    assert by_hash[other.sha256] == other


def test_a_rotation_wants_exactly_one_live_key() -> None:
    """None: there is nothing to change. Two: one is under way, and the older one is named."""
    first, second, third = new(), new(now=NOW + DAY), new(now=NOW + 2 * DAY)
    with pytest.raises(ConfigError, match="found none"):
        keys.with_next((), first.record, NOW, DAY)
    two = keys.with_next((first.record,), second.record, NOW + DAY, 7 * DAY)
    with pytest.raises(ConfigError, match="found 2") as error:
        keys.with_next(two, third.record, NOW + 2 * DAY, DAY)
    assert first.record.sha256[:12] in error.value.remedy
    assert len(keys.with_next(two, third.record, NOW + 9 * DAY, DAY)) == 2


def test_keys_are_revoked_by_id_or_one_by_one() -> None:
    """What is unknown is said, so that nobody believes in a revocation that was none."""
    first, second, other = new().record, new().record, new("other").record
    everything: Records = (first, second, other)
    assert keys.without(everything, "web") == (other,)
    assert keys.without(everything, keys.fingerprint(second)) == (first, other)
    for wrong in ("we", first.sha256, "", keys.fingerprint(first)[:11]):
        with pytest.raises(ConfigError, match="id or fingerprint"):
            keys.without(everything, wrong)


def test_a_list_tells_states_and_no_key() -> None:
    """By id and age: live, expired, not yet."""
    from dataclasses import replace

    old, live = new(lasts=DAY).record, new(now=NOW + DAY, lasts=None).record
    later = replace(new("b").record, not_before=NOW + 30 * DAY)
    found = keys.listed((later, live, old), NOW + 2 * DAY)
    assert [(each.id, each.state, each.expires) for each in found] == [
        ("b", "not yet", "2027-04-15T08:00:00Z"),
        ("web", "expired", "2027-01-16T08:00:00Z"),
        ("web", "live", None),
    ]
    assert [len(each.fingerprint) for each in found] == [12, 12, 12]


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({}, "iris-keys"), ({"access": {}}, "iris-keys"), ({"access": None}, "iris-keys"),
        ({"access": {"keys": {"secretName": ""}}}, "iris-keys"),
        ({"access": {"keys": {"secretName": "own"}}}, "own"),
    ],
)  # fmt: skip
def test_the_secret_is_the_one_that_the_chart_mounts(values: dict[str, Any], name: str) -> None:
    """Named after the release, unless the values say otherwise."""
    assert keys.secret_name(values, "iris") == name


def test_what_is_written_is_what_a_pod_lets_in(tmp_path: Path) -> None:
    """From `create` over a rotation to a revocation, seen by the pod's own access control."""
    world, first, second = World(), new(), keys.made("web", (), now=NOW, lasts=90 * DAY)
    cluster: Any = world

    def admitted(*texts: str, at: datetime = NOW) -> list[bool]:
        (tmp_path / "keys.json").write_bytes(world.secrets["iris-keys"]["keys.json"])
        door = Required(tmp_path, Clock(at.timestamp, lambda: 0.0))

        def known(text: str) -> bool:
            try:
                return door.leave(door.credential({b"x-api-key": text.encode()}), "predict", "").name == "web"
            except RefusedError:
                return False

        return [known(text) for text in texts]

    both = (first.text, second.text)
    keys.change(cluster, "models", "iris-keys", "iris", lambda found: keys.with_new(found, first.record, NOW))
    assert admitted(*both) == [True, False]
    keys.change(
        cluster, "models", "iris-keys", "iris", lambda found: keys.with_next(found, second.record, NOW, DAY)
    )
    assert admitted(*both) == [True, True]
    assert admitted(*both, at=NOW + DAY) == [False, True]
    assert first.text.encode()[11:] not in world.secrets["iris-keys"]["keys.json"]
    keys.change(cluster, "models", "iris-keys", "iris", lambda found: keys.without(found, "web"))
    assert admitted(*both) == [False, False]
    assert keys.read(cluster, "models", "iris-keys") == ()


def test_what_else_the_secret_holds_stays() -> None:
    """Somebody may keep a note in it."""
    world, first = World(secrets={"iris-keys": {"note": b"mine"}}), new()
    cluster: Any = world
    keys.change(cluster, "models", "iris-keys", "iris", lambda found: keys.with_new(found, first.record, NOW))
    assert world.secrets["iris-keys"]["note"] == b"mine"


def test_a_secret_of_another_form_is_not_written_over() -> None:
    """Whatever is in it stays."""
    world = World(secrets={"iris-keys": {"keys.json": b"mine"}})
    cluster: Any = world
    with pytest.raises(ConfigError, match=r"keys\.json"):
        keys.change(cluster, "models", "iris-keys", "iris", lambda found: found)
    assert world.secrets == {"iris-keys": {"keys.json": b"mine"}}


@pytest.mark.parametrize("refused", [False, True])
def test_pods_are_told_once_the_keys_are_written(refused: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """They need not wait for the kubelet; where they may not be told, the keys are changed all the same."""
    world, first = World(), new()
    told: list[bool] = []

    def refresh(_namespace: str, _release: str, _moment: str) -> None:
        told.append("iris-keys" in world.secrets)
        if refused:
            raise ClusterError("forbidden", status=403)

    monkeypatch.setattr(world, "refresh_pods", refresh)
    cluster: Any = world
    keys.change(cluster, "models", "iris-keys", "iris", lambda found: keys.with_new(found, first.record, NOW))
    assert told == [True]
    assert keys.read(cluster, "models", "iris-keys") == (first.record,)
