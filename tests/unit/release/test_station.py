"""A release proves itself or undoes itself, whatever was there before."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.release.world import World, artefact, digest, task

from ekiben.clients.helm import HelmRevision
from ekiben.errors import ClusterError, RolledBackError
from ekiben.release import record, station


def released(world: World, name: str, replicas: int = 2) -> station.Released:
    return station._release(world.site(), task(name, replicas))


def verified(world: World) -> list[int]:
    return [one.revision for one in record.entries(world.config_maps.get("iris-record", {}))]


def test_a_first_release_makes_its_namespace_and_is_recorded() -> None:
    """All checks pass, by name; the record holds the evidence, the time and the golden rows."""
    world = World()
    found = released(world, "a")
    assert (found.revision.number, found.previous, found.image.tag) == (1, None, "a")
    assert [check.name for check in found.checks] == [
        "rollout",
        "image digest",
        "artefact hash",
        "golden rows",
        "autoscaler",
    ]
    assert all(check.passed for check in found.checks)
    assert world.namespaces == {"models"}
    (entry,) = record.entries(world.config_maps["iris-record"])
    assert entry.at.startswith("2026-03-03T08:")
    assert entry.golden.predictions == (0, 1)


def test_an_upgrade_names_the_revision_before() -> None:
    """`previous` is the one that was verified before it."""
    world = World()
    released(world, "a")
    found = released(world, "b")
    assert found.revision.number == 2
    assert found.previous is not None
    assert found.previous.number == 1
    assert verified(world) == [1, 2]


def test_the_same_again_makes_no_revision_and_verifies_anew() -> None:
    """Nothing is upgraded, the checks are fresh, and other values do make a revision."""
    world = World()
    released(world, "a")
    again = released(world, "a")
    assert again.revision.number == 1
    assert all(check.passed for check in again.checks)
    assert world.calls.count("upgrade") == 1
    assert released(world, "a", replicas=3).revision.number == 2


def test_another_chart_or_value_makes_a_revision() -> None:
    """Even where image and replicas are the same."""
    world = World()
    released(world, "a")
    changed = replace(task("a"), inputs_sha256=digest("other values"))
    assert station._release(world.site(), changed).revision.number == 2


def test_what_only_the_service_shows_is_found() -> None:
    """Every replica is right, the Service's answers are not: the checks at the end go through it."""
    world = World(service_lies_for="b")
    released(world, "a")
    with pytest.raises(RolledBackError, match="from the Service") as error:
        released(world, "b")
    assert error.value.check == "golden rows"


def test_the_same_again_is_released_anew_if_it_is_no_longer_what_it_was() -> None:
    """Somebody put another image there by hand: the same release sets it right."""
    world = World()
    released(world, "a")
    world.apply("b", 2, 99)  # beside Helm
    world.now_seconds += 60
    assert released(world, "a").revision.number == 2
    assert world.serving is not None
    assert world.serving.name == "a"


@pytest.mark.parametrize(
    ("fault", "check", "says"),
    [
        ("crash", "pods stay up", "exit code 1"),
        ("golden", "golden rows at start", "row 1: expected 1, found 0"),
        ("lies", "golden rows", "row 0: expected predictions 0, found 1"),
        ("moved", "image digest", f"moved-0 runs {digest('other')}"),
        ("swapped", "artefact hash", f"swapped-0: {artefact('other')}"),
        ("pull", "image is pulled", "not found"),
        ("stuck", "pods become ready", "Startup probe failed: 503"),
    ],
)
def test_an_upgrade_that_fails_is_rolled_back_and_verified(fault: str, check: str, says: str) -> None:
    """The error names check, cause and the pod's last lines; what was verified last serves again."""
    world = World()
    released(world, "a")
    with pytest.raises(RolledBackError) as error:
        released(world, fault)
    assert error.value.check == check
    assert says in str(error.value)
    assert f"boom from {fault}-0" in str(error.value)
    assert "Rolled back to revision 1 (now 3), verified again" in str(error.value)
    assert world.serving is not None
    assert world.serving.name == "a"
    assert verified(world) == [1, 3]


def test_what_can_be_told_early_does_not_wait_for_the_deadline() -> None:
    """A crash is told at once, a pod that never gets ready at the deadline."""
    for fault, longest in (("crash", 10.0), ("lies", 10.0), ("stuck", 80.0)):
        world = World()
        released(world, "a")
        began = world.now_seconds
        with pytest.raises(RolledBackError):
            released(world, fault)
        assert world.now_seconds - began <= longest, fault


@pytest.mark.parametrize("fault", ["crash", "stuck", "lies"])
def test_a_first_install_that_fails_leaves_nothing(fault: str) -> None:
    """No release, no record, no pods, and no namespace if it was made for it."""
    world = World()
    with pytest.raises(RolledBackError, match="There was nothing before"):
        released(world, fault)
    assert (world.history, world.config_maps, world.serving, world.namespaces) == ([], {}, None, set())


