// SPDX-License-Identifier: BSL-1.0
// Waiting for processes and threads. One process is waited for through its pidfd; any of several,
// and stops, by a thread that looks without taking (WNOWAIT), so that nothing is lost with a caller
// that leaves. Layer: hook.
#include <algorithm>
#include <memory>
#include <string>

#include "offload.hpp"
#include "real.hpp"
#include "waiting.hpp"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434  // one number on all architectures
#endif
#ifndef P_PIDFD
#define P_PIDFD 3
#endif

WEFT_NAMESPACE_BEGIN
namespace hook {
namespace {

// On the heap: a cancelled caller leaves it to its thread.
struct child_watch : detail::thread_job {
  child_watch(idtype_t of, id_t number, int what) noexcept
      : thread_job(&look, [](thread_job& job) noexcept { delete &static_cast<child_watch&>(job); }),
        kind(of),
        id(number),
        options(what) {}

  static void look(thread_job& job) noexcept {
    auto& self = static_cast<child_watch&>(job);
    siginfo_t info{};
    int result = 0;
    do {
      result = real::waitid(self.kind, self.id, &info, self.options | WNOWAIT);
    } while (result != 0 && errno == EINTR);
    self.result = result == 0 ? 0 : -errno;
  }

  const idtype_t kind;
  const id_t id;
  const int options;
  int result = 0;
};

// Waits until waitid(kind, id, options) would not wait. 0: ask; -errno.
int await_by_thread(loop& here, function_id call, idtype_t kind, id_t id, int options) noexcept {
  std::unique_ptr<child_watch> one(new (std::nothrow) child_watch(kind, id, options));
  if (one == nullptr) return -ENOMEM;
  const int refused = run_offloaded(here, call, *one);
  if (refused == -EINPROGRESS) {
    static_cast<void>(one.release());
    return -ECANCELED;
  }
  if (refused == -EAGAIN) {  // no thread: it blocks, as without hooks
    child_watch::look(*one);
    return one->result;
  }
  return refused != 0 ? refused : one->result;
}

int await_process(loop& here, function_id call, pid_t pid) noexcept {
  const long fd = raw_syscall(SYS_pidfd_open, pid, 0);
  if (fd == -ENOSYS || fd == -EPERM || fd == -EMFILE || fd == -ENFILE) {
    return await_by_thread(here, call, P_PID, static_cast<id_t>(pid), WEXITED);
  }
  if (fd < 0) return fd == -ESRCH ? 0 : static_cast<int>(fd);  // the call says ECHILD
  count(tally_of(call).waits);
  const int happened = detail::wait_hooked(here, static_cast<int>(fd), POLLIN, time_point::max());
  detail::note_closing(static_cast<int>(fd));
  raw_syscall(SYS_close, fd);
  return happened > 0 ? 0 : happened;
}

// Which children wait4(pid) is about.
struct whom {
  idtype_t kind;
  id_t id;
};
whom who_is(pid_t pid) noexcept {
  if (pid > 0) return {P_PID, static_cast<id_t>(pid)};
  if (pid == -1) return {P_ALL, 0};
  return {P_PGID, static_cast<id_t>(pid == 0 ? getpgrp() : -pid)};
}

pid_t wait_as_fiber(loop& here, function_id call, pid_t pid, int* status, int options,
                    rusage* usage) {
  const bool wants_stops = (options & (WUNTRACED | WCONTINUED)) != 0;
  for (;;) {
    const pid_t ended_one = real::wait4(pid, status, options | WNOHANG, usage);
    if (ended_one != 0) return ended_one;
    int refused = 0;
    if (pid > 0 && !wants_stops) {
      refused = await_process(here, call, pid);
    } else {
      const whom one = who_is(pid);
      const int what = WEXITED | ((options & WUNTRACED) != 0 ? WSTOPPED : 0) |
                       ((options & WCONTINUED) != 0 ? WCONTINUED : 0);
      refused = await_by_thread(here, call, one.kind, one.id, what);
    }
    if (refused < 0 && refused != -ECHILD) return ended<pid_t>(refused);
  }
}

int waitid_as_fiber(loop& here, idtype_t kind, id_t id, siginfo_t* info, int options) {
  siginfo_t own{};
  siginfo_t& to = info != nullptr ? *info : own;
  for (;;) {
    to.si_pid = 0;
    if (real::waitid(kind, id, &to, options | WNOHANG) != 0) return -1;
    if (to.si_pid != 0) return 0;
    const bool is_one = kind == P_PID && (options & (WSTOPPED | WCONTINUED)) == 0;
    const int refused =
        is_one ? await_process(here, function_id::waitid, static_cast<pid_t>(id))
               : await_by_thread(here, function_id::waitid, kind, id, options & ~WNOWAIT);
    if (refused < 0 && refused != -ECHILD) return ended<int>(refused);
  }
}

struct shell_call : detail::thread_job {
  explicit shell_call(const char* what)
      : thread_job([](thread_job& job) { static_cast<shell_call&>(job).call_real(); },
                   [](thread_job& job) noexcept { delete &static_cast<shell_call&>(job); }),
        command(what) {}
  void call_real() noexcept {
    result = real::system(command.c_str());
    error = errno;
  }
  const std::string command;
  int result = 0;
  int error = 0;
};

int system_as_fiber(loop& here, const char* command) noexcept {
  try {
    auto one = std::make_unique<shell_call>(command);
    const int refused = run_offloaded(here, function_id::system, *one);
    if (refused == -EINPROGRESS) {
      static_cast<void>(one.release());
      return ended<int>(-ECANCELED);
    }
    if (refused == -EAGAIN) one->call_real();
    if (refused == -ECANCELED) return ended<int>(refused);
    if (one->result < 0) errno = one->error;
    return one->result;
  } catch (const std::bad_alloc&) {
    return ended<int>(-ENOMEM);
  }
}

// No thread of ours waits for one of theirs: it may itself wait for a fiber that needs a thread.
int join_as_fiber(loop& here, pthread_t thread, void** result) noexcept {
  duration pause = std::chrono::microseconds(50);
  for (;;) {
    const int error = pthread_tryjoin_np(thread, result);
    if (error != EBUSY) return error;
    count(tally_of(function_id::pthread_join).waits);
    // Not cancellable, as pthread_join() must not leave a thread behind.
    detail::sleep_hooked(here, detail::saturating_add(here.time->now(), pause), false);
    pause = std::min<duration>(2 * pause, std::chrono::milliseconds(5));
  }
}

loop* loop_for_processes(function_id id) noexcept {
  loop* const here = fiber_loop(tier::names, id);
  return here != nullptr && !must_block(*here) ? here : nullptr;
}

}  // namespace
}  // namespace hook
WEFT_NAMESPACE_END

