// SPDX-License-Identifier: BSL-1.0
// A server: bounded, unmoved by its handlers' errors and by shortages, and it ends whole.
#include "weft/serve.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <memory>
#include <ostream>
#include <stdexcept>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "io/echo.hpp"
#include "support/capture_reports.hpp"
#include "support/no_leaks.hpp"
#include "weft/cancel_scope.hpp"
#include "weft/event.hpp"
#include "weft/local_socket.hpp"
#include "weft/task_group.hpp"
#include "weft/tcp.hpp"
#include "weft/this_fiber.hpp"

using namespace std::chrono_literals;
using weft::endpoint;
using weft::serve;
using weft::spawn;
using weft::tcp_listener;
using weft::tcp_stream;
using weft_tests::ask;
using weft_tests::echo;
using weft_tests::no_leaks;

TEST_CASE_FIXTURE(no_leaks, "each connection has a fiber of its own") {
  run([] {
    tcp_listener listener = tcp_listener::bind(endpoint::loopback_ipv4(0));
    const endpoint at = listener.local_endpoint();
    auto server = spawn([&] { serve(listener, [](tcp_stream peer) { echo(peer); }); });
    std::vector<tcp_stream> peers;
    for (int i = 0; i < 50; ++i) peers.push_back(tcp_stream::connect(at));
    for (int round = 0; round < 3; ++round) {
      for (tcp_stream& peer : peers) CHECK(ask(peer, "hello") == "hello");
    }
    server.cancel();
    server.join();
    CHECK(server.was_cancelled());
    char byte = 0;
    for (tcp_stream& peer : peers) CHECK(peer.read_some(&byte, 1) == 0);  // closed
  });
}

TEST_CASE_FIXTURE(no_leaks, "a handler's error ends its connection, not the server") {
  run([] {
    tcp_listener listener = tcp_listener::bind(endpoint::loopback_ipv4(0));
    const endpoint at = listener.local_endpoint();
    int told = 0;
    weft::serve_options how;
    how.on_error = [&](const std::exception_ptr& error) {
      CHECK_THROWS_AS(std::rethrow_exception(error), std::runtime_error);
      ++told;
    };
    auto server = spawn([&] {
      serve(
          listener,
          [](tcp_stream& peer) {
            char byte = 0;
            peer.read_exactly(&byte, 1);
            if (byte == 'x') throw std::runtime_error("a bad letter");
            peer.write_all("y");
          },
          how);
    });
    char byte = 0;
    tcp_stream bad = tcp_stream::connect(at);
    bad.write_all("x");
    CHECK(bad.read_some(&byte, 1) == 0);
    CHECK(told == 1);
    tcp_stream good = tcp_stream::connect(at);
    good.write_all("a");
    good.read_exactly(&byte, 1);
    CHECK(byte == 'y');
    server.cancel();
  });
}

TEST_CASE_FIXTURE(no_leaks, "without on_error, only what is not the peer's doing is reported") {
  weft_tests::capture_reports reports;
  run([] {
    tcp_listener listener = tcp_listener::bind(endpoint::loopback_ipv4(0));
    const endpoint at = listener.local_endpoint();
    auto server = spawn([&] {
      serve(listener, [](tcp_stream peer) {
        char byte = 0;
        peer.read_exactly(&byte, 1);
        throw std::runtime_error("a bad letter");
      });
    });
    tcp_stream::connect(at).close();
    tcp_stream bad = tcp_stream::connect(at);
    bad.write_all("x");
    char byte = 0;
    CHECK(bad.read_some(&byte, 1) == 0);
    server.cancel();
  });
  REQUIRE(reports.texts().size() == 1);
  CHECK(reports.texts().front().find("a bad letter") != std::string::npos);
  CHECK(reports.texts().front().find("a connection from 127.0.0.1:") != std::string::npos);
}

