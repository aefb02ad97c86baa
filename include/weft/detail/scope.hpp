// SPDX-License-Identifier: BSL-1.0
// Cancel scopes as waits see them: a chain from the innermost outwards, ended by the task itself.
// Layer: loop. Entering and leaving are inline and touch no clock; what a cancel does lies in
// src/loop/cancel.cpp.
//
// Some facts:
// - A level is a scope or the task. A level that is cancelled is *visible* from inside unless a
//   shield lies between. attention_cancel says that some level is visible; it is kept by
//   refresh_cancel(), so a wait that nobody cancels tests one byte.
// - `cancelled` is thrown to the OUTERMOST visible level that it can reach: one that was entered
//   with as many exceptions in flight as there are now. Thrown out of a destructor during
//   unwinding, it would end the process (HAZARD H6).
// - A scope absorbs a `cancelled` that arrives when that level is the scope itself; else it lets it
//   pass. So of two deadlines that expire together only the outer one reports.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>

#include "weft/detail/check.hpp"
#include "weft/detail/compiler.hpp"
#include "weft/detail/config.hpp"
#include "weft/detail/export.hpp"
#include "weft/detail/fiber.hpp"
#include "weft/detail/loop_core.hpp"
#include "weft/time.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

// Lies on the stack of the fiber that is in it. The timer is its deadline.
struct scope : timer {
  scope* outer = nullptr;
  unsigned uncaught = 0;  // exceptions in flight at entry
  bool is_entered = false;
  bool is_shield = false;                 // hides what is further out
  bool has_expired = false;               // its deadline came first
  std::atomic<bool> is_cancelled{false};  // stays so; atomic only for cancel_scope::cancel_called()
  std::shared_ptr<const std::string> reason;
};

WEFT_INLINE bool is_cancelled(const scope& s) noexcept {
  return s.is_cancelled.load(std::memory_order_relaxed);
}

// Sets the deadline of a scope that has none armed; one that has passed cancels at once.
// Throws: std::bad_alloc, with nothing done.
WEFT_API void arm_scope(loop_core& here, scope& s, time_point deadline);
// The same for a time from now.
WEFT_API void arm_scope_for(loop_core& here, scope& s, duration span);
WEFT_API void disarm_scope(loop_core& here, scope& s) noexcept;

// Cancels a scope, entered or not; the first reason is kept.
WEFT_API void cancel_scope_now(scope& s, std::shared_ptr<const std::string> reason) noexcept;

// Sets or clears attention_cancel by what is visible from the innermost scope.
WEFT_API void refresh_cancel(fiber& f) noexcept;

// In a handler for `cancelled`, the scope being the innermost: true if the exception was for this
// scope. It has then arrived.
WEFT_API bool takes_cancelled(loop_core& here, scope& s) noexcept;

WEFT_INLINE void enter_scope(loop_core& here, scope& s) noexcept {
  fiber& self = *here.current;
  s.owner = &self;
  s.outer = self.innermost;
  s.uncaught = here.eh->uncaught;
  s.is_entered = true;
  self.innermost = &s;
  if (WEFT_UNLIKELY(s.is_shield || is_cancelled(s))) refresh_cancel(self);
}

WEFT_INLINE void leave_scope(loop_core& here, scope& s) noexcept {
  fiber& self = *s.owner;
  WEFT_DEBUG_ASSERT(self.innermost == &s && here.current == &self);
  self.innermost = s.outer;
  s.is_entered = false;
  if (s.is_armed()) disarm_scope(here, s);
  if (WEFT_UNLIKELY(s.is_shield || (self.attention & attention_cancel) != 0)) {
    refresh_cancel(self);
  }
}

}  // namespace detail
WEFT_NAMESPACE_END
