# SPDX-License-Identifier: BSL-1.0
"""A peer's rows in Python's asyncio.

    asyncio_peer.py WHAT [COUNT]...

Reads how many operations to do, one line a round, and answers with how many were done, at 0 with
the answer of the last round: process.hpp.
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
    global answer
    answer = count * operations
    for _ in range(operations):
        lengths = naps(longest_ms)
        async with asyncio.TaskGroup() as group:
            for _ in range(count):
                group.create_task(asyncio.sleep(next(lengths)))
    return operations


class Turns:
    """Tasks that stay, and take turns with main; each sleeps below so many calls."""

    def __init__(self, members, calls):
        self.members, self.calls, self.steps, self.others = members, calls, 0, None

    async def nested(self, calls):
        if calls == 0:
            await asyncio.sleep(0)
        else:
            await self.nested(calls - 1)

    async def spin(self):
        while True:
            await self.nested(self.calls)
            self.steps += 1

    async def run(self, operations):
        global answer
        laps = -(-operations // self.members)
        if self.others is None:
            self.others = [asyncio.create_task(self.spin()) for _ in range(self.members - 1)]
            await asyncio.sleep(0)
        self.steps = 0
        for _ in range(laps):
            await self.nested(self.calls)
            self.steps += 1
        answer = self.steps
        return laps * self.members


async def count():
    global answer
    answer += 1


async def spawn(batch, operations):
    global answer
    answer = 0
    rounds = -(-operations // batch)
    for _ in range(rounds):
        if batch == 1:
            await asyncio.create_task(count())
        else:
            for task in [asyncio.create_task(count()) for _ in range(batch)]:
                await task
    return rounds * batch


async def channel(capacity, operations):
    global answer
    queue = asyncio.Queue(capacity)

    async def send():
        for number in range(operations):
            await queue.put(number)

    sends = asyncio.create_task(send())
    answer = 0
    for _ in range(operations):
        answer += await queue.get()
    await sends
    return operations


async def hops(members, operations):
    global answer
    rounds = -(-operations // members)
    seats = [asyncio.Queue(1) for _ in range(members)]

    async def member(here, there):
        for _ in range(rounds):
            await there.put(await here.get() + 1)

    others = [asyncio.create_task(member(seats[i], seats[(i + 1) % members]))
              for i in range(1, members)]
    answer = 0
    for _ in range(rounds):
        await seats[1 % members].put(answer + 1)
        answer = await seats[0].get()
    for each in others:
        await each
    return rounds * members


async def crowd(size, operations):
    global answer
    each = -(-operations // size)
    queue = asyncio.Queue(64)

    async def send():
        for number in range(each):
            await queue.put(number)

    async def receive():
        return sum([await queue.get() for _ in range(each)])

    senders = [asyncio.create_task(send()) for _ in range(size)]
    answer = sum(await asyncio.gather(*[receive() for _ in range(size)]))
    for one in senders:
        await one
    return each * size


parked = []


async def park(operations):
    parked.extend([asyncio.create_task(asyncio.sleep(AN_HOUR)) for _ in range(operations)])
    await asyncio.sleep(0)
    return operations


answer = 0


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
            "spawn": lambda n: spawn(*numbers, n),
            "channel": lambda n: channel(*numbers, n),
            "hops": lambda n: hops(*numbers, n),
            "crowd": lambda n: crowd(*numbers, n),
            "parked": park,
            "turns": None,
        }[what]
        if what == "turns":
            run = Turns(*numbers).run
    for line in sys.stdin:
        operations = int(line)
        print(await run(operations) if operations else answer, flush=True)


asyncio.run(main(*sys.argv[1:]))
