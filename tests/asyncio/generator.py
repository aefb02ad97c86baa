# SPDX-License-Identifier: BSL-1.0
import asyncio

from pairs import Failure, U, attempt, attempt_call, main, pair, say, since, sleeper, units


def step(g):
    """The next value, or nothing."""
    return next(g, None)


@pair("a generator runs when it is asked, and no further")
async def _():
    def body():
        say("begins")
        yield 1
        say("goes on")
        yield 2
        say("ends")
    g = body()
    say("made")
    for _ in range(4):
        say(step(g))


@pair("a generator yields from a recursion")
async def _():
    def hanoi(n, a, b, c):
        if n == 0:
            return
        yield from hanoi(n - 1, a, c, b)
        yield a + c
        yield from hanoi(n - 1, b, a, c)
    for move in hanoi(3, "a", "b", "c"):
        say(move)


@pair("what is sent is what the yield returns")
async def _():
    def average():
        total, count, result = 0, 0, 0
        while True:
            total += yield result
            count += 1
            result = total // count
    g = average()
    next(g)
    for value in (10, 20, 60):
        say(g.send(value))


@pair("what is thrown in appears at the yield, and the body may go on")
async def _():
    def body():
        i = 0
        while True:
            try:
                yield i
                i += 1
            except Failure as error:
                say("body got", error)
                i += 100
    g = body()
    say(step(g))
    say(g.throw(Failure("skip")))
    say(step(g))


@pair("what is thrown in and not caught comes out, and it has ended")
async def _():
    def body():
        try:
            yield 1
        finally:
            say("cleaned")
    g = body()
    next(g)
    say(attempt_call(g.throw, Failure("boom")))
    say(step(g))


@pair("what is thrown in before the first step never meets the body")
async def _():
    def body():
        say("never")
        yield 1
    g = body()
    say(attempt_call(g.throw, Failure("boom")))
    say(step(g))


@pair("an error of the body comes out of the step")
async def _():
    def body():
        yield 1
        raise Failure("boom")
    g = body()
    say(step(g))
    say(attempt_call(next, g))
    say(step(g))


@pair("close cleans up, and may be repeated")
async def _():
    def body():
        try:
            while True:
                yield 1
        finally:
            say("cleaned")
    g = body()
    next(g)
    g.close()
    g.close()
    say(step(g))


@pair("close of one that never began runs nothing")
async def _():
    def body():
        say("never")
        yield 1
    g = body()
    g.close()
    say(step(g))


@pair("an error while closing comes out of close")
async def _():
    def body():
        try:
            yield 1
        finally:
            raise Failure("in cleanup")
    g = body()
    next(g)
    say(attempt_call(g.close))


@pair("a generator that waits lets the others run")
async def _():
    async def body():
        for i in range(3):
            await asyncio.sleep(2 * U)
            yield i
    start = units()
    other = asyncio.create_task(sleeper("other", 3))
    async for value in body():
        say(value, since(start))
    await other


@pair("a cancel meets the wait inside the generator, and leaves through it")
async def _():
    async def body():
        try:
            yield 1
            await asyncio.sleep(1000 * U)
        except asyncio.CancelledError:
            say("body cancelled")
            raise

    async def consume():
        async for value in body():
            say(value)
    t = asyncio.create_task(consume())
    await asyncio.sleep(1 * U)
    t.cancel()
    say(await attempt(t))


main()
