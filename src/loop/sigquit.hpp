// SPDX-License-Identifier: BSL-1.0
// Ctrl-\ : every loop that asked for it prints its tree of tasks. Layer: loop. Called by loops as
// they are entered and left, and at each look.
#pragma once

#include "weft/detail/config.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

// True if the environment says WEFT_TREE_ON_SIGQUIT=1: for all loops of the process.
bool is_tree_wanted_by_environment() noexcept;

// Around fork(), and in the child: nobody listens any more.
void lock_sigquit() noexcept;
void unlock_sigquit() noexcept;
void forget_sigquit_listeners() noexcept;

class sigquit_listener {
 public:
  // From now on a SIGQUIT rings event_fd, if the program left the signal at its default.
  void start(int event_fd) noexcept;
  // Does nothing without start(). event_fd may be closed afterwards.
  void stop() noexcept;

  // In a child of fork(), after forget_sigquit_listeners(): as if never started.
  void abandon() noexcept {
    is_on_ = false;
    slot_ = -1;
  }

  // True once after one or more SIGQUITs.
  bool take() noexcept { return is_on_ && take_slowly(); }

 private:
  bool take_slowly() noexcept;

  bool is_on_ = false;
  int slot_ = -1;      // where the handler finds event_fd; -1: there was no room
  unsigned seen_ = 0;  // of the signals
};

}  // namespace detail
WEFT_NAMESPACE_END
