// SPDX-License-Identifier: BSL-1.0
// use_fiber: Asio's operations wait in fibers, while their io_context runs on a thread of its own.
#include "support/skip.hpp"

#if WEFT_TESTS_HAVE_ASIO && WEFT_TESTS_HAVE_COROUTINES

#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <asio.hpp>

#include <doctest/doctest.h>

#include "support/no_leaks.hpp"
#include "weft/cancel_scope.hpp"
#include "weft/errors.hpp"
#include "weft/future.hpp"
#include "weft/gather.hpp"
#include "weft/run.hpp"
#include "weft/spawn.hpp"
#include "weft/use_fiber.hpp"

using namespace std::chrono_literals;
using asio::local::stream_protocol;
using weft::spawn;
using weft::use_fiber;
using weft_tests::no_leaks;

namespace {

// An io_context that runs until it is destroyed.
class io_thread {
 public:
  explicit io_thread(int threads = 1) {
    for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { context.run(); });
  }
  ~io_thread() {
    work_.reset();
    for (auto& one : threads_) one.join();
  }

  asio::io_context context;

 private:
  asio::executor_work_guard<asio::io_context::executor_type> work_ = asio::make_work_guard(context);
  std::vector<std::thread> threads_;
};

// Two connected sockets whose handlers run one at a time.
struct wired {
  explicit wired(asio::io_context& context)
      : near(asio::make_strand(context)), far(asio::make_strand(context)) {
    asio::local::connect_pair(near, far);
  }
  stream_protocol::socket near;
  stream_protocol::socket far;
};

// An operation that gives what it was given, from the context's thread.
template <class... Values, class Token>
auto async_give(asio::io_context& context, Token&& token, Values... values) {
  return asio::async_initiate<Token, void(Values...)>(
      [&context](auto handler, Values... given) {
        asio::post(context, [handler = std::move(handler),
                             all = std::make_tuple(std::move(given)...)]() mutable {
          std::apply([&](auto&... one) { handler(std::move(one)...); }, all);
        });
      },
      token, std::move(values)...);
}

}  // namespace

TEST_CASE_FIXTURE(no_leaks, "use_fiber: operations look like calls, and the loop runs on") {
  io_thread io;
  run([&] {
    wired pair(io.context);
    std::string heard(5, ' ');
    weft::gather(
        [&] {
          std::array<char, 16> buffer{};
          const std::size_t n = pair.far.async_read_some(asio::buffer(buffer), use_fiber);
          CHECK(std::string(buffer.data(), n) == "ping");
          CHECK(asio::async_write(pair.far, asio::buffer("pong!", 5), use_fiber) == 5);
        },
        [&] {
          CHECK(pair.near.async_write_some(asio::buffer("ping", 4), use_fiber) == 4);
          CHECK(asio::async_read(pair.near, asio::buffer(heard), use_fiber) == 5);
        });
    CHECK(heard == "pong!");
  });
}

TEST_CASE_FIXTURE(no_leaks, "use_fiber: no result, one, or several in a tuple") {
  io_thread io;
  run([&] {
    static_assert(std::is_void_v<decltype(async_give(io.context, use_fiber))>);
    async_give(io.context, use_fiber);
    async_give(io.context, use_fiber, std::error_code());
    CHECK(async_give(io.context, use_fiber, 7) == 7);
    CHECK(*async_give(io.context, use_fiber, std::error_code(), std::make_unique<int>(8)) == 8);
    const auto [number, text] =
        async_give(io.context, use_fiber, std::error_code(), 9, std::string("nine"));
    CHECK(number == 9);
    CHECK(text == "nine");
    CHECK(async_give(io.context, use_fiber, std::exception_ptr(), 3) == 3);
  });
}

TEST_CASE_FIXTURE(no_leaks, "use_fiber: an error_code is thrown, or put where it is asked for") {
  io_thread io;
  run([&] {
    const std::error_code full = std::make_error_code(std::errc::no_space_on_device);
    try {
      async_give(io.context, use_fiber, full, 3);
      FAIL("it did not throw");
    } catch (const std::system_error& e) {
      CHECK(e.code() == full);
    }
    std::error_code seen;
    CHECK(async_give(io.context, use_fiber[seen], full, 3) == 3);
    CHECK(seen == full);
    async_give(io.context, use_fiber[seen], std::error_code());
    CHECK_FALSE(seen);
    CHECK(async_give(io.context, asio::redirect_error(use_fiber, seen), full, 4) == 4);
    CHECK(seen == full);
    wired pair(io.context);
    pair.far.close();
    std::array<char, 4> buffer{};
    CHECK(pair.near.async_read_some(asio::buffer(buffer), use_fiber[seen]) == 0);
    CHECK(seen == asio::error::eof);
  });
}