def test_a_namespace_that_was_there_stays() -> None:
    """A failed first install removes only what it made."""
    world = World(namespaces={"models"})
    with pytest.raises(RolledBackError):
        released(world, "crash")
    assert world.namespaces == {"models"}


def test_an_unverified_revision_that_serves_is_gone_back_to() -> None:
    """Somebody installed with plain Helm: what served before serves after."""
    world = World(namespaces={"models"})
    world.history = [HelmRevision(1, "deployed")]
    world.apply("byhand", 2, 1)
    world.now_seconds += 60
    with pytest.raises(RolledBackError, match="it was never verified"):
        released(world, "crash")
    assert world.serving is not None
    assert world.serving.name == "byhand"


def test_an_unverified_revision_that_does_not_serve_is_no_way_back() -> None:
    """A run that was killed left a crashing first install: the next failure removes it all."""
    world = World(namespaces={"models"})
    world.history = [HelmRevision(1, "deployed")]
    world.apply("crash", 2, 1)
    with pytest.raises(RolledBackError, match="There was nothing before"):
        released(world, "stuck")
    assert world.history == []


def test_a_killed_run_is_superseded_by_the_next() -> None:
    """Helm calls it deployed, the record does not know it: no way back leads there."""
    world = World()
    released(world, "a")
    world.history = [HelmRevision(1, "superseded"), HelmRevision(2, "deployed")]
    world.apply("crash", 2, 2)  # killed here
    with pytest.raises(RolledBackError, match="Rolled back to revision 1"):
        released(world, "stuck")
    assert released(world, "b").checks


def test_a_helm_that_fails_halfway_is_undone() -> None:
    """A failed revision in the history is a failed check; the words are Helm's."""
    world = World()
    released(world, "a")
    world.refusals = ["Error: UPGRADE FAILED: the server says no"]
    with pytest.raises(RolledBackError, match="the server says no") as error:
        released(world, "b")
    assert error.value.check == "helm upgrade"
    assert verified(world)[-1] == 3


def test_a_way_back_that_fails_says_both() -> None:
    """Exit code 4, with the first failure and the second."""
    world = World()
    released(world, "a")
    world.refusals = ["", "Error: rollback: no"]
    with pytest.raises(ClusterError, match=r"exit code 1.*rollback: no") as error:
        released(world, "crash")
    assert error.value.exit_code == 4


def test_a_way_back_that_answers_wrong_is_no_way_back() -> None:
    """What was verified once must show it again: its Service lies now, and that is said."""
    world = World()
    released(world, "a")
    world.service_lies_for = "a"
    with pytest.raises(ClusterError, match="does not serve as it did: golden rows"):
        released(world, "crash")
    assert verified(world) == [1]


def test_somebody_elses_release_is_not_undone() -> None:
    """Another revision appeared while ours was being verified: nothing is rolled back."""
    world = World()
    released(world, "a")

    def meanwhile() -> None:
        if len(world.history) == 2:
            world.history.append(HelmRevision(3, "deployed"))

    world.on_sleep = meanwhile
    with pytest.raises(ClusterError, match="released meanwhile by somebody else"):
        released(world, "stuck")
    assert not [call for call in world.calls if call.startswith("rollback")]


def test_an_api_server_that_restarts_is_waited_for() -> None:
    """Some seconds without an answer are no failure; a long silence is."""
    world = World()
    world.ensure_namespace("models")
    world.on_sleep = lambda: setattr(world, "away_until", 1012.0)
    assert released(world, "a").revision.number == 1
    world.on_sleep = lambda: setattr(world, "away_until", 9999.0)
    with pytest.raises(ClusterError, match="no connection"):
        released(world, "b")


def unscaled(count: int | None) -> station._Task:
    """A release without an HPA."""
    plain = task("b", count or 2)
    return replace(
        plain,
        values={**plain.values, "replicaCount": count},
        wanted=replace(plain.wanted, autoscaled=False),
    )


@pytest.mark.parametrize(
    ("count", "gone_after", "owned"),
    [(1, 3.0, ["own 1 replicas"]), (1, float("inf"), []), (None, 3.0, [])],
    ids=["a number", "an HPA that stays is somebody's", "as many as there are"],
)
def test_an_hpa_that_goes_has_not_the_last_word(
    count: int | None, gone_after: float, owned: list[str]
) -> None:
    """Once it is gone, the number that was asked for is set again: it may have changed it after Helm."""
    world = World()
    released(world, "a")
    world.calls.clear()
    world.scaled_until = world.now_seconds + gone_after
    station._release(world.site(), unscaled(count))
    assert [call for call in world.calls if call.startswith(("own", "upgrade"))] == ["upgrade", *owned]


def test_where_nothing_scaled_nothing_is_waited_for() -> None:
    """A release that never had an HPA is as Helm made it."""
    world = World(scaled_until=0.0)
    station._release(world.site(), unscaled(3))
    assert not [call for call in world.calls if call.startswith("own")]
