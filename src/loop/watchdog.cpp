// SPDX-License-Identifier: BSL-1.0
// See watchdog.hpp.
#include "watchdog.hpp"

#include <fcntl.h>
#include <pthread.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>
#include <string>
#include <utility>

#include "../base/quiet_thread.hpp"
#include "../base/sanitizers.hpp"
#include "../base/service_threads.hpp"
#include "../base/syscalls.hpp"
#include "stall_report.hpp"
#include "stalled_thread.hpp"
#include "weft/detail/check.hpp"
#include "weft/report.hpp"
#include "weft/stall.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

std::atomic<bool> is_watchdog_asleep{false};

namespace {

using std::chrono::milliseconds;

constexpr int looks_per_limit = 8;  // a report comes within two looks: a quarter of it
constexpr duration shortest_look = milliseconds(1);
constexpr duration longest_look = milliseconds(100);
constexpr duration asleep_look = std::chrono::seconds(1);
constexpr duration until_asleep = milliseconds(500);  // in which every loop slept
constexpr int most_reports = 5;  // in a minute. Source: Seastar, stall_report_config
constexpr duration report_window = std::chrono::minutes(1);

std::atomic<debug::stall_handler> the_handler{nullptr};

// Whose step it is, and which. Racy on purpose, against a switch that must not know: the loop
// lives, because it is in the list; both words are read whole; a stale one is put right by the next
// look.
struct glimpse {
  const fiber* current;
  std::size_t taken;
};
WEFT_NO_SANITIZE glimpse look_at(const loop_core& core) noexcept {
  return {*const_cast<const fiber* const volatile*>(&core.current),
          *const_cast<const volatile std::size_t*>(core.ready.place_of_taken())};
}

// How long the thread was ready to run and had no core: no fault of the fiber's.
// man 5 proc, /proc/pid/schedstat; 0 where the kernel does not count it.
duration waited_for_core(int thread) noexcept {
  char path[64];
  std::snprintf(path, sizeof path, "/proc/self/task/%d/schedstat", thread);
  const long file = raw_syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return duration::zero();
  char text[96];
  const long bytes = raw_syscall(SYS_read, file, text, sizeof text - 1);
  raw_syscall(SYS_close, file);
  if (bytes <= 0) return duration::zero();
  text[bytes] = '\0';
  long long waited = 0;
  return std::sscanf(text, "%*s %lld", &waited) == 1 ? std::chrono::nanoseconds(waited)
                                                     : duration::zero();
}

class watchdog {
 public:
  static watchdog& of_process();

  void add(watched_loop& loop) noexcept;
  void remove(watched_loop& loop) noexcept;
  void wake() noexcept;

 private:
  struct finding {
    stalled_thread thread;
    duration held = duration::zero();
    duration waited = duration::zero();
  };

  watchdog();
  static void* thread_main(void* dog) noexcept;
  void start_thread() noexcept;
  void run() noexcept;
  bool look(duration passed) noexcept;
  bool is_stalled(watched_loop& loop, duration passed) noexcept;
  void tell() noexcept;
  void tell_of_rest(bool is_last) noexcept;
  void retire() noexcept;
  void begin_again() noexcept;

