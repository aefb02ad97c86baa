// SPDX-License-Identifier: BSL-1.0
// What it costs that fibers and coroutines wait for each other.
#include <string>
#include <vector>

#include "cost/catalogue.hpp"

namespace cost {
namespace {

std::vector<cell_group> interop(const request& what) {
  std::vector<cell_group> all;
  const std::uint64_t waits = 1000;
  const auto add = [&](const char* id, const char* label, interop_kind kind) {
    all.push_back(timed_shape(cell{id, label, "", 0}, &side::interop, interop_shape{kind},
                              usual_pace(what, waits), waits * (waits + 1) / 2));
  };
  add("interop/await", "a fiber awaits a coroutine", interop_kind::fiber_awaits);
  add("interop/task", "a coroutine awaits a task", interop_kind::coroutine_awaits);
  add("interop/yield", "a coroutine yields by as_awaitable", interop_kind::coroutine_yields);
  return all;
}

}  // namespace

const workload interop_workload = {
    "interop",
    "Fibers and coroutines wait for each other",
    "ns",
    "",
    "What does a wait cost whose two sides are of different colours?",
    "One operation is one wait by weft/coro.hpp: weft::await(coroutine) in a fiber, co_await of a "
    "task that is spawned for it, co_await as_awaitable(yield). The coroutines are the C++20 "
    "peer's, "
    "with frames from its pool; its own figure is that of a coroutine that waits for another one, "
    "or "
    "yields alone.",
    "A fiber's wait for a coroutine is the coroutine's own cost and a frame of two pointers on the "
    "fiber's stack. A coroutine that waits for a task pays for a task, and is resumed in a fiber.",
    "both sides are yours, and nothing on the way has to stay without colour.",
    "interop/await",
    &interop};

}  // namespace cost