TEST_CASE_FIXTURE(no_leaks, "use_fiber: a cancel stops the operation, and its object lives on") {
  io_thread io;
  run([&] {
    wired pair(io.context);
    auto reader = spawn([&] {
      std::array<char, 16> buffer{};
      pair.near.async_read_some(asio::buffer(buffer), use_fiber);
    });
    weft::await_sleep(1ms);
    CHECK_FALSE(reader.done());
    reader.cancel();
    reader.join();
    CHECK(reader.was_cancelled());
    std::array<char, 16> buffer{};
    std::error_code seen;
    auto composed =
        spawn([&] { asio::async_read(pair.near, asio::buffer(buffer), use_fiber[seen]); });
    pair.far.async_write_some(asio::buffer("half", 4), use_fiber);
    weft::await_sleep(1ms);
    composed.cancel();
    composed.join();
    CHECK(composed.was_cancelled());
    CHECK(seen == asio::error::operation_aborted);
    pair.far.async_write_some(asio::buffer("whole", 5), use_fiber);
    CHECK(pair.near.async_read_some(asio::buffer(buffer), use_fiber) > 0);
  });
}

TEST_CASE_FIXTURE(no_leaks, "use_fiber: who is cancelled already begins no operation") {
  io_thread io;
  run([&] {
    bool has_begun = false;
    auto late = spawn([&] {
      try {
        weft::await_sleep(1h);
      } catch (const weft::cancelled&) {
      }
      asio::async_initiate<const weft::use_fiber_t, void()>(
          [&](auto handler) {
            has_begun = true;
            asio::post(io.context, std::move(handler));
          },
          use_fiber);
    });
    weft::yield();
    late.cancel();
    late.join();
    CHECK(late.was_cancelled());
    CHECK_FALSE(has_begun);
  });
}

TEST_CASE_FIXTURE(no_leaks, "use_fiber: an operation that names no executor is waited for") {
  io_thread io;
  run([&] {
    weft::promise<void> gate;
    auto entry = gate.get_future();
    auto waiting = spawn([&] {
      return asio::async_initiate<const weft::use_fiber_t, void(int)>(
          [&](auto handler) {
            asio::post(io.context, [&entry, handler = std::move(handler)]() mutable {
              entry.get();
              handler(6);
            });
          },
          use_fiber);
    });
    weft::yield();
    waiting.cancel();
    weft::await_sleep(1ms);
    CHECK_FALSE(waiting.done());
    gate.set_value();
    CHECK(waiting.get() == 6);
  });
}

namespace {

// Names an executor, and leaves its handler with the test.
struct left_with_test {
  asio::io_context* context;
  std::function<void(std::error_code)>* ends;
  asio::io_context::executor_type get_executor() const { return context->get_executor(); }
  template <class Handler>
  void operator()(Handler&& handler) const {
    auto kept = std::make_shared<std::decay_t<Handler>>(std::forward<Handler>(handler));
    *ends = [kept](std::error_code error) { (*kept)(error); };
  }
};

}  // namespace

TEST_CASE_FIXTURE(no_leaks, "use_fiber: the fiber stays until its cancel was emitted, or dropped") {
  run([] {
    asio::io_context context;
    std::function<void(std::error_code)> end;
    const auto begin = [&] {
      return spawn([&] {
        asio::async_initiate<const weft::use_fiber_t, void(std::error_code)>(
            left_with_test{&context, &end}, use_fiber);
      });
    };
    auto aborted = begin();
    weft::yield();
    aborted.cancel();
    weft::yield();
    end(asio::error::operation_aborted);
    weft::yield();
    CHECK_FALSE(aborted.done());  // the message that emits still refers to it
    context.poll();
    aborted.join();
    CHECK(aborted.was_cancelled());
    auto ended = begin();
    weft::yield();
    ended.cancel();
    weft::yield();
    end(std::error_code());
    context.restart();
    context.poll();
    ended.get();  // it had ended well before it could be stopped
  });
}

TEST_CASE_FIXTURE(no_leaks, "use_fiber: cancels that meet completions lose neither") {
  io_thread io(2);
  run([&] {
    int completed = 0;
    int cancelled = 0;
    for (int i = 0; i < 400; ++i) {
      auto one = spawn([&, i] {
        asio::steady_timer timer(asio::make_strand(io.context));
        timer.expires_after(std::chrono::microseconds(i % 40 * 5));
        timer.async_wait(use_fiber);
        ++completed;
      });
      weft::yield();
      weft::move_on_after(std::chrono::microseconds(i % 7 * 20), [&] { one.join(); });
      one.cancel();
      one.join();
      if (one.was_cancelled()) ++cancelled;
      CHECK(one.exception() == nullptr);
    }
    CHECK(completed + cancelled == 400);
  });
}

