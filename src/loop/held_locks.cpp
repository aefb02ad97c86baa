// SPDX-License-Identifier: BSL-1.0
// See held_locks.hpp. What a thread's fibers hold is known to that thread alone: whoever locks,
// unlocks and waits does so on it.
#include "held_locks.hpp"

#include <unwind.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <memory>
#include <new>
#include <string>

#include "../base/code_names.hpp"
#include "../base/debug_mode.hpp"
#include "loop.hpp"
#include "weft/detail/event_sink.hpp"
#include "weft/report.hpp"
#include "weft/testing.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {
namespace {

constexpr unsigned most_frames = 10;

struct held {
  const void* lock = nullptr;    // nullptr: this entry is free
  const fiber* owner = nullptr;  // nullptr: it has ended; then `label` says who it was
  const void* place = nullptr;   // that locked it
  held_kind how{};
  unsigned times = 0;          // a recursive lock, or a read lock
  const char* wait = nullptr;  // the first one since
  unsigned frame_count = 0;
  std::array<void*, most_frames> frames{};  // of that wait, innermost first
  std::array<char, 96> label{};
};

_Unwind_Reason_Code note_frame(_Unwind_Context* frame, void* argument) {
  held& to = *static_cast<held*>(argument);
  if (to.frame_count == most_frames) return _URC_END_OF_STACK;
  // Inside the call, not behind it.
  to.frames[to.frame_count++] = reinterpret_cast<void*>(_Unwind_GetIP(frame) - 1);
  return _URC_NO_REASON;
}

const char* what(held_kind how) noexcept {
  switch (how) {
    case held_kind::exclusive:
      return "a std::mutex or another pthread lock";
    case held_kind::shared:
      return "a pthread read lock";
    case held_kind::initialiser:
      return "the initialisation of a static variable";
  }
  return "";
}

const char* advice(held_kind how) noexcept {
  return how == held_kind::initialiser
             ? "A fiber of the same loop that comes there meanwhile ends the program by "
               "__gnu_cxx::recursive_init_error. Initialise it before the loop runs, or take "
               "weft::lazy."
             : "A fiber of the same loop that wants it meanwhile stops the loop for good. Unlock "
               "it before the wait, or take weft::mutex.";
}

std::string name_and_site(const fiber& f) {
  return describe(f) + " (spawned at " + describe(f.site) + ")";
}

// More than the locks that one thread's fibers hold at a time; what is beyond is not watched.
constexpr std::size_t most_held = 64;

class lock_watch final : public event_sink {
 public:
  lock_watch() noexcept : event_sink(kind::locks) {}

  void locked(loop& here, const void* lock, held_kind how, const void* place) noexcept {
    const fiber* const self = here.current;
    held* free = nullptr;
    for (held& one : in_use()) {
      if (one.lock == lock && one.owner == self) {
        ++one.times;
        return;
      }
      if (one.lock == nullptr && free == nullptr) free = &one;
    }
    if (free == nullptr && end_ < all_.size()) free = &all_[end_++];
    if (free == nullptr) return;
    if (from != &here) begin_watch(here);
    *free = held{};
    free->lock = lock;
    free->owner = self;
    free->place = place;
    free->how = how;
    free->times = 1;
  }

  void unlocked(loop& here, const void* lock) noexcept {
    held* its = nullptr;
    for (held& one : in_use()) {
      // To pthread the thread owns it: another of its fibers may well be who gives it up.
      if (one.lock == lock && (its == nullptr || one.owner == here.current)) its = &one;
    }
    if (its == nullptr || --its->times != 0) return;
    const held ended = *its;
    its->lock = nullptr;
    while (end_ > 0 && all_[end_ - 1].lock == nullptr) --end_;
    if (end_ == 0 && from == &here) end_watch(here);
    if (ended.wait != nullptr && ended.owner != nullptr && is_new(ended.place)) report_wait(ended);
  }

  bool holds_for_good(const loop& here, const void* lock, held_kind wanted,
                      const void* place) noexcept {
    for (const held& one : in_use()) {
      if (one.lock != lock || one.owner == here.current) continue;
      if (one.how == held_kind::shared && wanted == held_kind::shared) continue;
      report_conflict(here, one, place);
      return true;
    }
    return false;
  }

  void note(loop& here, testing::trace_kind event, const fiber& f,
            const char* wait) noexcept override {
    if (event != testing::trace_kind::park && event != testing::trace_kind::end) return;
    for (held& one : in_use()) {
      if (one.lock == nullptr || one.owner != &f) continue;
      if (event == testing::trace_kind::end) {
        std::snprintf(one.label.data(), one.label.size(), "fiber %llu, which has ended,",
                      static_cast<unsigned long long>(f.id));
        one.owner = nullptr;
      } else if (one.wait == nullptr && here.current == &f) {
        one.wait = wait;
        _Unwind_Backtrace(&note_frame, &one);
      }
    }
  }

  void finish(loop&) noexcept override {
    for (held& one : in_use()) one = held{};
    end_ = 0;
  }

  bool holds(const fiber* self, const void* besides) noexcept {
    for (const held& one : in_use()) {
      if (one.lock != nullptr && one.lock != besides && one.owner == self) return true;
    }
    return false;
  }

