from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as reference

from ekiben.config.train import Bootstrap
from ekiben.train import metrics, resampling, unanimous
from ekiben.train.metrics import Judged

RANDOM = np.random.default_rng(5)


def classified(classes: int, rows: int = 60) -> Judged:
    """Answers that are right more often than not, with ties among the probabilities."""
    labels = RANDOM.integers(0, classes, rows)
    given = np.round(RANDOM.dirichlet(np.ones(classes), rows), 1) + 0.3 * np.eye(classes)[labels]
    given /= given.sum(axis=1, keepdims=True)
    return Judged(labels, given.argmax(axis=1), given, tuple(range(classes)))


def regressed(rows: int = 60) -> Judged:
    labels = RANDOM.normal(1e6, 1, rows)
    return Judged(labels, labels + RANDOM.normal(0, 0.5, rows))


@pytest.mark.parametrize("judged", [classified(2), classified(4), regressed()], ids=["two", "four", "real"])
def test_each_resample_is_what_scikit_learn_says_of_it(judged: Judged) -> None:
    """The metrics of a thousand resamples at once are those of scikit-learn's functions, one by one."""
    found = resampling.resampled(judged, 12, 3)
    drawn = np.concatenate(list(resampling.weights(np.arange(60), 12, 3)))
    assert (drawn.sum(axis=1) == 60).all()
    for at, times in enumerate(drawn):
        rows = judged.of(np.repeat(np.arange(60), times.astype(int)))
        for name, values in found.items():
            assert values[at] == pytest.approx(metrics.value(name, rows), rel=1e-9), name


def test_metrics_of_each_class() -> None:
    """Precision, recall and F1 of each class are scikit-learn's, inside their intervals."""
    judged = classified(3)
    expected = reference.precision_recall_fscore_support(judged.labels, judged.predictions)
    found = metrics.by_class(judged, Bootstrap(resamples=200), 0)
    for place, entry in enumerate(found):
        assert entry["rows"] == expected[3][place]
        for name, values in zip(("precision", "recall", "f1"), expected, strict=False):
            assert entry[name]["value"] == pytest.approx(values[place])
            assert entry[name]["low"] <= entry[name]["value"] <= entry[name]["high"]


def test_the_interval_has_the_width_of_theory() -> None:
    """The interval of a mean is about 1.96 standard errors to each side, and another seed moves it little."""
    labels = np.zeros(2000)
    errors = RANDOM.exponential(1.0, 2000)
    found = [metrics.measure(Judged(labels, errors), Bootstrap(), seed)["mae"] for seed in (1, 1, 2)]
    half = 1.96 * errors.std() / np.sqrt(2000)
    assert found[0] == found[1] != found[2]
    for each in found:
        assert each.value == pytest.approx(errors.mean())
        assert (each.value - each.low, each.high - each.value) == pytest.approx((half, half), rel=0.15)


def test_answers_without_a_fault_are_not_beyond_doubt() -> None:
    """With n right answers of n the lower bound is the exact one of the binomial distribution."""
    from scipy.stats import binomtest

    labels = np.repeat([0, 1], [30, 10])
    judged = Judged(labels, labels, np.eye(2)[labels], (0, 1))
    found = metrics.measure(judged, Bootstrap(), 0)
    assert found["accuracy"].low == pytest.approx(binomtest(40, 40).proportion_ci().low)
    assert found["balanced_accuracy"].low == pytest.approx(binomtest(10, 10).proportion_ci().low)
    assert found["accuracy"].high == 1


def test_a_perfect_ranking_is_not_beyond_doubt() -> None:
    """Of 30 and 10 rows, 10 pairs without a row in common were ranked rightly: their exact bound."""
    from scipy.stats import binomtest

    labels = np.repeat([0, 1], [30, 10])
    sure = np.where(labels == 1, RANDOM.uniform(0.6, 0.9, 40), RANDOM.uniform(0.1, 0.4, 40))
    found = metrics.measure(
        Judged(labels, labels, np.stack([1 - sure, sure], axis=1), (0, 1)), Bootstrap(), 0
    )
    assert found["roc_auc"].low == pytest.approx(binomtest(10, 10).proportion_ci().low)
    assert (found["roc_auc"].value, found["roc_auc"].high, found["roc_auc"].by) == (1, 1, "exact")
    assert found["brier"].by == found["log_loss"].by == "resamples"


