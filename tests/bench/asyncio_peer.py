# SPDX-License-Identifier: BSL-1.0
"""Peer of the structure and sleepers rows: the same in Python's asyncio.

    asyncio_peer.py WHAT [COUNT]

Reads how many operations to do, one line a round, and answers with how many were done: process.hpp.
"""
import asyncio
import sys

FIBERS = 10
AN_HOUR = 3600
SPREAD_MS = 1_000_000


def naps(longest_ms):
    """Those of side.hpp."""
    state = 0x9E3779B97F4A7C15
    while True:
        state ^= (state << 13) & 0xFFFFFFFFFFFFFFFF
        state ^= state >> 7
        state ^= (state << 17) & 0xFFFFFFFFFFFFFFFF
        yield (state % longest_ms + 1) / 1000


async def plain(rounds):
    for _ in range(rounds):
        await asyncio.sleep(0)


async def timed(rounds):
    for _ in range(rounds):
        async with asyncio.timeout(AN_HOUR):
            await asyncio.sleep(0)


async def ring(step, operations):
    rounds = operations // FIBERS + 1
    others = [asyncio.create_task(step(rounds)) for _ in range(FIBERS - 1)]
    await step(rounds)
    for one in others:
        await one
    return rounds * FIBERS


class Timers:
    """COUNT that wait; one more is set and withdrawn."""

    def __init__(self, count):
        self.naps = naps(SPREAD_MS)
        loop = asyncio.get_running_loop()
        others = naps(SPREAD_MS)
        self.waiting = [loop.call_later(AN_HOUR + next(others), int) for _ in range(count)]

    async def run(self, operations):
        for _ in range(operations):
            async with asyncio.timeout(AN_HOUR + next(self.naps)):
                pass
        return operations


async def one():
    return 1


async def gather(batch, operations):
    rounds = operations // batch + 1
    for _ in range(rounds):
        await asyncio.gather(*[one() for _ in range(batch)])
    return rounds * batch


async def sleepers(count, longest_ms, operations):
    for _ in range(operations):
        lengths = naps(longest_ms)
        async with asyncio.TaskGroup() as group:
            for _ in range(count):
                group.create_task(asyncio.sleep(next(lengths)))
    return operations


async def main(what, *numbers):
    numbers = [int(each) for each in numbers]
    if what == "timers":
        run = Timers(*numbers).run
    else:
        run = {
            "yield": lambda n: ring(plain, n),
            "timeout": lambda n: ring(timed, n),
            "gather": lambda n: gather(*numbers, n),
            "sleepers": lambda n: sleepers(*numbers, n),
        }[what]
    for line in sys.stdin:
        print(await run(int(line)), flush=True)


asyncio.run(main(*sys.argv[1:]))
