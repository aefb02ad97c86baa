// SPDX-License-Identifier: BSL-1.0
// The choices of one schedule as a short text, and back. Layer: task.
//
// "t01g2-k3": `t` if timers raced, else `n`; a character a choice, in their order: 0-9a-f is the
// alternative that was taken, g-v stand for 3-18 zeros, `w<hex>.` for an alternative beyond 15;
// zeros at the end are left out, since 0 is what happens anyway; behind the dash two characters
// tell a mistyped seed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "weft/detail/config.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

struct schedule_choices {
  std::vector<std::uint32_t> taken;
  bool timers_race = true;
};

std::string to_seed(const schedule_choices& choices);

// Throws: std::logic_error for a text that is no seed.
schedule_choices from_seed(std::string_view seed);

}  // namespace detail
WEFT_NAMESPACE_END
