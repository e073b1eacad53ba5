"""The data app in a container: it answers on the loopback address only, and what comes to the container is handed on.

The guard of the app stays in front (SECURITY.md): the port outside has to be the one inside, as it checks the host and
port that a browser names. The address that logs a browser in stands in the container's log.
"""

import asyncio
import contextlib
import socket
import sys
from threading import Thread

from tasks.app.__main__ import PORT, main


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while block := await source.read(65536):
            sink.write(block)
            await sink.drain()
    sink.close()


async def hand_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    """Hand a connection on to the loopback address."""
    try:
        there, back = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        writer.close()
        return
    await asyncio.gather(_copy(reader, back), _copy(there, writer))


async def listen(address: str, port: int, inner: int) -> None:
    """Hand on what comes to an address, for ever."""
    server = await asyncio.start_server(lambda reader, writer: hand_on(reader, writer, inner), address, port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    own = socket.gethostbyname(socket.gethostname())
    Thread(target=lambda: asyncio.run(listen(own, PORT, PORT)), daemon=True).start()
    sys.exit(main(["--port", str(PORT)]))
