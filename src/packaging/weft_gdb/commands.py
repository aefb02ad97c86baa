# SPDX-License-Identifier: BSL-1.0
"""The commands: info fibers, fiber, fiber apply."""

import gdb

from weft_gdb.frames import Unmasked, is_on_masked_thread, is_wefts, mask, unmask, users_frame
from weft_gdb.records import loops, without_parameters


def function_of(fiber):
    """The innermost function on its stack that is not weft's: what a reader looks for."""
    try:
        if fiber.is_running:
            frame = users_frame(gdb.newest_frame())
        elif fiber.registers() is not None:
            mask.put_on(fiber)
            frame = users_frame(mask.first_frame())
        else:
            return ""
        return "" if is_wefts(frame) else without_parameters(frame.name())
    except gdb.error as why:
        return "? (%s)" % why
    finally:
        unmask()


def find_fiber(text):
    """By "12", or by "2.12": of the loop on gdb's thread 2."""
    number, _, rest = text.partition(".")
    try:
        thread, wanted = (int(number), int(rest)) if rest else (None, int(number))
    except ValueError:
        raise gdb.GdbError("'%s' is no fiber: give a number of `info fibers`" % text)
    for loop in loops():
        if thread is not None and loop.thread.num != thread:
            continue
        for fiber in loop.fibers():
            if fiber.id == wanted:
                return fiber
    raise gdb.GdbError("There is no fiber %s that has not ended." % text)


class InfoFibers(gdb.Command):
    """The fibers of each thread's loop: id, name, state, what it waits for, function, spawn site.
A star marks the selected one. Fibers that have ended are not listed."""

    def __init__(self):
        super().__init__("info fibers", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        selected = mask.fiber
        with Unmasked():
            found = loops()
            if not found:
                gdb.write("No thread runs a loop.\n")
            for loop in found:
                loop.thread.switch()
                fibers = loop.fibers()
                gdb.write("Thread %d: %d fiber%s\n" %
                          (loop.thread.num, len(fibers), "" if len(fibers) == 1 else "s"))
                for fiber in fibers:
                    is_selected = selected is not None and selected.id == fiber.id and \
                        selected.loop.thread.num == loop.thread.num
                    self.write_line(fiber, is_selected)

    @staticmethod
    def write_line(fiber, is_selected):
        parts = [fiber.what()]
        function = function_of(fiber)
        if function:
            parts.append("in " + function)
        if fiber.site():
            parts.append("spawned at " + fiber.site())
        gdb.write("%s %s: %s\n" % ("*" if is_selected else " ", fiber, ", ".join(parts)))


class FiberCommand(gdb.Command):
    """Selects a fiber: bt, up, info locals then tell of its stack.
    fiber            tells which one is selected
    fiber N          selects fiber N of the selected thread's loop, else of any other's
    fiber T.N        selects fiber N of the loop on thread T
    fiber off        back to the thread's own stack; so does letting the program run
    fiber apply ...  runs a command for several: see help fiber apply"""

    def __init__(self):
        super().__init__("fiber", gdb.COMMAND_STACK, gdb.COMPLETE_NONE, True)

    def invoke(self, argument, from_tty):
        words = argument.split()
        if not words:
            self.tell()
        elif words[0] == "off":
            unmask()
        else:
            self.select(words[0])

    @staticmethod
    def tell():
        if mask.fiber is not None and is_on_masked_thread():
            gdb.write("[%s on thread %d]\n" % (mask.fiber, mask.fiber.loop.thread.num))
            return
        own = [loop for loop in loops() if loop.thread.num == gdb.selected_thread().num]
        running = [one for loop in own for one in loop.fibers() if one.is_running]
        gdb.write("[the thread's own stack%s]\n" % (": %s" % running[0] if running else ""))

    @staticmethod
    def select(text):
        unmask()
        fiber = find_fiber(text)
        fiber.loop.thread.switch()
        if fiber.is_running:
            gdb.write("[%s is running: the thread's own stack]\n" % fiber)
            return
        mask.put_on(fiber)
        users_frame(mask.first_frame()).select()
        gdb.write("[%s: %s]\n" % (fiber, fiber.what()))
        gdb.execute("frame")


class FiberApply(gdb.Command):
    """Runs a command for several fibers, each selected in turn; errors do not stop it.
    fiber apply all COMMAND        all that have a stack
    fiber apply 3 7-9 COMMAND      those"""

    def __init__(self):
        super().__init__("fiber apply", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        words = argument.split()
        wanted = []
        while words and (words[0] == "all" or words[0].replace(".", "").replace("-", "").isdigit()):
            wanted.append(words.pop(0))
        if not wanted or not words:
            raise gdb.GdbError("fiber apply wants fibers and a command: fiber apply all bt")
        command = argument.split(None, len(wanted))[len(wanted)]
        with Unmasked():
            for fiber in self.chosen(wanted):
                self.run(fiber, command)

    @staticmethod
    def chosen(wanted):
        if "all" in wanted:
            return [fiber for loop in loops() for fiber in loop.fibers()]
        found = []
        for text in wanted:
            first, _, last = text.partition("-")
            if last:
                found += [find_fiber(str(number)) for number in range(int(first), int(last) + 1)]
            else:
                found.append(find_fiber(text))
        return found

    @staticmethod
    def run(fiber, command):
        fiber.loop.thread.switch()
        try:
            if not fiber.is_running:
                if fiber.registers() is None:
                    return
                mask.put_on(fiber)
                users_frame(mask.first_frame()).select()
            gdb.write("\n%s: %s\n" % (fiber, fiber.what()))
            gdb.execute(command)
        except gdb.error as why:
            gdb.write("%s\n" % why)
        finally:
            unmask()


InfoFibers()
FiberCommand()
FiberApply()
