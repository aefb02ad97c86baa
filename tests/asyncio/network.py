# SPDX-License-Identifier: BSL-1.0
import asyncio
import contextlib
import os
import socket
import struct
import tempfile

from pairs import Failure, Reports, U, attempt, main, pair, say, since, told, tried, units

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


@pair("open_connection and start_server: what is sent comes back")
async def _():
    async with serving(echo) as server:
        reader, writer = await connected(server)
        for text in ("one\n", "two\n", "three\n"):
            await send(writer, text)
            say(await tried(reader.readline()))
        writer.write_eof()
        say(await tried(reader.read()))
        say(reader.at_eof())
        await close(writer)


@pair("a name is looked up, and one of its addresses answers")
async def _():
    async with serving(echo) as server:
        reader, writer = await asyncio.open_connection("localhost", address(server)[1])
        await send(writer, "text\n")
        say(await tried(reader.readline()))
        say(writer.get_extra_info("peername")[0])
        await close(writer)


@pair("both ends know each other's address")
async def _():
    known = asyncio.get_running_loop().create_future()

    async def handler(reader, writer):
        known.set_result([writer.get_extra_info(which) for which in ("sockname", "peername")])
        await echo(reader, writer)

    async with serving(handler) as server:
        reader, writer = await connected(server)
        own, other = await known
        say(writer.get_extra_info("peername") == own)
        say(writer.get_extra_info("sockname") == other)
        say(own == address(server), own == other)
        say(own[0], other[0])
        await close(writer)


@pair("half-close: the answer comes after the end of the question")
async def _():
    async def handler(reader, writer):
        question = await reader.read()
        say("question", len(question), reader.at_eof())
        await send(writer, "you said " + question.decode())

    async with serving(handler) as server:
        reader, writer = await connected(server)
        await send(writer, "a long ")
        await send(writer, "question")
        writer.write_eof()
        say(await tried(reader.read()))
        await close(writer)


@pair("half-close: who said all can still be told something")
async def _():
    got = asyncio.Queue()

    async def handler(reader, writer):
        await send(writer, "welcome")
        writer.write_eof()
        got.put_nowait(await tried(reader.read()))

    async with serving(handler) as server:
        reader, writer = await connected(server)
        say(await tried(reader.read()))
        await send(writer, "thank you")
        writer.write_eof()
        say(await got.get())
        await close(writer)


@pair("a client that closes early: what had come, and the end")
async def _():
    got = asyncio.Queue()

    async def handler(reader, writer):
        if await reader.readexactly(1) == b"c":
            got.put_nowait(await tried(reader.readexactly(8)))
        else:
            got.put_nowait(await tried(reader.readline()))
            got.put_nowait(await tried(reader.readline()))

    async with serving(handler) as server:
        for text in ("c" + "abc", "c", "l" + "half a li", "l"):
            _, writer = await connected(server)
            await send(writer, text)
            await close(writer)
            say(await got.get())
            if text[0] == "l":
                say(await got.get())


@pair("a connection that is reset is an error to who reads")
async def _():
    got = asyncio.Queue()

    async def handler(reader, writer):
        await send(writer, "hello\n")
        got.put_nowait(await tried(reader.readline()))

    async with serving(handler) as server:
        reader, writer = await connected(server)
        say(await tried(reader.readline()))
        own = writer.get_extra_info("socket")
        own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
        say(await got.get())


@pair("who writes on after the other side is gone is told so")
async def _():
    async def handler(reader, writer):
        pass

    async with serving(handler) as server:
        reader, writer = await connected(server)
        say(await tried(reader.read()))

        async def write_on():
            for _ in range(1000):
                await send(writer, "x" * 1000)
                await asyncio.sleep(0)

        say(await tried(write_on()))
        await close(writer)


@pair("a connection to where nobody listens is refused")
async def _():
    with socket.socket() as silent:
        silent.bind((HERE, 0))
        say(await tried(asyncio.open_connection(*silent.getsockname())))


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


@pair("lines and messages come whole, in whatever pieces they were sent")
async def _():
    async def handler(reader, writer):
        for _ in range(3):
            say(await tried(reader.readline()))
        say(await tried(reader.readuntil(b"\r\n\r\n")))
        say(await tried(reader.readexactly(5)))
        say(await tried(reader.readuntil(b";")))

    async with serving(handler) as server:
        reader, writer = await connected(server)
        pieces = ("one\nt", "w", "o\n", "three", "\nhead: 1\r\n", "\r", "\nbo", "dyrest", " of it")
        for piece in pieces:
            await send(writer, piece)
            await asyncio.sleep(0.1 * U)
        writer.write_eof()
        say(await tried(reader.read()))
        await close(writer)


@pair("several pieces are written in one call")
async def _():
    async with serving(echo) as server:
        reader, writer = await connected(server)
        writer.writelines([b"one, ", b"", b"two, ", b"three"])
        await writer.drain()
        writer.write_eof()
        say(await tried(reader.read()))
        await close(writer)


async def send_rest_when_asked(reader, writer):
    await send(writer, "a l")
    await reader.readexactly(1)
    await send(writer, "ine\nnext")


@pair("wait_for around a read: time is up, and no byte is lost")
async def _():
    async with serving(send_rest_when_asked) as server:
        reader, writer = await connected(server)
        start = units()
        say(await attempt(asyncio.wait_for(reader.readline(), 1 * U)), since(start))
        start = units()
        say(await attempt(asyncio.wait_for(reader.readexactly(6), 1 * U)), since(start))
        await send(writer, "!")
        say(await tried(reader.readline()))
        say(await tried(reader.read()))
        await close(writer)


@pair("a task is cancelled while it reads, another reads on")
async def _():
    async with serving(send_rest_when_asked) as server:
        reader, writer = await connected(server)
        task = asyncio.create_task(reader.readexactly(7))
        await asyncio.sleep(1 * U)
        say(task.done())
        task.cancel()
        say(await attempt(task))
        await send(writer, "!")
        say(await tried(reader.readexactly(7)))
        say(await tried(reader.readexactly(7)))
        await close(writer)


@pair("who waits to read sees the end when its own side says so")
async def _():
    async with serving(echo) as server:
        reader, writer = await connected(server)
        task = asyncio.create_task(tried(reader.read(100)))
        await asyncio.sleep(1 * U)
        say(task.done())
        writer.close()
        say(await task)
        await close(writer)


@pair("a writer is held up until the other side reads")
async def _():
    go = asyncio.Event()
    size = 4 * 1024 * 1024

    async def handler(reader, writer):
        await go.wait()
        await send(writer, str(len(await reader.readexactly(size))))

    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)  # its connections', too
    listening.bind((HERE, 0))
    start = lambda handle: asyncio.start_server(handle, sock=listening)
    async with serving(handler, start) as server:
        reader, writer = await connected(server)
        own = writer.get_extra_info("socket")
        own.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 64 * 1024)
        drain = asyncio.create_task(send(writer, "x" * size))
        await asyncio.sleep(1 * U)
        say(drain.done())
        await asyncio.sleep(1 * U)
        say(drain.done())
        go.set()
        say(await tried(drain))
        say(await tried(reader.read()))
        await close(writer)


@pair("one task writes while another reads")
async def _():
    text = "0123456789abcdef" * (64 * 1024)
    async with serving(echo) as server:
        reader, writer = await connected(server)

        async def write_all():
            await send(writer, text)
            writer.write_eof()

        writing = asyncio.create_task(write_all())
        back = (await reader.read()).decode()
        await writing
        say(len(back), back == text)
        await close(writer)


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
