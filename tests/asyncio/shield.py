# SPDX-License-Identifier: BSL-1.0
import asyncio

from pairs import Reports, U, attempt, fail, main, pair, say, since, sleeper, units, value


@pair("shield gives result and error")
async def _():
    good = asyncio.create_task(value(1, after=1))
    bad = asyncio.create_task(fail("boom", after=1))
    say(await attempt(asyncio.shield(good)), await attempt(asyncio.shield(bad)))


@pair("shield: a cancelled waiter leaves at once, the task goes on")
async def _():
    async def waiter():
        await asyncio.shield(t)
    t = asyncio.create_task(sleeper("task", 3))
    w = asyncio.create_task(waiter())
    await asyncio.sleep(1 * U)
    start = units()
    w.cancel()
    say(await attempt(w))
    say(since(start))
    await t


@pair("shield: the task itself can be cancelled")
async def _():
    async def waiter():
        say("waiter:", await attempt(asyncio.shield(t)))
        await asyncio.sleep(1 * U)
        say("waiter goes on")
    t = asyncio.create_task(sleeper("task", 3))
    w = asyncio.create_task(waiter())
    await asyncio.sleep(1 * U)
    t.cancel()
    await w


@pair("shield inside a timeout: time is up, the task goes on")
async def _():
    t = asyncio.create_task(value(8, after=3))
    say(await attempt(asyncio.wait_for(asyncio.shield(t), 1 * U)))
    say(t.done())
    say(await t)


@pair("shield inside gather protects one of its children")
async def _():
    async def body():
        await asyncio.gather(asyncio.shield(kept), sleeper("child"))
    kept = asyncio.create_task(sleeper("kept", 3))
    t = asyncio.create_task(body())
    await asyncio.sleep(1 * U)
    t.cancel()
    say(await attempt(t))
    await kept


@pair("shield: a section that must not be cut short ends before the cancel comes")
async def _():
    async def section():
        await asyncio.sleep(2 * U)
        say("section ends")

    async def body():
        inner = asyncio.create_task(section())
        try:
            await asyncio.shield(inner)
        except asyncio.CancelledError:
            await inner
            raise
        say("never")
    t = asyncio.create_task(body())
    await asyncio.sleep(1 * U)
    t.cancel()
    say(await attempt(t))


@pair("shield: an error that comes after the waiter has left is reported")
async def _():
    async def waiter():
        t = asyncio.create_task(fail("too late", after=2))
        kept.append(t)
        await asyncio.shield(t)
    kept = []
    reports = Reports()
    w = asyncio.create_task(waiter())
    await asyncio.sleep(1 * U)
    w.cancel()
    say(await attempt(w))
    await asyncio.sleep(2 * U)
    kept.clear()
    say("reported:", reports.count("too late"))


main()
