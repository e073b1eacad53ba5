"""A server on this machine that speaks the part of BigQuery's REST API in use, and misbehaves on demand.

It runs the queries in DuckDB over a Parquet file that stands for the table, hands out tokens for the service account
that `account` makes, and sends its answers in pages.
"""

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import duckdb

Answer = tuple[int, Any]
TABLE = "some-project.samples.natality"
KINDS = {
    "BIGINT": "INTEGER",
    "DOUBLE": "FLOAT",
    "BOOLEAN": "BOOLEAN",
    "VARCHAR": "STRING",
    "INTEGER": "INTEGER",
    "HUGEINT": "INTEGER",
}


def refused(status: int, reason: str, message: str) -> Answer:
    """Return an error as BigQuery words it."""
    return status, {"error": {"code": status, "message": message, "errors": [{"reason": reason, "message": message}]}}


@lru_cache(maxsize=1)
def private_key() -> str:
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


class BigQuery:
    """What the server knows, what it was asked, and how it misbehaves."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.modified = 1_700_000_000_000
        self.tokens: list[str] = []  # that were handed out; only the last one is taken
        self.refuses_the_key = False
        self.asked: list[tuple[str, str]] = []
        self.sent: list[dict[str, Any]] = []  # the bodies of jobs
        self.jobs: dict[str, dict[str, Any]] = {}
        self.cancelled: list[str] = []
        self.scanned = 8_000_000_000
        self.size = 22_000_000_000
        self.looks = 1  # at a job until it is done
        self.page = 700  # rows
        self.error: dict[str, str] = {}  # of the next job
        self.fault: Callable[[str, str], Answer | float | None] = lambda method, path: None
        self.hidden: set[str] = set()  # columns that the table lacks
        self.types: dict[str, str] = {}
        self.address = ""

    def account(self) -> dict[str, str]:
        """Return the key of a service account whose tokens this server makes."""
        return {
            "type": "service_account",
            "project_id": "some-project",
            "private_key_id": "1",
            "client_id": "1",
            "private_key": private_key(),
            "client_email": "reader@some-project.iam.gserviceaccount.com",
            "token_uri": f"{self.address}/token",
        }

    def expire(self) -> None:
        """Take no token any more that was handed out."""
        self.tokens.append("none")

    def answer(self, method: str, path: str, authorization: str, body: bytes) -> Answer:
        place = urlsplit(path)
        self.asked.append((method, place.path))
        if place.path == "/token":
            if self.refuses_the_key:
                return 400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}
            self.tokens.append(f"tok-{len(self.tokens)}-5ecret")
            return 200, {"access_token": self.tokens[-1], "expires_in": 3600, "token_type": "Bearer"}
        fault = self.fault(method, place.path)
        if isinstance(fault, tuple):
            return fault
        if fault is not None:
            time.sleep(fault)
        if self.tokens and authorization != f"Bearer {self.tokens[-1]}":
            return refused(401, "authError", "Request had invalid authentication credentials.")
        return self._route(method, place.path.removeprefix("/bigquery/v2/projects/"), parse_qs(place.query), body)

    def _route(self, method: str, path: str, query: dict[str, list[str]], body: bytes) -> Answer:
        parts = path.split("/")
        if parts[1] == "datasets":
            if f"{parts[0]}.{parts[2]}.{parts[4]}" != TABLE:
                return refused(404, "notFound", f"Not found: Table {parts[4]}")
            return 200, self._table()
        if method == "POST" and parts[1:] == ["jobs"]:
            return self._insert(json.loads(body))
        job = self.jobs.get(parts[2])
        if job is None:
            return refused(404, "notFound", f"Not found: Job {parts[2]}")
        if parts[-1] == "cancel":
            self.cancelled.append(parts[2])
            return 200, {"job": job["resource"]}
        if parts[1] == "jobs":
            job["looks"] += 1
            if job["looks"] >= self.looks:
                job["resource"]["status"]["state"] = "DONE"
            return 200, job["resource"]
        return 200, self._page(job, query)

    def _table(self) -> dict[str, Any]:
        project, dataset, table = TABLE.split(".")
        found = duckdb.connect().execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(self.file)]).fetchall()
        fields = [
            {"name": row[0], "type": self.types.get(row[0], KINDS[row[1]])}
            for row in found
            if row[0] not in self.hidden
        ]
        rows = duckdb.connect().execute("SELECT count(*) FROM read_parquet(?)", [str(self.file)]).fetchone()
        return {
            "tableReference": {"projectId": project, "datasetId": dataset, "tableId": table},
            "type": "TABLE",
            "schema": {"fields": fields},
            "numRows": str(rows[0] if rows else 0),
            "numBytes": str(self.size),
            "lastModifiedTime": str(self.modified),
        }

    def _insert(self, body: dict[str, Any]) -> Answer:
        self.sent.append(body)
        asked, reference = body["configuration"]["query"], body["jobReference"]
        statistics = {
            "totalBytesProcessed": str(self.scanned),
            "query": {"totalBytesProcessed": str(self.scanned), "totalBytesBilled": "0"},
        }
        resource = {
            "id": reference["jobId"],
            "jobReference": {**reference, "location": "US"},
            "statistics": statistics,
            "configuration": body["configuration"],
            "status": {"state": "DONE"},
        }
        if body["configuration"].get("dryRun"):
            return 200, resource
        most = int(asked.get("maximumBytesBilled", 10**18))
        if self.scanned > most:
            return refused(400, "bytesBilledLimitExceeded", f"Query exceeded limit for bytes billed: {most}")
        columns, rows = self._run(asked)
        billed = max(self.scanned, 10 * 2**20)
        statistics["query"]["totalBytesBilled"] = str(billed)
        resource["status"]["state"] = "RUNNING"
        if self.error:
            resource["status"] |= {"errorResult": self.error, "errors": [self.error]}
        self.jobs[reference["jobId"]] = {"resource": resource, "looks": 0, "columns": columns, "rows": rows}
        return 200, resource

    def _run(self, asked: dict[str, Any]) -> tuple[list[dict[str, str]], list[tuple[Any, ...]]]:
        casts = {"INT64": int, "FLOAT64": float, "STRING": str}
        values = [
            casts[item["parameterType"]["type"]](item["parameterValue"]["value"]) for item in asked["queryParameters"]
        ]
        assert "'" not in "".join(re.findall(r"`[^`]*`", asked["query"]))
        sql = asked["query"].replace(f"`{TABLE}`", "natality").replace("INT64", "BIGINT").replace("FLOAT64", "DOUBLE")
        sql = sql.replace("BOOL)", "BOOLEAN)").replace("STRING)", "VARCHAR)")
        with duckdb.connect() as base:
            kept = [name for name in base.read_parquet(str(self.file)).columns if name not in self.hidden]
            base.read_parquet(str(self.file)).project(", ".join(kept)).create_view("natality")
            found = base.execute(sql, values)
            columns = [{"name": item[0], "type": KINDS[str(item[1])]} for item in found.description]
            return columns, found.fetchall()

    def _page(self, job: dict[str, Any], query: dict[str, list[str]]) -> dict[str, Any]:
        start = int(query.get("pageToken", ["0"])[0])
        most = min(int(query.get("maxResults", ["1000000"])[0]), self.page)
        rows = job["rows"][start : start + most]
        told = {
            "jobReference": job["resource"]["jobReference"],
            "jobComplete": True,
            "totalRows": str(len(job["rows"])),
            "schema": {"fields": job["columns"]},
            "totalBytesProcessed": str(self.scanned),
            "rows": [{"f": [{"v": _text(value)} for value in row]} for row in rows],
        }
        return told | ({"pageToken": str(start + most)} if start + most < len(job["rows"]) else {})


def _text(value: Any) -> str | None:
    return (
        None
        if value is None
        else str(value).lower()
        if isinstance(value, bool)
        else repr(value)
        if isinstance(value, float)
        else str(value)
    )


@contextmanager
def serve(api: BigQuery) -> Iterator[BigQuery]:
    """Serve until the end of the block; `api.address` is where."""

    class Handler(BaseHTTPRequestHandler):
        def _do(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.headers.get("Content-Encoding") == "gzip":
                import gzip

                body = gzip.decompress(body)
            status, told = api.answer(self.command, self.path, self.headers.get("Authorization", ""), body)
            content = told if isinstance(told, bytes) else json.dumps(told).encode()
            try:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
            except (BrokenPipeError, ConnectionResetError):
                pass

        do_GET = do_POST = _do

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    api.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
