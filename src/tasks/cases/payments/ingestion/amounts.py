"""Which amounts do the texts of an export name? Cents, by Arrow; signs, brackets, commas and currency as they come."""

from typing import TYPE_CHECKING

import numpy as np

from tasks.cases.payments.ingestion.lines import AMOUNT, LARGEST, PLAIN_AMOUNT

if TYPE_CHECKING:
    import pyarrow as pa


def cents_of(texts: "pa.Array") -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return trimmed amounts as cents, half cents away from zero, and which are no amounts, by reason."""
    import pyarrow as pa
    import pyarrow.compute as pc

    plain = np.asarray(pc.match_substring_regex(texts, PLAIN_AMOUNT))
    numbers = pc.cast(pc.if_else(pa.array(plain), texts, "0"), pa.float64())
    cents = np.round(np.asarray(numbers) * 100).astype(np.int64)  # exact: fewer than 15 digits
    blank = np.asarray(pc.equal(texts, ""))
    odd = np.flatnonzero(~plain & ~blank)
    wrong, large = np.zeros(len(texts), bool), np.zeros(len(texts), bool)
    if len(odd):
        cents[odd], wrong[odd], large[odd] = _odd_cents(texts.take(pa.array(odd)))
    return cents, {"blank": blank, "amount": wrong, "large": large}


def _odd_cents(texts: "pa.Array") -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the cents of amounts with signs and commas, which of them are none, and which are too large."""
    import pyarrow.compute as pc

    good = pc.match_substring_regex(texts, AMOUNT)
    texts = pc.if_else(good, texts, "0")
    negative = np.asarray(pc.match_substring_regex(texts, r"[(-]"))
    digits = pc.replace_substring_regex(texts, r"[^0-9.]", "")
    whole = pc.utf8_ltrim(pc.replace_substring_regex(digits, r"\..*", ""), "0")
    large = pc.greater(pc.binary_length(whole), LARGEST)
    whole = pc.utf8_lpad(pc.if_else(large, "0", whole), 1, "0")
    rest = pc.utf8_rpad(pc.replace_substring_regex(digits, r"\A[^.]*\.?", ""), 3, "0")
    thousandths = pc.cast(pc.utf8_slice_codeunits(rest, 0, 3), "int64")
    cents = np.asarray(pc.cast(whole, "int64")) * 100 + (np.asarray(thousandths) + 5) // 10
    return np.where(negative, -cents, cents), ~np.asarray(good), np.asarray(large)
