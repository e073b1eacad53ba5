"""The sections of the demand report: orders, their replay, accuracy, intervals, stock-outs, sums, choices."""

import pandas as pd

from tasks.cases.demand.features.clock import Clock
from tasks.cases.demand.figures import coverage_figure, models_figure, replay_figure
from tasks.cases.demand.ingestion.roles import Roles
from tasks.cases.demand.training.reconcile import Adding
from tasks.evaluation.metrics import Metric
from tasks.figures.style import percent
from tasks.publishing.blocks import Section, Table
from tasks.publishing.tables import figure_block


def orders_section(orders: pd.DataFrame, roles: Roles, clock: Clock, stock_known: bool) -> Section:
    """Show the largest orders of today."""
    now = orders[orders["order_today"]].sort_values("quantity", ascending=False, kind="stable")
    later = orders[~orders["order_today"] & (orders["quantity"] > 0)]
    never = int((orders["quantity"] <= 0).sum())
    keys = [str(name) for name in orders.columns[: list(orders.columns).index("order_date")]]
    titles = dict(zip(keys, roles.series or ["Series"], strict=True))
    titles |= {
        "quantity": "Order",
        "arrives": "Arrives",
        "stock": "Stock",
        "on_order": "On order",
        "expected_demand": "Expected until next",
        "order_up_to": "Up to",
        "service": "Service",
    }
    formats = dict.fromkeys(("quantity", "stock", "on_order", "expected_demand", "order_up_to"), ",.0f")
    said = f"{len(now):,} of {len(orders):,} items are to be ordered on {clock.date(clock.periods):%-d %B %Y}"
    said += f", {len(later):,} at a later review within what is forecast" if len(later) else ""
    said += f", {never:,} not at all within it." if never else "."
    if not stock_known:
        said += " What is in stock was not given, so each order fills an empty shelf: take off what is there."
    return Section(
        title="What to order",
        intro=f"{said} Each order lifts stock and what is on its way to the quantile of the demand until the delivery"
        " after next, in packs that are sold.",
        blocks=[Table.from_frame(now, titles, formats | {"service": ".1%"}, limit=15, whole="orders.csv")]
        if len(now)
        else [],
    )


def told_ends(metric: Metric) -> str:
    """Return the ends of an interval in brackets; nothing where there are none."""
    if metric.low is None or metric.high is None:
        return ""
    return f" (95\u202f% interval {metric.low:.1f} to {metric.high:.1f}\u202f%)"


def told_saving(saved: Metric) -> str:
    """Return what orders save in words: 12 % less; or that it cannot be told from chance."""
    words = f"{abs(saved.value):.0f}\u202f% {'less' if saved.value >= 0 else 'more'}"
    sure = saved.low is not None and saved.high is not None and (saved.low > 0 or saved.high < 0)
    return words if sure else f"{words} (which may be chance)"


def replay_section(
    rules: pd.DataFrame, naive: str, played: int, items: int, clock: Clock, metrics: dict[str, Metric]
) -> Section:
    """Tell what the orders would have cost."""
    saved, fill = metrics["cost_saved"], metrics["fill_rate"]
    of = "all" if played == items else f"a draw of {played:,} of the"
    titles = {
        "rule": "Rule",
        "cost": "Cost",
        "holding": "Holding",
        "shortage": "Lost sales",
        "waste": "Thrown away",
        "fill_rate": "Demand served",
        "in_stock": "Periods in stock",
        "mean_stock": "Mean stock",
        "orders": "Orders",
    }
    money = ",.0f" if float(rules["cost"].max()) >= 1_000 else ",.2f"
    formats = dict.fromkeys(("cost", "holding", "shortage", "waste"), money) | {"orders": ",.0f", "mean_stock": ",.0f"}
    return Section(
        title="What would the orders have cost?",
        intro=f"The {clock.horizon} test {clock.unit}s were played again for {of} {items:,} items, forecast anew at"
        f" each review by what was known then. The quantile rule costs {told_saving(saved)} than"
        f" {naive} with a normal safety stock for the same service{told_ends(saved)}; it serves"
        f" {fill.value:.1f}\u202f% of demand, the naive rule {fill.baseline or 0:.1f}\u202f%. Costs count from the"
        f" first {clock.unit} that an order could reach.",
        blocks=[
            figure_block(replay_figure(rules, naive), "Cost of each rule in the replay."),
            Table.from_frame(rules, titles, formats | {"fill_rate": ".1%", "in_stock": ".1%"}),
        ],
    )


