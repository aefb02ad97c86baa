// SPDX-License-Identifier: BSL-1.0
// Conformance of a backend: every register that the ABI makes a callee keep holds its value over a
// switch, while the other sides fill all of them with patterns of their own.
#include <cstdint>
#include <memory>
#include <vector>

#include <doctest/doctest.h>

#include "conformance/patterns.hpp"
#include "context/flow.hpp"
#include "support/no_leaks.hpp"
#include "weft/weft.hpp"

using weft_tests::flow;
using weft_tests::hop;
using weft_tests::no_leaks;
using weft_tests::patterns;
using weft_tests::patterns_of;

namespace {

constexpr std::size_t register_parties = 4;

// A circle of flows, each of which switches to the next with its patterns of this round.
class pattern_circle {
 public:
  explicit pattern_circle(std::uint64_t rounds) : rounds_(rounds) {
    for (std::size_t i = 1; i < register_parties; ++i) {
      others_.push_back(std::make_unique<flow>([this, i](flow& self) {
        for (std::uint64_t round = 0; round < rounds_; ++round) pass_on(self, i, round);
        return i + 1 < register_parties ? others_[i].get() : &here_;
      }));
    }
  }

  // The number of registers that came back changed.
  std::uint64_t turn() {
    for (std::uint64_t round = 0; round < rounds_; ++round) pass_on(here_, 0, round);
    hop(here_, *others_.front());  // each ends, and continues the next, which ends
    return changed_;
  }

 private:
  void pass_on(flow& self, std::size_t index, std::uint64_t round) {
    flow& to = index + 1 < register_parties ? *others_[index] : here_;
    const patterns in = patterns_of(index, round);
    patterns out{};
    weft_tests_call_with_patterns(weft_tests::bare_switch(to),
                                  static_cast<weft::detail::context*>(&self),
                                  static_cast<weft::detail::context*>(&to), in.data(), out.data());
    for (std::size_t i = 0; i < in.size(); ++i) changed_ += in[i] != out[i] ? 1 : 0;
  }

  flow here_;
  std::vector<std::unique_ptr<flow>> others_;
  std::uint64_t rounds_;
  std::uint64_t changed_ = 0;
};

}  // namespace

TEST_CASE(WEFT_BACKEND_NAME
          ": torture 45: callee-saved registers keep their patterns over a million switches") {
  CHECK(pattern_circle(weft_tests::scaled(250'000, 20'000)).turn() == 0);
}

TEST_CASE(WEFT_BACKEND_NAME ": torture 45: callee-saved registers survive a side that ends") {
  std::uint64_t changed = 0;
  for (std::uint64_t round = 0; round < 1000; ++round) {
    flow here;
    flow last([&](flow& self) {  // parks with patterns of its own, and takes its registers back
      const patterns its = patterns_of(8, round);
      patterns unused{};
      weft_tests_call_with_patterns(
          weft_tests::bare_switch(here), static_cast<weft::detail::context*>(&self),
          static_cast<weft::detail::context*>(&here), its.data(), unused.data());
      return &here;
    });
    hop(here, last);
    flow first([&](flow&) { return &last; });  // its end continues `last`, whose end continues us
    const patterns in = patterns_of(7, round);
    patterns out{};
    weft_tests_call_with_patterns(
        weft_tests::bare_switch(first), static_cast<weft::detail::context*>(&here),
        static_cast<weft::detail::context*>(&first), in.data(), out.data());
    changed += in != out ? 1 : 0;
  }
  CHECK(changed == 0);
}

TEST_CASE_FIXTURE(
    no_leaks, WEFT_BACKEND_NAME
    ": torture 45: callee-saved registers keep their patterns over a million yields") {
  static constexpr std::uint64_t rounds = weft_tests::scaled(250'000, 20'000);
  auto yield_with_patterns = [](std::uint64_t fiber) {
    std::uint64_t changed = 0;
    for (std::uint64_t round = 0; round < rounds; ++round) {
      const patterns in = patterns_of(fiber, round);
      patterns out{};
      weft_tests_call_with_patterns([](void*, void*) { weft::yield(); }, nullptr, nullptr,
                                    in.data(), out.data());
      changed += in != out ? 1 : 0;
    }
    return changed;
  };
  run([&] {
    std::vector<weft::task<std::uint64_t>> fibers;
    for (std::uint64_t i = 1; i < register_parties; ++i) {
      fibers.push_back(weft::spawn(yield_with_patterns, i));
    }
    CHECK(yield_with_patterns(0) == 0);
    for (auto& one : fibers) CHECK(one.get() == 0);
  });
}