using namespace weft::hook;

extern "C" {

WEFT_API pid_t wait4(pid_t pid, int* status, int options, rusage* usage) noexcept {
  loop* const here = loop_for_processes(function_id::wait4);
  if (here == nullptr || (options & WNOHANG) != 0) {
    return real::wait4(pid, status, options, usage);
  }
  return wait_as_fiber(*here, function_id::wait4, pid, status, options, usage);
}

WEFT_API pid_t wait3(int* status, int options, rusage* usage) noexcept {
  loop* const here = loop_for_processes(function_id::wait3);
  if (here == nullptr || (options & WNOHANG) != 0) return real::wait3(status, options, usage);
  return wait_as_fiber(*here, function_id::wait3, -1, status, options, usage);
}

WEFT_API pid_t waitpid(pid_t pid, int* status, int options) {
  loop* const here = loop_for_processes(function_id::waitpid);
  if (here == nullptr || (options & WNOHANG) != 0) return real::waitpid(pid, status, options);
  return wait_as_fiber(*here, function_id::waitpid, pid, status, options, nullptr);
}

WEFT_API pid_t wait(int* status) {
  loop* const here = loop_for_processes(function_id::wait);
  if (here == nullptr) return real::wait(status);
  return wait_as_fiber(*here, function_id::wait, -1, status, 0, nullptr);
}

WEFT_API int waitid(idtype_t kind, id_t id, siginfo_t* info, int options) {
  loop* const here = loop_for_processes(function_id::waitid);
  if (here == nullptr || (options & WNOHANG) != 0) return real::waitid(kind, id, info, options);
  return waitid_as_fiber(*here, kind, id, info, options);
}

WEFT_API int system(const char* command) {
  loop* const here = loop_for_processes(function_id::system);
  if (here == nullptr || command == nullptr) return real::system(command);
  return system_as_fiber(*here, command);
}

WEFT_API int pclose(FILE* what) {
  loop* const here = loop_for_processes(function_id::pclose);
  if (here == nullptr) return real::pclose(what);
  // Waited for whatever happens: the stream must be closed once.
  const long result = offload(*here, function_id::pclose, [what]() -> long {
    const int status = real::pclose(what);
    return status >= 0 ? status : -errno;
  });
  return result == -ECANCELED ? real::pclose(what) : ended<int>(result);
}

WEFT_API int pthread_join(pthread_t thread, void** result) {
  loop* const here = loop_for_processes(function_id::pthread_join);
  if (here == nullptr || pthread_equal(thread, pthread_self()) != 0) {
    return real::pthread_join(thread, result);
  }
  return join_as_fiber(*here, thread, result);
}

}  // extern "C"
