// SPDX-License-Identifier: BSL-1.0
// A server on all loops of a pool: none of its connections is lost, and it ends whole.
#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <ostream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "io/echo.hpp"
#include "support/build_kind.hpp"
#include "support/capture_reports.hpp"
#include "support/no_leaks.hpp"
#include "weft/cancel_scope.hpp"
#include "weft/loop_pool.hpp"
#include "weft/serve.hpp"
#include "weft/task_group.hpp"
#include "weft/tcp.hpp"
#include "weft/this_fiber.hpp"

using namespace std::chrono_literals;
using weft::endpoint;
using weft::loop_pool;
using weft::serve;
using weft::spawn;
using weft::tcp_listener;
using weft::tcp_stream;
using weft_tests::ask;
using weft_tests::echo;
using weft_tests::no_leaks;

namespace {

// How many connections each thread was given.
class tally {
 public:
  void note() {
    const std::lock_guard<std::mutex> alone(guard_);
    ++counts_[std::this_thread::get_id()];
  }
  std::vector<int> counts() {
    const std::lock_guard<std::mutex> alone(guard_);
    std::vector<int> all;
    for (const auto& [thread, count] : counts_) all.push_back(count);
    return all;
  }

 private:
  std::mutex guard_;
  std::map<std::thread::id, int> counts_;
};

}  // namespace

TEST_CASE_FIXTURE(no_leaks,
                  "two loops serve one port: both get connections, and none of 1,000 is lost") {
  loop_pool pool(2);
  pool.run([&] {
    tcp_listener listener = tcp_listener::bind(endpoint::loopback_ipv4(0));
    const endpoint at = listener.local_endpoint();
    tally who;
    std::atomic<int> ended{0};
    auto server = spawn([&] {
      serve(pool, listener, [&](tcp_stream peer) {
        who.note();
        echo(peer);
        ++ended;
      });
    });
    constexpr int rounds = weft_tests::scaled(100, 20);
    for (int round = 0; round < rounds; ++round) {  // ten at a time
      weft::with_task_group([&](weft::task_group& group) {
        for (int i = 0; i < 10; ++i) {
          group.spawn([&] {
            tcp_stream to = tcp_stream::connect(at);
            CHECK(ask(to, "hello") == "hello");
          });
        }
      });
    }
    while (ended < rounds * 10) weft::await_sleep(1ms);
    const std::vector<int> counts = who.counts();
    CHECK(counts.size() == 2);
    int all = 0;
    for (const int count : counts) all += count;
    CHECK(all == rounds * 10);

    tcp_stream last = tcp_stream::connect(at);
    CHECK(ask(last, "hello") == "hello");
    server.cancel();
    server.join();
    char byte = 0;
    CHECK(last.read_some(&byte, 1) == 0);  // closed by its loop
    std::error_code refused;
    tcp_stream::connect(at, refused);
    CHECK(refused == std::errc::connection_refused);
  });
}

TEST_CASE_FIXTURE(no_leaks, "a server on a pool ends gracefully, and its bound is for all loops") {
  loop_pool pool(2);
  pool.run([&] {
    tcp_listener listener = tcp_listener::bind(endpoint::loopback_ipv4(0));
    const endpoint at = listener.local_endpoint();
    weft::serve_options how;
    how.most_connections = 2;
    how.grace = 10s;
    std::atomic<int> cancelled{0};
    auto server = spawn([&] {
      serve(
          pool, listener,
          [&](tcp_stream& peer) {
            try {
              echo(peer);
            } catch (const weft::cancelled&) {
              ++cancelled;
              throw;
            }
          },
          how);
    });
    // A loop that is full leaves the next one to the other.
    tcp_stream one = tcp_stream::connect(at);
    CHECK(ask(one, "hello") == "hello");
    tcp_stream two = tcp_stream::connect(at);
    CHECK(ask(two, "hello") == "hello");
    tcp_stream three = tcp_stream::connect(at);
    CHECK_FALSE(weft::move_on_after(20ms, [&] { ask(three, "hello"); }));
    server.cancel();
    CHECK(ask(one, "hello") == "hello");
    CHECK(ask(two, "hello") == "hello");
    one.close();
    two.close();
    three.close();
    server.join();
    CHECK(server.was_cancelled());
    CHECK(cancelled == 0);
  });
}

TEST_CASE_FIXTURE(no_leaks, "a pool that is closed ends its server; so does nothing to serve") {
  const weft_tests::capture_reports reports;
  loop_pool pool(2);
  run([&] {
    tcp_listener listener = tcp_listener::bind(endpoint::loopback_ipv4(0));
    weft::serve_options none;
    none.most_connections = 0;
    CHECK_THROWS_AS(serve(pool, listener, echo, none), std::logic_error);
    tcp_listener again = tcp_listener::bind(endpoint::loopback_ipv4(0));
    auto server = spawn([&] { serve(pool, again, echo); });
    tcp_stream to = tcp_stream::connect(again.local_endpoint());
    CHECK(ask(to, "hello") == "hello");
    pool.close();
    CHECK_THROWS_AS(server.get(), weft::task_cancelled);
    CHECK_THROWS_AS(serve(pool, again, echo), std::system_error);  // it is closed
    tcp_listener third = tcp_listener::bind(endpoint::loopback_ipv4(0));
    CHECK_THROWS_AS(serve(pool, third, echo), weft::closed_error);
    CHECK_FALSE(third.is_open());
  });
  CHECK(reports.texts().empty());
}

TEST_CASE_FIXTURE(no_leaks, "of a handler's error on any loop the peer is named") {
  loop_pool pool(2);
  weft_tests::capture_reports reports;
  endpoint client;
  endpoint told;
  pool.run([&] {
    tcp_listener listener = tcp_listener::bind(endpoint::loopback_ipv4(0));
    const endpoint at = listener.local_endpoint();
    const auto fail = [](tcp_stream peer) {
      char byte = 0;
      peer.read_exactly(&byte, 1);
      throw std::runtime_error("a bad letter");
    };
    const auto provoke = [&](const weft::serve_options& how) {
      auto server = spawn([&, own = listener.share()]() mutable { serve(pool, own, fail, how); });
      tcp_stream to = tcp_stream::connect(at);
      client = to.local_endpoint();
      to.write_all("x");
      char byte = 0;
      CHECK(to.read_some(&byte, 1) == 0);
      server.cancel();
      server.join();
    };
    provoke({});
    weft::serve_options how;
    how.on_error = [&](const std::exception_ptr&, const endpoint& peer) { told = peer; };
    REQUIRE(reports.texts().size() == 1);
    CHECK(reports.texts()[0].find("a connection from " + client.to_string() + " ended with") !=
          std::string::npos);
    provoke(how);
    CHECK(told == client);
  });
  CHECK(reports.texts().size() == 1);
}
