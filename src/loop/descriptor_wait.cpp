// SPDX-License-Identifier: BSL-1.0
// See descriptor_wait.hpp.
#include "descriptor_wait.hpp"

#include <poll.h>

#include <cerrno>
#include <ctime>

#include "../base/syscalls.hpp"
#include "descriptor_table.hpp"
#include "loop.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {
namespace {

using use = descriptor_slot::use;

constexpr wait_type readable_wait{"readable descriptor", ended_by::world};
constexpr wait_type writable_wait{"writable descriptor", ended_by::world};

constexpr short asks_for(direction way) noexcept {
  return way == direction::read ? POLLIN : POLLOUT;
}

// What the kernel says at this moment; 0 if it has nothing.
int ask_kernel(int fd, short events) noexcept {
  pollfd one{};
  one.fd = fd;
  one.events = events;
  timespec at_once{};
  const long count = raw_syscall(SYS_ppoll, &one, 1, &at_once, nullptr, 0);
  if (count > 0 && (one.revents & POLLNVAL) != 0) return -EBADF;
  return count > 0 ? one.revents : 0;
}

// Stands in the slot while a fiber is parked.
int park_at(loop& here, descriptor_slot& slot, short events, time_point deadline) {
  descriptor_wait self{here.current, 0};
  if ((events & POLLIN) != 0) slot.wait_for(direction::read) = &self;
  if ((events & POLLOUT) != 0) slot.wait_for(direction::write) = &self;
  if (deadline != time_point::max()) arm_own_timer(here, here.time->now(), deadline);
  ++here.waits_for(ended_by::world);
  const wake_reason reason = park(here, (events & POLLIN) != 0 ? readable_wait : writable_wait,
                                  &slot, can_cancel_wait(here));
  --here.waits_for(ended_by::world);
  for (descriptor_wait*& one : slot.waits) {
    if (one == &self) one = nullptr;
  }
  if (self.happened != 0) return self.happened;  // also when a cancel came right behind
  if (reason == wake_reason::cancelled) return -ECANCELED;
  return 0;
}

bool is_taken(const descriptor_slot& slot, short events) noexcept {
  return ((events & POLLIN) != 0 && slot.waits[0] != nullptr) ||
         ((events & POLLOUT) != 0 && slot.waits[1] != nullptr);
}

// The registration lasts as long as somebody waits.
int wait_for_borrowed(loop& here, int fd, descriptor_slot& slot, short events,
                      time_point deadline) {
  if (!slot.is_waited_for()) {
    slot = descriptor_slot();
    slot.id = descriptor_table::next_id();
    slot.kind = use::borrowed;
  }
  const std::uint32_t id = slot.id;
  // The other direction's waiter, if there is one, stays in the kernel's list.
  short all = events;
  if (slot.waits[0] != nullptr) all = static_cast<short>(all | POLLIN);
  if (slot.waits[1] != nullptr) all = static_cast<short>(all | POLLOUT);
  const long refused = here.kernel->watch_once(fd, slot, all);
  if (refused < 0) {
    if (!slot.is_waited_for()) slot = descriptor_slot();
    return static_cast<int>(refused);
  }
  const int happened = park_at(here, slot, events, deadline);
  if (slot.id == id && !slot.is_waited_for()) {
    here.kernel->unwatch(fd);
    slot = descriptor_slot();
  }
  return happened;
}

// A stray event may have left "maybe" behind: the kernel is asked.
int wait_for_owned_by_number(loop& here, int fd, descriptor_slot& slot, short events,
                             time_point deadline) {
  const std::uint32_t id = slot.id;
  for (;;) {
    const int now = ask_kernel(fd, events);
    if (now != 0) return now;
    const int happened = park_at(here, slot, events, deadline);
    if (happened <= 0 || slot.id != id) return happened;
  }
}

}  // namespace

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

int wait_for_descriptor(int fd, short events, time_point deadline) {
  loop_core* const core = running_loop();
  if (core == nullptr || core->current == &core->idle) {
    return block_for_descriptor(fd, events, deadline);
  }
  loop& here = whole(*core);
  if (stop_if_cancelled(here)) return -ECANCELED;
  if (fd < 0) return -EBADF;
  descriptor_slot* const slot = here.kernel->descriptors.at(fd);
  if (slot == nullptr) return -ENOMEM;
  // One that weft owned may have been closed by another loop since, and its number reused.
  if (slot->kind == use::owned && here.kernel->watch(fd, *slot) < 0) {
    descriptor_table::end_use(*slot, EBADF);
  }
  if (is_taken(*slot, events)) return -EEXIST;
  const int happened = slot->kind == use::owned
                           ? wait_for_owned_by_number(here, fd, *slot, events, deadline)
                           : wait_for_borrowed(here, fd, *slot, events, deadline);
  if (happened == -ECANCELED) stop_cancelled(here);
  return happened;
}

int wait_for_owned(loop& here, int fd, std::uint32_t id, direction way) {
  if (stop_if_cancelled(here)) return -ECANCELED;
  descriptor_slot* const slot = here.kernel->descriptors.at(fd);
  if (slot == nullptr) return -ENOMEM;
  if (slot->id != id) {
    // Who still waits there waits for a descriptor that was closed behind weft's back.
    descriptor_table::end_use(*slot, EBADF);
    slot->id = id;
    slot->kind = use::owned;
    slot->maybe[0] = slot->maybe[1] = false;  // the kernel tells at once what is true now
    const long refused = here.kernel->watch(fd, *slot);
    if (refused < 0) {
      *slot = descriptor_slot();
      return static_cast<int>(refused);
    }
  }
  if (slot->wait_for(way) != nullptr) return -EEXIST;
  while (!slot->maybe_for(way)) {
    const int happened = park_at(here, *slot, asks_for(way), time_point::max());
    if (happened == -ECANCELED && stop_cancelled(here)) return -ECANCELED;
    if (happened < 0) return happened;
    if (slot->id != id) return -EBADF;
  }
  return 0;
}

static void forget_at(loop& here, int fd, std::uint32_t id) noexcept {
  descriptor_slot* const slot = here.kernel->descriptors.at(fd);
  if (slot == nullptr || slot->kind == use::none || (id != 0 && slot->id != id)) return;
  if (slot->is_registered) here.kernel->unwatch(fd);
  descriptor_table::end_use(*slot, EBADF);
}

void forget_descriptor(int fd, std::uint32_t id) noexcept {
  if (fd < 0) return;
  if (loop_core* const core = running_loop()) {
    forget_at(whole(*core), fd, id);
    return;
  }
  for (loop* guest = guests_of_thread(); guest != nullptr; guest = guest->next_guest) {
    forget_at(*guest, fd, id);
    guest->shared->box.wake_sleeper();
  }
}

}  // namespace detail
WEFT_NAMESPACE_END
