# SPDX-License-Identifier: BSL-1.0
"""Makes a thread look as if it stood where a fiber does, without writing a register."""

import gdb
import gdb.unwinder
from gdb.FrameDecorator import FrameDecorator

from weft_gdb.records import PC_SP, WORD, architecture, without_parameters


class Mask(gdb.unwinder.Unwinder):
    """What makes a thread look as if it stood where a fiber does."""

    def __init__(self):
        super().__init__("weft fiber")
        self.take_off()

    def take_off(self):
        self.fiber = None
        self.registers = {}

    def put_on(self, fiber):
        """Precondition: the fiber's thread is selected and wears no mask."""
        registers = fiber.registers()
        if registers is None:
            raise gdb.GdbError("%s has no stack yet" % fiber)
        newest = gdb.newest_frame()
        while newest.type() == gdb.INLINE_FRAME:
            newest = newest.older()
        self.pc, self.sp = PC_SP[architecture()]
        self.real = (int(newest.read_register(self.pc)), int(newest.read_register(self.sp)))
        self.fiber, self.registers = fiber, registers
        gdb.invalidate_cached_frames()

    def __call__(self, pending):
        if self.fiber is None:
            return None
        here = (int(pending.read_register(self.pc)), int(pending.read_register(self.sp)))
        if here != self.real:
            return None
        # Younger than the fiber's frames, wherever its stack lies: else gdb takes it for corrupt.
        frame_id = FrameId(self.registers[self.sp] - 2 * WORD, here[0])
        unwind = pending.create_unwind_info(frame_id)
        for register, value in self.registers.items():
            kind = pending.read_register(register).type
            unwind.add_saved_register(register, gdb.Value(value).cast(kind))
        return unwind

    def first_frame(self):
        """The first of the fiber's own frames, in the switch."""
        frame = gdb.newest_frame()
        while frame is not None and frame.pc() != self.registers[self.pc]:
            frame = frame.older()
        if frame is None:
            raise gdb.GdbError("gdb could not unwind into %s" % self.fiber)
        return frame


def users_frame(frame):
    """The first from here on that is not weft's; without one, whoever called this one."""
    found = frame
    while found is not None and is_wefts(found):
        found = found.older()
    return found or frame.older() or frame


def is_wefts(frame):
    name = frame.name()
    return name is None or name.startswith(("weft::", "weft_v", "std::", "__morestack"))


class FrameId:
    def __init__(self, sp, pc):
        self.sp = gdb.Value(sp)
        self.pc = gdb.Value(pc)


class OwnFrames:
    """`bt` of a masked thread begins at the fiber's own frames."""

    name = "weft fiber"
    priority = 100

    def __init__(self):
        gdb.frame_filters[self.name] = self

    @property
    def enabled(self):  # else gdb prints every `bt` its filters' way
        return mask.fiber is not None and is_on_masked_thread()

    def filter(self, frames):
        is_own = False
        for frame in frames:
            is_own = is_own or frame.inferior_frame().pc() == mask.registers[mask.pc]
            if is_own:
                yield PlainName(frame)


class PlainName(FrameDecorator):
    """Function names as `bt` without filters prints them: without the parameters' types."""

    def function(self):
        name = super().function()
        return without_parameters(name) if isinstance(name, str) else name


mask = Mask()
gdb.unwinder.register_unwinder(None, mask, replace=True)
own_frames = OwnFrames()


def is_on_masked_thread():
    thread = gdb.selected_thread()
    return thread is not None and thread.num == mask.fiber.loop.thread.num


def unmask(*_):
    if mask.fiber is not None:
        mask.take_off()
        gdb.invalidate_cached_frames()


# Steps and breakpoints are the thread's business.
gdb.events.cont.connect(unmask)
gdb.events.exited.connect(unmask)
gdb.events.new_objfile.connect(unmask)


class Unmasked:
    """with Unmasked(): the threads as they are; afterwards the same fiber, thread as before."""

    def __enter__(self):
        self.fiber = mask.fiber
        self.frame_level = gdb.selected_frame().level() if hasattr(gdb.Frame, "level") else 0
        self.thread = gdb.selected_thread()
        unmask()
        return self

    def __exit__(self, *_):
        unmask()
        if self.fiber is not None:
            self.fiber.loop.thread.switch()
            mask.put_on(self.fiber)
        if self.thread is not None and self.thread.is_valid():
            self.thread.switch()
        frame = gdb.newest_frame()
        for _ in range(self.frame_level):
            frame = frame.older() or frame
        frame.select()
