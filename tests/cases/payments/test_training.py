"""Does k-means find the kinds of vendors that are there, and is it said so when there are none?"""

import numpy as np
import pandas as pd
import pytest

from tasks.cases.payments.evaluation import evaluate_segments, score_champion_segments, score_segments
from tasks.cases.payments.figures import segment_maps, silhouette_by_k
from tasks.cases.payments.report.compose import judge
from tasks.cases.payments.report.sentences import first_look, told_kinds
from tasks.cases.payments.training import Segments, segment_vendors
from tasks.cases.payments.validation import FAULT, REMEDY, check_lines, check_sums
from tasks.evaluation.champion import decide
from tasks.evaluation.metrics import Metric
from tasks.figures.style import figure_to_svg
from tasks.platform.errors import ContractError
from tasks.platform.store import store
from tasks.validation.contract import ContractReport
from tasks.validation.tables import check_counted


def blobs(apart: float, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    chance = np.random.default_rng(seed)
    kind = np.repeat(np.arange(3), [120, 80, 50])
    centres = apart * np.eye(3)
    return centres[kind] + chance.standard_normal((250, 3)), kind


def evaluated(scaled: np.ndarray, segments: Segments, champion: np.ndarray | None = None) -> dict[str, Metric]:
    cases = score_segments.fn(scaled, segments.labels, segments.naive)
    metrics = evaluate_segments.fn(scaled, segments.labels, cases.scores, cases.baseline, segments.judged, champion)
    return {metric.name: metric for metric in metrics}


def test_kinds_that_lie_apart_are_found_and_ordered_by_money() -> None:
    from sklearn.metrics import adjusted_rand_score

    scaled, kind = blobs(12)
    vendors = pd.DataFrame({"cents": np.array([1, 100, 10])[kind]})
    segments = segment_vendors.fn(vendors, scaled, np.c_[scaled[:, :2], 1e6 * scaled[::-1, 2]], 6)
    assert adjusted_rand_score(kind, segments.labels) == 1
    money = vendors["cents"].groupby(segments.labels).sum()
    assert money.is_monotonic_decreasing
    assert (segments.model.predict(scaled) == segments.labels).all(), "the model and the labels name the same segments"
    assert set(segments.scores["k"]) == set(range(2, 7))
    assert segments.judged.kinds == 3
    by_name = evaluated(scaled, segments)
    assert by_name["stability"].value == pytest.approx(1)
    silhouette = by_name["silhouette"]
    assert silhouette.low is not None
    assert silhouette.baseline is not None
    assert silhouette.low > 0.7 > silhouette.baseline
    held_out = by_name["silhouette_held_out"]
    assert held_out.baseline is not None
    assert held_out.value > 0.7 > held_out.baseline


def test_the_champion_is_scored_on_the_same_vendors_by_its_own_choices() -> None:
    scaled, kind = blobs(12)
    vendors = pd.DataFrame({"cents": np.array([1, 100, 10])[kind]})
    segments = segment_vendors.fn(vendors, scaled, scaled, 6)
    scored = score_segments.fn(scaled, segments.labels, np.zeros(len(scaled), int))
    np.testing.assert_allclose(score_champion_segments.fn(scaled, segments.config), scored.scores)
    assert (scored.baseline == 0).all()
    worse = score_champion_segments.fn(scaled, {"features": "scaled", "k": segments.config["k"] + 3})
    assert worse.mean() < scored.scores.mean()
    assert evaluated(scaled, segments, worse)["silhouette"].champion == pytest.approx(worse.mean())
    assert evaluated(scaled, segments)["silhouette"].champion is None
    for odd in ({"features": "raw", "k": 3}, {"features": "scaled", "k": 10**6}, {"features": "scaled", "k": 1}):
        with pytest.raises(ValueError, match="no segmentation"):
            score_champion_segments.fn(scaled, odd)


def test_vendors_without_differences_are_no_kinds() -> None:
    vendors, alike = pd.DataFrame({"cents": np.ones(40)}), np.zeros((40, 3))
    with pytest.raises(ContractError, match="all alike"):
        segment_vendors.fn(vendors, alike, alike, 8)
    two = np.repeat([[0.0], [1.0]], 20, axis=0)
    segments = segment_vendors.fn(vendors, two, alike, 8)
    assert segments.config["k"] == 1, "a column of two values is one cloud of such a column"
    assert (segments.naive == 0).all()


def test_one_correlated_cloud_is_one_group() -> None:
    """k-means cuts it in half, with a stability of 0.96: that is no kind."""
    chance = np.random.default_rng(3)
    cloud = chance.standard_normal((250, 1)) * 2 + chance.standard_normal((250, 8))
    scaled = (cloud - cloud.mean(axis=0)) / cloud.std(axis=0)
    segments = segment_vendors.fn(pd.DataFrame({"cents": np.ones(250, int)}), scaled, scaled, 6)
    assert (segments.labels == 0).all()
    assert segments.model.n_clusters == segments.config["k"] == 1
    by_name = evaluated(scaled, segments)
    assert by_name["kinds"].value == 1
    assert "stability" not in by_name
    assert "silhouette" not in by_name
    assert told_kinds(segments.judged) == "The vendors form one group, no kinds stand apart."
    verdict = judge(segments.judged, list(by_name.values()))
    assert verdict.met is None
    assert "no kinds" in verdict.sentence
    assert "No kinds" in figure_to_svg(silhouette_by_k(segments.scores, 1))
    assert "one group" in figure_to_svg(
        segment_maps(pd.DataFrame({"payments": 5, "median": np.ones(250)}), segments.labels, segments.naive)
    )
    scored = score_segments.fn(scaled, segments.labels, segments.naive)
    assert not decide(scored.scores, None, "silhouette", baseline=scored.baseline).promoted


def test_the_first_sentence_names_the_payments_that_need_a_look() -> None:
    far = pd.DataFrame(
        {"name": ["Acme <b>", "B"], "vendor": ["1", "2"], "quarter": "2015 Q3", "dollars": [5e6, 1e3], "ratio": 310.2}
    )
    twice = pd.DataFrame(
        {"name": [""], "vendor": "0000000007", "quarter": "2012 Q1", "dollars": 500.0, "times": 3, "usual": 1}
    )
    counts = {"unusual": 9, "repeated": 1, "surplus_cents": 100_000}
    assert first_look(far, twice, counts) == (
        "Look first at $5.0 million to Acme <b> in 2015 Q3, 310 times what it is usually paid, and at $500 to"
        " 0000000007 in 2012 Q1, paid 3 times where once is usual. In all, 9 payments are far above what the vendor is"
        " usually paid, and 1 amount is paid more often than is usual, with $1,000 at stake."
    )
    assert "$500" not in first_look(far, twice.head(0), counts)
    assert first_look(far.head(0), twice.head(0), counts).startswith("No payment stands out")


def held(report: ContractReport, remedy: str = REMEDY) -> ContractReport:
    """Return the report of a run that goes on."""
    return check_counted(store().put(report), remedy).load(ContractReport)


def tally(fields: int) -> pd.DataFrame:
    return pd.DataFrame({"reason": ["fields"], "lines": [fields]})


def test_too_many_lines_in_quarantine_stop_the_flow_at_the_share_that_was_given() -> None:
    report = held(check_lines.fn(tally(20), 1_980, 0.01))
    assert report.passed
    assert (report.rows, report.quarantined) == (2_000, 20)
    broken = [result for result in report.results if result.broken]
    assert [(result.severity, result.broken) for result in broken] == [("quarantine", 20)]
    with pytest.raises(ContractError, match="21 of 2,000 lines are in quarantine"):
        held(check_lines.fn(tally(21), 1_979, 0.01))
    with pytest.raises(ContractError, match="there are 5"):
        held(check_lines.fn(tally(0), 5, 0.01))


def test_a_lost_payment_or_cent_stops_the_flow() -> None:
    cells = pd.DataFrame({"payments": [2, 1], "cents": [50, 7]})
    vendors = pd.DataFrame({"payments": [3], "cents": [57], "names": [2]})
    report = held(check_sums.fn(cells, vendors, {"zero": 1}, 3), FAULT)
    assert [result.broken for result in report.results] == [0, 1, 1]
    with pytest.raises(ContractError, match="differ by 1 cents"):
        held(check_sums.fn(cells, vendors.assign(cents=56), {"zero": 0}, 3), FAULT)
    with pytest.raises(ContractError, match="hold 3 of 4 payments"):
        held(check_sums.fn(cells, vendors, {"zero": 0}, 4), FAULT)
