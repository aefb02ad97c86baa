// SPDX-License-Identifier: BSL-1.0
// The functions of the C library that libweft-hook stands before, as the next library has them.
// Layer: hook. Found at the first call of each, from whichever thread: all find the same.
#pragma once

#include <cxxabi.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <type_traits>

#include "../base/syscalls.hpp"
#include "functions.hpp"
#include "weft/detail/compiler.hpp"
#include "weft/detail/config.hpp"

WEFT_NAMESPACE_BEGIN
namespace hook {

// The function that is called so behind this library; nullptr if there is none, as in a program
// that is linked statically.
void* find_real(const char* name) noexcept;

// The system call that does what a function of this name does; -1 if it is no plain system call.
long system_call_of(const char* name) noexcept;

[[noreturn]] void die_without(const char* name) noexcept;

template <class>
class real_function;
template <class R, class... A>
class real_function<R(A...)> {
 public:
  constexpr explicit real_function(const char* name) noexcept : name_(name) {}

  WEFT_INLINE R operator()(A... arguments) const {
    R (*const found)(A...) = known_.load(std::memory_order_relaxed);
    if (WEFT_UNLIKELY(found == nullptr)) return call_found(arguments...);
    return found(arguments...);
  }

  // The same of a function that cannot throw, where a nanosecond counts: a call that might, inside
  // one that must not, cannot be the caller's last jump.
  WEFT_INLINE R quietly(A... arguments) const noexcept {
    R (*const found)(A...) = known_.load(std::memory_order_relaxed);
    if (WEFT_UNLIKELY(found == nullptr)) return call_found_quietly(arguments...);
    return reinterpret_cast<R (*)(A...) noexcept>(found)(arguments...);
  }

 private:
  WEFT_NOINLINE R call_found_quietly(A... arguments) const noexcept {
    return call_found(arguments...);
  }

  WEFT_NOINLINE R call_found(A... arguments) const {
    void* const symbol = find_real(name_);
    if (symbol == nullptr) return call_kernel(arguments...);
    R (*found)(A...) = nullptr;
    static_assert(sizeof found == sizeof symbol);
    std::memcpy(&found, &symbol, sizeof found);
    known_.store(found, std::memory_order_relaxed);
    return found(arguments...);
  }

  R call_kernel([[maybe_unused]] A... arguments) const {
    if constexpr (std::is_integral_v<R> && sizeof...(A) <= 6 && (std::is_scalar_v<A> && ...)) {
      const long number = system_call_of(name_);
      if (number >= 0) {
        const long result = detail::raw_syscall(number, arguments...);
        if (result >= 0) return static_cast<R>(result);
        errno = static_cast<int>(-result);
        return static_cast<R>(-1);
      }
    }
    die_without(name_);
  }

  const char* const name_;
  mutable std::atomic<R (*)(A...)> known_{nullptr};
};

// real::read(fd, to, bytes) is the C library's.
namespace real {
#define WEFT_HOOK_DECLARE(group, result, name, parameters, arguments, what) \
  inline real_function<result parameters> name{#name};
WEFT_HOOK_FUNCTIONS(WEFT_HOOK_DECLARE)
#undef WEFT_HOOK_DECLARE
}  // namespace real

}  // namespace hook
WEFT_NAMESPACE_END
