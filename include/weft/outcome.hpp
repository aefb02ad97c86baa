// SPDX-License-Identifier: BSL-1.0
// A value or the error that came instead: what gather_settled() returns for each task. Layer: task.
#pragma once

#include <exception>
#include <type_traits>
#include <utility>
#include <variant>

#include "weft/detail/check.hpp"
#include "weft/detail/config.hpp"

WEFT_NAMESPACE_BEGIN

template <class T>
class outcome {
 public:
  explicit outcome(T value) : kept_(std::in_place_index<0>, std::move(value)) {}
  explicit outcome(std::exception_ptr error) noexcept
      : kept_(std::in_place_index<1>, std::move(error)) {}

  // True if there is a value, false if there is an error.
  bool has_value() const noexcept { return kept_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }

  // The value; rethrows the error if that came instead.
  T& value() & {
    require();
    return std::get<0>(kept_);
  }
  const T& value() const& {
    require();
    return std::get<0>(kept_);
  }
  T&& value() && {
    require();
    return std::move(std::get<0>(kept_));
  }

  // The error; nullptr if there is a value. A task that somebody cancelled gives task_cancelled.
  std::exception_ptr error() const noexcept { return has_value() ? nullptr : std::get<1>(kept_); }

 private:
  void require() const {
    if (!has_value()) std::rethrow_exception(std::get<1>(kept_));
  }

  std::variant<T, std::exception_ptr> kept_;
};

WEFT_NAMESPACE_END
