"""What is told holds in the data as they were recorded: sentences against plain means, on groups of every form."""

import re

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tasks.cases.marathon.evaluation.check import Recorded, confirm
from tasks.cases.marathon.evaluation.records import Row, Rule, population
from tasks.cases.marathon.evaluation.search import search
from tasks.cases.marathon.evaluation.shuffles import shuffled
from tasks.cases.marathon.evaluation.tables import find_patterns
from tasks.cases.marathon.features import MEASURES, derive, measure_runners
from tasks.cases.marathon.report.compose import flat_groups
from tasks.cases.marathon.sample import runners
from tasks.cases.marathon.skewed import FORMS, NATIONS, judged, standard, table

BUT = r"(?P<but> but those of [A-Z]+(?: and of [A-Z]+)*)?"
SENTENCE = re.compile(
    r"(?P<who>women|men) of (?P<nation>[A-Z]+) are (?P<more>.+?) by (?P<value>[\d.]+) (?P<unit>\S+) \(95 % (?P<low>\S+)"
    r" to (?P<high>\S+)\) than the other \w+" + BUT
)
SPREAD = re.compile(
    r"(?P<who>women|men) of (?P<nation>[A-Z]+) have a (?P<more>wider|narrower) spread of (?P<noun>.+?), (?P<value>\S+)"
    r" times \(95 % (?P<low>\S+) to (?P<high>\S+)\) that of the other \w+"
    + BUT
    + r" \(mean distance from the median (?P<one>\S+) against (?P<other>\S+) \S+\)"
)


def told(frame: pd.DataFrame) -> list[str]:
    sentences = find_patterns.fn(frame, 0.05, 0.2).tests["sentence"]
    return [text[0].lower() + text[1:].replace("\u202f", " ").replace("\u2212", "-") for text in sentences if text]


