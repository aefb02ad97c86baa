// SPDX-License-Identifier: BSL-1.0
// Looks at a thread that makes no progress: which fiber it runs, and where. Layer: loop. Called by
// the watchdog, on its own thread, which keeps the loop alive meanwhile.
//
// Some facts: a fiber's record and name may be freed the moment its thread goes on. A thread that
// computes can be asked by a signal, and answers for itself. A thread in a system call must not be:
// sleep() and poll() would come back early, whatever SA_RESTART says. The kernel tells the two
// apart
// (/proc/self/task/TID/syscall), and for the second one gives stack pointer and program counter.
// What this means here: the first kind is interrupted by SIGURG, whose default is to be ignored, so
// that one too many hurts nobody (Go's choice, for this reason), and whose handler is ours for that
// question only, if the program left it alone. It unwinds on the alternate stack. The second kind
// is left alone: its record and stack are read through the kernel, and then the loop must not have
// moved. Between the kernel's word and the signal, a thread may enter a call: that one is cut
// short.
#pragma once

#include <cstddef>
#include <cstdint>

#include "watchdog.hpp"
#include "weft/detail/config.hpp"
#include "weft/detail/fiber.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

// Plain data: filled in a signal handler.
struct stalled_thread {
  enum class manner : std::uint8_t {
    moved,     // it went on meanwhile: nothing here means anything
    computes,  // it answered: frames are its calls
    silent,    // it computes, but could not be asked, or did not answer
    blocked,   // in a system call: frames are what looks like return addresses on its stack
  };
  static constexpr std::size_t most_frames = 48;
  static constexpr std::size_t most_name_bytes = 64;

  manner how = manner::moved;
  long call = -1;  // blocked: the system call's number; -1: none, a page of memory
  std::uint64_t id = 0;
  spawn_site site;
  char name[most_name_bytes];
  std::size_t name_bytes = 0;
  const void* frames[most_frames];  // innermost first; calls, not where they return to
  std::size_t frame_count = 0;
};

void look_at_stalled(const watched_loop& loop, stalled_thread& found) noexcept;

// True if no switch came since `loop` was seen.
bool is_same_step(const watched_loop& loop) noexcept;

}  // namespace detail
WEFT_NAMESPACE_END
