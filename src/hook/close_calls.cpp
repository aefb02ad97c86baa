// SPDX-License-Identifier: BSL-1.0
// close and what else makes a number mean something else: fibers that wait for it, on whatever
// loop, get EBADF. Without that the kernel drops the number from epoll in silence, and they would
// wait for ever. Acts on every thread, in fibers or not. Layer: hook.
#include <algorithm>
#include <climits>

#include "real.hpp"
#include "waiting.hpp"

WEFT_NAMESPACE_BEGIN
namespace hook {
namespace {

// Their errno is the close's, not that of what comes after.
void note_closed(unsigned first, unsigned last) noexcept {
  const int error = errno;
  detail::note_closed(static_cast<int>(first),
                      static_cast<int>(std::min(last, static_cast<unsigned>(INT_MAX - 1))));
  errno = error;
}

// Not in a child of vfork(), which closes its own copies while it has our memory.
bool is_watching(int fd) noexcept {
  return is_active(tier::net) && WEFT_UNLIKELY(detail::is_waited_for_anywhere(fd)) &&
         is_own_process();
}

}  // namespace
}  // namespace hook
WEFT_NAMESPACE_END

using namespace weft::hook;

extern "C" {

WEFT_API int close(int fd) {
  fiber_loop(tier::net, function_id::close);  // counts it
  const bool is_awaited = is_watching(fd);
  if (is_awaited) weft::detail::note_closing(fd);
  const int result = real::close(fd);
  if (is_awaited) note_closed(static_cast<unsigned>(fd), static_cast<unsigned>(fd));
  return result;
}

WEFT_API int dup2(int from, int to) noexcept {
  const int result = real::dup2(from, to);
  if (result >= 0 && from != to && is_watching(to)) {
    note_closed(static_cast<unsigned>(to), static_cast<unsigned>(to));
  }
  return result;
}

WEFT_API int dup3(int from, int to, int flags) noexcept {
  const int result = real::dup3(from, to, flags);
  if (result >= 0 && is_watching(to)) {
    note_closed(static_cast<unsigned>(to), static_cast<unsigned>(to));
  }
  return result;
}

WEFT_API int close_range(unsigned first, unsigned last, int flags) noexcept {
  const int result = real::close_range(first, last, flags);
  if (result == 0 && is_active(tier::net) && is_own_process()) note_closed(first, last);
  return result;
}

WEFT_API int fclose(FILE* what) {
  const int fd = is_active(tier::net) && what != nullptr ? fileno_unlocked(what) : -1;
  const bool is_awaited = is_watching(fd);
  const int result = real::fclose(what);
  if (is_awaited) note_closed(static_cast<unsigned>(fd), static_cast<unsigned>(fd));
  return result;
}

}  // extern "C"
