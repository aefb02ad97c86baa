# SPDX-License-Identifier: BSL-1.0
"""Fibers in gdb: info fibers, fiber N, fiber apply.

gdb loads this file by itself when it finds it installed beside libweft.so; else: source weft-gdb.py
It needs the debug information of weft (libweft.so or what libweft.a became a part of). Nothing of
the program runs and nothing is written to it, so all of it works on core files as well.

How. Each thread's loop hangs on the thread-local weft_v<N>_<backend>_current_loop; its records lie
in chunks that can be walked. A suspended fiber's registers are told as an unwinder would: while a
fiber is selected, the thread's innermost frame claims to have been called from where that fiber
stands. So `bt`, `up`, `info locals` work on it, and the thread's registers stay what they are.
"""

import gdb
import gdb.unwinder
from gdb.FrameDecorator import FrameDecorator

BACKENDS = ("fcontext", "asm")
VERSIONS = range(10)
WORD = 8

# In the order of suspended_side::kept (src/context/suspended.hpp).
KEPT = {
    "x86-64": ["rbx", "rbp", "r12", "r13", "r14", "r15"],
    "aarch64": ["x%d" % number for number in range(19, 30)],
}
PC_SP = {"x86-64": ("rip", "rsp"), "aarch64": ("pc", "sp")}
SP_IS_FRESH, SP_IS_INLINE = 1, 2  # asm/frame_*.h
INLINE_FRAME_BYTES = 144  # include/weft/detail/inline_switch.hpp


def architecture():
    name = gdb.selected_inferior().architecture().name() if hasattr(
        gdb.Inferior, "architecture") else gdb.newest_frame().architecture().name()
    return "aarch64" if name.startswith("aarch64") else "x86-64"


def word_at(address):
    memory = gdb.selected_inferior().read_memory(address, WORD)
    return int.from_bytes(bytes(memory), "little")


def address_of(symbol):
    return int(gdb.parse_and_eval("(unsigned long)&" + symbol))


def pointers_in(value):
    """All pointers in a struct, depth first: what a std::vector or std::unique_ptr is made of,
    whichever library it is from."""
    kind = value.type.strip_typedefs()
    if kind.code == gdb.TYPE_CODE_PTR:
        return [value]
    found = []
    if kind.code == gdb.TYPE_CODE_STRUCT:
        for field in kind.fields():
            if not hasattr(field, "bitpos"):  # static
                continue
            part = value.cast(field.type) if field.is_base_class else value[field]
            found += pointers_in(part)
    return found


def text_of(string):
    """A std::string."""
    try:
        return string["_M_dataplus"]["_M_p"].string(length=int(string["_M_string_length"]))
    except gdb.error:
        return str(string).strip('"')


def without_parameters(name):
    """"handle" for "handle(int) const"; the lambda in "main::{lambda()#1}" stays."""
    end = name.rfind(")")
    if end < 0 or name.endswith("operator()") or "}" in name[end:] or ">" in name[end:] or "::" in name[end:]:
        return name
    depth = 0
    for at in range(end, -1, -1):
        depth += {")": 1, "(": -1}.get(name[at], 0)
        if depth == 0:
            return name[:at]
    return name


def symbol_name(address):
    text = gdb.execute("info symbol 0x%x" % address, to_string=True)
    return None if text.startswith("No symbol") else text.split(" in section ")[0].strip()


class Fiber:
    """A record, read once."""

    def __init__(self, loop, record):
        self.loop = loop
        self.record = record
        self.id = int(record["id"])
        self.state = str(record["state"]).split("::")[-1]
        self.is_running = int(record.address) == loop.current

    def __str__(self):
        return "fiber %d%s" % (self.id, " '%s'" % self.name() if self.name() else "")

    def name(self):
        bag = pointers_in(self.record["bag"])[0]
        return text_of(bag.dereference()["name"]) if int(bag) != 0 else ""

    def what(self):
        if self.is_running:
            return "running"
        if self.state == "parked":
            return "parked in " + self.record["wait"]["name"].string()
        return self.state

    def site(self):
        where, line = self.record["site"]["where"], int(self.record["site"]["line"])
        if int(where) == 0:
            return ""
        if line != 0:
            return "%s:%d" % (where.cast(gdb.lookup_type("char").pointer()).string().split("/")[-1],
                              line)
        sal = gdb.find_pc_line(int(where))
        if sal.symtab is not None:
            return "%s:%d" % (sal.symtab.filename.split("/")[-1], sal.line)
        return symbol_name(int(where)) or "0x%x" % int(where)

    def registers(self):
        """Where it stands, as {register: value}; None if it runs or never did."""
        if self.is_running or self.state not in ("parked", "ready"):
            return None
        return self.loop.backend.registers(self.record["ctx"])


