// SPDX-License-Identifier: BSL-1.0
// Lets one chosen system call of the calling thread fail, whoever makes it in the program and by
// whatever instruction: weft's own never pass through libc, so no symbol could be interposed. Only
// calls of the program's own code are counted and struck; libc's go through.
//
// How: the kernel's Syscall User Dispatch, which turns each call into a SIGSYS that is looked at
// here; one that is let through is made by a stub the kernel lets pass.
// Source: Documentation/admin-guide/syscall-user-dispatch.rst of Linux 5.11 and later.
#pragma once

#include <cstddef>

namespace weft_tests {

// Which call fails, and how.
struct fault {
  enum class way {
    instead,   // it is not made, and returns the error
    behind,    // it is made, and returns the error all the same: connect's EINTR, close's EIO
    cut_short  // it is made for one byte, and returns no error
  };

  long number = -1;  // SYS_..., -1: none
  unsigned nth = 1;  // of these calls, from 1
  int error = 0;
  way how = way::instead;
};

// While it lives, the calling thread's system calls are counted, and one is struck. One at a time.
// Beware: a signal handler of somebody else's that makes calls of its own may not run meanwhile.
class syscall_faults {
 public:
  explicit syscall_faults(const fault& which) noexcept;
  ~syscall_faults();
  syscall_faults(const syscall_faults&) = delete;
  syscall_faults& operator=(const syscall_faults&) = delete;

  // Why there can be none on this machine; nullptr if there can.
  static const char* why_not() noexcept;

  bool has_struck() const noexcept;
  unsigned calls_of(long number) const noexcept;  // until now
  unsigned calls() const noexcept;                // all of them

 private:
  void* signal_stack_ = nullptr;
};

}  // namespace weft_tests
