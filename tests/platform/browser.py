"""A headless Chromium that tests drive over its debugging protocol; nothing but `websockets` is needed for it."""

import itertools
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from websockets.sync.client import ClientConnection, connect

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WRONG_HOST = "rebound.test"  # resolves to the loopback address, as a name under an attacker's control may


def executable() -> str | None:
    """Return the path of a Chromium, None where there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Browser:
    """One browser with one tab."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._numbers = itertools.count(1)
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]

    def _call(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        self._connection.send(json.dumps(message | ({"sessionId": session} if session else {})))
        while True:
            answer = json.loads(self._connection.recv(timeout=60))
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return dict(answer["result"])

    def open(self, url: str) -> None:
        """Go to an address as if it had been typed, and wait until the page is there."""
        self._call("Page.navigate", self._session, url=url)
        self.run("new Promise(done => document.readyState === 'complete' ? done() : addEventListener('load', done))")

    def resize(self, width: int, height: int) -> None:
        """Make the page as wide and high as a window or a phone, in pixels."""
        self._call(
            "Emulation.setDeviceMetricsOverride",
            self._session,
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 500,
        )

    def run(self, script: str) -> Any:
        """Evaluate an expression in the page, waiting for it when it is a promise; an error becomes its text."""
        answer = self._call("Runtime.evaluate", self._session, expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            return "error: " + str(answer["exceptionDetails"]["exception"].get("description", "?"))
        return answer["result"].get("value")


@contextmanager
def browser() -> Iterator[Browser]:
    """Start a Chromium with an empty profile; nothing of it is left behind."""
    folder = tempfile.mkdtemp(prefix="casebook-chromium-")
    command = [
        executable() or "chromium",
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        f"--host-resolver-rules=MAP {WRONG_HOST} 127.0.0.1",
        "--no-proxy-server",
        f"--user-data-dir={folder}",
        "--remote-debugging-port=0",
        "about:blank",
    ]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    try:
        assert process.stderr
        address = next((found[0] for line in process.stderr if (found := re.search(r"ws://\S+", line))), None)
        assert address, "Chromium did not start"
        with connect(address, proxy=None, max_size=None) as connection:
            yield Browser(connection)
            connection.send(json.dumps({"id": 0, "method": "Browser.close"}))
            process.wait(timeout=20)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        if process.stderr:
            process.stderr.close()
        shutil.rmtree(folder, ignore_errors=True)
