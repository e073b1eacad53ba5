"""How do models become files, so that equal models are equal files? Keras' and skops' own formats, tidied.

Both are zip files that differ from one writing to the next: they hold dates, or the places of objects in memory.
"""

import json
import zipfile
from itertools import count
from pathlib import Path
from typing import Any

from tasks.platform.errors import IntegrityError

UNDATED = (1980, 1, 1, 0, 0, 0)  # the first date that a zip knows


def _fix_dates(path: Path) -> None:
    """Rewrite a zip-based model file without its dates, so that equal models are equal files."""
    bare = path.with_suffix(".bare")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(bare, "w", zipfile.ZIP_STORED) as new:
        for name in sorted(old.namelist()):
            content = old.read(name)
            if name == "metadata.json":
                content = json.dumps({**json.loads(content), "date_saved": ""}).encode()
            new.writestr(zipfile.ZipInfo(name, UNDATED), content)
    bare.replace(path)


def write_keras(model: Any, path: Path) -> None:
    """Write a Keras model as `.keras`."""
    model.save(path)
    _fix_dates(path)


def read_keras(path: Path, wanted: Any) -> Any:
    """Read a Keras model; code that a file brings along is not run."""
    import keras

    return keras.saving.load_model(path, compile=True, safe_mode=True)


def write_sklearn(model: Any, path: Path) -> None:
    """Write a model of scikit-learn as `.skops`."""
    import skops.io

    skops.io.dump(model, path)
    _number_objects(path)


def _number_objects(path: Path) -> None:
    """Rewrite a skops file, which names objects by their address in memory, so that equal models are equal files.

    Objects and files are numbered as they appear; constants, which Python shares or not as it likes, each on its own.
    """
    bare, numbers, names = path.with_suffix(".bare"), count(), dict[str, str]()
    known: dict[int, int] = {}

    def numbered(node: Any) -> Any:
        if isinstance(node, list):
            return [numbered(item) for item in node]
        if not isinstance(node, dict):
            return node
        node, old, file = dict(node), node.get("__id__"), node.get("file")
        if isinstance(old, int):
            constant = node.get("__loader__") == "JsonNode"
            node["__id__"] = next(numbers) if constant or old not in known else known[old]
            known.setdefault(old, node["__id__"])
        if isinstance(file, str):
            node["file"] = names.setdefault(file, f"{len(names)}{Path(file).suffix}")
        return {name: numbered(item) for name, item in node.items()}

    with zipfile.ZipFile(path) as old, zipfile.ZipFile(bare, "w", zipfile.ZIP_STORED) as new:
        schema = numbered(json.loads(old.read("schema.json")))
        for name, number in names.items():
            new.writestr(zipfile.ZipInfo(number, UNDATED), old.read(name))
        new.writestr(zipfile.ZipInfo("schema.json", UNDATED), json.dumps(schema))
    bare.replace(path)


def read_sklearn(path: Path, wanted: Any) -> Any:
    """Read a model of scikit-learn.

    Raises:
        IntegrityError: it holds types of other packages than those that models are made of.
    """
    import skops.io

    unknown = skops.io.get_untrusted_types(file=path)
    foreign = [name for name in unknown if name.split(".")[0] not in {"sklearn", "numpy", "scipy", "builtins"}]
    if foreign:
        raise IntegrityError(f"The model {path.name} holds types that are not trusted: {', '.join(foreign)}.")
    return skops.io.load(path, trusted=unknown)
