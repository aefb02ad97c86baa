// SPDX-License-Identifier: BSL-1.0
// poll, select, epoll_wait and their like: the kernel is asked without a wait; where it has
// nothing, the fiber parks until one of the descriptors may have changed, and the kernel is asked
// again, so that every bit of the answer is its own. Layer: hook.
#include <algorithm>
#include <memory>
#include <new>

#include "real.hpp"
#include "waiting.hpp"

WEFT_NAMESPACE_BEGIN
namespace hook {
namespace {

// While another signal mask is wanted, the kernel is asked with it so often: a mask is the whole
// thread's, so a fiber cannot keep its own while others run.
constexpr duration time_per_mask = std::chrono::milliseconds(10);

// Asks until there is something, the deadline has passed or the wait ends otherwise.
// `ask()` is a system call that does not wait; `park(until)` is wait_hooked() over what it is
// about.
template <class Ask, class Park>
long ask_until(loop& here, function_id id, time_point deadline, bool has_mask, Ask&& ask,
               Park&& park) {
  bool is_over = false;
  for (;;) {
    long found = 0;
    do {
      found = ask();
    } while (found == -EINTR);  // whatever handler ran, nothing was waited for
    if (found != 0 || is_over) {
      spend(here);
      return found;
    }
    count(tally_of(id).waits);
    time_point until = deadline;
    if (has_mask) {
      until = std::min(until, detail::saturating_add(here.time->now(), time_per_mask));
    }
    const int happened = park(until);
    if (happened == -ECANCELED || happened == -EINTR || happened == -ENOMEM) return happened;
    // 0, and -EBADF and the like, which the kernel tells in its own way.
    is_over = happened == 0 && until == deadline;
    if (happened < 0 && happened != -EBADF) return must_call_plainly;
  }
}

time_point deadline_after(loop& here, int milliseconds) noexcept {
  if (milliseconds < 0) return time_point::max();
  return detail::saturating_add(here.time->now(), std::chrono::milliseconds(milliseconds));
}
time_point deadline_after(loop& here, const timespec* longest) noexcept {
  return longest != nullptr ? deadline_in(here, *longest) : time_point::max();
}

long poll_now(pollfd* all, nfds_t count, const sigset_t* mask) noexcept {
  timespec at_once{};
  return raw_syscall(SYS_ppoll, all, count, &at_once, mask, detail::kernel_sigset_bytes);
}

long poll_until(loop& here, function_id id, pollfd* all, nfds_t count, const sigset_t* mask,
                time_point deadline) {
  return ask_until(
      here, id, deadline, mask != nullptr, [&] { return poll_now(all, count, mask); },
      [&](time_point until) { return detail::wait_hooked(here, all, count, until); });
}

int poll_as_fiber(loop& here, function_id id, pollfd* all, nfds_t count, int milliseconds) {
  const long found = poll_until(here, id, all, count, nullptr, deadline_after(here, milliseconds));
  return found != must_call_plainly ? ended<int>(found) : real::poll(all, count, milliseconds);
}

int ppoll_as_fiber(loop& here, function_id id, pollfd* all, nfds_t count, const timespec* longest,
                   const sigset_t* mask) {
  const long found = poll_until(here, id, all, count, mask, deadline_after(here, longest));
  return found != must_call_plainly ? ended<int>(found) : real::ppoll(all, count, longest, mask);
}

// -- select --

// Sets as large as `count` asks, which may be more than FD_SETSIZE: bits in words, as the kernel
// has them.
class selection {
 public:
  selection(int count, fd_set* to_read, fd_set* to_write, fd_set* urgent) noexcept
      : count_(count),
        words_((static_cast<std::size_t>(count) + word_bits - 1) / word_bits),
        given_{reinterpret_cast<word*>(to_read), reinterpret_cast<word*>(to_write),
               reinterpret_cast<word*>(urgent)} {}

  // False: no memory.
  bool prepare() noexcept {
    memory_.reset(new (std::nothrow) word[6 * words_ + 1]);
    if (memory_ == nullptr) return false;
    for (std::size_t i = 0; i < 3; ++i) {
      wanted_[i] = given_[i] != nullptr ? memory_.get() + i * words_ : nullptr;
      answer_[i] = given_[i] != nullptr ? memory_.get() + (3 + i) * words_ : nullptr;
      if (given_[i] != nullptr) std::copy_n(given_[i], words_, wanted_[i]);
    }
    return list();
  }

  long ask(const sigset_t* mask) noexcept {
    for (std::size_t i = 0; i < 3; ++i) {
      if (given_[i] != nullptr) std::copy_n(wanted_[i], words_, answer_[i]);
    }
    timespec at_once{};
    struct {
      const sigset_t* mask;
      std::size_t bytes;
    } with{mask, detail::kernel_sigset_bytes};
    return raw_syscall(SYS_pselect6, count_, answer_[0], answer_[1], answer_[2], &at_once, &with);
  }

