# SPDX-License-Identifier: BSL-1.0
import asyncio

from pairs import Failure, U, attempt, fail, main, pair, say, since, sleeper, units, value


@pair("wait_for in time gives the result")
async def _():
    say(await asyncio.wait_for(value(4, after=1), 2 * U))


@pair("wait_for: when time is up the body is cancelled first")
async def _():
    start = units()
    say(await attempt(asyncio.wait_for(sleeper("body"), 2 * U)))
    say(since(start))


@pair("wait_for waits for the cleanup of what it cancelled")
async def _():
    async def body():
        try:
            await asyncio.sleep(9 * U)
        finally:
            await asyncio.sleep(2 * U)
            say("cleaned")
    start = units()
    say(await attempt(asyncio.wait_for(body(), 1 * U)))
    say(since(start))


@pair("wait_for lets the body's error pass")
async def _():
    say(await attempt(asyncio.wait_for(fail("boom", after=1), 2 * U)))


@pair("wait_for: a body that swallows the cancellation keeps its result")
async def _():
    async def body():
        try:
            await asyncio.sleep(9 * U)
        except asyncio.CancelledError:
            return 5
    start = units()
    say(await attempt(asyncio.wait_for(body(), 1 * U)))
    say(since(start))


@pair("wait_for without a limit waits")
async def _():
    say(await asyncio.wait_for(value(4, after=100), None))


@pair("wait_for of zero does not start the task")
async def _():
    t = asyncio.create_task(sleeper("task"))
    say(await attempt(asyncio.wait_for(t, 0)))
    await asyncio.sleep(1 * U)
    say("goes on")


@pair("wait_for of zero takes what is there")
async def _():
    t = asyncio.create_task(value(4))
    await asyncio.sleep(1 * U)
    say(await attempt(asyncio.wait_for(t, 0)))


@pair("a cancelled wait_for cancels its body and is cancelled")
async def _():
    async def waiter():
        say(await attempt(asyncio.wait_for(sleeper("body"), 50 * U)))
        raise asyncio.CancelledError
    t = asyncio.create_task(waiter())
    await asyncio.sleep(1 * U)
    t.cancel()
    say(await attempt(t))
    say(t.cancelled())


@pair("timeout: a body in time runs to its end")
async def _():
    async with asyncio.timeout(2 * U) as scope:
        await asyncio.sleep(1 * U)
        say("body ends")
    say(scope.expired())
    await asyncio.sleep(5 * U)
    say("and nothing comes later")


@pair("timeout: inside it is a cancellation, outside time is up")
async def _():
    try:
        async with asyncio.timeout(1 * U) as scope:
            try:
                await asyncio.sleep(9 * U)
            except asyncio.CancelledError:
                say("inside: cancelled")
                raise
    except TimeoutError:
        say("outside: time is up")
    say(scope.expired())


@pair("timeout: the task goes on as before")
async def _():
    for _ in range(2):
        try:
            async with asyncio.timeout(1 * U):
                await asyncio.sleep(9 * U)
        except TimeoutError:
            say("time is up")
    start = units()
    await asyncio.sleep(3 * U)
    say(since(start))


@pair("timeout: of two nested ones the inner may end alone")
async def _():
    async with asyncio.timeout(5 * U) as outer:
        try:
            async with asyncio.timeout(1 * U):
                await asyncio.sleep(9 * U)
        except TimeoutError:
            say("inner")
        await asyncio.sleep(1 * U)
        say("body goes on")
    say(outer.expired())


@pair("timeout: the outer of two nested ones passes the inner by")
async def _():
    try:
        async with asyncio.timeout(1 * U):
            try:
                async with asyncio.timeout(5 * U):
                    await asyncio.sleep(9 * U)
            except TimeoutError:
                say("inner")
    except TimeoutError:
        say("outer")


@pair("timeout: of two that are due together only the outer reports")
async def _():
    when = asyncio.get_running_loop().time() + 1 * U
    try:
        async with asyncio.timeout_at(when):
            try:
                async with asyncio.timeout_at(when):
                    await asyncio.sleep(9 * U)
            except TimeoutError:
                say("inner")
    except TimeoutError:
        say("outer")


