// SPDX-License-Identifier: BSL-1.0
// The sanitizers' and valgrind's interfaces for fibers. Layer: base. Declared weak: a program that
// is instrumented finds them in its runtime even when weft itself was built without; elsewhere
// they are null and cost one flag in the loop. Source: sanitizer/common_interface_defs.h,
// sanitizer/tsan_interface.h, valgrind/valgrind.h, valgrind/memcheck.h.
#pragma once

#include <cstddef>

#include "weft/detail/config.hpp"

#if defined(WEFT_HAVE_VALGRIND)
#include <valgrind/memcheck.h>
#else
#define VALGRIND_STACK_REGISTER(low, high) (static_cast<void>(low), static_cast<void>(high), 0U)
#define VALGRIND_STACK_DEREGISTER(id) static_cast<void>(id)
#define VALGRIND_MAKE_MEM_DEFINED(from, bytes) (static_cast<void>(from), static_cast<void>(bytes))
#define RUNNING_ON_VALGRIND 0
#endif

extern "C" {
[[gnu::weak]] void __sanitizer_start_switch_fiber(void** fake_stack, const void* bottom,
                                                  std::size_t bytes);
[[gnu::weak]] void __sanitizer_finish_switch_fiber(void* fake_stack, const void** old_bottom,
                                                   std::size_t* old_bytes);
[[gnu::weak]] void __asan_unpoison_memory_region(const volatile void* from, std::size_t bytes);
[[gnu::weak]] void* __tsan_get_current_fiber();
[[gnu::weak]] void* __tsan_create_fiber(unsigned flags);
[[gnu::weak]] void __tsan_destroy_fiber(void* fiber);
[[gnu::weak]] void __tsan_switch_to_fiber(void* fiber, unsigned flags);
}

WEFT_NAMESPACE_BEGIN
namespace detail {

inline bool has_address_sanitizer() noexcept {
  return __sanitizer_start_switch_fiber != nullptr && __asan_unpoison_memory_region != nullptr;
}
inline bool is_on_valgrind() noexcept { return RUNNING_ON_VALGRIND != 0; }
inline bool has_thread_sanitizer() noexcept { return __tsan_switch_to_fiber != nullptr; }

}  // namespace detail
WEFT_NAMESPACE_END
