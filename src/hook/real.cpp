// SPDX-License-Identifier: BSL-1.0
// See real.hpp.
#include "real.hpp"

#include <dlfcn.h>

#include <cstdlib>

#include "weft/report.hpp"

WEFT_NAMESPACE_BEGIN
namespace hook {
namespace {

// Condition variables have an older form of the same name, for another layout. Source: glibc's
// nptl/Versions; what a program that is linked today refers to.
#if defined(__x86_64__)
constexpr const char* condition_version = "GLIBC_2.3.2";
#else
constexpr const char* condition_version = "GLIBC_2.17";
#endif

void* find_in(void* library, const char* name) noexcept {
  if (std::strncmp(name, "pthread_cond_", 13) == 0) {
    if (void* const found = dlvsym(library, name, condition_version)) return found;
  }
  return dlsym(library, name);
}

// Behind weft in a plugin there may be nothing: the program came first.
void* find_in_file(const char* file, const char* name) noexcept {
  void* const library = dlopen(file, RTLD_NOW | RTLD_NOLOAD);
  if (library == nullptr) return nullptr;
  void* const found = find_in(library, name);
  dlclose(library);
  return found;
}

struct plain_call {
  const char* name;
  long number;
};
constexpr plain_call plain_calls[] = {
    {"read", SYS_read},
    {"readv", SYS_readv},
    {"write", SYS_write},
    {"writev", SYS_writev},
    {"recvfrom", SYS_recvfrom},
    {"recvmsg", SYS_recvmsg},
    {"recvmmsg", SYS_recvmmsg},
    {"sendto", SYS_sendto},
    {"sendmsg", SYS_sendmsg},
    {"sendmmsg", SYS_sendmmsg},
    {"connect", SYS_connect},
    {"accept", SYS_accept},
    {"accept4", SYS_accept4},
    {"close", SYS_close},
    {"dup3", SYS_dup3},
#ifdef SYS_dup2
    {"dup2", SYS_dup2},
#endif
    {"sched_yield", SYS_sched_yield},
    {"nanosleep", SYS_nanosleep},
    {"fsync", SYS_fsync},
    {"fdatasync", SYS_fdatasync},
    {"flock", SYS_flock},
    {"ftruncate", SYS_ftruncate},
    {"wait4", SYS_wait4},
};

}  // namespace

void* find_real(const char* name) noexcept {
  const int before = errno;  // dlsym() may change it, and the caller's call may succeed
  void* found = find_in(RTLD_NEXT, name);
  if (found == nullptr) found = find_in_file("libc.so.6", name);
  if (found == nullptr) found = find_in_file("libstdc++.so.6", name);
  errno = before;
  return found;
}

long system_call_of(const char* name) noexcept {
  for (const plain_call& one : plain_calls) {
    if (std::strcmp(one.name, name) == 0) return one.number;
  }
  return -1;
}

void die_without(const char* name) noexcept {
  weft::detail::send_report(
      "weft: libweft-hook stands before a function that no other library has; is the C++ or the C "
      "library linked statically? It is:");
  weft::detail::send_report(name);
  std::abort();
}

}  // namespace hook
WEFT_NAMESPACE_END
