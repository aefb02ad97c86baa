// SPDX-License-Identifier: BSL-1.0
// Runs a program on a kernel that seems older: `deny_syscalls PROGRAM [ARGUMENTS...]`.
// A seccomp filter makes the guard advice of madvise fail with EINVAL and the newest system calls
// with ENOSYS, as an old kernel or a container would, so the tests prove weft's fall-backs on any
// machine. Used by .ci/run as `tests/run --wrapper`. Speaks BPF itself and needs no library.
// Source: man 2 seccomp, man 2 madvise, linux/filter.h.
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <vector>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

#if defined(__x86_64__)
constexpr std::uint32_t this_arch = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t this_arch = AUDIT_ARCH_AARCH64;
#else
#error "deny_syscalls knows x86-64 and AArch64"
#endif

// Written as numbers: they are newer than the kernel headers of some systems that build weft. From
// 424 on, system calls have the same number on every architecture.
constexpr std::uint32_t call_io_uring_setup = 425;
constexpr std::uint32_t call_pidfd_open = 434;
constexpr std::uint32_t call_close_range = 436;
constexpr std::uint32_t call_process_madvise = 440;
constexpr std::uint32_t call_epoll_pwait2 = 441;
constexpr std::uint32_t advice_guard_install = 102;
constexpr std::uint32_t advice_guard_remove = 103;

constexpr std::uint16_t load_word = BPF_LD | BPF_W | BPF_ABS;
constexpr std::uint16_t jump_if_equal = BPF_JMP | BPF_JEQ | BPF_K;
constexpr std::uint16_t leave_with = BPF_RET | BPF_K;

using filter = std::vector<sock_filter>;

void load(filter& code, std::size_t offset) {
  code.push_back({load_word, 0, 0, static_cast<std::uint32_t>(offset)});
}

// If the loaded word is `value`, the call fails with `error`; else the next rule is asked.
void fail_if(filter& code, std::uint32_t value, int error) {
  code.push_back({jump_if_equal, 0, 1, value});
  code.push_back({leave_with, 0, 0, SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(error)});
}

filter make_filter() {
  filter code;
  load(code, offsetof(seccomp_data, arch));
  code.push_back({jump_if_equal, 1, 0, this_arch});
  code.push_back({leave_with, 0, 0, SECCOMP_RET_ALLOW});  // 32-bit children: numbers differ
  load(code, offsetof(seccomp_data, nr));
  for (const auto call : {call_io_uring_setup, call_pidfd_open, call_close_range,
                          call_process_madvise, call_epoll_pwait2,
                          static_cast<std::uint32_t>(SYS_membarrier)}) {
    fail_if(code, call, ENOSYS);
  }
  code.push_back({jump_if_equal, 1, 0, static_cast<std::uint32_t>(SYS_madvise)});
  code.push_back({leave_with, 0, 0, SECCOMP_RET_ALLOW});
  load(code, offsetof(seccomp_data, args) + 2 * sizeof(std::uint64_t));  // low half of `advice`
  fail_if(code, advice_guard_install, EINVAL);
  fail_if(code, advice_guard_remove, EINVAL);
  code.push_back({leave_with, 0, 0, SECCOMP_RET_ALLOW});
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: deny_syscalls PROGRAM [ARGUMENTS...]\n");
    return 2;
  }
  filter code = make_filter();
  const sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
  // Without no_new_privs only root may install a filter.
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    std::fprintf(stderr, "deny_syscalls: no seccomp filter here: %s\n", std::strerror(errno));
    return 125;
  }
  execvp(argv[1], argv + 1);
  std::fprintf(stderr, "deny_syscalls: %s: %s\n", argv[1], std::strerror(errno));
  return 127;
}
