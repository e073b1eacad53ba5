"""Where do the consumer prices lie? The sample, Bavaria's index as published, or the user's own GENESIS export."""

from tasks.cases.consumer_prices.sample import write_consumer_prices
from tasks.ingestion.files import Source, locate_files
from tasks.platform.stage import stage


@stage(phase="Data understanding", live=True)
def locate_prices(source: str) -> Source:
    """Find the export.

    Args:
        source: `sample`, `public` (Bavaria since 1970), a .csv file, a folder with one, or the https address of one.

    Raises:
        UsageError: a path that does not exist, or a folder with no or several such files.
        CasebookError: a download that failed.
    """
    return locate_files(source, write_consumer_prices, ("consumer_prices",), (".csv",))
