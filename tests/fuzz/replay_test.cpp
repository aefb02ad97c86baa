// SPDX-License-Identifier: BSL-1.0
// The fuzzers' targets without a fuzzer: what is kept in corpus/, changed by chance, and inputs
// made of letters that mean something to a parser. Any compiler.
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "fuzz/buffered.hpp"
#include "fuzz/examples.hpp"
#include "support/build_kind.hpp"
#include "support/seed.hpp"
#include "support/skip.hpp"

namespace {

using target = void (*)(std::string_view);

// Empty: the test was started without its environment.
std::vector<std::string> kept_inputs(const std::string& of) {
  std::vector<std::string> inputs;
  const char* const root = std::getenv("WEFT_SOURCE_ROOT");
  if (root == nullptr) return inputs;
  const auto folder = std::filesystem::path(root) / "tests" / "fuzz" / "corpus" / of;
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    std::ifstream bytes(file.path(), std::ios::binary);
    inputs.emplace_back(std::istreambuf_iterator<char>(bytes), std::istreambuf_iterator<char>());
  }
  return inputs;
}

std::string made_input(std::minstd_rand& random, std::string_view letters) {
  std::string input;
  const std::size_t choices = random() % 80;
  input += static_cast<char>(choices);
  for (std::size_t i = 0; i < choices; ++i) input += static_cast<char>(random() % 256);
  for (std::size_t left = random() % 200; left != 0; --left) {
    input += letters[random() % letters.size()];
  }
  return input;
}

void change(std::string& input, std::minstd_rand& random) {
  for (std::size_t times = 1 + random() % 4; times != 0 && !input.empty(); --times) {
    const std::size_t at = random() % input.size();
    if (random() % 3 == 0) {
      input.erase(at, 1 + random() % 8);
    } else if (random() % 2 == 0) {
      input.insert(at, input.substr(random() % input.size(), random() % 8));
    } else {
      input[at] = static_cast<char>(random() % 256);
    }
  }
}

// The first difference; empty if there is none.
std::string difference_of(target one, const std::string& input) {
  try {
    one(input);
  } catch (const std::logic_error& found) {
    return found.what();
  }
  return {};
}

void replay(target one, const std::string& name, std::string_view letters) {
  const std::vector<std::string> kept = kept_inputs(name);
  if (kept.empty()) WEFT_SKIP("needs WEFT_SOURCE_ROOT, which `meson test` sets");
  for (const std::string& input : kept) CHECK(difference_of(one, input).empty());
  const unsigned seed = weft_tests::seed_of_this_run();
  CAPTURE(seed);
  std::minstd_rand random(seed);
  const std::size_t rounds = weft_tests::scaled_on_demand(5'000, 1'000);
  for (std::size_t round = 0; round < rounds; ++round) {
    std::string input = made_input(random, letters);
    if (round % 2 == 0) {
      input = kept[random() % kept.size()];
      change(input, random);
    }
    const std::string difference = difference_of(one, input);
    CAPTURE(round);
    REQUIRE(difference == "");
  }
}

}  // namespace

TEST_CASE("fuzz: mini_redis reads requests, in whatever pieces they come") {
  replay(&weft_fuzz::try_resp, "resp", "*$0123\r\n\r\n \"'\\xabPING");
}

TEST_CASE("fuzz: chat reads lines, in whatever pieces they come") {
  replay(&weft_fuzz::try_chat, "chat", "ab\r\n\n");
}

TEST_CASE("fuzz: a buffered_reader reads what a plain function over the whole text reads") {
  replay(&weft_fuzz::try_reader, "reader", "aabb;\r\n");
}

TEST_CASE("fuzz: a buffered_writer sends each byte once, in order") {
  replay(&weft_fuzz::try_writer, "writer", "abcdefgh");
}
