"""What became of the night? The answer in a sentence, a table of the cases, what drifted, and by which rule."""

from pathlib import Path
from typing import NamedTuple

import pandas as pd

from tasks.cases.nightly.commands import Outcome
from tasks.evaluation.drift import FEWEST, IN_A_ROW, LEVEL, MARGIN
from tasks.evaluation.metrics import Metric
from tasks.platform.stage import stage
from tasks.publishing.blocks import Section, Table, Text
from tasks.publishing.page import duration, number
from tasks.publishing.report import Findings, Verdict
from tasks.publishing.results import read_result

COLUMNS = ["case", "state", "verdict", "answer", "seconds", "cached", "reason"]


class Night(NamedTuple):
    """The report, and its tables."""

    findings: Findings
    cases: pd.DataFrame
    drift: pd.DataFrame


def cases_table(outcomes: list[Outcome], output: Path) -> pd.DataFrame:
    """Return a row for each case: state, verdict, answer, seconds, share of cached stages, reason."""
    rows = []
    for item in outcomes:
        told = read_result(output / item.case / item.run) if item.run else None
        met = told.verdict.met if told and told.verdict else None
        verdict = {True: "met", False: "not met", None: "not decided" if told else ""}[met]
        rows.append(
            [
                item.case,
                item.state,
                verdict,
                told.answer if told else "",
                item.seconds,
                told.cached if told else None,
                item.reason,
            ]
        )
    return pd.DataFrame(rows, columns=COLUMNS).astype({"seconds": float, "cached": float})


def _named(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def answer(table: pd.DataFrame, drifted: pd.DataFrame) -> str:
    """Return the night in a few sentences."""
    of = {state: table.loc[table["state"] == state, "case"].tolist() for state in ("answered", "failed", "left out")}
    time = duration(float(table["seconds"].sum()))
    words = [f"{len(of['answered'])} of {len(table)} cases answered in {time}."]
    if of["failed"]:
        words.append(f"{_named(of['failed'])} failed.")
    if of["left out"]:
        were = "was" if len(of["left out"]) == 1 else "were"
        words.append(f"{_named(of['left out'])} did not fit into the time and {were} left out.")
    missed = table.loc[table["verdict"] == "not met", "case"].tolist()
    if missed:
        words.append(f"{_named(missed)} did not meet {'its' if len(missed) == 1 else 'their'} criterion.")
    told = [f"{row.figure} of {row.case}" for row in drifted.itertuples()]
    words.append(f"Drifted: {_named(told)}." if told else "Nothing has drifted.")
    return " ".join(words)


def _drift_section(drift: pd.DataFrame) -> Section:
    judged = drift[drift["low"].notna()]
    rule = (
        f"A figure has drifted when its last {IN_A_ROW} nights lie beyond what the {FEWEST} or more nights before"
        f" foretell, all on one side. The limits are {MARGIN:g} times those that any of {len(drift)} figures would pass"
        f" by chance in {LEVEL:.0%} of the months, were nights independent and normal. Watched are the figures with an"
        " interval, the rows that were read and the share that was put aside, on nights that asked the same source."
    )
    waiting = len(drift) - len(judged)
    paragraphs = [rule] + ([f"{waiting} figures have too few nights yet to be judged."] if waiting else [])
    shown = pd.concat([judged[judged["drifted"]], judged[~judged["drifted"]]])
    rows = [
        [
            f"{row.case}: {row.figure}",
            number(row.value),
            f"{number(row.low)} to {number(row.high)}",
            number(row.champion),
            "drifted" if row.drifted else "as foretold",
        ]
        for row in shown.itertuples()
    ]
    table = Table(
        columns=["figure", "this night", "foretold", "champion", "judgement"],
        rows=rows,
        whole="drift.csv",
        caption="Figures that have enough nights, the drifted ones first; the champion's on the same test data.",
    )
    return Section(title="Drift", blocks=[Text(paragraphs=paragraphs), *([table] if rows else [])])


def compose(table: pd.DataFrame, drift: pd.DataFrame, minutes: float) -> Findings:
    """Return what there is to say of the night."""
    drifted = drift[drift["drifted"]]
    count = table["state"].value_counts()
    whole = int(count.get("answered", 0)) == len(table)
    sentence = f"Good is that every case answers within {minutes:g} minutes" + ("." if whole else "; not all did.")
    states = Table(
        columns=[
            {"title": "case"},
            {"title": "state"},
            {"title": "criterion"},
            {"title": "seconds", "format": ",.0f"},
            {"title": "cached", "format": ".0%"},
        ],
        rows=[
            [row.case, row.state, row.verdict or None, row.seconds or None, row.cached] for row in table.itertuples()
        ],
        limit=200,
    )
    said = Table(
        columns=["case", "answer, or why there is none"],
        rows=[[row.case, row.answer or row.reason] for row in table.itertuples()],
        limit=200,
    )
    metrics = [
        Metric(name="answered", value=float(count.get("answered", 0)), unit="cases"),
        Metric(name="failed", value=float(count.get("failed", 0)), unit="cases"),
        Metric(name="left_out", value=float(count.get("left out", 0)), unit="cases"),
        Metric(name="drifted", value=float(len(drifted)), unit="figures"),
    ]
    limits = [
        "A drift says that a figure is another than before; why, the case's own report has to tell.",
        "A case that shows the same every night because its data stay the same cannot drift.",
        "Nights are the last run of each day; a day without a run is no night.",
    ]
    return Findings(
        answer=answer(table, drifted),
        verdict=Verdict(met=whole, sentence=sentence),
        metrics=metrics,
        limits=limits,
        sections=[Section(title="The cases", blocks=[states, said]), _drift_section(drift)],
        champion="The night learns nothing itself: each case has its own champion.",
    )


@stage(phase="Deployment", live=True)
def describe_night(outcomes: list[dict[str, object]], output: Path, minutes: float) -> Night:
    """Say what became of the night; it reads the results that the cases have left.

    Args:
        outcomes: what became of each case (`Outcome`).
        output: folder of the reports.
        minutes: the time that there was.
    """
    from tasks.cases.nightly.watch import watch

    known = [Outcome.model_validate(item) for item in outcomes]
    table = cases_table(known, output)
    drift = watch({item.case: item.run for item in known if item.run}, output)
    pass_on(drift)
    return Night(compose(table, drift, minutes), table, drift)


def pass_on(drift: pd.DataFrame) -> None:
    """Send Prefect an event when figures have drifted, for an automation to tell somebody; only inside a flow run."""
    from prefect.context import TaskRunContext
    from prefect.events import emit_event

    drifted = drift[drift["drifted"]]
    if drifted.empty or TaskRunContext.get() is None:
        return
    named = _named([f"{row.figure} of {row.case}" for row in drifted.itertuples()])
    payload = {"sentence": f"Drifted: {named}.", "figures": len(drifted)}
    emit_event("casebook.drift", {"prefect.resource.id": "casebook.drift"}, payload=payload)
