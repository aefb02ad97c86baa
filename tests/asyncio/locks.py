# SPDX-License-Identifier: BSL-1.0
import asyncio

from pairs import U, attempt, attempt_call, main, pair, say, since, units

spawn = asyncio.create_task


# ---- Lock

@pair("a lock lets one in after the other, in the order of asking")
async def _():
    lock = asyncio.Lock()
    start = units()

    async def enter(name):
        async with lock:
            say(name, "in", since(start))
            await asyncio.sleep(U)

    await asyncio.gather(*(enter(name) for name in "abc"))
    say(since(start))


@pair("a lock that is released goes to who waited, not to who asks again")
async def _():
    lock = asyncio.Lock()

    async def enter(name):
        async with lock:
            say(name)

    await lock.acquire()
    t = spawn(enter("waited"))
    await asyncio.sleep(U)
    lock.release()
    await lock.acquire()
    say("again")
    lock.release()
    await t


@pair("a lock that nobody holds is not released")
async def _():
    lock = asyncio.Lock()
    say(attempt_call(lock.release))
    async with lock:
        say("in")


@pair("a lock is free after an error inside")
async def _():
    lock = asyncio.Lock()
    try:
        async with lock:
            raise KeyError
    except KeyError:
        say("error")
    async with lock:
        say("in")


# ---- Event

@pair("an event wakes all who wait, in their order, and stays set")
async def _():
    event = asyncio.Event()

    async def wait(name):
        await event.wait()
        say(name, "woken")

    tasks = [spawn(wait(name)) for name in "abc"]
    await asyncio.sleep(U)
    say(event.is_set())
    event.set()
    say("set", event.is_set())
    await asyncio.gather(*tasks)
    await event.wait()
    say("still")
    event.clear()
    say(event.is_set())


@pair("an event that is set and cleared at once wakes who waited")
async def _():
    event = asyncio.Event()

    async def wait(name):
        await event.wait()
        say(name, "woken")

    tasks = [spawn(wait(name)) for name in "ab"]
    await asyncio.sleep(U)
    event.set()
    event.clear()
    late = spawn(wait("late"))
    await asyncio.gather(*tasks)
    say(late.done())
    event.set()
    await late


@pair("an event can be waited for until a time")
async def _():
    event = asyncio.Event()
    start = units()
    say(await attempt(asyncio.wait_for(event.wait(), 2 * U)))
    say(since(start))
    event.set()
    say(await attempt(asyncio.wait_for(event.wait(), 2 * U)) != "time is up")
    say(since(start))


@pair("an event: who is cancelled while waiting leaves the others alone")
async def _():
    event = asyncio.Event()

    async def wait(name):
        await event.wait()
        say(name, "woken")

    a, b = spawn(wait("a")), spawn(wait("b"))
    await asyncio.sleep(U)
    a.cancel()
    await asyncio.sleep(U)
    event.set()
    say(await attempt(a))
    await b


# ---- Condition

@pair("a condition wakes as many as it is told, in their order")
async def _():
    condition = asyncio.Condition()

    async def wait(name):
        async with condition:
            await condition.wait()
            say(name, "woken")

    tasks = [spawn(wait(name)) for name in "abcd"]
    await asyncio.sleep(U)
    async with condition:
        condition.notify()
        condition.notify()
    await asyncio.sleep(U)
    say("two")
    async with condition:
        condition.notify_all()
    await asyncio.gather(*tasks)


@pair("a condition with a predicate looks again at each notify")
async def _():
    condition = asyncio.Condition()
    count = 0
    looks = 0

    def enough():
        nonlocal looks
        looks += 1
        return count >= 2

    async def wait():
        async with condition:
            await condition.wait_for(enough)
            say("enough", count)

    t = spawn(wait())
    for _ in range(2):
        await asyncio.sleep(U)
        async with condition:
            count += 1
            condition.notify_all()
    await t
    say(looks)


@pair("a cancelled wait for a condition has the lock again first")
async def _():
    condition = asyncio.Condition()

    async def wait():
        async with condition:
            try:
                await condition.wait()
            except asyncio.CancelledError:
                say("cancelled with the lock", condition.locked())
                raise

    t = spawn(wait())
    await asyncio.sleep(U)
    await condition.acquire()
    t.cancel()
    await asyncio.sleep(U)
    say("not yet", t.done())
    condition.release()
    say(await attempt(t))


@pair("a condition is not waited for without its lock")
async def _():
    condition = asyncio.Condition()
    say(await attempt(condition.wait()))


# ---- Semaphore, BoundedSemaphore

