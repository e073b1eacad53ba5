"""Rentals: the public original, pinned."""

from tasks.platform.originals import MACHINE_LEARNING, Original, register

ORIGINALS = register(
    Original(
        name="rentals",
        file_name="listings.csv",
        url=f"{MACHINE_LEARNING}/datasets/AirBnB/listings.csv",
        sha256="ab18b46d754afc6e5a3690579525cf15dbde022faf80fc24148e7328a13d2792",
        bytes=3_875_494,
        licence="CC0 1.0",
        what="Airbnb listings of Berlin",
    ),
)
