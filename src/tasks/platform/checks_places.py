"""Do the places answer that Casebook reads and writes: the store, Prefect, MLflow, pinned downloads, the network?"""

import json
import os
import sqlite3
import urllib.error
import urllib.parse
import urllib.request
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from tasks.platform.checks import Check, disk, masked, version_of
from tasks.platform.digests import digest_file
from tasks.platform.settings import settings

NETWORK_SECONDS = 3.0


def store_place() -> Check:
    """Write to the store, read it back, list it, remove it."""
    from tasks.platform.storage import Folder, is_url

    url = settings().store_url
    if not is_url(url):
        room = disk("store", Path(url.removeprefix("file://")), "CASEBOOK_STORE")
        if room.state != "ok":
            return room
    name, content = f"doctor-{uuid.uuid4().hex}.txt", uuid.uuid4().bytes
    remedy = "See that the place in CASEBOOK_STORE exists and that you may write there."
    try:
        folder = Folder(url)
        folder.write_bytes(name, content)
        same = folder.read_bytes(name) == content and name in folder.names(".txt")
        folder.remove(name)
    except ImportError as error:
        remedy = "Install the extra for this kind of store: casebook[s3], casebook[gcs] or casebook[azure]."
        return Check(name="store", state="fail", found=f"{masked(url)}: {error}", remedy=remedy)
    except Exception as error:  # noqa: BLE001 - each kind of store has errors of its own
        said = f"{masked(url)}: {type(error).__name__}: {error}"
        return Check(name="store", state="fail", found=said, remedy=remedy)
    if not same:
        return Check(name="store", state="fail", found=f"{masked(url)} gives back other bytes", remedy=remedy)
    return Check(name="store", state="ok", found=f"{masked(url)}: written, read back, listed, removed")


def prefect() -> Check:
    """Tell which Prefect API a run would report to."""
    from tasks.platform.server import healthy, note_file

    version = version_of("prefect")
    if version is None:
        remedy = "Run `make run` anew, or install requirements.lock."
        return Check(name="Prefect", state="fail", found="the package is missing", remedy=remedy)
    url = os.environ.get("PREFECT_API_URL", "")
    if url:
        if healthy(url):
            return Check(name="Prefect", state="ok", found=f"{version}, reports to {masked(url)}")
        remedy = "Start that server, or unset PREFECT_API_URL to use a temporary one."
        return Check(name="Prefect", state="fail", found=f"{version}; {masked(url)} does not answer", remedy=remedy)
    if not note_file().exists():
        return Check(name="Prefect", state="ok", found=f"{version}, with a temporary server for each run")
    try:
        noted = str(json.loads(note_file().read_text("utf-8"))["api_url"])
    except (OSError, ValueError, KeyError, TypeError):
        remedy = f"Remove {note_file()}; `make serve` writes it anew."
        return Check(name="Prefect", state="warn", found=f"{version}; the server's note is damaged", remedy=remedy)
    if healthy(noted):
        return Check(name="Prefect", state="ok", found=f"{version}, reports to the server of `make serve` at {noted}")
    remedy = "Run `make serve` again, or go on: a temporary server is used for each run."
    found = f"{version}; the server noted at {masked(noted)} does not answer"
    return Check(name="Prefect", state="warn", found=found, remedy=remedy)


def reaches(url: str) -> bool:
    """Tell whether the host of an address answers, whatever it says."""
    request = urllib.request.Request(url, method="HEAD", headers={"User-Agent": "casebook-doctor"})  # noqa: S310 - https
    try:
        with urllib.request.urlopen(request, timeout=NETWORK_SECONDS):  # noqa: S310 - our own registry of addresses
            return True
    except urllib.error.HTTPError:
        return True  # the host answers; that is what was asked
    except (OSError, ValueError):
        return False


def network() -> Check:
    """See whether the hosts of the pinned downloads answer."""
    from tasks.platform.downloads import ORIGINALS

    if settings().offline:
        return Check(name="network", state="ok", found="not used: CASEBOOK_OFFLINE is set")
    hosts = {urllib.parse.urlsplit(item.url).netloc: item.url for item in ORIGINALS.values()}
    with ThreadPoolExecutor(max_workers=8) as pool:
        reached = dict(zip(hosts, pool.map(reaches, hosts.values()), strict=True))
    away = [host for host, there in reached.items() if not there]
    if not away:
        return Check(name="network", state="ok", found=f"reached {', '.join(hosts)}")
    remedy = "Only `public` sources and pinned models need it: put their files into a folder and set CASEBOOK_MIRROR."
    return Check(name="network", state="warn", found=f"no answer from {', '.join(away)}", remedy=remedy)


def pinned_files() -> Check:
    """Find the pinned downloads in the mirror and the cache, and hold them against their checksums."""
    from tasks.platform.downloads import ORIGINALS, cached_path

    mirror = settings().mirror
    if mirror is not None and not mirror.is_dir():
        remedy = "Set CASEBOOK_MIRROR to the folder that holds the files, or unset it."
        return Check(name="downloads", state="fail", found=f"the mirror {mirror} is no folder", remedy=remedy)
    here, absent, odd = [], [], []
    for item in ORIGINALS.values():
        places = [*([mirror / item.file_name] if mirror else []), cached_path(item)]
        path = next((place for place in places if place.is_file()), None)
        if path is None:
            absent.append(item.file_name)
        elif digest_file(path) == item.sha256:
            here.append(item.file_name)
        else:
            odd.append(f"{path} has another checksum than {item.sha256[:12]}…")
    found = f"{len(here)} of {len(ORIGINALS)} here" + (f"; not yet: {', '.join(absent)}" if absent else "")
    if odd:
        remedy = "Remove these files, or replace them by the originals."
        return Check(name="downloads", state="fail", found="; ".join([*odd, found]), remedy=remedy)
    return Check(name="downloads", state="ok", found=found)


def mlflow() -> Check:
    """Look at the MLflow database, or at the server that stands in for it."""
    uri = settings().mlflow_tracking_uri
    if not uri.startswith("sqlite:///"):
        return Check(name="MLflow", state="ok", found=f"server {masked(uri)}, asked when a run is tracked")
    file = Path(uri.removeprefix("sqlite:///").partition("?")[0])
    if not file.exists():
        return Check(name="MLflow", state="ok", found=f"{file} is made by the first run")
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=2)) as database:
            database.execute("SELECT version_num FROM alembic_version").fetchone()
            models = database.execute("SELECT count(*) FROM registered_models").fetchone()[0]
    except sqlite3.Error as error:
        remedy = "Move the file away (the next run makes a new one), or put back a copy of it."
        return Check(name="MLflow", state="fail", found=f"{file}: {error}", remedy=remedy)
    return Check(name="MLflow", state="ok", found=f"{file}, {models} registered models")
