// SPDX-License-Identifier: BSL-1.0
// The fiber's record: everything that weft knows about one fiber, in a few dense cache lines.
// Layer: fiber. Templates construct the user's callable and result in it; only the loop changes
// its state. What a fiber needs right after it resumes lies here, not on its cold stack.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <string_view>

#include "weft/detail/config.hpp"
#include "weft/detail/context.hpp"
#include "weft/detail/eh_state.hpp"
#include "weft/detail/export.hpp"
#include "weft/detail/list.hpp"
#include "weft/detail/owned_object.hpp"
#include "weft/detail/stack.hpp"
#include "weft/detail/wait_type.hpp"
#include "weft/errors.hpp"
#include "weft/time.hpp"

WEFT_NAMESPACE_BEGIN

// Counts fibers within one loop, in order of spawn; main is 1.
enum class fiber_id : std::uint64_t {};

// What a cancel does to a task's waits.
enum class on_cancel : std::uint8_t {
  throws,  // they throw `cancelled`
  errno_,  // sleeps, yields and checkpoints return at once with errno ECANCELED, until the
           // cancelled scope or the task is left; waits for other tasks and for values complete.
           // For tasks that wait below C frames, which an exception cannot cross
  never,   // a cancel() of the task only shows in this_fiber::cancel_requested(); scopes inside the
           // task work as ever
};

namespace detail {

struct loop_core;
struct fiber;
struct local_node;
struct scope;
struct shared_side;

// blank: in the pool. fresh: until it first runs. ready: may run; the one that does is
// loop_core::current, so that a yield changes no state at all.
enum class fiber_state : std::uint8_t { blank, fresh, ready, parked, done };

// Why a park ended.
enum class wake_reason : std::uint8_t { completed, timed_out, cancelled, interrupted };

// How a body ended.
enum class fiber_outcome : std::uint8_t { pending, value, error, cancelled };

// Bits of fiber::attention: each sends a switch or a wait down its slow path; all zero is the
// hot path's single test.
enum attention : std::uint8_t {
  attention_cancel = 1,  // the task or a scope around the present point is cancelled; see scope.hpp
  attention_canary = 2,  // the stack has no guard page: check its canary at every park
  attention_reclaim = 4,  // on arrival: give back the stack of loop_core::finished
  attention_loop = 8,     // this is the loop's own context, no fiber: always set there
  attention_owned = 16,   // the loop has fiber_owneds: their values change with the fibers
};

// Where a wait is registered. Most live in the record of the fiber that waits.
// notify runs on the loop's thread, on whatever stack finished the awaited thing; it may only make
// fibers ready, never run user code.
struct wait_node : list_node {
  void (*notify)(wait_node& node, fiber& finished) noexcept = nullptr;
  fiber* owner = nullptr;  // whom notify makes ready; nullptr when it counts (gather)
};

// A deadline in the loop's heap. Owned by whoever waits; index_ is the heap's.
struct timer {
  static constexpr std::uint32_t not_armed = 0xffffffffU;
  time_point deadline{};
  void (*fire)(timer& expired) noexcept = nullptr;  // as wait_node::notify
  fiber* owner = nullptr;
  std::uint32_t index = not_armed;

  bool is_armed() const noexcept { return index != not_armed; }
};

// A message to a loop from another thread. run() is called on the loop's thread, in the idle
// context; it may only make fibers ready and may free the node. The links are the inbox's while
// the message is under way, the receiver's afterwards.
struct inbox_node : list_node {
  void (*run)(inbox_node& node, loop_core& here) noexcept = nullptr;
};

// What most fibers never have. Made on first use, by the fiber's own loop or by its spawner.
struct baggage {
  std::string name;
  std::shared_ptr<const std::string> cancel_reason;  // of the task's first cancel()
  std::string last_error;                            // of the C interface
  owned_values owned;                                // of fiber_owneds; of a fiber that has begun
  delivery_ref delivery;                             // the last `cancelled` that was thrown at it
};

// Where the spawn happened: a file and line when the call could tell, else a code address.
struct spawn_site {
  const void* where = nullptr;  // the file's name, a C string, or an address in the code
  unsigned line = 0;            // 0: an address

  static constexpr spawn_site here(const char* file = __builtin_FILE(),
                                   unsigned line = __builtin_LINE()) noexcept {
    return {file, line};
  }
};

// A message about one fiber.
struct fiber_message : inbox_node {
  fiber* owner = nullptr;
};

// What weft must do with a callable whose type only spawn() knew. nullptr: nothing is to be done.
struct fiber_ops {
  void (*run)(fiber& self);                     // calls the body, keeps its result; may throw
  void (*drop_callable)(fiber& self) noexcept;  // after the body, or instead of it
  void (*drop_result)(fiber& self) noexcept;    // of a body that ended with a value
  void (*drop_block)(fiber& self) noexcept;     // the payload's heap block, if it has one
};

// Who looks after a fiber's end: the window of task groups and of gather. At most one for each
// fiber; others stand in its list of waiters. Both functions run on the child's stack.
struct fiber_parent {
  void (*note_failure)(fiber& child) noexcept;  // before the error would count as lost
  void (*note_end)(fiber& child) noexcept;      // takes itself out of the child; makes others ready
  bool is_group = false;
};

struct alignas(64) fiber {
  static constexpr std::size_t inline_bytes = 64;