def sides(frame: pd.DataFrame, found: re.Match[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the runners of whom a sentence speaks, and the rest that it names."""
    out = set(re.findall(r"[A-Z]{2,}", found["but"] or ""))
    of_sex = frame[frame["sex"] == found["who"]]
    own = of_sex["nationality"] == found["nation"]
    return of_sex[own], of_sex[~own & ~of_sex["nationality"].isin(out)]


def check_level(text: str, frame: pd.DataFrame) -> bool:
    found = SENTENCE.fullmatch(text)
    if not found:
        return False
    name, sign = next(
        (name, sign)
        for name, item in MEASURES.items()
        for word, sign in ((item.more, 1), (item.less, -1))
        if word == found["more"]
    )
    one, rest = sides(frame, found)
    apart = sign * (one[name].mean() - rest[name].mean()) * MEASURES[name].scale
    assert apart > 0, text
    assert float(found["value"]) == pytest.approx(apart, abs=0.06), text
    return True


def check_spread(text: str, frame: pd.DataFrame) -> bool:
    found = SPREAD.fullmatch(text)
    if not found:
        return False
    item = next(item for item in MEASURES.items() if item[1].noun == found["noun"])
    one, rest = (
        side[item[0]].sub(side.groupby("nationality")[item[0]].transform("median")).abs().mean()
        for side in sides(frame, found)
    )
    assert float(found["value"]) == pytest.approx(one / rest, abs=0.006), text
    assert (one > rest) == (found["more"] == "wider"), text
    shown = float(found["one"]) / float(found["other"])
    assert shown == pytest.approx(one / rest, rel=0.1), f"the values named are not those of the ratio: {text}"
    return True


@pytest.mark.parametrize("seed", [*range(8), *range(100, 108)])
def test_every_sentence_holds_in_the_untouched_data(seed: int) -> None:
    frame = table(seed, effects=4).frame
    for text in told(frame):
        if not re.match(r"(women|men) of [A-Z]+ (are|have)", text):
            continue
        assert check_level(text, frame) or check_spread(text, frame), text


def test_a_skewed_group_is_not_told_to_be_lighter_for_being_heavier() -> None:
    """The group's spread is unlike that of the rest, so that taking it out moves a mean that lies off the median."""
    rng = np.random.default_rng(4)
    frame = measure_runners.fn(runners((), 6_000, 11))
    chosen = np.flatnonzero((frame["sex"] == "men") & (frame["nationality"] == "DE"))
    frame.loc[chosen, "height"] = 179 + 7 * standard("normal", len(chosen), rng) * 0.4
    frame.loc[chosen, "weight"] = 84 + 24 * standard("lognormal", len(chosen), rng)
    frame["weight"] = frame["weight"].clip(30, 240)
    frame = frame.assign(**derive({name: frame[name].to_numpy() for name in MEASURES}))
    sentences = told(frame)
    assert any("of higher BMI" in text and text.startswith("men of DE") for text in sentences)
    assert not any("of lower BMI" in text and text.startswith("men of DE") for text in sentences)
    checked = [check_level(text, frame) or check_spread(text, frame) for text in sentences if text[:9] == "men of DE"]
    assert sum(checked) >= 4


def test_signs_are_right_and_intervals_hold_the_truth() -> None:
    verdicts = []
    for seed in range(12):
        drawn = table(seed)
        rows = [row for row in search(population(drawn.frame), Rule()).rows if row.state == "finding"]
        verdicts += [found for row in rows if (found := judged(row, rows, drawn)) is not None]
    assert len(verdicts) >= 10
    assert all(sign for sign, _ in verdicts)
    missed = sum(not inside for _, inside in verdicts)
    assert stats.binom.sf(missed - 1, len(verdicts), 0.05) > 1e-3


@pytest.mark.parametrize("seed", range(12))
def test_nothing_is_told_of_skewed_heavy_and_tiny_groups_without_effects(seed: int) -> None:
    assert told(table(seed, effects=0).frame) == []


def test_tiny_groups_without_women_are_no_finding_and_a_true_share_passes_its_own_check() -> None:
    rng = np.random.default_rng(5)
    frame = measure_runners.fn(runners((), 4_000, 12))
    few = frame[(frame["sex"] == "men") | (rng.random(len(frame)) < 0.1)].reset_index(drop=True)
    men = np.flatnonzero((few["sex"] == "men") & (few["nationality"] == "IT"))[:31]
    few.loc[men, "nationality"] = "SM"  # 31 runners, no woman, where 5 % are women
    assert not any("share of women" in text for text in told(few))
    drop = (frame["sex"] == "women") & (frame["nationality"] == "FR") & (frame.index % 2 == 0)
    fewer = frame[~drop].reset_index(drop=True)
    assert any("share of women is lower" in text for text in told(fewer))
    copies = [shuffled(population(fewer), np.random.default_rng(seed)) for seed in range(10)]
    assert [row for copy in copies for row in search(copy, Rule(), False).rows if row.state == "finding"] == []


@pytest.mark.parametrize("smallest", [0.0, 0.2])
def test_a_group_of_one_value_has_no_ratio(smallest: float) -> None:
    frame = measure_runners.fn(runners((), 3_000, 13))
    men = frame["sex"] == "men"
    for nation, chosen in (("DE", men & (frame["nationality"] == "DE")), ("", men)):
        flat = frame.copy()
        flat.loc[chosen, "height"] = 180.3
        tests = find_patterns.fn(flat, 0.05, smallest).tests
        of_height = (tests["stratum"] == "men") & ((tests["measure"] == "height") | (tests["other"] == "height"))
        told_of = tests[of_height & (tests["state"] != "none") & tests["group"].isin({nation} if nation else NATIONS)]
        assert set(told_of["kind"]) <= {"location"}, told_of["sentence"].tolist()
        numbers = [float(item) for text in tests["sentence"] for item in re.findall(r"\d+\.\d+", text)]
        assert max(numbers, default=0) < 1_000
    assert flat_groups(flat)[0] == "Height of men of AU is 180.3 cm throughout"
    assert flat_groups(frame) == []


def test_what_the_untouched_data_do_not_show_is_taken_back() -> None:
    people = population(measure_runners.fn(runners((), 3_000, 14)))
    kinds = [("location", 3.0), ("spread", 0.5), ("share", 0.3), ("relation difference", 0.4), ("relation", 0.4)]
    rows = [
        Row(
            kind,
            "all" if kind == "share" else stratum,
            "" if kind == "relation" else "nationality",
            "" if kind == "relation" else "DE",
            "women" if kind == "share" else "age",
            "height" if kind.startswith("relation") else "",
            100,
            100,
            value,
            0,
            1,
            value,
            0.0,
            0.0,
            "finding",
        )
        for kind, value in kinds
        for stratum in ("men", "all")
        if stratum == "men" or kind in {"location", "spread"}
    ]
    passes = lambda effect, p: p < 1e-4 and abs(effect) > 0.2  # noqa: E731 - one line says it
    assert {row.state for row in confirm(rows, people, 1, lambda row: passes)} == {"none"}


@pytest.mark.parametrize("form", FORMS)
def test_forms_have_mean_0_and_variance_1(form: str) -> None:
    values = standard(form, 400_000, np.random.default_rng(6))
    assert abs(values.mean()) < 0.01
    assert values.std() == pytest.approx(1, abs=0.2 if form == "heavy" else 0.02)


def test_shares_are_compared_as_newcombe_does() -> None:
    """His example: 56 of 70 against 48 of 80 has the 95 % interval 0.0524 to 0.3339 (method 10)."""
    frame = pd.DataFrame({"sex": ["women"] * 56 + ["men"] * 14 + ["women"] * 48 + ["men"] * 32})
    frame["nationality"] = ["AA"] * 70 + ["BB"] * 80
    frame["age_band"] = "under 30"
    frame = frame.assign(**dict.fromkeys(("age", "final", "split_fraction", "height", "weight"), 100.0))
    row = Row("share", "all", "nationality", "AA", "women", "", 0, 0, 0.2, 0, 0, 0, 0, 0, "finding")
    found = Recorded(population(frame)).contrast(row, [])
    assert found is not None
    assert (found.value, found.low, found.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=1e-4)
    assert found.p == pytest.approx(stats.fisher_exact([[56, 14], [48, 32]]).pvalue)
