// SPDX-License-Identifier: BSL-1.0
// See descriptor_wait.hpp.
#include "descriptor_wait.hpp"

#include <poll.h>

#include <cerrno>
#include <ctime>

#include "../base/syscalls.hpp"
#include "loop.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {
namespace {

constexpr wait_type descriptor_wait_type{"descriptor", ended_by::world};

int block_for_descriptor(int fd, short events, time_point deadline) noexcept {
  pollfd one{};
  one.fd = fd;
  one.events = events;
  for (;;) {
    timespec left{};
    if (deadline != time_point::max()) {
      const auto span = saturating_gap(now(), deadline);
      left.tv_sec = static_cast<std::time_t>(span.count() / 1'000'000'000);
      left.tv_nsec = static_cast<long>(span.count() % 1'000'000'000);
    }
    timespec* const limit = deadline != time_point::max() ? &left : nullptr;
    const long count = raw_syscall(SYS_ppoll, &one, 1, limit, nullptr, 0);
    if (count == -EINTR) continue;
    if (count < 0) return static_cast<int>(count);
    if (count > 0 && (one.revents & POLLNVAL) != 0) return -EBADF;
    return count > 0 ? one.revents : 0;
  }
}

}  // namespace

int wait_for_descriptor(int fd, short events, time_point deadline) {
  loop_core* const core = running_loop();
  if (core == nullptr || core->current == &core->idle) {
    return block_for_descriptor(fd, events, deadline);
  }
  loop& here = whole(*core);
  if (stop_if_cancelled(here)) return -ECANCELED;
  descriptor_wait self{here.current, 0};
  const long refused = here.kernel->watch(fd, events, self);
  if (refused < 0) return static_cast<int>(refused);
  if (deadline != time_point::max()) arm_own_timer(here, here.time->now(), deadline);
  ++here.waits_for(ended_by::world);
  const wake_reason reason = park(here, descriptor_wait_type, &self, can_cancel_wait(here));
  --here.waits_for(ended_by::world);
  here.kernel->unwatch(fd);
  if (self.happened != 0) return self.happened;  // also when a cancel came right behind
  if (reason == wake_reason::cancelled && stop_cancelled(here)) return -ECANCELED;
  return 0;
}

}  // namespace detail
WEFT_NAMESPACE_END
