"""Does an address answer, or a port listen? `healthy.py http://…/health`, `healthy.py HOST:PORT`; status 0 or 1."""

import socket
import sys
import urllib.request


def healthy(address: str) -> bool:
    """Tell whether a server answers with 200, or listens."""
    try:
        if address.startswith("http://"):
            with urllib.request.urlopen(address, timeout=8) as answer:  # noqa: S310 - http, as checked
                return bool(answer.status == 200)
        host, _, port = address.rpartition(":")
        socket.create_connection((host, int(port)), timeout=8).close()
    except (OSError, ValueError):
        return False
    return True


if __name__ == "__main__":
    sys.exit(0 if healthy(sys.argv[1]) else 1)
