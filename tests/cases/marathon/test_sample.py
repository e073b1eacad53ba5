"""The sample of runners: the publisher's format, the same bytes each time, the truth that it claims."""

from pathlib import Path

from tasks.cases.marathon.sample import HEADER, PLANTED, QUIRKS, RUNNERS, runners, write_marathon, write_plain_marathon


def test_the_file_is_in_the_published_format_and_always_the_same(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_marathon(tmp_path / name)
    content = (tmp_path / "one" / "marathon.csv").read_bytes()
    assert content == (tmp_path / "two" / "marathon.csv").read_bytes()
    lines = content.decode().splitlines()
    assert lines[0] == HEADER
    assert len(lines) == 1 + RUNNERS + sum(QUIRKS.values())
    assert all(line.endswith(";;;;") for line in lines[1:])
    write_plain_marathon(tmp_path / "two")
    assert (tmp_path / "two" / "marathon.csv").read_bytes() != content


def test_the_planted_patterns_are_in_the_drawn_runners() -> None:
    frame = runners(count=60_000)
    measures = {"height": "size", "weight": "weight", "final": "final"}
    for item in PLANTED:
        of_sex = frame[frame["gender"] == {"women": "W", "men": "M"}[item.stratum]]
        column = measures[item.measure]
        one = of_sex.loc[of_sex["nationality"] == item.group, column]
        rest = of_sex.loc[of_sex["nationality"] == "IT", column]
        if item.kind == "location":
            assert abs(one.mean() - rest.mean() - item.value) < 0.5
        elif item.kind == "spread":
            assert abs(one.std() / rest.std() - item.value) < 0.02
        else:
            assert abs(of_sex[column].corr(of_sex[measures[item.other]]) - item.value) < 0.03
