"""How are amounts and months said?"""

import pandas as pd

SYMBOLS = {"EUR": "€", "USD": "$", "GBP": "£"}


def money(amount: float, code: str) -> str:
    """Return an amount with its currency, with as many digits as it needs: 1,234 €, 20.52 $, 0.0031 CHF."""
    size = abs(amount)
    text = f"{amount:,.0f}" if size >= 1000 else f"{amount:,.2f}" if size >= 0.995 or size == 0 else f"{amount:,.2g}"
    return f"{text.replace('-0.00', '0.00') if size == 0 else text}\u202f{SYMBOLS.get(code, code)}"


def month_name(month: str) -> str:
    """Return the name of a month: 2026-09 is September 2026."""
    return f"{pd.Timestamp(month):%B %Y}"
