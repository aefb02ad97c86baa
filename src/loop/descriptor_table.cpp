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

void finish(descriptor_slot& slot, descriptor_wait& waiter, int happened) noexcept {
  for (descriptor_wait*& one : slot.waits) {
    if (one == &waiter) one = nullptr;
  }
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
                  (waits[2] != nullptr ? POLLRDHUP : 0);
  return static_cast<short>(all);
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
  const auto happened = static_cast<int>(events);
  if (descriptor_wait* const reader = slot.wait_for(direction::read)) {
    if ((events & ends_reading) != 0) finish(slot, *reader, happened);
  }
  if (descriptor_wait* const writer = slot.wait_for(direction::write)) {
    if ((events & ends_writing) != 0) finish(slot, *writer, happened);
  }
  if (descriptor_wait* const watcher = slot.wait_for(direction::hangup)) {
    if ((events & ends_peer) != 0) finish(slot, *watcher, happened);
  }
  return slot.kind == descriptor_slot::use::borrowed && slot.is_waited_for() ? &slot : nullptr;
}

void descriptor_table::end_use(descriptor_slot& slot, int error) noexcept {
  for (descriptor_wait*& one : slot.waits) {
    if (one != nullptr) finish(slot, *one, -error);
  }
  slot = descriptor_slot();
}

}  // namespace detail
WEFT_NAMESPACE_END
