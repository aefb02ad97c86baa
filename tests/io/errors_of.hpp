// SPDX-License-Identifier: BSL-1.0
// What a call throws, for tests that look at it more closely than CHECK_THROWS can.
#pragma once

#include <system_error>
#include <utility>

namespace weft_tests {

// The error that the call throws; one of code 0 if it throws none.
template <class F>
std::system_error error_of(F&& call) {
  try {
    std::forward<F>(call)();
  } catch (const std::system_error& error) {
    return error;
  }
  return std::system_error(std::error_code());
}

template <class F>
int code_of(F&& call) {
  return error_of(std::forward<F>(call)).code().value();
}

}  // namespace weft_tests