  std::mutex lock_;  // guards all below
  std::condition_variable changed_;
  list loops_;  // of watched_loop
  bool has_thread_ = false;
  bool is_ending_ = false;
  bool is_to_be_joined_ = false;  // one that has ended by itself
  pthread_t thread_{};
  duration look_every_ = longest_look;
  // The watchdog's thread only; one at a time.
  bool all_asleep_ = false;
  duration idle_for_ = duration::zero();
  finding found_;
  time_point window_begin_{};
  int reports_ = 0;
  int left_out_ = 0;
};

watchdog* the_watchdog = nullptr;

watchdog::watchdog() {
  the_watchdog = this;
  pthread_atfork([] { the_watchdog->lock_.lock(); }, [] { the_watchdog->lock_.unlock(); },
                 [] {
                   the_watchdog->begin_again();
                   the_watchdog->lock_.unlock();
                 });
}

watchdog& watchdog::of_process() {
  static watchdog* const dog = new watchdog;
  // Before the library's code may go: at exit, or with dlclose().
  static const struct at_end {
    ~at_end() { dog->retire(); }
  } end;
  return *dog;
}

// In a child of fork(): no thread is left but the one that forked, and its loop is no longer
// watched.
void watchdog::begin_again() noexcept {
  while (loops_.pop_front() != nullptr) {
  }
  has_thread_ = is_to_be_joined_ = false;
  // The parent's waiters are counted in it: a notify would wait for them for ever (glibc 2.25 on).
  ::new (static_cast<void*>(&changed_)) std::condition_variable;
  service_threads.store(0, std::memory_order_relaxed);
  is_watchdog_asleep.store(false, std::memory_order_relaxed);
  reports_ = left_out_ = 0;
}

void watchdog::retire() noexcept {
  std::unique_lock<std::mutex> hold(lock_);
  is_ending_ = true;
  changed_.notify_all();
  if (has_thread_ && pthread_equal(thread_, pthread_self()) != 0) return;  // exit() in a handler
  // A handler that blocks for ever must not keep the process from ending.
  changed_.wait_for(hold, std::chrono::seconds(1), [this] { return !has_thread_; });
  if (has_thread_ || !std::exchange(is_to_be_joined_, false)) return;
  hold.unlock();
  pthread_join(thread_, nullptr);
}

void watchdog::add(watched_loop& loop) noexcept {
  const std::lock_guard<std::mutex> hold(lock_);
  loop.thread = this_thread();
  loop.seen = nullptr;
  loops_.push_back(loop);
  const duration wanted = std::clamp(loop.limit / looks_per_limit, shortest_look, longest_look);
  const bool is_sooner = wanted < look_every_;
  if (is_sooner) look_every_ = wanted;
  if (!has_thread_) {
    start_thread();
  } else if (is_sooner || is_watchdog_asleep.load(std::memory_order_relaxed)) {
    changed_.notify_all();
  }
}

void watchdog::remove(watched_loop& loop) noexcept {
  const std::lock_guard<std::mutex> hold(lock_);
  if (!loop.is_linked()) return;  // a child of fork()
  loop.unlink();
  if (loops_.empty() && is_watchdog_asleep.load(std::memory_order_relaxed)) changed_.notify_all();
}

void watchdog::wake() noexcept {
  const std::lock_guard<std::mutex> hold(lock_);
  is_watchdog_asleep.store(false, std::memory_order_relaxed);
  changed_.notify_all();
}

void watchdog::start_thread() noexcept {
  if (is_ending_) return;
  if (std::exchange(is_to_be_joined_, false)) pthread_join(thread_, nullptr);
  has_thread_ = start_quiet_thread(thread_, &thread_main, this) == 0;
}

void* watchdog::thread_main(void* dog) noexcept {
  pthread_setname_np(pthread_self(), "weft-watchdog");
  // Counted for less long than it lives: a thread too many only delays the report of a deadlock.
  service_threads.fetch_add(1, std::memory_order_relaxed);
  static_cast<watchdog*>(dog)->run();
  service_threads.fetch_sub(1, std::memory_order_relaxed);
  return nullptr;
}

void watchdog::run() noexcept {
  std::unique_lock<std::mutex> hold(lock_);
  idle_for_ = duration::zero();
  while (!is_ending_ && !loops_.empty()) {
    const bool is_asleep = idle_for_ >= until_asleep;
    is_watchdog_asleep.store(is_asleep, std::memory_order_relaxed);
    const time_point before = clock::now();
    const duration nap = is_asleep ? asleep_look : look_every_;
    changed_.wait_until(hold, before + nap);
    // A loop that works for microseconds at a time sleeps again when it is looked at, and is yet
    // not to wake the watchdog each time.
    const bool was_woken = is_asleep && !is_watchdog_asleep.load(std::memory_order_relaxed);
    if (was_woken) idle_for_ = duration::zero();
    is_watchdog_asleep.store(false, std::memory_order_relaxed);
    // What is longer was the whole process's: stopped, in a debugger, on a machine that slept.
    const duration passed = std::min(clock::now() - before, 2 * look_every_);
    const bool has_found = look(passed);
    idle_for_ = all_asleep_ ? idle_for_ + passed : duration::zero();
    if (has_found || left_out_ != 0) {
      hold.unlock();  // from here on the loop may go
      if (has_found) tell();
      tell_of_rest(false);
      hold.lock();
    }
  }
  if (left_out_ != 0) {
    hold.unlock();
    tell_of_rest(true);
    hold.lock();
  }
  if (!is_ending_ && !loops_.empty()) {  // one came meanwhile, and found a thread
    hold.unlock();
    run();
    return;
  }
  look_every_ = longest_look;
  has_thread_ = false;
  is_to_be_joined_ = true;
  changed_.notify_all();
}

// True if one was found; the others' turn comes with the next look.
bool watchdog::look(duration passed) noexcept {
  bool has_found = false;
  all_asleep_ = true;
  loops_.for_each([&](list_node& node) {
    auto& loop = static_cast<watched_loop&>(node);
    if (is_stalled(loop, passed) && !has_found) {
      loop.is_reported = true;
      found_.thread = stalled_thread{};
      look_at_stalled(loop, found_.thread);
      has_found = found_.thread.how != stalled_thread::manner::moved;
    }
  });
  return has_found;
}

bool watchdog::is_stalled(watched_loop& loop, duration passed) noexcept {
  const glimpse now = look_at(*loop.core);
  if (now.current == &loop.core->idle) {
    loop.seen = nullptr;
    return false;
  }
  all_asleep_ = false;
  if (now.current != loop.seen || now.taken != loop.taken) {
    loop.seen = now.current;
    loop.taken = now.taken;
    loop.held = duration::zero();
    loop.is_reported = false;
    return false;
  }
  if (loop.held == duration::zero()) loop.waited_before = waited_for_core(loop.thread);
  loop.held += passed;
  if (loop.is_reported || loop.held < loop.limit) return false;
  const duration waited = waited_for_core(loop.thread) - loop.waited_before;
  if (loop.held - waited < loop.limit) return false;
  found_.held = loop.held - waited;
  found_.waited = waited;
  return true;
}

void watchdog::tell() noexcept {
  const time_point now = clock::now();
  if (reports_ == 0 || now - window_begin_ >= report_window) {
    tell_of_rest(true);
    window_begin_ = now;
    reports_ = 0;
  }
  if (++reports_ > most_reports) {
    ++left_out_;
    return;
  }
  const stalled_thread& thread = found_.thread;
  std::string text;
  try {
    text = describe_stall(thread, found_.held, found_.waited);
  } catch (...) {
    send_report("weft: a fiber holds its thread, and there was no memory to name it.");
    return;
  }
  if (const debug::stall_handler handler = the_handler.load(std::memory_order_acquire)) {
    handler({fiber_id{thread.id}, std::string_view(thread.name, thread.name_bytes), found_.held,
             thread.how == stalled_thread::manner::blocked, text});
  } else {
    send_report(text);
  }
}

void watchdog::tell_of_rest(bool is_last) noexcept {
  if (left_out_ == 0 || (!is_last && clock::now() - window_begin_ < report_window)) return;
  char text[128];
  const int bytes = std::snprintf(
      text, sizeof text, "weft: %d more step%s of fibers took too long and %s not reported",
      left_out_, left_out_ == 1 ? "" : "s", left_out_ == 1 ? "was" : "were");
  left_out_ = 0;
  send_report(std::string_view(text, static_cast<std::size_t>(bytes)));
}

// The default when WEFT_STALL_MS says nothing that can be understood; says so once.
bool read_environment(duration& limit) noexcept {
  const char* const text = std::getenv("WEFT_STALL_MS");
  if (text == nullptr) return false;
  long count = 0;
  const char* const end = text + std::strlen(text);
  const auto read = std::from_chars(text, end, count);
  constexpr long most = 1'000'000'000;
  if (read.ec == std::errc() && read.ptr == end && count >= 0 && count <= most) {
    limit = milliseconds(count);
    return true;
  }
  static std::atomic<bool> was_reported{false};
  if (!was_reported.exchange(true)) {
    char message[200];
    const int bytes = std::snprintf(
        message, sizeof message,
        "weft: WEFT_STALL_MS='%.40s' is ignored: it takes a number of milliseconds, 0 for never",
        text);
    send_report(std::string_view(message, static_cast<std::size_t>(bytes)));
  }
  return false;
}

}  // namespace

