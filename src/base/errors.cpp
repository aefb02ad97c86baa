// SPDX-License-Identifier: BSL-1.0
// Out of line, so that each exception type has one home and is caught across shared libraries.
#include "weft/errors.hpp"

#include <utility>

WEFT_NAMESPACE_BEGIN

cancelled::cancelled(std::shared_ptr<const std::string> reason) noexcept
    : reason_(std::move(reason)) {}
cancelled::cancelled(const cancelled&) noexcept = default;
cancelled& cancelled::operator=(const cancelled&) noexcept = default;
cancelled::~cancelled() = default;

std::string_view cancelled::reason() const noexcept {
  return reason_ ? std::string_view(*reason_) : std::string_view();
}

task_cancelled::~task_cancelled() = default;
closed_error::~closed_error() = default;

WEFT_NAMESPACE_END
