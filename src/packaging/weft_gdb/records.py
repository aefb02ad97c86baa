# SPDX-License-Identifier: BSL-1.0
"""What a stopped program with weft holds: loops, fibers, and where each of these stands."""

import gdb

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
        if word_at(handle + int(layout["goes_on_at"])) != arrived:
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
                    if "has unknown type" in str(why):
                        raise gdb.GdbError(
                            "weft was built without debug information here, so its fibers cannot "
                            "be read: build it with -g (Meson: -Ddebug=true).")
                    is_known = True
                    gdb.write("thread %d: %s\n" % (thread.num, why), gdb.STDERR)
    if not is_known:
        raise gdb.GdbError("This program has no weft in it, or weft's debug information is missing.")
    return found
