// SPDX-License-Identifier: BSL-1.0
// A loop on a thread of its own, for programs that stay threaded: hand it work through ref().
// Layer: sync.
#pragma once

#include <thread>

#include "weft/detail/config.hpp"
#include "weft/detail/export.hpp"
#include "weft/loop_ref.hpp"
#include "weft/options.hpp"

WEFT_NAMESPACE_BEGIN

// Starts a thread that runs a loop until the object is destroyed.
class WEFT_API background_loop {
 public:
  // Returns once the loop runs.  Parks: blocks the calling thread for that long.
  // Throws: what making the loop throws there (as runner); std::system_error for the thread.
  explicit background_loop(options how = {});

  // Cancels what runs there, waits for it, and joins the thread.  Blocks the calling thread.
  // Calls from: any thread but the loop's own (a broken invariant there).
  ~background_loop();
  background_loop(const background_loop&) = delete;
  background_loop& operator=(const background_loop&) = delete;

  // The way in.  Parks: never.  Calls from: any thread.
  loop_ref ref() const { return ref_; }

 private:
  loop_ref ref_;
  promise<void> stop_;
  std::thread thread_;
};

WEFT_NAMESPACE_END
