// SPDX-License-Identifier: BSL-1.0
// See prologue.hpp. Source of the encodings: Intel SDM volume 2, SUB and LEA; Arm ARM C6.2, SUB
// (immediate), SUB (extended register), MOVZ, MOVK.
#include "prologue.hpp"

#include <algorithm>
#include <array>

namespace weft_audit {
namespace {

constexpr std::uint64_t looked_at_x86_64 = 256;  // bytes; after saved registers and a canary
constexpr std::uint64_t looked_at_aarch64 = 48;  // instructions
constexpr std::int32_t largest = 1 << 28;        // what is more is no frame but bytes by chance

}  // namespace

std::uint64_t taken_by_prologue_x86_64(bytes code) {
  const std::uint64_t end = std::min(code.size(), looked_at_x86_64);
  std::int32_t subtracted = 0;
  std::int32_t probed = 0;
  for (std::uint64_t at = 0; at + 7 <= end; ++at) {
    // sub $n, %rsp
    if (code[at] == 0x48 && code[at + 1] == 0x81 && code[at + 2] == 0xec) {
      const auto count = code.read<std::int32_t>(at + 3, "code");
      if (count > 0 && count < largest) subtracted = std::max(subtracted, count);
    }
    // lea -n(%rsp), %r11: how far -fstack-clash-protection touches page by page
    if (at + 8 <= end && code[at] == 0x4c && code[at + 1] == 0x8d && code[at + 2] == 0x9c &&
        code[at + 3] == 0x24) {
      const auto count = code.read<std::int32_t>(at + 4, "code");
      if (count < 0 && count > -largest) probed = std::max(probed, -count);
    }
  }
  return static_cast<std::uint64_t>(subtracted) + static_cast<std::uint64_t>(probed);
}

std::uint64_t taken_by_prologue_aarch64(bytes code) {
  const std::uint64_t end = std::min(code.size() / 4, looked_at_aarch64);
  std::array<std::uint64_t, 32> known{};  // what movz and movk put into a register
  std::uint64_t sum = 0;
  for (std::uint64_t i = 0; i < end; ++i) {
    const auto word = code.read<std::uint32_t>(i * 4, "code");
    const std::size_t to = word & 31;
    const std::uint64_t value = (word >> 5) & 0xffff;
    const unsigned shift = 16 * ((word >> 21) & 3);
    if ((word & 0xff8003ff) == 0xd10003ff) {  // sub sp, sp, #n{, lsl #12}
      sum += std::uint64_t{(word >> 10) & 0xfff} << ((word & 0x400000) != 0 ? 12 : 0);
    } else if ((word & 0x7f800000) == 0x52800000) {  // movz
      known[to] = value << shift;
    } else if ((word & 0x7f800000) == 0x72800000) {  // movk
      known[to] = (known[to] & ~(std::uint64_t{0xffff} << shift)) | (value << shift);
    } else if ((word & 0xffe0ffff) == 0xcb2063ff) {  // sub sp, sp, xN
      const std::uint64_t count = known[(word >> 16) & 31];
      if (count < static_cast<std::uint64_t>(largest)) sum += count;
    } else if ((word & 0xfc000000) == 0x94000000 || word == 0xd65f03c0) {  // bl, ret
      break;
    }
  }
  return sum;
}

}  // namespace weft_audit
