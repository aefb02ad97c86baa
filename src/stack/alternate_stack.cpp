// SPDX-License-Identifier: BSL-1.0
// See alternate_stack.hpp.
#include "alternate_stack.hpp"

#include <signal.h>
#include <sys/mman.h>

#include <cstddef>
#include <new>

WEFT_NAMESPACE_BEGIN
namespace detail {
namespace {

// 64 KiB: a handler may print a backtrace.
constexpr std::size_t alternate_bytes = 64 * 1024;
thread_local void* alternate = nullptr;  // ours; nullptr if the thread brought its own

}  // namespace

void give_alternate_stack() {
  stack_t present;
  if (sigaltstack(nullptr, &present) == 0 && (present.ss_flags & SS_DISABLE) == 0) return;
  void* const memory =
      mmap(nullptr, alternate_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  stack_t fresh{};
  fresh.ss_sp = memory;
  fresh.ss_size = alternate_bytes;
  sigaltstack(&fresh, nullptr);
  alternate = memory;
}

void take_alternate_stack() noexcept {
  if (alternate == nullptr) return;
  stack_t none{};
  none.ss_flags = SS_DISABLE;
  sigaltstack(&none, nullptr);
  munmap(alternate, alternate_bytes);
  alternate = nullptr;
}

}  // namespace detail
WEFT_NAMESPACE_END
