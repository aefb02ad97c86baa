# SPDX-License-Identifier: BSL-1.0
import asyncio

from pairs import Failure, U, attempt, attempt_call, fail, main, pair, say, since, sleeper, told, \
    units, value


# A group keeps its tasks in a set, so the order in which it cancels several of them is open.

async def group_of(*children):
    async with asyncio.TaskGroup() as group:
        for child in children:
            group.create_task(child)
        await asyncio.sleep(0)


@pair("a group waits for its children")
async def _():
    start = units()
    async with asyncio.TaskGroup() as group:
        group.create_task(sleeper("a", 2))
        group.create_task(sleeper("b", 3))
        say("body ends")
    say(since(start))


@pair("a group without children is left at once")
async def _():
    start = units()
    async with asyncio.TaskGroup():
        say("body")
    say(since(start))


@pair("a group starts its children in order, once the body waits")
async def _():
    async def child(name):
        say(name)
    async with asyncio.TaskGroup() as group:
        group.create_task(child("a"))
        group.create_task(child("b"))
        say("body")


@pair("a child's result can be had after the group")
async def _():
    async with asyncio.TaskGroup() as group:
        a = group.create_task(value(1, after=1))
        b = group.create_task(value(2))
    say(a.result(), b.result())


@pair("a child's result can be awaited inside the group")
async def _():
    async with asyncio.TaskGroup() as group:
        say(await group.create_task(value(1, after=1)))


@pair("a child has the name that it was given")
async def _():
    async def child():
        say(asyncio.current_task().get_name())
    async with asyncio.TaskGroup() as group:
        group.create_task(child(), name="reader")


@pair("a child that fails cancels its siblings")
async def _():
    async def sibling():
        nonlocal cut
        try:
            await asyncio.sleep(9 * U)
        except asyncio.CancelledError:
            cut += 1
            raise
    cut = 0
    start = units()
    say(await attempt(group_of(sibling(), sibling(), fail("boom", after=1), sibling())))
    say(cut, since(start))


@pair("a child that fails interrupts the body")
async def _():
    async def body():
        async with asyncio.TaskGroup() as group:
            group.create_task(fail("boom", after=1))
            await sleeper("body")
    say(await attempt(body()))
    await asyncio.sleep(1 * U)
    say("goes on")


@pair("a child that fails before the body waits leaves the body alone until it does")
async def _():
    async def body():
        async with asyncio.TaskGroup() as group:
            group.create_task(fail("boom"))
            say("body goes on")
    say(await attempt(body()))


@pair("a group waits for the cleanup of the children that it cancels")
async def _():
    async def tidy():
        try:
            await asyncio.sleep(9 * U)
        finally:
            await asyncio.sleep(2 * U)
            say("cleaned")
    start = units()
    say(await attempt(group_of(tidy(), fail("boom", after=1))))
    say(since(start))


async def sore(error):
    try:
        await asyncio.sleep(9 * U)
    except asyncio.CancelledError:
        raise error


@pair("a group collects the errors of all children")
async def _():
    try:
        await group_of(fail("b", after=1), sore(Failure("c")), sore(Failure("a")))
    except ExceptionGroup as errors:
        say(sorted(told(error) for error in errors.exceptions))


@pair("one error is a group, too")
async def _():
    try:
        await group_of(fail("only"))
    except ExceptionGroup as group:
        say("group of", len(group.exceptions))


@pair("an error of the body cancels the children and leaves in a group")
async def _():
    async def body():
        async with asyncio.TaskGroup() as group:
            group.create_task(sleeper("child"))
            await asyncio.sleep(1 * U)
            raise Failure("body")
    say(await attempt(body()))


@pair("errors of body and children leave together")
async def _():
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(sore(Failure("child")))
            await asyncio.sleep(1 * U)
            raise Failure("body")
    except ExceptionGroup as errors:
        say(sorted(told(error) for error in errors.exceptions))


@pair("errors of a kind can be taken out of a group")
async def _():
    try:
        await group_of(fail("a", after=1), sore(TimeoutError()), sore(Failure("b")))
    except ExceptionGroup as errors:
        failures, rest = errors.split(Failure)
        say(failures)
        say(rest)


