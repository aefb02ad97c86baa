// SPDX-License-Identifier: BSL-1.0
// See descriptor_wait.hpp.
#include "descriptor_wait.hpp"

#include <poll.h>

#include <cerrno>
#include <ctime>

#include "../base/syscalls.hpp"
#include "descriptor_table.hpp"
#include "loop.hpp"
#include "shared_watch.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {
namespace {

using use = descriptor_slot::use;

constexpr wait_type readable_wait{"readable descriptor", ended_by::world};
constexpr wait_type writable_wait{"writable descriptor", ended_by::world};
constexpr wait_type hangup_wait{"hangup of a descriptor's peer", ended_by::world};

constexpr short asks_for(direction way) noexcept {
  constexpr short asked[directions] = {POLLIN, POLLOUT, POLLRDHUP, POLLPRI, 0};
  return asked[static_cast<std::size_t>(way)];
}

const wait_type& name_of(short events) noexcept {
  if ((events & POLLIN) != 0) return readable_wait;
  return (events & POLLOUT) != 0 ? writable_wait : hangup_wait;
}

// What a file without a poll function is: always ready, both ways. Source: linux/poll.h.
constexpr short always_ready = POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;

// Stands in the slot while a fiber is parked.
int park_at(loop& here, descriptor_slot& slot, descriptor_wait& self, short events,
            time_point deadline) {
  if ((events & POLLIN) != 0) slot.add(self, direction::read);
  if ((events & POLLOUT) != 0) slot.add(self, direction::write);
  if ((events & POLLRDHUP) != 0) slot.add(self, direction::hangup);
  if (deadline != time_point::max()) arm_own_timer(here, here.time->now(), deadline);
  ++here.waits_for(ended_by::world);
  const wake_reason reason = park(here, name_of(events), &slot, can_cancel_wait(here));
  --here.waits_for(ended_by::world);
  slot.remove(self);
  if (self.happened != 0) return self.happened;  // also when a cancel came right behind
  if (reason == wake_reason::cancelled) return -ECANCELED;
  return 0;
}

int park_at(loop& here, descriptor_slot& slot, short events, time_point deadline) {
  descriptor_wait self{here.current};
  return park_at(here, slot, self, events, deadline);
}

// Of one loop of several. It leaves the others before the number can change hands: they may
// register it anew until then.
struct shared_wait : descriptor_wait {
  shared_wait(loop& here, shared_watch& all, int fd, std::uint32_t id) noexcept
      : member(all, *here.kernel, fd, id) {
    owner = here.current;
    notify = &on_event;
  }
  static void on_event(descriptor_wait& self) noexcept {
    shared_watch_member& own = static_cast<shared_wait&>(self).member;
    own.of.leave(own);
    wake(*self.owner, wake_reason::completed);
  }

  shared_watch_member member;
};

bool is_taken(const descriptor_slot& slot, short events) noexcept {
  return (events & slot.awaited_events()) != 0;
}

// The registration lasts as long as somebody waits. 0, or -errno.
int enter_borrowed(loop& here, int fd, descriptor_slot& slot, short events) noexcept {
  if (!slot.is_waited_for()) {
    slot = descriptor_slot();
    slot.id = descriptor_table::next_id();
    slot.kind = use::borrowed;
  }
  // Who waits for another direction stays in the kernel's list.
  const int all = events | slot.awaited_events();
  const long refused = here.kernel->watch_once(fd, slot, static_cast<short>(all));
  if (refused < 0 && !slot.is_waited_for()) slot = descriptor_slot();
  return static_cast<int>(refused);
}

void leave_borrowed(loop& here, int fd, descriptor_slot& slot, std::uint32_t id) noexcept {
  if (slot.id != id || slot.is_waited_for()) return;
  here.kernel->unwatch(fd);
  slot = descriptor_slot();
}

int wait_for_borrowed(loop& here, int fd, descriptor_slot& slot, short events,
                      time_point deadline) {
  const int refused = enter_borrowed(here, fd, slot, events);
  if (refused < 0) return refused;
  const std::uint32_t id = slot.id;
  const int happened = park_at(here, slot, events, deadline);
  leave_borrowed(here, fd, slot, id);
  return happened;
}

// One that weft owned may have been closed by another loop since, and its number reused. -errno if
// that cannot be found out, else 0.
int drop_if_closed_elsewhere(loop& here, int fd, descriptor_slot& slot) noexcept {
  if (slot.kind != use::owned) return 0;
  const long refused = here.kernel->watch(fd, slot);
  if (refused == -ENOMEM || refused == -ENOSPC) return static_cast<int>(refused);
  if (refused < 0) descriptor_table::end_use(slot, EBADF);
  return 0;
}

// Makes the slot that of this use of weft's own. 0, or -errno.
int enter_owned(loop& here, int fd, descriptor_slot& slot, std::uint32_t id) noexcept {
  if (slot.id == id) return 0;
  // Who still waits there waits for a descriptor that was closed behind weft's back.
  descriptor_table::end_use(slot, EBADF);
  slot.id = id;
  slot.kind = use::owned;
  slot.maybe[0] = slot.maybe[1] = false;  // the kernel tells at once what is true now
  const long refused = here.kernel->watch(fd, slot);
  if (refused < 0) slot = descriptor_slot();
  return static_cast<int>(refused);
}

// A stray event may have left "maybe" behind: the kernel is asked.
int wait_for_owned_by_number(loop& here, int fd, descriptor_slot& slot, short events,
                             time_point deadline) {
  const std::uint32_t id = slot.id;
  for (;;) {
    const int now = ask_for_descriptor(fd, events);
    if (now != 0) return now;
    const int happened = park_at(here, slot, events, deadline);
    if (happened <= 0 || slot.id != id) return happened;
  }
}

}  // namespace

