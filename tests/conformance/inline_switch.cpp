// SPDX-License-Identifier: BSL-1.0
// The inline form of the switch. This file alone is compiled with -DWEFT_INLINE_SWITCH=1 (without
// it, it is empty), so that both forms meet. Each trap that inline assembly is known for has its
// test: see weft/detail/inline_switch.hpp.
#if WEFT_INLINE_SWITCH
#include <cfenv>
#include <cstdint>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <vector>

#include <doctest/doctest.h>

#include "support/no_leaks.hpp"
#include "support/skip.hpp"
#include "weft/weft.hpp"

using weft_tests::no_leaks;

namespace {

// Nobody outside this file can name it, and step() does not write it: g++ -O1 may conclude that it
// keeps its value over step(), if all it sees there is assembly.
int hidden_counter = 0;

[[gnu::noinline]] void step() { weft::yield(); }

[[gnu::noinline]] int seen_around_a_step() {
  const int before = hidden_counter;
  step();
  return hidden_counter - before;
}

}  // namespace

TEST_CASE_FIXTURE(no_leaks, "inline switch: a file's static is read again after it") {
  run([] {
    hidden_counter = 0;
    auto writer = weft::spawn([] {
      for (int i = 0; i < 100; ++i) {
        ++hidden_counter;
        weft::yield();
      }
    });
    int seen = 0;
    for (int i = 0; i < 50; ++i) seen += seen_around_a_step();
    writer.get();
    CHECK(seen == 50);
  });
}

namespace {

// More values than registers, all alive over each yield.
[[gnu::noinline]] std::uint64_t many_values(std::uint64_t seed, int turns) {
  std::uint64_t v[24];
  double d[12];
  for (auto& x : v) x = seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
  for (auto& x : d) x = static_cast<double>(seed = seed * 3 + 1) / 7.0;
  for (int i = 0; i < turns; ++i) {
    weft::yield();
    for (int k = 0; k < 24; ++k) v[k] = v[k] * 31 + v[(k + 7) % 24];
    for (int k = 0; k < 12; ++k) d[k] = d[k] * 0.5 + d[(k + 5) % 12];
  }
  std::uint64_t sum = 0;
  for (const auto x : v) sum ^= x;
  for (const auto x : d) {
    std::uint64_t bits = 0;
    std::memcpy(&bits, &x, sizeof bits);
    sum = sum * 131 + bits;
  }
  return sum;
}

}  // namespace

TEST_CASE_FIXTURE(no_leaks, "inline switch: every live value survives, among fibers of all kinds") {
  std::vector<std::uint64_t> alone;
  for (std::uint64_t i = 0; i < 20; ++i) {
    run([&] { alone.push_back(many_values(i, 200)); });
  }
  weft::run([&] {
    std::vector<weft::task<std::uint64_t>> together;
    for (std::uint64_t i = 0; i < 20; ++i) {
      together.push_back(weft::spawn([i] { return many_values(i, 200); }));
      // Suspended by the library's own form, in between.
      if (i % 3 == 0) {
        weft::spawn([] {
          for (int k = 0; k < 60; ++k) weft::await_sleep(std::chrono::nanoseconds(0));
        }).detach();
      }
    }
    for (std::size_t i = 0; i < together.size(); ++i) CHECK(together[i].get() == alone[i]);
  });
}

