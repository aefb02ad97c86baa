// SPDX-License-Identifier: BSL-1.0
// The virtual clock, the quiet point and the trace: see testing.hpp.
#include "weft/testing.hpp"

#include <string>

#include "loop.hpp"
#include "weft/detail/check.hpp"

WEFT_NAMESPACE_BEGIN
namespace testing {

virtual_clock::~virtual_clock() = default;

bool virtual_clock::jump(time_point next) noexcept {
  if (!autojump_ || next == time_point::max()) return false;
  if (next > now_) now_ = next;
  return true;
}

void virtual_clock::advance(duration span) {
  if (span < duration::zero()) {
    detail::misuse("virtual_clock::advance() was given " + std::to_string(span.count()) +
                   " ns: time never goes back");
  }
  now_ = detail::saturating_add(now_, span);
}

static constexpr detail::wait_type quiet_wait{"wait_all_blocked"};

void wait_all_blocked() {
  detail::loop& here = detail::whole(detail::require_loop("testing::wait_all_blocked()"));
  detail::throw_if_cancelled(here);
  detail::fiber& self = *here.current;
  self.node.notify = &detail::wake_owner;
  here.quiet.push_back(self.node);
  const detail::wake_reason reason =
      detail::park(here, quiet_wait, nullptr, detail::is_cancel_deliverable(here));
  if (reason == detail::wake_reason::cancelled) detail::throw_cancelled(here);
}

trace::trace() : event_sink(kind::testing) {
  detail::loop& here = detail::whole(detail::require_loop("testing::trace"));
  if (!here.add_sink(*this)) {
    detail::misuse("a second testing::trace was made while the first still records: one at a time");
  }
}

trace::~trace() {
  if (from != nullptr) from->remove_sink(*this);
}

void trace::note(detail::loop& here, trace_kind event, const detail::fiber& f,
                 const char* what) noexcept {
  if (event == trace_kind::jump) {  // last_look still tells the time before it
    events_.push_back({event, fiber_id{0}, here.time->now(), what});
  } else if (&f != &here.idle) {
    events_.push_back({event, fiber_id{f.id}, here.last_look, what});
  }
}

std::uint64_t trace::hash() const noexcept {
  // FNV-1a over what text() shows; addresses and absolute times are left out.
  std::uint64_t sum = 0xcbf29ce484222325ULL;
  const auto mix = [&sum](std::uint64_t value) {
    for (int i = 0; i < 8; ++i) {
      sum = (sum ^ (value & 0xff)) * 0x100000001b3ULL;
      value >>= 8;
    }
  };
  for (const trace_event& e : events_) {
    mix(static_cast<std::uint64_t>(e.kind));
    mix(static_cast<std::uint64_t>(e.fiber));
    mix(static_cast<std::uint64_t>((e.when - events_.front().when).count()));
    for (const char* c = e.what; *c != '\0'; ++c) mix(static_cast<unsigned char>(*c));
  }
  return sum;
}

std::string trace::text() const {
  static constexpr const char* names[] = {"spawn", "run", "park", "wake", "end", "jump"};
  std::string out;
  for (const trace_event& e : events_) {
    out += std::to_string(static_cast<std::uint64_t>(e.fiber)) + " " +
           names[static_cast<unsigned>(e.kind)];
    if (*e.what != '\0') out += std::string(" ") + e.what;
    out += " @" + std::to_string((e.when - events_.front().when).count()) + "ns\n";
  }
  return out;
}

}  // namespace testing
WEFT_NAMESPACE_END
