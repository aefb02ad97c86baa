# SPDX-License-Identifier: BSL-1.0
import asyncio

from pairs import Failure, U, attempt, main, pair, say, since, sleeper, units, value


@pair("cancel takes effect at the task's wait, not in the canceller")
async def _():
    t = asyncio.create_task(sleeper("child"))
    await asyncio.sleep(1 * U)
    t.cancel()
    say("asked")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    say("after")


@pair("a task that is cancelled before its start never runs")
async def _():
    t = asyncio.create_task(sleeper("child"))
    t.cancel()
    say(await attempt(t))
    say(t.cancelled())


@pair("cancel tells whether there was something to cancel")
async def _():
    running = asyncio.create_task(value(1, after=1))
    ended = asyncio.create_task(value(2))
    await asyncio.sleep(0)
    await ended
    say(running.cancel(), ended.cancel())
    say(await attempt(running))
    say(ended.result())


@pair("a task that cancels itself runs on to its next wait")
async def _():
    async def body():
        asyncio.current_task().cancel()
        say("still here")
        await asyncio.sleep(1 * U)
        say("never")
    t = asyncio.create_task(body())
    say(await attempt(t))


@pair("a task that cancels itself and ends without a wait has its value")
async def _():
    async def body():
        asyncio.current_task().cancel()
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            return 3
    t = asyncio.create_task(body())
    say(await attempt(t))


@pair("a task that catches its cancellation and returns has a value")
async def _():
    async def body():
        try:
            await asyncio.sleep(9 * U)
        except asyncio.CancelledError:
            return 7
    t = asyncio.create_task(body())
    await asyncio.sleep(1 * U)
    t.cancel()
    say(await attempt(t))
    say(t.cancelled())


@pair("a task that turns its cancellation into an error has that error")
async def _():
    async def body():
        try:
            await asyncio.sleep(9 * U)
        except asyncio.CancelledError:
            raise Failure("instead")
    t = asyncio.create_task(body())
    await asyncio.sleep(1 * U)
    t.cancel()
    say(await attempt(t))
    say(t.cancelled())


@pair("a task is cancelled only once the cancellation has left it")
async def _():
    t = asyncio.create_task(sleeper("child"))
    await asyncio.sleep(1 * U)
    t.cancel()
    say(t.cancelled(), t.done())
    await asyncio.wait([t])
    say(t.cancelled(), t.done())


@pair("a cancellation unwinds the calls from the innermost")
async def _():
    async def call(depth):
        try:
            if depth < 3:
                await call(depth + 1)
            else:
                await asyncio.sleep(9 * U)
        finally:
            say("leaves", depth)
    t = asyncio.create_task(call(1))
    await asyncio.sleep(1 * U)
    t.cancel()
    say(await attempt(t))


@pair("cleanup after a cancellation may wait")
async def _():
    async def body():
        try:
            await asyncio.sleep(9 * U)
        finally:
            await asyncio.sleep(2 * U)
            say("cleaned")
    t = asyncio.create_task(body())
    await asyncio.sleep(1 * U)
    start = units()
    t.cancel()
    say(await attempt(t))
    say(since(start))


@pair("a cleanup that must go through, in spite of a second cancel")
async def _():
    async def cleanup():
        await asyncio.sleep(3 * U)
        say("cleaned")

    async def body():
        try:
            await asyncio.sleep(9 * U)
        finally:
            inner = asyncio.create_task(cleanup())
            while not inner.done():
                try:
                    await asyncio.shield(inner)
                except asyncio.CancelledError:
                    pass
    t = asyncio.create_task(body())
    await asyncio.sleep(1 * U)
    t.cancel()
    await asyncio.sleep(1 * U)
    say(t.cancel())
    say(await attempt(t))


