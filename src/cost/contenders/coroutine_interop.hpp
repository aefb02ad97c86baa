// SPDX-License-Identifier: BSL-1.0
// What the C++20 peer has in the rows of interop: all of one colour. Included by
// coroutine_side.cpp, whose ring and awaitables it uses.
#pragma once

#include <cstdint>
#include <memory>

namespace cost {
namespace {

[[gnu::noinline]] task<std::uint64_t> handed_back(std::uint64_t number) { co_return number; }

class interops final : public summing {
 public:
  explicit interops(const interop_shape& shape) : kind_(shape.kind), driver_(drive()) {
    ready.restart(1);
    paused_ = driver_.handle();
  }

  std::uint64_t run(std::uint64_t operations) override {
    left_ = operations;
    paused_.resume();
    return operations;
  }

 private:
  task<> drive() {
    for (;;) {
      for (; left_ != 0; --left_) {
        if (kind_ == interop_kind::coroutine_yields) {
          co_await yielding{};
          sum_ += left_;
        } else {
          sum_ += co_await handed_back(left_);
        }
      }
      co_await pausing{paused_};
    }
  }

  interop_kind kind_;
  std::uint64_t left_ = 0;
  std::coroutine_handle<> paused_;
  task<> driver_;
};

std::unique_ptr<contender> make_interop(const interop_shape& shape) {
  return std::make_unique<interops>(shape);
}

}  // namespace
}  // namespace cost
