# SPDX-License-Identifier: BSL-1.0
import asyncio
import contextvars

from pairs import U, attempt, main, pair, say

number = contextvars.ContextVar("number", default=0)
name = contextvars.ContextVar("name")


@pair("a task sees what its creator had set before")
async def _():
    async def body():
        say(number.get())
    number.set(1)
    t = asyncio.create_task(body())
    number.set(2)
    await t
    say(number.get())


@pair("what a task sets its creator does not see")
async def _():
    async def body():
        number.set(5)
        await asyncio.sleep(1 * U)
        say(number.get())
    t = asyncio.create_task(body())
    await asyncio.sleep(0)
    say(number.get())
    await t
    say(number.get())


@pair("tasks that interleave keep their own values")
async def _():
    async def body(i):
        number.set(i)
        for _ in range(3):
            await asyncio.sleep(1 * U)
            say(i, number.get())
            number.set(number.get() + 10)
    await asyncio.gather(*(body(i) for i in range(3)))


@pair("a grandchild inherits from the child")
async def _():
    async def leaf():
        say(number.get(), name.get("nobody"))

    async def body():
        name.set("child")
        await asyncio.create_task(leaf())
    number.set(1)
    await asyncio.create_task(body())
    await asyncio.create_task(leaf())


@pair("a variable without value and default is an error")
async def _():
    async def body():
        try:
            say(name.get())
        except LookupError:
            say("nothing")
    await body()
    name.set("a")
    await body()


@pair("a token restores what was before")
async def _():
    outer = number.set(1)
    inner = number.set(2)
    say(number.get())
    number.reset(inner)
    say(number.get())
    number.reset(outer)
    say(number.get())


@pair("a callback has the context of who attached it")
async def _():
    async def body():
        number.set(5)
        await asyncio.sleep(1 * U)
    t = asyncio.create_task(body())
    number.set(3)
    t.add_done_callback(lambda _: say(number.get()))
    number.set(4)
    await t
    await asyncio.sleep(1 * U)


main()