namespace {

// A leaf but for the yield: its locals may lie below the stack pointer.
[[gnu::noinline]] int red_zone(int a) {
  volatile int held[8];
  for (int i = 0; i < 8; ++i) held[i] = a + i;
  weft::yield();
  int wrong = 0;
  for (int i = 0; i < 8; ++i) wrong += held[i] != a + i ? 1 : 0;
  return wrong;
}

// What clang 14 crashed on when rbx was in the list of clobbers.
[[gnu::noinline]] int variable_length(int n) {
  alignas(64) volatile int aligned[16];
  auto* const array =
      static_cast<volatile int*>(__builtin_alloca(sizeof(int) * static_cast<unsigned>(n)));
  for (int i = 0; i < n; ++i) array[i] = i * n;
  for (int i = 0; i < 16; ++i) aligned[i] = i + n;
  weft::yield();
  int wrong = reinterpret_cast<std::uintptr_t>(aligned) % 64 != 0 ? 1 : 0;
  for (int i = 0; i < n; ++i) wrong += array[i] != i * n ? 1 : 0;
  for (int i = 0; i < 16; ++i) wrong += aligned[i] != i + n ? 1 : 0;
  return wrong;
}

template <class F>
int wrong_in_ten_fibers(F&& body) {
  int wrong = 0;
  weft::run([&] {
    std::vector<weft::task<int>> fibers;
    for (int i = 1; i <= 10; ++i) fibers.push_back(weft::spawn([&, i] { return body(i); }));
    for (auto& one : fibers) wrong += one.get();
  });
  return wrong;
}

}  // namespace

TEST_CASE_FIXTURE(no_leaks, "inline switch: the red zone of the function around it is left alone") {
  CHECK(wrong_in_ten_fibers([](int i) { return red_zone(i * 1000); }) == 0);
}

TEST_CASE_FIXTURE(no_leaks, "inline switch: variable-length and over-aligned locals (clang 14)") {
  CHECK(wrong_in_ten_fibers([](int i) { return variable_length(i * 7); }) == 0);
}

TEST_CASE_FIXTURE(no_leaks, "inline switch: rounding modes stay each fiber's own") {
  CHECK(wrong_in_ten_fibers([](int i) {
          const int modes[] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
          const int mine = modes[i % 4];
          std::fesetround(mine);
          int wrong = 0;
          for (int k = 0; k < 50; ++k) {
            weft::yield();
            wrong += std::fegetround() != mine ? 1 : 0;
          }
          return wrong;
        }) == 0);
}

TEST_CASE_FIXTURE(no_leaks, "inline switch: exceptions and cancels pass through it") {
  run([] {
    auto failing = weft::spawn([] {
      for (int i = 0; i < 5; ++i) {
        try {
          weft::yield();
          throw std::runtime_error("thrown after a switch");
        } catch (const std::runtime_error&) {
          weft::yield();  // with an exception in hand: the library's form
        }
      }
      throw std::runtime_error("the last one");
    });
    bool was_destroyed = false;
    auto endless = weft::spawn([&] {
      const std::unique_ptr<bool, void (*)(bool*)> witness(&was_destroyed,
                                                           [](bool* seen) { *seen = true; });
      for (;;) weft::yield();
    });
    CHECK_THROWS_WITH(failing.get(), "the last one");
    endless.cancel();
    endless.join();
    CHECK(endless.was_cancelled());
    CHECK(was_destroyed);
  });
}

#if defined(__x86_64__)
namespace {

// yield() is not called in a function with target("avx512f"): the list of clobbers could not name
// its registers. From another function, as the header asks, nothing is lost.
[[gnu::noinline]] void yield_elsewhere() { step(); }

[[gnu::noinline, gnu::target("avx512f")]] int wide_values(int seed) {
  using wide = int __attribute__((vector_size(64)));
  wide v[28];
  for (int i = 0; i < 28; ++i) v[i] = wide{} + (seed * 100 + i);
  for (int turn = 0; turn < 10; ++turn) {
    yield_elsewhere();
    for (int i = 0; i < 28; ++i) v[i] += 1;
  }
  int wrong = 0;
  for (int i = 0; i < 28; ++i) {
    for (int k = 0; k < 16; ++k) wrong += v[i][k] != seed * 100 + i + 10 ? 1 : 0;
  }
  return wrong;
}

}  // namespace

TEST_CASE_FIXTURE(no_leaks, "inline switch: AVX-512 functions yield through another function") {
  if (!__builtin_cpu_supports("avx512f")) WEFT_SKIP("this processor has no AVX-512");
  CHECK(wrong_in_ten_fibers([](int i) { return wide_values(i); }) == 0);
}
#endif
#endif  // WEFT_INLINE_SWITCH