 private:
  struct used_part {
    held* first;
    held* last;
    held* begin() const noexcept { return first; }
    held* end() const noexcept { return last; }
  };
  used_part in_use() noexcept { return {all_.data(), all_.data() + end_}; }

  // A watched loop is slow: it is one only while something is held. Most locks are given up before
  // the next switch, and then that switch is to cost what it would have.
  void begin_watch(loop& here) noexcept {
    turn_end_before_ = here.turn_end;
    taken_before_ = here.ready.taken();
    here.add_sink(*this);
  }
  void end_watch(loop& here) noexcept {
    here.remove_sink(*this);
    if (!here.is_watched && here.ready.taken() == taken_before_) here.turn_end = turn_end_before_;
  }

  bool is_new(const void* place) noexcept {
    if (std::find(told_.begin(), told_.end(), place) != told_.end()) return false;
    told_[told_count_++ % told_.size()] = place;
    return true;
  }

  static void add_frames(std::string& text, const held& one) {
    for (unsigned i = 0; i < one.frame_count; ++i) text += "\n  " + name_of_code(one.frames[i]);
  }

  static void report_wait(const held& one) noexcept {
    try {
      std::string text = "weft: " + name_and_site(*one.owner) + " waited (" + one.wait +
                         ") while it held " + what(one.how) + ". Begun in " +
                         name_of_code(one.place) + "; it waited in";
      add_frames(text, one);
      send_report(text + "\n" + advice(one.how));
    } catch (const std::bad_alloc&) {
      send_report("weft: a fiber waited while it held a pthread lock; no memory to say which");
    }
  }

  static void report_conflict(const loop& here, const held& one, const void* place) noexcept {
    try {
      std::string text =
          "weft: " + name_and_site(*here.current) + " wants, in " + name_of_code(place) + ", " +
          what(one.how) + " that " +
          (one.owner != nullptr ? name_and_site(*one.owner) : one.label.data()) + " holds since " +
          name_of_code(one.place) + ". Both run on this thread, so it would never be free: " +
          (one.how == held_kind::initialiser ? "the initialisation" : "the lock") + " fails.";
      if (one.wait != nullptr) {
        text += " The holder waits (" + std::string(one.wait) + ") in";
        add_frames(text, one);
      }
      send_report(text + "\n" + advice(one.how));
    } catch (const std::bad_alloc&) {
      send_report("weft: two fibers of a thread want one pthread lock; no memory to say which");
    }
  }

  std::array<held, most_held> all_{};
  std::size_t end_ = 0;  // behind the last entry in use
  std::size_t turn_end_before_ = 0;
  std::size_t taken_before_ = 0;
  std::array<const void*, 32> told_{};  // places of locks, so that a loop says it once
  std::size_t told_count_ = 0;
};

// Not itself in the thread's storage: libweft.so would need more of that than dlopen() finds.
// nullptr: no memory.
lock_watch* watch_of_thread() noexcept {
  static thread_local std::unique_ptr<lock_watch> own;
  if (own == nullptr) own.reset(new (std::nothrow) lock_watch);
  return own.get();
}

// relaxed: who changes it says nothing else by it
std::atomic<lock_watching> watching{lock_watching::by_debug_mode};

bool is_watch_wanted() noexcept {
  const lock_watching how = watching.load(std::memory_order_relaxed);
  return how == lock_watching::by_debug_mode ? is_debug_mode() : how == lock_watching::always;
}

}  // namespace

void set_lock_watching(lock_watching how) noexcept {
  watching.store(how, std::memory_order_relaxed);
}

bool watches_locks() noexcept {
  const loop_core* const here = running_loop();
  return here != nullptr && here->current != &here->idle && is_watch_wanted();
}

bool holds_locks(const loop& here, const void* besides) noexcept {
  lock_watch* const watch = watch_of_thread();
  return watch != nullptr && watch->holds(here.current, besides);
}

void report_relock(held_kind how, const void* place) noexcept {
  try {
    send_report("weft: " + name_and_site(*running_loop()->current) + " wants, in " +
                name_of_code(place) + ", " + what(how) +
                " that it holds itself. It would wait for ever, so the call fails with EDEADLK. "
                "Unlock it before, or take a recursive mutex");
  } catch (const std::bad_alloc&) {
    send_report("weft: a fiber wants a pthread lock that it holds itself: EDEADLK");
  }
}

bool is_held_for_good(const void* lock, held_kind wanted, const void* place) noexcept {
  lock_watch* const watch = watch_of_thread();
  return watch != nullptr && watch->holds_for_good(whole(*running_loop()), lock, wanted, place);
}

void note_locked(const void* lock, held_kind how, const void* place) noexcept {
  if (lock_watch* const watch = watch_of_thread()) {
    watch->locked(whole(*running_loop()), lock, how, place);
  }
}

void note_unlocked(const void* lock) noexcept {
  if (lock_watch* const watch = watch_of_thread()) watch->unlocked(whole(*running_loop()), lock);
}

}  // namespace detail
WEFT_NAMESPACE_END
