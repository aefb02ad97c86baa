// SPDX-License-Identifier: BSL-1.0
// Out of line, so that each exception type has one home and is caught across shared libraries.
#include "weft/errors.hpp"

#include <utility>

WEFT_NAMESPACE_BEGIN

cancelled::cancelled(std::shared_ptr<const std::string> reason, detail::delivery* delivery) noexcept
    : reason_(std::move(reason)), delivery_(delivery) {
  share();
}

cancelled::cancelled(const cancelled& other) noexcept
    : reason_(other.reason_), delivery_(other.delivery_) {
  share();
}

cancelled& cancelled::operator=(const cancelled& other) noexcept {
  if (this == &other) return *this;
  drop(__builtin_return_address(0));
  reason_ = other.reason_;
  delivery_ = other.delivery_;
  share();
  return *this;
}

cancelled::~cancelled() { drop(__builtin_return_address(0)); }

void cancelled::share() noexcept {
  if (delivery_ == nullptr) return;
  delivery_->references.fetch_add(1, std::memory_order_relaxed);
  delivery_->copies.fetch_add(1, std::memory_order_relaxed);
}

void cancelled::drop(const void* caller) noexcept {
  if (delivery_ == nullptr) return;
  // acq_rel: the last copy, on whatever thread, sees what the others did
  if (delivery_->copies.fetch_sub(1, std::memory_order_acq_rel) == 1 &&
      !delivery_->has_arrived.load(std::memory_order_relaxed)) {
    detail::note_swallowed(*delivery_, caller);
  }
  delivery_->drop_ref();
}

std::string_view cancelled::reason() const noexcept {
  return reason_ ? std::string_view(*reason_) : std::string_view();
}

end_of_stream::end_of_stream(std::size_t bytes)
    : std::runtime_error("weft: the stream ended after " + std::to_string(bytes) +
                         " bytes, before the delimiter"),
      bytes_(bytes) {}

end_of_stream::end_of_stream(std::size_t bytes, std::size_t wanted)
    : std::runtime_error("weft: the stream ended after " + std::to_string(bytes) + " of " +
                         std::to_string(wanted) + " bytes"),
      bytes_(bytes) {}

limit_exceeded::limit_exceeded(const std::string& text, std::size_t limit)
    : std::runtime_error(text), limit_(limit) {}

end_of_stream::~end_of_stream() = default;
limit_exceeded::~limit_exceeded() = default;
task_cancelled::~task_cancelled() = default;
closed_error::~closed_error() = default;
timeout_error::~timeout_error() = default;
broken_barrier::~broken_barrier() = default;
would_deadlock::~would_deadlock() = default;

WEFT_NAMESPACE_END
