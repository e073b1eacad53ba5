"""Where do the consumer prices lie? The sample, Bavaria's index as published, or the user's own GENESIS export."""

from tasks.cases.consumer_prices.features import with_jumps
from tasks.cases.consumer_prices.ingestion.flat import WANTED, as_export
from tasks.cases.consumer_prices.ingestion.genesis import read_genesis
from tasks.cases.consumer_prices.ingestion.numbers import Mark
from tasks.cases.consumer_prices.originals import ORIGINALS
from tasks.cases.consumer_prices.sample import write_consumer_prices
from tasks.ingestion.files import Data, Source, Ways, locate, noted
from tasks.ingestion.plain_tables import SUFFIXES, parse_columns
from tasks.platform.errors import UsageError

WAYS = Ways(write_consumer_prices, ORIGINALS, suffixes=SUFFIXES)


def read_prices(source: str, series: str, decimal: Mark, columns: str = "") -> Data:
    """Find and read one column of an export, with the jumps from value to value that its contract looks at.

    Args:
        source: `sample`, `public` (Bavaria since 1970), a table, a folder with one, or the https address of one.
        series: heading of the column, or a part of it; the first when empty.
        decimal: the decimal mark; `auto` finds it in the column.
        columns: what the columns of the user's own table are called, as `parse_columns` reads it.
    """
    called = parse_columns(columns, WANTED)
    if called and source in ("sample", "public"):
        raise UsageError("--columns is for tables of your own; sample and public are read as they are.")
    where = locate(source, WAYS).load(Source)
    if source not in ("sample", "public"):
        where = where.model_copy(update={"files": [as_export(file, called) for file in where.files]})
    export = read_genesis(where.files, series, decimal)
    return noted(Data(where, with_jumps(export.prices), export.quarantine, export))
