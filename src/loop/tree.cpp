// SPDX-License-Identifier: BSL-1.0
// The tree of tasks: who spawned whom, what each one waits for, and where it stands.
#include "tree.hpp"

#include <algorithm>
#include <unordered_map>
#include <vector>

#include "../context/suspended.hpp"
#include "../fiber/walk.hpp"
#include "weft/detail/check.hpp"
#include "weft/report.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {
namespace {

constexpr std::size_t names_at_most = 3;
constexpr std::size_t deepest_indent = 30;
// What libunwind, and opening it, may need of the stack that this runs on.
constexpr std::size_t room_to_unwind = 64 * 1024;

struct awaited_names final : awaited_visitor {
  std::string text;
  std::size_t count = 0;

  void visit(const fiber& awaited) override {
    if (++count > names_at_most) return;
    if (count > 1) text += ", ";
    text += describe(awaited);
  }
};

std::size_t room_on(const loop& here) noexcept {
  const auto* const present = static_cast<const char*>(__builtin_frame_address(0));
  const stack* const bound = here.current->bound;
  const auto* const limit =
      bound != nullptr ? bound->limit : static_cast<const char*>(here.root_stack_bottom);
  return limit != nullptr && present > limit ? static_cast<std::size_t>(present - limit) : 0;
}

class tree {
 public:
  explicit tree(loop& here) : here_(here), walker_(room_on(here) >= room_to_unwind) {
    by_id_.emplace(here.root.id, &here.root);
    here.for_each_fiber([this](fiber& f) { by_id_.emplace(f.id, &f); });
    for (const auto& [id, f] : by_id_) {
      if (id == here.root.id || f->state == fiber_state::done) continue;
      children_[parent_of(*f).id].push_back(f);
      ++count_;
    }
    for (auto& [id, children] : children_) {  // the first is drawn last: it lies on top
      std::sort(children.begin(), children.end(),
                [](const fiber* a, const fiber* b) { return a->id > b->id; });
    }
  }

  std::string text() {
    std::string all = "weft: " + std::to_string(count_ + 1) + (count_ == 0 ? " fiber" : " fibers");
    if (!walker_.is_complete()) all += "; of each stack the innermost call only";
    all += '\n';
    // No recursion: a fiber may have an ancestor for each of a million spawns.
    std::vector<std::pair<const fiber*, std::size_t>> left{{&here_.root, 0}};
    while (!left.empty()) {
      const auto [f, depth] = left.back();
      left.pop_back();
      draw(all, *f, depth);
      const auto children = children_.find(f->id);
      if (children == children_.end()) continue;
      for (const fiber* const child : children->second) left.emplace_back(child, depth + 1);
    }
    return all;
  }

 private:
  // The spawner; if it has ended, its own, as long as a handle still keeps its record; else main.
  const fiber& parent_of(const fiber& f) const {
    auto found = by_id_.find(f.parent);
    while (found != by_id_.end() && found->second->state == fiber_state::done &&
           found->second != &here_.root) {
      found = by_id_.find(found->second->parent);
    }
    return found != by_id_.end() ? *found->second : here_.root;
  }

  void draw(std::string& all, const fiber& f, std::size_t depth) {
    const std::string indent(2 * std::min(depth, deepest_indent), ' ');
    all += indent + describe(f) + ": " + state_of(here_, f);
    if (f.state == fiber_state::parked) {
      const std::string awaited = describe_awaited(f);
      all += std::string(" in ") + f.wait->name + (awaited.empty() ? "" : " ") + awaited;
    }
    const auto age = std::chrono::duration_cast<std::chrono::milliseconds>(
        saturating_gap(f.since, here_.last_look));
    all += ", for " + std::to_string(age.count()) + " ms";
    if (is_cancel_requested(f)) all += ", cancel requested";
    if (&f != &here_.root) all += describe_spawn(f);
    all += '\n';
    const bool is_suspended =
        f.state == fiber_state::parked || (f.state == fiber_state::ready && &f != here_.current);
    if (!is_suspended) return;
    for (const std::string& call : walker_.walk(look_at(f.ctx))) {
      all += indent + "    at " + call + '\n';
    }
  }

  std::string describe_spawn(const fiber& f) const {
    std::string how;
    if (f.site.where != nullptr) how += " at " + describe(f.site);
    if (f.parent == 0) {
      how += " by another thread";
    } else if (parent_of(f).id != f.parent) {
      how += " by fiber " + std::to_string(f.parent) + ", which has ended";
    }
    return how.empty() ? how : ", spawned" + how;
  }

  loop& here_;
  stack_walker walker_;
  std::size_t count_ = 0;  // main apart
  std::unordered_map<std::uint64_t, const fiber*> by_id_;
  std::unordered_map<std::uint64_t, std::vector<const fiber*>> children_;
};

}  // namespace

const char* state_of(const loop& here, const fiber& f) noexcept {
  switch (f.state) {
    case fiber_state::blank:
      return "blank";
    case fiber_state::fresh:
      return f.node.is_linked() ? "waiting to start" : "ready";
    case fiber_state::ready:
      return &f == here.current ? "running" : "ready";
    case fiber_state::parked:
      return "parked";
    case fiber_state::done:
      return &f == &here.root && here.is_guest() ? "in runner::step()" : "done";
  }
  return "?";
}

std::string describe_awaited(const fiber& parked) {
  awaited_names names;
  if (parked.wait->awaited != nullptr) parked.wait->awaited(parked.wait_on, names);
  if (names.count > names_at_most) {
    names.text += " and " + std::to_string(names.count - names_at_most) + " more";
  }
  return names.text;
}

std::string draw_tree(loop& here) { return tree(here).text(); }

void report_tree(loop& here) noexcept {
  try {
    std::string text = draw_tree(here);
    text.pop_back();  // the report ends its line itself
    send_report(text);
  } catch (...) {
    send_report("weft: no memory was left for the tree of tasks that SIGQUIT asks for");
  }
}

}  // namespace detail
WEFT_NAMESPACE_END
