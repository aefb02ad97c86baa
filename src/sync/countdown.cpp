// SPDX-License-Identifier: BSL-1.0
// What is said to who counts too far: see countdown.hpp.
#include "weft/detail/countdown.hpp"

#include <string>

#include "weft/detail/check.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

void misuse_of_count(const char* call, std::ptrdiff_t by, std::ptrdiff_t count) {
  misuse(std::string(call) + " was to change a count of " + std::to_string(count) + " by " +
         std::to_string(by) + ": it cannot go below zero, or beyond what can be counted");
}

}  // namespace detail
WEFT_NAMESPACE_END
