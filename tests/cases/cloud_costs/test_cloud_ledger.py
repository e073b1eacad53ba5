"""Billed and effective costs are kept apart, currencies never added, and every sum is that of a recount."""

from pathlib import Path

import duckdb
import pandas as pd
import pytest
from cloud_ledgers import charges, ledger_of, read, sample_ledger
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.cases.cloud_costs.evaluation.budget import check_budget, parse_budget
from tasks.cases.cloud_costs.evaluation.change import compare_months
from tasks.cases.cloud_costs.evaluation.unused import find_unused, rules_table
from tasks.cases.cloud_costs.features.currency import Currency, choose_currency, read_expectation
from tasks.cases.cloud_costs.features.groups import group_costs
from tasks.cases.cloud_costs.sample import CULPRIT, RESERVED, UNUSED
from tasks.platform.errors import UsageError

FOCUS = "focus-1.0-sample.csv"


def test_the_focus_sample_equals_a_recount_in_duckdb(shared: Path) -> None:
    file = shared / "data" / "cloud_costs" / FOCUS
    costs = read(file)
    groups = group_costs.fn(ledger_of(costs.frame).frame, "")
    assert len(costs.frame) == 1000
    assert groups.days["billed"].sum() == pytest.approx(20.52, abs=0.005)
    assert groups.days["effective"].sum() == pytest.approx(14.98, abs=0.005)
    recount = (
        duckdb.connect()
        .execute(
            "SELECT ProviderName, ServiceName, sum(BilledCost::DOUBLE), sum(EffectiveCost::DOUBLE)"
            " FROM read_csv(?, all_varchar = true) GROUP BY ALL",
            [str(file)],
        )
        .fetchall()
    )
    ours = groups.provider_services.set_index(["provider", "service"])
    assert len(ours) == len(recount)
    for provider, service, billed, effective in recount:
        assert ours.loc[(provider, service)].tolist() == pytest.approx([billed, effective], abs=1e-9)


def test_the_reservation_of_the_ea_export_is_spread(shared: Path) -> None:
    ledger = ledger_of(read(shared / "data" / "cloud_costs" / "azure-actual-cost-2023-09.csv").frame)
    bought = ledger.commitments.iloc[0]
    # 3.25 dollars are one of 36 monthly payments (Frequency is Recurring): each stands for its month of the term
    assert (bought["paid"], bought["frequency"], bought["term_months"], bought["days"]) == (3.25, "monthly", 36, 30)
    assert f"{bought['covers_until']:%Y-%m-%d}" == "2023-10-20"
    frame = ledger.frame
    assert frame["BilledCost"].sum() == pytest.approx(8.5450077867419368, abs=1e-9)
    assert frame["EffectiveCost"].sum() == pytest.approx(8.5450077867419368 - 3.25 + 3.25 / 30, abs=1e-9)


def test_a_payment_at_once_is_spread_over_the_whole_term() -> None:
    ledger = sample_ledger()
    spread = ledger[ledger["x_Amortised"]]
    assert len(spread) == 84  # from 3 July to 24 September
    assert spread["EffectiveCost"].unique().tolist() == [RESERVED / 365]
    assert spread["BilledCost"].sum() == 0
    assert ledger.loc[ledger["ChargeCategory"] == "Purchase", "EffectiveCost"].tolist() == [0.0]


@settings(max_examples=25)
@given(st.integers(1, 60), st.floats(0.01, 1e6), st.sampled_from(["12", "36", "P1Y", "3 Years", ""]), st.booleans())
def test_no_more_is_spread_than_was_paid(after: int, paid: float, term: str, monthly: bool) -> None:
    start = pd.Timestamp(2026, 1, 31)
    ledger = ledger_of(
        charges(
            [
                {
                    "ChargePeriodStart": start,
                    "BilledCost": paid,
                    "ChargeCategory": "Purchase",
                    "PricingCategory": "Committed",
                    "x_Term": term,
                    "ChargeFrequency": "Recurring" if monthly else "OneTime",
                },
                {"ChargePeriodStart": start + pd.Timedelta(days=after), "BilledCost": 1.0},
            ]
        )
    )
    frame = ledger.frame
    assert frame["BilledCost"].sum() == pytest.approx(paid + 1)
    assert frame["EffectiveCost"].sum() <= paid + 1 + 1e-6 * paid
    if not term:
        assert ledger.commitments.empty
        assert frame["EffectiveCost"].sum() == pytest.approx(paid + 1)
    elif monthly and after >= 31:
        assert frame["EffectiveCost"].sum() == pytest.approx(paid + 1)


def test_actual_and_amortised_exports_of_one_month_count_each_amount_once() -> None:
    common = {"ChargePeriodStart": "2026-09-02", "SubAccountId": "s", "ResourceName": "vm"}
    rows = [
        common | {"BilledCost": 100.0, "ChargeCategory": "Purchase", "PricingCategory": "Committed", "x_Term": "12"},
        common | {"BilledCost": 5.0},
        common | {"BilledCost": 5.0, "x_Export": "Azure amortised"},
        common
        | {"BilledCost": 0.0, "EffectiveCost": 8.0, "PricingCategory": "Committed", "x_Export": "Azure amortised"},
    ]
    frame = ledger_of(charges(rows)).frame
    assert frame["BilledCost"].sum() == 105
    assert frame["EffectiveCost"].sum() == 13


