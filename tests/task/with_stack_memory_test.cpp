// SPDX-License-Identifier: BSL-1.0
// with_stack() where there is no memory for the larger stack, or for other fibers' while it is out.
#include <cstddef>
#include <new>
#include <utility>

#include <doctest/doctest.h>

#include "support/no_leaks.hpp"
#include "task/stack_sizes.hpp"
#include "weft/weft.hpp"

using weft::with_stack;
using weft_tests::MiB;
using weft_tests::of_size;

namespace {

// One stack of 16 MiB is all that there is of this size.
struct poor final : weft_tests::counting_stacks {
  void* map(std::size_t bytes) noexcept override {
    if (is_poor || bytes > 17 * MiB) return nullptr;
    return counting_stacks::map(bytes);
  }
  bool is_poor = false;
};

// Keeps the fiber in which it dies from its end.
struct lingering {
  explicit lingering(bool& may_end) : may_end_(&may_end) {}
  lingering(lingering&& from) noexcept : may_end_(std::exchange(from.may_end_, nullptr)) {}
  ~lingering() {
    while (may_end_ != nullptr && !*may_end_) weft::yield();
  }
  bool* may_end_;
};

}  // namespace

TEST_CASE("with_stack: without memory std::bad_alloc before f is called") {
  poor source;
  weft::options how;
  how.stacks = &source;
  weft::run(how, [] {
    bool called = false;
    CHECK_THROWS_AS(with_stack(64 * MiB, [&] { called = true; }), std::bad_alloc);
    CHECK_FALSE(called);
    CHECK(with_stack(MiB, [] { return 1; }) == 1);
  });
  CHECK(source.mapped == 0);
}

TEST_CASE("with_stack: the stack that comes back serves a fiber that starved for one") {
  poor source;
  weft::options how;
  how.stacks = &source;
  weft::run(how, [&] {
    bool may_end = false;
    bool was_served = false;
    weft::task<> doomed;
    weft::task<> starved;
    with_stack(16 * MiB, [&] {
      source.is_poor = true;
      // It gets the spare stack to end on, and keeps it, so that the next one must wait.
      doomed = weft::spawn(of_size(2 * MiB), [held = lingering(may_end)] {});
      starved = weft::spawn(of_size(16 * MiB), [&] { was_served = true; });
      for (int i = 0; i < 3; ++i) weft::yield();
      CHECK_FALSE(was_served);
    });
    for (int i = 0; i < 3; ++i) weft::yield();
    CHECK(was_served);
    may_end = true;
    starved.join();
    CHECK_THROWS_AS(doomed.get(), std::bad_alloc);
  });
  CHECK(source.mapped == 0);
}
