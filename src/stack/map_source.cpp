// SPDX-License-Identifier: BSL-1.0
// Anonymous memory without a reservation of swap: a slab is mostly never touched.
#include "map_source.hpp"

#include <sys/mman.h>

#include "../base/sanitizers.hpp"
#include "../base/syscalls.hpp"

WEFT_NAMESPACE_BEGIN

stack_source::~stack_source() = default;

namespace detail {
namespace {

class map_source final : public stack_source {
 public:
  // ThreadSanitizer must see these calls, or it takes a new stack's first frames for a race with
  // those of an old one at the same address.
  void* map(std::size_t bytes) noexcept override {
    if (has_thread_sanitizer()) {
      void* const memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
      return memory != MAP_FAILED ? memory : nullptr;
    }
    const long result = raw_syscall(SYS_mmap, nullptr, bytes, PROT_READ | PROT_WRITE,
                                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    const bool failed = result < 0 && result > -4096;  // the kernel's range of -errno
    return failed ? nullptr : reinterpret_cast<void*>(result);
  }

  void unmap(void* memory, std::size_t bytes) noexcept override {
    if (has_thread_sanitizer()) {
      munmap(memory, bytes);
    } else {
      raw_syscall(SYS_munmap, memory, bytes);
    }
  }
};

}  // namespace

stack_source& the_map_source() noexcept {
  // Never destroyed: a loop in a static object may end after it otherwise would.
  static map_source* const one = new map_source;
  return *one;
}

}  // namespace detail
WEFT_NAMESPACE_END
