"""What does a figure's short name mean? `pr_auc`, `recall@10` and their like in words, for reports and pages.

`result.json`, MLflow and the champions keep the short names: programs look for them.
"""

import re

# What stands in the reports of many fields first, then the names that one question gives to its own figures.
WORDS = {
    "accuracy": "share of right answers (accuracy)",
    "mae": "mean absolute error",
    "rmse": "typical error (RMSE)",
    "mape": "mean error in percent (MAPE)",
    "wape": "error as a share of the total (WAPE)",
    "r2": "explained share of the variance (R²)",
    "rmsle": "typical relative error (RMSLE)",
    "mae_log": "mean relative error (of logarithms)",
    "median_ae": "median absolute error",
    "pinball": "error of the told quantiles (pinball loss)",
    "squared_error": "mean squared error",
    "brier": "error of the told chances (Brier score)",
    "ece": "calibration error of the told chances (ECE)",
    "log_loss": "error of the told chances (log loss)",
    "pr_auc": "area under precision and recall",
    "roc_auc": "area under the ROC curve",
    "macro_f1": "F1 score, mean over the classes",
    "mrr": "mean reciprocal rank",
    "map": "mean average precision",
    "ndcg": "quality of the ranking (NDCG)",
    "hits": "share with a hit",
    "hit": "share with a hit",
    "precision": "precision",
    "recall": "recall",
    "coverage": "coverage",
    "silhouette": "distinctness of the groups (silhouette)",
    "adjusted_rand": "agreement with the truth (adjusted Rand index)",
    "p_value": "chance of such a change where there is none (p-value)",
    "accuracy_tta": "right answers, averaged over views",
    "accuracy_8bit": "right answers of the 8-bit form",
    "accuracy_no_duplicates": "right answers without duplicates",
    "accuracy_test": "right answers on the test pictures",
    "accuracy_left_out": "right answers on what was left out",
    "accuracy_metadata_only": "right answers from metadata alone",
    "accuracy_metadata_files": "right answers from the files' facts alone",
    "accuracy_naive_split": "right answers after a naive split",
    "training_images_per_second": "training pictures a second",
    "frames_per_second": "frames a second",
    "ms_per_query": "time of a query",
    "bytes_per_vector": "size of a code",
    "bytes_with_vectors": "size of a code with its vector",
    "recall_minhash": "recall of the hashed comparison",
    "recall_at_cost": "recall where alarms pay",
    "precision_at_cost": "precision where alarms pay",
    "silhouette_held_out": "distinctness of held-out groups (silhouette)",
    "p_between": "chance of such groups in one cloud (p-value)",
    "mean_weight_pounds": "mean birth weight",
    "low_weight_share": "share of low birth weights",
    "explained_share": "explained share of the variance",
    "peak_age": "age with the heaviest babies",
    "peak_age_adjusted": "age with the heaviest babies, all else equal",
    "gap_young": "difference of the youngest mothers",
    "gap_young_adjusted": "difference of the youngest mothers, all else equal",
    "gap_old": "difference of the oldest mothers",
    "gap_old_adjusted": "difference of the oldest mothers, all else equal",
    "bytes_scanned": "bytes read",
    "forecast_month_end": "forecast for the end of the month",
    "half_width": "half width of the interval",
    "fill_rate": "share of demand served",
    "coverage_90": "coverage of the 90 % intervals",
    "out_of_order": "lifts out of order",
    "unknown": "state not told",
    "repair_days": "time to repair",
    "brier_as_now": "error of “as now” (Brier score)",
    "plays_all": "plays of the whole record",
    "plays_per_day": "plays a day",
    "plays_per_day_same_dates": "plays a day, same dates as the year before",
    "effective_artists": "artists that make up most plays",
    "streak_days": "longest run of days",
    "session_minutes": "length of a session",
    "accounted": "lines accounted for",
    "complete": "plays with all fields",
    "quarantined": "lines in quarantine",
    "false_findings": "findings where there is nothing",
    "false_findings_any_size": "findings of any size where there is nothing",
    "power": "share of true changes found (power)",
}

LONGEST = 80  # characters of a short name
_SHORT = re.compile(r"[A-Za-z][A-Za-z0-9]*([_@.-][A-Za-z0-9]+)*\Z")


def _parts(name: str) -> str:
    if name in WORDS:
        return WORDS[name]
    if name.endswith("_gain"):
        return f"gain in {_parts(name.removesuffix('_gain'))}"
    if found := re.fullmatch(r"(\w+)@(\d+)(?:_(\w+))?", name):
        measured, k, kind = found.groups()
        of = f"{WORDS.get(measured, measured)} of {k} % intervals" if measured == "coverage" else ""
        return (of or f"{_parts(measured)} at {k}") + (f", {kind}" if kind else "")
    if name.startswith("p_"):
        return f"chance of such {name[2:]} without a change (p-value)"
    for known in sorted(WORDS, key=len, reverse=True):
        if name.startswith(f"{known}_"):
            return f"{WORDS[known]}, {name.removeprefix(f'{known}_')}"
    return name


def metric_words(name: str) -> str:
    """Return a figure's short name in words; a text that is no short name stays as it is."""
    if len(name) > LONGEST or not _SHORT.match(name):
        return name
    return _parts(name).replace("_", " ").replace("@", " at ")