TEST_CASE_FIXTURE(no_leaks, "no more connections are served at once than was said") {
  run([] {
    tcp_listener listener = tcp_listener::bind(endpoint::loopback_ipv4(0));
    const endpoint at = listener.local_endpoint();
    weft::serve_options how;
    how.most_connections = 3;
    int now = 0;
    int most = 0;
    int all = 0;
    auto server = spawn([&] {
      serve(
          listener,
          [&](tcp_stream peer) {
            most = std::max(most, ++now);
            echo(peer);
            --now;
            ++all;
          },
          how);
    });
    weft::with_task_group([&](weft::task_group& group) {
      for (int i = 0; i < 20; ++i) {
        group.spawn([&] {
          tcp_stream peer = tcp_stream::connect(at);
          CHECK(ask(peer, "hello") == "hello");
        });
      }
    });
    while (all < 20) weft::await_sleep(1ms);
    CHECK(most == 3);
    server.cancel();
  });
  tcp_listener none;
  weft::serve_options how;
  how.most_connections = 0;
  CHECK_THROWS_AS(serve(
                      none, [](tcp_stream) {}, how),
                  std::logic_error);
}

TEST_CASE_FIXTURE(no_leaks, "a server that ends lets connections end by themselves, for a while") {
  run([] {
    tcp_listener listener = tcp_listener::bind(endpoint::loopback_ipv4(0));
    const endpoint at = listener.local_endpoint();
    int ended = 0;
    int cancels = 0;
    weft::serve_options how;
    how.grace = 100ms;
    auto server = spawn([&] {
      serve(
          listener,
          [&](tcp_stream peer) {
            try {
              echo(peer);
              ++ended;
            } catch (const weft::cancelled&) {
              ++cancels;
              throw;
            }
          },
          how);
    });
    tcp_stream quick = tcp_stream::connect(at);
    tcp_stream stays = tcp_stream::connect(at);
    CHECK(ask(quick, "a") == "a");
    CHECK(ask(stays, "a") == "a");
    server.cancel();
    weft::yield();
    weft::yield();
    std::error_code refused;
    tcp_stream::connect(at, refused);
    CHECK(refused == std::errc::connection_refused);
    CHECK(ask(quick, "still here") == "still here");
    quick.close();
    server.join();
    CHECK(ended == 1);
    CHECK(cancels == 1);
  });
}

TEST_CASE_FIXTURE(no_leaks, "closing the listener ends the server, after its connections") {
  run([] {
    tcp_listener listener = tcp_listener::bind(endpoint::loopback_ipv4(0));
    const endpoint at = listener.local_endpoint();
    auto server = spawn([&] { serve(listener, [](tcp_stream peer) { echo(peer); }); });
    tcp_stream peer = tcp_stream::connect(at);
    CHECK(ask(peer, "a") == "a");
    listener.close();
    server.get();
    char byte = 0;
    CHECK(peer.read_some(&byte, 1) == 0);
  });
}

