// SPDX-License-Identifier: BSL-1.0
// sendfile and splice: between two descriptors, each of which may make it wait. Layer: hook.
#include "real.hpp"
#include "waiting.hpp"

WEFT_NAMESPACE_BEGIN
namespace hook {
namespace {

// The kernel's call sends all, as a blocking write does; it stops at the file's end.
ssize_t send_file(loop& here, function_id id, int to, int from, off_t* at, size_t bytes) noexcept {
  size_t sent = 0;
  call_waits waits(here, id, to, POLLOUT);
  while (sent < bytes) {
    long now = 0;
    {
      const nonblocking_for_now set(to);
      now = raw_syscall(SYS_sendfile, to, from, at, bytes - sent);
    }
    if (now == 0) break;
    if (now > 0) {
      sent += static_cast<size_t>(now);
      spend(here);
      continue;
    }
    const long end = now == -EAGAIN ? waits.wait() : now;
    if (end == 0) continue;
    if (sent != 0) break;
    return end == must_call_plainly ? real::sendfile(to, from, at, bytes) : ended<ssize_t>(end);
  }
  return static_cast<ssize_t>(sent);
}

// Moves something, as the kernel's does. Of two that may make it wait, the reader is asked first.
long splice_as_fiber(loop& here, int from, off64_t* from_at, int to, off64_t* to_at, size_t bytes,
                     unsigned flags) noexcept {
  call_waits reads(here, function_id::splice, from, POLLIN);
  call_waits writes(here, function_id::splice, to, POLLOUT);
  for (;;) {
    long moved = 0;
    {
      const nonblocking_for_now set_from(from);
      const nonblocking_for_now set_to(to);
      moved = raw_syscall(SYS_splice, from, from_at, to, to_at, bytes, flags | SPLICE_F_NONBLOCK);
    }
    if (moved != -EAGAIN) {
      spend(here);
      return moved;
    }
    const bool has_data = detail::ask_for_descriptor(from, POLLIN) != 0;
    const long end = has_data ? writes.wait() : reads.wait();
    if (end != 0) return end;
  }
}

}  // namespace
}  // namespace hook
WEFT_NAMESPACE_END

using namespace weft::hook;

extern "C" {

WEFT_API ssize_t sendfile(int to, int from, off_t* at, size_t bytes) noexcept {
  loop* const here = fiber_loop(tier::net, function_id::sendfile);
  if (here == nullptr || is_nonblocking(to)) return real::sendfile(to, from, at, bytes);
  return send_file(*here, function_id::sendfile, to, from, at, bytes);
}

WEFT_API ssize_t sendfile64(int to, int from, off64_t* at, size_t bytes) noexcept {
  static_assert(sizeof(off_t) == sizeof(off64_t));
  loop* const here = fiber_loop(tier::net, function_id::sendfile64);
  if (here == nullptr || is_nonblocking(to)) return real::sendfile64(to, from, at, bytes);
  return send_file(*here, function_id::sendfile64, to, from, at, bytes);
}

WEFT_API ssize_t splice(int from, off64_t* from_at, int to, off64_t* to_at, size_t bytes,
                        unsigned flags) {
  loop* const here = fiber_loop(tier::net, function_id::splice);
  if (here == nullptr || (flags & SPLICE_F_NONBLOCK) != 0) {
    return real::splice(from, from_at, to, to_at, bytes, flags);
  }
  const long moved = splice_as_fiber(*here, from, from_at, to, to_at, bytes, flags);
  if (moved == must_call_plainly) return real::splice(from, from_at, to, to_at, bytes, flags);
  return ended<ssize_t>(moved);
}

}  // extern "C"
