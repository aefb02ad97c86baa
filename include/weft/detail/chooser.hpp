// SPDX-License-Identifier: BSL-1.0
// Who decides which ready fiber runs next, in place of the ring's order: testing::explore().
// Layer: loop, which owns this window. With one, every wait and yield asks it, its loop is a closed
// world (only its own fibers end each other's waits), and whoever shares an object says so. Off, it
// costs nothing where a switch is hot: only the slow path of a watched loop looks for it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "weft/detail/compiler.hpp"
#include "weft/detail/config.hpp"
#include "weft/detail/export.hpp"
#include "weft/detail/loop_core.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

class loop;

// What a step does to an object that other fibers may use, too.
enum class access : std::uint8_t { reads, writes, ends };  // ends: its address may be used again

class chooser {
 public:
  chooser() = default;
  chooser(const chooser&) = delete;
  chooser& operator=(const chooser&) = delete;

  // Brings the fiber that is to run next to the front of the ring, which is not empty; may fire
  // timers before. Runs in the idle context.
  virtual void choose(loop& here) noexcept = 0;

  // One of `count` in the middle of a step, where a program would draw lots (select).
  virtual std::size_t draw(std::size_t count) noexcept = 0;

  // The running step touched an object of weft's, or a fiber: the end of one, or all of it.
  virtual void touched(const void* object, access how) noexcept = 0;
  virtual void touched(const fiber& f, access how, bool only_its_end) noexcept = 0;

  // The same, said by the user: the step's other accesses are none, or said as well. `name` is a
  // static text for the timeline, or nullptr.
  virtual void declared(const void* object, access how, const char* name) noexcept = 0;

  // The running fiber yields only to offer a choice: left alone, it goes on.
  virtual void offer_switch() noexcept = 0;

  // testing::check() failed; an error of `f` reached nobody.
  virtual void check_failed(const char* text) noexcept = 0;
  virtual void error_lost(const fiber& f, const char* how) noexcept = 0;

 protected:
  ~chooser() = default;
};

// The one that decides on this thread; nullptr: none does.
WEFT_API chooser* chooser_here() noexcept;

// Tells it, if there is one: the running step asks whether f has ended.
WEFT_API void note_looked_at(const fiber& f) noexcept;

// The same of an object.  Calls from: any thread.
WEFT_API void tell_touched(const void* object, access how) noexcept;
WEFT_INLINE void note_access(const loop_core* here, const void* object, access how) noexcept {
  if (WEFT_UNLIKELY(here != nullptr && here->is_watched)) tell_touched(object, how);
}
WEFT_INLINE void note_access(const void* object, access how) noexcept {
  note_access(running_loop(), object, how);
}

}  // namespace detail
WEFT_NAMESPACE_END
