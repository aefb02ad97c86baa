// SPDX-License-Identifier: BSL-1.0
// weft's own system calls. They never pass through a libc symbol that can be interposed: a hooked
// read inside the poller would park the poller. Layer: base.
#pragma once

#include <sys/syscall.h>
#include <cerrno>
#include <cstddef>
#include <type_traits>

#include "weft/detail/config.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

// Of a signal set as the kernel has it, which libc's is larger than: 64 signals.
constexpr std::size_t kernel_sigset_bytes = 8;

// The kernel's answer: a result, or -errno. Leaves errno alone.
inline long raw_syscall_words(long number, long a, long b, long c, long d, long e,
                              long f) noexcept {
#if defined(__x86_64__)
  long result;
  register long r10 asm("r10") = d;
  register long r8 asm("r8") = e;
  register long r9 asm("r9") = f;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
               : "rcx", "r11", "memory");
  return result;
#elif defined(__aarch64__)
  register long x8 asm("x8") = number;
  register long x0 asm("x0") = a;
  register long x1 asm("x1") = b;
  register long x2 asm("x2") = c;
  register long x3 asm("x3") = d;
  register long x4 asm("x4") = e;
  register long x5 asm("x5") = f;
  asm volatile("svc #0"
               : "+r"(x0)
               : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
               : "memory");
  return x0;
#else
#error "weft runs on x86-64 and AArch64 Linux; add this architecture's system call here"
#endif
}

template <class T>
long as_word(T value) noexcept {
  if constexpr (std::is_null_pointer_v<T>) {
    return 0;
  } else if constexpr (std::is_pointer_v<T>) {
    return reinterpret_cast<long>(value);
  } else {
    return static_cast<long>(value);
  }
}

template <class... A>
long raw_syscall(long number, A... arguments) noexcept {
  static_assert(sizeof...(A) <= 6);
  long words[6] = {as_word(arguments)...};
  return raw_syscall_words(number, words[0], words[1], words[2], words[3], words[4], words[5]);
}

inline int this_thread() noexcept { return static_cast<int>(raw_syscall(SYS_gettid)); }

}  // namespace detail
WEFT_NAMESPACE_END
