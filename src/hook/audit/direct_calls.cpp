// SPDX-License-Identifier: BSL-1.0
// See direct_calls.hpp. Source of the numbers: Linux, arch/x86/entry/syscalls/syscall_64.tbl and
// include/uapi/asm-generic/unistd.h.
#include "direct_calls.hpp"

#include <algorithm>
#include <cstdint>

namespace weft_audit {
namespace {

struct system_call {
  const char* name;
  int x86_64;
  int aarch64;  // -1: it has none, or is not looked for
};
// Not read and write on x86-64: before them stands "return 0" or "return 1", by chance, in any
// program.
constexpr system_call blocking_calls[] = {
    {"read", -1, 63},
    {"write", -1, 64},
    {"poll", 7, -1},
    {"readv", 19, 65},
    {"writev", 20, 66},
    {"select", 23, -1},
    {"pause", 34, -1},
    {"nanosleep", 35, 101},
    {"connect", 42, 203},
    {"accept", 43, 202},
    {"sendto", 44, 206},
    {"recvfrom", 45, 207},
    {"sendmsg", 46, 211},
    {"recvmsg", 47, 212},
    {"wait4", 61, 260},
    {"semop", 65, 193},
    {"msgsnd", 69, 189},
    {"msgrcv", 70, 188},
    {"flock", 73, 32},
    {"fsync", 74, 82},
    {"rt_sigtimedwait", 128, 137},
    {"rt_sigsuspend", 130, 133},
    {"futex", 202, 98},
    {"io_getevents", 208, 4},
    {"semtimedop", 220, 192},
    {"clock_nanosleep", 230, 115},
    {"epoll_wait", 232, -1},
    {"mq_timedsend", 242, 182},
    {"mq_timedreceive", 243, 183},
    {"waitid", 247, 95},
    {"pselect6", 270, 72},
    {"ppoll", 271, 73},
    {"splice", 275, 76},
    {"epoll_pwait", 281, 22},
    {"accept4", 288, 242},
    {"recvmmsg", 299, 243},
    {"sendmmsg", 307, 269},
    {"preadv2", 327, 286},
    {"io_uring_enter", 426, 426},
    {"epoll_pwait2", 441, 441},
    {"futex_waitv", 449, 449},
    {"futex_wait", 455, 455},
};

class found_calls {
 public:
  explicit found_calls(bool is_x86_64) noexcept : is_x86_64_(is_x86_64) {}

  void add(std::uint64_t number) {
    for (const system_call& one : blocking_calls) {
      const int own = is_x86_64_ ? one.x86_64 : one.aarch64;
      if (own < 0 || static_cast<std::uint64_t>(own) != number) continue;
      if (std::find(names_.begin(), names_.end(), one.name) == names_.end()) {
        names_.push_back(one.name);
      }
    }
  }
  std::vector<std::string_view> names() && { return std::move(names_); }

 private:
  const bool is_x86_64_;
  std::vector<std::string_view> names_;
};

// Instructions have no fixed places, so bytes in the middle of others may look like these: the
// number must be set within the 32 bytes before.
void scan_x86_64(bytes code, found_calls& found) {
  for (std::uint64_t at = 5; at + 1 < code.size(); ++at) {
    if (code[at] != 0x0f || code[at + 1] != 0x05) continue;  // syscall
    if (code.has(at + 2, 1) && (code[at + 2] == 0x00 || code[at + 2] == 0xff)) continue;
    const std::uint64_t first = at > 32 ? at - 32 : 0;
    for (std::uint64_t from = at - 5; from + 1 > first; --from) {
      if (code[from] == 0xb8) {  // mov $number, %eax
        const auto number = code.read<std::uint32_t>(from + 1, "code");
        if (number < 1024) {
          found.add(number);
          break;
        }
      }
      if (from == 0) break;
    }
  }
}

void scan_aarch64(bytes code, found_calls& found) {
  std::uint64_t number = 0;
  std::uint64_t set_at = 0;
  bool is_set = false;
  for (std::uint64_t i = 0; i < code.size() / 4; ++i) {
    const auto word = code.read<std::uint32_t>(i * 4, "code");
    if ((word & 0x7fe0001f) == 0x52800008) {  // mov x8, #number
      number = (word >> 5) & 0xffff;
      set_at = i;
      is_set = true;
    } else if (word == 0xd4000001 && is_set && i - set_at <= 16) {  // svc #0
      found.add(number);
    }
  }
}

}  // namespace

std::vector<std::string_view> find_direct_calls(const elf_file& file) {
  found_calls found(file.is_x86_64());
  for (const Elf64_Phdr& one : file.segments()) {
    if (one.p_type != PT_LOAD || (one.p_flags & PF_X) == 0) continue;
    const bytes code = file.content().part(one.p_offset, one.p_filesz, "code");
    if (file.is_x86_64()) {
      scan_x86_64(code, found);
    } else {
      scan_aarch64(code, found);
    }
  }
  return std::move(found).names();
}

}  // namespace weft_audit
