"""Exports of every kind become the same FOCUS columns, each cost once; hostile files are refused in a sentence."""

import contextlib
import gzip
import io
import zipfile
from pathlib import Path

import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.cases.cloud_costs.ingestion import tables
from tasks.cases.cloud_costs.ingestion.columns import focus_version, is_header
from tasks.cases.cloud_costs.ingestion.convert import json_tags
from tasks.cases.cloud_costs.ingestion.exports import Costs, read_exports
from tasks.cases.cloud_costs.ingestion.values import to_days, to_numbers
from tasks.cases.cloud_costs.sample import RESERVED, sample_costs, write_exports
from tasks.ingestion import workbooks
from tasks.ingestion.numbers import decimal_comma
from tasks.platform.errors import ContractError

EA = "Date,Cost,BillingCurrency,MeterCategory,ResourceId,ResourceGroup,ChargeType,PricingModel,SubscriptionId\n"


def read(*files: Path) -> Costs:
    return read_exports.fn(list(files), ["/".join(file.parts[-4:]) for file in files])


def written(folder: Path, text: str, name: str = "costs.csv", encoding: str = "utf-8") -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding=encoding)
    return file


@given(st.floats(-1e9, 1e9, allow_nan=False), st.booleans(), st.booleans())
def test_an_amount_is_read_as_it_was_written_with_point_or_comma(amount: float, comma: bool, grouped: bool) -> None:
    text = f"{amount:,.4f}" if grouped else f"{amount:.4f}"
    if comma:
        text = text.translate(str.maketrans(",.", ".,"))
    numbers, odd = to_numbers(pd.Series([text, "", "x"]), comma)
    assert numbers[0] == pytest.approx(amount, abs=1e-4)
    assert odd.tolist() == [False, False, True]


def test_the_decimal_mark_is_that_of_the_whole_file() -> None:
    assert decimal_comma([pd.Series(["1.234", "0,5"])])
    assert not decimal_comma([pd.Series(["1,234", "0.5"])])
    assert not decimal_comma([pd.Series(["1", "", "2E-05"])])


@pytest.mark.parametrize(
    ("cells", "days"),
    [
        (["09/04/2023", "9/21/2023"], ["2023-09-04", "2023-09-21"]),
        (["04/09/2023", "21/09/2023"], ["2023-09-04", "2023-09-21"]),
        (["04.09.2023", "21.9.2023 00:00"], ["2023-09-04", "2023-09-21"]),
        (["2023-09-04", "2023-09-21T23:59:59Z"], ["2023-09-04", "2023-09-21"]),
        (["20230904", "20230921.0"], ["2023-09-04", "2023-09-21"]),
        (["2023-09-04 00:00:00 UTC", "2023-09-21T01:00:00+00:00"], ["2023-09-04", "2023-09-21"]),
        (["2023-13-04", "soon", "1/1/0001", "31/12"], [None] * 4),
    ],
)
def test_days_are_read_in_every_way_that_exports_write_them(cells: list[str], days: list[str | None]) -> None:
    found, odd = to_days(pd.Series(cells))
    assert [None if pd.isna(day) else f"{day:%Y-%m-%d}" for day in found] == days
    assert odd.tolist() == [day is None for day in days]


def test_the_sample_comes_back_to_the_cent_and_the_spoilt_row_is_put_aside(tmp_path: Path) -> None:
    write_exports(tmp_path)
    costs = read(*sorted(tmp_path.iterdir()))
    drawn = sample_costs()
    assert costs.quarantine["reason"].tolist() == ["BilledCost is no number"]
    assert costs.quarantine["path"].tolist() == ["azure-actual-2026-08.csv, line 9"]
    assert len(costs.frame) == len(drawn) - 1
    august = drawn[drawn["Day"].dt.month == 8].reset_index(drop=True)
    assert costs.frame["BilledCost"].sum() == pytest.approx(drawn["Cost"].sum() - august["Cost"][7], abs=1e-6)
    assert set(costs.files["kind"]) == {"Azure actual"}
    assert costs.frame.loc[costs.frame["ChargeCategory"] == "Purchase", "BilledCost"].tolist() == [RESERVED]
    assert set(costs.frame["x_ResourceGroup"]) == {"shop-prod", "shop-test", "analytics", "legacy", ""}


