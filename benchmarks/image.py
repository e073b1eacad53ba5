"""How large is the image of deployments/Dockerfile, layer by layer, as far as that can be told without an engine?

    python benchmarks/image.py             sizes of what is installed here, by the pins of deployments/image.lock

The packages are measured where they are installed (this environment, files as their records list them), what the
Dockerfile removes is taken off, bytecode is reckoned from what is left by its measured ratio. The base image is a
download: its size is not known here. The last line is a JSON record.
"""

import importlib.metadata
import json
import lzma
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "deployments" / "image.lock"
REMOVED = re.compile(r"^(tensorflow/include|pyarrow/include|clang)/|(^|/)tests/")  # as the Dockerfile does
SHOWN = 12
SAMPLE = 40 * 2**20  # bytes that are compressed to tell how far the layers shrink on their way


def pinned(lock: Path) -> list[str]:
    """Return the names of the pinned packages."""
    return sorted(set(re.findall(r"^([a-z0-9._-]+)==", lock.read_text("utf-8"), re.M)))


def files_of(package: str) -> dict[Path, int]:
    """Return the files of a package, without bytecode, and their bytes; none where it is not installed here."""
    try:
        found = importlib.metadata.distribution(package).files or []
    except importlib.metadata.PackageNotFoundError:
        return {}
    sizes = {}
    for file in found:
        place = Path(str(file.locate()))
        if file.suffix != ".pyc" and place.is_file():
            sizes[Path(str(file))] = place.stat().st_size
    return sizes


def bytecode_ratio(package: str = "prefect") -> float:
    """Return how many bytes of bytecode a byte of source becomes, by a package that is compiled here."""
    source = compiled = 0
    for file in importlib.metadata.distribution(package).files or []:
        place = Path(str(file.locate()))
        if place.suffix == ".py" and (cached := list((place.parent / "__pycache__").glob(f"{place.stem}.*.pyc"))):
            source, compiled = source + place.stat().st_size, compiled + cached[0].stat().st_size
    return compiled / source if source else 1.0


def shrinks_to(files: list[Path]) -> float:
    """Return the share of their bytes that files need when they are compressed, by a sample of them, fast LZMA."""
    taken, left = bytearray(), SAMPLE
    for place in files:
        content = place.read_bytes()[:left]
        taken += content
        left -= len(content)
        if left <= 0:
            break
    return len(lzma.compress(bytes(taken), preset=0)) / len(taken) if taken else 1.0


def own_files() -> int:
    """Return the bytes of what the repository itself gives to the image."""
    listed = subprocess.run(
        ["git", "ls-files", "src", "flows", "deployments"], cwd=ROOT, capture_output=True, text=True
    )
    kept = [ROOT / name for name in listed.stdout.split() if not name.endswith((".lock", ".md"))]
    return sum(place.stat().st_size for place in kept if place.is_file())


def main() -> None:
    """Measure, and print a table."""
    kept: dict[str, int] = {}
    removed = source = 0
    missing, places = [], []
    for name in pinned(LOCK):
        sizes = files_of(name)
        if not sizes:
            missing.append(name)
        for file, size in sizes.items():
            if REMOVED.search(file.as_posix()):
                removed += size
                continue
            kept[name] = kept.get(name, 0) + size
            source += size * (file.suffix == ".py")
            if size > 100_000:
                places.append(Path(str(importlib.metadata.distribution(name).locate_file(file))))
    compiled = source * bytecode_ratio()
    packages = sum(kept.values())
    told = {
        "packages_mb": round(packages / 1e6),
        "bytecode_mb": round(compiled / 1e6),
        "removed_mb": round(removed / 1e6),
        "own_code_mb": round(own_files() / 1e6, 1),
        "compressed_share": round(shrinks_to(sorted(places)[::7]), 2),
    }
    print("layer                         MB")
    print(f"base image               not known here\npackages              {told['packages_mb']:>10}")
    for name in sorted(kept, key=lambda name: -kept[name])[:SHOWN]:
        print(f"    {name:<24}{kept[name] / 1e6:>5.0f}")
    print(f"their bytecode        {told['bytecode_mb']:>10}\nCasebook              {told['own_code_mb']:>10}")
    print(f"removed in the build  {told['removed_mb']:>10}  (headers, tests, libclang)")
    print(f"not installed here, not counted: {', '.join(missing) or 'none'}")
    print(json.dumps(told))


if __name__ == "__main__":
    main()
