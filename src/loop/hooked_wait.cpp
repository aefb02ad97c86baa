// SPDX-License-Identifier: BSL-1.0
// See hooked_wait.hpp.
#include "hooked_wait.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <memory>
#include <new>

#include "descriptor_wait.hpp"
#include "fork.hpp"
#include "loop.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {
namespace {

constexpr wait_type call_wait{"call of the C library", ended_by::world, nullptr, true};
constexpr wait_type sleep_wait{"sleep", ended_by::fibers, nullptr, true};

constexpr std::size_t usual_count = 4;  // descriptors of one poll() without memory of its own

// One descriptor among those of a call.
struct place : descriptor_wait {
  int fd = -1;
  std::uint32_t use_id = 0;
};

// The directions that stand for `events`; an error or a hangup always counts.
struct way_of_event {
  short events;
  direction way;
};
constexpr way_of_event ways[] = {
    {POLLIN | POLLRDNORM | POLLRDBAND, direction::read},
    {POLLOUT | POLLWRNORM | POLLWRBAND, direction::write},
    {POLLRDHUP, direction::hangup},
    {POLLPRI, direction::urgent},
};

int stand_for(place& self, short events) noexcept {
  bool stands = false;
  for (const way_of_event& one : ways) {
    if ((events & one.events) == 0) continue;
    const int refused = stand_at_descriptor({self.fd, 0}, one.way, self, self.use_id, true);
    if (refused < 0) return refused;
    stands = true;
  }
  if (stands) return 0;
  return stand_at_descriptor({self.fd, 0}, direction::failure, self, self.use_id, true);
}

int park_hooked(loop& here, const wait_type& what, time_point deadline,
                bool is_cancellable) noexcept {
  if (deadline != time_point::max()) arm_own_timer(here, here.time->now(), deadline);
  ++here.waits_for(what.by);
  // What ran before the wait does not interrupt it. relaxed: this thread's own handler counts
  const unsigned before = here.interruptions.load(std::memory_order_relaxed);
  const wake_reason reason = park(here, what, &before, is_cancellable);
  --here.waits_for(what.by);
  switch (reason) {
    case wake_reason::completed:
      return 1;
    case wake_reason::timed_out:
      return 0;
    case wake_reason::cancelled:
      return -ECANCELED;
    case wake_reason::interrupted:
      return -EINTR;
  }
  return 0;
}

int wait_at(loop& here, place* places, const pollfd* first, std::size_t count,
            time_point deadline) noexcept {
  std::size_t standing = 0;
  int result = 0;
  for (; standing < count && result == 0; ++standing) {
    place& one = places[standing];
    one.owner = here.current;
    one.fd = first[standing].fd;
    if (one.fd < 0) continue;  // poll(2): such an entry is passed over
    count_waits(one.fd, 1);
    result = stand_for(one, first[standing].events);
  }
  if (result == 0) result = park_hooked(here, call_wait, deadline, can_cancel_wait(here));
  for (std::size_t i = 0; i < standing; ++i) {
    const place& one = places[i];
    if (one.fd < 0) continue;
    if (one.use_id != 0) leave_descriptor(one.fd, one.use_id, one);
    count_waits(one.fd, -1);
    if (one.happened != 0) result = one.happened > 0 ? 1 : one.happened;
  }
  return result;
}

// -- descriptors that are closed while somebody waits --

// How many wait for the numbers that share a place. Numbers are small and dense.
std::array<std::atomic<std::uint32_t>, 1024> waits_by_number;

struct closed_message : inbox_node {
  int first = 0;
  int last = 0;
};

// Ends the waits for a number behind which there is no longer what they began with: the kernel
// knows a registration by number and file.
void verify(loop& here, int fd) noexcept {
  if (!is_waited_for_anywhere(fd)) return;
  descriptor_slot* const slot = here.kernel->descriptors.at(fd);
  if (slot == nullptr || slot->kind != descriptor_slot::use::borrowed || !slot->is_waited_for()) {
    return;
  }
  if (here.kernel->is_watched(fd, *slot, slot->awaited_events())) return;
  descriptor_table::end_use(*slot, EBADF);
}

void verify_all(loop& here, int first, int last) noexcept {
  if (first == last) {
    verify(here, first);
    return;
  }
  here.kernel->descriptors.for_each([&](int fd, descriptor_slot& slot) {
    if (fd >= first && fd <= last && slot.is_waited_for()) verify(here, fd);
  });
}

void receive_closed(inbox_node& message, loop_core& here) noexcept {
  const std::unique_ptr<closed_message> own(&static_cast<closed_message&>(message));
  verify_all(whole(here), own->first, own->last);
}

}  // namespace

