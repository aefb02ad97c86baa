// SPDX-License-Identifier: BSL-1.0
// epoll by raw system calls: a hooked epoll_wait inside the poller would park the poller.
#include "epoll_poller.hpp"

#include <poll.h>
#include <sys/epoll.h>

#include <cerrno>
#include <cstdint>
#include <ctime>
#include <system_error>

#include "../base/sanitizers.hpp"
#include "../base/syscalls.hpp"

#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441  // Linux 5.11; one number on all architectures
#endif

WEFT_NAMESPACE_BEGIN
namespace detail {
namespace {

constexpr std::uint64_t inbox_word = 0;  // no descriptor's: their ids are never 0

[[noreturn]] void refuse(long error, const char* what) {
  throw std::system_error(static_cast<int>(-error), std::system_category(), what);
}

}  // namespace

// valgrind 3.19 does not know epoll_pwait2, and says so on every program's stderr.
epoll_poller::epoll_poller(int event_fd) : event_fd_(event_fd), has_pwait2_(!is_on_valgrind()) {
  open(event_fd);
}

void epoll_poller::open(int event_fd) {
  const long fd = raw_syscall(SYS_epoll_create1, EPOLL_CLOEXEC);
  if (fd < 0) refuse(fd, "weft: a loop needs an epoll descriptor, and the system refused it");
  epoll_fd_ = static_cast<int>(fd);
  event_fd_ = event_fd;
  epoll_event interest{};
  interest.events = EPOLLIN;
  interest.data.u64 = inbox_word;
  const long added = raw_syscall(SYS_epoll_ctl, epoll_fd_, EPOLL_CTL_ADD, event_fd, &interest);
  if (added < 0) {
    abandon();
    refuse(added, "weft: the loop's eventfd cannot be watched");
  }
}

epoll_poller::~epoll_poller() { abandon(); }

void epoll_poller::abandon() noexcept {
  if (epoll_fd_ >= 0) raw_syscall(SYS_close, epoll_fd_);
  epoll_fd_ = event_fd_ = -1;
}

void epoll_poller::renew(int event_fd) {
  abandon();
  open(event_fd);
  descriptors.for_each([this](int fd, descriptor_slot& slot) {
    if (slot.kind == descriptor_slot::use::none) return;
    slot.is_registered = false;
    // A shared listener's other loops are not in this process: nobody is to be passed by.
    const long refused = slot.kind == descriptor_slot::use::owned
                             ? watch(fd, slot)
                             : watch_once(fd, slot, slot.awaited_events());
    if (refused < 0) descriptor_table::end_use(slot, static_cast<int>(-refused));
  });
}

long epoll_poller::wait_for_events(void* events, int count, duration longest) noexcept {
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
    const std::uint64_t word = events[i].data.u64;
    if (word != inbox_word) {
      // epoll's bits are poll's
      if (descriptor_slot* const slot = descriptors.note(word, events[i].events)) {
        const long refused =
            watch_once(static_cast<int>(word & 0xffffffffU), *slot, slot->awaited_events());
        if (refused < 0) descriptor_table::end_use(*slot, static_cast<int>(-refused));
      }
      continue;
    }
    std::uint64_t rings = 0;
    raw_syscall(SYS_read, event_fd_, &rings, sizeof rings);
  }
}

static_assert(EPOLLIN == POLLIN && EPOLLOUT == POLLOUT && EPOLLERR == POLLERR &&
              EPOLLHUP == POLLHUP && EPOLLPRI == POLLPRI && EPOLLRDHUP == POLLRDHUP);

long epoll_poller::add(int fd, descriptor_slot& slot, std::uint32_t events) noexcept {
  epoll_event interest{};
  interest.events = events;
  interest.data.u64 = descriptor_table::word_of(fd, slot.id);
  long refused = raw_syscall(SYS_epoll_ctl, epoll_fd_,
                             slot.is_registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &interest);
  // A registration outlives its number while a copy of the descriptor is open somewhere; or it was
  // one shot, which is over.
  if (refused == -EEXIST) {
    refused = raw_syscall(SYS_epoll_ctl, epoll_fd_, EPOLL_CTL_MOD, fd, &interest);
  }
  // Short of memory, the kernel leaves a registration as it was.
  if (refused != -ENOMEM && refused != -ENOSPC) slot.is_registered = refused == 0;
  return refused;
}

long epoll_poller::watch(int fd, descriptor_slot& slot) noexcept {
  return add(fd, slot, EPOLLIN | EPOLLOUT | EPOLLPRI | EPOLLRDHUP | EPOLLET);
}

long epoll_poller::watch_once(int fd, descriptor_slot& slot, short events) noexcept {
  return add(fd, slot, static_cast<std::uint32_t>(events) | EPOLLONESHOT);
}

bool epoll_poller::is_watched(int fd, descriptor_slot& slot, short events) noexcept {
  epoll_event interest{};
  interest.events = static_cast<std::uint32_t>(events) | EPOLLONESHOT;
  interest.data.u64 = descriptor_table::word_of(fd, slot.id);
  const long refused = raw_syscall(SYS_epoll_ctl, epoll_fd_, EPOLL_CTL_MOD, fd, &interest);
  slot.is_registered = refused == 0;
  return refused == 0;
}

long epoll_poller::watch_shared(int fd, std::uint32_t id) noexcept {
  epoll_event interest{};
  interest.events = EPOLLIN | EPOLLEXCLUSIVE;
  interest.data.u64 = descriptor_table::word_of(fd, id);
  long refused = raw_syscall(SYS_epoll_ctl, epoll_fd_, EPOLL_CTL_ADD, fd, &interest);
  if (refused == -EEXIST) {  // left behind as in add(); what is exclusive cannot be changed
    unwatch(fd);
    refused = raw_syscall(SYS_epoll_ctl, epoll_fd_, EPOLL_CTL_ADD, fd, &interest);
  }
  if (refused == -EINVAL) {  // Linux before 4.5: all are woken, and one is in time
    interest.events = EPOLLIN;
    refused = raw_syscall(SYS_epoll_ctl, epoll_fd_, EPOLL_CTL_ADD, fd, &interest);
  }
  return refused;
}

void epoll_poller::unwatch(int fd) noexcept {
  epoll_event unused{};  // Linux before 2.6.9 wants one
  raw_syscall(SYS_epoll_ctl, epoll_fd_, EPOLL_CTL_DEL, fd, &unused);
}

}  // namespace detail
WEFT_NAMESPACE_END
