# SPDX-License-Identifier: BSL-1.0
"""What the programs of this folder share: each of their functions marked @pair has a port of the
same name in NAME_test.cpp, which must print the same lines.

    python3 gather.py                  runs all, each below a line "== name"
    python3 gather.py "gather nests"   runs one
    WEFT_PAIRS_UNIT=0.01 python3 ...   in real time, 10 ms a unit

Without WEFT_PAIRS_UNIT the loop's time is virtual, as it is in the ports: asyncio's own selector
loop, on a clock that jumps to the next deadline when nothing is ready.
"""
import asyncio
import errno
import inspect
import os
import selectors
import sys
import threading

if sys.version_info < (3, 11):
    sys.exit(3)  # the tests then skip

REAL_UNIT = os.environ.get("WEFT_PAIRS_UNIT")
U = float(REAL_UNIT) if REAL_UNIT else 1.0  # the unit of all sleeps

_pairs = {}


class JumpingSelector(selectors.DefaultSelector):
    now = 1000.0

    def select(self, timeout=None):
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        # Another thread gets a little real time for what it may have to say.
        ready = super().select(0.01 if threading.active_count() > 1 else 0)
        if not ready:
            self.now += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self):
        self._jumping = JumpingSelector()
        super().__init__(self._jumping)

    def time(self):
        self._jumping.now += 1e-9  # as on a real clock, no two looks are equal
        return self._jumping.now


def new_loop():
    return asyncio.new_event_loop() if REAL_UNIT else VirtualLoop()


def pair(name):
    def keep(body):
        assert name not in _pairs, name
        _pairs[name] = body
        return body
    return keep


def word(thing):
    """One vocabulary for both languages."""
    if thing is None:
        return "nothing"
    if isinstance(thing, bool):
        return "yes" if thing else "no"
    if isinstance(thing, (list, tuple)):
        return "[" + " ".join(map(word, thing)) + "]"
    if isinstance(thing, BaseException):
        return told(thing)
    return str(thing)


def say(*words):
    print(*map(word, words), flush=True)


class Failure(Exception):
    """The error of a program, as opposed to asyncio's own."""


def told(error):
    if isinstance(error, asyncio.CancelledError):
        return "cancelled"
    if isinstance(error, BaseExceptionGroup):
        return "group [" + ", ".join(map(told, error.exceptions)) + "]"
    if isinstance(error, TimeoutError):
        return "time is up"
    if isinstance(error, Failure):
        return f"error {error}"
    if isinstance(error, asyncio.BrokenBarrierError):
        return "broken"
    if isinstance(error, RuntimeError) and "closed" in str(error):
        return "closed"
    if isinstance(error, (RuntimeError, ValueError, asyncio.InvalidStateError)):
        return "misuse"
    raise error


async def tried(awaitable):
    """What came, or the error, as a word. A port is never printed: it is another one each time."""
    try:
        result = await awaitable
    except asyncio.IncompleteReadError as error:
        return f"ended after {len(error.partial)}"
    except ConnectionRefusedError:
        return "refused"
    except (ConnectionResetError, BrokenPipeError):
        return "gone"
    except FileNotFoundError:
        return "no such file"
    except OSError as error:
        return "address in use" if error.errno == errno.EADDRINUSE else told(error)
    if not isinstance(result, bytes):
        return "done"
    return "<" + result.decode().replace("\n", "n").replace("\r", "r") + ">"


async def attempt(awaitable):
    """The result, or the error, as a word."""
    try:
        return word(await awaitable)
    except (Exception, asyncio.CancelledError) as error:
        return told(error)


def attempt_call(function, *arguments):
    try:
        return word(function(*arguments))
    except (Exception, asyncio.CancelledError) as error:
        return told(error)


def units():
    """The loop's time in units, to be subtracted."""
    return asyncio.get_running_loop().time() / U


def since(start):
    return round(units() - start)


async def value(result, after=0):
    await asyncio.sleep(after * U)
    return result


async def fail(text, after=0):
    await asyncio.sleep(after * U)
    raise Failure(text)


async def sleeper(name, span=1000):
    """Says how its sleep ended."""
    try:
        await asyncio.sleep(span * U)
        say(name, "slept")
    except asyncio.CancelledError:
        say(name, "cancelled")
        raise


class Reports:
    """Counts what reaches the loop's exception handler."""

    def __init__(self, loop=None):
        self.texts = []
        loop = loop or asyncio.get_running_loop()
        loop.set_exception_handler(self._keep)

    def _keep(self, loop, context):
        self.texts.append(str(context.get("exception")))

    def count(self, text):
        return sum(text in one for one in self.texts)


def main():
    for name in sys.argv[1:] or _pairs:
        print("==", name, flush=True)
        body = _pairs[name]
        if inspect.iscoroutinefunction(body):
            with asyncio.Runner(loop_factory=new_loop) as runner:
                runner.run(body())
        else:
            body()
