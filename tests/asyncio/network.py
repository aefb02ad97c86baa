# SPDX-License-Identifier: BSL-1.0
import asyncio
import socket
import struct

from pairs import U, attempt, main, pair, say, since, told, tried, units
from peers import HERE, address, close, connected, echo, send, serving


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


main()
