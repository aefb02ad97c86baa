// SPDX-License-Identifier: BSL-1.0
// Descriptors in large numbers of rounds: numbers that change hands while somebody waits, several
// who want the same, loops that end under their waiters, and signals all the while.
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <malloc.h>

#include <doctest/doctest.h>

#include "io/errors_of.hpp"
#include "support/build_kind.hpp"
#include "support/no_leaks.hpp"
#include "support/resident.hpp"
#include "weft/io.hpp"
#include "weft/spawn.hpp"
#include "weft/task_group.hpp"
#include "weft/this_fiber.hpp"

using namespace std::chrono_literals;
using weft_tests::code_of;
using weft_tests::counted;
using weft_tests::no_leaks;
using weft_tests::scaled_on_demand;

namespace {

// A connected pair of blocking sockets.
struct legacy_pair {
  legacy_pair() { REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0); }
  ~legacy_pair() {
    for (const int end : ends) {
      if (end >= 0) ::close(end);
    }
  }
  legacy_pair(const legacy_pair&) = delete;
  legacy_pair& operator=(const legacy_pair&) = delete;

  void say() const { REQUIRE(::write(ends[1], "x", 1) == 1); }
  void hear() const {
    char byte = 0;
    REQUIRE(::read(ends[0], &byte, 1) == 1);
  }

  int ends[2] = {-1, -1};
};

// Returns when the kernel has told all that it had to tell before: its events come in their order.
class round_to_kernel {
 public:
  void operator()() const {
    pair_.say();
    weft::wait_readable(pair_.ends[0]);
    pair_.hear();
  }

 private:
  legacy_pair pair_;
};

// Everything that can be waited for by a descriptor.
struct waited_for {
  weft::tcp_listener listener = weft::tcp_listener::bind(weft::endpoint::loopback_ipv4(0));
  weft::tcp_listener of_server = weft::tcp_listener::bind(weft::endpoint::loopback_ipv4(0));
  weft::udp_socket datagrams = weft::udp_socket::bind(weft::endpoint::loopback_ipv4(0));
  weft::pipe_ends pipe = weft::make_pipe();
  std::pair<weft::unix_stream, weft::unix_stream> streams = weft::unix_stream::pair();
  weft::signal_set signals{SIGUSR2};
  legacy_pair legacy;

  void accept() { listener.accept(); }
  void serve() {
    weft::serve(of_server, [](weft::tcp_stream) {});
  }
  void receive() {
    char block[8];
    datagrams.receive_from(block, sizeof block);
  }
  void read() {
    char byte = 0;
    pipe.reader.read_some(&byte, 1);
  }
  void read_line() {
    weft::buffered_reader<weft::unix_stream> lines(streams.first);
    static_cast<void>(lines.read_until("\n"));
  }
  void write() {
    const std::string block(64 * 1024, 'x');
    for (;;) streams.first.write_all(block);
  }
  void wait_for_signal() { signals.wait(); }
  void wait_readable() { weft::wait_readable(legacy.ends[0]); }
  void wait_readable_soon() { weft::wait_readable_until(legacy.ends[1], weft::now() + 1h); }
};

// Ends while a fiber is parked in each wait.
void one_loop_with_waiters(no_leaks& fixture) {
  fixture.run([] {
    const auto all = std::make_shared<waited_for>();
    for (void (waited_for::*one)() :
         {&waited_for::accept, &waited_for::serve, &waited_for::receive, &waited_for::read,
          &waited_for::read_line, &waited_for::write, &waited_for::wait_for_signal,
          &waited_for::wait_readable, &waited_for::wait_readable_soon}) {
      weft::spawn([c = counted(), all, one] { (*all.*one)(); }).detach();
    }
    weft::yield();
  });
}

std::atomic<std::uint64_t> storm_signals{0};
void note_storm(int) { storm_signals.fetch_add(1, std::memory_order_relaxed); }

