"""The figures about runners: titles that are true, and odd data that do not break them."""

import pandas as pd
import pytest

from tasks.cases.marathon.features import measure_runners
from tasks.cases.marathon.figures import runners as figures
from tasks.cases.marathon.figures.patterns import all_comparisons, relation_matrix, shuffled_copies
from tasks.cases.marathon.sample import runners
from tasks.figures.style import figure_to_svg


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return measure_runners.fn(runners(count=800))


def texts(figure: object) -> str:
    return " ".join(text.get_text() for text in figure.texts)  # type: ignore[attr-defined]


def test_titles_state_what_the_data_say(frame: pd.DataFrame) -> None:
    slower = (frame["final"] > 2 * frame["split"]).mean()
    assert f"{slower:.0%}".replace("%", "\u202f%") in texts(figures.joint_times(frame, "Source: sample"))
    assert "takes longer by" in texts(figures.fraction_distribution(frame, ""))
    turned = frame.assign(split_fraction=-frame["split_fraction"])
    assert "takes less by" in texts(figures.fraction_distribution(turned, ""))
    assert "men are fastest at" in texts(figures.times_by_age(frame, ""))
    assert "Too few" in texts(figures.times_by_age(frame.head(30), ""))


def test_every_figure_becomes_svg_without_formula_marks(frame: pd.DataFrame) -> None:
    rows = [{"one": "age", "other": "height", "among": among, "value": 0.5} for among in ("women", "men")]
    comparisons = pd.DataFrame(
        {"times_smallest": [0.1, 20.0, -3.0], "adjusted": [1.0, 0.0, 1e-9], "state": ["none", "finding", "echo"]}
    )
    one_sex = frame[frame["sex"] == "men"]
    for figure in (
        figures.group_violins(frame, "height", "height (cm)", {("women", "AU")}, "finding", "source"),
        figures.group_violins(one_sex, "height", "height (cm)", set(), "finding", "source"),
        figures.joint_times(frame, ""),
        figures.pair_grid(frame, {"age": "age", "height": "height (cm)"}, ""),
        relation_matrix(pd.DataFrame(rows), {"age": "age", "height": "height"}, ""),
        all_comparisons(comparisons, 0.05, ""),
        shuffled_copies([1.0, 0.2, 1e-30], 0.0, 0.05, 1, ""),
    ):
        assert "mathdefault" not in figure_to_svg(figure)


def test_runners_who_are_all_alike_have_no_curve_and_no_legend(frame: pd.DataFrame) -> None:
    alike = pd.concat([frame.head(1)] * 40, ignore_index=True)
    for figure in (figures.fraction_distribution(alike, ""), figures.times_by_age(alike, "")):
        figure_to_svg(figure)
    figure_to_svg(figures.pair_grid(alike, {"age": "age", "height": "height (cm)"}, ""))


def test_counts_in_titles() -> None:
    table = pd.DataFrame({"times_smallest": [0.1, 2.0], "adjusted": [1.0, 0.01], "state": ["none", "finding"]})
    assert "1 of 2 comparisons stands for itself" in texts(all_comparisons(table, 0.05, ""))
    assert "None of 1 comparisons" in texts(all_comparisons(table.head(1), 0.05, ""))
    assert "0 of 2 shuffled copies lead to a finding" in texts(shuffled_copies([1.0, 1.0], 0.5, 0.05, 0, ""))
    assert "was not measured" in texts(shuffled_copies([], 0.5, 0.05, 0, ""))
