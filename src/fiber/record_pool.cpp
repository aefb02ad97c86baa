// SPDX-License-Identifier: BSL-1.0
// See record_pool.hpp.
#include "record_pool.hpp"

#include <algorithm>

WEFT_NAMESPACE_BEGIN
namespace detail {
namespace {

constexpr std::size_t first_chunk = 16;
constexpr std::size_t largest_chunk = 2048;  // about 1 MiB

}  // namespace

std::size_t record_pool::next_chunk() const noexcept {
  return chunks_.empty() ? first_chunk : std::min(chunks_.back().count * 2, largest_chunk);
}

fiber* record_pool::add_chunk(loop_core* home, shared_side* shared, fiber* last) {
  const std::size_t count = next_chunk();
  chunks_.reserve(chunks_.size() + 1);  // so that push_back cannot lose the chunk
  chunks_.push_back({std::unique_ptr<fiber[]>(new fiber[count]), count});
  capacity_ += count;
  for (std::size_t i = count; i-- > 0;) {  // first out: the lowest address
    fiber& record = chunks_.back().records[i];
    record.home = home;
    record.shared.store(shared, std::memory_order_relaxed);
    record.is_pooled = true;
    record.payload = last;
    last = &record;
  }
  return last;
}

}  // namespace detail
WEFT_NAMESPACE_END
