"""How do people publish ratings? Files without a header by their names, turned into tables with one.

MovieLens 1M and 10M: `ratings.dat`, `movies.dat`, columns parted by `::`; 100k: `u.data` (tabs), `u.item` (bars,
Latin-1); latest, 20M, 25M, 32M: `ratings.csv`, `movies.csv`; Kaggle's copies: `rating.csv`, `movie.csv`; Goodbooks:
`ratings.csv`, `books.csv`, without times (https://files.grouplens.org/datasets/movielens/, https://github.com/zygmuntz/goodbooks-10k).
"""

import io
from collections.abc import Iterable
from pathlib import PurePosixPath

RATINGS = ("ratings.csv", "rating.csv", "ratings.dat", "u.data")
FILMS = ("movies.csv", "movie.csv", "books.csv", "movies.dat", "u.item")
HEADERS = {
    "ratings": b"userId\tmovieId\trating\ttimestamp\n",
    "films": b"movieId\ttitle\tgenres\n",
}
GENRES = (
    "unknown",
    "Action",
    "Adventure",
    "Animation",
    "Children's",
    "Comedy",
    "Crime",
    "Documentary",
    "Drama",
    "Fantasy",
    "Film-Noir",
    "Horror",
    "Musical",
    "Mystery",
    "Romance",
    "Sci-Fi",
    "Thriller",
    "War",
    "Western",
)
"""What the last columns of `u.item` stand for."""


def first_of(names: Iterable[str], wanted: tuple[str, ...]) -> str | None:
    """Return the first wanted file name among names with or without folders, whatever their case; None without one."""
    there = {PurePosixPath(name).name.lower() for name in names}
    return next((name for name in wanted if name in there), None)


def is_bare(head: bytes) -> bool:
    """Tell by its beginning whether a file has no header, its columns parted by `::`, tabs or bars."""
    line = head.split(b"\n", 1)[0]
    return b"::" in line or (b"," not in line.split(b"\t")[0] and line.count(b"\t") == 3) or line.count(b"|") >= 20


def with_header(content: bytes, what: str) -> io.BytesIO:
    """Return a file without a header as a table with one, in UTF-8, its columns parted by tabs.

    Args:
        content: the whole file.
        what: ratings or films.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    head = text.partition("\n")[0]
    if "::" in head:
        text = text.replace("\t", " ").replace("::", "\t")
    elif what == "films":
        text = "\n".join(_film_of_100k(line) for line in text.splitlines())
    if what == "ratings" and not head[:1].lstrip().isdigit() and head[:1].isalpha():
        text = text.partition("\n")[2]  # it has a header of its own
    return io.BytesIO(HEADERS[what] + text.encode())


def _film_of_100k(line: str) -> str:
    cells = line.replace("\t", " ").split("|")
    flags = zip(GENRES, cells[5:], strict=False)
    return "\t".join([*[*cells, "", ""][:2], "|".join(name for name, flag in flags if flag.strip() == "1")])
