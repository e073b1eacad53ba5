"""Movies: the public original, pinned."""

from tasks.platform.originals import MACHINE_LEARNING, Original, register

ORIGINALS = register(
    Original(
        name="movies",
        file_name="movies.csv",
        url=f"{MACHINE_LEARNING}/datasets/movies/movies.csv",
        sha256="c5c5d80123a38e6a2c02923eca448f19db6ad1f8d24c0e7d7376f432d719da44",
        bytes=2_371_746,
        licence="as published in its repository, without a licence of its own",
        what="10,000 films with their revenue",
    ),
)