  void give_answer() noexcept {
    for (std::size_t i = 0; i < 3; ++i) {
      if (given_[i] != nullptr) std::copy_n(answer_[i], words_, given_[i]);
    }
  }

  int wait(loop& here, time_point until) noexcept {
    const int happened = detail::wait_hooked(here, polled_.get(), polled_count_, until);
    if (happened == -EBADF) forget_closed();
    return happened;
  }

 private:
  using word = unsigned long;
  static constexpr std::size_t word_bits = 8 * sizeof(word);

  bool has(std::size_t set, int fd) const noexcept {
    const auto at = static_cast<std::size_t>(fd);
    return wanted_[set] != nullptr && (wanted_[set][at / word_bits] >> (at % word_bits) & 1) != 0;
  }

  bool list() noexcept {
    polled_.reset(new (std::nothrow) pollfd[static_cast<std::size_t>(count_) + 1]);
    if (polled_ == nullptr) return false;
    for (int fd = 0; fd < count_; ++fd) {
      const int events =
          (has(0, fd) ? POLLIN : 0) | (has(1, fd) ? POLLOUT : 0) | (has(2, fd) ? POLLPRI : 0);
      if (events == 0) continue;
      polled_[polled_count_++] = {fd, static_cast<short>(events), 0};
    }
    return true;
  }

  // Numbers beyond those that the process ever had open are no error to the kernel: it passes them
  // over, and would say so for ever.
  void forget_closed() noexcept {
    pollfd* const end =
        std::remove_if(polled_.get(), polled_.get() + polled_count_,
                       [](pollfd& one) { return raw_syscall(SYS_fcntl, one.fd, F_GETFD, 0) < 0; });
    polled_count_ = static_cast<std::size_t>(end - polled_.get());
  }

  const int count_;
  const std::size_t words_;
  word* given_[3];
  word* wanted_[3] = {};
  word* answer_[3] = {};
  std::unique_ptr<word[]> memory_;
  std::unique_ptr<pollfd[]> polled_;
  std::size_t polled_count_ = 0;
};

// -ENOMEM without memory; nothing of the sets has changed then.
long select_until(loop& here, function_id id, selection& sets, const sigset_t* mask,
                  time_point deadline) {
  if (!sets.prepare()) return -ENOMEM;
  const long found = ask_until(
      here, id, deadline, mask != nullptr, [&] { return sets.ask(mask); },
      [&](time_point until) { return sets.wait(here, until); });
  if (found >= 0) sets.give_answer();
  return found;
}

constexpr int most_descriptors = 1 << 20;  // /proc/sys/fs/nr_open, as it is everywhere

// -- epoll --

template <class Mask>
long epoll_now(int fd, epoll_event* to, int room, Mask mask) noexcept {
  return raw_syscall(SYS_epoll_pwait, fd, to, room, 0, mask, detail::kernel_sigset_bytes);
}

long epoll_until(loop& here, function_id id, int fd, epoll_event* to, int room,
                 const sigset_t* mask, time_point deadline) {
  return ask_until(
      here, id, deadline, mask != nullptr, [&] { return epoll_now(fd, to, room, mask); },
      [&](time_point until) { return detail::wait_hooked(here, fd, POLLIN, until); });
}

// A fiber parks for a while at least; whoever only asks is not held up.
loop* loop_for_wait(function_id id, bool is_only_asking) noexcept {
  loop* const here = fiber_loop(tier::net, id);
  if (here == nullptr || is_only_asking || must_block(*here)) return nullptr;
  return here;
}
bool is_zero(const timespec* span) noexcept {
  return span != nullptr && span->tv_sec == 0 && span->tv_nsec == 0;
}

}  // namespace
}  // namespace hook
WEFT_NAMESPACE_END

using namespace weft::hook;

