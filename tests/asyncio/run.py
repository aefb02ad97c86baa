# SPDX-License-Identifier: BSL-1.0
import asyncio
import os
import signal

from pairs import Failure, Reports, U, attempt, attempt_call, fail, main, new_loop, pair, say, \
    sleeper, value


def run(coroutine):
    """asyncio.run(), on the loop of these programs."""
    with asyncio.Runner(loop_factory=new_loop) as runner:
        return runner.run(coroutine)


@pair("run returns what main returns")
def _():
    say(asyncio.run(value(42)))
    say(run(value(43, after=1)))


@pair("run rethrows main's error")
def _():
    say(attempt_call(run, fail("boom", after=1)))


@pair("run lets a cancellation of main pass")
def _():
    async def body():
        raise asyncio.CancelledError
    say(attempt_call(run, body()))


@pair("run cancels what main leaves behind, and waits for it")
def _():
    async def left():
        try:
            await asyncio.sleep(1000 * U)
        finally:
            await asyncio.sleep(1 * U)
            say("cleaned")

    async def body():
        kept.append(asyncio.create_task(left()))
        await asyncio.sleep(1 * U)
        say("main ends")
    kept = []
    run(body())
    say("after")


@pair("run cancels what main leaves behind when it fails, too")
def _():
    async def body():
        kept.append(asyncio.create_task(sleeper("left")))
        await asyncio.sleep(1 * U)
        raise Failure("main")
    kept = []
    say(attempt_call(run, body()))


@pair("run reports the error of a task that it cancels at the end")
def _():
    async def left():
        try:
            await asyncio.sleep(1000 * U)
        finally:
            raise ValueError("in cleanup")

    async def body():
        nonlocal reports
        reports = Reports()
        kept.append(asyncio.create_task(left()))
        await asyncio.sleep(1 * U)
    kept = []
    reports = None
    run(body())
    say(reports.count("in cleanup"))


@pair("run inside run is misuse")
def _():
    async def body():
        inner = value(1)
        say(attempt_call(asyncio.run, inner))
        inner.close()
        await asyncio.sleep(1 * U)
        say("goes on")
    run(body())


@pair("runs may follow each other")
def _():
    for i in range(3):
        say(run(value(i, after=1)))


@pair("a runner runs several, one after the other")
def _():
    with asyncio.Runner(loop_factory=new_loop) as runner:
        say(runner.run(value(1, after=1)))
        say(attempt_call(runner.run, fail("boom")))
        say(runner.run(value(2)))


@pair("a runner keeps its tasks from run to run")
def _():
    async def first():
        tasks.append(asyncio.create_task(value(7, after=3)))
        await asyncio.sleep(1 * U)
        say(tasks[0].done())

    async def second():
        say(await tasks[0])
    tasks = []
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(first())
        say("between")
        runner.run(second())


@pair("a runner cancels what is left when it is closed")
def _():
    async def body():
        kept.append(asyncio.create_task(sleeper("left")))
        await asyncio.sleep(1 * U)
    kept = []
    runner = asyncio.Runner(loop_factory=new_loop)
    runner.run(body())
    say("run is over")
    runner.close()
    say("closed")


@pair("a runner that is closed runs nothing, and closes once more")
def _():
    runner = asyncio.Runner(loop_factory=new_loop)
    say(runner.run(value(1)))
    runner.close()
    late = value(2)
    say(attempt_call(runner.run, late) != "2")
    late.close()
    runner.close()


@pair("a runner inside its own run is misuse")
def _():
    async def body():
        inner = value(1)
        say(attempt_call(runner.run, inner))
        inner.close()
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(body())


@pair("the first interrupt cancels main")
def _():
    async def body():
        os.kill(os.getpid(), signal.SIGINT)
        await sleeper("main")
    runner = asyncio.Runner()  # in real time: the sleep must not be over first
    try:
        runner.run(body())
    except KeyboardInterrupt:
        say("interrupted")
    say(runner.run(value(3)))
    runner.close()


main()
