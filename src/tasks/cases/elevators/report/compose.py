"""What does whoever needs a lift, or has to mend it, learn from a run? The report about station lifts."""

import numpy as np
import pandas as pd

from tasks.cases.elevators.figures.network import plural
from tasks.cases.elevators.ingestion.readings import Service
from tasks.cases.elevators.report.sections import (
    certainty_section,
    forecast_section,
    map_block,
    out_now,
    outages_section,
    reliability_section,
    service_text,
)
from tasks.cases.elevators.training import Network
from tasks.cases.elevators.validation import EAST, NORTH, SOUTH, WEST
from tasks.evaluation.metrics import Metric
from tasks.figures.style import percent
from tasks.platform.stage import stage
from tasks.publishing.blocks import Section
from tasks.publishing.report import Findings, Verdict

WIDEST = 0.1  # of the median lift's interval, for the answer to count as good


@stage(phase="Deployment")
def describe_lifts(readings: pd.DataFrame, lifts: pd.DataFrame, estimates: pd.DataFrame) -> pd.DataFrame:
    """Put together what is known of each lift, the least reliable first.

    Args:
        readings: columns observed, equipment, state, explanation.
        lifts: what each lift is and where.
        estimates: as `tasks.cases.elevators.training.estimate_lifts` returns them.

    Returns:
        `lifts` with `state` and `explanation` of the last snapshot (missing when the lift was not in it), `label`, and
        the columns of the estimates; places outside Germany are taken for unknown.
    """
    last = readings[readings["observed"] == readings["observed"].max()]
    now = last[["equipment", "state", "explanation"]].astype({"state": "object", "explanation": "object"})
    table = lifts.merge(now, on="equipment", how="left").merge(estimates, on="equipment", how="left")
    inside = table["longitude"].between(WEST, EAST) & table["latitude"].between(SOUTH, NORTH)
    table.loc[~inside, ["longitude", "latitude"]] = np.nan
    named = table["name"] + np.where(table["description"] == "", "", ", ") + table["description"]
    table["label"] = named
    return table.sort_values(["shrunk", "equipment"], ignore_index=True)


def _nights(readings: pd.DataFrame) -> pd.DataFrame:
    states = readings.assign(out=readings["state"].eq("INACTIVE"), unknown=readings["state"].eq("UNKNOWN"))
    return states.groupby("observed", as_index=False)[["out", "unknown"]].mean()


@stage(phase="Deployment")
def describe_elevators(
    source: str,
    service: Service,
    readings: pd.DataFrame,
    table: pd.DataFrame,
    outages: pd.DataFrame,
    network: Network,
    coverage: pd.DataFrame | None,
    by_day: pd.DataFrame | None,
    metrics: list[Metric],
    chosen: str,
) -> Findings:
    """Say what was found.

    Args:
        source: what the user asked for.
        service: how the service answered.
        readings: one row per lift and snapshot.
        table: as `describe_lifts` returns it.
        outages: as `find_outages` returns them.
        network: what all lifts have in common.
        coverage: as `check_coverage` returns it; None when there are too few snapshots.
        by_day: the forecasts' scores by horizon; None when there are too few snapshots.
        metrics: of the forecasts.
        chosen: the forecast in use.
    """
    labels = outages.merge(table[["equipment", "label"]], on="equipment", how="left")
    nights, now = _nights(readings), table[table["state"].notna()]
    last = nights["observed"].max()
    credit = "Simulated lifts" if source == "sample" else "Data: FaSta, Deutsche Bahn, CC BY 4.0"
    moment = f"{last.day} {last:%B %Y, %H:%M} UTC"
    figures = [*_figures_about_lifts(now, network, len(nights)), *metrics]
    return Findings(
        answer=_answer(now, table, network, moment, len(nights)),
        verdict=_verdict(table, metrics, len(nights)),
        hero=[map_block(now, moment, credit)],
        sections=[
            Section(title="Out of order now", blocks=[out_now(now, labels), *service_text(service)]),
            reliability_section(table, network, nights, credit),
            outages_section(labels, nights, credit),
            certainty_section(coverage),
            forecast_section(by_day, chosen, credit),
        ],
        metrics=figures,
        champion="No forecast was tested, so none was registered.",
        limits=_limits(nights),
    )


def _answer(now: pd.DataFrame, table: pd.DataFrame, network: Network, moment: str, snapshots: int) -> str:
    out = now[now["state"] == "INACTIVE"]
    known = table.dropna(subset=["shrunk"])
    where = plural(out["station"].nunique(), "station")
    were = "was" if len(out) == 1 else "were"
    said = f"{len(out):,} of {plural(len(now), 'lift')} {were} out of order on {moment}, at {where}"
    if out.empty:
        said = f"No lift of {len(now):,} was out of order on {moment}"
    if snapshots < 2 or known.empty:
        return f"{said}; how reliable they are takes more snapshots to tell."
    worst, mean = known.iloc[0], percent(network.availability, 1)
    return (
        f"{said}. Over all {plural(snapshots, 'snapshot')} a lift is in order {mean} of the time on average, and the"
        f" least reliable, {worst['label']}, {percent(worst['shrunk'], 1)} (95 % interval {percent(worst['low'], 1)} to"
        f" {percent(worst['high'], 1)})."
    )


def _verdict(table: pd.DataFrame, metrics: list[Metric], snapshots: int) -> Verdict:
    gain = next((metric for metric in metrics if metric.name == "brier_gain"), None)
    width = float((table["high"] - table["low"]).median())
    if gain is None or gain.low is None:
        return Verdict(
            met=None, sentence=f"{plural(snapshots, 'snapshot')}: too few to test a forecast on the last weeks."
        )
    narrow, better = width <= WIDEST, gain.low > 0
    wanted = f"{100 * width:.1f} percentage points (wanted: {100 * WIDEST:.0f})"
    first = f"Half of the lifts' intervals are narrower than {wanted}"
    second = f"the forecast {'beats' if better else 'does not surely beat'} the raw share of each lift's readings"
    return Verdict(met=narrow and better, sentence=f"{first}, {'and' if narrow == better else 'but'} {second}.")


def _figures_about_lifts(now: pd.DataFrame, network: Network, snapshots: int) -> list[Metric]:
    share = float((now["state"] == "UNKNOWN").mean())
    found = [
        Metric(name="out_of_order", value=float((now["state"] == "INACTIVE").sum()), unit="lifts", n=len(now)),
        Metric(name="unknown", value=share, n=len(now), note="share of the lifts whose state is not told now"),
    ]
    if snapshots > 1:
        found += [
            Metric(name="availability", value=network.availability, n=network.lifts, note="mean over the lifts"),
            Metric(
                name="repair_days",
                value=network.repair_days,
                unit="days",
                n=network.lifts,
                note="median over the lifts",
            ),
        ]
    return found


def _limits(nights: pd.DataFrame) -> list[str]:
    span = (nights["observed"].max() - nights["observed"].min()).days
    return [
        f"Availability is that at the hours of the snapshots ({plural(len(nights), 'snapshot')} over"
        f" {plural(span, 'day')}); what fails and is mended between two of them is not seen.",
        "A state that is not told (UNKNOWN) counts neither as up nor as down; where lifts fall silent because they are"
        " broken, availability is overstated: the column “not told as down” is the worst case.",
        "The intervals take a lift's reliability as constant over the snapshots, and lifts as independent.",
        "A planned closure is an outage like any other: the service does not tell them apart.",
    ]
