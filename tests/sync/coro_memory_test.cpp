// SPDX-License-Identifier: BSL-1.0
// What await and co_await take from the heap: as much as weft/coro.hpp says. A program of its own,
// whose operator new counts.
#include "support/skip.hpp"

#if WEFT_TESTS_HAVE_COROUTINES

#include <coroutine>
#include <cstddef>
#include <cstdlib>
#include <new>

#include <doctest/doctest.h>

#include "support/build_kind.hpp"
#include "support/coroutines.hpp"
#include "weft/coro.hpp"
#include "weft/run.hpp"
#include "weft/spawn.hpp"
#include "weft/this_fiber.hpp"

namespace {

std::size_t allocations = 0;  // one thread
std::size_t largest = 0;

}  // namespace

#if !WEFT_TESTS_ASAN && !WEFT_TESTS_TSAN  // which bring their own
// Not inlined: g++ would see free() meet a pointer of operator new, and warn.
[[gnu::noinline]] void* operator new(std::size_t bytes) {
  ++allocations;
  if (bytes > largest) largest = bytes;
  void* const memory = std::malloc(bytes);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
#endif

TEST_CASE("coro: an await allocates nothing") {
  if (weft_tests::is_sanitized) WEFT_SKIP("sanitizers bring an operator new of their own");
  struct resumed_by_other {
    std::coroutine_handle<>& waiting;
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> h) const noexcept { waiting = h; }
    void await_resume() const noexcept {}
  };
  weft::run([] {
    std::coroutine_handle<> waiting;
    auto other = weft::spawn([&] {
      for (;; weft::yield()) {
        if (waiting) std::exchange(waiting, nullptr).resume();
      }
    });
    weft::yield();
    const std::size_t before = allocations;
    CHECK(before != 0);  // it counts
    for (int i = 0; i < 10; ++i) weft::await(resumed_by_other{waiting});
    CHECK(allocations == before);
  });
}

TEST_CASE("co_await: a task costs one block of 40 bytes, any other wait none") {
  if (weft_tests::is_sanitized) WEFT_SKIP("sanitizers bring an operator new of their own");
  weft::run([] {
    std::size_t for_task = 0;
    std::size_t for_wait = 0;
    std::size_t block = 0;
    auto body = [&]() -> weft_tests::started {
      for (int i = 0; i < 2; ++i) {  // the first round makes records and stacks
        const std::size_t before = allocations;
        largest = 0;
        co_await weft::spawn([] {});
        for_task = allocations - before;
        block = largest;
        co_await weft::as_awaitable([] {});
        for_wait = allocations - before - for_task;
      }
    };
    auto c = body();
    while (!c.done()) weft::yield();
    CHECK(for_task == 1);
    CHECK(block <= 40);
    CHECK(for_wait == 0);
  });
}

#else
TEST_CASE("coro: an await allocates nothing") {
  WEFT_SKIP("this compiler has no C++20 coroutines");
}
#endif
