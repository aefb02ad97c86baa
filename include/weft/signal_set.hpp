// SPDX-License-Identifier: BSL-1.0
// Waiting for signals, as for anything else. Layer: io.
//
//   weft::signal_set ends{SIGINT, SIGTERM};
//   int which = ends.wait();
#pragma once

#include <cstdint>
#include <initializer_list>

#include "weft/detail/config.hpp"
#include "weft/detail/export.hpp"
#include "weft/file_descriptor.hpp"

WEFT_NAMESPACE_BEGIN

// Takes some signals out of their usual way: while this lives, they are kept for wait() and neither
// end the program nor run a handler. They are blocked in the calling thread; the program's other
// threads must block them, too, or be started later (weft's own block all); a program that is
// started meanwhile inherits that. Not for those that a fault raises (SIGSEGV). Source:
// signalfd(2).
class WEFT_API signal_set {
 public:
  // Throws: std::system_error: EMFILE, ENFILE; std::logic_error for what is no signal's number.
  signal_set(std::initializer_list<int> signals);
  // Gives the signals back. One that came before any was waited for is delivered now; later ones
  // are dropped: a second SIGTERM does not disturb an orderly end.
  ~signal_set();
  signal_set(const signal_set&) = delete;
  signal_set& operator=(const signal_set&) = delete;

  // Waits for the next of them and returns its number. Several of one kind may count as one.
  // Parks: may.  Calls from: fiber, any thread (which then blocks).
  // Throws: cancelled, and none is lost; std::system_error: EEXIST if another fiber waits.
  int wait();

 private:
  file_descriptor from_;
  bool was_waited_for_ = false;
  std::uint64_t before_ = 0;  // the thread's mask, as the kernel has it
};

WEFT_NAMESPACE_END
