# SPDX-License-Identifier: BSL-1.0
import asyncio

from pairs import U, attempt, fail, main, pair, say, since, sleeper, units, value


def names(tasks):
    return sorted(t.get_name() for t in tasks)


def three():
    return [asyncio.create_task(value(i, after=after), name=name)
            for i, (name, after) in enumerate([("a", 3), ("b", 1), ("c", 2)])]


async def cut(tasks):
    for t in tasks:
        t.cancel()
    await asyncio.wait(tasks)


@pair("wait returns when all are done")
async def _():
    tasks = three()
    start = units()
    done, pending = await asyncio.wait(tasks)
    say(names(done), names(pending))
    say(since(start))


@pair("wait for the first returns with the first")
async def _():
    tasks = three()
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    say(names(done), names(pending))
    await asyncio.wait(tasks)
    say([t.result() for t in tasks])


@pair("wait for the first: a failed one is done, too")
async def _():
    tasks = three() + [asyncio.create_task(fail("boom"), name="d")]
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    say(names(done), names(pending))
    say([t.exception() for t in done])
    await asyncio.wait(tasks)


@pair("wait for the first error returns with it")
async def _():
    tasks = three() + [asyncio.create_task(fail("boom", after=2), name="d")]
    start = units()
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    say(names(done), names(pending))
    say(since(start), tasks[3].exception())
    await asyncio.wait(tasks)


@pair("wait for the first error: without one, for all")
async def _():
    tasks = three()
    start = units()
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    say(names(done), names(pending))
    say(since(start))


@pair("wait for the first error: a cancelled one is none")
async def _():
    tasks = three()
    asyncio.get_running_loop().call_later(1.5 * U, tasks[0].cancel)
    start = units()
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    say(names(done), names(pending))
    say(since(start), tasks[0].cancelled())


@pair("wait with a timeout neither fails nor cancels")
async def _():
    tasks = three()
    done, pending = await asyncio.wait(tasks, timeout=1.5 * U)
    say(names(done), names(pending))
    await asyncio.wait(tasks)
    say([t.result() for t in tasks])


@pair("wait with a timeout that is not needed")
async def _():
    tasks = three()
    start = units()
    done, pending = await asyncio.wait(tasks, timeout=50 * U)
    say(names(done), names(pending))
    say(since(start))


@pair("wait with a timeout of zero tells how things stand")
async def _():
    tasks = three()
    await asyncio.sleep(1.5 * U)
    start = units()
    done, pending = await asyncio.wait(tasks, timeout=0)
    say(names(done), names(pending))
    say(since(start))
    await cut(tasks)


@pair("wait with a timeout of zero on tasks that have not begun")
async def _():
    async def body():
        say("begins")
        await asyncio.sleep(1 * U)
    tasks = [asyncio.create_task(body(), name=name) for name in "ab"]
    done, pending = await asyncio.wait(tasks, timeout=0)
    say(names(done), names(pending))
    await asyncio.wait(tasks)


@pair("wait on what has ended returns at once")
async def _():
    tasks = three()
    await asyncio.sleep(4 * U)
    start = units()
    done, pending = await asyncio.wait(tasks)
    say(names(done), names(pending))
    say(since(start))


@pair("a cancelled wait leaves its tasks running")
async def _():
    async def waiter():
        await asyncio.wait([a, b])
    a = asyncio.create_task(sleeper("a", 2))
    b = asyncio.create_task(sleeper("b", 3))
    w = asyncio.create_task(waiter())
    await asyncio.sleep(1 * U)
    w.cancel()
    say(await attempt(w))
    await asyncio.wait([a, b])


@pair("wait raises no error of its tasks")
async def _():
    t = asyncio.create_task(fail("boom"))
    await asyncio.wait([t])
    say("no error")
    say(t.exception())


@pair("as_completed gives results as they come")
async def _():
    start = units()
    for next_one in asyncio.as_completed(three()):
        say(await next_one)
        say(since(start))


@pair("as_completed: an error comes in its turn and ends nothing")
async def _():
    tasks = three() + [asyncio.create_task(fail("boom", after=1.5))]
    for next_one in asyncio.as_completed(tasks):
        say(await attempt(next_one))


@pair("as_completed: a cancelled task comes in its turn")
async def _():
    tasks = three()
    asyncio.get_running_loop().call_later(1.5 * U, tasks[0].cancel)
    for next_one in asyncio.as_completed(tasks):
        say(await attempt(next_one))


@pair("as_completed with a timeout gives what came in time, and cancels nothing")
async def _():
    tasks = three()
    try:
        for next_one in asyncio.as_completed(tasks, timeout=2.5 * U):
            say(await next_one)
    except TimeoutError:
        say("time is up")
    await asyncio.wait(tasks)
    say([t.cancelled() for t in tasks])


@pair("as_completed that is left early cancels nothing")
async def _():
    tasks = three()
    for next_one in asyncio.as_completed(tasks):
        say(await next_one)
        break
    await asyncio.wait(tasks)
    say([t.cancelled() for t in tasks])


@pair("as_completed of nothing is over at once")
async def _():
    for _ in asyncio.as_completed([]):
        say("never")
    say("over")


main()