  fiber() noexcept { node.owner = sleep.owner = message.owner = this; }
  fiber(const fiber&) = delete;
  fiber& operator=(const fiber&) = delete;

  // -- the first line: all that a switch and a park touch --
  context ctx;
  fiber_state state = fiber_state::blank;
  std::uint8_t attention = 0;
  wake_reason woken_by = wake_reason::completed;
  bool is_cancellable = false;  // the current park may be ended by cancel()
  int saved_errno = 0;
  stack* bound = nullptr;            // while fresh or done: none. The root fiber has none either
  const wait_type* wait = &no_wait;  // what kind the last park was: "sleep", "join", ...
  const void* wait_on = nullptr;     // the thing itself, for dumps
  time_point since{};                // spawned, parked or woken; as of the loop's last look

  // -- the second: what spawn, start, end and join touch besides --
  const fiber_ops* ops = nullptr;
  void* payload = nullptr;  // callable and result: in storage, or on the heap when large
  std::uint64_t id = 0;
  std::uint64_t parent = 0;  // the id of who spawned it; 0: another thread did
  spawn_site site;
  // Who waits for this fiber's end: the first one, if it is a fiber that joins, then wait_nodes.
  fiber* joiner = nullptr;
  // Written together when a record is given back: see give_record().
  fiber_outcome outcome = fiber_outcome::pending;
  bool has_handle = false;       // a task<> refers to this record; it frees it
  bool is_callback = false;      // of on_done: runs even while the loop closes
  bool is_stackless = false;     // a stack could not be had: end with std::bad_alloc
  bool is_result_taken = false;  // get() or gather() moved it out
  bool is_error_seen = false;    // somebody took the error: not to be reported
  bool has_baggage = false;      // error or baggage were ever set: to be cleaned
  bool has_locals = false;       // of fiber_local or fiber_owned: to be dropped at the end

  alignas(std::max_align_t) unsigned char storage[inline_bytes];

  // -- the rest: waiting, and what is rare --
  list waiters;
  fiber_parent* family = nullptr;  // its task group, or who gathers it
  scope* innermost = nullptr;      // of the cancel scopes that it is in; they lie on its stack
  wait_node node;                  // this fiber's place in what it waits for
  timer sleep;
  loop_core* home = nullptr;  // never changes once the fiber has started
  // The home loop's side that outlives it; counted via the pool. nullptr until a loop takes in what
  // another thread made: see src/loop/placement.hpp.
  std::atomic<shared_side*> shared{nullptr};
  eh_state saved_eh;  // only when nonzero at the switch
  std::exception_ptr error;
  std::unique_ptr<baggage> bag;
  fiber_message message;          // its arrival, when another thread made it; its removal;
                                  // meanwhile a child's place in its group
  local_node* locals = nullptr;   // values of fiber_locals; null unless has_locals
  std::uint16_t stack_class = 0;  // index into the stack pool's sizes
  // Mutexes that it has locked and unlocked: none may be left at its end (256 at once would look
  // like none). Two counts that only go up: one that goes up and down would be the longest chain of
  // stores and loads in a lock and unlock.
  std::uint8_t locks_taken = 0;
  std::uint8_t locks_given = 0;
  bool is_pooled = false;         // from the home loop's record pool, else from the heap
  bool is_cancel_called = false;  // cancel() of the task: the outermost of all scopes
  weft::on_cancel on_cancel = weft::on_cancel::throws;
  std::atomic<bool> has_ended{false};  // release after the result is written: others look
};
static_assert(sizeof(fiber) <= 384, "a parked fiber is to cost 5.3 KB with all that belongs to it");

inline std::string_view name_of(const fiber& f) noexcept {
  return f.bag ? std::string_view(f.bag->name) : std::string_view();
}

// How many mutexes it holds.
inline unsigned held_locks(const fiber& f) noexcept {
  return static_cast<std::uint8_t>(f.locks_taken - f.locks_given);
}

// Throws: std::bad_alloc.
inline baggage& baggage_of(fiber& f) {
  if (!f.bag) f.bag = std::make_unique<baggage>();
  f.has_baggage = true;
  return *f.bag;
}

// "fiber 12 'reader'", or "fiber 12" without a name.
WEFT_API std::string describe(const fiber& f);

// "server.cpp:41"; "app+0x1b2f" (for addr2line) when the call could not tell its line.
WEFT_API std::string describe(const spawn_site& site);

}  // namespace detail
WEFT_NAMESPACE_END
