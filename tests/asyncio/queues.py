# SPDX-License-Identifier: BSL-1.0
import asyncio
from asyncio import LifoQueue, PriorityQueue, Queue

from pairs import U, attempt, main, pair, say, since, units, word


def get_now(queue):
    try:
        return word(queue.get_nowait())
    except asyncio.QueueEmpty:
        return "empty"


def put_now(queue, item):
    try:
        queue.put_nowait(item)
        return "put"
    except asyncio.QueueFull:
        return "full"


def done(queue):
    try:
        queue.task_done()
        return "done"
    except ValueError:
        return "misuse"


@pair("a queue gives what came first first")
async def _():
    q = Queue()
    for i in range(5):
        await q.put(i)
    say([await q.get() for _ in range(5)])


@pair("a LifoQueue gives what came last first")
async def _():
    q = LifoQueue()
    for i in range(5):
        await q.put(i)
    say([await q.get() for _ in range(2)])
    await q.put(9)
    say([await q.get() for _ in range(4)])


@pair("a PriorityQueue gives the least first")
async def _():
    q = PriorityQueue()
    for i in (5, 1, 4, 1, 3, 9):
        await q.put(i)
    say([await q.get() for _ in range(3)])
    await q.put(2)
    say([await q.get() for _ in range(4)])


@pair("get waits for a put")
async def _():
    async def getter():
        say("got", await q.get(), "after", since(start))
    q = Queue()
    start = units()
    t = asyncio.create_task(getter())
    await asyncio.sleep(2 * U)
    await q.put(7)
    say("put")
    await t


@pair("put waits for room")
async def _():
    async def putter():
        for i in range(4):
            await q.put(i)
            say("put", i, "after", since(start))
    q = Queue(2)
    start = units()
    t = asyncio.create_task(putter())
    for _ in range(2):
        await asyncio.sleep(1 * U)
        say("got", await q.get())
    await t


@pair("get_nowait and put_nowait do not wait")
async def _():
    q = Queue(1)
    say(get_now(q))
    say(put_now(q, 1))
    say(put_now(q, 2))
    say(get_now(q))
    say(get_now(q))


@pair("a queue tells its size")
async def _():
    q = Queue(2)
    say(q.qsize(), q.empty(), q.full(), q.maxsize)
    await q.put(1)
    say(q.qsize(), q.empty(), q.full(), q.maxsize)
    await q.put(2)
    say(q.qsize(), q.empty(), q.full(), q.maxsize)
    say(Queue().maxsize, Queue().full())


@pair("getters are served in the order in which they came")
async def _():
    async def getter(name):
        say(name, await q.get())
    q = Queue()
    tasks = [asyncio.create_task(getter(name)) for name in ("a", "b", "c")]
    await asyncio.sleep(1 * U)
    for i in range(3):
        await q.put(i)
    await asyncio.gather(*tasks)


@pair("putters are let in in the order in which they came")
async def _():
    async def putter(i):
        await q.put(i)
    q = Queue(1)
    await q.put(0)
    tasks = [asyncio.create_task(putter(i)) for i in (1, 2, 3)]
    await asyncio.sleep(1 * U)
    for _ in range(4):
        say(await q.get())
        await asyncio.sleep(1 * U)
    await asyncio.gather(*tasks)


@pair("a getter that gives up leaves the value to others")
async def _():
    q = Queue()
    say(await attempt(asyncio.wait_for(q.get(), 1 * U)))
    await q.put(5)
    say(q.qsize())
    say(await q.get())


@pair("a getter that is cancelled leaves its place to the next")
async def _():
    async def getter(name):
        try:
            say(name, await q.get())
        except asyncio.CancelledError:
            say(name, "cancelled")
    q = Queue()
    a = asyncio.create_task(getter("a"))
    b = asyncio.create_task(getter("b"))
    await asyncio.sleep(1 * U)
    a.cancel()
    await asyncio.sleep(1 * U)
    await q.put(5)
    await asyncio.gather(a, b)


@pair("a putter that is cancelled puts nothing")
async def _():
    async def putter():
        await q.put(2)
    q = Queue(1)
    await q.put(1)
    t = asyncio.create_task(putter())
    await asyncio.sleep(1 * U)
    t.cancel()
    say(await attempt(t))
    say(await q.get())
    say(get_now(q))


@pair("join waits until all is done, not until the queue is empty")
async def _():
    async def joiner():
        await q.join()
        say("joined after", since(start))
    q = Queue()
    start = units()
    await q.join()
    await q.put(1)
    await q.put(2)
    t = asyncio.create_task(joiner())
    await asyncio.sleep(1 * U)
    await q.get()
    await q.get()
    q.task_done()
    await asyncio.sleep(1 * U)
    say(q.empty(), t.done())
    q.task_done()
    await t


@pair("task_done once too often is misuse")
async def _():
    q = Queue()
    say(done(q))
    await q.put(1)
    say(done(q))  # nobody has taken it out
    say(done(q))


@pair("workers take from one queue until all is done")
async def _():
    async def worker():
        while True:
            await asyncio.sleep(await q.get() * U)
            q.task_done()
    q = Queue()
    for span in (3, 1, 2, 2, 1, 3):
        q.put_nowait(span)
    start = units()
    tasks = [asyncio.create_task(worker()) for _ in range(3)]
    await q.join()
    say("joined after", since(start))
    for t in tasks:
        t.cancel()
    say([await attempt(t) for t in tasks])


main()
