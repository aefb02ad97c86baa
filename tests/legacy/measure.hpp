// SPDX-License-Identifier: BSL-1.0
// Runs rows in fibers on this thread, and looks at what else happens meanwhile.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "row.hpp"

namespace legacy {

using seconds = std::chrono::duration<double>;

struct measurement {
  seconds together{};    // from the first fiber's start to the last one's end
  seconds late{};        // the 99th percentile of how late a fiber was that ticks
  seconds latest{};      // the worst of them
  unsigned threads = 0;  // the most that this process had
  unsigned threads_after = 0;
  // How much longer this thread took for what it computed, because others had the processor: 1 on a
  // machine of its own.
  double slowed = 1;
};

// Calls body(0), body(1), ... one after another on this thread, outside fibers; for each.
seconds measure_serially(const std::function<void(int)>& body, int count);

// The same as so many fibers at once, which start so far apart.  Throws: std::runtime_error, the
// first thing that was wrong.
measurement measure_together(const std::function<void(int)>& body, int count,
                             std::chrono::milliseconds apart = {});

// The same as so many threads at once, as if there were no weft.
seconds measure_threads(const std::function<void(int)>& body, int count);

// A call that is cancelled.
struct ended_call {
  bool has_failed = false;  // it came back with an error
  seconds back{};           // from its start until it came back
  seconds cpu{};            // what the process computed meanwhile
  seconds close{};          // until its handle was closed
};

// Makes the row's long call with a timeout, closes its handle, and runs the row once more.
ended_call end_by_timeout(const row& what, std::chrono::milliseconds timeout);

}  // namespace legacy
