// SPDX-License-Identifier: BSL-1.0
// One madvise() for many areas of this process. Layer: stack. Called by guard and stack_pool.
//
// Some facts. process_madvise() takes a vector of areas. On the caller itself it takes any advice
// from Linux 6.13 on, and PIDFD_SELF for a descriptor from 6.15 on. For 32 areas a guard costs
// 0.85 us instead of 1.15, giving a stack's one page back 0.95 instead of 1.75 (Zen 4, Linux 6.18,
// virtual): the flush of the TLB is shared.
//
// What this means here. Older kernels refuse, and the caller asks area by area. A real descriptor
// of this process would do from 6.13 on, but in a fork()ed child it would mean the parent.
#pragma once

#include <sys/uio.h>

#include <cstddef>

#include "weft/detail/config.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

// More gain little: 64 areas cost 5 % less each than 32, and 32 take 512 bytes of a fiber's stack.
inline constexpr std::size_t max_areas = 32;

// False if the kernel can't, or did not do all of it.
bool advise_all(const iovec* areas, std::size_t count, int advice) noexcept;

}  // namespace detail
WEFT_NAMESPACE_END
