// SPDX-License-Identifier: BSL-1.0
// debug::dump_fibers: a line per fiber. debug::print_tree: the window to src/loop/tree.cpp.
#include <algorithm>
#include <string>
#include <vector>

#include "../loop/loop.hpp"
#include "../loop/tree.hpp"
#include "../loop/wait_graph.hpp"
#include "weft/debug.hpp"
#include "weft/detail/check.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {
namespace {

// "fiber 3", when the wait is for another fiber's end.
std::string describe_wait(const fiber& f) {
  std::string text = f.wait->name;
  if (f.wait == &join_wait) text += " " + describe(*static_cast<const fiber*>(f.wait_on));
  return text;
}

std::size_t stack_used(const loop& here, const fiber& f, const char* present) {
  const char* top = nullptr;
  if (f.bound != nullptr) {
    top = f.bound->top;
  } else if (&f == &here.root) {
    top = static_cast<const char*>(here.root_stack_bottom) + here.root_stack_bytes;
  } else {
    return 0;
  }
  const char* const at = here.current == &f ? present : static_cast<const char*>(f.ctx.sp);
  return static_cast<std::size_t>(top - at);
}

void dump_one(std::FILE* to, const loop& here, const fiber& f, const char* present) {
  std::string line = describe(f) + ": " + state_of(here, f);
  if (f.state == fiber_state::parked) line += " in " + describe_wait(f);
  const auto age = std::chrono::duration_cast<std::chrono::milliseconds>(
      saturating_gap(f.since, here.last_look));
  line += ", for " + std::to_string(age.count()) + " ms";
  line += ", stack " + std::to_string(stack_used(here, f, present)) + " bytes";
  if (is_cancel_requested(f)) line += ", cancel requested";
  if (&f != &here.root) line += ", spawned at " + describe(f.site);
  std::fprintf(to, "%s\n", line.c_str());
}

}  // namespace
}  // namespace detail

namespace debug {

void dump_fibers(std::FILE* to) {
  detail::loop& here = detail::whole(detail::require_loop("debug::dump_fibers()"));
  const char* const present = static_cast<const char*>(__builtin_frame_address(0));
  std::vector<const detail::fiber*> fibers{&here.root};
  here.for_each_fiber([&](detail::fiber& f) {
    if (f.state != detail::fiber_state::done) fibers.push_back(&f);
  });
  std::sort(fibers.begin(), fibers.end(),
            [](const detail::fiber* a, const detail::fiber* b) { return a->id < b->id; });
  std::fprintf(to, "weft: %zu fiber%s\n", fibers.size(), fibers.size() == 1 ? "" : "s");
  for (const detail::fiber* const f : fibers) detail::dump_one(to, here, *f, present);
}

std::string wait_graph() {
  const std::string text =
      detail::describe_waits(detail::whole(detail::require_loop("debug::wait_graph()")));
  return "weft: who waits for whom" + (text.empty() ? "\n  nobody waits" : text);
}

void print_tree(std::FILE* to) {
  const std::string text =
      detail::draw_tree(detail::whole(detail::require_loop("debug::print_tree()")));
  std::fwrite(text.data(), 1, text.size(), to);
}

}  // namespace debug
WEFT_NAMESPACE_END
