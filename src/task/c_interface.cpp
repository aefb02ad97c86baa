// SPDX-License-Identifier: BSL-1.0
// The C interface: see weft.h. Each function is the C++ one inside a guard that turns exceptions
// into -errno and keeps their texts for weft_last_error().
#include "weft/weft.h"

#include <cerrno>
#include <chrono>
#include <exception>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include "../loop/descriptor_wait.hpp"
#include "../loop/loop.hpp"
#include "weft/cancel_scope.hpp"
#include "weft/run.hpp"
#include "weft/spawn.hpp"
#include "weft/task.hpp"
#include "weft/this_fiber.hpp"

struct weft_task {
  weft::task<void*> handle;
};

namespace {

using weft::detail::fiber;

// The running fiber; nullptr on a plain thread.
fiber* running() noexcept {
  weft::detail::loop_core* const here = weft::detail::running_loop();
  return here == nullptr || here->current == &here->idle ? nullptr : here->current;
}

int fail(int error, const char* text) noexcept {
  fiber* const self = running();
  if (self == nullptr) return -error;
  try {
    weft::detail::baggage_of(*self).last_error = text;
  } catch (const std::bad_alloc&) {  // the number alone, then
  }
  return -error;
}

template <class F>
int guarded(F&& f) noexcept {
  fiber* const self = running();
  if (self != nullptr && self->bag) self->bag->last_error.clear();
  try {
    return f();
  } catch (const weft::cancelled&) {
    if (self != nullptr) weft::detail::mark_arrived(*self);  // it goes on as a number
    return fail(ECANCELED, "weft: the task was cancelled, or its time is up");
  } catch (const weft::would_deadlock& error) {
    return fail(EDEADLK, error.what());
  } catch (const std::logic_error& error) {
    return fail(EPERM, error.what());
  } catch (const std::bad_alloc&) {
    return fail(ENOMEM, "weft: out of memory");
  } catch (const std::system_error& error) {
    return fail(error.code().value(), error.what());
  } catch (const std::exception& error) {
    return fail(EIO, error.what());
  } catch (...) {
    return fail(EIO, "weft: an unknown exception");
  }
}

int refuse(const char* text) noexcept { return fail(EINVAL, text); }

}  // namespace

int weft_run(const weft_run_options* how, weft_main body, void* argument, int* result) noexcept {
  if (body == nullptr) return refuse("weft_run() was given no function");
  return guarded([&] {
    weft::options options;
    if (how != nullptr) {
      if (how->stack_bytes != 0) options.stack_bytes = how->stack_bytes;
      if (how->name != nullptr) options.name = how->name;
      options.seed = how->seed;
    }
    const int answer = weft::run(options, [&] { return body(argument); });
    if (result != nullptr) *result = answer;
    return 0;
  });
}

int weft_spawn(weft_task** task, const weft_spawn_options* how, weft_body body,
               void* argument) noexcept {
  if (task == nullptr) return refuse("weft_spawn() was given no place for the task");
  *task = nullptr;
  if (body == nullptr) return refuse("weft_spawn() was given no function");
  const weft::detail::spawn_site site{__builtin_return_address(0), 0};
  return guarded([&] {
    weft::spawn_options options;
    if (how != nullptr && how->name != nullptr) options.name = how->name;
    if (how != nullptr) options.stack_bytes = how->stack_bytes;
    auto made = std::make_unique<weft_task>();
    made->handle = weft::spawn(
        std::move(options), [body, argument] { return body(argument); }, site);
    *task = made.release();
    return 0;
  });
}

int weft_join(weft_task* task, void** result) noexcept {
  if (task == nullptr) return refuse("weft_join() was given no task");
  if (result != nullptr) *result = nullptr;
  return guarded([&] {
    task->handle.join();
    const std::unique_ptr<weft_task> ended(task);
    if (ended->handle.was_cancelled()) {
      return fail(ESRCH, "weft: the task was cancelled before it began, and has no result");
    }
    void* const answer = ended->handle.get();
    if (result != nullptr) *result = answer;
    return 0;
  });
}

int weft_detach(weft_task* task) noexcept {
  if (task == nullptr) return refuse("weft_detach() was given no task");
  return guarded([&] {
    task->handle.detach();
    delete task;
    return 0;
  });
}

int weft_cancel(weft_task* task, const char* reason) noexcept {
  if (task == nullptr) return refuse("weft_cancel() was given no task");
  return guarded([&] { return task->handle.cancel(reason != nullptr ? reason : "") ? 1 : 0; });
}

int weft_is_done(const weft_task* task) noexcept {
  if (task == nullptr) return refuse("weft_is_done() was given no task");
  return guarded([&] { return task->handle.done() ? 1 : 0; });
}

int weft_sleep(int64_t nanoseconds) noexcept {
  return guarded([&] {
    weft::await_sleep(std::chrono::nanoseconds(nanoseconds));
    return 0;
  });
}

int weft_yield(void) noexcept {
  return guarded([] {
    weft::yield();
    return 0;
  });
}

int weft_wait_fd(int fd, short events, int64_t nanoseconds) noexcept {
  return guarded([&] {
    const weft::time_point deadline =
        nanoseconds < 0
            ? weft::time_point::max()
            : weft::detail::saturating_add(weft::now(), std::chrono::nanoseconds(nanoseconds));
    const int happened = weft::detail::wait_for_descriptor(fd, events, deadline);
    return happened == 0 ? -ETIMEDOUT : happened;
  });
}

int weft_checkpoint(void) noexcept {
  return guarded([] {
    weft::checkpoint();
    return 0;
  });
}

int weft_with_timeout(int64_t nanoseconds, weft_main body, void* argument, int* result) noexcept {
  if (body == nullptr) return refuse("weft_with_timeout() was given no function");
  return guarded([&] {
    weft::cancel_scope scope(
        weft::detail::saturating_add(weft::now(), std::chrono::nanoseconds(nanoseconds)));
    weft::with_scope(scope, [&] {
      const int answer = body(argument);
      if (result != nullptr) *result = answer;
    });
    if (!scope.expired()) return 0;
    // One further out counts for more: this throws if it was cancelled as well.
    weft::detail::throw_if_cancelled(*weft::detail::running_loop());
    return fail(ETIMEDOUT, "weft: time was up");
  });
}

int weft_shielded(weft_main body, void* argument) noexcept {
  if (body == nullptr) return refuse("weft_shielded() was given no function");
  return guarded([&] { return weft::shielded([&] { return body(argument); }); });
}

int64_t weft_now(void) noexcept {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(weft::now().time_since_epoch())
      .count();
}

int weft_in_fiber(void) noexcept { return running() != nullptr ? 1 : 0; }

const char* weft_last_error(void) noexcept {
  const fiber* const self = running();
  return self != nullptr && self->bag ? self->bag->last_error.c_str() : "";
}
