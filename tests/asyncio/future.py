# SPDX-License-Identifier: BSL-1.0
import asyncio

from pairs import Failure, U, attempt, main, pair, say


def new_future():
    return asyncio.get_running_loop().create_future()


@pair("a future hands its value to who waits")
async def _():
    async def waiter():
        say("got", await future)
    future = new_future()
    t = asyncio.create_task(waiter())
    await asyncio.sleep(1 * U)
    future.set_result(5)
    say("set")
    await t


@pair("a future hands its error to who waits")
async def _():
    async def waiter():
        say(await attempt(future))
    future = new_future()
    t = asyncio.create_task(waiter())
    await asyncio.sleep(1 * U)
    future.set_exception(Failure("boom"))
    await t


@pair("a future that is set already gives its value without a wait")
async def _():
    async def other():
        say("other")
    future = new_future()
    future.set_result(5)
    t = asyncio.create_task(other())
    say(await future)
    await t


@pair("a future is set only once")
async def _():
    future = new_future()
    future.set_result(1)
    say(attempt_set(future, 2))
    say(await future)


def attempt_set(future, result):
    try:
        future.set_result(result)
        return "nothing"
    except asyncio.InvalidStateError:
        return "misuse"


@pair("a future tells whether it is set")
async def _():
    future = new_future()
    say(future.done())
    future.set_result(1)
    say(future.done())


@pair("a future may be waited for with a time limit")
async def _():
    future = new_future()
    say(await attempt(asyncio.wait_for(asyncio.shield(future), 1 * U)))
    future.set_result(9)
    say(await asyncio.wait_for(future, 1 * U))


@pair("futures wake their waiters in the order in which they are set")
async def _():
    async def waiter(name, future):
        await future
        say(name)
    a, b = new_future(), new_future()
    tasks = [asyncio.create_task(waiter("a", a)), asyncio.create_task(waiter("b", b))]
    await asyncio.sleep(1 * U)
    b.set_result(None)
    a.set_result(None)
    await asyncio.gather(*tasks)


main()