class Backend:
    def __init__(self, prefix):
        self.prefix = prefix  # "weft_v0_fcontext_"
        self.is_asm = prefix.endswith("_asm_")

    def registers(self, ctx):
        handle = int(ctx["sp"])
        if handle == 0:
            return None
        return self.from_asm(ctx, handle) if self.is_asm else self.from_fcontext(handle)

    # As look_at() in src/context/context_asm.cpp.
    def from_asm(self, ctx, handle):
        pc, sp = PC_SP[architecture()]
        if handle & SP_IS_FRESH:
            return None
        if handle & SP_IS_INLINE:
            frame = handle & ~3
            return {pc: int(ctx["resume"]), sp: frame + INLINE_FRAME_BYTES,
                    "rbp": word_at(frame), "rbx": word_at(frame + WORD)}
        # The rest is told by the CFI of the switch.
        return {pc: address_of(self.prefix + "context_suspended"), sp: handle}

    # As look_at() in src/context/context_fcontext.cpp, with the layout that the program found.
    def from_fcontext(self, handle):
        machine = architecture()
        pc, sp = PC_SP[machine]
        layout = gdb.parse_and_eval(self.prefix + "saved_frame")
        size = int(layout["bytes"])
        if size == 0:
            raise gdb.GdbError("this program could not tell the frame of its Boost.Context")
        arrived = address_of(self.prefix + "context_arrived")
        if arrived not in [word_at(handle + at) for at in range(0, size, WORD)]:
            return None  # never ran
        found = {pc: arrived + (4 if machine == "x86-64" else 0), sp: handle + size}
        for i, register in enumerate(KEPT[machine]):
            found[register] = word_at(handle + int(layout["at"][i]))
        return found


class Loop:
    def __init__(self, thread, backend, core):
        self.thread = thread
        self.backend = backend
        self.core = core  # a loop_core
        self.current = int(core["current"])

    def fibers(self):
        """Main first, then by id."""
        found = []
        shared = self.core["shared"].dereference()
        start, finish = pointers_in(shared["records"]["chunks_"])[:2]
        for i in range(int(finish - start)):
            records = pointers_in(start[i]["records"])[0]
            for k in range(int(start[i]["count"])):
                found.append(records[k])
        found += self.adopted()
        live = [Fiber(self, record) for record in found if int(record["state"]) in self.states()]
        return [Fiber(self, self.core["root"])] + sorted(live, key=lambda one: one.id)

    # Made by other threads: on a list of the loop itself, through fiber::message.
    def adopted(self):
        inside = self.core.type.strip_typedefs().name.rsplit("::", 1)[0]
        try:
            loop = self.core.cast(gdb.lookup_type(inside + "::loop"))
            message = gdb.lookup_type(inside + "::fiber_message").pointer()
        except gdb.error:
            return []
        head = loop["adopted"]["head_"]
        found, node = [], head["next"]
        while int(node) != int(head.address):
            found.append(node.cast(message)["owner"].dereference())
            node = node["next"]
        return found

    def states(self):
        names = {field.name.split("::")[-1]: field.enumval
                 for field in self.core["root"]["state"].type.fields()}
        return (names["fresh"], names["ready"], names["parked"])


class SelectedThread:
    """with SelectedThread(): whatever happens inside, the same thread and frame afterwards."""

    def __enter__(self):
        self.thread = gdb.selected_thread()
        return self

    def __exit__(self, *_):
        if self.thread is not None and self.thread.is_valid():
            self.thread.switch()


def loops():
    """The running loop of each thread, if it has one; the selected thread's first."""
    if gdb.selected_thread() is None:
        raise gdb.GdbError("There is no program: start one, attach to one, or load a core file.")
    found, is_known = [], False
    with SelectedThread() as before:
        threads = sorted(gdb.selected_inferior().threads(),
                         key=lambda one: (one.num != before.thread.num, one.num))
        for thread in threads:
            thread.switch()
            for prefix in ["weft_v%d_%s_" % (v, b) for v in VERSIONS for b in BACKENDS]:
                try:
                    core = gdb.parse_and_eval(prefix + "current_loop")
                    is_known = True
                    if int(core) != 0:
                        found.append(Loop(thread, Backend(prefix), core.dereference()))
                except gdb.MemoryError:
                    continue
                except gdb.error as why:
                    if "No symbol" in str(why):
                        continue
                    is_known = True
                    gdb.write("thread %d: %s\n" % (thread.num, why), gdb.STDERR)
    if not is_known:
        raise gdb.GdbError("This program has no weft in it, or weft's debug information is missing.")
    return found


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
