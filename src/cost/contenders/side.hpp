// SPDX-License-Identifier: BSL-1.0
// What a side (weft over one backend, or a peer) brings to a measurement: a maker for each kind of
// row that it can run. weft-cost and the programs of tests/bench go through all_sides() and know
// none of them by type. Knows neither the rows nor how they are timed.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "messages.hpp"

namespace cost {

// One side's part of one row, alive and in its steady state from its making to its destruction, so
// that the sides can take turns round by round.
class contender {
 public:
  contender() = default;
  virtual ~contender() = default;
  contender(const contender&) = delete;
  contender& operator=(const contender&) = delete;

  // Does at least `operations`, rounded up to what it does in one piece; returns how many.
  virtual std::uint64_t run(std::uint64_t operations) = 0;

  // The processor time that a process has used so far which works for this one, and still runs.
  virtual double elsewhere_ns() const { return 0; }

  // Does so many operations, untimed, and tells what came of it: the same for every side of a row.
  // After at least one run().
  virtual std::uint64_t check(std::uint64_t operations) {
    run(operations);
    return unchecked;
  }
  static constexpr std::uint64_t unchecked = ~std::uint64_t{0};

  // Whose memory a parked row looks at: 0, this process.
  virtual pid_t whose_memory() const { return 0; }
};

// Whose answer is the sum of what its operations gave.
class summing : public contender {
 public:
  std::uint64_t check(std::uint64_t operations) final {
    sum_ = 0;
    run(operations);
    return sum_;
  }

 protected:
  std::uint64_t sum_ = 0;
};

template <class Shape>
using maker = std::unique_ptr<contender> (*)(const Shape&);

enum class sticky_flags { equal, differing };

// Contexts that switch to each other in turn; the first is the thread's own.
struct switch_shape {
  std::size_t contexts;
  sticky_flags flags;  // differing: every second one has raised another set of them
  bool is_mixed;       // every second one switches from another place in the code
};

// Fibers that yield in turn, each through `calls_above` calls between its loop and the yield.
struct yield_shape {
  std::size_t fibers;
  int calls_above;  // one of 0, 1, 4, 16
  bool is_mixed;    // every second one runs another copy of the code
};

// Tasks that do nothing, all of a batch started before the first is waited for.
struct spawn_shape {
  std::size_t batch;
};

// A call chain of this depth, made anew for each yield at its leaf, against one other fiber.
struct chain_shape {
  unsigned depth;
  bool stays = false;  // made once, and suspended at its leaf again and again
};

// Fibers that sleep once each, for 1 to `longest_ms` milliseconds. One operation is all of them.
struct sleepers_shape {
  std::size_t fibers;
  unsigned longest_ms;
  bool is_warm;  // stacks are kept from round to round
};

// Fibers that stay parked while their memory is looked at: made, they are parked; never run.
struct parked_shape {
  std::size_t fibers;
  bool has_live_frame;  // each holds live_frame_bytes of written locals
};
constexpr std::size_t live_frame_bytes = 1024;

// Values yielded one by one, an operation each.
struct generator_shape {
  std::size_t nodes;  // of a tree that is walked by recursion; 0: a loop that counts
};

// Many tasks that work together. An operation is a task started and waited for or, in a ring, a
// hop; in a crowd, a message.
enum class team_kind {
  skynet,      // each task but a leaf starts ten and adds up what they return; `size` leaves
  fork_join,   // fib(size): one of the two calls is a task
  token_ring,  // `size` tasks hand a number on through channels
  crowd,       // `size` senders, as many receivers, one channel of 64
};
struct team_shape {
  team_kind kind;
  std::size_t size;
};

// Waits between fibers and coroutines (weft/coro.hpp); a peer that has only coroutines waits for
// one of its own. An operation is a wait.
enum class interop_kind {
  fiber_awaits,      // a fiber waits for a coroutine that ends at once
  coroutine_awaits,  // a coroutine waits for a task that is started for it
  coroutine_yields,  // a coroutine lets others run
};
struct interop_shape {
  interop_kind kind;
};

struct side {
  const char* name;
  maker<switch_shape> switches;  // any maker may be nullptr: the side has no such thing
  maker<yield_shape> yields;
  maker<spawn_shape> spawns;
  maker<chain_shape> chains;
  maker<sleepers_shape> sleepers;
  maker<parked_shape> parked;
  std::size_t record_bytes;  // of a parked fiber, beside its stack
  maker<generator_shape> generators = nullptr;
  maker<message_shape> messages = nullptr;
  maker<team_shape> teams = nullptr;
  maker<interop_shape> interop = nullptr;
};

// weft's sides first, then the peers; all of them with those that show what a system or a plain
// call costs.
std::vector<const side*> principal_sides();
std::vector<const side*> all_sides();

// The sides that goals name.
inline constexpr const char* weft_fcontext = "weft fcontext";
inline constexpr const char* weft_asm = "weft asm";
inline constexpr const char* weft_inline = "weft inline, FP shared";
inline constexpr const char* plain_fcontext = "plain fcontext";
inline constexpr const char* boost_fiber = "Boost.Fiber";
inline constexpr const char* coroutine = "C++20";  // frames from a pool
inline constexpr const char* coroutine_malloc = "C++20, malloc";
inline constexpr const char* coroutine2 = "Coroutine2";
inline constexpr const char* callbacks = "callback";
inline constexpr const char* go = "Go";

// The naps of a sleepers row: the same for every side.
class nap_lengths {
 public:
  explicit nap_lengths(unsigned longest_ms) noexcept : longest_ms_(longest_ms) {}
  unsigned next_ms() noexcept {
    state_ ^= state_ << 13;  // xorshift64
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return static_cast<unsigned>(state_ % longest_ms_) + 1;
  }

 private:
  std::uint64_t state_ = 0x9e3779b97f4a7c15U;
  unsigned longest_ms_;
};

}  // namespace cost
