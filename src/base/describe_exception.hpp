// SPDX-License-Identifier: BSL-1.0
// Names an exception in reports: type and text. Layer: base.
#pragma once

#include <exception>
#include <string>

#include "weft/detail/config.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

// "std::runtime_error: no such letter".  Throws: std::bad_alloc.
std::string describe_exception(const std::exception_ptr& error);

}  // namespace detail
WEFT_NAMESPACE_END
