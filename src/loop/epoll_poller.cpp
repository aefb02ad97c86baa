// SPDX-License-Identifier: BSL-1.0
// epoll by raw system calls: a hooked epoll_wait inside the poller would park the poller.
#include "epoll_poller.hpp"

#include <poll.h>
#include <sys/epoll.h>

#include <cstdint>
#include <ctime>
#include <system_error>

#include "../base/sanitizers.hpp"
#include "../base/syscalls.hpp"
#include "descriptor_wait.hpp"
#include "weft/detail/park.hpp"

#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441  // Linux 5.11; one number on all architectures
#endif

WEFT_NAMESPACE_BEGIN
namespace detail {
namespace {

[[noreturn]] void refuse(long error, const char* what) {
  throw std::system_error(static_cast<int>(-error), std::system_category(), what);
}

}  // namespace

// valgrind 3.19 does not know epoll_pwait2, and says so on every program's stderr.
epoll_poller::epoll_poller(int event_fd) : event_fd_(event_fd), has_pwait2_(!is_on_valgrind()) {
  const long fd = raw_syscall(SYS_epoll_create1, EPOLL_CLOEXEC);
  if (fd < 0) refuse(fd, "weft: a loop needs an epoll descriptor, and the system refused it");
  epoll_fd_ = static_cast<int>(fd);
  epoll_event interest{};
  interest.events = EPOLLIN;
  interest.data.ptr = nullptr;  // every other one is a descriptor_wait
  const long added = raw_syscall(SYS_epoll_ctl, epoll_fd_, EPOLL_CTL_ADD, event_fd, &interest);
  if (added < 0) {
    raw_syscall(SYS_close, epoll_fd_);
    refuse(added, "weft: the loop's eventfd cannot be watched");
  }
}

epoll_poller::~epoll_poller() { raw_syscall(SYS_close, epoll_fd_); }

long epoll_poller::wait_for_events(void* events, int count, duration longest) noexcept {
  constexpr std::size_t kernel_sigset_bytes = 8;
  if (longest == duration::max()) {
    return raw_syscall(SYS_epoll_pwait, epoll_fd_, events, count, -1, nullptr, kernel_sigset_bytes);
  }
  if (longest <= duration::zero()) {
    return raw_syscall(SYS_epoll_pwait, epoll_fd_, events, count, 0, nullptr, kernel_sigset_bytes);
  }
  const auto nanoseconds = std::chrono::duration_cast<std::chrono::nanoseconds>(longest).count();
  if (has_pwait2_) {
    timespec exact{};
    exact.tv_sec = static_cast<std::time_t>(nanoseconds / 1'000'000'000);
    exact.tv_nsec = static_cast<long>(nanoseconds % 1'000'000'000);
    const long result = raw_syscall(SYS_epoll_pwait2, epoll_fd_, events, count, &exact, nullptr,
                                    kernel_sigset_bytes);
    if (result != -ENOSYS && result != -EPERM) return result;
    has_pwait2_ = false;  // Linux before 5.11, or a container's filter
  }
  // Milliseconds, rounded up: late by less than one, never early.
  const auto milliseconds = nanoseconds / 1'000'000 + (nanoseconds % 1'000'000 != 0 ? 1 : 0);
  const int bounded = milliseconds > 0x7fffffff ? 0x7fffffff : static_cast<int>(milliseconds);
  return raw_syscall(SYS_epoll_pwait, epoll_fd_, events, count, bounded, nullptr,
                     kernel_sigset_bytes);
}

void epoll_poller::wait(duration longest) noexcept {
  epoll_event events[64];
  const long count = wait_for_events(events, 64, longest);
  for (long i = 0; i < count; ++i) {
    if (events[i].data.ptr != nullptr) {
      // Nobody can have left since: fibers run only after the loop is done with these.
      descriptor_wait& waiter = *static_cast<descriptor_wait*>(events[i].data.ptr);
      waiter.happened = static_cast<short>(events[i].events);  // epoll's bits are poll's
      wake(*waiter.owner, wake_reason::completed);
      continue;
    }
    std::uint64_t rings = 0;
    raw_syscall(SYS_read, event_fd_, &rings, sizeof rings);
  }
}

static_assert(EPOLLIN == POLLIN && EPOLLOUT == POLLOUT && EPOLLERR == POLLERR &&
              EPOLLHUP == POLLHUP);

long epoll_poller::watch(int fd, short events, descriptor_wait& waiter) noexcept {
  epoll_event interest{};
  interest.events = static_cast<std::uint32_t>(events) | EPOLLONESHOT;
  interest.data.ptr = &waiter;
  return raw_syscall(SYS_epoll_ctl, epoll_fd_, EPOLL_CTL_ADD, fd, &interest);
}

void epoll_poller::unwatch(int fd) noexcept {
  epoll_event unused{};  // Linux before 2.6.9 wants one
  raw_syscall(SYS_epoll_ctl, epoll_fd_, EPOLL_CTL_DEL, fd, &unused);
}

}  // namespace detail
WEFT_NAMESPACE_END
