"""The sections of the report on cloud costs; each says only what its table holds."""

import pandas as pd

from tasks.cases.cloud_costs import figures
from tasks.cases.cloud_costs.evaluation.change import Change
from tasks.cases.cloud_costs.evaluation.unused import rules_table
from tasks.cases.cloud_costs.features.currency import Currency
from tasks.cases.cloud_costs.training import Forecast
from tasks.cases.cloud_costs.words import money, month_name
from tasks.figures.style import percent
from tasks.publishing.blocks import Block, Section, Table, Text
from tasks.publishing.tables import figure_block

SHOWN = 10
COST = ",.2f"
BILLED = {"billed": COST, "effective": COST, "share": ".1%"}


def spending_section(groups: pd.DataFrame, daily: pd.DataFrame, tag: str, code: str) -> Section:
    """Return where the money went: by day and service, and by each other grouping of more than one group."""
    services = groups[groups["by"] == "service"]
    blocks: list[Block] = [
        figure_block(figures.daily_figure(daily, code), "Effective cost of each day by service"),
        figure_block(figures.groups_figure(services, code), "Billed and effective cost of the dearest services"),
    ]
    for by, part in groups.groupby("by", sort=False):
        if len(part) > 1:
            title = f"tag {tag}" if by == "tag" else str(by)
            blocks.append(
                Table.from_frame(
                    part,
                    {
                        "name": title,
                        "billed": f"billed ({code})",
                        "effective": f"effective ({code})",
                        "share": "share of billed",
                    },
                    BILLED,
                    limit=SHOWN,
                    whole="groups.csv",
                )
            )
    return Section(
        title="What is it spent on?",
        intro="Billed is what the invoice says on its day. Effective is what the days cost: what was paid for"
        " commitments is spread over the days that it covers.",
        blocks=blocks,
    )


def change_section(change: Change, parts: pd.DataFrame, code: str) -> Section | None:
    """Return what changed against the month before; nothing where there is none."""
    if change.before is None:
        return None
    difference = change.billed - change.before
    told = (
        f"{month_name(change.month)} was billed {money(change.billed, code)}, the same days of"
        f" {month_name(change.before_month)} {money(change.before, code)}: {money(abs(difference), code)}"
        f" {'more' if difference > 0 else 'less'}."
    )
    table = Table.from_frame(
        parts,
        {
            "resource": "resource",
            "service": "service",
            "before": month_name(change.before_month),
            "now": month_name(change.month),
            "change": f"change ({code})",
        },
        {"before": COST, "now": COST, "change": "+,.2f"},
        limit=SHOWN,
        whole="change.csv",
    )
    drawing = figures.change_figure(parts, change.before_month, change.month, code)
    return Section(
        title="Why did it change?", intro=told, blocks=[figure_block(drawing, "Change of each resource"), table]
    )


def anomalies_section(frame: pd.DataFrame, series: pd.DataFrame, looked: dict[str, float], code: str) -> Section:
    """Return what stands out, or that nothing does."""
    days, count = int(looked["days"]), int(looked["series"])
    how = (
        f"{count} series of {days} days (the whole, services, steady resources) were searched for days and spells"
        " beyond what weekdays, persistence and skewed noise do; in at most 5 of 100 calm months is one told."
    )
    if not count:
        return Section(
            title="What stands out?", intro="Too few days, or too little running cost, to tell events from noise."
        )
    if frame.empty:
        return Section(title="What stands out?", intro=f"Nothing stands out. {how}")
    blocks: list[Block] = []
    for event in frame.drop_duplicates("resource").head(3).to_dict("records"):
        drawing = figures.anomaly_figure(
            series[series["resource"] == event["resource"]], {str(key): value for key, value in event.items()}, code
        )
        blocks.append(figure_block(drawing, f"Daily cost of {event['resource']}"))
    table = frame.assign(on=frame["goes_on"].map({True: "goes on", False: "ended"}))
    for name in ("first", "last"):
        table[name] = table[name].dt.strftime("%Y-%m-%d")
    blocks.append(
        Table.from_frame(
            table,
            {
                "resource": "resource",
                "service": "service",
                "first": "first day",
                "last": "last day",
                "usual": "usual",
                "cost": "cost a day",
                "excess": f"excess ({code})",
                "a_month": "more a month",
                "on": "now",
            },
            {"usual": COST, "cost": COST, "excess": COST, "a_month": ",.0f"},
            limit=SHOWN,
            whole="anomalies.csv",
        )
    )
    return Section(title="What stands out?", intro=how, blocks=blocks)


