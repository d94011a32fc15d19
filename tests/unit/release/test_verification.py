"""A release that asks for keys is proven with one: the release's own, or the operator's."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.unit.release.test_keys import NOW, new
from tests.unit.release.world import World, task

from ekiben.errors import ClusterError, ConfigError, RolledBackError
from ekiben.release import credential, keys, station, undo, verification

DAY_SECONDS = 86_400.0


def asking(world: World, name: str = "a", mode: str = "required") -> station.Released:
    """Release something whose pods ask for keys."""
    given = task(name)
    values = {**given.values, "access": {"mode": mode}}
    return station._release(world.site(), replace(given, values=values))


def own(world: World) -> str:
    return world.secrets["iris-verify"]["key"].decode()


def records(world: World) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(world.secrets["iris-keys"]["keys.json"])["keys"]
    return found


def test_a_release_that_asks_makes_a_key_for_its_checks() -> None:
    """Leave to predict only, 90 days; the text is in a Secret of its own, its hash with the others."""
    world = World(asks_for_keys=True)
    assert all(check.passed for check in asking(world).checks)
    [record] = records(world)
    assert (record["id"], record["groups"]) == ("ekiben", ["predict"])
    assert record["sha256"] == hashlib.sha256(own(world).encode()).hexdigest()
    assert (record["created"][:10], record["expires"][:10]) == ("2026-03-03", "2026-06-01")
    assert own(world).encode() not in world.secrets["iris-keys"]["keys.json"]


def test_a_release_that_asks_nobody_makes_no_key() -> None:
    """No Secret is written, nor needed."""
    world = World()
    asking(world, mode="none")
    assert world.secrets == {}


def test_the_key_is_kept_until_a_third_of_its_time_is_gone() -> None:
    """Then it is renewed, and the one before goes on until it ends: pods learn of the new one later."""
    world = World(asks_for_keys=True)
    asking(world)
    first = own(world)
    world.now_seconds += 29 * DAY_SECONDS
    asking(world, "b")
    assert own(world) == first
    world.now_seconds += 2 * DAY_SECONDS
    asking(world, "c")
    assert own(world) != first
    assert len(records(world)) == 2
    world.now_seconds += 31 * DAY_SECONDS
    asking(world, "d")
    assert [each["id"] for each in records(world)] == ["ekiben", "ekiben"]


def test_running_pods_are_given_time_to_learn_a_new_key() -> None:
    """Pods that are verified again know it after the kubelet's next look only."""
    world = World(asks_for_keys=True)
    asking(world)
    world.secrets.clear()
    world.keys_arrive_after = 100.0
    began = world.now_seconds
    again = asking(world)
    assert (again.revision.number, all(check.passed for check in again.checks)) == (1, True)
    assert 100 <= world.now_seconds - began < 120


def test_the_operators_credential_is_used_instead() -> None:
    """And then no key is made."""
    mine = new("operator")
    document = json.dumps({"format": 1, "keys": [mine.record.document()]}).encode()
    world = World(asks_for_keys=True, credential=mine.text, secrets={"iris-keys": {"keys.json": document}})
    assert all(check.passed for check in asking(world).checks)
    assert set(world.secrets) == {"iris-keys"}
    assert mine.text not in repr(world.site())


def test_a_credential_that_is_refused_undoes_the_release() -> None:
    """The reason is said, the credential is not."""
    world = World(asks_for_keys=True, credential="ekiben_x_hunter2")
    with pytest.raises(RolledBackError, match="401") as error:
        asking(world)
    assert error.value.check == "golden rows"
    assert "EKIBEN_API_KEY" in error.value.remedy
    assert "hunter2" not in str(error.value) + error.value.remedy


def test_without_any_credential_a_refusal_is_final() -> None:
    """Nothing will change by waiting: pods that ask although the values say none."""
    world = World(asks_for_keys=True)
    began = world.now_seconds
    with pytest.raises(RolledBackError, match="401"):
        asking(world, mode="none")
    assert world.now_seconds - began < 15


def test_the_way_back_is_verified_with_the_key_too() -> None:
    """A revision that asks for no key any more fails; the one before, which asks, is proven again."""
    world = World(asks_for_keys=True)
    asking(world)
    with pytest.raises(RolledBackError, match="Rolled back to revision 1"):
        asking(world, "lies", mode="none")
    assert set(world.secrets) == {"iris-keys", "iris-verify"}


@pytest.mark.parametrize("others", [0, 1])
def test_removing_a_release_takes_its_own_key_and_leaves_the_callers(others: int) -> None:
    """Keys that were handed out are good again when the release comes back."""
    world = World(asks_for_keys=True)
    cluster: Any = world
    asking(world)
    caller = new("web")
    if others:
        keys.change(
            cluster, "models", "iris-keys", "iris", lambda found: keys.with_new(found, caller.record, NOW)
        )
    kept = undo.remove(world.site(), namespace=False)
    assert set(world.secrets) == ({"iris-keys"} if others else set())
    assert kept == (("web",) if others else ())
    assert not others or [each["id"] for each in records(world)] == ["web"]


