// SPDX-License-Identifier: BSL-1.0
// Makes this process's kernel refuse guards, to reach weft's fall-backs on any machine. Not to be
// undone, so only in a child. The whole suite is run that way by tests/support/deny_syscalls.cpp;
// this is the part that one test needs. Source: man 2 seccomp.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

namespace weft_tests {

// What a child returns that could not deny anything.
constexpr int no_seccomp = 77;

enum class denied { guard_advice, all_guards, bulk_advice };

inline bool install_filter(std::vector<sock_filter> code) {
  const sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

// False if the kernel has no seccomp filters.
inline bool deny_guards(denied what) {
  constexpr auto load = static_cast<std::uint16_t>(BPF_LD | BPF_W | BPF_ABS);
  constexpr auto is = static_cast<std::uint16_t>(BPF_JMP | BPF_JEQ | BPF_K);
  constexpr auto leave = static_cast<std::uint16_t>(BPF_RET | BPF_K);
  constexpr auto number = static_cast<std::uint32_t>(offsetof(seccomp_data, nr));
  constexpr auto third_argument =
      static_cast<std::uint32_t>(offsetof(seccomp_data, args) + 2 * sizeof(std::uint64_t));
  constexpr std::uint32_t guard_install = 102;
  const std::uint32_t protect =
      what == denied::all_guards ? static_cast<std::uint32_t>(SYS_mprotect) : 0xffffffffU;
  if (what == denied::bulk_advice) {
    constexpr std::uint32_t process_madvise = 440;
    return install_filter({{load, 0, 0, number},
                           {is, 0, 1, process_madvise},
                           {leave, 0, 0, SECCOMP_RET_ERRNO | ENOSYS},
                           {leave, 0, 0, SECCOMP_RET_ALLOW}});
  }
  return install_filter({
      {load, 0, 0, number},
      {is, 0, 3, static_cast<std::uint32_t>(SYS_madvise)},
      {load, 0, 0, third_argument},
      {is, 0, 4, guard_install},
      {leave, 0, 0, SECCOMP_RET_ERRNO | EINVAL},
      {is, 0, 2, protect},
      {load, 0, 0, third_argument},
      {is, 1, 0, PROT_NONE},
      {leave, 0, 0, SECCOMP_RET_ALLOW},
      {leave, 0, 0, SECCOMP_RET_ERRNO | ENOMEM},
  });
}

}  // namespace weft_tests
