// SPDX-License-Identifier: BSL-1.0
// The waiting of gather, without its types: many records, one waiter, no allocation.
// Layer: task. Called by gather.hpp; knows nothing of results.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <vector>

#include "weft/detail/config.hpp"
#include "weft/detail/export.hpp"
#include "weft/detail/fiber.hpp"
#include "weft/detail/loop_core.hpp"
#include "weft/time.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

template <class T>
struct gather_type {
  using type = T;
};

enum class gather_goal : std::uint8_t { all, first_end, first_failure, first_error };

struct gather_room : fiber_parent {
  WEFT_API explicit gather_room(gather_goal goal) noexcept;

  gather_goal goal;
  fiber* waiting = nullptr;  // the gatherer while it is parked here
  fiber* const* records = nullptr;
  std::size_t count = 0;
  std::size_t pending = 0;  // different ones that have not ended
  fiber* first = nullptr;   // to end at all
  fiber* failed =
      nullptr;  // the first that did not end with a value; or, by the goal, with an error
};

// What only some gathers need: a place in the waiters' list of a record that has another parent,
// and who stands further on once more.
class gather_nodes {
 public:
  // True if the same record stands further on: its result is then copied, not moved.
  bool stands_again(std::size_t at) const noexcept { return !twins.empty() && twins[at]; }

  struct node : wait_node {
    gather_room* room = nullptr;
  };
  std::unique_ptr<node[]> nodes;
  std::vector<bool> twins;
};

// Waits for all; on the first failure or the caller's own cancellation cancels and awaits the
// rest, then throws. Returns only if every record ended with a value; the results then count as
// taken.
WEFT_API void gather_wait(loop_core& here, fiber* const* records, gather_nodes& nodes,
                          std::size_t count);

// Waits for all, however they end; throws only if the caller is cancelled, as above. Results and
// errors count as taken.
WEFT_API void settle_wait(loop_core& here, fiber* const* records, gather_nodes& nodes,
                          std::size_t count);

// Waits for the first to end, then cancels and awaits the others. Returns its place, or throws its
// error; its result counts as taken.
WEFT_API std::size_t race_wait(loop_core& here, fiber* const* records, std::size_t count);

// Waits until the goal is reached or the deadline has passed, and cancels nobody. True: reached.
WEFT_API bool wait_for_goal(loop_core& here, fiber* const* records, std::size_t count,
                            gather_goal goal, time_point deadline);

// Throws std::logic_error as `call` for an empty handle, the running fiber, a record of another
// loop or one whose result is gone.
WEFT_API void check_inputs(loop_core& here, fiber* const* records, std::size_t count,
                           const char* call, bool takes_results);

// The error that the record ended with, which counts as seen; task_cancelled if it was cancelled.
WEFT_API std::exception_ptr error_of_end(fiber& record);

}  // namespace detail
WEFT_NAMESPACE_END
