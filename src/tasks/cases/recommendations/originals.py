"""Recommendations: the public original, pinned."""

from tasks.platform.originals import Original, register

ORIGINALS = register(
    Original(
        name="ratings",
        file_name="ml-latest-small.zip",
        url="https://files.grouplens.org/datasets/movielens/ml-latest-small.zip",
        sha256="696d65a3dfceac7c45750ad32df2c259311949efec81f0f144fdfb91ebc9e436",
        bytes=978_202,
        licence="MovieLens licence of GroupLens: research use, not for redistribution",
        what="MovieLens latest-small: 100,836 ratings of 9,742 films by 610 users",
    ),
)
