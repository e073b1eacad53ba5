"""Will this product be faulty? The published model asked about products whose result is not known yet."""

import numpy as np
import pandas as pd

from tasks.cases.quality.evaluation.answers import distances, support_of
from tasks.cases.quality.features.inputs import Recipe
from tasks.cases.quality.ingestion.roles import Roles
from tasks.cases.quality.training.models import Calibration, predict_products
from tasks.evaluation.champions import Champion
from tasks.features.support import told, unlike
from tasks.ingestion.csv_text import read_strictly
from tasks.platform.errors import ContractError
from tasks.publishing.predictions import Answered, file_given

MOST_ROWS = 100_000
CERTAIN = 0.999
FAR = "a combination of inputs that was never there"


def predict(champion: Champion, given: str) -> Answered:
    """Predict the result of products: a chance to be faulty, of each class, or a value with its interval.

    Args:
        champion: whose stored results answer.
        given: path of a CSV with a row per product and the columns that the model looks at.
    """
    parts = champion.artifacts
    recipe, roles = parts["recipe"].load(Recipe), parts["roles"].load(Roles)
    learned, name = parts["learned"].load(pd.DataFrame), str(champion.config["model"])
    rows = read_rows(given, recipe)
    found = predict_products.fn(
        rows,
        parts["model"].load(),
        parts["calibration"].load(Calibration),
        recipe,
        roles.kind,
        name,
        len(roles.classes) or 2,
    )
    odd = unlike(rows, learned, recipe.numbers, list(recipe.texts))
    far = distances(rows, recipe, support := support_of(learned, recipe, 0)) > support.limit
    odd = [reason or FAR * bool(distant) for reason, distant in zip(odd, far, strict=True)]
    table, answer = answered(found, roles)
    table.insert(0, "product", np.arange(1, len(table) + 1))
    return Answered(table.assign(unlike=odd), answer, told(odd, "product"))


def answered(found: pd.DataFrame, roles: Roles) -> tuple[pd.DataFrame, str]:
    """Return the columns that people want, and one sentence."""
    if roles.kind == "faulty":
        chance = found["chance"]
        worst = f"the highest chance has product {int(chance.argmax()) + 1} ({percent(chance.max())})"
        one = f"The chance of this product to be faulty is {percent(chance.iloc[0])}."
        many = f"Of these {len(found):,} products about {chance.sum():,.1f} will be faulty; {worst}."
        return found[["chance"]].copy(), one if len(found) == 1 else many
    if roles.kind == "classes":
        chances = found.to_numpy()
        best = chances.argmax(axis=1)
        table = pd.DataFrame({roles.target: [roles.classes[place] for place in best], "chance": chances.max(axis=1)})
        table[[f"chance of {name}" for name in roles.classes]] = chances
        first = table.iloc[0]
        one = f"This product is most likely {first[roles.target]} ({percent(first['chance'])})."
        return table, one if len(found) == 1 else f"The most likely {roles.target} of {len(found):,} products."
    first = found.iloc[0]
    one = f"{roles.target} will be about {first['value']:.4g} ({first['low']:.4g} to {first['high']:.4g})."
    return found.copy(), one if len(found) == 1 else f"{roles.target} of {len(found):,} products, each with its range."


def percent(chance: float) -> str:
    """Return a chance in words; none is told as none at all, nor as certainty."""
    if chance > CERTAIN:
        return "more than 99.9 %"
    return "less than 0.1 %" if chance < 1 - CERTAIN else f"{chance * 100:.1f} %"


def read_rows(given: str, recipe: Recipe) -> pd.DataFrame:
    """Read the inputs of products, (n, inputs); a number that is not given is missing, as it may be in training.

    Raises:
        ContractError: an input is no column, or a text stands where numbers are learned from.
        UsageError: there is no such file.
    """
    file = file_given(given)
    remedy = f"give a CSV with the columns {', '.join(recipe.raw)}"
    raw = read_strictly(file, file.name, remedy, dtype=str, keep_default_na=False).fillna("")
    raw = raw.rename(columns=lambda column: str(column).strip()).apply(lambda column: column.str.strip())
    if lacking := [name for name in recipe.raw if name not in raw]:
        raise ContractError(f"{file.name} lacks the columns {', '.join(lacking)}; {remedy}.")
    if not 0 < len(raw) <= MOST_ROWS:
        raise ContractError(f"{file.name} has {len(raw):,} rows; give 1 to {MOST_ROWS:,}.")
    table = raw[recipe.raw].copy()
    for name in recipe.numbers:
        number = pd.to_numeric(raw[name].where(raw[name] != ""), errors="coerce")
        if (bad := number.isna() & (raw[name] != "")).any():
            raise ContractError(
                f"{file.name}, row {int(bad.argmax()) + 1}: {name} is no number ({raw[name][bad].iloc[0][:40]})."
            )
        table[name] = number.astype(float)
    return table