def test_currencies_are_never_added() -> None:
    rows = [{"ChargePeriodStart": "2026-09-01", "BilledCost": 1.0}] * 2
    rows += [{"ChargePeriodStart": "2026-09-01", "BilledCost": 10.0, "BillingCurrency": "CHF"}]
    counted = choose_currency.fn(charges(rows), "")
    assert counted.currency == Currency(code="EUR", others=["CHF"])
    assert counted.frame["BilledCost"].sum() == 2
    assert counted.totals.set_index("currency")["billed"].to_dict() == {"EUR": 2.0, "CHF": 10.0}
    assert choose_currency.fn(charges(rows), "chf").frame["BilledCost"].sum() == 10
    with pytest.raises(UsageError, match="there are EUR, CHF"):
        choose_currency.fn(charges(rows), "USD")


def test_dollars_are_taken_from_the_export_where_it_gives_them(shared: Path) -> None:
    costs = read(shared / "data" / "cloud_costs" / "azure-cost-analysis-2020-06-14.xlsx")
    counted = choose_currency.fn(costs.frame, "usd")
    assert counted.currency.converted
    assert counted.frame["BilledCost"].sum() == pytest.approx(74.02407078648726)
    expected = read_expectation.fn(costs.frame, costs.forecast).set_index("currency")
    assert expected.loc["USD", "together"] == pytest.approx(
        74.02407078648726 + 69.039030, abs=1e-5
    )  # as the sheet adds
    assert expected.loc["EUR", "together"] == pytest.approx(68.338322365664 + 69.039030, abs=1e-5)


def test_groups_add_up_to_the_whole_and_tags_are_found() -> None:
    ledger = sample_ledger()
    groups = group_costs.fn(ledger, "team")
    for _, part in groups.groups.groupby("by"):
        assert part["billed"].sum() == pytest.approx(ledger["BilledCost"].sum())
        assert part["effective"].sum() == pytest.approx(ledger["EffectiveCost"].sum())
    assert set(groups.groups.query("by == 'tag'")["name"]) == {"shop", "data", "(no tag)"}
    assert len(groups.days) == 86
    with pytest.raises(UsageError, match="there are env, team"):
        group_costs.fn(ledger, "owner")


def test_months_are_compared_by_the_same_days_and_the_culprit_is_named() -> None:
    changes = compare_months.fn(sample_ledger())
    change = changes.change
    assert (change.month, change.before_month, change.days, change.whole) == ("2026-09", "2026-08", 24, False)
    assert change.culprit == CULPRIT
    assert changes.table["resource"].iloc[0] == CULPRIT
    assert changes.table["change"].sum() == pytest.approx(change.billed - (change.before or 0))
    calm = compare_months.fn(sample_ledger(1.0)).change
    assert calm.culprit != CULPRIT


def test_nothing_is_compared_without_the_whole_month_before() -> None:
    rows = [{"ChargePeriodStart": day, "BilledCost": 1.0} for day in pd.date_range("2026-08-02", "2026-09-30")]
    assert compare_months.fn(ledger_of(charges(rows)).frame).change.before is None
    rows += [{"ChargePeriodStart": "2026-08-01", "BilledCost": 1.0}]
    change = compare_months.fn(ledger_of(charges(rows)).frame).change
    assert (change.whole, change.before, change.billed) == (True, 31.0, 30.0)


def test_a_disk_and_an_address_without_a_machine_are_found_and_no_other() -> None:
    found = find_unused.fn(sample_ledger())
    assert found["resource"].tolist() == list(UNUSED)
    assert found["a_month"].iloc[0] == pytest.approx(0.62 * 365.25 / 12, rel=1e-6)
    assert len(rules_table()) == 7
    group = "/subscriptions/s/resourceGroups/legacy/providers/Microsoft.Compute/virtualMachines/vm"
    machine = {
        "ChargePeriodStart": "2026-09-24",
        "BilledCost": 1.0,
        "ResourceType": "microsoft.compute/virtualmachines",
        "ResourceId": group,
        "ResourceName": "vm",
        "x_ResourceGroup": "legacy",
        "SubAccountId": "00000000-0000-4000-8000-000000000001",
    }
    extra = ledger_of(charges([machine])).frame
    assert find_unused.fn(pd.concat([sample_ledger(), extra], ignore_index=True)).empty


def test_budgets_are_read_and_their_days_told() -> None:
    assert parse_budget("1200, Storage=200") == {"": 1200.0, "Storage": 200.0}
    assert parse_budget("") == {}
    for text in ("much", "-1", "=5", "Storage=", "0", "nan"):
        with pytest.raises(UsageError, match="holds no amount"):
            parse_budget(text)
    table = check_budget.fn(sample_ledger(), "500,legacy=1000", None).set_index("scope")
    spent = sample_ledger().query("day >= '2026-09-01'").groupby("day")["BilledCost"].sum().cumsum()
    assert table.loc["everything", "day_100"] == f"{spent.index[spent >= 500][0]:%Y-%m-%d}"
    assert table.loc["everything", "alert"] == "exceeded"
    assert table.loc["legacy", "alert"] == "kept so far"
    with pytest.raises(UsageError, match="no service, resource group"):
        check_budget.fn(sample_ledger(), "nowhere=5", None)
