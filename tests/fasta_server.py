"""A server on this machine that speaks the FaSta API, and misbehaves on demand."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, dict[str, str], bytes]


def facility(equipment: int, station: int = 1, state: str = "ACTIVE", **more: Any) -> dict[str, Any]:
    return {
        "equipmentnumber": equipment,
        "type": "ELEVATOR",
        "description": f"zu Gleis {equipment}",
        "state": state,
        "stateExplanation": "available",
        "stationnumber": station,
        "operatorname": "DB InfraGO",
        "geocoordX": 10.0 + station / 50,
        "geocoordY": 50.0 + equipment / 1000,
        **more,
    }


class Api:
    """What the server answers, and what it was asked."""

    def __init__(self, facilities: list[dict[str, Any]]) -> None:
        self.facilities: Any = facilities
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.fault: Callable[[int, str], Answer | float | None] = lambda number, path: None
        self.address = ""

    def answer(self, path: str) -> Answer:
        fault = self.fault(len(self.asked), path)
        if isinstance(fault, tuple):
            return fault
        if fault is not None:
            time.sleep(fault)
        place = path.partition("?")[0]
        if place == "/facilities":
            return 200, {}, json.dumps(self.facilities).encode()
        number = int(place.rpartition("/")[2])
        return 200, {}, json.dumps({"stationnumber": number, "name": f"Ort {number}", "facilities": []}).encode()


@contextmanager
def serve(api: Api) -> Iterator[Api]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            api.asked.append((self.path, dict(self.headers)))
            status, headers, body = api.answer(self.path)
            try:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            except (BrokenPipeError, ConnectionResetError):
                pass

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    api.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
