// SPDX-License-Identifier: BSL-1.0
// See timeline.hpp.
#include "timeline.hpp"

#include <cstdio>
#include <utility>

#include "../loop/loop.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {
namespace {

std::uint64_t first_awaited(const fiber& f) {
  struct first final : awaited_visitor {
    std::uint64_t id = 0;
    void visit(const fiber& awaited) override {
      if (id == 0) id = awaited.id;
    }
  } found;
  if (f.wait->awaited != nullptr) f.wait->awaited(f.wait_on, found);
  return found.id;
}

}  // namespace

void timeline::clear(time_point start) noexcept {
  events_.clear();
  names_.clear();
  start_ = start;
  is_offer_ = is_frozen_ = false;
}

void timeline::keep_name(const fiber& f) {
  if (is_frozen_ || name_of(f).empty()) return;
  if (names_.size() <= f.id) names_.resize(f.id + 1);
  names_[f.id] = name_of(f);
}

void timeline::begin_step(const fiber& f) { push({kind::step, f.id}); }

void timeline::note(testing::trace_kind of, const fiber& f, const char* what) {
  switch (of) {
    case testing::trace_kind::spawn:
      keep_name(f);
      push({kind::spawns, f.id, static_cast<const char*>(f.site.line != 0 ? f.site.where : nullptr),
            f.site.line});
      return;
    case testing::trace_kind::park:
      if (f.state == fiber_state::parked) {
        push({kind::parks, f.id, what, first_awaited(f)});
      } else {
        push({std::exchange(is_offer_, false) ? kind::offers : kind::yields, f.id, what});
      }
      return;
    case testing::trace_kind::wake:
      push({kind::wakes, f.id});
      return;
    case testing::trace_kind::end:
      keep_name(f);
      push({kind::ends, f.id});
      return;
    case testing::trace_kind::run:
    case testing::trace_kind::jump:
      return;
  }
}

void timeline::note_jump(time_point now) { push({kind::jump, 0, nullptr, 0, now}); }

void timeline::note_access(const void*, access how, const char* name) {
  if (name != nullptr) push({how == access::reads ? kind::reads : kind::writes, 0, name});
}

void timeline::note_draw(std::size_t drawn, std::size_t count) {
  push({kind::draws, drawn, nullptr, count});
}

void timeline::freeze(const loop& here, const char* how) {
  push({kind::fails, 0, how});
  keep_name(here.root);
  const_cast<loop&>(here).for_each_fiber([this](const fiber& f) {
    if (f.state != fiber_state::blank && f.state != fiber_state::done) keep_name(f);
  });
  is_frozen_ = true;
}

std::string timeline::name(std::uint64_t id) const {
  std::string text = "fiber " + std::to_string(id);
  if (id < names_.size() && !names_[id].empty()) text += " '" + names_[id] + "'";
  return text;
}

std::string timeline::describe(const event& e) const {
  switch (e.what) {
    case kind::spawns: {
      std::string text = "spawns " + name(e.id);
      if (e.detail == nullptr) return text;
      return text + " (" + detail::describe(spawn_site{e.detail, static_cast<unsigned>(e.number)}) +
             ")";
    }
    case kind::parks:
      return std::string("parks in ") + e.detail + (e.number != 0 ? " for " + name(e.number) : "");
    case kind::yields:
      return "yields";
    case kind::offers:
      return "may switch";
    case kind::draws:
      return "draws " + std::to_string(e.id + 1) + " of " + std::to_string(e.number);
    case kind::wakes:
      return "wakes " + name(e.id);
    case kind::ends:
      return "ends";
    case kind::reads:
      return std::string("reads ") + e.detail;
    case kind::writes:
      return std::string("writes ") + e.detail;
    case kind::fails:
      return e.detail;
    case kind::step:
    case kind::jump:
      break;
  }
  return {};
}

std::string timeline::text() const {
  constexpr unsigned shown_first = 150, shown_last = 50;
  unsigned steps = 0;
  for (const event& e : events_) steps += e.what == kind::step || e.what == kind::jump;
  std::string out;
  unsigned step = 0;
  bool is_first = true;
  for (const event& e : events_) {
    if (e.what == kind::step || e.what == kind::jump) {
      ++step;
      if (step == shown_first + 1 && steps > shown_first + shown_last) {
        out += "\n       ... " + std::to_string(steps - shown_first - shown_last) + " more";
      }
    }
    // Before the first step only main was made.
    if (step == 0) continue;
    if (step > shown_first && step + shown_last <= steps) continue;
    if (e.what == kind::step || e.what == kind::jump) {
      char number[16];
      std::snprintf(number, sizeof number, "%5u  ", step);
      if (!out.empty()) out += '\n';
      out += number;
      out += e.what == kind::step ? name(e.id) + ": "
                                  : "time: +" + std::to_string((e.when - start_).count()) + " ns: ";
      is_first = true;
      continue;
    }
    if (!is_first) out += ", ";
    is_first = false;
    out += describe(e);
  }
  return out;
}

}  // namespace detail
WEFT_NAMESPACE_END