def test_a_german_export_with_a_preamble_says_the_same(tmp_path: Path) -> None:
    text = (
        "Kostenanalyse;;\r\nErstellt am;01.10.2026;\r\n\r\nDatum;Kosten;Währung;Dienstname;Ressourcengruppe\r\n"
        '02.09.2026;"1.234,50 €";EUR;Storage;Netz\r\n03.09.2026;-0,5;EUR;Storage;Netz\r\n'
        "04.09.2026;viel;EUR;Storage;Netz\r\n"
    )
    for encoding in ("utf-8-sig", "cp1252", "utf-16"):
        costs = read(written(tmp_path, text, f"{encoding}.csv", encoding))
        assert costs.frame["BilledCost"].tolist() == [1234.5, -0.5]
        assert f"{costs.frame['ChargePeriodStart'][0]:%Y-%m-%d}" == "2026-09-02"
        assert costs.frame[["ServiceName", "x_ResourceGroup", "BillingCurrency"]].iloc[0].tolist() == [
            "Storage",
            "netz",
            "EUR",
        ]
        assert costs.quarantine["path"].tolist() == [f"{encoding}.csv, line 7"]


def test_mca_names_its_columns_otherwise(tmp_path: Path) -> None:
    text = (
        "date,costInBillingCurrency,billingCurrency,costInUsd,meterCategory,resourceGroupName,chargeType,tags\n"
        '09/02/2026,2,EUR,2.2,Storage,Net,Usage,"{""team"":""a""}"\n'
    )
    row = read(written(tmp_path, text)).frame.iloc[0]
    assert (row["BilledCost"], row["x_CostInUsd"], row["x_ResourceGroup"], row["Tags"]) == (
        2.0,
        2.2,
        "net",
        '{"team": "a"}',
    )


@pytest.mark.parametrize(
    ("extra", "version", "provider"),
    [
        ("ProviderName", "1.0", "P"),
        ("ProviderName,SkuMeter", "1.1", "P"),
        ("ProviderName,InvoiceId", "1.2", "P"),
        ("ServiceProviderName,HostProviderName", "1.3", "P"),
    ],
)
def test_every_version_of_focus_is_read(tmp_path: Path, extra: str, version: str, provider: str) -> None:
    head = f"BilledCost,EffectiveCost,BillingCurrency,ChargePeriodStart,ChargeCategory,ServiceName,{extra}"
    row = f"1.5,1,USD,2026-09-02T00:00:00Z,Usage,S,{','.join(['P'] * (extra.count(',') + 1))}"
    costs = read(written(tmp_path, f"{head}\n{row}\n"))
    assert costs.files["kind"].tolist() == [f"FOCUS {version}"]
    assert costs.frame[["BilledCost", "EffectiveCost", "ProviderName"]].iloc[0].tolist() == [1.5, 1.0, provider]


def test_gzip_and_parquet_hold_what_the_csv_holds(tmp_path: Path) -> None:
    text = 'BilledCost,EffectiveCost,BillingCurrency,ChargePeriodStart,Tags\n1.5,1,USD,2026-09-02,"{""a"": ""b""}"\n'
    plain = read(written(tmp_path, text)).frame
    (tmp_path / "p.csv.gz").write_bytes(gzip.compress(text.encode()))
    table = pa.table(
        {
            "BilledCost": pa.array([1.5]),
            "EffectiveCost": pa.array([1.0]),
            "BillingCurrency": ["USD"],
            "ChargePeriodStart": pa.array([pd.Timestamp("2026-09-02", tz="UTC")]),
            "Tags": pa.array([[("a", "b")]], pa.map_(pa.string(), pa.string())),
        }
    )
    pq.write_table(table, tmp_path / "p.parquet")
    for name in ("p.csv.gz", "p.parquet"):
        pd.testing.assert_frame_equal(read(tmp_path / name).frame, plain)


def test_the_same_costs_count_once(tmp_path: Path) -> None:
    rows = [
        f"09/{day:02d}/2026,1,EUR,Storage,/subscriptions/s/resourceGroups/g/providers/a/b/c{day},g,Usage,,s\n"
        for day in range(1, 11)
    ]
    first = written(tmp_path, EA + "".join(rows[:6]), "a.csv")
    longer = written(tmp_path, EA + "".join(rows) + rows[0], "b.csv")
    copied = written(tmp_path, first.read_text(), "c.csv")
    costs = read(first, longer, copied)
    assert costs.frame["BilledCost"].sum() == 11  # a row that stands twice in one file is two charges
    assert costs.files["counted"].sum() == 11
    parts = [written(tmp_path, EA + rows[0], f"run/part_{number}.csv") for number in (1, 2)]
    parts[1].write_text(EA + rows[0] + rows[1])
    assert read(*parts).frame["BilledCost"].sum() == 3  # parts of one run are added, whatever they hold