@pair("who joins a cancelled task waits for its cleanup")
async def _():
    async def body():
        try:
            await asyncio.sleep(9 * U)
        finally:
            await asyncio.sleep(1 * U)
            say("cleaned")
    t = asyncio.create_task(body())
    await asyncio.sleep(1 * U)
    t.cancel()
    await asyncio.wait([t])
    say("joined")


@pair("a task cancelled twice before it runs is cancelled once")
async def _():
    async def body():
        caught = 0
        try:
            await asyncio.sleep(9 * U)
        except asyncio.CancelledError:
            caught += 1
        return caught
    t = asyncio.create_task(body())
    await asyncio.sleep(1 * U)
    t.cancel()
    t.cancel()
    say(await attempt(t))


@pair("the reason of a cancel reaches the task")
async def _():
    async def body():
        try:
            await asyncio.sleep(9 * U)
        except asyncio.CancelledError as error:
            say("because of", error.args[0])
            raise
    t = asyncio.create_task(body())
    await asyncio.sleep(1 * U)
    t.cancel("shutdown")
    say(await attempt(t))


@pair("the reason of a cancel reaches who waits for the task")
async def _():
    t = asyncio.create_task(sleeper("child"))
    await asyncio.sleep(1 * U)
    t.cancel("shutdown")
    try:
        await t
    except asyncio.CancelledError as error:
        say("shutdown" in str(error))


@pair("all who wait for a cancelled task see its end")
async def _():
    async def waiter(name):
        say(name, await attempt(asyncio.shield(t)))
    t = asyncio.create_task(sleeper("child"))
    waiters = [asyncio.create_task(waiter(name)) for name in ("first", "second")]
    await asyncio.sleep(1 * U)
    t.cancel()
    await asyncio.wait(waiters)


@pair("cancelling one sleeper leaves the other")
async def _():
    a = asyncio.create_task(sleeper("a", 2))
    b = asyncio.create_task(sleeper("b", 2))
    await asyncio.sleep(1 * U)
    a.cancel()
    await asyncio.wait([a, b])
    say(a.cancelled(), b.cancelled())


@pair("a task that is cancelled in a loop of short waits leaves it")
async def _():
    async def body():
        rounds = 0
        try:
            while True:
                await asyncio.sleep(1 * U)
                rounds += 1
        finally:
            say("rounds", rounds)
    t = asyncio.create_task(body())
    await asyncio.sleep(3.5 * U)
    t.cancel()
    say(await attempt(t))


@pair("what had completed when the cancel came")
async def _():
    async def body():
        say("got", await future)
        await asyncio.sleep(1 * U)
        say("slept")
    future = asyncio.get_running_loop().create_future()
    t = asyncio.create_task(body())
    await asyncio.sleep(1 * U)
    future.set_result(5)
    t.cancel()
    say(await attempt(t))


@pair("a cancelled task that waits again, and is cancelled again")
async def _():
    async def body():
        for _ in range(2):
            try:
                await asyncio.sleep(2 * U)
                say("slept")
            except asyncio.CancelledError as error:
                say("cancelled:", error.args[0])
        await asyncio.sleep(2 * U)
        return "end"
    t = asyncio.create_task(body())
    await asyncio.sleep(1 * U)
    t.cancel("first")
    await asyncio.sleep(1 * U)
    t.cancel("second")
    say(await attempt(t))


@pair("what a cancelled task is to who waits for it")
async def _():
    t = asyncio.create_task(sleeper("child"))
    await asyncio.sleep(1 * U)
    t.cancel()
    try:
        await t
    except Exception:
        say("an ordinary error")
    except BaseException:
        say("no ordinary error")


@pair("cancelling who waits for a task")
async def _():
    async def waiter():
        await t
    t = asyncio.create_task(sleeper("child", 3))
    w = asyncio.create_task(waiter())
    await asyncio.sleep(1 * U)
    w.cancel()
    await asyncio.wait([w])
    say("waiter cancelled:", w.cancelled())
    await asyncio.sleep(5 * U)


main()
