"""Which label does each picture carry, when the folders that it lies in are read as labels?"""

from collections.abc import Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase

from tasks.platform.errors import UsageError

PICTURE_SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff")


def folder_labels(paths: Sequence[str]) -> list[str]:
    """Return the name of the top folder of each path, "" for a file that lies in none.

    Folders that every picture shares (`images/cats/1.jpg`, `images/dogs/1.jpg`) are wrapping and are passed over; which
    files are pictures is guessed from their names, so that a README beside the wrapping folder does no harm.
    """
    pictures = [path for path in paths if path.lower().endswith(PICTURE_SUFFIXES)] or paths
    wrapping = _shared_folders(pictures)
    return [path.removeprefix(wrapping).rpartition("/")[0].partition("/")[0] for path in paths]


def _shared_folders(paths: Sequence[str]) -> str:
    """Return the folders that all paths begin with, such as `data/images/`, or ""."""
    if not paths:
        return ""
    shared = paths[0].split("/")[:-1]
    for path in paths:
        parts = path.split("/")[:-1]
        same = next(
            (n for n, (a, b) in enumerate(zip(shared, parts, strict=False)) if a != b), min(len(shared), len(parts))
        )
        shared = shared[:same]
    return "".join(f"{part}/" for part in shared)


def excluded(labels: Sequence[str], patterns: Sequence[str]) -> set[str]:
    """Return the labels that match one of the patterns (`*`, `?`, `[…]`; case counts).

    Raises:
        UsageError: a pattern matches no label.
    """
    known = sorted(set(labels) - {""})
    out: set[str] = set()
    for pattern in patterns:
        matching = {label for label in known if label == pattern or fnmatchcase(label, pattern)}
        if not matching:
            raise UsageError(f"exclude: {pattern!r} matches no label; {_there_are(known, pattern)}.")
        out |= matching
    return out


def merged(labels: Sequence[str], rules: Sequence[str]) -> dict[str, str]:
    """Return the new name of each label that a rule such as `Faces=Faces_easy,Faces` (target=members) renames.

    Raises:
        UsageError: a rule has another form, a member matches no label, or two rules claim one label.
    """
    known = sorted(set(labels) - {""})
    names: dict[str, str] = {}
    for rule in rules:
        target, equals, members = (part.strip() for part in rule.partition("="))
        patterns = [member.strip() for member in members.split(",") if member.strip()]
        if not (target and equals and patterns):
            raise UsageError(f"merge: {rule!r} is not of the form Target=Member,Member.")
        for pattern in patterns:
            matching = [label for label in known if label == pattern or fnmatchcase(label, pattern)]
            if not matching:
                raise UsageError(f"merge: {pattern!r} in {rule!r} matches no label; {_there_are(known, pattern)}.")
            for label in matching:
                if names.setdefault(label, target) != target:
                    raise UsageError(
                        f"merge: {label!r} is claimed by {names[label]!r} and by {target!r}; leave one out."
                    )
    return names


def _there_are(known: Sequence[str], pattern: str) -> str:
    if not known:
        return "no picture lies in a folder that could be its label"
    close = get_close_matches(pattern, known, n=3, cutoff=0.6)
    meant = f"did you mean {' or '.join(close)}? " if close else ""
    more = f" and {len(known) - 20} more" if len(known) > 20 else ""
    return f"{meant}there are {', '.join(known[:20])}{more}"
