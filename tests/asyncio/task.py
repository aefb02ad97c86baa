# SPDX-License-Identifier: BSL-1.0
import asyncio
import gc

from pairs import Reports, U, attempt, fail, main, pair, say, sleeper, value


@pair("create_task starts nothing before the next wait")
async def _():
    async def body():
        say("child")
    t = asyncio.create_task(body())
    say("created")
    await t


@pair("tasks start in the order of their creation")
async def _():
    async def body(i):
        say(i)
    tasks = [asyncio.create_task(body(i)) for i in range(5)]
    await asyncio.gather(*tasks)


@pair("a task gives its result to who awaits it")
async def _():
    t = asyncio.create_task(value(42, after=1))
    say(await t)


@pair("a task gives its error to who awaits it")
async def _():
    t = asyncio.create_task(fail("boom", after=1))
    say(await attempt(t))


@pair("a task that has ended gives its result without a wait")
async def _():
    t = asyncio.create_task(value(42))
    say(t.done())
    await asyncio.sleep(1 * U)
    say(t.done())
    say(t.result())


@pair("a task that has ended tells its error")
async def _():
    good = asyncio.create_task(value(42))
    bad = asyncio.create_task(fail("boom"))
    await asyncio.sleep(1 * U)
    say(good.exception())
    say(bad.exception())


@pair("a task has the name that it was given")
async def _():
    async def body():
        say(asyncio.current_task().get_name())
    t = asyncio.create_task(body(), name="reader")
    say(t.get_name())
    await t


@pair("a running task renames itself")
async def _():
    async def body():
        asyncio.current_task().set_name("writer")
        await asyncio.sleep(2 * U)
    t = asyncio.create_task(body(), name="reader")
    await asyncio.sleep(1 * U)
    say(t.get_name())


@pair("current_task is another one in each task")
async def _():
    async def body():
        return asyncio.current_task()
    mine = asyncio.current_task()
    a = asyncio.create_task(body())
    say(await a is a)
    say(await asyncio.create_task(body()) is mine)


@pair("all_tasks lists those that have not ended")
async def _():
    a = asyncio.create_task(sleeper("a", 1), name="short")
    b = asyncio.create_task(sleeper("b", 3), name="long")
    c = asyncio.create_task(sleeper("c", 4), name="longer")
    await asyncio.sleep(2 * U)
    names = [t.get_name() for t in asyncio.all_tasks()]
    say([name for name in ("short", "long", "longer") if name in names])
    await asyncio.wait([a, b, c])


@pair("several may wait for one task")
async def _():
    async def waiter(name):
        await asyncio.wait([t])
        say(name)
    t = asyncio.create_task(value(1, after=1))
    await asyncio.gather(waiter("first"), waiter("second"), waiter("third"))
    say(await t)


@pair("a task cannot wait for itself")
async def _():
    async def body():
        await t
    t = asyncio.create_task(body())
    say(await attempt(t))


@pair("tasks that yield take turns")
async def _():
    async def body(name):
        for i in range(3):
            say(name, i)
            await asyncio.sleep(0)
    await asyncio.gather(body("a"), body("b"), body("c"))


@pair("a task made by a task starts behind those that were ready")
async def _():
    made = []

    async def body(name):
        say(name)
        if name == "a":
            made.append(asyncio.create_task(body("child of a")))
    a = asyncio.create_task(body("a"))
    b = asyncio.create_task(body("b"))
    await asyncio.sleep(1 * U)
    say(all(t.done() for t in [a, b, *made]))


@pair("done callbacks run in the order in which they were added")
async def _():
    t = asyncio.create_task(value(1))
    t.add_done_callback(lambda _: say("first"))
    t.add_done_callback(lambda _: say("second"))
    await asyncio.sleep(1 * U)
    say("after")


@pair("a done callback that is added after the end runs at the next wait")
async def _():
    t = asyncio.create_task(value(1))
    await t
    t.add_done_callback(lambda _: say("callback"))
    say("added")
    await asyncio.sleep(0)
    say("after")


@pair("a done callback runs after a cancellation, too")
async def _():
    t = asyncio.create_task(sleeper("child"))
    t.add_done_callback(lambda _: say("callback"))
    await asyncio.sleep(1 * U)
    t.cancel()
    await asyncio.sleep(1 * U)
    say(t.cancelled())


@pair("a done callback runs before one who began to wait after it")
async def _():
    t = asyncio.create_task(value(1, after=1))
    t.add_done_callback(lambda _: say("callback"))
    say(await t)


@pair("a done callback that fails is reported and stops nobody")
async def _():
    def callback(_):
        raise ValueError("in a callback")
    reports = Reports()
    t = asyncio.create_task(value(1))
    t.add_done_callback(callback)
    t.add_done_callback(lambda _: say("second"))
    await asyncio.sleep(1 * U)
    say(reports.count("in a callback"), t.result())


@pair("an error that nobody retrieved is reported once")
async def _():
    reports = Reports()
    t = asyncio.create_task(fail("forgotten"))
    await asyncio.sleep(1 * U)
    say(reports.count("forgotten"))
    del t
    gc.collect()
    say(reports.count("forgotten"))


@pair("an error that was retrieved is not reported")
async def _():
    reports = Reports()
    t = asyncio.create_task(fail("taken"))
    say(await attempt(t))
    del t
    gc.collect()
    say(reports.count("taken"))


@pair("a task that nobody holds runs on")
async def _():
    def begin():
        t = asyncio.create_task(sleeper("child", 2))
        t.add_done_callback(lambda _: say("its end was seen"))
    begin()
    await asyncio.sleep(1 * U)
    say("main goes on")
    await asyncio.sleep(2 * U)


@pair("a task whose handle goes out of scope")
async def _():
    async def creator():
        t = asyncio.create_task(sleeper("child", 2))
        await asyncio.sleep(1 * U)
        say("creator returns")
    await creator()
    say("back in main")
    await asyncio.sleep(5 * U)


main()
