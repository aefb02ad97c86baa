// SPDX-License-Identifier: BSL-1.0
// write(2) to a pipe without SIGPIPE. Layer: io. Sockets have MSG_NOSIGNAL for that; pipes have
// nothing before Linux 6.18, so the signal is blocked meanwhile and taken away (man 7 signal,
// sigtimedwait(2)): the process's disposition, which is the program's, stays.
#pragma once

#include <cstddef>

#include "weft/detail/config.hpp"
#include "weft/io_slice.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

long quiet_write(int fd, const void* from, std::size_t size) noexcept;
long quiet_write(int fd, const io_slice* parts, std::size_t count) noexcept;

}  // namespace detail
WEFT_NAMESPACE_END
