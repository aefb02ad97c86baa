// SPDX-License-Identifier: BSL-1.0
// See shared_watch.hpp. How a fiber waits there: descriptor_wait.cpp.
#include "shared_watch.hpp"

#include "poller.hpp"
#include "weft/detail/check.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

shared_watch::~shared_watch() {
  WEFT_ASSERT(waiting_.empty() && "nobody waits for a connection at a shared listener any more");
}

long shared_watch::enter(member& one) noexcept {
  const std::lock_guard<std::mutex> alone(guard_);
  const long refused = one.kernel.watch_shared(one.fd, one.id);
  if (refused == 0) waiting_.push_back(one);
  return refused;
}

void shared_watch::leave(member& one) noexcept {
  const std::lock_guard<std::mutex> alone(guard_);
  if (!one.is_linked()) return;
  one.unlink();
  one.kernel.unwatch(one.fd);
}

void shared_watch::pass_on() noexcept {
  const std::lock_guard<std::mutex> alone(guard_);
  if (waiting_.empty()) return;
  const auto& longest = static_cast<const member&>(waiting_.front());
  longest.kernel.unwatch(longest.fd);
  // It was possible before; the kernel would have to be out of memory, and then nobody is told.
  longest.kernel.watch_shared(longest.fd, longest.id);
}

}  // namespace detail
WEFT_NAMESPACE_END