int wait_hooked(loop& here, const pollfd* first, std::size_t count, time_point deadline) noexcept {
  if (is_cancel_due(here)) return -ECANCELED;
  if (count <= usual_count) {
    place few[usual_count];
    return wait_at(here, few, first, count, deadline);
  }
  const std::unique_ptr<place[]> many(new (std::nothrow) place[count]);
  if (many == nullptr) return -ENOMEM;
  return wait_at(here, many.get(), first, count, deadline);
}

int wait_hooked(loop& here, int fd, short events, time_point deadline) noexcept {
  pollfd one{};
  one.fd = fd;
  one.events = events;
  return wait_hooked(here, &one, 1, deadline);
}

int sleep_hooked(loop& here, time_point deadline, bool is_cancellable) noexcept {
  if (is_cancellable && is_cancel_due(here)) return -ECANCELED;
  return park_hooked(here, sleep_wait, deadline, is_cancellable && can_cancel_wait(here));
}

void interrupt_hooked_waits(loop& here) noexcept {
  const unsigned present = here.interruptions.load(std::memory_order_relaxed);
  here.seen_interruptions = present;
  const auto interrupt = [present](const fiber& f) {
    if (f.state != fiber_state::parked || !f.wait->ends_on_signal) return;
    if (*static_cast<const unsigned*>(f.wait_on) == present) return;
    wake(const_cast<fiber&>(f), wake_reason::interrupted);
  };
  here.for_each_fiber(interrupt);
  interrupt(here.root);
}

void note_interruption() noexcept {
  loop_core* const core = running_loop();
  if (core == nullptr || core->shared->is_of_parent()) return;
  whole(*core).interruptions.fetch_add(1, std::memory_order_relaxed);
  inbox::ring(core->shared->box.event_fd());  // it may be about to sleep
}

bool is_waited_for_anywhere(int fd) noexcept {
  return fd >= 0 && waits_by_number[static_cast<unsigned>(fd) % waits_by_number.size()].load(
                        std::memory_order_relaxed) != 0;
}

void count_waits(int fd, int change) noexcept {
  if (fd < 0) return;
  waits_by_number[static_cast<unsigned>(fd) % waits_by_number.size()].fetch_add(
      static_cast<std::uint32_t>(change), std::memory_order_relaxed);
}

void note_closing(int fd) noexcept {
  if (is_waited_for_anywhere(fd)) forget_descriptor(fd, 0);
}

void note_closed(int first, int last) noexcept {
  bool is_awaited = false;
  for (int fd = first; fd <= last && fd - first < static_cast<int>(waits_by_number.size()); ++fd) {
    is_awaited = is_awaited || is_waited_for_anywhere(fd);
  }
  if (!is_awaited) return;
  loop_core* const own = running_loop();
  if (own != nullptr && !own->shared->is_of_parent()) verify_all(whole(*own), first, last);
  for_each_loop([&](loop& other) {
    if (&other == own || other.shared->is_of_parent()) return;
    auto* const message = new (std::nothrow) closed_message;
    if (message == nullptr) return;  // they wait on, as without hooks
    message->run = &receive_closed;
    message->first = first;
    message->last = last;
    if (!other.shared->box.push(*message)) delete message;
  });
}

}  // namespace detail
WEFT_NAMESPACE_END
