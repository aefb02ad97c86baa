// SPDX-License-Identifier: BSL-1.0
// See schedule_steps.hpp.
#include "schedule_steps.hpp"

#include <algorithm>

WEFT_NAMESPACE_BEGIN
namespace detail {

void step_accesses::add(std::uint64_t object, bool writes) {
  for (one& known : all) {
    if (known.object != object) continue;
    known.writes = known.writes || writes;
    return;
  }
  all.push_back({object, writes});
}

void step_accesses::clear() noexcept {
  all.clear();
  is_declared = is_everything = false;
}

bool commute(const step_accesses& a, const step_accesses& b) noexcept {
  if (a.is_everything || b.is_everything) return false;
  for (const auto& mine : a.all) {
    for (const auto& other : b.all) {
      if (mine.object == other.object && (mine.writes || other.writes)) return false;
    }
  }
  return true;
}

bool is_asleep(const sleep_set& set, std::uint64_t who) noexcept {
  return std::any_of(set.begin(), set.end(),
                     [who](const sleeping_step& one) { return one.who == who; });
}

void wake_dependent(sleep_set& set, const step_accesses& taken) {
  set.erase(std::remove_if(set.begin(), set.end(),
                           [&](const sleeping_step& one) { return !commute(one.step, taken); }),
            set.end());
}

void object_numbers::clear() noexcept {
  numbers_.clear();
  next_ = 0;
}

void object_numbers::note(step_accesses& to, const void* object, access how) {
  if (how == access::ends) {
    const auto known = numbers_.find(object);
    if (known == numbers_.end()) return;  // nobody else has ever used it
    to.add(known->second, true);
    numbers_.erase(known);
    return;
  }
  const auto [place, is_new] = numbers_.emplace(object, next_);
  if (is_new) next_ += 4;
  to.add(place->second, is_new || how == access::writes);
}

}  // namespace detail
WEFT_NAMESPACE_END
