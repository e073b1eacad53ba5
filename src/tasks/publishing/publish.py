"""The last step of every flow: the champion is crowned, the report written, Prefect's UI and MLflow told.

`publish` is what a flow ends with. What every run has to say alike (data, contracts, quarantine, stages, lineage, the
command) is added here to what only the case knows.
"""

import math
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
from pydantic import BaseModel

from tasks.evaluation.champion import Decision
from tasks.evaluation.champions import Champion, crown
from tasks.evaluation.contest import Held
from tasks.evaluation.metrics import Metric
from tasks.ingestion.files import Data
from tasks.platform.errors import CasebookError, ContractError
from tasks.platform.masking import mask_text
from tasks.platform.run import Run, on_refusal, the_run
from tasks.platform.server import reports_address
from tasks.platform.settings import settings
from tasks.platform.stage import stage
from tasks.platform.storage import Folder
from tasks.platform.store import Stored, store
from tasks.platform.text import shorten
from tasks.publishing.home import keep_home
from tasks.publishing.outbox import track
from tasks.publishing.report import (
    Findings,
    Report,
    Verdict,
    csv_bytes,
    lineage_rows,
    masked,
    quarantine_rows,
    write_report,
)
from tasks.publishing.tables import broken_rows, data_record


class Promotion(BaseModel):
    """What became of a model after its contest."""

    model: str
    version: int | None = None  # of the champion that it is; None when it is none
    fresh: bool = False  # whether it became the champion in this run
    reason: str


def publish(
    findings: Stored,
    held: Held | None = None,
    *,
    model: dict[str, Stored] | None = None,
    tables: dict[str, Stored] | None = None,
) -> Path:
    """Publish a run: crown the model if it won, write the report, and tell Prefect and MLflow.

    Args:
        findings: what the case has to say (`tasks.publishing.report.Findings`).
        held: the model after its contest; None where nothing is predicted.
        model: stored results that answer a new case, by name.
        tables: results in full, each written as `<name>.csv` beside the report.

    Returns:
        The path of report.html.
    """
    artifacts, results = model or {}, tables or {}
    promotion = _promoted(held, findings, artifacts) if held else None
    ancestors = [item.digest for item in [*results.values(), *artifacts.values()]]
    report = Path(publish_report(findings, promotion, list(dict.fromkeys(ancestors)), results).load(str))
    track(the_run(), findings, held, promotion.model_dump() if promotion else None, artifacts)
    return report


def _promoted(held: Held, findings: Stored, artifacts: dict[str, Stored]) -> Promotion:
    """Return what becomes of a model; a stage where something is to be done, and a word where nothing is."""
    reigning, decision = held.standing.reigning, held.decision.load(Decision)
    if reigning is not None:
        reason = (
            f"It is the champion, version {reigning.version}, since {reigning.since:%Y-%m-%d}:"
            " the same model with the same scores on the same test data."
        )
        return Promotion(model=held.name, version=reigning.version, reason=reason)
    problem = f" ({held.problem})" if held.problem else ""
    if not decision.promoted:
        return Promotion(model=held.name, reason=f"{decision.reason}{problem}")
    return promote(held, findings, artifacts).load(Promotion)


@stage(phase="Deployment", live=True)
def promote(held: Held, findings: Findings, artifacts: dict[str, Stored]) -> Promotion:
    """Make a model that has won its contest the champion, when the one that it beat still reigns.

    Args:
        held: the model after its contest (`tasks.evaluation.contest.Held`).
        findings: with its figures.
        artifacts: stored results that answer a new case, by name.
    """
    decision = held.decision.load(Decision)
    figures = {metric.name: metric.value if math.isfinite(metric.value) else None for metric in findings.metrics}
    record = Champion(
        model=held.name,
        version=1,
        run=the_run().name,
        config=held.config,
        primary=held.primary,
        metrics=figures,
        test_data=held.test_data,
        scores=held.scores,
        artifacts=artifacts,
    )
    crowned = crown(record, decision.against)
    if crowned is None:
        reason = "Another model became the champion in the meantime, so this one is not promoted; run again to compare."
        return Promotion(model=held.name, reason=reason)
    return Promotion(model=held.name, version=crowned.version, fresh=True, reason=decision.reason)


@stage(phase="Deployment", live=True)
def publish_report(
    findings: Findings,
    promotion: Promotion | None,
    ancestors: list[str],
    tables: dict[str, pd.DataFrame],
) -> str:
    """Complete what the case has to say with what only the run knows, write it, and hand it to the Prefect UI.

    Args:
        findings: what the case has to say.
        promotion: what became of its model; None without one.
        ancestors: digests of the artifacts whose pedigree the report lists.
        tables: results in full, each written as `<name>.csv` beside the report.

    Returns:
        The path of report.html.
    """
    run = the_run()
    pedigree = {line["digest"]: line for digest in ancestors for line in store().lineage(digest)}
    for name, table in tables.items():
        Folder(str(run.folder)).write_bytes(f"{name}.csv", csv_bytes(table))
    report = complete(run, findings, promotion.reason if promotion else findings.champion)
    report = report.model_copy(
        update={
            "artifacts": {name: f"{name}.csv" for name in tables} | run.links,
            "lineage": lineage_rows(pedigree.values()),
            "crowned": bool(promotion and promotion.fresh),
        }
    )
    path = write_report(report, run.folder)
    keep_home(run.folder.parents[1], run.flow)
    run.answer = masked(report).answer
    _show_in_prefect(masked(report), path)
    return str(path)