def budget_section(budgets: pd.DataFrame, code: str) -> Section | None:
    """Return the budgets; nothing without one."""
    if budgets.empty:
        return None
    table = Table.from_frame(
        budgets,
        {
            "scope": "budget for",
            "budget": f"a month ({code})",
            "spent": "spent",
            "share": "share",
            "day_50": "50 % on",
            "day_80": "80 % on",
            "day_100": "100 % on",
            "expected": "expected at the end",
            "alert": "alert",
        },
        {"budget": COST, "spent": COST, "share": ".0%", "expected": COST},
    )
    return Section(title="Is it within the budget?", blocks=[table])


def forecast_section(forecast: Forecast | None, code: str) -> Section | None:
    """Return how the forecast is made; nothing without one."""
    if forecast is None or not forecast.days_left:
        return None
    told = [
        f"{forecast.days_left} days are left. Each is expected as the {forecast.method}:"
        f" {money(sum(forecast.daily), code)} in all, beside {money(forecast.so_far, code)} so far."
    ]
    if forecast.payments:
        told.append(f"Monthly payments for commitments of {money(forecast.payments, code)} are still due.")
    if forecast.error is not None and forecast.baseline_error is not None:
        told.append(
            f"Of four simple ways it is the one that fitted {forecast.origins} earlier days best, as far ahead: off"
            f" by {money(forecast.error, code)} on average, the mean of the month so far by"
            f" {money(forecast.baseline_error, code)}."
        )
    else:
        told.append("There are too few earlier days to compare ways to forecast.")
    return Section(title="How is the end of the month forecast?", blocks=[Text(paragraphs=told)])


def unused_section(unused: pd.DataFrame, code: str) -> Section:
    """Return what seems not to be used, and the rules."""
    rules = Table.from_frame(
        rules_table(), caption="The rules: what costs, and what nothing near it says in the last week"
    )
    if unused.empty:
        return Section(title="What is not used?", intro="No rule finds anything in the last week.", blocks=[rules])
    table = unused.assign(since=unused["since"].dt.strftime("%Y-%m-%d"))
    found = Table.from_frame(
        table,
        {
            "rule": "suspicion",
            "resource": "resource",
            "since": "in the data since",
            "a_month": f"a month ({code})",
            "todo": "to do, once looked at",
        },
        {"a_month": COST},
        limit=SHOWN,
        whole="unused.csv",
    )
    return Section(
        title="What is not used?",
        intro=f"{len(unused)} to look at, together {money(unused['a_month'].sum(), code)} a month. The bill suggests"
        " it and does not prove it.",
        blocks=[found, rules],
    )


def choice_section(chosen: pd.DataFrame, summary: pd.DataFrame, unknown: int, prices: str) -> Section | None:
    """Return which machines to choose; nothing where none was asked for."""
    if summary.empty:
        return None
    blocks: list[Block] = [_summary_table(summary)]
    for need in summary[summary["size"].notna()].head(3).to_dict("records"):
        offers = chosen[(chosen["need"] == need["need"]) & (chosen["rank"] == 1)]
        hours = float(str(need["words"]).rsplit(", ", 1)[-1].split(" h ")[0])
        drawing = figures.choice_figure(offers, hours, f"{need['need']}: {need['words']}", str(need["currency"]))
        blocks.append(figure_block(drawing, f"Monthly cost by hours of use for {need['need']}"))
    blocks.append(
        Table.from_frame(
            chosen[chosen["rank"] == 1],
            {
                "need": "need",
                "size": "size",
                "region": "region",
                "model": "paid",
                "cores": "cores",
                "memory": "GiB",
                "monthly": "a month",
                "break_even_hours": "worth it from, h",
            },
            {"cores": "g", "memory": "g", "monthly": COST, "break_even_hours": ",.0f"},
            limit=30,
            caption="The cheapest of each way to pay; the five cheapest of each are in choice.csv",
        )
    )
    told = f"Prices: {prices}. A reservation or a savings plan costs all 730 hours of a month, used or not;"
    told += " spot is cheap and may be taken away at any moment."
    if unknown:
        told += (
            f" {unknown} sizes of the list were left out: how many cores they have is not known (give them by --sizes)."
        )
    found = summary[summary["size"].notna()]
    if len(found) > 1:
        code = str(found["currency"].iloc[0])
        told += f" Together the cheapest cost {money(found['monthly'].sum(), code)} a month."
    none = summary.loc[summary["size"].isna(), "need"].tolist()
    told += f" Nothing suffices for {', '.join(none)}." if none else ""
    return Section(title="What should we choose?", intro=told, blocks=blocks)


