# SPDX-License-Identifier: BSL-1.0
import asyncio
import concurrent.futures
import threading

from pairs import Failure, attempt, attempt_call, fail, main, pair, say, value


async def in_thread(body):
    """Runs body() in a thread and waits for its end."""
    loop = asyncio.get_running_loop()
    ended = loop.create_future()

    def run():
        body()
        loop.call_soon_threadsafe(ended.set_result, None)
    thread = threading.Thread(target=run)
    thread.start()
    await ended
    thread.join()


@pair("call_soon_threadsafe wakes a loop that sleeps")
async def _():
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    thread = threading.Thread(target=lambda: loop.call_soon_threadsafe(future.set_result, 3))
    thread.start()
    say(await future)
    thread.join()


@pair("call_soon_threadsafe keeps the order of a thread's calls")
async def _():
    def body():
        for name in ("first", "second", "third"):
            loop.call_soon_threadsafe(say, name)
    loop = asyncio.get_running_loop()
    await in_thread(body)
    say("after")


@pair("call_soon_threadsafe runs the callback in the loop's thread")
async def _():
    def body():
        loop.call_soon_threadsafe(lambda: say(threading.current_thread() is here))
    loop = asyncio.get_running_loop()
    here = threading.current_thread()
    await in_thread(body)


@pair("run_coroutine_threadsafe gives the thread a result")
async def _():
    def body():
        results.append(asyncio.run_coroutine_threadsafe(value(4), loop).result())
    loop = asyncio.get_running_loop()
    results = []
    await in_thread(body)
    say(results)


@pair("run_coroutine_threadsafe gives the thread the error")
async def _():
    def body():
        results.append(
            attempt_call(asyncio.run_coroutine_threadsafe(fail("boom"), loop).result))
    loop = asyncio.get_running_loop()
    results = []
    await in_thread(body)
    say(results)


@pair("what a thread hands over may wait")
async def _():
    def body():
        results.append(asyncio.run_coroutine_threadsafe(value(5, after=3), loop).result())
    loop = asyncio.get_running_loop()
    results = []
    await in_thread(body)
    say(results)


@pair("to_thread calls in another thread and gives the result")
async def _():
    here = threading.get_ident()
    say(await asyncio.to_thread(lambda: threading.get_ident() != here))


@pair("to_thread rethrows the error")
async def _():
    def body():
        raise Failure("boom")
    say(await attempt(asyncio.to_thread(body)))


@pair("to_thread: the loop goes on while the thread is blocked")
async def _():
    gate = threading.Event()
    t = asyncio.create_task(asyncio.to_thread(gate.wait))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    say(t.done())
    gate.set()
    await t
    say("the thread is through")


@pair("to_thread: several calls at the same time")
async def _():
    barrier = threading.Barrier(3)
    await asyncio.gather(*(asyncio.to_thread(barrier.wait) for _ in range(3)))
    say("all three met")


@pair("to_thread: who is cancelled may leave the thread behind")
async def _():
    gate = threading.Event()
    t = asyncio.create_task(asyncio.to_thread(gate.wait))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    t.cancel()
    say(await attempt(t))
    gate.set()


@pair("a future that a thread sets can be awaited")
async def _():
    future = concurrent.futures.Future()
    thread = threading.Thread(target=lambda: future.set_result(6))
    thread.start()
    say(await asyncio.wrap_future(future))
    thread.join()


@pair("a thread is refused once the loop has ended")
def _():
    async def inside():
        return asyncio.get_running_loop()

    def body():
        results.append(attempt_call(loop.call_soon_threadsafe, say, "never"))
    loop = asyncio.run(inside())
    results = []
    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    say(results)


@pair("a loop in a thread of its own takes work from this one")
def _():
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    first = asyncio.run_coroutine_threadsafe(value(1), loop)
    second = asyncio.run_coroutine_threadsafe(fail("boom"), loop)
    say(attempt_call(first.result), attempt_call(second.result))
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


main()
