"""What a killed Helm left pending is put right first."""

from __future__ import annotations

from tests.unit.release.world import World, task

from ekiben.clients.helm import HelmRevision
from ekiben.release import repair, station


def test_a_pending_upgrade_goes_back_to_the_verified_revision() -> None:
    """Not to one that Helm merely calls superseded."""
    world = World()
    station._release(world.site(), task("a"))
    world.history += [HelmRevision(2, "superseded"), HelmRevision(3, "pending-upgrade")]
    found = repair.repair(world.site())
    assert world.calls[-1] == "rollback 1"
    assert found[-1].status == "deployed"


def test_a_pending_first_install_is_removed() -> None:
    """There is nothing to go back to."""
    world = World(history=[HelmRevision(1, "pending-install")])
    assert repair.repair(world.site()) == ()
    assert world.calls == ["uninstall"]


def test_a_pending_upgrade_without_a_record_goes_back_to_what_was_deployed() -> None:
    """Helm's word is better than nothing."""
    world = World(history=[HelmRevision(4, "deployed"), HelmRevision(5, "pending-upgrade")])
    world.apply("a", 2, 4)
    repair.repair(world.site())
    assert world.calls == ["rollback 4"]


def test_a_command_that_is_still_running_is_left_alone() -> None:
    """Another run's Helm gets the time it needs."""
    world = World(history=[HelmRevision(1, "pending-install")])

    def finish() -> None:
        world.history = [HelmRevision(1, "deployed")]

    world.on_sleep = finish
    assert repair.repair(world.site())[-1].status == "deployed"
    assert world.calls == []


def test_an_interrupted_uninstall_is_finished() -> None:
    """`uninstalling` goes on to nothing."""
    world = World(history=[HelmRevision(1, "superseded"), HelmRevision(2, "uninstalling")])
    repair.repair(world.site())
    assert world.calls == ["uninstall"]


def test_a_sound_history_is_not_touched() -> None:
    """Failed revisions are no business of a repair: Helm goes on from them."""
    world = World(history=[HelmRevision(1, "deployed"), HelmRevision(2, "failed")])
    assert [one.number for one in repair.repair(world.site())] == [1, 2]
    assert world.calls == []
