// SPDX-License-Identifier: BSL-1.0
// The fcontext backend: the only file that knows Boost. The switch itself is asm/fcontext_*.S;
// here a fresh context is prepared, and architectures without a thunk get a plain call, which is
// correct everywhere but leaves the return stack buffer unbalanced.
#include <boost/context/detail/fcontext.hpp>

#include <cstddef>
#include <cstdint>
#include <mutex>

#include "../../asm/frame_fcontext.h"
#include "../base/sanitizers.hpp"
#include "float_control.hpp"
#include "suspended.hpp"
#include "weft/detail/compiler.hpp"
#include "weft/detail/context.hpp"

namespace fcontext = boost::context::detail;

static_assert(offsetof(weft::detail::context, sp) == WEFT_CONTEXT_SP);
static_assert(offsetof(weft::detail::context, from) == WEFT_CONTEXT_FROM);
static_assert(offsetof(weft::detail::context, entry) == WEFT_CONTEXT_ENTRY);

#if defined(__x86_64__) || defined(__aarch64__)

extern "C" {
// Read by the thunks. Through the address, not the symbol's name: Boost 1.87 renamed it.
extern __attribute__((visibility("hidden"))) decltype(&fcontext::jump_fcontext)
    const WEFT_C_NAME(jump_fcontext);
decltype(&fcontext::jump_fcontext) const WEFT_C_NAME(jump_fcontext) = &fcontext::jump_fcontext;
// Defined in asm/fcontext_*.S.
void WEFT_C_NAME(context_entry)(fcontext::transfer_t);
void WEFT_C_NAME(context_probe)(void* other, std::uintptr_t* words);
void WEFT_C_NAME(context_probed)(fcontext::transfer_t);
extern __attribute__((visibility("hidden"))) const char WEFT_C_NAME(context_arrived)[];
extern __attribute__((visibility("hidden"))) const char WEFT_C_NAME(context_probe_arrived)[];

// What learn_frame() found out; the debugger's script reads it, too.
struct WEFT_C_NAME(frame_layout) {
  std::uint32_t bytes;  // from the handle to sp after the switch; 0: unknown
  std::uint32_t at[weft::detail::kept_registers];  // offsets from the handle
  std::uint32_t goes_on_at;                        // the offset of where it will go on
};
extern __attribute__((visibility("hidden"))) struct WEFT_C_NAME(frame_layout)
    WEFT_C_NAME(saved_frame);
struct WEFT_C_NAME(frame_layout) WEFT_C_NAME(saved_frame) = {};
}

#else

extern "C" {

WEFT_NO_SANITIZE static void WEFT_C_NAME(context_entry)(fcontext::transfer_t came) {
  auto* const self = static_cast<weft::detail::context*>(came.data);
  self->from->sp = came.fctx;
  weft::detail::context* const next = self->entry(self);
  next->from = next;
  fcontext::jump_fcontext(next->sp, next);
  __builtin_unreachable();
}

WEFT_NO_SANITIZE WEFT_NOINLINE void WEFT_C_NAME(context_switch)(
    weft::detail::context* self, weft::detail::context* to) noexcept {
  to->from = self;
  const fcontext::transfer_t came = fcontext::jump_fcontext(to->sp, to);
  static_cast<weft::detail::context*>(came.data)->from->sp = came.fctx;
}
}

#endif

WEFT_NAMESPACE_BEGIN
namespace detail {

void make_context(context& fresh, void* top, std::size_t bytes, context_entry entry) noexcept {
  fresh.entry = entry;
  fresh.from = nullptr;
  // make_fcontext copies the control words in force into the fresh frame.
#if defined(__x86_64__)
  float_controls present;
  if (__builtin_expect(!present.are_default(), 0)) {
    float_controls changed = present;
    changed.change_to_default();
    fresh.sp = fcontext::make_fcontext(top, bytes, &WEFT_C_NAME(context_entry));
    present.load();
    return;
  }
#endif
  fresh.sp = fcontext::make_fcontext(top, bytes, &WEFT_C_NAME(context_entry));
}

#if defined(__x86_64__) || defined(__aarch64__)

// The offset at which `value` stands, the last if there are several; false: nowhere.
static bool find_word(const std::uintptr_t* words, std::uint32_t bytes, std::uintptr_t value,
                      std::uint32_t& at) noexcept {
  bool is_found = false;
  for (std::uint32_t i = 0; i < bytes; i += sizeof(void*)) {
    if (words[i / sizeof(void*)] != value) continue;
    at = i;
    is_found = true;
  }
  return is_found;
}

static bool read_frame(const std::uintptr_t* words,
                       struct WEFT_C_NAME(frame_layout) & found) noexcept {
  const std::uintptr_t bytes = words[0] - words[1];
  if (bytes == 0 || bytes > WEFT_PROBE_WORDS * sizeof(void*)) return false;
  found.bytes = static_cast<std::uint32_t>(bytes);
  for (std::size_t i = 0; i < kept_registers; ++i) {
    if (!find_word(words + 2, found.bytes, WEFT_PROBE_VALUE + i, found.at[i])) return false;
  }
  const auto arrived = reinterpret_cast<std::uintptr_t>(WEFT_C_NAME(context_probe_arrived));
  return find_word(words + 2, found.bytes, arrived, found.goes_on_at);
}

void learn_frame(void* top, std::size_t bytes) noexcept {
  static std::once_flag once;
  std::call_once(once, [&] {
    std::uintptr_t words[2 + WEFT_PROBE_WORDS] = {};
    void* const other = fcontext::make_fcontext(top, bytes, &WEFT_C_NAME(context_probed));
    WEFT_C_NAME(context_probe)(other, words);
    VALGRIND_MAKE_MEM_DEFINED(words, sizeof words);  // a frame has holes
    struct WEFT_C_NAME(frame_layout) found {};
    if (read_frame(words, found)) WEFT_C_NAME(saved_frame) = found;
  });
}

// Below an instrumented frame may lie what a sanitizer has poisoned for an earlier one.
WEFT_NOINLINE WEFT_NO_SANITIZE static std::uintptr_t word_at(std::uintptr_t address) noexcept {
  return *reinterpret_cast<const std::uintptr_t*>(address);
}

suspended_side look_at(const context& suspended) noexcept {
  suspended_side side;
  const auto& frame = WEFT_C_NAME(saved_frame);
  const auto handle = reinterpret_cast<std::uintptr_t>(suspended.sp);
  if (handle == 0 || frame.bytes == 0) return side;
  const auto arrived = reinterpret_cast<std::uintptr_t>(WEFT_C_NAME(context_arrived));
  if (word_at(handle + frame.goes_on_at) != arrived) return side;  // it never ran
  side.sp = handle + frame.bytes;
  for (std::size_t i = 0; i < kept_registers; ++i) side.kept[i] = word_at(handle + frame.at[i]);
#if defined(__x86_64__)
  side.pc = arrived + 4;  // behind endbr64: unwinders look one byte before
  side.caller = reinterpret_cast<const void*>(word_at(side.sp));
#else
  side.pc = arrived;
  side.caller = reinterpret_cast<const void*>(word_at(side.sp + sizeof(void*)));
#endif
  return side;
}

#else

void learn_frame(void*, std::size_t) noexcept {}
suspended_side look_at(const context&) noexcept { return {}; }

#endif

}  // namespace detail
WEFT_NAMESPACE_END
