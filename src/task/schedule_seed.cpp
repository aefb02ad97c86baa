// SPDX-License-Identifier: BSL-1.0
// See schedule_seed.hpp.
#include "schedule_seed.hpp"

#include <cstdlib>

#include "weft/detail/check.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {
namespace {

constexpr std::string_view digits = "0123456789abcdefghijklmnopqrstuv";
constexpr std::size_t shortest_run = 3, longest_run = 18;

std::string check_characters(std::string_view text) {
  std::uint32_t sum = 0x811c9dc5U;  // FNV-1a
  for (const char c : text) sum = (sum ^ static_cast<unsigned char>(c)) * 0x01000193U;
  return {digits[(sum >> 5) % 32], digits[(sum >> 17) % 32]};
}

[[noreturn]] void refuse(std::string_view seed, const char* why) {
  misuse("testing::explore() was given the seed '" + std::string(seed) + "', which " + why +
         ": copy it from a failure's report");
}

}  // namespace

std::string to_seed(const schedule_choices& choices) {
  const auto& taken = choices.taken;
  std::size_t count = taken.size();
  while (count != 0 && taken[count - 1] == 0) --count;
  std::string text(1, choices.timers_race ? 't' : 'n');
  for (std::size_t i = 0; i < count;) {
    std::size_t zeros = 0;
    while (taken[i + zeros] == 0 && zeros < longest_run) ++zeros;
    if (zeros >= shortest_run) {
      text += digits[16 + zeros - shortest_run];
      i += zeros;
      continue;
    }
    const std::uint32_t one = taken[i++];
    if (one < 16) {
      text += digits[one];
      continue;
    }
    text += 'w';
    for (int shift = 28; shift >= 0; shift -= 4) {
      if ((one >> shift) != 0) text += digits[(one >> shift) % 16];
    }
    text += '.';
  }
  return text + '-' + check_characters(text);
}

schedule_choices from_seed(std::string_view seed) {
  const std::size_t dash = seed.find('-');
  if (dash == std::string_view::npos || dash == 0 || (seed[0] != 't' && seed[0] != 'n')) {
    refuse(seed, "is none");
  }
  if (seed.substr(dash + 1) != check_characters(seed.substr(0, dash))) {
    refuse(seed, "was mistyped or cut");
  }
  schedule_choices choices;
  choices.timers_race = seed[0] == 't';
  for (std::size_t i = 1; i < dash; ++i) {
    if (seed[i] == 'w') {
      std::uint32_t one = 0;
      while (++i < dash && seed[i] != '.') {
        one = one * 16 + static_cast<std::uint32_t>(digits.find(seed[i]));
      }
      choices.taken.push_back(one);
      continue;
    }
    const std::size_t value = digits.find(seed[i]);
    if (value == std::string_view::npos) refuse(seed, "is none");
    if (value < 16) {
      choices.taken.push_back(static_cast<std::uint32_t>(value));
    } else {
      choices.taken.insert(choices.taken.end(), value - 16 + shortest_run, 0);
    }
  }
  return choices;
}

}  // namespace detail
WEFT_NAMESPACE_END
