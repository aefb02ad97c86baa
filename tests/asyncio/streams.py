# SPDX-License-Identifier: BSL-1.0
import asyncio

from pairs import U, attempt, main, pair, say, since, units


async def tried(awaitable):
    """The bytes that came, or the error, as a word."""
    try:
        return "<" + (await awaitable).decode().replace("\n", "n").replace("\r", "r") + ">"
    except asyncio.IncompleteReadError as error:
        return f"ended after {len(error.partial)}"
    except asyncio.LimitOverrunError:
        return "too long"
    except (RuntimeError, ValueError):
        return "misuse"


def fed(*pieces, limit=64 * 1024):
    reader = asyncio.StreamReader(limit=limit)
    for piece in pieces:
        reader.feed_data(piece.encode())
    reader.feed_eof()
    return reader


@pair("a reader gives lines, messages and counts of bytes")
async def _():
    reader = fed("one\nt", "wo\n", "\nhead\r\n", "\r", "\nbo", "dyrest", " of it\nlast")
    for _ in range(3):
        say(await tried(reader.readuntil(b"\n")))
    say(await tried(reader.readuntil(b"\r\n\r\n")))
    say(await tried(reader.readexactly(4)))
    say(await tried(reader.readexactly(0)))
    say(await tried(reader.readuntil(b"\n")))
    say(reader.at_eof())
    say(await tried(reader.readline()))
    say(reader.at_eof())
    say(await tried(reader.read(5)))
    say(await tried(reader.readline()))


@pair("a reader gives all that is left")
async def _():
    reader = fed("one ", "two ", "three")
    say(await tried(reader.readexactly(4)))
    say(await tried(reader.read()))
    say(await tried(reader.read()))


@pair("an empty delimiter is refused")
async def _():
    say(await tried(fed("text").readuntil(b"")))


@pair("the end before a delimiter or a count says how many bytes came")
async def _():
    say(await tried(fed("abc", "de").readuntil(b"--")))
    say(await tried(fed("abc", "de").readexactly(8)))
    say(await tried(fed().readuntil(b"--")))
    say(await tried(fed().readexactly(1)))


@pair("a limit counts the bytes before the delimiter")
async def _():
    for text in ("12345n", "12345--n", "12345", "123456", "1234567"):
        for delimiter in ("n", "--"):
            for limit in range(1, 8):
                whole = tried(fed(text, limit=limit).readuntil(delimiter.encode()))
                cut = tried(fed(*text, limit=limit).readuntil(delimiter.encode()))
                say(text, delimiter, limit, await whole, await cut)


@pair("what is too long stays in the buffer")
async def _():
    reader = fed("12345;678", limit=4)
    say(await tried(reader.readuntil(b";")))
    say(await tried(reader.readuntil(b";")))
    say(await tried(reader.readexactly(6)))
    say(await tried(reader.readexactly(3)))


@pair("a reader that is cancelled loses no byte")
async def _():
    reader = asyncio.StreamReader()
    for piece in ("a l", "ine", "\nnext"):
        start = units()
        say(await attempt(asyncio.wait_for(reader.readline(), 1 * U)), since(start))
        reader.feed_data(piece.encode())
    say(await tried(reader.readline()))
    say(await attempt(asyncio.wait_for(reader.readexactly(6), 1 * U)))
    reader.feed_eof()
    say(await tried(reader.readexactly(4)))


@pair("a reader serves one at a time")
async def _():
    reader = asyncio.StreamReader()
    first = asyncio.create_task(tried(reader.readline()))
    await asyncio.sleep(1 * U)
    say(await tried(reader.readline()))
    reader.feed_data(b"line\n")
    say(await first)


class Transport(asyncio.Transport):
    """Takes as many bytes as it is told to."""

    def __init__(self):
        super().__init__()
        self.got = ""
        self.unsent = ""
        self.protocol = asyncio.streams.FlowControlMixin()

    def write(self, data):
        if not self.unsent:
            self.protocol.pause_writing()
        self.unsent += data.decode()

    def take(self, count):
        self.got += self.unsent[:count]
        self.unsent = self.unsent[count:]
        if not self.unsent:
            self.protocol.resume_writing()

    def close(self):
        pass

    def is_closing(self):
        return False


def writing():
    transport = Transport()
    loop = asyncio.get_running_loop()
    return transport, asyncio.StreamWriter(transport, transport.protocol, None, loop)


@pair("write keeps the bytes, drain waits until they are sent")
async def _():
    transport, writer = writing()
    writer.write(b"one ")
    writer.write(b"two")
    say("got", transport.got)
    drain = asyncio.create_task(writer.drain())
    await asyncio.sleep(1 * U)
    transport.take(4)
    await asyncio.sleep(1 * U)
    say("got", transport.got, drain.done())
    transport.take(3)
    await drain
    say("got", transport.got)
    await writer.drain()


@pair("a drain that is cancelled loses no byte")
async def _():
    transport, writer = writing()
    writer.write(b"one two")
    say(await attempt(asyncio.wait_for(writer.drain(), 1 * U)))
    writer.write(b" three")
    transport.take(13)
    await writer.drain()
    say("got", transport.got)


main()
