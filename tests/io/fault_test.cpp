// SPDX-License-Identifier: BSL-1.0
// Every operation of io, with each of its system calls failing in turn in each way that it may, and
// with each of its allocations failing: the documented error or none, nothing left behind, no hang,
// no spin, and the same again at once works.
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <new>
#include <string>
#include <system_error>

#include <doctest/doctest.h>

#include "io/fault_operations.hpp"
#include "io/fault_table.hpp"
#include "support/build_kind.hpp"
#include "support/capture_reports.hpp"
#include "support/no_leaks.hpp"
#include "support/skip.hpp"
#include "support/syscall_faults.hpp"
#include "sync/pool_at_rest.hpp"
#include "weft/cancel_scope.hpp"
#include "weft/errors.hpp"
#include "weft/exception_group.hpp"

using namespace std::chrono_literals;
using weft_tests::can_be;
using weft_tests::fault;
using weft_tests::faults;
using weft_tests::operation;
using weft_tests::operations;
using weft_tests::pool_at_rest;
using weft_tests::possible;
using weft_tests::syscall_faults;

namespace {

// Of this thread: the n-th allocation from now fails. 0: none does.
thread_local long allocations_left = 0;
thread_local bool has_run_out = false;
std::atomic<long> allocated{0};  // and not freed, by all threads

[[maybe_unused]] bool is_out_of_memory() noexcept {
  if (allocations_left == 0 || --allocations_left != 0) return false;
  has_run_out = true;
  return true;
}

}  // namespace

#if !WEFT_TESTS_ASAN && !WEFT_TESTS_TSAN  // which bring their own
[[gnu::noinline]] void* operator new(std::size_t bytes) {
  void* const memory = is_out_of_memory() ? nullptr : std::malloc(bytes);
  if (memory == nullptr) throw std::bad_alloc();
  allocated.fetch_add(1, std::memory_order_relaxed);
  return memory;
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  if (memory != nullptr) allocated.fetch_sub(1, std::memory_order_relaxed);
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
  operator delete(memory);
}
#endif

namespace {

// How an operation ended.
struct outcome {
  std::string text = "passed";
  bool passed = true;
  int code = -1;  // of the system; 0: the other side ended the stream; -1: something else
  bool is_out_of_memory = false;
};

void note(outcome& end, const std::exception_ptr& error) {
  end.passed = false;
  try {
    std::rethrow_exception(error);
  } catch (const weft::exception_group& all) {
    note(end, all.entries().front().error);
  } catch (const std::system_error& known) {
    end.text = known.what();
    end.code = known.code().value();
  } catch (const weft::end_of_stream& known) {
    end.text = known.what();
    end.code = 0;
  } catch (const std::bad_alloc&) {
    end.text = "no memory";
    end.is_out_of_memory = true;
  } catch (const std::exception& unknown) {
    end.text = std::string("not documented: ") + unknown.what();
  } catch (...) {
    end.text = "not documented: something";
  }
}

// With a deadline: what hangs ends, and is told.
template <class F>
outcome end_of(F&& body) {
  outcome end;
  try {
    weft::with_timeout(20s, body);
  } catch (...) {
    note(end, std::current_exception());
  }
  return end;
}

// With the fault's error, or with what the peer sees of one whom the fault has ended.
bool is_documented(const outcome& end, const possible& one) {
  if (end.passed) return true;
  if (one.is_hidden) return false;
  return end.code == one.error || end.code == 0 || end.code == ECONNRESET || end.code == EPIPE;
}

// More calls than any operation makes; one that spins makes them within milliseconds.
constexpr unsigned most_calls = 5'000;

// Whether the fault has struck, and how what ran then ended.
template <class F>
bool strike(const possible& one, unsigned nth, outcome& end, F&& body) {
  fault which;
  which.number = one.number;
  which.nth = nth;
  which.error = one.error;
  which.how = one.how;
  const syscall_faults window(which);
  end = body();
  CHECK(window.calls() < most_calls);
  return window.has_struck();
}

// Compares what is allocated before and after.
class no_lost_memory {
 public:
  explicit no_lost_memory(const operation& of) : of_(of), before_(settled()) {}
  ~no_lost_memory() {
    const long lost = settled() - before_;  // CHECK itself allocates
    CHECK_MESSAGE(lost == 0, std::string(of_.name));
  }
  no_lost_memory(const no_lost_memory&) = delete;
  no_lost_memory& operator=(const no_lost_memory&) = delete;

