# SPDX-License-Identifier: BSL-1.0
import asyncio
import os
import tempfile

from pairs import Failure, Reports, attempt, main, pair, say, tried
from peers import address, at_port, close, connected, echo, send, serving


@pair("a second server at an address in use is refused")
async def _():
    async with serving(echo) as server:
        say(await tried(asyncio.start_server(echo, *address(server))))
        reader, writer = await connected(server)
        await send(writer, "first\n")
        say(await tried(reader.readline()))
        await close(writer)


@pair("the address of a server that ended can be used again at once")
async def _():
    async def handler(reader, writer):
        await send(writer, "bye\n")
        await close(writer)  # first, so its end of the connection lingers

    port = 0
    for _ in range(2):
        async with serving(handler, at_port(port)) as server:
            port = address(server)[1]
            reader, writer = await connected(server)
            say(await tried(reader.read()))
            await close(writer)


@pair("a server that is closed takes nobody new in, and who is in is served")
async def _():
    async with serving(echo) as server:
        at = address(server)
        reader, writer = await asyncio.open_connection(*at)
        await send(writer, "one\n")
        say(await tried(reader.readline()))
        say(server.is_serving())
        server.close()
        say(server.is_serving())
        say(await tried(asyncio.open_connection(*at)))
        await send(writer, "two\n")
        say(await tried(reader.readline()))
        await close(writer)
        say(await tried(server.wait_closed()))


@pair("a server's task is cancelled: nobody new comes in")
async def _():
    async with serving(echo) as server:
        at = address(server)
        running = asyncio.create_task(server.serve_forever())
        reader, writer = await asyncio.open_connection(*at)
        await send(writer, "one\n")
        say(await tried(reader.readline()))
        writer.write_eof()
        say(await tried(reader.read()))
        await close(writer)
        running.cancel()
        say(await attempt(running))
        say(server.is_serving())
        say(await tried(asyncio.open_connection(*at)))


@pair("a server ends with those whom it serves: their handlers are cancelled")
async def _():
    handlers = []

    async def handler(reader, writer):
        handlers.append(asyncio.current_task())
        await send(writer, "hello\n")
        try:
            await reader.readline()
        except asyncio.CancelledError:
            say("handler cancelled")

    async with serving(handler) as server:
        clients = [await connected(server) for _ in range(3)]
        for reader, _ in clients:
            say(await tried(reader.readline()))
        server.close()
        for task in handlers:  # weft's serve() does this
            task.cancel()
        for reader, writer in clients:
            say(await tried(reader.read()))
            await close(writer)


@pair("a handler that raises ends its own connection, not the server")
async def _():
    reports = Reports()

    async def handler(reader, writer):
        if await reader.readline() == b"bad\n":
            raise Failure("boom")
        await send(writer, "well\n")

    async with serving(handler) as server:
        for text in ("good\n", "bad\n", "good\n"):
            reader, writer = await connected(server)
            await send(writer, text)
            say(await tried(reader.read()))
            await close(writer)
    say("reported", reports.count("boom"))


@pair("a hundred clients are served at once")
async def _():
    count = 0
    all_in = asyncio.Event()

    async def handler(reader, writer):
        nonlocal count
        number = int(await reader.readline())
        count += 1
        if count == 100:
            all_in.set()
        await all_in.wait()
        await send(writer, f"{2 * number}\n")

    async def ask(at, number):
        reader, writer = await asyncio.open_connection(*at)
        await send(writer, f"{number}\n")
        answer = int(await reader.readline())
        await close(writer)
        return answer

    async with serving(handler) as server:
        answers = await asyncio.gather(*(ask(address(server), i) for i in range(100)))
        say(count, answers)


@pair("open_unix_connection and start_unix_server: by a path")
async def _():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "socket")
        say(await tried(asyncio.open_unix_connection(path)))
        async with serving(echo, lambda handle: asyncio.start_unix_server(handle, path)):
            say(os.path.exists(path))
            reader, writer = await asyncio.open_unix_connection(path)
            say(writer.get_extra_info("peername") == path)
            await send(writer, "hello\nand")
            say(await tried(reader.readline()))
            writer.write_eof()
            say(await tried(reader.readexactly(100)))
            await close(writer)


main()