def accuracy_section(
    models: pd.DataFrame, levels: pd.DataFrame, gains: pd.DataFrame, baseline: str, clock: Clock, roles: Roles
) -> Section:
    """Tell how far off forecasts are, by model and by level."""
    mine = gains[gains["against"] == baseline]
    told = "; ".join(
        f"over other {row['drawn']} {100 * row['low']:.2f} to {100 * row['high']:.2f}"
        for row in mine.to_dict("records")
    )
    sure = bool(len(mine) and (mine["low"] > 0).all())
    words = "beyond chance" if sure else "which may be chance"
    gain = 100 * float(mine["gain"].iloc[0]) if len(mine) else 0.0
    models = models[models["n"] == models["n"].max()]  # those for intermittent demand alone are told apart below
    ours = float(models.loc[models["model"] == "chosen", "wape"].iloc[0])
    better = models[models["wape"] < ours - 1e-4]
    said = f" In the test {', '.join(better['model'])} alone would have done better." if len(better) else ""
    level = {f"key_{number}": f"sums by {name}" for number, name in enumerate(roles.series, 1)}
    shown = levels.assign(level=levels["level"].map(level | {"all": "all together", "series": "single series"}))
    return Section(
        title="How far off are the forecasts?",
        intro=f"Forecast once, {clock.horizon} {clock.unit}s ahead, from the start of the test. The gain over"
        f" {baseline} is {gain:.2f} points, {words} (95 % intervals: {told}).{said}",
        blocks=[
            figure_block(models_figure(models, baseline), "Error of each model in the test."),
            Table.from_frame(
                shown,
                {"level": "Level", "n": "Series", "wape": "WAPE", "baseline": baseline.capitalize()},
                {"n": ",.0f", "wape": ".2%", "baseline": ".2%"},
            ),
        ],
    )


def intervals_section(coverage: pd.DataFrame, metrics: dict[str, Metric]) -> Section:
    """Tell whether intervals hold what they say."""
    inside, loss = metrics["coverage_90"], metrics["pinball"]
    return Section(
        title="Do the intervals hold what they say?",
        intro=f"{inside.value:.1f}\u202f% of the test demands lie in their 90\u202f% interval"
        f"{told_ends(inside)}. The pinball loss is {loss.value:.2f}\u202f% of mean demand, the simple forecast's with"
        f" intervals made the same way {loss.baseline or 0:.2f}\u202f%. Widths come from errors in validation alone.",
        blocks=[figure_block(coverage_figure(coverage, inside.value / 100), "Told quantiles against what happened.")],
    )


def stock_section(counts: dict[str, int], added: float, cells: int, stocked: bool) -> Section:
    """Tell what stock-outs and gaps do to the demand."""
    if not stocked:
        said = (
            "The table has no stock, so periods without sales may be periods without goods: what was sold is taken for"
            " the demand."
        )
    elif counts["stock_outs"] == 0:
        said = "No period ended without stock."
    else:
        said = (
            f"{counts['stock_outs']:,} of {cells:,} periods of a series ended without stock. What was sold there is the"
            f" least that was wanted; with what was to be expected, the demand of all is {percent(added, 1)} above"
            " sales."
            " These periods are no test cases, and models do not learn from them."
        )
    more = f" {counts['summed']:,} rows of the same series and period were summed up." if counts["summed"] else ""
    gaps = (
        f" {counts['missing']:,} periods have no row; they were filled by what was to be expected."
        if counts["missing"]
        else ""
    )
    return Section(title="Demand that nobody could meet", intro=said + more + gaps)


def choices_section(
    ways: pd.DataFrame, models: pd.DataFrame, weights: pd.DataFrame, adding: Adding, clock: Clock
) -> Section:
    """Show what was chosen, and against what."""
    kinds = ", ".join(
        f"{row['way']} for {row['kind']} series" for row in ways[ways["used"].astype(bool)].to_dict("records")
    )
    share = weights.drop(columns="number").mean().sort_values(ascending=False)
    most = ", ".join(f"{name} {percent(value)}" for name, value in share[share > 0.01].items())
    sums = (
        f" The forecasts of sums and series add up ({adding.way}; before, they were {percent(adding.gap, 1)} apart)."
        if adding.errors.get("combined") != adding.errors.get("own") or adding.gap
        else ""
    )
    starts = ", ".join(f"{clock.date(origin):%-d %b %Y}" for origin in sorted(clock.origins))
    shown = ways.assign(used=ways["used"].map({True: "yes", False: ""}))
    return Section(
        title="What was chosen, and how",
        intro=f"By forecasts from {starts}, all of whose targets lie before the test: {kinds}. Weights on average:"
        f" {most}.{sums}",
        blocks=[
            Table.from_frame(
                shown,
                {"kind": "Series", "way": "Way", "error": "Error on origins left out", "used": "Used"},
                {"error": ".2%"},
                caption="Of intermittent series the sum over the horizon counts.",
            ),
            Table.from_frame(
                models, {"kind": "Series", "model": "Model", "error": "Error in validation"}, {"error": ".2%"}
            ),
        ],
    )
