# SPDX-License-Identifier: BSL-1.0
import asyncio

from pairs import Reports, U, attempt, attempt_call, main, pair, say, since, units


@pair("call_soon runs callbacks in their order, once the caller waits")
async def _():
    loop = asyncio.get_running_loop()
    for name in ("first", "second", "third"):
        loop.call_soon(say, name)
    say("asked")
    await asyncio.sleep(0)
    say("after")


@pair("a callback that a callback adds comes behind those that were there")
async def _():
    def first():
        say("first")
        loop.call_soon(say, "added")
    loop = asyncio.get_running_loop()
    loop.call_soon(first)
    loop.call_soon(say, "second")
    await asyncio.sleep(1 * U)


@pair("callbacks and tasks take their turns together")
async def _():
    async def body(name):
        say(name)
    loop = asyncio.get_running_loop()
    a = asyncio.create_task(body("task a"))
    loop.call_soon(say, "callback")
    b = asyncio.create_task(body("task b"))
    await asyncio.wait([a, b])


@pair("call_later goes by time, not by the order of the calls")
async def _():
    loop = asyncio.get_running_loop()
    loop.call_later(3 * U, say, "three")
    loop.call_later(1 * U, say, "one")
    loop.call_later(2 * U, say, "two")
    await asyncio.sleep(4 * U)


@pair("call_later: equal spans keep the order of the calls")
async def _():
    loop = asyncio.get_running_loop()
    for name in ("first", "second", "third"):
        loop.call_later(1 * U, say, name)
    await asyncio.sleep(2 * U)


@pair("callbacks for exactly the same time")
async def _():
    loop = asyncio.get_running_loop()
    when = loop.time() + 1 * U
    for name in ("first", "second", "third"):
        loop.call_at(when, say, name)
    await asyncio.sleep(2 * U)


@pair("call_at takes a point of the loop's time")
async def _():
    loop = asyncio.get_running_loop()
    start = units()
    loop.call_at(loop.time() + 2 * U, lambda: say(since(start)))
    await asyncio.sleep(3 * U)


@pair("call_at of a time that is past runs at the next wait")
async def _():
    loop = asyncio.get_running_loop()
    start = units()
    loop.call_at(loop.time() - 5 * U, lambda: say("callback", since(start)))
    say("asked")
    await asyncio.sleep(1 * U)


@pair("a callback that is cancelled in time never runs")
async def _():
    loop = asyncio.get_running_loop()
    soon = loop.call_soon(say, "never soon")
    later = loop.call_later(2 * U, say, "never later")
    soon.cancel()
    await asyncio.sleep(1 * U)
    later.cancel()
    await asyncio.sleep(3 * U)
    say("nothing ran")


@pair("an error in a callback is reported, and the loop goes on")
async def _():
    def callback():
        raise ValueError("in a callback")
    reports = Reports()
    loop = asyncio.get_running_loop()
    loop.call_soon(callback)
    loop.call_soon(say, "the next one")
    await asyncio.sleep(1 * U)
    say(reports.count("in a callback"))


@pair("a callback may start a task")
async def _():
    async def body():
        await asyncio.sleep(1 * U)
        say("task")
    tasks = []
    asyncio.get_running_loop().call_soon(lambda: tasks.append(asyncio.create_task(body())))
    await asyncio.sleep(2 * U)
    say(tasks[0].done())


@pair("a future that a callback sets wakes who waits for it")
async def _():
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    loop.call_later(2 * U, future.set_result, 6)
    start = units()
    say(await future)
    say(since(start))


@pair("there is a running loop inside, and none outside")
def _():
    async def inside():
        return asyncio.get_running_loop() is not None
    say(attempt_call(asyncio.get_running_loop))
    say(asyncio.run(inside()))
    say(attempt_call(asyncio.get_running_loop))


@pair("create_task outside a loop is misuse")
def _():
    async def body():
        pass
    coroutine = body()
    say(attempt_call(asyncio.create_task, coroutine))
    coroutine.close()


@pair("a loop that has ended takes nothing more")
def _():
    async def inside():
        return asyncio.get_running_loop()
    loop = asyncio.run(inside())
    say(attempt_call(loop.call_soon_threadsafe, say, "never"))


main()
