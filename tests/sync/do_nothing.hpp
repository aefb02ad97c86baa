// SPDX-License-Identifier: BSL-1.0
// What a case of select calls where a test asks only which one was done.
#pragma once

namespace weft_tests {

inline constexpr auto nothing = [] {};
inline constexpr auto ignored = [](auto&&) {};

}  // namespace weft_tests
