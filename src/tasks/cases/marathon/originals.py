"""Marathon: the public original, pinned."""

from tasks.platform.originals import VISUALIZATION, Original, register

ORIGINALS = register(
    Original(
        name="marathon",
        file_name="marathon.csv",
        url=f"{VISUALIZATION}/marathon-data_extended.csv",
        sha256="89666fb9b101e64c5fd223fb79080b8375804cbb7f1e75b355ebfa10d3ddfe3c",
        bytes=1_552_649,
        licence="as published in its repository, without a licence of its own",
        what="37,250 marathon runners, with patterns planted by its publisher",
    ),
)
