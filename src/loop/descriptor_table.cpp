// SPDX-License-Identifier: BSL-1.0
// See descriptor_table.hpp.
#include "descriptor_table.hpp"

#include <poll.h>

#include <atomic>
#include <new>

#include "weft/detail/park.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {
namespace {

constexpr std::uint32_t ends_all = POLLERR | POLLHUP;
constexpr std::uint32_t ends_reading = POLLIN | POLLRDHUP | POLLPRI | ends_all;
constexpr std::uint32_t ends_writing = POLLOUT | ends_all;
constexpr std::uint32_t ends_peer = POLLRDHUP | ends_all;

// By direction.
constexpr std::uint32_t ends_wait[directions] = {ends_reading, ends_writing, ends_peer,
                                                 POLLPRI | ends_all, ends_all};

void finish(descriptor_slot& slot, descriptor_wait& waiter, int happened) noexcept {
  slot.remove(waiter);
  waiter.happened = happened;
  if (waiter.notify != nullptr) {
    waiter.notify(waiter);
  } else {
    wake(*waiter.owner, wake_reason::completed);
  }
}

}  // namespace

short descriptor_slot::awaited_events() const noexcept {
  const int all = (waits[0] != nullptr ? POLLIN : 0) | (waits[1] != nullptr ? POLLOUT : 0) |
                  (waits[2] != nullptr ? POLLRDHUP : 0) | (waits[3] != nullptr ? POLLPRI : 0);
  return static_cast<short>(all);
}

bool descriptor_slot::is_waited_for() const noexcept {
  for (const descriptor_wait* const one : waits) {
    if (one != nullptr) return true;
  }
  return false;
}

void descriptor_slot::add(descriptor_wait& one, direction way) noexcept {
  const auto at = static_cast<std::size_t>(way);
  descriptor_wait** last = &waits[at];
  while (*last != nullptr) last = &(*last)->also[at];
  one.also[at] = nullptr;
  *last = &one;
}

void descriptor_slot::remove(const descriptor_wait& one) noexcept {
  for (std::size_t at = 0; at < directions; ++at) {
    descriptor_wait** link = &waits[at];
    while (*link != nullptr && *link != &one) link = &(*link)->also[at];
    if (*link != nullptr) *link = one.also[at];
  }
}

std::uint32_t descriptor_table::next_id() noexcept {
  static std::atomic<std::uint32_t> last{0};
  std::uint32_t id = 0;
  while (id == 0) id = last.fetch_add(1, std::memory_order_relaxed) + 1;
  return id;
}

bool descriptor_table::add(std::size_t chunk) noexcept {
  try {
    if (chunk >= chunks_.size()) chunks_.resize(chunk + 1);
    chunks_[chunk] = std::make_unique<descriptor_slot[]>(chunk_slots);
    return true;
  } catch (const std::bad_alloc&) {
    return false;
  }
}

descriptor_slot* descriptor_table::note(std::uint64_t word, std::uint32_t events) noexcept {
  descriptor_slot& slot = *at(static_cast<int>(word & 0xffffffffU));  // was made at registration
  if (slot.id != static_cast<std::uint32_t>(word >> 32)) return nullptr;
  if ((events & (ends_all | POLLRDHUP | POLLPRI)) != 0) slot.is_special = true;
  if ((events & ends_reading) != 0) slot.maybe_for(direction::read) = true;
  if ((events & ends_writing) != 0) slot.maybe_for(direction::write) = true;
  if (slot.kind == descriptor_slot::use::borrowed) slot.is_registered = false;  // one shot
  const bool is_borrowed = slot.kind == descriptor_slot::use::borrowed;
  for (std::size_t at = 0; at < directions; ++at) {
    if ((events & ends_wait[at]) == 0) continue;
    while (descriptor_wait* const first = slot.waits[at]) {
      finish(slot, *first, static_cast<int>(events));
      if (is_borrowed) break;
    }
  }
  return is_borrowed && slot.is_waited_for() ? &slot : nullptr;
}

void descriptor_table::end_use(descriptor_slot& slot, int error) noexcept {
  for (descriptor_wait*& first : slot.waits) {
    while (first != nullptr) finish(slot, *first, -error);
  }
  slot = descriptor_slot();
}

}  // namespace detail
WEFT_NAMESPACE_END