int ask_for_descriptor(int fd, short events) noexcept {
  pollfd one{};
  one.fd = fd;
  one.events = events;
  timespec at_once{};
  long count = 0;
  do {
    count = raw_syscall(SYS_ppoll, &one, 1, &at_once, nullptr, 0);
  } while (count == -EINTR);
  if (count < 0) return static_cast<int>(count);
  if (count > 0 && (one.revents & POLLNVAL) != 0) return -EBADF;
  return count > 0 ? one.revents : 0;
}

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
  const int unknown = drop_if_closed_elsewhere(here, fd, *slot);
  if (unknown < 0) return unknown;
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
  const int refused = enter_owned(here, fd, *slot, id);
  if (refused < 0) return refused;
  if (slot->wait_for(way) != nullptr) return -EEXIST;
  while (!slot->maybe_for(way)) {
    const int happened = park_at(here, *slot, asks_for(way), time_point::max());
    if (happened == -ECANCELED && stop_cancelled(here)) return -ECANCELED;
    if (happened < 0) return happened;
    if (slot->id != id) return -EBADF;
  }
  return 0;
}

int wait_for_hangup(loop& here, int fd, std::uint32_t id) {
  if (stop_if_cancelled(here)) return -ECANCELED;
  descriptor_slot* const slot = here.kernel->descriptors.at(fd);
  if (slot == nullptr) return -ENOMEM;
  const int refused = enter_owned(here, fd, *slot, id);
  if (refused < 0) return refused;
  if (slot->wait_for(direction::hangup) != nullptr) return -EEXIST;
  const int happened = wait_for_owned_by_number(here, fd, *slot, POLLRDHUP, time_point::max());
  if (happened == -ECANCELED && stop_cancelled(here)) return -ECANCELED;
  return happened;
}

int wait_for_shared(loop& here, int fd, std::uint32_t id, shared_watch& all) {
  if (stop_if_cancelled(here)) return -ECANCELED;
  descriptor_slot* const slot = here.kernel->descriptors.at(fd);
  if (slot == nullptr) return -ENOMEM;
  if (slot->id == id) {
    if (slot->is_waited_for()) return -EEXIST;
    if (slot->is_registered) here.kernel->unwatch(fd);  // from before it was shared
  }
  descriptor_table::end_use(*slot, EBADF);
  shared_wait self(here, all, fd, id);
  const long refused = all.enter(self.member);
  if (refused < 0) return static_cast<int>(refused);
  slot->id = id;
  slot->kind = use::shared;
  const int happened = park_at(here, *slot, self, POLLIN, time_point::max());
  all.leave(self.member);
  const bool is_open = slot->id == id;  // it may be closed behind the event
  if (is_open) *slot = descriptor_slot();
  if (happened > 0 && is_open) return 0;
  all.pass_on();
  if (happened > 0) return -EBADF;
  if (happened == -ECANCELED && stop_cancelled(here)) return -ECANCELED;
  return happened;
}

int look_at_descriptor(descriptor_key what, direction way, bool must_ask) noexcept {
  if (what.fd < 0) return -EBADF;
  loop& here = whole(*running_loop());
  descriptor_slot* const slot = here.kernel->descriptors.at(what.fd);
  if (slot == nullptr) return -ENOMEM;
  const bool is_own = what.id != 0;
  if (is_own && !must_ask && slot->id == what.id && !slot->maybe_for(way)) return 0;
  const int now = ask_for_descriptor(what.fd, is_own ? asks_for(way) : always_ready);
  if (is_own || now < 0) return now;
  // Rare enough to ask twice: a socket that is ready both ways says the same.
  if (now == always_ready && slot->kind == use::none) {
    const int refused = enter_borrowed(here, what.fd, *slot, asks_for(way));
    if (refused < 0) return refused;
    leave_borrowed(here, what.fd, *slot, slot->id);
  }
  return now & (asks_for(way) | POLLERR | POLLHUP);
}

int stand_at_descriptor(descriptor_key what, direction way, descriptor_wait& self,
                        std::uint32_t& use_id, bool may_share) noexcept {
  if (what.fd < 0) return -EBADF;
  loop& here = whole(*running_loop());
  descriptor_slot* const slot = here.kernel->descriptors.at(what.fd);
  if (slot == nullptr) return -ENOMEM;
  int refused = 0;
  if (what.id != 0) {
    refused = enter_owned(here, what.fd, *slot, what.id);
  } else {
    refused = drop_if_closed_elsewhere(here, what.fd, *slot);
  }
  if (refused < 0) return refused;
  if (!may_share && slot->wait_for(way) != nullptr) return -EEXIST;
  if (slot->kind != use::owned) refused = enter_borrowed(here, what.fd, *slot, asks_for(way));
  if (refused < 0) return refused;
  slot->add(self, way);
  use_id = slot->id;
  return 0;
}

void leave_descriptor(int fd, std::uint32_t use_id, const descriptor_wait& self) noexcept {
  loop& here = whole(*running_loop());
  descriptor_slot& slot = *here.kernel->descriptors.at(fd);
  slot.remove(self);
  if (slot.kind == use::borrowed) leave_borrowed(here, fd, slot, use_id);
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