@pair("timeout: reschedule gives more time")
async def _():
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(2 * U) as scope:
        await asyncio.sleep(1 * U)
        scope.reschedule(loop.time() + 3 * U)
        await asyncio.sleep(2 * U)
        say("body ends")
    say(scope.expired())


@pair("timeout: reschedule takes time away")
async def _():
    loop = asyncio.get_running_loop()
    start = units()
    try:
        async with asyncio.timeout(50 * U) as scope:
            scope.reschedule(loop.time() + 2 * U)
            await asyncio.sleep(9 * U)
    except TimeoutError:
        say("time is up")
    say(since(start))
    say(scope.expired())


@pair("timeout: reschedule to None takes the limit away")
async def _():
    async with asyncio.timeout(1 * U) as scope:
        scope.reschedule(None)
        await asyncio.sleep(9 * U)
        say("body ends")
    say(scope.expired())


@pair("timeout: somebody else may move the limit")
async def _():
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(None) as scope:
            loop.call_later(1 * U, lambda: scope.reschedule(loop.time() + 2 * U))
            start = units()
            await asyncio.sleep(9 * U)
    except TimeoutError:
        say("time is up")
    say(since(start))


@pair("timeout tells when it is due")
async def _():
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(3 * U) as scope:
        say(round((scope.when() - loop.time()) / U))
        scope.reschedule(scope.when() + 4 * U)
        say(round((scope.when() - loop.time()) / U))


@pair("timeout in the past: a body without a wait runs to its end")
async def _():
    loop = asyncio.get_running_loop()
    async with asyncio.timeout_at(loop.time() - 5 * U):
        say("body ends")
    say("no error")


@pair("timeout in the past: the first wait ends it")
async def _():
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout_at(loop.time() - 5 * U):
            say("body begins")
            await asyncio.sleep(1 * U)
            say("never")
    except TimeoutError:
        say("time is up")


@pair("timeout_at takes a point of the loop's time")
async def _():
    loop = asyncio.get_running_loop()
    start = units()
    try:
        async with asyncio.timeout_at(loop.time() + 2 * U):
            await asyncio.sleep(9 * U)
    except TimeoutError:
        say("time is up")
    say(since(start))


@pair("timeout: an error of the body wins")
async def _():
    async def body():
        async with asyncio.timeout(1 * U):
            try:
                await asyncio.sleep(9 * U)
            except asyncio.CancelledError:
                raise Failure("disk full")
    say(await attempt(body()))
    await asyncio.sleep(1 * U)
    say("goes on")


@pair("timeout: a body that swallows the cancellation and ends has ended")
async def _():
    async with asyncio.timeout(1 * U) as scope:
        try:
            await asyncio.sleep(9 * U)
        except asyncio.CancelledError:
            say("swallowed")
    say("no error")
    say(scope.expired())
    await asyncio.sleep(1 * U)
    say("goes on")


@pair("timeout: a cancel from outside stays one")
async def _():
    async def body():
        try:
            async with asyncio.timeout(50 * U):
                await asyncio.sleep(9 * U)
        except TimeoutError:
            say("time is up")
    t = asyncio.create_task(body())
    await asyncio.sleep(1 * U)
    t.cancel()
    say(await attempt(t))


@pair("timeout: a cancel from outside at the same time wins")
async def _():
    async def body():
        try:
            async with asyncio.timeout_at(when):
                await asyncio.sleep(9 * U)
        except TimeoutError:
            say("time is up")
    loop = asyncio.get_running_loop()
    when = loop.time() + 2 * U
    tasks = []
    loop.call_at(when, lambda: tasks[0].cancel())
    await asyncio.sleep(0)
    tasks.append(asyncio.create_task(body()))
    say(await attempt(tasks[0]))


@pair("timeout: repeated attempts each have their own limit")
async def _():
    async def attempt_of(span):
        async with asyncio.timeout(2 * U):
            await asyncio.sleep(span * U)
            return span
    for span in (5, 3, 1):
        say(await attempt(attempt_of(span)))


main()
