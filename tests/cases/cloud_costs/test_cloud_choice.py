"""The cheapest machine is that of brute force over the price list; needs are read in every form or refused."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.cases.cloud_costs.evaluation.choice import choose_machines
from tasks.cases.cloud_costs.ingestion.needs import Need, Needs, read_needs
from tasks.cases.cloud_costs.ingestion.offers import MODELS, offers_of
from tasks.cases.cloud_costs.ingestion.prices import read_prices
from tasks.cases.cloud_costs.ingestion.sizes import read_sizes
from tasks.cases.cloud_costs.sample import sample_prices, write_prices
from tasks.cases.cloud_costs.sizes import KNOWN_SIZES
from tasks.platform.errors import CasebookError, ContractError, UsageError

ITEMS = sample_prices()
OFFERS = offers_of(ITEMS)
HAS = {row["size"]: row for row in KNOWN_SIZES.to_dict("records")}


def brute_force(need: Need) -> tuple[float, float]:
    """Return the least a month with and without spot, straight from the items of the list."""
    sure, spot = [np.inf], [np.inf]
    for item in ITEMS:
        size = HAS[item["armSkuName"]]
        enough = all(size[name] >= getattr(need, name) for name in ("cores", "memory", "disk", "gpus"))
        windows = "Windows" in item["productName"]
        if not enough or windows != (need.os == "windows") or need.region not in {"", item["armRegionName"]}:
            continue
        if item["type"] == "Reservation":
            sure.append(item["retailPrice"] / {"1 Year": 12, "3 Years": 36}[item["reservationTerm"]])
            continue
        (spot if "Spot" in item["skuName"] else sure).append(item["retailPrice"] * need.hours)
        sure += [plan["retailPrice"] * 730 for plan in item.get("savingsPlan", [])]
    return min(sure) * need.count, min(spot) * need.count


@settings(max_examples=40)
@given(
    st.builds(
        Need,
        name=st.just("x"),
        cores=st.integers(0, 100),
        memory=st.integers(0, 700),
        disk=st.sampled_from([0, 50, 500]),
        gpus=st.sampled_from([0, 0, 0, 1, 4]),
        region=st.sampled_from(["", "westeurope", "northeurope", "moon"]),
        hours=st.floats(1, 744),
        count=st.integers(1, 9),
        os=st.sampled_from(["linux", "linux", "windows"]),
    )
)
def test_the_cheapest_is_that_of_brute_force(need: Need) -> None:
    chosen = choose_machines.fn(OFFERS, KNOWN_SIZES, Needs(needs=[need]), "EUR")
    row = chosen.best.iloc[0]
    sure, spot = brute_force(need)
    if not np.isfinite(sure):
        assert row["fits"] == 0
        assert pd.isna(row["size"])
        return
    assert row["monthly"] == pytest.approx(sure)
    assert row["model"] != "spot"
    assert (row["spot"] if np.isfinite(spot) else np.inf) == pytest.approx(spot)
    for model, part in chosen.frame.groupby("model"):
        assert model in MODELS
        assert part["monthly"].is_monotonic_increasing


def test_from_the_break_even_on_a_commitment_is_cheaper() -> None:
    def monthly(hours: float) -> pd.Series:
        need = Need(name="x", cores=4, memory=16, region="westeurope", hours=hours)
        return choose_machines.fn(OFFERS, KNOWN_SIZES, Needs(needs=[need]), "EUR").best.iloc[0]

    turn = monthly(300)["break_even_hours"]
    assert 0 < turn < 730
    assert monthly(turn - 1)["model"] == "pay-as-you-go"
    assert monthly(turn + 1)["model"] == "reserved, 3 years"


def test_prices_in_another_currency_are_never_compared() -> None:
    dear = OFFERS.assign(currency="JPY", hourly=OFFERS["hourly"] * 0.01)
    both = pd.concat([OFFERS, dear], ignore_index=True)
    need = Needs(needs=[Need(name="x", cores=4)])
    for code in ("EUR", "JPY"):
        chosen = choose_machines.fn(both, KNOWN_SIZES, need, code)
        assert set(chosen.frame["currency"]) == {code}
    assert choose_machines.fn(both, KNOWN_SIZES, need, "USD").best["currency"].tolist() == ["EUR"]


def test_what_misleads_in_the_list_is_read_right() -> None:
    item = {
        "currencyCode": "USD",
        "armRegionName": "r",
        "armSkuName": "Standard_X",
        "serviceName": "Virtual Machines",
        "productName": "P",
        "skuName": "X",
        "unitOfMeasure": "1 Hour",
        "type": "Consumption",
        "retailPrice": 1.0,
    }
    year = item | {"type": "Reservation", "reservationTerm": "1 Year", "retailPrice": 8760.0}
    told = offers_of([item, year, item | {"retailPrice": 0.8}])
    assert told.set_index("model")["hourly"].to_dict() == {"pay-as-you-go": 0.8, "reserved, 1 year": 1.0}
    odd = [
        item | {"skuName": "X Low Priority"},
        item | {"serviceName": "Storage"},
        item | {"unitOfMeasure": "1/Month"},
        item | {"isPrimaryMeterRegion": False},
        item | {"type": "DevTestConsumption"},
        item | {"retailPrice": "1"},
        item | {"retailPrice": 0},
        item | {"retailPrice": float("nan")},
        item | {"armSkuName": ""},
        year | {"productName": "P Windows"},
        year | {"reservationTerm": "9 Years"},
        item | {"tierMinimumUnits": 5},
        item | {"retailPrice": True},
        {},
        None,
        3,
        "x",
    ]
    assert offers_of(odd).empty
    spot = offers_of([item | {"skuName": "X Spot", "savingsPlan": [{"term": "1 Year", "retailPrice": 0.1}]}])
    assert spot["model"].tolist() == ["spot"]
    assert len(offers_of([item | {"savingsPlan": [{"term": "3 Years", "retailPrice": 0.5}, {"term": 3}, 7]}])) == 2


def test_needs_are_read_as_text_json_and_tables(tmp_path: Path) -> None:
    wanted = [Need(name="need 1", cores=4, memory=16, region="westeurope", hours=300), Need(name="gpu", gpus=1)]
    text = "cores=4,memory=16,region=West Europe,hours=300; name=gpu,gpus=1"
    rows = [{"cores": 4, "memory": 16, "region": "westeurope", "hours": 300}, {"name": "gpu", "gpus": 1}]
    (tmp_path / "n.json").write_text(json.dumps(rows))
    (tmp_path / "n.csv").write_text("name,cores,memory,region,hours,gpus\n,4,16,westeurope,300,\ngpu,,,,,1\n")
    for given_text in (
        text,
        json.dumps(rows),
        json.dumps({"needs": rows}),
        str(tmp_path / "n.json"),
        str(tmp_path / "n.csv"),
    ):
        assert read_needs.fn(given_text).needs == wanted
    assert read_needs.fn(" ").needs == []
    assert [need.name for need in read_needs.fn("name=a;name=a").needs] == ["a", "a (2)"]
    assert wanted[0].words == "4 cores, 16 GiB, westeurope, 300 h a month"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cores=many", "cores = many"),
        ("cores=-1", "cores = -1"),
        ("hours=900", "hours = 900"),
        ("kernels=4", "kernels"),
        ("cores", "no such .json or .csv"),
        ("cores=4,memory", "memory has no value"),
        ("[1", "no JSON"),
        ("[]", "0 needs"),
        ("none.csv", "no such"),
        ("[5]", "Need 1"),
        ("os=mac", "os = mac"),
        ('{"needs": 3}', "no list"),
        ("cores=nan", "cores"),
    ],
)
def test_wrong_needs_are_refused_in_a_sentence(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        read_needs.fn(text)


def test_sizes_of_ones_own_win(tmp_path: Path) -> None:
    file = tmp_path / "sizes.csv"
    file.write_text("size,cores,memory,disk,gpus\nStandard_D4s_v5,99,1,0,0\nStandard_New,1,2,3,0\n")
    table = read_sizes.fn(str(file)).set_index("size")
    assert table.loc["Standard_D4s_v5", "cores"] == 99
    assert len(table) == len(KNOWN_SIZES) + 1
    assert KNOWN_SIZES["size"].is_unique
    for text, words in (("size\nx\n", "lacks cores"), ("size,cores,memory,disk,gpus\nx,a,1,1,1\n", "no number")):
        file.write_text(text)
        with pytest.raises(ContractError, match=words):
            read_sizes.fn(str(file))
    with pytest.raises(UsageError, match="no such file"):
        read_sizes.fn("none.csv")


def test_saved_price_lists_are_read_or_refused(tmp_path: Path) -> None:
    needs = Needs(needs=[Need(cores=1)])
    write_prices(tmp_path)
    pd.testing.assert_frame_equal(read_prices.fn(str(tmp_path / "prices.json"), "x", needs, "EUR").frame, OFFERS)
    OFFERS.to_csv(tmp_path / "prices.csv", index=False)
    pd.testing.assert_frame_equal(read_prices.fn(str(tmp_path / "prices.csv"), "x", needs, "EUR").frame, OFFERS)
    assert read_prices.fn("auto", "sample", needs, "EUR").frame.equals(OFFERS)
    assert read_prices.fn("api", "x", Needs(), "EUR").frame.empty
    (tmp_path / "bad.json").write_text("{}")
    (tmp_path / "bad.csv").write_text("size,region,os,model,hourly,currency\na,b,linux,free,0,EUR\n")
    for name, error, words in (
        ("bad.json", ContractError, "no offer"),
        ("bad.csv", ContractError, "no offer"),
        ("none.json", UsageError, "no such price list"),
    ):
        with pytest.raises(error, match=words):
            read_prices.fn(str(tmp_path / name), "x", needs, "EUR")
    with pytest.raises(UsageError, match="A need without a region"):
        read_prices.fn("api", "x", needs, "EUR")


def test_offline_no_price_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    from tasks.platform.settings import settings as ours

    monkeypatch.setenv("CASEBOOK_OFFLINE", "true")
    ours.cache_clear()
    with pytest.raises(CasebookError, match="CASEBOOK_OFFLINE forbids"):
        read_prices.fn("api", "x", Needs(needs=[Need(region="westeurope")]), "EUR")
