// SPDX-License-Identifier: BSL-1.0
// Blocking functions of the C library that park the fiber instead of the thread, so that libraries
// which know nothing of weft (libpq, hiredis, libcurl, ...) run inside fibers as they are.
// Layer: hook, in a library of its own: link with weft-hook (pkg-config weft-hook, Meson
// weft_hook_dep), before the C library, and call install().
//
//   weft::hook::install();
//   weft::run([] { ... PQexec() in 200 fibers, on this one thread ... });
//
// Outside fibers, on threads without a loop, before install() and inside hook::off each function
// does what the C library's does. A call in a fiber first tries without waiting; only what would
// block parks. The descriptor's O_NONBLOCK stays as the program set it.
//
// A cancel (weft::with_timeout(), task::cancel()) ends a call that waits with -1 and ECANCELED,
// and each further one that would wait, until the cancelled region is left: C frames have no
// cleanup, so nothing is thrown through them. The next weft call throws `cancelled`. close() and
// taking a lock wait on.
//
// WEFT_HOOKS=0 in the environment: install() does nothing. So it does in a set-user-ID program.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "weft/detail/config.hpp"
#include "weft/detail/export.hpp"
#include "weft/fiber_local.hpp"

WEFT_NAMESPACE_BEGIN
namespace hook {

// Groups of functions; `|` joins them.
enum class tier : unsigned {
  none = 0,
  net = 1,    // reading, writing, sockets, poll and select, epoll_wait, sleeps, close
  names = 2,  // getaddrinfo and its like, waiting for processes and threads, system()
  locks = 4,  // pthread locks, condition variables, semaphores, once, static initialisers, futex
  files = 8,  // regular files: open, read, write, fsync, file locks
};
constexpr tier operator|(tier a, tier b) noexcept {
  return static_cast<tier>(static_cast<unsigned>(a) | static_cast<unsigned>(b));
}
constexpr tier operator&(tier a, tier b) noexcept {
  return static_cast<tier>(static_cast<unsigned>(a) & static_cast<unsigned>(b));
}

// One function of the C library.
struct function_state {
  const char* name = "";
  tier group = tier::none;
  bool is_active = false;    // its group is installed, and calls of it come here
  bool comes_here = false;   // calls of it come here; else they go to `owner`
  std::string owner;         // the file whose function other code calls by that name
};

struct WEFT_API report {
  std::vector<function_state> functions;  // of the tiers that were asked for
  bool is_switched_off = false;           // by WEFT_HOOKS=0, or because the program is set-user-ID

  // True if every function is active.
  bool is_complete() const noexcept;
  // Which functions are not, by the file that has them, and what to do.  Throws: std::bad_alloc.
  std::string to_string() const;
};

// Lets the functions of these tiers park fibers, in the whole process, from now on. Once more: the
// tiers add up. Says of each function whether it will: a program that weft came into by dlopen()
// calls the C library's all the same, and needs LD_PRELOAD (weft-run does that).
// Parks: never.  Calls from: any thread.  Throws: std::bad_alloc.
WEFT_API report install(tier what = tier::net | tier::names);

// The same where a gap is an error.  Throws: std::runtime_error, which names the functions that do
// not come here and the files that own them; std::bad_alloc.
WEFT_API void require(tier what = tier::net | tier::names);

// The tiers that are installed.  Calls from: any thread.
WEFT_API tier installed() noexcept;

// While one lives, the calling fiber's calls block their thread, as without hooks. Tasks that are
// spawned meanwhile begin so, and stay so until they end.
// Calls from: fiber, any thread (main then begins so).  Throws: std::bad_alloc.
// Lifetime: within one fiber.
class WEFT_API off {
 public:
  off();
  ~off();
  off(const off&) = delete;
  off& operator=(const off&) = delete;

 private:
  fiber_local<bool>::scope scope_;
};

// What a function has done in fibers since the program began.
struct function_count {
  const char* name = "";
  std::uint64_t calls = 0;      // that were made in fibers
  std::uint64_t waits = 0;      // of these, how often one parked
  std::uint64_t offloads = 0;   // how often one went to a thread
};

// The functions that were called in fibers, by name. Loops that run at once may make it miss a few.
// Parks: never.  Calls from: any thread.  Throws: std::bad_alloc.
WEFT_API std::vector<function_count> counters();

// A hooked call was about to park its fiber while the fiber held a pthread lock.
enum class lock_policy {
  off,   // it parks, and nobody looks
  warn,  // it parks, and one report for each place that locks names both places
  pin,   // it blocks the thread, as without hooks
  coop,  // it parks; whoever wants the lock meanwhile parks, too. Needs tier::locks
};

// WEFT_LOCKS=off|warn|pin|coop sets it at first; without that it is warn, or coop once tier::locks
// is installed. Another word there is reported once, at install().  Calls from: any thread.  set throws: std::logic_error for coop without tier::locks.
WEFT_API lock_policy locks() noexcept;
WEFT_API void set_locks(lock_policy what);

}  // namespace hook
WEFT_NAMESPACE_END
