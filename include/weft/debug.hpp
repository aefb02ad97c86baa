// SPDX-License-Identifier: BSL-1.0
// Looking at a running loop. Layer: task.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "weft/detail/config.hpp"
#include "weft/detail/export.hpp"
#include "weft/stall.hpp"
#include "weft/time.hpp"

WEFT_NAMESPACE_BEGIN
namespace debug {

// Writes a line for every fiber of the running loop: id, name, state, what it waits for, since
// when (to the loop's last look at the clock), stack used, spawn site.
// Parks: never.  Calls from: fiber.  Throws: std::logic_error on a plain thread; std::bad_alloc.
WEFT_API void dump_fibers(std::FILE* to);

// Tells who waits for whom: a line for every parked fiber of the running loop, with what it waits
// for, who holds that, and its spawn site; and a line for every circle of them, which only a cancel
// can end.
// Parks: never.  Calls from: fiber.  Throws: std::logic_error on a plain thread; std::bad_alloc.
WEFT_API std::string wait_graph();

// Writes the fibers of the running loop as a tree, each below the one that spawned it: id, name,
// state, what it waits for and for whom, since when, spawn site; below that the calls on its stack,
// innermost first, weft's own left out. One whose spawner has ended stands below the nearest
// ancestor that is still known, else below main, and says so.
// All calls are shown if weft was built with libunwind, which is opened at the first use (and keeps
// two descriptors open), and if 64 KiB of the caller's stack are left; else the one that led into
// the wait. Function names take a search through the program's symbol table, each once a tree.
// The same goes to weft's reports (stderr) on SIGQUIT: options::tree_on_sigquit.
// Parks: never.  Calls from: fiber.  Throws: std::logic_error on a plain thread; std::bad_alloc.
WEFT_API void print_tree(std::FILE* to);

// Records what the running loop does from here until it is destroyed, on the same thread, or run()
// ends: who ran when, who waited for what, who woke whom, spawns and ends. What it writes is shown
// by ui.perfetto.dev and chrome://tracing: a track for each fiber, with a slice for each run, each
// wait (named by its kind) and each time ready but not yet running, and an arrow from each waker,
// or spawner, to the run that followed; the loop itself, which wakes sleepers and takes in what
// other threads send, is a track, too. It may record beside a testing::trace. While it records,
// every switch takes the loop's slow path and reads the clock, some 150 ns each; without one
// nothing is spent.
class WEFT_API trace {
 public:
  // Room for so many events, 48 bytes each, filled as needed; of more the latest are kept.
  static constexpr std::size_t default_events = std::size_t{1} << 18;

  // Throws: std::logic_error on a plain thread, while another debug::trace records, or for no room
  // at all; std::bad_alloc.
  explicit trace(std::size_t most_events = default_events);
  ~trace();
  trace(const trace&) = delete;
  trace& operator=(const trace&) = delete;

  // Events that are kept, and those that there was no room for.
  std::size_t size() const noexcept;
  std::uint64_t left_out() const noexcept;

  // Writes what was recorded so far in Chrome's trace event format, as a JSON object; the number
  // left out stands in it as otherData.left_out.
  // Parks: never (it blocks the thread).  Calls from: fiber, or the same thread after run().
  // Throws: std::system_error if not all of it could be written; std::bad_alloc.
  void write_json(std::FILE* to) const;
  // The same, to a file that is made or overwritten. What was written before an error stays.
  void write_json(const std::string& path) const;

 private:
  class recorder;
  std::unique_ptr<recorder> recorder_;
};

// The figures of the running loop, at one moment. Nothing is counted for them that the loop would
// not count anyway, but for one addition a turn and one a message.
struct metrics {
  // Fibers, main included.
  std::size_t live = 0;     // that have not ended: the four below
  std::size_t running = 0;  // 1
  std::size_t ready = 0;    // may run; those that have not begun included
  std::size_t parked = 0;   // in a wait
  std::size_t starved = 0;  // have not begun, because no stack could be had
  struct wait_count {
    std::string kind;  // "sleep", "join", ...: as in dump_fibers()
    std::size_t fibers = 0;
  };
  std::vector<wait_count> waits;  // the parked ones by what they wait for; most first

  // Since the loop was made.
  std::uint64_t spawned = 0;    // fibers, main apart
  std::uint64_t ended = 0;      // of which
  std::uint64_t switches = 0;   // fibers taken from the ready queue
  std::uint64_t turns = 0;      // the loop's looks at clock, timers, messages and kernel
  std::uint64_t messages = 0;   // received: what other threads posted, woke or asked for
  std::uint64_t swallowed = 0;  // `cancelled`s that a catch clause ended before they arrived

  // Now.
  std::size_t timers = 0;                        // armed: sleeps, deadlines
  time_point next_deadline = time_point::max();  // of these; max(): none
  std::size_t stacks_in_use = 0;                 // bound to fibers; the loop's own two included
  std::size_t stacks_cached = 0;                 // idle, their memory kept
  std::size_t stack_bytes_reserved = 0;          // addresses of all, guards included: no memory
  std::size_t records = 0;                       // room for fibers; 384 bytes each
  std::size_t handles = 0;                       // ended fibers whose task<> still lives
};

// Takes the figures. Looks at each record once: some ms for a million fibers.
// Parks: never.  Calls from: fiber.  Throws: std::logic_error on a plain thread; std::bad_alloc.
WEFT_API metrics snapshot();

// Writes the figures as one line.
// Parks: never.  Calls from: any thread.  Throws: std::bad_alloc.
WEFT_API void print(std::FILE* to, const metrics& figures);

// How deep one stack, or those of one site, went.
struct stack_use {
  std::string who;                // "fiber 12 'reader'", or a site: "server.cpp:41"
  std::size_t deepest_bytes = 0;  // up to a page (4 KiB) more than was used
  std::size_t stack_bytes = 0;    // the stack's size; the largest of a site
  std::size_t count = 1;          // fibers of the site, or calls of with_stack()
};

struct stack_uses {
  std::vector<stack_use> fibers;  // that live now and have a stack; the deepest first
  std::vector<stack_use> sites;   // of spawn(), and of with_stack() calls that are over; the same
  bool is_exact = false;          // options::measure_stacks was set
  std::size_t lost = 0;           // fibers that no memory was left to count
};

// Tells how deep stacks went: of each fiber that lives, and of each place that spawned some. With
// options::measure_stacks the sites count fibers that have ended as well, and no stack tells of
// those that had it before; without, the figures of a reused stack are its deepest tenant's.
// A fiber inside with_stack() is listed once for each of its stacks. Main is listed as a fiber.
// Parks: never.  Calls from: fiber.  Throws: std::logic_error on a plain thread; std::bad_alloc.
WEFT_API stack_uses measure_stacks();

// Writes what measure_stacks() tells, as two tables.
// Parks: never.  Calls from: fiber.  Throws: std::logic_error on a plain thread; std::bad_alloc.
WEFT_API void stack_report(std::FILE* to);

}  // namespace debug
WEFT_NAMESPACE_END