def test_the_exact_bound_of_a_ranking_covers_what_it_should() -> None:
    """Of true areas at the bound, at most (1 - confidence) / 2 of samples are ranked without a mistake."""
    positives, negatives = 6, 9
    bound = unanimous.limit(positives, 0.95)
    from scipy.stats import norm

    apart = np.sqrt(2) * norm.ppf(bound)  # two normal distributions with that area
    high = RANDOM.normal(apart, 1, (20_000, positives)).min(axis=1)
    low = RANDOM.normal(0, 1, (20_000, negatives)).max(axis=1)
    assert (high > low).mean() <= 0.025


def test_rows_of_groups_leave_fewer_pairs() -> None:
    """Two groups with rows of both classes are one pair."""
    labels = np.tile([0, 1], 10)
    sure = np.where(labels == 1, 0.9, 0.1)
    groups = np.repeat([0, 1], 10)
    judged = Judged(labels, labels, np.stack([1 - sure, sure], axis=1), (0, 1), groups)
    found = metrics.measure(judged, Bootstrap(), 0)
    assert found["roc_auc"].low == pytest.approx(0.025)
    assert found["accuracy"].low == pytest.approx(np.sqrt(0.025))


def test_certain_and_right_is_not_beyond_doubt() -> None:
    """Probabilities of 0 and 1 that are all right: the worst row bounds Brier score and log loss."""
    labels = np.repeat([0, 1], [30, 10])
    found = metrics.measure(Judged(labels, labels, np.eye(2)[labels], (0, 1)), Bootstrap(), 0)
    wrong = 1 - 0.025 ** (1 / 40)
    assert (found["brier"].low, found["brier"].high) == pytest.approx((0, wrong))
    assert found["log_loss"].high == pytest.approx(-np.log(np.finfo(float).eps) * wrong)
    assert found["brier"].by == found["log_loss"].by == "exact"


def test_an_error_that_nothing_bounds_has_no_interval() -> None:
    """Numbers answered to the last digit: MAE, RMSE and R2 say that there is none."""
    labels = np.arange(20.0)
    found = metrics.measure(Judged(labels, labels), Bootstrap(), 0)
    assert {name: each.by for name, each in found.items()} == dict.fromkeys(("mae", "rmse", "r2"), "none")


def test_a_class_without_a_mistake_is_not_beyond_doubt() -> None:
    """Recall of n of n rows, and precision of n of n answers, have the exact bound; so has recall 0 of n."""
    from scipy.stats import binomtest

    labels = np.array([0] * 10 + [1] * 10 + [2] * 5)
    answers = np.array([0] * 10 + [1] * 9 + [0] + [1] * 5)
    first, second, third = metrics.by_class(Judged(labels, answers, None, (0, 1, 2)), Bootstrap(), 0)
    assert first["recall"]["low"] == pytest.approx(binomtest(10, 10).proportion_ci().low)
    assert first["recall"]["by"] == "exact"
    assert second["recall"]["by"] == "resamples"
    assert third["recall"]["high"] == pytest.approx(binomtest(0, 5).proportion_ci().high)
    assert third["precision"] is None
    assert third["f1"]["high"] > 0


def test_rows_of_a_group_are_drawn_together() -> None:
    """Ten copies of a row say no more than the row: the interval is that of the groups."""
    few = regressed(20)
    copied = few.of(np.repeat(np.arange(20), 10))
    grouped = Judged(copied.labels, copied.predictions, groups=np.repeat(np.arange(20), 10))
    alone, together, apart = (metrics.measure(each, Bootstrap(), 4)["mae"] for each in (few, grouped, copied))
    assert (together.low, together.high) == pytest.approx((alone.low, alone.high))
    assert apart.high - apart.low < (together.high - together.low) / 2


def test_what_rows_do_not_define_is_left_out() -> None:
    """ROC AUC needs every class among the labels, R2 two labels, Brier and log loss probabilities."""
    one = Judged(np.zeros(5, int), np.zeros(5, int), np.full((5, 2), 0.5), (0, 1))
    assert "roc_auc" not in metrics.measure(one, Bootstrap(resamples=100), 0)
    bare = Judged(np.array([0, 1]), np.array([0, 0]), None, (0, 1))
    assert set(metrics.measure(bare, Bootstrap(resamples=100), 0)) == {
        "accuracy",
        "balanced_accuracy",
        "f1_macro",
    }
    assert set(metrics.measure(Judged(np.ones(4), np.ones(4)), Bootstrap(resamples=100), 0)) == {
        "mae",
        "rmse",
    }
