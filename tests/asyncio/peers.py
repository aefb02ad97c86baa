# SPDX-License-Identifier: BSL-1.0
"""What network.py and servers.py share."""
import asyncio
import contextlib

HERE = "127.0.0.1"


def at_port(port):
    return lambda handler: asyncio.start_server(handler, HERE, port)


@contextlib.asynccontextmanager
async def serving(handler, start=at_port(0)):
    """A server that closes what it accepted, and whose end waits for its handlers: asyncio leaves
    both to the program."""
    handlers = []

    async def handle(reader, writer):
        handlers.append(asyncio.current_task())
        try:
            await handler(reader, writer)
        finally:
            writer.close()

    async with await start(handle) as server:
        yield server
    await asyncio.gather(*handlers, return_exceptions=True)


def address(server):
    return server.sockets[0].getsockname()


async def connected(server):
    return await asyncio.open_connection(*address(server))


async def send(writer, text):
    writer.write(text.encode())
    await writer.drain()


async def close(writer):
    writer.close()
    try:
        await writer.wait_closed()
    except OSError:
        pass  # its connection had been reset


async def echo(reader, writer):
    while some := await reader.read(64 * 1024):
        writer.write(some)
        await writer.drain()
