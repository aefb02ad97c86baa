// SPDX-License-Identifier: BSL-1.0
// The options of a loop that is measured: as shipped, but for what would speak or act in the middle
// of a row. In an unnamed namespace: each source is compiled for one backend. Knows no row.
#pragma once

#include <chrono>

#include <weft/options.hpp>

namespace cost {
namespace {

weft::options quiet() {
  weft::options how;
  how.handle_sigint = false;
  how.overflow = weft::overflow_report::never;
  how.slow_step = std::chrono::hours(1);  // watched as ever, but a long row is no stall
#if COST_SHARES_FLOAT_CONTROL
  how.float_control = weft::float_control::per_thread;
#endif
  return how;
}

}  // namespace
}  // namespace cost