def test_of_the_runs_of_a_period_the_latest_counts(tmp_path: Path) -> None:
    row = "09/{:02d}/2026,{},EUR,Storage,/subscriptions/s/resourceGroups/g/providers/a/b/c,g,Usage,,s\n"
    old = written(tmp_path, EA + row.format(1, 5), "x/20260901-20260930/r1/part_1.csv")
    new = written(tmp_path, EA + row.format(1, 7) + row.format(2, 7), "x/20260901-20260930/r0/part_1.csv")
    assert read(old, new).frame["BilledCost"].tolist() == [7, 7]


def test_tags_are_read_with_and_without_braces() -> None:
    assert json_tags('"a": "1","b": "x"') == '{"a": "1", "b": "x"}'
    assert json_tags('{"a": null}') == '{"a": "None"}'
    assert json_tags('"a": "1", broken') == '{"a": "1"}'
    assert json_tags("nothing") == json_tags("[" * 5000) == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b\n1,2\n", "no row that names a cost and a day"),
        ("Date,Cost\n09/01/2026,1\n", "which currency"),
        ("Date,Cost,Currency\n09/01/2026,1,EUR,9\n", "no table of comma-separated values"),
        ("\0\0\0", "no text"),
        ("", "no file with costs"),
        (f'"{"x" * 200_000}\n', "no row that names a cost and a day"),
    ],
)
def test_what_is_no_export_is_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ContractError, match=words):
        read(written(tmp_path, text))


def test_a_file_without_costs_among_others_is_put_aside(tmp_path: Path) -> None:
    costs = read(
        written(tmp_path, EA + "09/01/2026,1,EUR,Storage,,,Usage,,\n"), written(tmp_path, "a\n1\n", "notes.csv")
    )
    assert costs.frame["BilledCost"].tolist() == [1.0]
    assert costs.quarantine[["path", "reason"]].to_numpy().tolist() == [["notes.csv", "no costs"]]
    with pytest.raises(ContractError, match="no file with costs"):
        read(written(tmp_path, "a\n1\n", "b.csv"), written(tmp_path, "b\n1\n", "c.csv"))


def test_entities_that_blow_up_are_refused(tmp_path: Path) -> None:
    good = book(tmp_path, [["UsageDate", "Cost", "Currency"], ["2026-09-01", 1, "EUR"]])
    laughs = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    with zipfile.ZipFile(good) as whole, zipfile.ZipFile(tmp_path / "laughs.xlsx", "w") as archive:
        for item in whole.infolist():
            content = whole.read(item).decode()
            if item.filename.endswith("sheet1.xml"):
                content = f'<!DOCTYPE x [<!ENTITY e0 "ha">{laughs}]>' + content.replace("<v>1</v>", "<v>&e11;</v>")
            archive.writestr(item.filename, content)
    with pytest.raises(ContractError, match=r"laughs\.xlsx"):
        read(tmp_path / "laughs.xlsx")


def book(folder: Path, rows: list[list[object]], name: str = "costs.xlsx") -> Path:
    workbook = openpyxl.Workbook()
    for row in rows:
        workbook.active.append(row)
    workbook.save(folder / name)
    return folder / name


def test_sheets_with_formulas_gaps_and_nameless_columns_are_read(tmp_path: Path) -> None:
    rows = [
        ["Export"],
        [],
        ["UsageDate", "Cost", "Currency", None, "Cost"],
        ["2026-09-01", 2.5, "EUR", "x", 9],
        [None] * 5,
        ["2026-09-02", "=SUM(A1:A9)", "EUR"],
        ["2026-09-03", "=cmd|' /C calc'!A0", "EUR"],
    ]
    costs = read(book(tmp_path, rows))
    assert costs.frame["BilledCost"].tolist() == [2.5]
    assert len(costs.quarantine) == 2