// While it lives, a thread sends the calling one SIGUSR1 without end, and SIGUSR2, too.
class signal_storm {
 public:
  signal_storm() {
    struct sigaction ours {};
    ours.sa_handler = &note_storm;
    ours.sa_flags = SA_ONSTACK;  // and not SA_RESTART: each call that waits is interrupted
    ::sigaction(SIGUSR1, &ours, &before_);
    storm_signals = 0;
    sender_ = std::thread([this, target = ::pthread_self()] {
      while (!is_over_.load(std::memory_order_acquire)) {
        ::pthread_kill(target, SIGUSR1);
        if (++sent_ % 64 == 0) ::kill(::getpid(), SIGUSR2);
      }
    });
  }
  ~signal_storm() {
    is_over_.store(true, std::memory_order_release);
    sender_.join();
    ::sigaction(SIGUSR1, &before_, nullptr);
  }
  signal_storm(const signal_storm&) = delete;
  signal_storm& operator=(const signal_storm&) = delete;

 private:
  struct sigaction before_ {};
  std::atomic<bool> is_over_{false};
  std::uint64_t sent_ = 0;
  std::thread sender_;
};

}  // namespace

TEST_CASE_FIXTURE(no_leaks, "torture 23: a number that changes hands takes no event along") {
  run(weft_tests::unwatched(), [] {
    const round_to_kernel look;
    const std::size_t rounds = scaled_on_demand(100'000, 2'000);
    std::uint64_t wrong = 0;
    for (std::size_t round = 0; round < rounds; ++round) {
      legacy_pair pair;
      const int number = pair.ends[0];
      int copy = -1;
      const bool is_owned = round % 4 >= 2;
      weft::file_descriptor own;
      if (is_owned) own = weft::file_descriptor(std::exchange(pair.ends[0], -1));
      int error = 0;
      auto waiting = weft::spawn([&] {
        char byte = 0;
        error = code_of([&] {
          if (is_owned) {
            own.read_some(&byte, 1);
          } else {
            weft::wait_readable(number);
          }
        });
      });
      weft::yield();
      if (round % 8 >= 4) copy = ::dup(number);  // keeps what the kernel knows of it alive
      if (round % 2 == 0) pair.say();            // its event is on the way
      if (is_owned) {
        own.close();
      } else {
        weft::close_descriptor(std::exchange(pair.ends[0], -1));
      }
      const legacy_pair next;
      if (next.ends[0] != number) ++wrong;  // the lowest that is free
      auto other = weft::spawn([&] { weft::wait_readable(number); });
      waiting.join();
      if (error != EBADF) ++wrong;
      if (copy >= 0 && round % 2 != 0) pair.say();  // late, from whom had the number before
      look();
      if (other.done()) ++wrong;
      next.say();
      other.get();
      if (copy >= 0) ::close(copy);
    }
    CHECK(wrong == 0);
  });
}

