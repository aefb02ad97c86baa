// SPDX-License-Identifier: BSL-1.0
// The way into a loop from any thread: see loop_ref.hpp.
#include "weft/loop_ref.hpp"

#include "../loop/fork.hpp"
#include "../loop/loop.hpp"
#include "weft/detail/check.hpp"

WEFT_NAMESPACE_BEGIN
namespace {

void arrive(detail::inbox_node& message, detail::loop_core& here) noexcept {
  detail::whole(here).adopt(*static_cast<detail::fiber_message&>(message).owner);
}

}  // namespace

loop_ref::loop_ref(detail::shared_side& shared) noexcept : shared_(&shared) { shared.add_ref(); }

loop_ref::loop_ref(const loop_ref& other) noexcept
    : shared_(other.shared_), is_external_(other.is_external_) {
  if (shared_ == nullptr) return;
  shared_->add_ref();
  if (is_external_) shared_->external.fetch_add(1, std::memory_order_relaxed);
}

loop_ref::loop_ref(loop_ref&& other) noexcept
    : shared_(std::exchange(other.shared_, nullptr)),
      is_external_(std::exchange(other.is_external_, false)) {}

loop_ref& loop_ref::operator=(loop_ref other) noexcept {
  std::swap(shared_, other.shared_);
  std::swap(is_external_, other.is_external_);
  return *this;
}

loop_ref::~loop_ref() {
  if (shared_ == nullptr) return;
  // release: what this ref posted is seen before the clock may jump. The loop may sleep because
  // of this ref: it must look again.
  if (is_external_ && shared_->external.fetch_sub(1, std::memory_order_release) == 1) {
    detail::inbox::ring(shared_->box.event_fd());
  }
  shared_->drop_ref();
}

void loop_ref::send(detail::fiber& record) const {
  if (shared_ == nullptr) {
    detail::misuse(
        "loop_ref::post() was called on an empty ref: take one with this_loop() or "
        "background_loop::ref()");
  }
  record.message.run = &arrive;
  detail::refuse_in_child(*shared_, "loop_ref::post() was called");
  if (shared_->refuses_work.load(std::memory_order_relaxed) || !shared_->box.push(record.message)) {
    throw closed_error("weft: loop_ref::post() came after the loop had ended");
  }
}

loop_ref loop_ref::external() const {
  loop_ref marked(*this);
  if (marked.shared_ != nullptr && !marked.is_external_) {
    marked.is_external_ = true;
    marked.shared_->external.fetch_add(1, std::memory_order_relaxed);
  }
  return marked;
}

bool loop_ref::has_ended() const noexcept { return shared_ == nullptr || shared_->has_ended(); }

bool loop_ref::is_of_parent_process() const noexcept { return shared_->is_of_parent(); }

loop_ref this_loop() { return loop_ref(*detail::require_loop("this_loop()").shared); }

WEFT_NAMESPACE_END
