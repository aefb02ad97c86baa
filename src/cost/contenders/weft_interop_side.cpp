// SPDX-License-Identifier: BSL-1.0
// weft's rows of waits between fibers and coroutines, by weft/coro.hpp; the coroutines are the
// C++20 peer's. Compiled once for each backend, as weft_side.cpp: COST_SIDE_NAME is the name that
// is there.
#include <weft/coro.hpp>
#include <weft/weft.hpp>

#include <chrono>
#include <cstdint>
#include <memory>

#include "coroutine_task.hpp"
#include "sides.hpp"
#include "weft_quiet.hpp"

namespace cost {
namespace {

[[gnu::noinline]] task<std::uint64_t> handed_back(std::uint64_t number) { co_return number; }

class interops final : public summing {
 public:
  explicit interops(const interop_shape& shape) : kind_(shape.kind) {}

  std::uint64_t run(std::uint64_t operations) override {
    loop_.run([&] {
      switch (kind_) {
        case interop_kind::fiber_awaits:
          for (std::uint64_t left = operations; left != 0; --left) {
            sum_ += weft::await(handed_back(left));
          }
          break;
        case interop_kind::coroutine_awaits:
          weft::await(await_tasks(operations));
          break;
        case interop_kind::coroutine_yields:
          weft::await(yield_often(operations));
          break;
      }
    });
    return operations;
  }

 private:
  task<> await_tasks(std::uint64_t left) {
    for (; left != 0; --left) sum_ += co_await weft::spawn([left] { return left; });
  }

  task<> yield_often(std::uint64_t left) {
    for (; left != 0; --left) {
      co_await weft::as_awaitable([] { weft::yield(); });
      sum_ += left;
    }
  }

  interop_kind kind_;
  weft::runner loop_{quiet()};
};

std::unique_ptr<contender> make_interop(const interop_shape& shape) {
  return std::make_unique<interops>(shape);
}

}  // namespace

const side COST_SIDE = {COST_SIDE_NAME, nullptr, nullptr, nullptr, nullptr, nullptr,
                        nullptr,        0,       nullptr, nullptr, nullptr, &make_interop};

}  // namespace cost
