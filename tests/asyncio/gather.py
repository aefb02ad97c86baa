# SPDX-License-Identifier: BSL-1.0
import asyncio

from pairs import Failure, U, attempt, fail, main, pair, say, since, sleeper, units, value


@pair("gather keeps argument order")
async def _():
    say(await asyncio.gather(value(1, after=3), value(2, after=1), value(3, after=2)))


@pair("gather starts left to right")
async def _():
    async def one(name):
        say(name, "starts")
        await asyncio.sleep(1 * U)
        say(name, "ends")
    await asyncio.gather(one("a"), one("b"), one("c"))


@pair("gather of nothing is empty")
async def _():
    say(await asyncio.gather())


@pair("gather takes tasks and coroutines together")
async def _():
    t = asyncio.create_task(value(1, after=1))
    say(await asyncio.gather(t, value(2)))
    say(t.done())


@pair("gather of tasks that have ended returns their results")
async def _():
    a = asyncio.create_task(value(1))
    b = asyncio.create_task(value(2))
    await asyncio.sleep(1 * U)
    start = units()
    say(await asyncio.gather(a, b))
    say(since(start))


@pair("gather awaits a task that is given twice once")
async def _():
    runs = 0

    async def body():
        nonlocal runs
        runs += 1
        await asyncio.sleep(1 * U)
        return 7
    t = asyncio.create_task(body())
    say(await asyncio.gather(t, t))
    say(runs)


@pair("gather nests")
async def _():
    inner, last = await asyncio.gather(
        asyncio.gather(value(1, after=2), value(2, after=1)), value(3, after=1))
    say(inner, last)


@pair("gather takes as long as its slowest")
async def _():
    start = units()
    await asyncio.gather(value(1, after=3), value(2, after=5), value(3, after=4))
    say(since(start))


@pair("gather rethrows the first error in time")
async def _():
    say(await attempt(asyncio.gather(fail("late", after=2), fail("soon", after=1))))


@pair("gather leaves the others running when one fails")
async def _():
    start = units()
    say(await attempt(asyncio.gather(sleeper("other", 3), fail("boom", after=1))))
    say(since(start))
    await asyncio.sleep(5 * U)


@pair("an error in a nested gather reaches the outer one")
async def _():
    say(await attempt(asyncio.gather(asyncio.gather(value(1), fail("boom", after=1)), value(2))))


@pair("gather with return_exceptions puts errors in their places")
async def _():
    say(await asyncio.gather(value(1, after=1), fail("boom"), value(3), return_exceptions=True))


@pair("gather with return_exceptions waits for all though one failed")
async def _():
    start = units()
    await asyncio.gather(sleeper("slow", 4), fail("boom", after=1), return_exceptions=True)
    say(since(start))


@pair("gather with return_exceptions keeps a cancelled child in its place")
async def _():
    t = asyncio.create_task(value(1, after=9))
    asyncio.get_running_loop().call_later(1 * U, t.cancel)
    say(await asyncio.gather(t, value(2, after=2), return_exceptions=True))
    await asyncio.sleep(1 * U)
    say("not cancelled itself")


@pair("gather of a child that somebody cancelled raises, the caller goes on")
async def _():
    t = asyncio.create_task(value(1, after=9))
    asyncio.get_running_loop().call_later(1 * U, t.cancel)
    say(await attempt(asyncio.gather(t, value(2, after=3))))
    await asyncio.sleep(1 * U)
    say("not cancelled itself")


@pair("a cancelled gather cancels its children")
async def _():
    async def body():
        await asyncio.gather(sleeper("a"), sleeper("b"))
    t = asyncio.create_task(body())
    await asyncio.sleep(1 * U)
    t.cancel()
    say(await attempt(t))
    say(t.cancelled())


@pair("a cancelled gather with return_exceptions is cancelled all the same")
async def _():
    async def body():
        say(await asyncio.gather(sleeper("a"), sleeper("b"), return_exceptions=True))
    t = asyncio.create_task(body())
    await asyncio.sleep(1 * U)
    t.cancel()
    say(await attempt(t))
    say(t.cancelled())


@pair("a timeout around gather cancels its children")
async def _():
    start = units()
    say(await attempt(asyncio.wait_for(asyncio.gather(sleeper("a"), sleeper("b")), 2 * U)))
    say(since(start))


main()
