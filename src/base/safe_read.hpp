// SPDX-License-Identifier: BSL-1.0
// Reading memory of this process that may be gone: the kernel copies, and refuses where a load
// would fault. Layer: base. What it reads may be stale: whoever reads says how to tell.
#pragma once

#include <sys/uio.h>

#include <cstddef>

#include "syscalls.hpp"
#include "weft/detail/config.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

// How many bytes it copied from `from` on: all, some, or 0 where nothing can be read.
inline std::size_t safe_read(void* to, const void* from, std::size_t bytes) noexcept {
  const iovec here{to, bytes};
  const iovec there{const_cast<void*>(from), bytes};
  const long copied =
      raw_syscall(SYS_process_vm_readv, raw_syscall(SYS_getpid), &here, 1, &there, 1, 0);
  return copied > 0 ? static_cast<std::size_t>(copied) : 0;
}

template <class T>
bool safe_read(T& to, const T* from) noexcept {
  return safe_read(&to, from, sizeof(T)) == sizeof(T);
}

}  // namespace detail
WEFT_NAMESPACE_END