TEST_CASE_FIXTURE(no_leaks, "use_fiber: a timeout of weft's ends an operation of Asio's") {
  io_thread io;
  run([&] {
    wired pair(io.context);
    std::array<char, 16> buffer{};
    CHECK_THROWS_AS(
        weft::with_timeout(
            2ms, [&] { return pair.near.async_read_some(asio::buffer(buffer), use_fiber); }),
        weft::timeout_error);
  });
}

TEST_CASE_FIXTURE(no_leaks, "use_fiber: an io_context that is destroyed breaks what waits on it") {
  auto io = std::make_unique<asio::io_context>();
  run([&] {
    auto waiting = spawn([&] { async_give(*io, use_fiber); });
    weft::yield();
    io.reset();
    CHECK_THROWS_AS(waiting.get(), std::future_error);
    io = std::make_unique<asio::io_context>();
    asio::steady_timer timer(*io, 1h);
    auto cancelled = spawn([&] { timer.async_wait(use_fiber); });
    weft::yield();
    cancelled.cancel();
    weft::yield();
    CHECK_FALSE(cancelled.done());  // nobody runs the context, so nobody can stop the operation
    io->poll();
    cancelled.join();
    CHECK(cancelled.was_cancelled());
  });
}

TEST_CASE_FIXTURE(no_leaks, "use_fiber: what an operation throws when it begins comes out") {
  run([] {
    const auto begins_badly = [] {
      asio::async_initiate<const weft::use_fiber_t, void()>(
          [](auto) { throw std::runtime_error("cannot begin"); }, use_fiber);
    };
    CHECK_THROWS_WITH_AS(begins_badly(), "cannot begin", std::runtime_error);
  });
}

TEST_CASE_FIXTURE(no_leaks, "use_fiber: a plain thread blocks") {
  io_thread io;
  asio::steady_timer timer(io.context, 1ms);
  timer.async_wait(use_fiber);
  CHECK(async_give(io.context, use_fiber, 7) == 7);
}

TEST_CASE_FIXTURE(no_leaks, "use_fiber: as the default, no token is named") {
  io_thread io;
  run([&] {
    weft::use_fiber_t::as_default_on_t<asio::steady_timer> timer(io.context);
    timer.expires_after(1ms);
    timer.async_wait();
  });
}

TEST_CASE_FIXTURE(no_leaks, "use_fiber: a host that is an io_context runs fiber and operation") {
  asio::io_context io;
  weft::runner guest;
  auto task = guest.start([&] {
    asio::steady_timer timer(io, 1ms);
    timer.async_wait(use_fiber);
    return async_give(io, use_fiber, 5);
  });
  while (!task.done()) {
    io.restart();
    io.poll();
    guest.step(0ms);
  }
  CHECK(task.get() == 5);
}

#if defined(ASIO_HAS_CO_AWAIT)  // Asio 1.22 does not know clang's with libstdc++
namespace {

asio::awaitable<int> adds_slowly(int a, int b) {
  asio::steady_timer timer(co_await asio::this_coro::executor, 1ms);
  co_await timer.async_wait(asio::use_awaitable);
  co_return a + b;
}
asio::awaitable<void> throws_slowly() {
  co_await adds_slowly(1, 2);
  throw std::runtime_error("no luck");
}
asio::awaitable<void> waits_long(bool& was_stopped) {
  asio::steady_timer timer(co_await asio::this_coro::executor, 1h);
  std::error_code seen;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, seen));
  was_stopped = seen == asio::error::operation_aborted;
  if (seen) throw std::system_error(seen);
}

}  // namespace

TEST_CASE_FIXTURE(no_leaks, "use_fiber: a fiber waits for an asio::awaitable, and can stop it") {
  io_thread io;
  run([&] {
    CHECK(asio::co_spawn(io.context, adds_slowly(3, 4), use_fiber) == 7);
    CHECK_THROWS_WITH_AS(asio::co_spawn(io.context, throws_slowly(), use_fiber), "no luck",
                         std::runtime_error);
    bool was_stopped = false;
    auto waiting = spawn([&] { asio::co_spawn(io.context, waits_long(was_stopped), use_fiber); });
    weft::await_sleep(2ms);
    waiting.cancel();
    waiting.join();
    CHECK(waiting.was_cancelled());
    CHECK(was_stopped);
  });
}

#endif

TEST_CASE_FIXTURE(no_leaks, "use_fiber: 1,000 fibers wait for one thread's timers") {
  io_thread io;
  run([&] {
    std::vector<weft::task<>> all;
    int ended = 0;
    for (int i = 0; i < 1'000; ++i) {
      all.push_back(spawn([&, i] {
        asio::steady_timer timer(io.context, std::chrono::microseconds(i % 10 * 100));
        timer.async_wait(use_fiber);
        ++ended;
      }));
    }
    weft::gather(all);
    CHECK(ended == 1'000);
  });
}

#else
TEST_CASE("use_fiber: Asio's operations wait in fibers") {
  WEFT_SKIP("Asio's headers are not installed, or there are no C++20 coroutines");
}
#endif