def complete(run: Run, findings: Findings, champion: str = "") -> Report:
    """Return the report of a run: what the case has to say, and what every run says alike."""
    checks = [(held, held.report.load()) for held in run.checked]
    aside = [quarantine_rows(data.quarantine.load(pd.DataFrame)) for data in run.read if data.quarantine]
    aside += [
        broken_rows(held.quarantine.load(pd.DataFrame), held.contract.key or "") for held, _ in checks if held.contract
    ]
    return Report(
        flow=run.flow,
        run=run.name,
        started=run.started,
        question=run.question,
        answer=findings.answer,
        verdict=findings.verdict,
        hero=findings.hero,
        metrics=findings.metrics,
        champion=champion,
        sections=findings.sections,
        data=[*(data_record(data.where, _rows(data)) for data in run.read), *findings.data],
        contract=[*(rule for _, report in checks for rule in report["results"]), *findings.contract],
        quarantine=[row for rows in [*aside, findings.quarantine] for row in rows],
        stages=run.stages,
        parameters=run.parameters,
        command=run.command,
        limits=findings.limits,
        seconds=round((datetime.now(UTC) - run.started).total_seconds(), 3),
        prefect=run.prefect,
    )


@on_refusal
def report_refusal(run: Run, error: Exception) -> Path | None:
    """Write the report of a run that came to no answer: how far it came, what is wrong rule by rule, the quarantine.

    Returns:
        The path of report.html; None where nothing had been read.
    """
    if not (run.read or run.checked):
        return None
    path = write_report(complete(run, _no_answer(run, error)), run.folder)
    keep_home(run.folder.parents[1], run.flow)
    return path


def _no_answer(run: Run, error: Exception) -> Findings:
    """Return what a refused run has to say, and one that broke by a fault that nobody foresaw."""
    if isinstance(error, ContractError):
        sentence = "The data break their contract, so nothing was learned from them."
    elif isinstance(error, CasebookError):
        sentence = "The run was refused, so there is nothing to judge."
    else:
        broken = next((record.name for record in run.stages if record.state == "failed"), "")
        sentence = f"The run broke{f' in the stage {broken}' if broken else ''}."
        kept = "What the stages before it made is kept in the store, and the same command goes on from there."
        answer = f"No answer yet: {type(error).__name__}: {shorten(str(error), 300)}. {kept}"
        return Findings(answer=answer, verdict=Verdict(met=None, sentence=sentence))
    return Findings(answer=f"No answer: {error}", verdict=Verdict(met=False, sentence=sentence))


def _rows(data: Data) -> int | None:
    """Return how many rows were read, those that could not be among them; None where nobody has counted."""
    if data.rows is not None:
        return data.rows
    tables = [data.frame, *([data.quarantine] if data.quarantine else [])]
    counts = [int(table.summary["rows"]) for table in tables if "rows" in table.summary]
    return sum(counts) if len(counts) == len(tables) else None


def report_url(path: Path) -> str:
    """Return the address of a report: where the output folder is served, else as a file.

    The UI shows no `file://` links, so a run that a command started gives the address of `make serve` where that runs.
    """
    base = settings().reports_url.rstrip("/")
    if base and path.is_relative_to(settings().output):
        return f"{base}/{path.relative_to(settings().output).as_posix()}"
    return reports_address(path) or path.as_uri()


def _show_in_prefect(report: Report, path: Path) -> None:
    """Create the artifacts of the run: answer, metrics, stages, and the link to the report."""
    from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact

    key = report.flow.replace("_", "-")
    create_markdown_artifact(_markdown(report, path), key=f"{key}-answer", description=report.question)
    create_table_artifact([_row(metric) for metric in report.metrics], key=f"{key}-metrics", description="Metrics")
    create_table_artifact(
        [{"stage": row.name, "phase": row.phase, "state": row.state, "seconds": row.seconds} for row in report.stages],
        key=f"{key}-stages",
        description="Stages: what ran and what was cached",
    )
    create_link_artifact(report_url(path), link_text=f"Report {report.run}", key=f"{key}-report", description="Report")


def _row(metric: Metric) -> dict[str, str]:
    """Return a metric as a row of text: a table cell of the UI shows numbers with all their digits."""

    def text(value: float | None) -> str:
        return "" if value is None else f"{value:.4g}"

    interval = f"{text(metric.low)} to {text(metric.high)}" if metric.low is not None else ""
    return {
        "metric": metric.name,
        "value": f"{text(metric.value)} {metric.unit}".strip(),
        "95 % interval": interval,
        "baseline": text(metric.baseline),
        "champion": text(metric.champion),
    }


def _escape(text: str) -> str:
    """Keep text from being taken for Markdown or HTML."""
    for mark in "\\`*_{}[]()<>#+-!|&":
        text = text.replace(mark, f"\\{mark}" if mark not in "<>&" else {"<": "&lt;", ">": "&gt;", "&": "&amp;"}[mark])
    return text


def _markdown(report: Report, path: Path) -> str:
    """Return the answer of a run as Markdown."""
    lines = [f"## {_escape(report.question)}", "", f"**{_escape(report.answer)}**", ""]
    if report.verdict:
        lines += [_escape(report.verdict.sentence), ""]
    if report.champion:
        lines += [_escape(report.champion), ""]
    lines += ["| metric | value | 95 % interval | baseline | champion |", "|---|---|---|---|---|"]
    lines += ["| " + " | ".join(_escape(cell) for cell in _row(metric).values()) + " |" for metric in report.metrics]
    lines += ["", f"[Report]({report_url(path)})", "", "```", mask_text(report.command).replace("`", "'"), "```"]
    return "\n".join(lines)
