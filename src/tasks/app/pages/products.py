"""What if an input of the process were different? A form of the inputs, and what the model says."""

from typing import Any

import pandas as pd
import streamlit as st

from tasks.app.asking import asked, ready, title
from tasks.cases.quality.features.inputs import Recipe
from tasks.publishing.predictions import whose


def show() -> None:
    """Show a slider or a choice for each input, and what the model says."""
    title("What if?", "Move an input of the process, and see what the model expects. A correlation, no cause.")
    if not ready("quality"):
        return
    champion = whose("quality")
    recipe, learned = champion.artifacts["recipe"].load(Recipe), champion.artifacts["learned"].load(pd.DataFrame)
    row: dict[str, Any] = {}
    left, right = st.columns(2)
    for place, name in enumerate(recipe.raw):
        with left if place % 2 == 0 else right:
            row[name] = _input(name, learned[name], recipe)
    if st.toggle("Go beyond what was seen"):
        name = st.selectbox("Input", recipe.numbers)
        row[name] = st.number_input(f"{name}, any value", value=float(row[name]))
    asked("quality", row)


def _input(name: str, values: pd.Series, recipe: Recipe) -> Any:
    if name in recipe.texts:
        return st.selectbox(name, recipe.texts[name])
    numbers = values.astype(float).dropna()
    low, high, middle = float(numbers.min()), float(numbers.max()), float(numbers.median())
    return st.slider(name, low, high, middle) if low < high else st.number_input(name, value=middle)