@pair("a child that was cancelled is no error")
async def _():
    async with asyncio.TaskGroup() as group:
        t = group.create_task(sleeper("child"))
        group.create_task(sleeper("sibling", 2))
        await asyncio.sleep(1 * U)
        t.cancel()
    say("no error")
    say(t.cancelled())


@pair("a child that cancels itself is no error")
async def _():
    async def child():
        asyncio.current_task().cancel()
        await asyncio.sleep(1 * U)
    async with asyncio.TaskGroup() as group:
        t = group.create_task(child())
    say(t.cancelled())


@pair("a child may start siblings")
async def _():
    async def child(group, depth):
        say("child", depth)
        if depth < 3:
            group.create_task(child(group, depth + 1))
            await asyncio.sleep(1 * U)
    async with asyncio.TaskGroup() as group:
        group.create_task(child(group, 1))
    say("all ended")


@pair("an error of a child's child ends the group")
async def _():
    async def child(group):
        group.create_task(fail("boom", after=1))
        await sleeper("child")
    async def body():
        async with asyncio.TaskGroup() as group:
            group.create_task(child(group))
    say(await attempt(body()))


@pair("a group may be nested in another one's body")
async def _():
    async with asyncio.TaskGroup() as outer:
        outer.create_task(sleeper("outer", 2))
        async with asyncio.TaskGroup() as inner:
            inner.create_task(sleeper("inner", 1))
        say("inner left")
    say("outer left")


@pair("an error leaves nested groups in a group of a group")
async def _():
    async def body():
        async with asyncio.TaskGroup() as outer:
            outer.create_task(sleeper("outer"))
            async with asyncio.TaskGroup() as inner:
                inner.create_task(fail("boom", after=1))
    say(await attempt(body()))


@pair("an error of the outer group cancels the inner one")
async def _():
    async def body():
        async with asyncio.TaskGroup() as outer:
            outer.create_task(fail("boom", after=1))
            async with asyncio.TaskGroup() as inner:
                inner.create_task(sleeper("inner"))
            say("never")
    say(await attempt(body()))


@pair("an error of a group can be handled between two groups")
async def _():
    async with asyncio.TaskGroup() as outer:
        outer.create_task(sleeper("outer", 3))
        say(await attempt(group_of(fail("boom", after=1), sleeper("inner"))))
        await asyncio.sleep(1 * U)
        say("body goes on")


@pair("a cancel from outside ends the children and leaves as a cancellation")
async def _():
    t = asyncio.create_task(group_of(sleeper("child")))
    await asyncio.sleep(1 * U)
    t.cancel()
    say(await attempt(t))
    say(t.cancelled())


@pair("a cancel from outside that meets errors leaves as the errors")
async def _():
    t = asyncio.create_task(group_of(sore(Failure("sore")), sleeper("child")))
    await asyncio.sleep(1 * U)
    t.cancel()
    say(await attempt(t))
    say(t.cancelled())


@pair("a timeout around a group cancels its children")
async def _():
    async def body():
        async with asyncio.timeout(1 * U):
            await group_of(sleeper("child"))
    say(await attempt(body()))


@pair("a timeout inside a child is the child's error")
async def _():
    async def child():
        async with asyncio.timeout(1 * U):
            await asyncio.sleep(9 * U)
    say(await attempt(group_of(child(), sleeper("sibling"))))


@pair("two groups side by side do not touch each other")
async def _():
    results = await asyncio.gather(
        group_of(fail("boom", after=1), sleeper("a")), group_of(sleeper("b", 2)),
        return_exceptions=True)
    say(results)


@pair("a group that was joined takes nothing more")
async def _():
    async with asyncio.TaskGroup() as group:
        group.create_task(sleeper("child", 1))
    late = sleeper("late")
    say(attempt_call(group.create_task, late))
    late.close()


@pair("a child that is started when the group is being cancelled")
async def _():
    async def sibling(group):
        try:
            await asyncio.sleep(9 * U)
        finally:
            late = sleeper("late")
            try:
                group.create_task(late)
                say("taken")
            except RuntimeError:
                say("refused")
                late.close()
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(sibling(group))
            group.create_task(fail("boom", after=1))
    except ExceptionGroup as errors:
        say(errors)


main()
