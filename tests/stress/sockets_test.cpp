// SPDX-License-Identifier: BSL-1.0
// Connections in large numbers, and what peers and the system do to them: resets at any moment,
// halves that close apart, no descriptors left, thousands of fibers that never wait beside them.
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/build_kind.hpp"
#include "support/no_leaks.hpp"
#include "support/skip.hpp"
#include "support/syscall_faults.hpp"
#include "weft/background_loop.hpp"
#include "weft/cancel_scope.hpp"
#include "weft/exception_group.hpp"
#include "weft/io.hpp"
#include "weft/spawn.hpp"
#include "weft/task_group.hpp"
#include "weft/this_fiber.hpp"

using namespace std::chrono_literals;
using weft::endpoint;
using weft::tcp_listener;
using weft::tcp_stream;
using weft_tests::no_leaks;
using weft_tests::scaled_on_demand;

namespace {

// Ends a connection as a peer does that dies: with a reset.
void reset_connection(tcp_stream& one) {
  const linger at_once{1, 0};
  REQUIRE(::setsockopt(one.native_handle(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) == 0);
  one.close();
}

struct tcp_ends {
  explicit tcp_ends(tcp_listener& listener) {
    near = tcp_stream::connect(listener.local_endpoint());
    far = listener.accept();
  }
  tcp_stream near;
  tcp_stream far;
};

// 0, or the error.
template <class F>
int error_number_of(F&& call) {
  try {
    call();
  } catch (const std::system_error& error) {
    return error.code().value();
  }
  return 0;
}

bool is_reset(int error) noexcept { return error == ECONNRESET || error == EPIPE; }

// Bytes that tell where in the stream they stand.
char byte_at(std::size_t place) noexcept { return static_cast<char>(place % 251); }

template <class Stream>
void send_pattern(Stream& to, std::size_t bytes) {
  std::string block(16 * 1024, '\0');
  for (std::size_t sent = 0; sent < bytes;) {
    const std::size_t some = std::min(block.size(), bytes - sent);
    for (std::size_t i = 0; i < some; ++i) block[i] = byte_at(sent + i);
    to.write_all(block.data(), some);
    sent += some;
  }
}

// Reads to the end; how many bytes came, as long as they were right.
template <class Stream>
std::size_t receive_pattern(Stream& from) {
  std::string block(16 * 1024, '\0');
  std::size_t came = 0;
  while (const std::size_t some = from.read_some(block.data(), block.size())) {
    for (std::size_t i = 0; i < some; ++i) {
      if (block[i] != byte_at(came + i)) return 0;
    }
    came += some;
  }
  return came;
}

constexpr std::size_t many_bytes = 10'000'000;

// Both orders: whoever closes its half first reads on, whoever reads the end writes on.
template <class Stream>
void close_in_halves(Stream& early, Stream& late) {
  early.write_all("that was all");
  early.shutdown_write();
  char text[12];
  late.read_exactly(text, sizeof text);
  CHECK(late.read_some(text, sizeof text) == 0);
  weft::with_task_group([&](weft::task_group& group) {
    group.spawn([&] {
      send_pattern(late, many_bytes);
      late.shutdown_write();
    });
    group.spawn([&] { CHECK(receive_pattern(early) == many_bytes); });
  });
  CHECK(early.read_some(text, sizeof text) == 0);  // and stays the end
  CHECK(error_number_of([&] { early.write_all("x"); }) == EPIPE);
}

}  // namespace

TEST_CASE_FIXTURE(no_leaks,
                  "torture 7: 200 wait while descriptors are gone: no spin, and all served") {
  run([] {
    tcp_listener listener = tcp_listener::bind(endpoint::loopback_ipv4(0));
    const endpoint at = listener.local_endpoint();
    auto serving = weft::spawn([&] {
      weft::serve(listener, [](tcp_stream peer) {
        char block[64];
        while (const std::size_t n = peer.read_some(block, sizeof block)) peer.write_all(block, n);
      });
    });
    const auto ask = [](tcp_stream& one) {
      char answer = 0;
      one.write_all("x");
      one.read_exactly(&answer, 1);
      return answer == 'x';
    };
    tcp_stream early = tcp_stream::connect(at);
    CHECK(ask(early));

    rlimit before{};
    ::getrlimit(RLIMIT_NOFILE, &before);
    // The clients' numbers are below the limit, and the server's would be above.
    std::vector<int> sockets;
    for (int i = 0; i < 200; ++i)
      sockets.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    REQUIRE(sockets.back() >= 0);
    const rlimit tight{static_cast<rlim_t>(sockets.back()) + 1, before.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &tight);
    for (const int one : sockets) {
      REQUIRE(::connect(one, static_cast<const sockaddr*>(at.data()), at.size()) == 0);
    }

    // Real time: it is about how often the kernel is asked.
    const bool is_counted = weft_tests::syscall_faults::why_not() == nullptr;
    const auto began = weft::now();
    if (is_counted) {
      const weft_tests::syscall_faults counter{{}};
      int asked = 0;
      while (weft::now() - began < 500ms) {
        asked += ask(early) ? 1 : 0;  // who was there before is served
        weft::await_sleep(5ms);
      }
      const auto milliseconds =
          std::chrono::duration_cast<std::chrono::milliseconds>(weft::now() - began).count();
      CHECK(asked > 0);
      CHECK(counter.calls_of(SYS_accept4) > 0);
      CHECK(counter.calls_of(SYS_accept4) * 1'000 / 50 <=
            static_cast<unsigned>(milliseconds) + 100);
    } else {
      CHECK(ask(early));
      weft::await_sleep(100ms);
      CHECK(ask(early));
    }
    ::setrlimit(RLIMIT_NOFILE, &before);
    weft::with_timeout(20s, [&] {
      for (const int one : sockets) {
        tcp_stream client(one);
        CHECK(ask(client));
      }
    });
    serving.cancel();
    serving.join();
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "torture 8: a peer that resets: an error each time, no signal, no leak") {
  run([] {
    tcp_listener listener = tcp_listener::bind(endpoint::loopback_ipv4(0));
    std::uint64_t wrong = 0;
    const std::size_t rounds = scaled_on_demand(75'000, 1'500);
    const std::string large(256 * 1024, 'x');
    for (std::size_t round = 0; round < rounds; ++round) {
      tcp_ends both(listener);
      int error = 0;
      char byte = 0;
      if (round % 3 == 0) {  // before the first read
        reset_connection(both.near);
        error = error_number_of([&] { both.far.read_exactly(&byte, 1); });
      } else if (round % 3 == 1) {  // while the read waits
        auto reading = weft::spawn([&] { both.far.read_exactly(&byte, 1); });
        weft::yield();
        reset_connection(both.near);
        error = error_number_of([&] { reading.get(); });
      } else {  // while the write waits for room
        both.far.set_send_buffer(4'096);
        both.near.set_receive_buffer(4'096);
        auto writing = weft::spawn([&] {
          for (;;) both.far.write_all(large);
        });
        weft::yield();
        reset_connection(both.near);
        error = error_number_of([&] { writing.get(); });
      }
      wrong += is_reset(error) ? 0U : 1U;
      // What comes after an error is an error or the end, and no SIGPIPE.
      const int later = error_number_of([&] { both.far.write_all("x"); });
      wrong += is_reset(later) ? 0U : 1U;
    }
    CHECK(wrong == 0);
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "torture 8: a peer that resets before it is taken in ends nobody else") {
  run([] {
    tcp_listener listener = tcp_listener::bind(endpoint::loopback_ipv4(0));
    const endpoint at = listener.local_endpoint();
    const std::size_t rounds = scaled_on_demand(25'000, 500);
    std::uint64_t wrong = 0;
    for (std::size_t round = 0; round < rounds; ++round) {
      tcp_stream doomed = tcp_stream::connect(at);
      reset_connection(doomed);
      tcp_stream good = tcp_stream::connect(at);
      good.write_all("x");
      // Linux hands the dead one out, too; others pass it over.
      char byte = 0;
      for (bool is_served = false; !is_served;) {
        tcp_stream taken = listener.accept();
        const int error = error_number_of([&] { taken.read_exactly(&byte, 1); });
        is_served = error == 0;
        wrong += error == 0 || is_reset(error) ? 0U : 1U;
      }
      wrong += byte == 'x' ? 0U : 1U;
    }
    CHECK(wrong == 0);
  });
}

TEST_CASE_FIXTURE(no_leaks, "torture 9: halves close in either order, after ten megabytes") {
  run([] {
    tcp_listener listener = tcp_listener::bind(endpoint::loopback_ipv4(0));
    {
      tcp_ends both(listener);
      close_in_halves(both.near, both.far);
    }
    {
      tcp_ends both(listener);
      close_in_halves(both.far, both.near);
    }
    auto [near, far] = weft::unix_stream::pair();
    close_in_halves(near, far);
  });
}

// The kernel is asked each 61 switches at the latest that 50 us have passed; whoever it wakes then
// waits for its turn, behind all who are ready. In switches, so that a slow machine changes
// nothing.
TEST_CASE_FIXTURE(no_leaks, "torture 30: ten thousand that never wait starve no connection") {
  run([] {
    const std::size_t yielders = scaled_on_demand(10'000, 500);
    bool is_over = false;
    std::uint64_t resumes = 0;
    std::vector<weft::task<>> all;
    for (std::size_t i = 0; i < yielders; ++i) {
      all.push_back(weft::spawn([&] {
        while (!is_over) {
          ++resumes;
          weft::yield();
        }
      }));
    }
    tcp_listener listener = tcp_listener::bind(endpoint::loopback_ipv4(0));
    auto echo = weft::spawn([&] {
      tcp_stream peer = listener.accept();
      char byte = 0;
      while (peer.read_some(&byte, 1) == 1) peer.write_all(&byte, 1);
    });
    tcp_stream client = tcp_stream::connect(listener.local_endpoint());
    std::uint64_t longest = 0;
    for (int round = 0; round < 50; ++round) {
      const std::uint64_t before = resumes;
      char byte = 'x';
      client.write_all(&byte, 1);
      client.read_exactly(&byte, 1);
      longest = std::max(longest, resumes - before);
    }
    is_over = true;
    // Two who are woken: a round of all each, and what a processor does in twice 50 us.
    const std::uint64_t in_50_us = 10'000;
    CHECK(longest <= 2 * (yielders + in_50_us + 61) + yielders);
    client.close();
    for (auto& one : all) one.join();
    echo.get();
  });
}

TEST_CASE_FIXTURE(no_leaks, "torture 38: megabytes both ways, half of the peers die on the way") {
  run([] {
    constexpr std::size_t at_once = 50;
    constexpr std::size_t bytes = 1'000'000;
    const std::size_t batches = scaled_on_demand(4, 1);
    tcp_listener listener = tcp_listener::bind(endpoint::loopback_ipv4(0));
    std::size_t whole = 0;
    std::size_t cut = 0;
    std::size_t wrong = 0;
    const auto serve_one = [&](tcp_stream peer) {
      const int error = error_number_of([&] {
        weft::with_task_group([&](weft::task_group& group) {
          group.spawn([&] {
            send_pattern(peer, bytes);
            peer.shutdown_write();
          });
          group.spawn([&] { whole += receive_pattern(peer) == bytes ? 1U : 0U; });
        });
      });
      static_cast<void>(error);
    };
    weft::serve_options how;
    how.on_error = [&](const std::exception_ptr& error) {
      try {
        std::rethrow_exception(error);
      } catch (const weft::exception_group& both) {
        for (const auto& one : both.entries()) {
          const int code = error_number_of([&] { std::rethrow_exception(one.error); });
          wrong += is_reset(code) ? 0U : 1U;
        }
        ++cut;
      } catch (...) {
        ++wrong;
      }
    };
    auto serving = weft::spawn([&] { weft::serve(listener, serve_one, how); });
    const endpoint at = listener.local_endpoint();
    // The other ends on a loop of their own, so that both make progress in any order.
    weft::background_loop there;
    there.ref()
        .call([&] {
          for (std::size_t batch = 0; batch < batches; ++batch) {
            weft::with_task_group([&](weft::task_group& clients) {
              for (std::size_t i = 0; i < at_once; ++i) {
                clients.spawn([&, i] {
                  tcp_stream one = tcp_stream::connect(at);
                  if (i % 2 == 0) {
                    weft::with_task_group([&](weft::task_group& ways) {
                      ways.spawn([&] {
                        send_pattern(one, bytes);
                        one.shutdown_write();
                      });
                      ways.spawn([&] {
                        if (receive_pattern(one) != bytes) throw std::runtime_error("bytes lost");
                      });
                    });
                  } else {
                    send_pattern(one, bytes * i / at_once);
                    reset_connection(one);
                  }
                });
              }
            });
          }
        })
        .get();
    weft::with_timeout(60s, [&] {
      while (whole + cut < batches * at_once) weft::await_sleep(1ms);
    });
    serving.cancel();
    serving.join();
    CHECK(wrong == 0);
    CHECK(whole == batches * at_once / 2);
    CHECK(cut == batches * at_once / 2);
  });
}