bool is_same_step(const watched_loop& loop) noexcept {
  const glimpse now = look_at(*loop.core);
  return now.current == loop.seen && now.taken == loop.taken;
}

duration slow_step_of(const options& how, const clock_source& time) {
  if (how.slow_step < duration::zero()) {
    misuse("options::slow_step is negative (" + std::to_string(how.slow_step.count()) +
           " ns): 0 switches the watchdog off");
  }
  if (!time.is_wall_time()) return duration::zero();
  duration limit = how.slow_step;
  if (read_environment(limit)) return limit;
  // There everything is slow, and ThreadSanitizer allows no fork() beside a second thread.
  const bool is_default = how.slow_step == options{}.slow_step;
  const bool is_slow = has_address_sanitizer() || has_thread_sanitizer() || is_on_valgrind();
  return is_default && is_slow ? duration::zero() : limit;
}

void start_watching(watched_loop& loop) noexcept { watchdog::of_process().add(loop); }
void stop_watching(watched_loop& loop) noexcept { watchdog::of_process().remove(loop); }
void wake_watchdog_slowly() noexcept { watchdog::of_process().wake(); }

}  // namespace detail

namespace debug {

stall_handler on_stall(stall_handler handler) noexcept {
  return detail::the_handler.exchange(handler, std::memory_order_acq_rel);
}

}  // namespace debug
WEFT_NAMESPACE_END
