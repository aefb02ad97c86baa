// SPDX-License-Identifier: BSL-1.0
// What WEFT_DEBUG=1 asks for, and the frames of whoever swallowed a `cancelled`.
#include "debug_mode.hpp"

#include <cxxabi.h>
#include <dlfcn.h>
#include <unwind.h>

#include <atomic>
#include <cstdlib>
#include <cstring>

#include "weft/detail/delivery.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {
namespace {

// The exception dies inside __cxa_end_catch (or an exception_ptr's destructor) of the frame that
// swallowed it. What lies between is the C++ runtime: the caller of ~cancelled, and what else is in
// the runtime's own library, if it has one.
struct walk {
  delivery* to;
  const void* caller;
  const void* runtime;  // where its library begins; nullptr: it is linked into this program
  enum { in_weft, in_runtime, in_program } at = in_weft;
};

const void* library_of(const void* address) noexcept {
  Dl_info place{};
  return dladdr(address, &place) != 0 ? place.dli_fbase : nullptr;
}

_Unwind_Reason_Code note_frame(_Unwind_Context* frame, void* argument) {
  walk& state = *static_cast<walk*>(argument);
  const auto return_address = _Unwind_GetIP(frame);
  if (state.at == walk::in_weft) {
    if (reinterpret_cast<const void*>(return_address) == state.caller) state.at = walk::in_runtime;
    return _URC_NO_REASON;
  }
  auto* const address = reinterpret_cast<void*>(return_address - 1);  // inside the call
  if (state.at == walk::in_runtime && state.runtime != nullptr &&
      library_of(address) == state.runtime) {
    return _URC_NO_REASON;
  }
  state.at = walk::in_program;
  state.to->frames[state.to->frame_count++] = address;
  return state.to->frame_count == delivery::most_frames ? _URC_END_OF_STACK : _URC_NO_REASON;
}

}  // namespace

static std::atomic<bool>& debug_mode() noexcept {
  static std::atomic<bool> is_on{[] {
    const char* const value = std::getenv("WEFT_DEBUG");
    return value != nullptr && *value != '\0' && std::strcmp(value, "0") != 0;
  }()};
  return is_on;
}

bool is_debug_mode() noexcept { return debug_mode().load(std::memory_order_relaxed); }
void set_debug_mode(bool is_on) noexcept { debug_mode().store(is_on, std::memory_order_relaxed); }

void note_swallowed(delivery& lost, const void* caller) noexcept {
  if (is_debug_mode()) {
    const void* const runtime = library_of(reinterpret_cast<const void*>(&abi::__cxa_end_catch));
    const void* const own = library_of(reinterpret_cast<const void*>(&note_frame));
    walk state{&lost, caller, runtime != own ? runtime : nullptr};
    _Unwind_Backtrace(&note_frame, &state);
  }
  lost.is_swallowed.store(true, std::memory_order_release);
}

}  // namespace detail
WEFT_NAMESPACE_END
