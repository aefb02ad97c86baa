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

fiber& record_pool::take() {
  if (free_ == nullptr) {
    const std::size_t count =
        chunks_.empty() ? first_chunk : std::min(chunks_.back().count * 2, largest_chunk);
    chunks_.reserve(chunks_.size() + 1);  // so that push_back cannot lose the chunk
    chunks_.push_back({std::unique_ptr<fiber[]>(new fiber[count]), count});
    for (std::size_t i = count; i-- > 0;) {  // first out: the lowest address
      fiber& record = chunks_.back().records[i];
      record.payload = free_;
      free_ = &record;
    }
  }
  fiber& record = *free_;
  free_ = static_cast<fiber*>(record.payload);
  record.payload = nullptr;
  record.state = fiber_state::fresh;
  record.is_pooled = true;
  ++in_use_;
  return record;
}

void record_pool::give(fiber& record) noexcept {
  reset_record(record);
  record.payload = free_;
  free_ = &record;
  --in_use_;
}

void reset_record(fiber& record) noexcept {
  record.ctx = context{};
  record.state = fiber_state::blank;
  record.attention = 0;
  record.woken_by = wake_reason::completed;
  record.is_cancellable = false;
  record.saved_errno = 0;
  record.saved_eh = eh_state{};
  record.bound = nullptr;
  record.home = nullptr;
  record.wait_what = "";
  record.wait_on = nullptr;
  record.ops = nullptr;
  record.payload = nullptr;
  record.error = nullptr;
  record.outcome = fiber_outcome::pending;
  record.has_handle = record.is_detached = record.is_stackless = record.has_started =
      record.is_result_taken = record.is_error_seen = record.is_callback = false;
  record.stack_class = 0;
  record.site = spawn_site{};
  record.name.reset();
  record.cancel_reason.reset();
  record.sanitizer_stack = nullptr;
  record.has_ended.store(false, std::memory_order_relaxed);  // nobody refers to it any more
}

}  // namespace detail
WEFT_NAMESPACE_END
