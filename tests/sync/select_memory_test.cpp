// SPDX-License-Identifier: BSL-1.0
// select takes no memory: eight cases of all kinds, ready or waited for. A program of its own,
// whose operator new counts.
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <new>

#include <doctest/doctest.h>

#include "support/build_kind.hpp"
#include "support/raw_pair.hpp"
#include "support/skip.hpp"
#include "weft/io.hpp"
#include "weft/testing.hpp"
#include "weft/weft.hpp"

using namespace std::chrono_literals;
using weft_tests::raw_pair;

namespace {

std::size_t allocations = 0;  // one thread

}  // namespace

#if !WEFT_TESTS_ASAN && !WEFT_TESTS_TSAN  // which bring their own
// Not inlined: g++ would see free() meet a pointer of operator new, and warn.
[[gnu::noinline]] void* operator new(std::size_t bytes) {
  ++allocations;
  void* const memory = std::malloc(bytes);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
#endif

TEST_CASE("select: eight cases of all kinds allocate nothing, ready or waited for") {
  if (weft_tests::is_sanitized) WEFT_SKIP("sanitizers bring an operator new of their own");
  weft::testing::virtual_clock clock;
  weft::options how;
  how.time = &clock;
  weft::run(how, [] {
    const raw_pair pair;
    const raw_pair full;
    full.fill();
    weft::channel<int> jobs;
    weft::local::channel<int> near;
    weft::event stop;
    weft::file_descriptor own(::dup(pair.ends[0]));
    int value = 1;
    auto sleeps = weft::spawn([] { weft::await_sleep(weft::duration::max()); });
    const auto choose = [&] {
      return weft::select(weft::on_recv(jobs, [](auto&&) {}), weft::on_send(near, value, [] {}),
                          weft::on_event(stop, [] {}), weft::on_done(sleeps, [] {}),
                          weft::on_readable(pair.ends[0], [&] { pair.hear(); }),
                          weft::on_writable(full.ends[0], [] {}),
                          weft::on_readable(pair.ends[1], [] {}), weft::after(1s, [] {}));
    };
    const auto choose_own = [&] {
      return weft::select(weft::on_readable(own, [&] { pair.hear(); }), weft::after(1s, [] {}));
    };
    // The first wait for a number makes room for its slot.
    CHECK(choose() == 7);
    CHECK(choose_own() == 1);
    const std::size_t before = allocations;
    CHECK(before != 0);  // it counts
    std::size_t wrong = 0;
    for (int round = 0; round < 10; ++round) {
      if (choose() != 7 || choose_own() != 1) ++wrong;
      pair.say("x");
      if (choose() != 4) ++wrong;
      pair.say("x");
      if (choose_own() != 0) ++wrong;
    }
    CHECK(allocations == before);
    CHECK(wrong == 0);
    sleeps.cancel();
  });
}
