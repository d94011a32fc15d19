"""The two pages of this station: what the data are like, and how good the model is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ekiben.train import page, plots
from ekiben.train.incumbent import Comparison
from ekiben.train.metrics import Judged

_MOST_COLUMNS = 60  # plotted


def data_page(report: Mapping[str, Any]) -> str:
    """Give the data report as a page."""
    return page.page(f"{report['model']}: the data", _data_parts(report))


def _data_parts(report: Mapping[str, Any]) -> Iterator[str]:
    yield page.paragraph(
        f"{report['rows']:,} rows, {len(report['columns'])} columns from {report['source']}", "sub"
    )
    yield page.heading("What was found")
    if not report["findings"]:
        yield page.paragraph("No missing value, outlier, duplicate, constant column, imbalance or leakage.")
    for sentence in report["findings"]:
        yield page.paragraph(sentence, "note")
    yield page.heading("Columns")
    header = ("column", "type", "missing", "distinct", "lowest", "median", "highest", "outliers")
    yield page.table(header, (_column_row(column) for column in report["columns"]))
    if report["parts"] is not None:
        yield page.heading("Parts")
        seen = report["parts"]["seen_in_train"]
        rows = ((name, rows, seen.get(name, "")) for name, rows in report["parts"]["rows"].items())
        yield page.table(("part", "rows", "seen among the rows to fit on"), rows)
    yield page.heading("Distributions")
    shown = [{"name": "target", **report["target"]}, *report["columns"][:_MOST_COLUMNS]]
    yield page.figures((_distribution(column), _caption(column)) for column in shown)


def _column_row(column: Mapping[str, Any]) -> tuple[object, ...]:
    places = column.get("quantiles", {})
    numbers = (f"{places[key]:.4g}" if key in places else "" for key in ("min", "median", "max"))
    beyond = column["outliers"]["count"] if "outliers" in column else ""
    return (column["name"], column["type"], column["missing"], column["distinct"], *numbers, beyond)


def _distribution(column: Mapping[str, Any]) -> str:
    if "histogram" in column:
        fences = (column["outliers"]["low"], column["outliers"]["high"])
        return plots.histogram(column["name"], **column["histogram"], marks=fences)
    return plots.bars(column["name"], column["values"])


def _caption(column: Mapping[str, Any]) -> str:
    missing = f"{column['missing']} missing" if column["missing"] else "none missing"
    return f"{column['type']}, {missing}" + ("; dashed: fences of outliers" if "outliers" in column else "")


def model_page(tag: str, card: Mapping[str, Any], judged: Judged, compared: Comparison | None) -> str:
    """Give the model report as a page.

    Args:
        tag: Of the model.
        card: Content of `card.json`.
        judged: Answers to the held-out rows.
        compared: With the model in service.
    """
    return page.page(f"{tag}: how good it is", _model_parts(card, judged, compared))


def _model_parts(card: Mapping[str, Any], judged: Judged, compared: Comparison | None) -> Iterator[str]:
    rows = ", ".join(f"{count:,} {name}" for name, count in card["rows"].items())
    yield page.paragraph(f"{card['estimator']}, {rows} rows, parted by {card['split']['by']}", "sub")
    yield page.heading("Metrics on the held-out rows")
    share = f"{card['interval']['confidence']:.0%}"
    yield page.table(
        ("metric", "value", f"{share} interval"), (_interval(*each) for each in card["metrics"].items())
    )
    limits = [f"{name} {card['acceptance'][name]:g}" for name in ("min", "max") if name in card["acceptance"]]
    yield page.paragraph(f"Accepted by the worse bound of {card['metric']}: {', '.join(limits)}.")
    if compared is not None:
        yield page.paragraph(_beside(compared, card["metric"]), "note")
    yield page.figures(_plots(card, judged))
    if card["classes"]:
        yield page.heading("By class")
        yield page.table(
            ("class", "rows", "precision", "recall", "F1"), (_class(each) for each in card["classes"])
        )
    for column, entries in card["slices"].items():
        yield page.heading(f"By {column}")
        names = list(card["metrics"])
        found = ((e["value"], e["rows"], *(_short(e["metrics"].get(n)) for n in names)) for e in entries)
        yield page.table((column, "rows", *names), found)
    if card["search"] is not None:
        yield page.heading("Search")
        yield page.paragraph(f"{card['search']['method']}, {card['search']['candidates']} candidates")
        best = card["search"]["best"][:10]
        yield page.table(
            ("parameters", card["search"]["metric"], "standard deviation"),
            ((_named(e["parameters"]), f"{e['mean']:.4f}", f"{e['std']:.4f}") for e in best),
        )


def _plots(card: Mapping[str, Any], judged: Judged) -> Iterator[tuple[str, str]]:
    from sklearn import metrics
    from sklearn.calibration import calibration_curve

    if judged.classes:
        yield plots.confusion(judged), "Held-out rows; the opacity is the share of the label's rows."
    if judged.probabilities is not None:
        yield (
            plots.curve(
                "ROC", judged, lambda y, p: metrics.roc_curve(y, p)[:2], ("false positives", "recall")
            ),
            "Each class against the rest.",
        )
        yield (
            plots.curve(
                "Precision and recall",
                judged,
                lambda y, p: metrics.precision_recall_curve(y, p)[1::-1],
                ("recall", "precision"),
                diagonal=False,
            ),
            "Each class against the rest.",
        )
        yield (
            plots.curve(
                "Calibration",
                judged,
                lambda y, p: calibration_curve(y, p, n_bins=10)[::-1],
                ("probability answered", "share that is so"),
            ),
            f"Expected calibration error {card['calibration']['expected_error']:.4f}.",
        )
    if not judged.classes:
        yield plots.residuals(judged), "Label minus answer of the held-out rows."
    ranked = sorted(card["importance"].items(), key=lambda item: -item[1]["mean"])
    values = {name: each["mean"] for name, each in ranked}
    errors = [each["std"] for _, each in ranked]
    caption = f"Loss of {card['metric']} when the column is shuffled; the line is one standard deviation."
    yield plots.bars("Permutation importance", values, errors), caption
    if "contributions" in card:
        yield _contributions(card["contributions"])


def _contributions(found: Mapping[str, Any]) -> tuple[str, str]:
    """How much each column contributes to explanations; the mean over scores."""
    sizes = {name: sum(each) / len(each) for name, each in found["mean_absolute"].items()}
    ranked = dict(sorted(sizes.items(), key=lambda item: -item[1]))
    caption = (
        f"Mean size of a contribution over {found['rows']} held-out rows, in units of the {found['scale']}."
    )
    return plots.bars("Contributions to explanations", ranked), caption


def _beside(compared: Comparison, metric: str) -> str:
    if compared.gain is None:
        return f"Not compared with {compared.tag} in service: {compared.reason}."
    gain = compared.gain
    rows = "the rows that it was judged on" if compared.same_rows else "rows that it may have been fitted on"
    return (
        f"Beside {compared.tag} in service: better by {gain.value:+.4f} {metric} "
        f"({gain.low:+.4f} to {gain.high:+.4f}), on {rows}."
    )


def _interval(name: str, each: Mapping[str, float]) -> tuple[str, str, str]:
    return name, f"{each['value']:.4f}", f"{each['low']:.4f} to {each['high']:.4f}"


def _short(each: Mapping[str, float] | None) -> str:
    return "" if each is None else f"{each['value']:.3f} ({each['low']:.3f} to {each['high']:.3f})"


def _class(entry: Mapping[str, Any]) -> tuple[object, ...]:
    return (entry["class"], entry["rows"], *(_short(entry[name]) for name in ("precision", "recall", "f1")))


def _named(parameters: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in parameters.items())
