"""Where do the prices of machines come from? The sample's list, a saved one, or the public service, kept for a day."""

import hashlib
import json
import time
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from tasks.cases.cloud_costs.ingestion.needs import Needs
from tasks.cases.cloud_costs.ingestion.offers import COLUMNS, MODELS, offers_of
from tasks.cases.cloud_costs.ingestion.retail import SERVICE, RetailPrices
from tasks.cases.cloud_costs.sample import sample_prices
from tasks.ingestion.asked import is_address
from tasks.ingestion.csv_text import read_strictly
from tasks.platform.errors import CasebookError, ContractError, UsageError
from tasks.platform.settings import settings
from tasks.platform.stage import stage

MOST_BYTES = 512 * 2**20
FRESH = 24 * 3600  # seconds that a fetched list counts as today's
REMEDY = f"give items of the retail prices API as JSON, or a CSV with {', '.join(COLUMNS)}"


class PriceList(NamedTuple):
    """Offers, and a sentence on where they come from."""

    frame: pd.DataFrame  # tasks.cases.cloud_costs.ingestion.offers.COLUMNS
    about: str


@stage(phase="Data understanding", live=True, retries=1)
def read_prices(prices: str, source: str, needs: Needs, currency: str) -> PriceList:
    """Return the offers among which is chosen; none where nothing is needed.

    Args:
        prices: `auto` (the sample's list for the sample, else `api`), `sample`, `api`, the address of a server that
            speaks the API, or the path of a saved list.
        source: of the costs.
        needs: whose regions are asked for.
        currency: three letters.

    Raises:
        UsageError: no such file, or a need without a region where the service is asked.
        ContractError: a file that is no price list.
        CasebookError: the service fails and no list was kept.
    """
    chosen = ("sample" if source == "sample" else "api") if prices == "auto" else prices
    if not needs.needs:
        return PriceList(offers_of([]), "nothing was asked for")
    if chosen == "sample":
        return PriceList(offers_of(sample_prices()), "the sample's price list, whose prices are invented")
    if chosen != "api" and not is_address(chosen):
        return PriceList(_of_file(Path(chosen).expanduser()), f"the price list {Path(chosen).name}")
    if any(not need.region for need in needs.needs):
        raise UsageError(
            "A need without a region: the price service is asked by region; add region=westeurope or another."
        )
    address = SERVICE if chosen == "api" else chosen
    frames, notes = [], []
    for region in sorted({need.region for need in needs.needs}):
        items, note = _kept(address, region, currency or "USD")
        frames.append(offers_of(items))
        notes.append(f"{region} {note}")
    return PriceList(pd.concat(frames, ignore_index=True), f"Azure's public retail prices: {', '.join(notes)}")


def _kept(address: str, region: str, currency: str) -> tuple[list[Any], str]:
    """Return the items of a region: kept ones of today, else fetched ones, else kept ones with their age."""
    name = hashlib.sha256(f"{address}|{region}|{currency}".encode()).hexdigest()[:24]
    file = settings().cache_folder / "retail-prices" / f"{name}.json"
    age = time.time() - file.stat().st_mtime if file.is_file() else float("inf")
    if age < FRESH and (items := _items(file)):
        return items, f"as of {time.strftime('%Y-%m-%d', time.gmtime(file.stat().st_mtime))}"
    try:
        if settings().offline:
            raise CasebookError("CASEBOOK_OFFLINE forbids to ask for prices; give a saved price list by --prices.")
        items = RetailPrices(address).items(region, currency)
    except CasebookError as error:
        if isinstance(error, UsageError) or not (items := _items(file)):
            raise
        return items, f"kept from {time.strftime('%Y-%m-%d', time.gmtime(file.stat().st_mtime))}, as the service failed"
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part")
    part.write_text(json.dumps({"Items": items}), encoding="utf-8")
    part.replace(file)
    return items, f"as of {time.strftime('%Y-%m-%d', time.gmtime())}"


def _items(file: Path) -> list[Any]:
    """Return the items of a saved list; none when it cannot be read."""
    try:
        held = json.loads(file.read_bytes().decode("utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return []
    pages = held if isinstance(held, list) else [held]
    found: list[Any] = []
    for page in pages:
        found += page["Items"] if isinstance(page, dict) and isinstance(page.get("Items"), list) else [page]
    return found


def _of_file(file: Path) -> pd.DataFrame:
    if not file.is_file():
        raise UsageError(f"{file}: no such price list; {REMEDY}.")
    if file.stat().st_size > MOST_BYTES:
        raise ContractError(f"{file.name} is larger than {MOST_BYTES // 2**20} MB; {REMEDY}.")
    if file.suffix.lower() != ".csv":
        table = offers_of(_items(file))
        if table.empty:
            raise ContractError(f"{file.name} holds no offer of a virtual machine; {REMEDY}.")
        return table
    table = read_strictly(file, file.name, REMEDY, dtype=str, keep_default_na=False)
    if missing := [name for name in COLUMNS if name not in table.columns]:
        raise ContractError(f"{file.name} lacks {', '.join(missing)}; {REMEDY}.")
    table = table[COLUMNS].assign(hourly=pd.to_numeric(table["hourly"], errors="coerce"))
    if table.empty or not (table["hourly"] > 0).all() or not table["model"].isin(MODELS).all():
        raise ContractError(
            f"{file.name} holds no offer, a price that is none, or a model not among {', '.join(MODELS)}."
        )
    return table
