// SPDX-License-Identifier: BSL-1.0
// Waiting for something that is not weft's and that nobody can take back: a C++20 awaitable, an
// operation of Asio. Layer: sync. What was begun refers to the waiting stack until it has said that
// it is over, so such a wait is never abandoned: a cancel may ask it to stop, and waits on.
#pragma once

#include <utility>

#include "weft/detail/config.hpp"
#include "weft/detail/loop_core.hpp"
#include "weft/detail/wait_type.hpp"
#include "weft/detail/waker.hpp"
#include "weft/time.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

// Waits for the signal. If the fiber is cancelled meanwhile, calls stop() once, in the fiber, and
// waits on. True if stop() was called.  Throws: what stop() throws, after the signal.
template <class Stop>
bool wait_or_stop(waker& done, const wait_type& what, Stop&& stop) {
  loop_core* const here = done.is_for_fiber() ? running_loop() : nullptr;
  const bool is_cancellable = here != nullptr && is_cancel_deliverable(*here);
  wake_reason reason = wake_reason::cancelled;
  // What began the wait may have parked: a cancel that came then ends no later park.
  if (!is_cancellable || done.has_arrived() || !is_cancel_due(*here)) {
    reason = done.wait_until(time_point::max(), is_cancellable, what);
  }
  if (reason == wake_reason::completed) return false;
  try {
    std::forward<Stop>(stop)();
  } catch (...) {
    done.wait(what);
    throw;
  }
  done.wait(what);
  return true;
}

}  // namespace detail
WEFT_NAMESPACE_END
