// SPDX-License-Identifier: BSL-1.0
// A cancel and C: a hooked call never throws. It gives data that is there, else -1 and ECANCELED
// until the cancelled region is left, and the next weft call throws.
#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include <netdb.h>
#include <poll.h>
#include <semaphore.h>
#include <sys/select.h>
#include <sys/wait.h>
#include <time.h>

#include <doctest/doctest.h>

#include "hook/hooked.hpp"
#include "weft/cancel_scope.hpp"
#include "weft/errors.hpp"
#include "weft/testing.hpp"
#include "weft/this_fiber.hpp"

using namespace std::chrono_literals;
using weft::spawn;
using weft_tests::call_end;
using weft_tests::end_of;
using weft_tests::failed;
using weft_tests::gave;
using weft_tests::hooked;

namespace {

int sleep_by_clock() {
  const timespec span{100, 0};
  errno = clock_nanosleep(CLOCK_MONOTONIC, 0, &span, nullptr);
  return errno == 0 ? 0 : -1;
}
int nanosleep_long() {
  const timespec span{100, 0};
  return nanosleep(&span, nullptr);
}

}  // namespace

TEST_CASE_FIXTURE(
    hooked, "hook: a timeout ends each kind of call with ECANCELED, and with_timeout throws") {
  run([] {
    weft_tests::stream_pair sockets;
    weft_tests::pipe_pair pipe;
    char byte = 0;
    const std::vector<std::pair<const char*, std::function<int()>>> calls = {
        {"read", [&] { return static_cast<int>(read(pipe[0], &byte, 1)); }},
        {"recv", [&] { return static_cast<int>(recv(sockets[0], &byte, 1, 0)); }},
        {"poll",
         [&] {
           pollfd one{pipe[0], POLLIN, 0};
           return poll(&one, 1, -1);
         }},
        {"select",
         [&] {
           fd_set all;
           FD_ZERO(&all);
           FD_SET(pipe[0], &all);
           return select(pipe[0] + 1, &all, nullptr, nullptr, nullptr);
         }},
        {"usleep", [] { return usleep(100'000'000); }},
        {"nanosleep", [] { return nanosleep_long(); }},
        {"clock_nanosleep", [] { return sleep_by_clock(); }},
        {"sleep", [] { return sleep(100) == 100 && errno == ECANCELED ? -1 : 0; }},
    };
    for (const auto& one : calls) {
      const auto& call = one.second;  // no structured binding: C++17 captures none
      CAPTURE(one.first);
      call_end first;
      call_end second;
      CHECK_THROWS_AS(weft::with_timeout(5ms,
                                         [&] {
                                           first = end_of(call);
                                           second = end_of(call);  // and at once
                                           weft::checkpoint();
                                           FAIL("the next weft call was to throw");
                                         }),
                      weft::timeout_error);
      CHECK(first == failed(ECANCELED));
      CHECK(second == failed(ECANCELED));
    }
  });
}

TEST_CASE_FIXTURE(
    hooked, "hook: what is ready is given even when cancelled; after the region all is as ever") {
  run([] {
    weft_tests::stream_pair sockets;
    char byte = 0;
    weft::cancel_scope region;
    weft::with_scope(region, [&] {
      region.cancel();
      CHECK(end_of([&] { return recv(sockets[0], &byte, 1, 0); }) == failed(ECANCELED));
      REQUIRE(write(sockets[1], "x", 1) == 1);
      CHECK(end_of([&] { return recv(sockets[0], &byte, 1, 0); }) == gave(1));
      CHECK(end_of([&] { return recv(sockets[0], &byte, 1, 0); }) == failed(ECANCELED));
      CHECK(close(dup(sockets[0])) == 0);
    });
    auto writer = spawn([&] { CHECK(write(sockets[1], "y", 1) == 1); });
    CHECK(end_of([&] { return recv(sockets[0], &byte, 1, 0); }) == gave(1));
    writer.get();
  });
}

TEST_CASE_FIXTURE(hooked, "hook: a cancelled task ends its call, and get() tells task_cancelled") {
  run([] {
    weft_tests::stream_pair sockets;
    call_end end;
    auto reader = spawn([&] {
      char byte = 0;
      end = end_of([&] { return recv(sockets[0], &byte, 1, 0); });
      weft::checkpoint();
    });
    weft::yield();
    reader.cancel();
    CHECK_THROWS_AS(reader.get(), weft::task_cancelled);
    CHECK(end == failed(ECANCELED));
  });
}

TEST_CASE_FIXTURE(
    hooked, "hook: inside a shield a call waits on; a task that never is cancelled does so, too") {
  run([] {
    weft_tests::stream_pair sockets;
    char byte = 0;
    auto writer = spawn([&] {
      weft::await_sleep(10ms);
      CHECK(write(sockets[1], "x", 1) == 1);
    });
    CHECK_FALSE(weft::move_on_after(1ms, [&] {
      weft::shielded([&] { CHECK(recv(sockets[0], &byte, 1, 0) == 1); });
      weft::checkpoint();
    }));
    writer.get();
    weft::spawn_options never;
    never.cancel = weft::on_cancel::never;
    auto stubborn = spawn(never, [&] { CHECK(recv(sockets[0], &byte, 1, 0) == 1); });
    weft::yield();
    stubborn.cancel();
    weft::yield();
    CHECK_FALSE(stubborn.done());
    CHECK(write(sockets[1], "y", 1) == 1);
    stubborn.get();
  });
}

TEST_CASE_FIXTURE(hooked, "hook: a destructor that an exception runs may make blocking calls") {
  run([] {
    weft_tests::stream_pair sockets;
    struct says_goodbye {
      int fd;
      ~says_goodbye() {
        CHECK(write(fd, "bye", 3) == 3);
        char byte = 0;
        CHECK(recv(fd, &byte, 1, 0) == 1);  // parks, though its task is cancelled
      }
    };
    auto polite = spawn([&] {
      const says_goodbye last{sockets[0]};
      weft::await_sleep(1h);
    });
    weft::yield();
    auto peer = spawn([&] {
      CHECK(weft_tests::read_text(sockets[1]) == "bye");
      CHECK(write(sockets[1], "!", 1) == 1);
    });
    polite.cancel();
    CHECK_THROWS_AS(polite.get(), weft::task_cancelled);
    peer.get();
  });
}

TEST_CASE_FIXTURE(hooked, "hook: a call that waits for a process or a name is left at once") {
  run([] {
    const pid_t child = fork();
    if (child == 0) {
      pause();
      _exit(0);
    }
    for (const bool is_any : {false, true}) {
      call_end end;
      CHECK_FALSE(weft::move_on_after(5ms, [&] {
        end = end_of([&] { return waitpid(is_any ? -1 : child, nullptr, 0); });
        weft::checkpoint();
      }));
      CHECK(end == failed(ECANCELED));
    }
    kill(child, SIGKILL);
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WTERMSIG(status) == SIGKILL);
    int shell = 0;
    CHECK_FALSE(weft::move_on_after(5ms, [&] {
      shell = system("sleep 0.2");
      weft::checkpoint();
    }));
    CHECK(shell == -1);
    weft::await_sleep(300ms);  // the shell's thread gives back what it holds
  });
}
