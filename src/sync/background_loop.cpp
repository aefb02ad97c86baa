// SPDX-License-Identifier: BSL-1.0
// A loop on a thread of its own: see background_loop.hpp.
#include "weft/background_loop.hpp"

#include <new>
#include <utility>

#include "../loop/loop.hpp"
#include "weft/detail/check.hpp"
#include "weft/run.hpp"

WEFT_NAMESPACE_BEGIN

background_loop::background_loop(options how) {
  how.detect_deadlock = false;  // its main waits for this object's end, and nobody could catch it
  promise<loop_ref> started;
  future<loop_ref> ref = started.get_future();
  future<void> stopped = stop_.get_future();
  thread_ =
      std::thread([how, started = std::move(started), stopped = std::move(stopped)]() mutable {
        bool is_up = false;
        try {
          run(how, [&] {
            is_up = true;
            started.set_value(this_loop());
            stopped.get();
          });
        } catch (...) {
          // Once up, main only waits: an error can only come from making the loop.
          WEFT_ASSERT(!is_up);
          started.set_exception(std::current_exception());
        }
      });
  try {
    ref_ = ref.get();
  } catch (...) {
    if (thread_.joinable()) thread_.join();
    throw;
  }
}

background_loop::~background_loop() {
  WEFT_ASSERT(thread_.get_id() != std::this_thread::get_id());
  if (ref_.is_of_parent_process()) {  // a child of fork() has no such thread to join
    ::new (static_cast<void*>(&thread_)) std::thread;
    return;
  }
  stop_.set_value();
  thread_.join();
}

WEFT_NAMESPACE_END
