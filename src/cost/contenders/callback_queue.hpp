// SPDX-License-Identifier: BSL-1.0
// The scheduler of the callback side: functions with an argument, called in order of arrival. What a
// hand-written state machine is built on.
#pragma once

#include <cstddef>
#include <memory>

namespace cost {

class callback_queue {
 public:
  using function = void (*)(void* self);

  explicit callback_queue(std::size_t room) {
    while (mask_ + 1 < room) mask_ = mask_ * 2 + 1;
    slots_ = std::make_unique<slot[]>(mask_ + 1);
  }

  void push(function what, void* self) noexcept { slots_[tail_++ & mask_] = {what, self}; }

  // Until `stops` or nothing is left.
  void run(const bool& stops) {
    while (head_ != tail_ && !stops) {
      const slot next = slots_[head_++ & mask_];
      __builtin_prefetch(slots_[head_ & mask_].self);
      next.what(next.self);
    }
  }
  void run() {
    const bool never = false;
    run(never);
  }

 private:
  struct slot {
    function what;
    void* self;
  };

  std::size_t head_ = 0;
  std::size_t tail_ = 0;
  std::size_t mask_ = 63;
  std::unique_ptr<slot[]> slots_;
};

}  // namespace cost
