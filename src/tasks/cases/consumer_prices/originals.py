"""Consumer prices: the public original, pinned."""

from tasks.platform.originals import VISUALIZATION, Original, register

ORIGINALS = register(
    Original(
        name="consumer_prices",
        file_name="61111-202z.csv",
        url=f"{VISUALIZATION}/ConsumerPricesExample/61111-202z.csv",
        sha256="3a70149dcc4cf7325cc65ab5be07e441c8b0a5c24a9d01a94f947fb2e57ad473",
        bytes=10_660,
        licence="dl-de/by-2-0 (Bayerisches Landesamt für Statistik)",
        what="GENESIS table 61111-202z: consumer price index of Bavaria since 1970, 2015 = 100",
    ),
)