TEST_CASE_FIXTURE(no_leaks, "closing the listener ends a server that is full, too") {
  run([] {
    tcp_listener listener = tcp_listener::bind(endpoint::loopback_ipv4(0));
    const endpoint at = listener.local_endpoint();
    weft::serve_options how;
    how.most_connections = 1;
    auto server = spawn([&] {
      serve(
          listener, [](tcp_stream peer) { echo(peer); }, how);
    });
    tcp_stream peer = tcp_stream::connect(at);
    CHECK(ask(peer, "a") == "a");
    listener.close();
    server.get();
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "torture 7: a server without descriptors does not spin, and takes up again") {
  run([] {
    tcp_listener listener = tcp_listener::bind(endpoint::loopback_ipv4(0));
    const endpoint at = listener.local_endpoint();
    rlimit before{};
    ::getrlimit(RLIMIT_NOFILE, &before);
    std::vector<tcp_stream> peers;
    for (int i = 0; i < 5; ++i) peers.push_back(tcp_stream::connect(at));
    const int next = ::dup(0);
    ::close(next);
    const rlimit tight{static_cast<rlim_t>(next), before.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &tight);
    auto server = spawn([&] { serve(listener, [](tcp_stream peer) { echo(peer); }); });
    timespec began{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &began);
    weft::await_sleep(200ms);  // the real clock: it is about the processor's time
    timespec ended{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ended);
    CHECK((ended.tv_sec - began.tv_sec) * 1'000'000'000 + ended.tv_nsec - began.tv_nsec <
          20'000'000);
    ::setrlimit(RLIMIT_NOFILE, &before);
    for (tcp_stream& peer : peers) {
      CHECK(weft::with_timeout(1s, [&] { return ask(peer, "hello"); }) == "hello");
    }
    server.cancel();
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "a connection that was taken in and not begun is closed with the server") {
  // Takes in two at once, then fails.
  struct failing_listener {
    using stream = std::unique_ptr<weft_tests::counted>;
    stream accept(std::error_code& error) {
      if (--left < 0) error = std::make_error_code(std::errc::invalid_argument);
      return left < 0 ? nullptr : std::make_unique<weft_tests::counted>();
    }
    bool is_open() const { return true; }
    void close() {}
    int left = 2;
  };
  run([] {
    failing_listener listener;
    int begun = 0;
    CHECK_THROWS_AS(serve(listener, [&](failing_listener::stream) { ++begun; }), std::system_error);
    CHECK(begun == 0);
    CHECK(weft_tests::counted::alive() == 0);
  });
}

TEST_CASE_FIXTURE(no_leaks, "a connection that gets no stack ends, and gives its place back") {
  struct scarce_stacks final : weft_tests::counting_stacks {
    void* map(std::size_t bytes) noexcept override {
      return is_empty ? nullptr : counting_stacks::map(bytes);
    }
    bool is_empty = false;
  } memory;
  struct scarce_listener {
    using stream = std::unique_ptr<weft_tests::counted>;
    stream accept(std::error_code& error) {
      if (++taken <= 40) return std::make_unique<weft_tests::counted>();
      error = std::make_error_code(std::errc::bad_file_descriptor);
      return nullptr;
    }
    bool is_open() const { return true; }
    void close() {}
    int taken = 0;
  };
  weft::options how;
  how.stacks = &memory;
  weft::run(how, [&] {
    scarce_listener listener;
    int served = 0;
    int errors = 0;
    weft::serve_options bounds;
    bounds.most_connections = 2;
    bounds.on_error = [&](const std::exception_ptr& error) {
      CHECK_THROWS_AS(std::rethrow_exception(error), std::bad_alloc);
      if (++errors == 10) memory.is_empty = false;
    };
    memory.is_empty = true;
    weft::event may_end;
    std::vector<weft::task<>> holders;  // of all the stacks that there are
    do {
      holders.push_back(spawn([&] { may_end.wait(); }));
      weft::yield();
    } while (!holders.back().done());
    CHECK(holders.back().exception() != nullptr);
    serve(
        listener,
        [&](scarce_listener::stream) {
          ++served;
          weft::yield();
        },
        bounds);
    may_end.set();
    CHECK(errors >= 10);
    CHECK(served >= 20);
    CHECK(listener.taken == 41);
    CHECK(weft_tests::counted::alive() == 0);
  });
  CHECK(memory.mapped == 0);
}

TEST_CASE_FIXTURE(no_leaks, "a Unix socket serves as well") {
  run([] {
    const endpoint at = endpoint::local("@weft-serve-test-" + std::to_string(::getpid()));
    weft::unix_listener listener = weft::unix_listener::bind(at);
    CHECK(listener.local_endpoint() == at);
    auto server = spawn([&] {
      serve(listener, [](weft::unix_stream peer) {
        char block[16];
        while (const std::size_t n = peer.read_some(block, sizeof block)) peer.write_all(block, n);
      });
    });
    weft::unix_stream peer = weft::unix_stream::connect(at);
    peer.write_all("hello");
    char block[5];
    peer.read_exactly(block, 5);
    CHECK(std::string(block, 5) == "hello");
    server.cancel();
    CHECK_THROWS_AS(weft::unix_listener::bind(at), std::system_error);
    const endpoint nowhere = endpoint::local("@weft-nobody-" + std::to_string(::getpid()));
    std::error_code error;
    CHECK_FALSE(weft::unix_stream::connect(nowhere, error).is_open());
    CHECK(error == std::errc::connection_refused);
    CHECK_THROWS_AS(weft::unix_stream::connect(nowhere), std::system_error);
  });
}