def test_bombs_and_broken_workbooks_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = book(tmp_path, [["UsageDate", "Cost", "Currency"], *[["2026-09-01", 1, "EUR"]] * 300])
    (tmp_path / "cut.xlsx").write_bytes(good.read_bytes()[:2000])
    (tmp_path / "text.xlsx").write_text("no workbook")
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", bytes(200 * 2**20))
    (tmp_path / "bomb.xlsx").write_bytes(bomb.getvalue())
    with zipfile.ZipFile(tmp_path / "empty.xlsx", "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
    for name, words in (
        ("cut.xlsx", "damaged"),
        ("text.xlsx", "damaged"),
        ("bomb.xlsx", "unpacks to 200 MB"),
        ("empty.xlsx", "no whole workbook"),
    ):
        with pytest.raises(ContractError, match=words):
            read(tmp_path / name)
    monkeypatch.setattr(workbooks, "MOST_CELLS", 100)
    with pytest.raises(ContractError, match="more than 100 cells"):
        read(good)


@pytest.mark.filterwarnings("ignore")  # of openpyxl, about damaged parts
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(places=st.lists(st.integers(0, 10_000), min_size=1, max_size=8), byte=st.integers(0, 255))
def test_a_workbook_with_wrong_bytes_is_read_or_refused(tmp_path: Path, places: list[int], byte: int) -> None:
    good = tmp_path / "costs.xlsx"
    content = bytearray(
        good.read_bytes()
        if good.is_file()
        else book(tmp_path, [["UsageDate", "Cost", "Currency"], ["2026-09-01", 1, "EUR"]]).read_bytes()
    )
    for place in places:
        content[place % len(content)] = byte
    (tmp_path / "odd.xlsx").write_bytes(content)
    with contextlib.suppress(ContractError):  # any other error fails
        assert len(read(tmp_path / "odd.xlsx").frame) <= 1


def test_a_gzip_bomb_and_a_broken_parquet_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MOST_BYTES", 2**20)
    (tmp_path / "bomb.csv.gz").write_bytes(gzip.compress(EA.encode() + bytes(2**21)))
    with pytest.raises(ContractError, match="larger than 1 MB"):
        read(tmp_path / "bomb.csv.gz")
    (tmp_path / "cut.csv.gz").write_bytes(gzip.compress(EA.encode() * 50)[:60])
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 nothing PAR1")
    for name, words in (("cut.csv.gz", "damaged"), ("bad.parquet", "no whole Parquet file")):
        with pytest.raises(ContractError, match=words):
            read(tmp_path / name)


def test_headers_are_told_from_rows() -> None:
    assert is_header(["Datum", "Kosten"])
    assert not is_header(["Cost", "2026-09-01"])
    assert focus_version(["BilledCost"]) == "1.0"


def test_the_sheet_of_a_cost_analysis_has_the_sheets_totals(shared: Path) -> None:
    file = shared / "data" / "cloud_costs" / "azure-cost-analysis-2020-06-14.xlsx"
    costs = read(file)
    cells = list(openpyxl.load_workbook(file)["Data"].iter_rows(min_row=2, values_only=True))
    dollars, euros, ahead = (sum(row[place] or 0 for row in cells) for place in (1, 2, 3))
    assert costs.frame["x_CostInUsd"].sum() == pytest.approx(dollars, abs=1e-9)  # =SUM(Data!B:B) in its summary
    assert costs.frame["BilledCost"].sum() == pytest.approx(euros, abs=1e-9)
    assert costs.forecast["cost"].sum() == pytest.approx(ahead, abs=1e-9)  # =SUM(Data!B:B)+SUM(Data!D:D)
    assert len(costs.frame) == 17
    assert set(costs.frame["BillingCurrency"]) == {"EUR"}


def test_the_ea_export_has_eleven_rows_to_the_cent(shared: Path) -> None:
    costs = read(shared / "data" / "cloud_costs" / "azure-actual-cost-2023-09.csv")
    assert len(costs.frame) == 11
    assert costs.frame["BilledCost"].sum() == pytest.approx(8.5450077867419368, abs=1e-9)
    assert costs.frame["ChargePeriodStart"].dt.month.unique().tolist() == [9]  # month-first
    assert costs.quarantine.empty
    assert (costs.frame["Tags"] != "").sum() == 9


def test_an_export_without_a_row_holds_no_costs(tmp_path: Path) -> None:
    """The month that has just begun: the header alone. Beside another file it is put aside."""
    empty = written(tmp_path, EA, "october.csv")
    with pytest.raises(ContractError, match="holds no file with costs"):
        read(empty)
    row = "10/01/2026,2.5,EUR,Storage,/subscriptions/s/resourceGroups/g/providers/a/b/c,g,Usage,OnDemand,s\n"
    found = read(empty, written(tmp_path, EA + row, "september.csv"))
    assert found.frame["BilledCost"].tolist() == [2.5]
    assert found.quarantine["reason"].tolist() == ["no costs"]
