# SPDX-License-Identifier: BSL-1.0
import asyncio
import socket

from pairs import U, attempt, main, pair, say, since, told, tried, units

HERE = "127.0.0.1"


class Mailbox(asyncio.DatagramProtocol):
    """What a socket receives, to be waited for."""

    def __init__(self):
        self.mail = asyncio.Queue()

    def datagram_received(self, data, addr):
        self.mail.put_nowait((data, addr))

    def error_received(self, error):
        self.mail.put_nowait(error)

    async def receive(self):
        one = await self.mail.get()
        if isinstance(one, Exception):
            raise one
        return one

    async def text(self):
        return (await self.receive())[0]


async def datagrams(**how):
    loop = asyncio.get_running_loop()
    how.setdefault("local_addr", (HERE, 0))
    transport, mailbox = await loop.create_datagram_endpoint(Mailbox, **how)
    return transport, mailbox, transport.get_extra_info("sockname")


@pair("datagrams: one each way, each from whom it says")
async def _():
    one, at_one, address_one = await datagrams()
    two, at_two, address_two = await datagrams()
    one.sendto(b"question", address_two)
    data, sender = await at_two.receive()
    say(data.decode(), sender == address_one)
    two.sendto(b"answer", sender)
    data, sender = await at_one.receive()
    say(data.decode(), sender == address_two)
    one.close()
    two.close()


@pair("datagrams: each is one, long, short or empty")
async def _():
    to, mailbox, at = await datagrams()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        for size in (1, 0, 1000, 60000, 0, 2):
            # A transport's sendto() of 3.11 drops what is empty.
            await asyncio.get_running_loop().sock_sendto(sender, b"x" * size, at)
        for _ in range(6):
            say(len((await mailbox.receive())[0]))
    to.close()


@pair("datagrams: a socket that has a peer hears that one alone")
async def _():
    peer, at_peer, address_peer = await datagrams()
    stranger, _, _ = await datagrams()
    own, mailbox, at = await datagrams(remote_addr=address_peer)
    say(own.get_extra_info("peername") == address_peer)
    stranger.sendto(b"spam", at)
    peer.sendto(b"letter", at)
    say(await tried(mailbox.text()))
    own.sendto(b"thanks")
    say(await tried(at_peer.text()))
    for transport in (peer, stranger, own):
        transport.close()


@pair("datagrams: a peer that is not there is told to who receives")
async def _():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
        gone.bind((HERE, 0))
        nobody = gone.getsockname()
    own, mailbox, _ = await datagrams(remote_addr=nobody)
    own.sendto(b"hello?")
    say(await tried(mailbox.text()))
    own.close()


@pair("datagrams: a receive in vain ends when time is up, and the next one gets what comes")
async def _():
    own, mailbox, at = await datagrams()
    start = units()
    say(await attempt(asyncio.wait_for(mailbox.text(), 1 * U)), since(start))
    own.sendto(b"to myself", at)
    say(await tried(mailbox.text()))
    own.close()


main()
