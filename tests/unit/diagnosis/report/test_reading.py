"""What is asked of Prometheus, and what its answers are taken for."""

from __future__ import annotations

import pytest
from tests.unit.diagnosis.report.metrics import BEGIN, HOUR, Table, board, line, panel, report

from ekiben.clients.prometheus import Prometheus
from ekiben.diagnosis.report import reading
from ekiben.diagnosis.report.answers import Chosen, legend
from ekiben.diagnosis.report.span import Span
from ekiben.errors import ClusterError
from ekiben.observe.boards.board import Mark, Query

RATE = 'sum by (pod) (rate(model_predictions_total{release!=""}[$__rate_interval]))'
VERSIONS = Mark("Versions", 'new{release!=""}', "version {{version}}")


def test_a_query_is_asked_as_grafana_asks_it() -> None:
    """The page's variables and the window in their places, at every step of the time."""
    metrics = Table()
    report(metrics, board(panel(RATE)))
    expected = 'sum by (pod) (rate(model_predictions_total{namespace="models",release="iris"}[60s]))'
    assert metrics.asked == [(expected, BEGIN, BEGIN + 3600, 15)]


def test_a_panel_of_two_boards_is_asked_once() -> None:
    """Boards share panels."""
    metrics = Table({"predictions": (line(1, 2),)})
    found = report(metrics, board(panel()), board(panel(), uid="another"))
    assert len(metrics.asked) == 1
    assert [each.has_data for part in found.boards for each in part.panels()] == [True, True]


def test_one_refused_query_leaves_the_others() -> None:
    """It is said with its reason; what has data has it."""
    metrics = Table({"predictions": (line(1.0),), "broken": "too many samples"})
    found = report(metrics, board(panel(), panel("broken", title="Other")))
    good, bad = next(iter(found.boards)).panels()
    assert (good.has_data, good.errors) == (True, ())
    assert (bad.has_data, bad.errors) == (False, ("too many samples",))
    assert found.failed == 1


def test_bounds_alone_are_no_data() -> None:
    """An objective without anything that is held against it is an empty panel."""
    bound = Query("objective", "objective", limit=True)
    [found] = next(
        iter(report(Table({"objective": (line(1.0),)}), board(panel(more=(bound,)))).boards)
    ).panels()
    assert not found.has_data


def test_a_mark_is_the_first_minute_of_each_run() -> None:
    """A version that came twice is marked twice, with its label; both ends of a run are one."""
    twice = line(1, 1, step=60, begin=BEGIN + 600, version="a")
    again = line(1, step=60, begin=BEGIN + 1800, version="a")
    joined = type(twice)(twice.labels, twice.points + again.points)
    other = line(1, step=60, begin=BEGIN + 900, version="b")
    [found] = report(Table({"new": (joined, other)}), board(panel(), marks=(VERSIONS,))).boards
    assert [(each.time - BEGIN, each.text) for each in found.moments] == [
        (600, "version a"), (900, "version b"), (1800, "version a"),
    ]  # fmt: skip


def test_marks_of_a_long_time_are_counted_within_its_steps() -> None:
    """Three weeks have more minutes than Prometheus gives points: none is left out between two steps."""
    metrics = Table()
    span = Span(BEGIN, BEGIN + 21 * 86_400, 15)
    report(metrics, board(panel(), marks=(VERSIONS,)), chosen=Chosen("models", "iris", span))
    [mark] = [asked for asked in metrics.asked if "new" in asked[0]]
    assert mark[0] == 'count_over_time((new{namespace="models",release="iris"})[14400s:60s])'
    assert mark[3] == 14_400


def test_a_mark_that_cannot_be_asked_is_said() -> None:
    """By its title; it counts as what could not be asked."""
    found = report(Table({"new": "refused"}), board(panel(), marks=(VERSIONS,)))
    assert found.boards[0].mark_errors == ("Versions: refused",)
    assert found.failed == 1


@pytest.mark.parametrize(
    ("scraped", "seconds"), [((0, 5, 10, 25, 30), 5), ((0, 30.02, 60.01), 30), ((0,), 15), ((), 15)]
)
def test_the_scrape_interval_is_measured(scraped: tuple[float, ...], seconds: int) -> None:
    """The middle gap, whole seconds, whatever one lost scrape does; Grafana's default where there is none."""
    metrics = Table()
    metrics.scraped = scraped
    assert reading.scrape_seconds(metrics, "models", "iris", BEGIN) == seconds


def test_a_prometheus_that_is_not_there_ends_it() -> None:
    """Nobody listens on port 9 of loopback: an error of the cluster, with what to do."""
    with (
        Prometheus("http://127.0.0.1:9") as metrics,
        pytest.raises(ClusterError, match="not reached") as error,
    ):
        reading.scrape_seconds(metrics, "models", "iris", BEGIN)
    assert error.value.remedy


def test_a_probe_that_is_refused_claims_nothing() -> None:
    """Then nobody knows why there is no data, and no reason is made up."""
    metrics = Table()
    metrics.refuses_probes = True
    [found] = report(metrics, board(panel())).boards[0].panels()
    assert found.absences == ()


def test_labels_stand_in_the_legend() -> None:
    """In the place of their names; one that a series has not is left out."""
    assert legend("{{metric}} of {{ version }}{{none}}", {"metric": "f1", "version": "7"}) == "f1 of 7"
    assert HOUR.span.first == BEGIN
