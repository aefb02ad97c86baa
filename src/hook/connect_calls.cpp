// SPDX-License-Identifier: BSL-1.0
// connect and accept, which have no flag that forbids a wait: the descriptor is non-blocking for
// the time of one call. Layer: hook.
#include "real.hpp"
#include "waiting.hpp"

WEFT_NAMESPACE_BEGIN
namespace hook {
namespace {

long connect_now(int fd, const sockaddr* to, socklen_t bytes) noexcept {
  const nonblocking_for_now set(fd);
  return raw_syscall(SYS_connect, fd, to, bytes);
}

// How a connect that is under way came out: 0 or -errno.
long outcome_of_connect(int fd) noexcept {
  int error = 0;
  socklen_t bytes = sizeof error;
  const long refused = raw_syscall(SYS_getsockopt, fd, SOL_SOCKET, SO_ERROR, &error, &bytes);
  return refused < 0 ? refused : -error;
}

// A local socket whose peer's backlog is full says EAGAIN, and no event tells when there is room.
long connect_again(loop& here, int fd, const sockaddr* to, socklen_t bytes) noexcept {
  const time_point deadline = socket_deadline(here, fd, SO_SNDTIMEO);
  duration pause = std::chrono::milliseconds(1);
  for (;;) {
    const time_point now = here.time->now();
    if (now >= deadline) return -EAGAIN;
    const int slept = detail::sleep_hooked(here, detail::saturating_add(now, pause));
    if (slept < 0) return slept;
    const long result = connect_now(fd, to, bytes);
    if (result != -EAGAIN) return result;
    pause = std::min<duration>(2 * pause, std::chrono::milliseconds(50));
  }
}

long connect_as_fiber(loop& here, int fd, const sockaddr* to, socklen_t bytes) noexcept {
  const long began = connect_now(fd, to, bytes);
  if (began == -EAGAIN) {
    count(tally_of(function_id::connect).waits);
    return connect_again(here, fd, to, bytes);
  }
  if (began != -EINPROGRESS) {
    spend(here);
    return began;
  }
  call_waits waits(here, function_id::connect, fd, POLLOUT);
  for (;;) {
    const long end = waits.wait();
    if (end == must_call_plainly) return -EINPROGRESS;
    if (end == -EAGAIN) return -EINPROGRESS;  // SO_SNDTIMEO, as Linux has it
    if (end != 0) return end;
    if (detail::ask_for_descriptor(fd, POLLOUT) != 0) return outcome_of_connect(fd);
  }
}

long accept_now(int fd, sockaddr* from, socklen_t* bytes, int flags) noexcept {
  if (detail::ask_for_descriptor(fd, POLLIN) == 0) return -EAGAIN;
  const nonblocking_for_now set(fd);  // another process may be faster
  return raw_syscall(SYS_accept4, fd, from, bytes, flags);
}

long accept_as_fiber(loop& here, function_id id, int fd, sockaddr* from, socklen_t* bytes,
                     int flags) noexcept {
  return call_when_ready(here, id, fd, POLLIN, [&] { return accept_now(fd, from, bytes, flags); });
}

}  // namespace
}  // namespace hook
WEFT_NAMESPACE_END

using namespace weft::hook;

extern "C" {

WEFT_API int connect(int fd, const sockaddr* to, socklen_t bytes) {
  loop* const here = fiber_loop(tier::net, function_id::connect);
  if (here == nullptr || is_nonblocking(fd) || must_block(*here)) {
    return real::connect(fd, to, bytes);
  }
  return ended<int>(connect_as_fiber(*here, fd, to, bytes));
}

WEFT_API int accept(int fd, sockaddr* from, socklen_t* bytes) {
  loop* const here = fiber_loop(tier::net, function_id::accept);
  if (here == nullptr || is_nonblocking(fd)) return real::accept(fd, from, bytes);
  const long made = accept_as_fiber(*here, function_id::accept, fd, from, bytes, 0);
  return made != must_call_plainly ? ended<int>(made) : real::accept(fd, from, bytes);
}

WEFT_API int accept4(int fd, sockaddr* from, socklen_t* bytes, int flags) {
  loop* const here = fiber_loop(tier::net, function_id::accept4);
  if (here == nullptr || is_nonblocking(fd)) return real::accept4(fd, from, bytes, flags);
  const long made = accept_as_fiber(*here, function_id::accept4, fd, from, bytes, flags);
  return made != must_call_plainly ? ended<int>(made) : real::accept4(fd, from, bytes, flags);
}

}  // extern "C"