TEST_CASE_FIXTURE(no_leaks, "torture 24: of many who want to wait for one descriptor one does") {
  run([] {
    const std::size_t rounds = scaled_on_demand(2'000, 100);
    std::uint64_t wrong = 0;
    for (std::size_t round = 0; round < rounds; ++round) {
      legacy_pair pair;
      weft::file_descriptor own;
      if (round % 2 == 0) own = weft::file_descriptor(std::exchange(pair.ends[0], -1));
      const int number = own ? own.native_handle() : pair.ends[0];
      int refused = 0;
      int served = 0;
      weft::with_task_group([&](weft::task_group& group) {
        for (int i = 0; i < 10; ++i) {
          group.spawn([&, i] {
            char byte = 0;
            const int error = code_of([&] {
              if (own && i % 2 == 0) {
                own.read_some(&byte, 1);
              } else {
                weft::wait_readable(number);
              }
            });
            refused += error == EEXIST ? 1 : 0;
            served += error == 0 ? 1 : 0;
          });
        }
        weft::yield();
        weft::wait_writable(number);  // the other direction is free
        pair.say();
      });
      wrong += refused == 9 && served == 1 ? 0U : 1U;
    }
    CHECK(wrong == 0);
  });
}

TEST_CASE_FIXTURE(no_leaks, "torture 25: ten thousand loops end under fibers that wait for I/O") {
  for (int warm = 0; warm < 50; ++warm) one_loop_with_waiters(*this);
  malloc_trim(0);
  const std::size_t descriptors = weft_tests::open_descriptors();
  const std::size_t resident = weft_tests::resident_bytes();
  const std::size_t loops = scaled_on_demand(10'000, 200);
  for (std::size_t i = 0; i < loops; ++i) one_loop_with_waiters(*this);
  CHECK(weft_tests::open_descriptors() == descriptors);
  CHECK(counted::alive() == 0);
  if (!weft_tests::is_sanitized) {
    malloc_trim(0);
    CHECK(weft_tests::resident_bytes() <= resident + 1024 * 1024);
  }
}

TEST_CASE_FIXTURE(no_leaks, "torture 29: a storm of signals interrupts no call of a user's") {
  std::uint64_t taken = 0;
  run([&] {
    weft::signal_set waited_for{SIGUSR2};
    auto by_set = weft::spawn([&] {
      for (;;) taken += waited_for.wait() == SIGUSR2 ? 1U : 0U;
    });
    weft::tcp_listener listener = weft::tcp_listener::bind(weft::endpoint::loopback_ipv4(0));
    auto serving = weft::spawn([&] {
      weft::serve(listener, [](weft::tcp_stream peer) {
        char block[64];
        while (const std::size_t n = peer.read_some(block, sizeof block)) peer.write_all(block, n);
      });
    });
    const signal_storm storm;
    const std::size_t enough = scaled_on_demand(5'000, 500);
    std::uint64_t echoes = 0;
    weft::spawn_options small;
    small.stack_bytes = 64 * 1024;
    std::vector<weft::task<>> clients;
    for (int i = 0; i < 8; ++i) {
      clients.push_back(weft::spawn(small, [&, i] {
        weft::pipe_ends pipe = weft::make_pipe();
        while (storm_signals.load(std::memory_order_relaxed) < enough) {
          char byte = 'x';
          if (i % 4 == 0) {  // a connection anew each time
            weft::tcp_stream one = weft::tcp_stream::connect(listener.local_endpoint());
            one.write_all(&byte, 1);
            one.read_exactly(&byte, 1);
          } else if (i % 4 == 1) {
            weft::with_task_group([&](weft::task_group& group) {
              group.spawn([&] { pipe.reader.read_exactly(&byte, 1); });
              weft::yield();
              pipe.writer.write_all("x");
            });
          } else if (i % 4 == 2) {
            const auto until = weft::now() + 100us;
            weft::await_sleep_until(until);
            if (weft::now() < until) byte = 'y';
          } else {
            const legacy_pair pair;
            pair.say();
            weft::wait_readable(pair.ends[0]);
          }
          echoes += byte == 'x' ? 1U : 0U;
        }
      }));
    }
    for (auto& one : clients) CHECK(code_of([&] { one.get(); }) == 0);
    CHECK(echoes > 0);
    serving.cancel();
    by_set.cancel();
  });
  CHECK(taken > 0);
}

TEST_CASE_FIXTURE(no_leaks,
                  "torture 29: in a storm of signals a thousand children end, and all are reaped") {
  const std::size_t children = scaled_on_demand(1'000, 100);
  std::size_t reaped = 0;
  std::size_t turns = 0;
  run([&] {
    weft::signal_set ended{SIGCHLD, SIGUSR2};  // before the storm's thread, which then blocks them
    const signal_storm storm;
    auto reaper = weft::spawn([&] {
      while (reaped < children) {
        if (ended.wait() != SIGCHLD) continue;
        // Several ends may count as one signal.
        while (::waitpid(-1, nullptr, WNOHANG) > 0) ++reaped;
      }
    });
    weft::spawn_options small;
    small.stack_bytes = 16 * 1024;
    auto others = weft::spawn(small, [&] {
      while (reaped < children) {
        ++turns;
        weft::await_sleep(100us);
      }
    });
    for (std::size_t i = 0; i < children; ++i) {
      const pid_t child = ::fork();
      if (child == 0) ::_exit(0);
      REQUIRE(child > 0);
      weft::yield();
    }
    reaper.get();
    others.get();
  });
  CHECK(reaped == children);
  CHECK(turns > 0);
  errno = 0;
  CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);
  CHECK(errno == ECHILD);
}
