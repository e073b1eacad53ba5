"""How is a price written, and a label of prices? With the currency after it, or with none where nobody knows which."""


def money(value: float, currency: str, digits: int = 0) -> str:
    """Return a price as a reader sees it, such as `1,234 €`, `12,000 JPY` or `90`."""
    return f"{value:,.{digits}f}{after(currency)}"


def after(currency: str) -> str:
    """Return what stands after a price."""
    return f"\u00a0{currency}" if currency else ""


def label(text: str, currency: str, per: str = "") -> str:
    """Return the label of an axis or column of prices, such as `price (€ a night)`."""
    unit = " ".join(filter(None, [currency, per]))
    return f"{text} ({unit})" if unit else text
