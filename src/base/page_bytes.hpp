// SPDX-License-Identifier: BSL-1.0
// The kernel's unit of memory, in bytes: 4 KiB on x86-64, up to 64 KiB on AArch64. Layer: base.
#pragma once

#include <unistd.h>

#include <cstddef>

#include "weft/detail/config.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

inline std::size_t page_bytes() noexcept {
  static const std::size_t bytes = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return bytes;
}

}  // namespace detail
WEFT_NAMESPACE_END
