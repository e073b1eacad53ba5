"""The picture of a pedigree: every stage once, what was used before what used it, and no arc without two ends."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tasks.publishing.lineage import LEFT, MOST, ROW, TOP, WIDTH, drawing
from tasks.publishing.report import LineageRow

START = datetime(2026, 3, 4, 13, 5, 11, tzinfo=UTC)


def step(name: str, by: str, *sources: str, minute: int = 0) -> LineageRow:
    return LineageRow(artifact=f"{name} (frame)", made_by=by, sources=list(sources), when=START + timedelta(0, minute))


def test_stages_stand_in_the_order_in_which_they_ran_with_an_arc_to_each_that_used_them() -> None:
    lineage = [
        step("d", "fit", "b", "c", minute=3),
        step("c", "split", "a", minute=2),
        step("b", "split", "a", minute=2),
        step("a", "read", "file", minute=1),
    ]
    drawn = drawing(lineage)
    assert drawn is not None
    assert [(dot.name, dot.parts) for dot in drawn.dots] == [("read", 1), ("split", 2), ("fit", 1)]
    ends = [(TOP, TOP + ROW), (TOP + ROW, TOP + 2 * ROW)]
    assert [(int(arc.split()[1].split("C")[0]), int(arc.split()[-1])) for arc in drawn.arcs] == ends


def test_only_what_is_not_shown_counts_as_left_out() -> None:
    """Runs that are joined into one dot are all there."""
    joined = [step("z", "fit", "a", minute=90), *(step(f"a{n}", "part", "f", minute=n) for n in range(5))]
    joined += [step("a", "part", "f", minute=60)]
    drawn = drawing(joined)
    assert drawn is not None
    assert (len(drawn.dots), drawn.more) == (2, 0)
    chain = [step(f"s{n}", f"stage {n}", f"s{n + 1}", minute=999 - n) for n in range(MOST + 7)]
    drawn = drawing(chain)
    assert drawn is not None
    assert (len(drawn.dots), drawn.more) == (MOST, 7)


def test_what_leads_nowhere_is_not_drawn() -> None:
    assert drawing([]) is None
    assert drawing([step("a", "read", "file")]) is None
    assert drawing([step("a", "check", "a")]) is None  # a table that a check left as it was


NAMES = st.sampled_from("abcdef")
steps = st.lists(
    st.builds(
        step, st.sampled_from("abcdef"), st.text(max_size=60), st.sampled_from("abcdef"), minute=st.integers(0, 9)
    ),
    max_size=90,
)


@given(steps)
def test_any_pedigree_fits_the_page(lineage: list[LineageRow]) -> None:
    drawn = drawing(lineage)
    if drawn is None:
        return
    assert 2 <= len(drawn.dots) <= MOST
    assert drawn.height == TOP + drawn.dots[-1].y
    for arc in drawn.arcs:
        reach = LEFT - 0.75 * (LEFT - int(arc.split("C")[1].split()[0]))
        assert 0 <= reach < LEFT < WIDTH
