// SPDX-License-Identifier: BSL-1.0
// use_fiber with Boost.Asio, in C++17: the same header, after <boost/asio.hpp>.
#include "support/skip.hpp"

#if WEFT_TESTS_HAVE_BOOST_ASIO

#include <array>
#include <chrono>
#include <cstddef>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include <boost/asio.hpp>

#include <doctest/doctest.h>

#include "support/no_leaks.hpp"
#include "weft/gather.hpp"
#include "weft/spawn.hpp"
#include "weft/use_fiber.hpp"

namespace asio = boost::asio;
using namespace std::chrono_literals;
using asio::local::stream_protocol;
using weft::spawn;
using weft::use_fiber;
using weft_tests::no_leaks;

namespace {

struct io_thread {
  asio::io_context context;
  asio::executor_work_guard<asio::io_context::executor_type> work = asio::make_work_guard(context);
  std::thread thread{[this] { context.run(); }};
  ~io_thread() {
    work.reset();
    thread.join();
  }
};

}  // namespace

TEST_CASE_FIXTURE(no_leaks, "use_fiber: operations of Boost.Asio look like calls") {
  io_thread io;
  run([&] {
    stream_protocol::socket near(io.context);
    stream_protocol::socket far(io.context);
    asio::local::connect_pair(near, far);
    weft::gather([&] { CHECK(asio::async_write(near, asio::buffer("ping", 4), use_fiber) == 4); },
                 [&] {
                   std::array<char, 16> buffer{};
                   const auto n = far.async_read_some(asio::buffer(buffer), use_fiber);
                   CHECK(std::string(buffer.data(), n) == "ping");
                 });
    near.close();
    std::array<char, 4> buffer{};
    boost::system::error_code seen;
    CHECK(far.async_read_some(asio::buffer(buffer), use_fiber[seen]) == 0);
    CHECK(seen == asio::error::eof);
    far.close();
    CHECK_THROWS_AS(far.async_read_some(asio::buffer(buffer), use_fiber), std::system_error);
  });
}

TEST_CASE_FIXTURE(no_leaks, "use_fiber: a cancelled fiber comes back from Boost.Asio in the end") {
  io_thread io;
  run([&] {
    auto waiting = spawn([&] {
      asio::steady_timer timer(io.context, 5ms);
      timer.async_wait(use_fiber);
      weft::await_sleep(1h);
    });
    weft::yield();
    waiting.cancel();
    waiting.join();
    CHECK(waiting.was_cancelled());
  });
}

#else
TEST_CASE("use_fiber: operations of Boost.Asio look like calls") {
  WEFT_SKIP("Boost.Asio's headers are not installed");
}
#endif
