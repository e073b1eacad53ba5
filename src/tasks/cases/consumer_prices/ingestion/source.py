"""Where do the consumer prices lie? The sample, Bavaria's index as published, or the user's own GENESIS export."""

from tasks.cases.consumer_prices.features import with_jumps
from tasks.cases.consumer_prices.ingestion.genesis import read_genesis
from tasks.cases.consumer_prices.ingestion.numbers import Mark
from tasks.cases.consumer_prices.originals import ORIGINALS
from tasks.cases.consumer_prices.sample import write_consumer_prices
from tasks.ingestion.files import Data, Source, Ways, locate, noted

WAYS = Ways(write_consumer_prices, ORIGINALS)


def read_prices(source: str, series: str, decimal: Mark) -> Data:
    """Find and read one column of an export, with the jumps from value to value that its contract looks at.

    Args:
        source: `sample`, `public` (Bavaria since 1970), a .csv file, a folder with one, or the https address of one.
        series: heading of the column, or a part of it; the first when empty.
        decimal: the decimal mark; `auto` finds it in the column.
    """
    where = locate(source, WAYS).load(Source)
    export = read_genesis(where.files, series, decimal)
    return noted(Data(where, with_jumps(export.prices), export.quarantine, export))
