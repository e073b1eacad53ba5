"""The last stage of every flow: the report in the run's folder, and what the Prefect UI shows of it."""

from pathlib import Path

import pandas as pd

from tasks.evaluation.metrics import Metric
from tasks.platform.run import current_run
from tasks.platform.server import reports_address
from tasks.platform.settings import settings
from tasks.platform.stage import stage
from tasks.platform.storage import Folder
from tasks.platform.store import store
from tasks.publishing.masking import mask_text
from tasks.publishing.report import Report, csv_bytes, lineage_rows, masked, write_report


@stage(phase="Deployment", live=True)
def publish_report(
    report: Report,
    ancestors: list[str],
    tables: dict[str, pd.DataFrame] | None = None,
    links: dict[str, str] | None = None,
) -> str:
    """Complete a report with what only the run knows, write it, and hand it to the Prefect UI.

    Args:
        report: what the case has to say.
        ancestors: digests of the artifacts whose pedigree the report lists.
        tables: results in full, each written as `<name>.csv` beside the report.
        links: other files of the run's folder, by name.

    Returns:
        The path of report.html.
    """
    run = current_run()
    if run is None:
        raise RuntimeError("publish_report belongs into a flow made with @case")
    pedigree = {line["digest"]: line for digest in ancestors for line in store().lineage(digest)}
    files = {name: f"{name}.csv" for name in tables or {}}
    for name, table in (tables or {}).items():
        Folder(str(run.folder)).write_bytes(files[name], csv_bytes(table))
    complete = report.model_copy(
        update={
            "run": run.name,
            "question": run.question,
            "parameters": run.parameters,
            "artifacts": report.artifacts | files | (links or {}),
            "started": run.started,
            "stages": run.stages,
            "command": run.command,
            "lineage": lineage_rows(pedigree.values()),
        }
    )
    path = write_report(complete, run.folder)
    _show_in_prefect(masked(complete), path)
    return str(path)


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