def test_callers_keys_are_removed_when_that_is_asked() -> None:
    """With the whole Secret, unless somebody else keeps something in it."""
    for beside in ({}, {"note": b"theirs"}):
        document = json.dumps({"format": 1, "keys": [new("web").record.document()]}).encode()
        world = World(asks_for_keys=True, secrets={"iris-keys": {"keys.json": document, **beside}})
        asking(world)
        assert undo.remove(world.site(), namespace=False, callers=True) == ()
        if beside:
            assert (set(world.secrets), world.secrets["iris-keys"]["note"]) == ({"iris-keys"}, b"theirs")
            assert records(world) == []
        else:
            assert world.secrets == {}


def test_the_secret_for_checks_may_have_another_name() -> None:
    """`access.verifySecretName`: the release's own key is made there, found there, and removed from there."""
    world = World(asks_for_keys=True, verify_secret="iris-proof")  # noqa: S106 - a name
    asking(world)
    first = world.secrets["iris-proof"]["key"]
    assert set(world.secrets) == {"iris-keys", "iris-proof"}
    asking(world, "b")
    assert world.secrets["iris-proof"]["key"] == first
    undo.remove(world.site(), namespace=False)
    assert world.secrets == {}


def test_a_credential_that_is_not_ours_is_used_and_never_written_over() -> None:
    """A key or token that somebody put where `helm test` looks; it stays when the release goes."""
    theirs = new("platform", lasts=None)  # one of ours would be renewed: it has an end
    document = json.dumps({"format": 1, "keys": [theirs.record.document()]}).encode()
    proof = {"key": theirs.text.encode()}
    world = World(
        asks_for_keys=True,
        verify_secret="iris-proof",  # noqa: S106 - a name
        secrets={"iris-keys": {"keys.json": document}, "iris-proof": proof},
    )
    assert all(check.passed for check in asking(world).checks)
    assert [each["id"] for each in records(world)] == ["platform"]
    assert undo.remove(world.site(), namespace=False) == ("platform",)
    assert world.secrets["iris-proof"] == proof


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ({}, ("iris-keys", "iris-verify")),
        ({"access": {"verifySecretName": "proof"}}, ("iris-keys", "proof")),
        ({"access": {"verifySecretName": "", "keys": {"secretName": "callers"}}}, ("callers", "iris-verify")),
        ({"access": None}, ("iris-keys", "iris-verify")),
    ],
)
def test_the_names_of_secrets_are_the_charts(values: Mapping[str, Any], names: tuple[str, str]) -> None:
    """With the same values, `ekiben` and the chart mean the same two Secrets."""
    assert (keys.secret_name(values, "iris"), credential.secret_name(values, "iris")) == names


class Closed(World):
    """Secrets are nobody's business here."""

    status = 403

    def secret(self, _namespace: str, name: str) -> Mapping[str, bytes] | None:
        raise ClusterError(f"may not read {name}", status=self.status)


def test_who_may_not_read_secrets_has_no_key() -> None:
    """That is no error where none is needed; another refusal is."""
    cluster: Any = Closed()
    assert credential.known(cluster, "models", "iris-verify") == ""
    assert verification.ready(Closed().site(), required=False).headers == {}
    with pytest.raises(ClusterError):
        verification.ready(Closed().site(), required=True)
    Closed.status = 500
    with pytest.raises(ClusterError):
        credential.known(cluster, "models", "iris-verify")


def test_the_operators_credential_is_found(tmp_path: Path) -> None:
    """In a file, which wins, or in the environment; blanks around it do not count."""
    file = tmp_path / "key"
    file.write_text("ekiben_a_1\n")
    environment = {"EKIBEN_API_KEY": " ekiben_b_2 "}
    assert credential.given(environment, file) == "ekiben_a_1"
    assert credential.given(environment) == "ekiben_b_2"
    assert credential.given({}) == ""
    assert dict(credential.headers("x")) == {"X-API-Key": "x"}
    assert dict(credential.headers("")) == {}


@pytest.mark.parametrize(
    "content", [b"", b" \n", b"a hunter2", b"a\nhunter2", b"hunter2\x00", b"\xffhunter2"]
)
def test_what_is_no_credential_is_refused_unseen(tmp_path: Path, content: bytes) -> None:
    """The file is named, its content never."""
    file = tmp_path / "key"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=str(file)) as error:
        credential.given({}, file)
    assert "hunter2" not in str(error.value)
    assert error.value.__cause__ is None
    with pytest.raises(ConfigError):
        credential.given({}, tmp_path / "none")
    with pytest.raises(ConfigError, match="EKIBEN_API_KEY"):
        credential.given({"EKIBEN_API_KEY": "two words"})
