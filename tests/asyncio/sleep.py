# SPDX-License-Identifier: BSL-1.0
import asyncio

from pairs import U, attempt, main, pair, say, since, sleeper, units


@pair("sleepers wake in the order of their deadlines")
async def _():
    await asyncio.gather(sleeper("a", 3), sleeper("b", 1), sleeper("c", 2))


@pair("equal deadlines wake in the order of their sleeps")
async def _():
    await asyncio.gather(*(sleeper(name, 2) for name in "cab"))


@pair("a sleep in two halves comes behind one that was begun earlier")
async def _():
    async def halves():
        await asyncio.sleep(1 * U)
        await asyncio.sleep(1 * U)
        say("halves")
    await asyncio.gather(halves(), sleeper("whole", 2))


@pair("a sleep takes as long as it was asked to")
async def _():
    for span in (1, 2, 5):
        start = units()
        await asyncio.sleep(span * U)
        say(since(start))


@pair("a sleep of zero lets each of the others run once")
async def _():
    async def other(name):
        say(name, "once")
        await asyncio.sleep(0)
        say(name, "twice")
    a = asyncio.create_task(other("a"))
    b = asyncio.create_task(other("b"))
    await asyncio.sleep(0)
    say("back")
    await asyncio.gather(a, b)


@pair("a sleep of less than zero is one of zero")
async def _():
    start = units()
    t = asyncio.create_task(sleeper("task", 0))
    await asyncio.sleep(-3 * U)
    say("back", since(start))
    await t


@pair("a sleeper that is cancelled wakes at once")
async def _():
    t = asyncio.create_task(sleeper("task", 100))
    await asyncio.sleep(1 * U)
    start = units()
    t.cancel()
    say(await attempt(t))
    say(since(start))


@pair("two that sleep at different rhythms interleave")
async def _():
    async def ticker(name, period, count):
        for i in range(count):
            await asyncio.sleep(period * U)
            say(name, i)
    await asyncio.gather(ticker("third", 3, 2), ticker("half", 2, 4))


@pair("many sleeps go on at the same time")
async def _():
    start = units()
    await asyncio.gather(*(asyncio.sleep(i % 7 * U) for i in range(100)))
    say(since(start))


main()
