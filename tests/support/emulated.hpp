// SPDX-License-Identifier: BSL-1.0
// Whether the tests run on another processor's emulator (qemu-user), as the build says by the
// environment. Such a program's system calls are the host's: what needs a debugger, a child that is
// a program of the emulated kind, or the host's tools on such files has to be skipped there.
#pragma once

#include <cstdlib>

namespace weft_tests {

inline bool is_emulated() { return std::getenv("WEFT_EMULATED") != nullptr; }

inline constexpr const char* no_debugger_under_emulation =
    "the host's debugger does not see through the emulator";
inline constexpr const char* no_programs_under_emulation =
    "the host's kernel does not start programs of the emulated kind";
inline constexpr const char* no_guards_under_emulation =
    "the emulator says yes to every advice of madvise() and installs no guard";
inline constexpr const char* no_threads_after_fork_under_emulation =
    "the emulator fails when a child of fork() starts a thread (qemu_plugin_vcpu_init_hook)";
inline constexpr const char* no_signals_to_emulators =
    "the emulator has handlers of its own for what ends a process";
inline constexpr const char* no_memory_figures_under_emulation =
    "limits and sizes of memory are the emulator's";

}  // namespace weft_tests