extern "C" {

WEFT_API int poll(pollfd* all, nfds_t count, int milliseconds) {
  loop* const here = loop_for_wait(function_id::poll, milliseconds == 0);
  if (here == nullptr) return real::poll(all, count, milliseconds);
  return poll_as_fiber(*here, function_id::poll, all, count, milliseconds);
}

WEFT_API int __poll_chk(pollfd* all, nfds_t count, int milliseconds, size_t room) {
  loop* const here = loop_for_wait(function_id::__poll_chk, milliseconds == 0);
  if (here == nullptr || room / sizeof *all < count) {
    return real::__poll_chk(all, count, milliseconds, room);
  }
  return poll_as_fiber(*here, function_id::__poll_chk, all, count, milliseconds);
}

WEFT_API int ppoll(pollfd* all, nfds_t count, const timespec* longest, const sigset_t* mask) {
  loop* const here = loop_for_wait(function_id::ppoll, is_zero(longest));
  if (here == nullptr || (longest != nullptr && !is_valid(*longest))) {
    return real::ppoll(all, count, longest, mask);
  }
  return ppoll_as_fiber(*here, function_id::ppoll, all, count, longest, mask);
}

WEFT_API int __ppoll_chk(pollfd* all, nfds_t count, const timespec* longest, const sigset_t* mask,
                         size_t room) {
  loop* const here = loop_for_wait(function_id::__ppoll_chk, is_zero(longest));
  if (here == nullptr || room / sizeof *all < count ||
      (longest != nullptr && !is_valid(*longest))) {
    return real::__ppoll_chk(all, count, longest, mask, room);
  }
  return ppoll_as_fiber(*here, function_id::__ppoll_chk, all, count, longest, mask);
}

WEFT_API int select(int count, fd_set* to_read, fd_set* to_write, fd_set* urgent,
                    timeval* longest) {
  const bool is_only_asking = longest != nullptr && longest->tv_sec == 0 && longest->tv_usec == 0;
  loop* const here = loop_for_wait(function_id::select, is_only_asking);
  if (here == nullptr || count < 0 || count > most_descriptors ||
      (longest != nullptr && (longest->tv_sec < 0 || longest->tv_usec < 0))) {
    return real::select(count, to_read, to_write, urgent, longest);
  }
  const weft::time_point deadline =
      longest == nullptr
          ? weft::time_point::max()
          : weft::detail::saturating_add(here->time->now(),
                                         span_of(longest->tv_sec, longest->tv_usec * 1000));
  selection sets(count, to_read, to_write, urgent);
  const long found = select_until(*here, function_id::select, sets, nullptr, deadline);
  if (found == must_call_plainly) return real::select(count, to_read, to_write, urgent, longest);
  if (longest != nullptr) {  // Linux tells what is left
    const auto left = std::chrono::duration_cast<std::chrono::microseconds>(
                          weft::detail::saturating_gap(here->time->now(), deadline))
                          .count();
    longest->tv_sec = left / 1'000'000;
    longest->tv_usec = left % 1'000'000;
  }
  return ended<int>(found);
}

WEFT_API int pselect(int count, fd_set* to_read, fd_set* to_write, fd_set* urgent,
                     const timespec* longest, const sigset_t* mask) {
  loop* const here = loop_for_wait(function_id::pselect, is_zero(longest));
  if (here == nullptr || count < 0 || count > most_descriptors ||
      (longest != nullptr && !is_valid(*longest))) {
    return real::pselect(count, to_read, to_write, urgent, longest, mask);
  }
  selection sets(count, to_read, to_write, urgent);
  const long found =
      select_until(*here, function_id::pselect, sets, mask,
                   longest != nullptr ? deadline_in(*here, *longest) : weft::time_point::max());
  if (found == must_call_plainly) {
    return real::pselect(count, to_read, to_write, urgent, longest, mask);
  }
  return ended<int>(found);
}

WEFT_API int epoll_wait(int fd, epoll_event* to, int room, int milliseconds) {
  loop* const here = loop_for_wait(function_id::epoll_wait, milliseconds == 0);
  if (here == nullptr) return real::epoll_wait(fd, to, room, milliseconds);
  const long found = epoll_until(*here, function_id::epoll_wait, fd, to, room, nullptr,
                                 deadline_after(*here, milliseconds));
  return found != must_call_plainly ? ended<int>(found)
                                    : real::epoll_wait(fd, to, room, milliseconds);
}

WEFT_API int epoll_pwait(int fd, epoll_event* to, int room, int milliseconds,
                         const sigset_t* mask) {
  loop* const here = loop_for_wait(function_id::epoll_pwait, milliseconds == 0);
  if (here == nullptr) return real::epoll_pwait(fd, to, room, milliseconds, mask);
  const long found = epoll_until(*here, function_id::epoll_pwait, fd, to, room, mask,
                                 deadline_after(*here, milliseconds));
  return found != must_call_plainly ? ended<int>(found)
                                    : real::epoll_pwait(fd, to, room, milliseconds, mask);
}

WEFT_API int epoll_pwait2(int fd, epoll_event* to, int room, const timespec* longest,
                          const sigset_t* mask) {
  loop* const here = loop_for_wait(function_id::epoll_pwait2, is_zero(longest));
  if (here == nullptr || (longest != nullptr && !is_valid(*longest))) {
    return real::epoll_pwait2(fd, to, room, longest, mask);
  }
  const long found = epoll_until(*here, function_id::epoll_pwait2, fd, to, room, mask,
                                 deadline_after(*here, longest));
  return found != must_call_plainly ? ended<int>(found)
                                    : real::epoll_pwait2(fd, to, room, longest, mask);
}

}  // extern "C"
