// SPDX-License-Identifier: BSL-1.0
// debug::snapshot: counts what a loop holds.
#include <algorithm>
#include <cinttypes>
#include <string_view>

#include "../loop/loop.hpp"
#include "weft/debug.hpp"
#include "weft/detail/check.hpp"

WEFT_NAMESPACE_BEGIN
namespace debug {
namespace {

void count_wait(metrics& all, std::string_view kind) {
  for (metrics::wait_count& known : all.waits) {  // there are a dozen kinds
    if (known.kind == kind) {
      ++known.fibers;
      return;
    }
  }
  all.waits.push_back({std::string(kind), 1});
}

void count_fiber(metrics& all, const detail::loop& here, const detail::fiber& f) {
  using detail::fiber_state;
  if (f.state == fiber_state::done) {
    ++all.handles;
    return;
  }
  ++all.live;
  if (&f == here.current) {
    ++all.running;
  } else if (f.state == fiber_state::parked) {
    ++all.parked;
    count_wait(all, f.wait->name);
  } else if (f.state == fiber_state::fresh && f.node.is_linked()) {
    ++all.starved;
  } else {
    ++all.ready;
  }
}

}  // namespace

metrics snapshot() {
  detail::loop& here = detail::whole(detail::require_loop("debug::snapshot()"));
  metrics all;
  count_fiber(all, here, here.root);
  here.for_each_fiber([&](detail::fiber& f) { count_fiber(all, here, f); });
  std::stable_sort(all.waits.begin(), all.waits.end(),
                   [](const auto& a, const auto& b) { return a.fibers > b.fibers; });
  all.spawned = here.next_id - 1;  // main is 1
  all.ended = all.spawned - here.live;
  all.switches = here.ready.taken();
  all.turns = here.turns;
  all.messages = here.shared->box.received();
  all.swallowed = here.swallowed;
  all.timers = here.timers.size();
  all.next_deadline = here.timers.next_deadline();
  const detail::stack_pool::usage stacks = here.stacks.measure();
  all.stacks_in_use = stacks.in_use;
  all.stacks_cached = stacks.idle;
  all.stack_bytes_reserved = stacks.reserved_bytes;
  all.records = here.shared->records.capacity() + here.adopted_count;
  return all;
}

void print(std::FILE* to, const metrics& figures) {
  std::string waits;
  for (const metrics::wait_count& one : figures.waits) {
    waits += (waits.empty() ? " (" : ", ") + one.kind + " " + std::to_string(one.fibers);
  }
  if (!waits.empty()) waits += ')';
  std::fprintf(to,
               "weft: %zu fibers: %zu running, %zu ready, %zu parked%s, %zu without a stack; "
               "%" PRIu64 " spawned, %" PRIu64 " ended; %" PRIu64 " switches, %" PRIu64
               " turns, %" PRIu64
               " messages, %zu timers; stacks: %zu in use, %zu cached, %zu MiB "
               "reserved\n",
               figures.live, figures.running, figures.ready, figures.parked, waits.c_str(),
               figures.starved, figures.spawned, figures.ended, figures.switches, figures.turns,
               figures.messages, figures.timers, figures.stacks_in_use, figures.stacks_cached,
               figures.stack_bytes_reserved >> 20);
}

}  // namespace debug
WEFT_NAMESPACE_END
