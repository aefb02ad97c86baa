// SPDX-License-Identifier: BSL-1.0
// The fixture of this folder, and what the ports share. PAIR("name") { ... } in gather_test.cpp is
// the port of the function @pair("name") in gather.py: the test runs both and compares what they
// say, line by line. Words and helpers are those of pairs.py, so that the two read alike.
#pragma once

#include <chrono>
#include <cstddef>
#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <doctest/doctest.h>

#include "asyncio/python.hpp"
#include "structure/source_tree.hpp"
#include "support/capture_reports.hpp"
#include "support/skip.hpp"
#include "task/on_virtual_time.hpp"
#include "weft/cancel_scope.hpp"
#include "weft/errors.hpp"
#include "weft/exception_group.hpp"
#include "weft/outcome.hpp"
#include "weft/run.hpp"
#include "weft/spawn.hpp"
#include "weft/this_fiber.hpp"
#include "weft/time.hpp"
#include "weft/to_thread.hpp"

namespace weft_tests {

// The error of a program, as opposed to weft's own.
struct failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

constexpr std::chrono::seconds unit{1};  // of all sleeps

// ---- one vocabulary for both languages

inline std::string told(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const weft::cancelled&) {
    return "cancelled";
  } catch (const weft::task_cancelled&) {
    return "cancelled";
  } catch (const weft::exception_group& group) {
    std::string text;
    for (const auto& one : group.exceptions()) text += (text.empty() ? "" : ", ") + told(one);
    return "group [" + text + "]";
  } catch (const weft::timeout_error&) {
    return "time is up";
  } catch (const weft::broken_barrier&) {
    return "broken";
  } catch (const failure& own) {
    return std::string("error ") + own.what();
  } catch (const weft::closed_error&) {
    return "closed";
  } catch (const std::logic_error&) {
    return "misuse";
  }
}

inline std::string word(bool claim) { return claim ? "yes" : "no"; }
inline std::string word(std::monostate) { return "nothing"; }
inline std::string word(std::string_view text) { return std::string(text); }
inline std::string word(const char* text) { return text; }
inline std::string word(const std::exception_ptr& error) {
  return error == nullptr ? "nothing" : told(error);
}
template <class T, std::enable_if_t<std::is_arithmetic_v<T>, int> = 0>
std::string word(T number) {
  return std::to_string(number);
}
template <class T>
std::string word(const weft::outcome<T>& one) {
  return one.has_value() ? word(one.value()) : told(one.error());
}
template <class T>
std::string word(const std::vector<T>& all) {
  std::string text;
  for (const auto& one : all) text += (text.empty() ? "" : " ") + word(one);
  return "[" + text + "]";
}
template <class... T>
std::string word(const std::tuple<T...>& all) {
  std::string text;
  std::apply([&](const T&... one) { ((text += (text.empty() ? "" : " ") + word(one)), ...); }, all);
  return "[" + text + "]";
}

// What the running port has said so far.
inline std::vector<std::string>& transcript() {
  static std::vector<std::string> lines;
  return lines;
}

template <class... T>
void say(const T&... words) {
  std::string line;
  ((line += (line.empty() ? "" : " ") + word(words)), ...);
  transcript().push_back(line);
}

// The result of f(), or its error, as a word.
template <class F>
std::string attempt(F&& f) {
  try {
    if constexpr (std::is_void_v<std::invoke_result_t<F>>) {
      std::forward<F>(f)();
      return "nothing";
    } else {
      return word(std::forward<F>(f)());
    }
  } catch (...) {
    return told(std::current_exception());
  }
}

// ---- helpers, as in pairs.py

inline long since(weft::time_point start) {
  return static_cast<long>((weft::now() - start) / unit);
}

inline auto value(int result, int after = 0) {
  return [=] {
    weft::await_sleep(after * unit);
    return result;
  };
}

inline auto fail(const char* text, int after = 0) {
  return [=]() -> int {
    weft::await_sleep(after * unit);
    throw failure(text);
  };
}

// Says how its sleep ended.
inline auto sleeper(const char* name, int span = 1000) {
  return [=] {
    try {
      weft::await_sleep(span * unit);
      say(name, "slept");
    } catch (const weft::cancelled&) {
      say(name, "cancelled");
      throw;
    }
  };
}

// asyncio's call_later: nobody has a handle.
template <class F>
void later(int after, F&& f) {
  weft::spawn([after, call = std::forward<F>(f)]() mutable {
    weft::await_sleep(after * unit);
    call();
  }).detach();
}

// Counts what weft reports.
struct reports : capture_reports {
  long count(const std::string& text) const {
    long found = 0;
    for (const std::string& one : texts()) found += one.find(text) != std::string::npos ? 1 : 0;
    return found;
  }
};

class pair_fixture : public on_virtual_time {
 public:
  // A thread of the pool may still be on its way back from a call, with a share of the loop.
  ~pair_fixture() {
    while (weft::measure_thread_pool().busy != 0) std::this_thread::yield();
  }

  // Runs the port, in a loop unless it makes its own, and holds what it says against what the
  // original said.
  void compare(const python_output& python, const std::string& name, void (*port)(pair_fixture&),
               bool in_loop, const char* difference) {
    transcript().clear();
    if (in_loop) {
      run([&] { port(*this); });
    } else {
      port(*this);
    }
    const auto original = python.said.find(name);
    REQUIRE_MESSAGE(original != python.said.end(), "no such pair in the Python program");
    INFO("asyncio: " << joined(original->second));
    INFO("weft: " << joined(transcript()));
    if (difference == nullptr) {
      CHECK(transcript() == original->second);
      return;
    }
    CHECK(original->second == side_of(difference, '-'));
    CHECK(transcript() == side_of(difference, '+'));
    CHECK(transcript() != original->second);
  }
};

}  // namespace weft_tests

// A port whose body is asyncio.run()'s coroutine.
#define PAIR(name) WEFT_PAIR(DOCTEST_ANONYMOUS(port_), name, true, nullptr)

// A port that calls run() or a runner itself, with pair.how() for options.
#define PLAIN_PAIR(name) WEFT_PAIR(DOCTEST_ANONYMOUS(port_), name, false, nullptr)

// A pair that differs on purpose: by which promise of weft's, and how (see side_of).
#define PAIR_THAT_DIFFERS(promise, name, difference) \
  WEFT_PAIR(DOCTEST_ANONYMOUS(port_), name, true, difference)

#define WEFT_PAIR(port, name, in_loop, difference)                      \
  static void port(::weft_tests::pair_fixture& pair);                   \
  TEST_CASE_FIXTURE(::weft_tests::pair_fixture, "asyncio: " name) {     \
    const auto& python = ::weft_tests::python_output::beside(__FILE__); \
    if (!python.lack.empty()) WEFT_SKIP(python.lack.c_str());           \
    compare(python, name, &port, in_loop, difference);                  \
  }                                                                     \
  static void port([[maybe_unused]] ::weft_tests::pair_fixture& pair)