 private:
  // A thread of the pool gives its call's memory back a moment after the caller has its answer.
  static long settled() {
    while (weft::measure_thread_pool().busy != 0) std::this_thread::yield();
    return allocated.load(std::memory_order_relaxed);
  }

  const operation& of_;
  long before_;
};

// Runs the operation with the fault and again without. False if it makes fewer such calls.
bool strike_twice(pool_at_rest& fixture, const operation& what, const possible& one, unsigned nth) {
  const no_lost_memory after(what);
  outcome first;
  outcome again;
  bool has_struck = false;
  fixture.run([&] {
    has_struck = strike(one, nth, first, [&] { return end_of(what.body); });
    again = end_of(what.body);
  });
  const bool is_right = has_struck ? is_documented(first, one) : first.passed;
  if (!is_right || !again.passed) {
    FAIL_CHECK(std::string(what.name)
               << " with " << std::string(one.name) << " no. " << nth << " giving error "
               << one.error << ": " << first.text << "; again: " << again.text);
  }
  return has_struck;
}

}  // namespace

TEST_CASE_FIXTURE(pool_at_rest, "torture 6: each system call of each operation of io may fail") {
  if (const char* const why = syscall_faults::why_not()) WEFT_SKIP(why);
  const weft_tests::capture_reports reports;
  unsigned strikes = 0;
  for (const operation& what : operations) {
    run([&] { CHECK(end_of(what.body).passed); });
    for (const possible& one : faults) {
      if (!can_be(one, what)) continue;
      unsigned nth = 1;
      while (nth < 200 && strike_twice(*this, what, one, nth)) ++nth;
      CHECK(nth < 200);
      strikes += nth - 1;
    }
  }
  CAPTURE(strikes);
  CHECK(strikes > 500);
}

TEST_CASE_FIXTURE(pool_at_rest, "torture 6: each system call of a loop itself may fail") {
  if (const char* const why = syscall_faults::why_not()) WEFT_SKIP(why);
  const auto whole_run = [&] {
    outcome end;
    try {
      run([] {
        weft_tests::woken_from_outside();
        weft_tests::pipes();
      });
    } catch (...) {
      note(end, std::current_exception());
    }
    return end;
  };
  CHECK(whole_run().passed);
  unsigned strikes = 0;
  for (const possible& one : faults) {
    if (one.how == fault::way::cut_short) continue;
    bool has_struck = true;
    for (unsigned nth = 1; has_struck && nth < 200; ++nth) {
      outcome end;
      has_struck = strike(one, nth, end, whole_run);
      if (!(has_struck ? is_documented(end, one) : end.passed)) {
        FAIL_CHECK(std::string(one.name)
                   << " no. " << nth << " giving error " << one.error << ": " << end.text);
      }
      strikes += has_struck ? 1 : 0;
      CHECK(whole_run().passed);
    }
  }
  CAPTURE(strikes);
  CHECK(strikes > 30);
}

TEST_CASE_FIXTURE(pool_at_rest, "torture 5: each allocation of each operation of io may fail") {
  if (weft_tests::is_sanitized) WEFT_SKIP("the sanitizers bring an operator new of their own");
  for (const operation& what : operations) {
    run([&] { CHECK(end_of(what.body).passed); });
    long nth = 1;
    for (bool ran_out = true; ran_out && nth < 2'000; ++nth) {
      const no_lost_memory after(what);
      outcome first;
      outcome again;
      run([&] {
        has_run_out = false;
        allocations_left = nth;
        first = end_of(what.body);
        allocations_left = 0;
        ran_out = has_run_out;
        again = end_of(what.body);
      });
      const bool is_right =
          first.passed || (ran_out && (first.is_out_of_memory || first.code >= 0));
      if (!is_right || !again.passed) {
        FAIL_CHECK(std::string(what.name) << " without its allocation no. " << nth << ": "
                                          << first.text << "; again: " << again.text);
      }
    }
    CHECK(nth > 2);
    CHECK(nth < 2'000);
  }
}
