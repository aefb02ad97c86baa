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

import os
import sys


def find_package():
    """The folder of weft_gdb: beside this file, or, where gdb loads it by itself, in PREFIX/share/weft
    above it."""
    folder = os.path.dirname(os.path.realpath(__file__))
    if os.path.isdir(os.path.join(folder, "weft_gdb")):
        return folder
    while folder != os.path.dirname(folder):
        folder = os.path.dirname(folder)
        found = os.path.join(folder, "weft")
        if os.path.isdir(os.path.join(found, "weft_gdb")):
            return found
    raise ImportError("weft_gdb, which " + __file__ + " needs, was not installed with it")


sys.path.insert(0, find_package())
writes_no_bytecode = sys.dont_write_bytecode
sys.dont_write_bytecode = True  # not into a source tree or an installed prefix
import weft_gdb.commands  # noqa: E402

sys.dont_write_bytecode = writes_no_bytecode
sys.path.pop(0)