@pair("a semaphore lets in as many as it has permits")
async def _():
    semaphore = asyncio.Semaphore(2)
    start = units()

    async def enter(name):
        async with semaphore:
            say(name, "in", since(start))
            await asyncio.sleep(U)

    await asyncio.gather(*(enter(name) for name in "abcde"))
    say(since(start))


@pair("a semaphore: who comes later does not overtake who waits")
async def _():
    semaphore = asyncio.Semaphore(1)

    async def enter(name):
        await semaphore.acquire()
        say(name)
        semaphore.release()

    await semaphore.acquire()
    tasks = [spawn(enter(name)) for name in "ab"]
    await asyncio.sleep(U)
    semaphore.release()
    await enter("late")
    await asyncio.gather(*tasks)


@pair("a semaphore: a permit is not lost to a cancelled waiter")
async def _():
    semaphore = asyncio.Semaphore(0)

    async def enter(name):
        await semaphore.acquire()
        say(name)

    a, b = spawn(enter("a")), spawn(enter("b"))
    await asyncio.sleep(U)
    a.cancel()
    semaphore.release()
    say(await attempt(a))
    await b


@pair("a semaphore may be released more often than it was acquired")
async def _():
    semaphore = asyncio.Semaphore(1)
    semaphore.release()
    await semaphore.acquire()
    await semaphore.acquire()
    say("two")


@pair("a bounded semaphore is not released more often than it was acquired")
async def _():
    semaphore = asyncio.BoundedSemaphore(1)
    say(attempt_call(semaphore.release))
    await semaphore.acquire()
    say(attempt_call(semaphore.release))


# ---- Barrier

async def meet(barrier, name):
    try:
        say(name, await barrier.wait())
    except asyncio.BrokenBarrierError:
        say(name, "broken")


@pair("a barrier lets all go on when all are there, each with a number")
async def _():
    barrier = asyncio.Barrier(3)
    numbers = []

    async def arrive(after):
        await asyncio.sleep(after * U)
        numbers.append(await barrier.wait())

    tasks = [spawn(arrive(after)) for after in range(3)]
    await asyncio.sleep(U / 2)
    say(barrier.n_waiting, barrier.parties, barrier.broken)
    await asyncio.gather(*tasks)
    say(sorted(numbers), barrier.n_waiting)


@pair("a barrier is used again, and its rounds do not mix")
async def _():
    barrier = asyncio.Barrier(2)
    left = 0
    arrived_meanwhile = 0

    async def arrive():
        nonlocal left, arrived_meanwhile
        for _ in range(3):
            await barrier.wait()
            left += 1
            arrived_meanwhile += barrier.n_waiting

    await asyncio.gather(*(arrive() for _ in range(4)))
    say(left, arrived_meanwhile)


@pair("a barrier that is aborted is broken for all, until a reset")
async def _():
    barrier = asyncio.Barrier(3)
    tasks = [spawn(meet(barrier, name)) for name in "ab"]
    await asyncio.sleep(U)
    await barrier.abort()
    await asyncio.gather(*tasks)
    say(barrier.broken, barrier.n_waiting)
    say(await attempt(barrier.wait()))
    await barrier.reset()
    say(barrier.broken)
    tasks = [spawn(barrier.wait()) for _ in range(3)]
    say(sorted(await asyncio.gather(*tasks)))


@pair("a barrier that is reset throws out who waits, and begins anew")
async def _():
    barrier = asyncio.Barrier(2)
    a = spawn(meet(barrier, "a"))
    await asyncio.sleep(U)
    await barrier.reset()
    await a
    say(barrier.broken)
    tasks = [spawn(barrier.wait()) for _ in range(2)]
    say(sorted(await asyncio.gather(*tasks)))


@pair("a barrier: who is cancelled while waiting has not arrived")
async def _():
    barrier = asyncio.Barrier(2)
    a = spawn(barrier.wait())
    await asyncio.sleep(U)
    say(barrier.n_waiting)
    a.cancel()
    say(await attempt(a))
    say(barrier.n_waiting, barrier.broken)
    say(await attempt(asyncio.wait_for(barrier.wait(), U)))
    tasks = [spawn(barrier.wait()) for _ in range(2)]
    say(sorted(await asyncio.gather(*tasks)))


@pair("a barrier: an arrival whose cancel is under way counts for its round")
async def _():
    barrier = asyncio.Barrier(2)
    a = spawn(barrier.wait())
    await asyncio.sleep(U)
    a.cancel()
    await barrier.wait()
    say("passed")
    say(await attempt(a))
    say(barrier.n_waiting, barrier.broken)


main()
