// SPDX-License-Identifier: BSL-1.0
// Tasks in the order of their ends: see wait.hpp.
#include "weft/wait.hpp"

#include <string>
#include <utility>

#include "../loop/loop.hpp"
#include "weft/detail/check.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

const wait_type completion_queue::wait{"as_completed", ended_by::fibers, &completion_queue::visit};

completion_queue::completion_queue(std::vector<fiber*> records)
    : records_(std::move(records)), places_(records_.size()), left_(records_.size()) {
  loop_core& here = require_loop("as_completed()");
  check_inputs(here, records_.data(), records_.size(), "as_completed()", false);
  note_access(this, access::writes);
  for (std::size_t i = 0; i < records_.size(); ++i) {
    note_looked_at(*records_[i]);
    places_[i].queue = this;
    places_[i].notify = &on_end;
    const bool is_done = records_[i]->state == fiber_state::done;
    (is_done ? ended_ : records_[i]->waiters).push_back(places_[i]);
  }
}

completion_queue::~completion_queue() {
  note_access(this, access::ends);
  for (place& one : places_) {
    if (one.is_linked()) one.unlink();
  }
}

void completion_queue::on_end(wait_node& node, fiber&) noexcept {
  completion_queue& queue = *static_cast<place&>(node).queue;
  note_access(&queue, access::writes);  // its order is told
  queue.ended_.push_back(node);
  if (queue.waiting_ != nullptr) wake(*queue.waiting_, wake_reason::completed);
}

void completion_queue::visit(const void* on, awaited_visitor& to) {
  const auto& queue = *static_cast<const completion_queue*>(on);
  for (const fiber* const one : queue.records_) {
    if (one->state != fiber_state::done) to.visit(*one);
  }
}

std::size_t completion_queue::next() {
  if (left_ == 0) return none;
  loop_core& here = require_loop("as_completed()");
  note_access(this, access::writes);
  if (ended_.empty()) {
    throw_if_cancelled(here);
    waiting_ = here.current;
    const wake_reason reason = park(here, wait, this, is_cancel_deliverable(here));
    waiting_ = nullptr;
    if (ended_.empty() && reason == wake_reason::cancelled) throw_cancelled(here);
  }
  const auto* const first = static_cast<place*>(ended_.pop_front());
  --left_;
  return static_cast<std::size_t>(first - places_.data());
}

}  // namespace detail
WEFT_NAMESPACE_END
