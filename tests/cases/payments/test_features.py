"""Are the sums right, to the cent, whichever engine made them? Against DuckDB, plain Python, and what was planted."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tasks.cases.payments.features.summary import FEWEST, UNUSUAL, Summary, irregularity, quarter_name
from tasks.cases.payments.features.vendors import FEATURES, raw_features, standardised, vendor_features
from tasks.cases.payments.features.with_pandas import sum_with_pandas, summed
from tasks.cases.payments.features.with_spark import sum_with_spark
from tasks.cases.payments.ingestion.ledger import Ledger
from tasks.cases.payments.ingestion.with_pandas import clean_with_pandas
from tasks.cases.payments.sample.payments import FILE, FIRST_YEAR, account_names, planted, vendors, write_payments
from tasks.platform.errors import ContractError

ROWS = 6_000
NAMES = ["department", "vendor", "name", "account"]
COLUMNS = ["quarter", *NAMES, "cents"]


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    folder = tmp_path_factory.mktemp("sample")
    write_payments(folder, ROWS)
    with pytest.MonkeyPatch.context() as patch:
        from tasks.platform.settings import settings

        patch.setenv("CASEBOOK_HOME", str(folder / "home"))
        settings.cache_clear()
        cleaned = clean_with_pandas.fn([folder / FILE]).rows
    settings.cache_clear()
    return cleaned


@pytest.fixture(scope="module")
def summary(ledger: Ledger) -> Summary:
    return sum_with_pandas.fn(ledger)


def frame(rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=COLUMNS).astype(dict.fromkeys(NAMES, "category"))
    return table.astype({"quarter": "int32", "cents": "int64"})


def test_sums_are_those_of_duckdb(ledger: Ledger, summary: Summary) -> None:
    import duckdb

    base = duckdb.connect()
    base.register("payments", ledger.rows_of(COLUMNS).astype(dict.fromkeys(NAMES, str)))
    cells = base.execute(
        "SELECT quarter, department, count(*) AS payments, count(*) FILTER (WHERE cents < 0) AS corrections,"
        " sum(cents)::BIGINT AS cents FROM payments GROUP BY quarter, department ORDER BY quarter, department"
    ).df()
    pd.testing.assert_frame_equal(summary.cells, cells, check_dtype=False)
    people = base.execute(
        "WITH v AS (SELECT *, CASE WHEN cents > 0 THEN log10(cents / 100) END AS d FROM payments)"
        " SELECT vendor, min(name) AS name, count(DISTINCT name) AS names, count(*) AS payments,"
        " count(*) FILTER (WHERE cents < 0) AS corrections, sum(cents)::BIGINT AS cents, count(d) AS positive,"
        " median(d) AS median, mad(d) AS mad, count(DISTINCT department) AS departments,"
        " count(DISTINCT quarter) AS quarters, min(quarter) AS first, max(quarter) AS last"
        " FROM v GROUP BY vendor ORDER BY vendor"
    ).df()
    pd.testing.assert_frame_equal(summary.vendors.drop(columns="squares"), people, check_dtype=False)


def test_a_vendor_bucket_at_a_time_gives_the_same(
    ledger: Ledger, summary: Summary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.cases.payments.features.with_pandas.AT_ONCE", 700)
    parts = sum_with_pandas.fn(ledger)
    for one, other in zip(parts[:4], summary[:4], strict=True):
        pd.testing.assert_frame_equal(one, other)
    assert parts.counts == summary.counts


def test_spark_gives_the_same(ledger: Ledger, summary: Summary, spark: Any) -> None:
    theirs = sum_with_spark.fn(spark.createDataFrame(ledger.rows_of(COLUMNS).astype(dict.fromkeys(NAMES, str))))
    for one, other in zip(theirs[:4], summary[:4], strict=True):
        pd.testing.assert_frame_equal(one, other, check_dtype=False, rtol=1e-12)
    assert theirs.counts == summary.counts


def test_what_was_planted_is_found(summary: Summary) -> None:
    people, extra = vendors(ROWS), planted(ROWS)
    found = {"duplicate": summary.repeated, "unusual": summary.unusual}
    for what, table in found.items():
        listed = set(table[["vendor", "account", "quarter", "cents"]].itertuples(index=False, name=None))
        mine = extra[extra["what"] == what]
        wanted = zip(
            people["number"].to_numpy()[mine["vendor"]],
            account_names(mine["account"].to_numpy()),
            mine["quarter"] + 4 * FIRST_YEAR,
            mine["cents"],
            strict=True,
        )
        assert set(wanted) <= listed
        assert len(listed) <= len(mine) + 8, "and little else"


def test_a_rent_of_three_equal_payments_a_quarter_is_no_duplicate_but_a_fourth_is() -> None:
    rent = [(8060 + quarter, "D", "v", "V", "Rent", 100_00) for quarter in range(10) for _ in range(3)]
    assert summed(frame(rent)).counts["repeated"] == 0
    more = summed(frame([*rent, rent[0]]))
    assert more.repeated[["times", "usual", "surplus_cents"]].to_numpy().tolist() == [[4, 3, 100_00]]
    undone = summed(frame([*rent, rent[0], (*rent[0][:5], -100_00)]))
    assert undone.counts["repeated"] == 0


def test_an_amount_is_unusual_for_its_vendor_only() -> None:
    small = [(8060, "D", "small", "S", "A", 100 * (10 + number % 3)) for number in range(30)]
    large = [(8060, "D", "large", "L", "A", 100_000 * (10 + number % 3)) for number in range(30)]
    odd = (8061, "D", "small", "S", "A", 1_000_000)
    found = summed(frame([*small, *large, odd])).unusual
    assert found[["vendor", "cents"]].to_numpy().tolist() == [["small", 1_000_000]]
    assert found["z"].iloc[0] >= UNUSUAL
    assert summed(frame([*small[: FEWEST - 2], odd])).counts["unusual"] == 0, "too few to judge"


@given(
    st.lists(
        st.tuples(
            st.integers(8000, 8010),
            st.sampled_from("AB"),
            st.sampled_from("xyz"),
            st.sampled_from(["N", "M"]),
            st.sampled_from(["", "r"]),
            st.integers(-500, 500),
        ),
        min_size=1,
        max_size=60,
    )
)
@hypothesis_settings(max_examples=15, deadline=None)
def test_nothing_is_lost_whatever_the_payments(rows: list[tuple[Any, ...]]) -> None:
    result = summed(frame(rows))
    total = sum(row[-1] for row in rows)
    for table in (result.cells, result.vendors):
        assert (table["payments"].sum(), table["cents"].sum()) == (len(rows), total)
        assert table["corrections"].sum() == sum(row[-1] < 0 for row in rows)
    assert result.counts["zero"] == sum(row[-1] == 0 for row in rows)
    assert (result.vendors["quarters"] <= result.vendors["last"] - result.vendors["first"] + 1).all()
    assert np.isfinite(irregularity(result.vendors)).all()


def test_features_are_scaled_and_irregularity_is_that_of_the_counts(summary: Summary) -> None:
    features = vendor_features.fn(summary.vendors)
    assert features.scaled.shape == (len(features.vendors), len(FEATURES))
    np.testing.assert_allclose(features.scaled.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(features.scaled.std(axis=0), 1, atol=1e-9)
    counts = [2, 0, 5]
    vendor = pd.DataFrame({"first": [8060], "last": [8062], "payments": [7], "squares": [29]})
    assert irregularity(vendor)[0] == pytest.approx(np.std(counts) / np.mean(counts))
    same = raw_features(summary.vendors.head(1), 40)
    assert (standardised(same, same) == 0).all(), "a feature that does not vary says nothing"


def test_too_few_vendors_are_refused(summary: Summary) -> None:
    with pytest.raises(ContractError, match="Only 3 vendors"):
        vendor_features.fn(summary.vendors.head(3))


def test_quarters_have_names() -> None:
    assert quarter_name(2015 * 4 + 2) == "2015 Q3"


def test_the_sample_is_the_same_bytes_each_time(tmp_path: Path) -> None:
    files = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_payments(tmp_path / name, 5_000)
        files.append((tmp_path / name / FILE).read_bytes())
    assert files[0] == files[1]
    assert files[0].count(b"\n") == 5_001
