// SPDX-License-Identifier: BSL-1.0
// The graph of waits, its cycles, and what follows when nothing can ever end them.
#include "wait_graph.hpp"

#include <algorithm>
#include <unordered_map>
#include <utility>
#include <vector>

#include "../base/service_threads.hpp"
#include "loop.hpp"
#include "weft/report.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {
namespace {

constexpr std::size_t most_lines = 100;

struct collector final : awaited_visitor {
  void visit(const fiber& awaited) override { to.push_back(&awaited); }
  std::vector<const fiber*> to;
};

struct waiting {
  const fiber* who;
  std::vector<const fiber*> awaited;
  enum { unseen, on_path, finished } mark = unseen;
};

using graph = std::unordered_map<const fiber*, waiting>;

bool is_main(const fiber& f) noexcept { return f.bound == nullptr && f.id == 1; }

std::string with_site(const fiber& f) {
  return is_main(f) ? describe(f) : describe(f) + " (spawned at " + describe(f.site) + ")";
}

std::string line_of(const waiting& one) {
  std::string text = "\n  " + with_site(*one.who) + " waits in " + one.who->wait->name;
  for (std::size_t i = 0; i < one.awaited.size() && i < 8; ++i) {
    text += (i == 0 ? " for " : ", ") + describe(*one.awaited[i]);
  }
  if (one.awaited.size() > 8) text += ", ... (" + std::to_string(one.awaited.size()) + " in all)";
  return text;
}

// Depth first; a path that comes back to itself is a cycle.
void find_cycles(graph& all, waiting& from, std::vector<const fiber*>& path, std::string& text) {
  from.mark = waiting::on_path;
  path.push_back(from.who);
  for (const fiber* const next : from.awaited) {
    const auto found = all.find(next);
    if (found == all.end()) continue;
    if (found->second.mark == waiting::on_path) {
      text += "\n  in a circle: ";
      const auto first = std::find(path.begin(), path.end(), next);
      for (auto at = first; at != path.end(); ++at) text += describe(**at) + " -> ";
      text += describe(*next);
    } else if (found->second.mark == waiting::unseen && path.size() < 1000) {
      find_cycles(all, found->second, path, text);
    }
  }
  path.pop_back();
  from.mark = waiting::finished;
}

}  // namespace

std::string describe_waits(const loop& here) {
  std::vector<const fiber*> parked;
  const auto take = [&](const fiber& f) {
    if (f.state == fiber_state::parked) parked.push_back(&f);
  };
  take(here.root);
  const_cast<loop&>(here).for_each_fiber(take);
  std::sort(parked.begin(), parked.end(),
            [](const fiber* a, const fiber* b) { return a->id < b->id; });
  graph all;
  std::string text;
  for (const fiber* const f : parked) {
    collector awaited;
    if (f->wait->awaited != nullptr) f->wait->awaited(f->wait_on, awaited);
    const waiting& one = all.emplace(f, waiting{f, std::move(awaited.to)}).first->second;
    if (all.size() <= most_lines) text += line_of(one);
  }
  if (all.size() > most_lines) {
    text += "\n  ... and " + std::to_string(all.size() - most_lines) + " more";
  }
  std::vector<const fiber*> path;
  for (const fiber* const f : parked) {
    waiting& one = all.find(f)->second;
    if (one.mark == waiting::unseen) find_cycles(all, one, path, text);
  }
  return text;
}

bool may_be_deadlocked(const loop& here) noexcept {
  return here.how.detect_deadlock && here.timers.empty() && here.arrivals.empty() &&
         here.quiet.empty() && here.waiting[static_cast<unsigned>(ended_by::world)] == 0 &&
         // acquire; pairs with the release of an external loop_ref
         here.shared->external.load(std::memory_order_acquire) == 0;
}

bool is_deadlocked(const loop& here) noexcept {
  if (!may_be_deadlocked(here)) return false;
  const bool is_local = here.waiting[static_cast<unsigned>(ended_by::threads)] == 0 &&
                        // relaxed: more than one says that a loop_ref is about
                        here.shared->references.load(std::memory_order_relaxed) == 1;
  return is_local || !has_other_threads();
}

bool break_deadlock(loop& here) noexcept {
  const bool can_throw = here.root.state == fiber_state::parked && here.root.is_cancellable;
  if (!can_throw && here.has_reported_deadlock) return false;
  try {
    std::string text = "weft: deadlock: every fiber waits, and nothing can wake one of them" +
                       describe_waits(here);
    if (can_throw) {
      here.deadlock = std::make_unique<std::string>(std::move(text));
    } else {
      here.has_reported_deadlock = true;
      send_report(text + "\n  (main's wait cannot throw; the loop goes on waiting)");
    }
  } catch (...) {
    if (can_throw) here.deadlock.reset();
    here.has_reported_deadlock = true;
    send_report("weft: deadlock: every fiber waits, and there was no memory to name them");
    return false;
  }
  if (can_throw) wake(here.root, wake_reason::cancelled);
  return can_throw;
}

}  // namespace detail
WEFT_NAMESPACE_END