def _summary_table(summary: pd.DataFrame) -> Table:
    named = summary.assign(
        best=[
            f"{size}, {model}" if isinstance(size, str) else "nothing suffices"
            for size, model in zip(summary["size"], summary["model"], strict=True)
        ]
    )
    return Table.from_frame(
        named,
        {
            "need": "need",
            "words": "at least",
            "best": "cheapest",
            "monthly": "a month",
            "payg": "pay-as-you-go",
            "break_even_hours": "commit from, h",
            "spot": "spot",
            "currency": "in",
        },
        {"monthly": COST, "payg": COST, "break_even_hours": ",.0f", "spot": COST},
    )


def commitments_section(commitments: pd.DataFrame, code: str) -> Section | None:
    """Return how purchases of commitments were spread; nothing without one."""
    if commitments.empty:
        return None
    table = commitments.copy()
    for name in ("paid_on", "covers_until"):
        table[name] = table[name].dt.strftime("%Y-%m-%d")
    shown = Table.from_frame(
        table,
        {
            "commitment": "commitment",
            "paid_on": "paid on",
            "paid": f"paid ({code})",
            "frequency": "paid how",
            "term_months": "term, months",
            "covers_until": "covers until",
            "a_day": "a day",
            "so_far": "so far",
        },
        {"paid": COST, "a_day": ",.4f", "so_far": COST},
        limit=SHOWN,
        whole="commitments.csv",
    )
    return Section(
        title="How are commitments spread?",
        intro="A payment at once stands for the whole term, a monthly one for the month that begins with it. The days"
        " up to the last one of the data are counted so far.",
        blocks=[shown],
    )


def expected_section(expected: pd.DataFrame) -> Section | None:
    """Return what the export itself forecasts; nothing where it does not."""
    if expected.empty:
        return None
    table = expected.assign(until=expected["until"].dt.strftime("%Y-%m-%d"))
    shown = Table.from_frame(
        table,
        {
            "currency": "currency",
            "billed": "billed",
            "forecast": "forecast of the export",
            "together": "together",
            "until": "until",
            "note": "note",
        },
        {"billed": COST, "forecast": COST, "together": COST},
    )
    return Section(title="What does the export itself expect?", blocks=[shown])


def sources_section(totals: pd.DataFrame, files: pd.DataFrame, currency: Currency) -> Section:
    """Return the totals of each currency, and what was read."""
    told = f"All figures above are in {currency.code}."
    if currency.others:
        told += (
            f" Charges in {', '.join(currency.others)} are not in them: amounts of different currencies are not added."
        )
    left = int((files["rows"] - files["counted"]).sum())
    if left:
        share = percent(left / max(1, int(files["rows"].sum())), 1)
        told += f" {left:,} rows ({share}) stand in another file or a later run of the same export too, and count once."
    return Section(
        title="What was read?",
        intro=told,
        blocks=[
            Table.from_frame(
                totals,
                {
                    "currency": "currency",
                    "charges": "charges",
                    "billed": "billed",
                    "effective": "effective",
                    "note": "note",
                },
                {"charges": ",.0f", "billed": COST, "effective": COST},
            ),
            Table.from_frame(
                files,
                {
                    "file": "file",
                    "kind": "kind",
                    "rows": "rows",
                    "counted": "counted",
                    "first": "first day",
                    "last": "last day",
                },
                {"rows": ",.0f", "counted": ",.0f"},
                limit=SHOWN,
            ),
        ],
    )
