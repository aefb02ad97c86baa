// SPDX-License-Identifier: BSL-1.0
// A thread of weft's own, which takes no signal that is meant for the program. Layer: base.
#pragma once

#include <pthread.h>
#include <signal.h>

#include "weft/detail/config.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

// As pthread_create(), whose error it returns. Blocked is all but what an instruction of the thread
// itself raises: blocked, that would end the process without the program's handler.
inline int start_quiet_thread(pthread_t& made, void* (*run)(void*), void* argument) noexcept {
  sigset_t blocked;
  sigfillset(&blocked);
  for (const int raised : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS}) {
    sigdelset(&blocked, raised);
  }
  sigset_t before;
  pthread_sigmask(SIG_SETMASK, &blocked, &before);
  const int error = pthread_create(&made, nullptr, run, argument);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return error;
}

}  // namespace detail
WEFT_NAMESPACE_END
