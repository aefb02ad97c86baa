// SPDX-License-Identifier: BSL-1.0
// fork() in a fiber: what the child may do, what it is told when it may not, and that the parent
// never notices. The child that goes on: fork_go_on_test.cpp.
#include <csignal>
#include <cstdio>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>

#include <fcntl.h>

#include <doctest/doctest.h>

#include "loop/forked.hpp"
#include "support/build_kind.hpp"
#include "support/emulated.hpp"
#include "support/skip.hpp"

using weft_tests::forked;
using weft_tests::is_refused;
using weft_tests::is_tsan;
using weft_tests::refusal;
using weft_tests::run_child;
using namespace std::chrono_literals;

namespace {

// What /proc shows of the open descriptors of a program that this process becomes.
std::string descriptors_after_exec() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return "no pipe";
  const int status = forked([&] {
    dup2(ends[1], STDOUT_FILENO);
    execl("/bin/sh", "sh", "-c",
          "for f in /proc/$$/fd/*; do [ -e $f ] && echo ${f##*/}; done; :", nullptr);
    return 127;
  });
  close(ends[1]);
  std::string all = status == 0 ? "" : "status " + std::to_string(status);
  char block[512];
  for (ssize_t got = 0; (got = read(ends[0], block, sizeof block)) > 0;) {
    all.append(block, static_cast<std::size_t>(got));
  }
  close(ends[0]);
  return all;
}

}  // namespace

TEST_CASE("S3: a program that a fiber's child becomes inherits nothing of weft's") {
  const auto end = run_child([] {
    const std::string before = descriptors_after_exec();
    return weft::run([&] {
      auto listener = weft::tcp_listener::bind(weft::endpoint::loopback_ipv4(0));
      auto client = weft::tcp_stream::connect(listener.local_endpoint());
      auto server = listener.accept();
      auto pair = weft::unix_stream::pair();
      auto ends = weft::make_pipe();
      const weft::signal_set signals{SIGUSR1};
      if (!is_tsan) weft::to_thread([] {});
      auto reader = weft::spawn([&] {
        char byte = 0;
        server.read_some(&byte, 1);
      });
      weft::yield();
      const std::string inside = descriptors_after_exec();
      if (inside != before)
        std::fprintf(stderr, "%s instead of %s", inside.c_str(), before.c_str());
      return inside == before ? 0 : 1;
    });
  });
  CHECK(end.output == "");
  CHECK(end.status == 0);
}

TEST_CASE("torture 28: a child that ends at once, or closes its copies, leaves the parent alone") {
  const auto end = run_child([] {
    return weft::run([] {
      auto [here, there] = weft::unix_stream::pair();
      auto reader = weft::spawn([&here = here] {
        char byte = 0;
        here.read_exactly(&byte, 1);
        return int{byte};
      });
      auto sleeper = weft::spawn([] { weft::await_sleep(5ms); });
      weft::yield();
      if (forked([] { return 3; }) != 3) return 1;
      // A close that reached the shared epoll set would let the parent's reader wait for ever.
      const int closed = forked([&here = here] {
        here.close();
        return 4;
      });
      if (closed != 4) return 2;
      const char byte = 9;
      there.write_all(&byte, 1);
      sleeper.join();
      return reader.get() == 9 ? 0 : 3;
    });
  });
  CHECK(end.status == 0);
}

TEST_CASE("H13: in a child every wait, spawn and post on the inherited loop is refused in words") {
  const auto end = run_child([] {
    return weft::run([] {
      weft::event never;
      weft::channel<int> empty(1);
      weft::mutex busy;
      weft::condition_variable changed;
      weft::semaphore none(0);
      weft::promise<int> promise;
      auto future = promise.get_future();
      auto [stream, other] = weft::unix_stream::pair();
      int ends[2];
      if (pipe2(ends, O_CLOEXEC) != 0) return 1;
      auto holder = weft::spawn([&] {
        const std::lock_guard<weft::mutex> hold(busy);
        never.wait();
      });
      auto ended = weft::spawn([] {});
      ended.join();
      const auto here = weft::this_loop();
      const int status = forked([&, &stream = stream] {
        char byte = 0;
        const std::pair<const char*, std::function<void()>> all[] = {
            {"await_sleep", [] { weft::await_sleep(1h); }},
            {"yield", [] { weft::yield(); }},
            {"checkpoint", [] { weft::checkpoint(); }},
            {"spawn", [] { static_cast<void>(weft::spawn([] {})); }},
            {"spawn({name})", [] { static_cast<void>(weft::spawn({"named"}, [] {})); }},
            {"event", [&] { never.wait(); }},
            {"event, with time", [&] { never.wait_for(1h); }},
            {"channel", [&] { empty.recv(); }},
            {"mutex", [&] { busy.lock(); }},
            {"semaphore", [&] { none.acquire(); }},
            {"future", [&] { future.get(); }},
            {"join", [&] { holder.join(); }},
            {"join_until", [&] { holder.join_until(weft::now() + 1h); }},
            {"get", [&] { holder.get(); }},
            {"cancel", [&] { holder.cancel(); }},
            {"on_done", [&] { holder.on_done([] {}); }},
            {"post", [&] { here.post([] {}); }},
            {"call", [&] { static_cast<void>(here.call([] {})); }},
            {"stream", [&] { stream.read_some(&byte, 1); }},
            {"descriptor", [&] { weft::wait_readable(ends[0]); }},
            {"to_thread", [] { weft::to_thread([] {}); }},
            {"gather", [] { weft::gather([] {}, [] {}); }},
            {"group", [] { weft::with_task_group([](weft::task_group& g) { g.spawn([] {}); }); }},
            {"timeout", [] { weft::with_timeout(1h, [] { weft::await_sleep(1min); }); }},
            {"shielded", [] { weft::shielded(1h, [] { weft::await_sleep(1min); }); }},
            {"run", [] { weft::run([] {}); }},
        };
        for (const auto& [what, f] : all) {
          if (!is_refused(what, f)) return 2;
        }
        ended = {};  // gives a record back, which no spawn is to find
        return is_refused("spawn, later", [] { static_cast<void>(weft::spawn([] {})); }) ? 0 : 3;
      });
      close(ends[0]);
      close(ends[1]);
      never.set();
      holder.join();
      return status;
    });
  });
  CHECK(end.output == "");
  CHECK(end.status == 0);
}

TEST_CASE("H13: what a child is told names the fiber and the wait") {
  const auto end = run_child([] {
    return weft::run([] {
      return forked([] {
        try {
          weft::await_sleep(1h);
        } catch (const std::logic_error& error) {
          std::fprintf(stderr, "%s", error.what());
        }
        return 0;
      });
    });
  });
  CHECK(end.output == "weft: fiber 1 'main' would wait " + refusal);
}

TEST_CASE("H13: what does not wait works in a child as ever") {
  const auto end = run_child([] {
    return weft::run([] {
             weft::channel<int> some(1);
             weft::mutex free;
             weft::event event;
             auto ended = weft::spawn([] { return 5; });
             ended.join();
             return forked([&] {
               for (int i = 0; i < 1000; ++i) {  // more than a budget
                 some.send(i);
                 if (some.recv() != i) return 1;
                 const std::lock_guard<weft::mutex> hold(free);
               }
               event.set();
               event.wait();
               return ended.done() ? ended.get() : 2;
             });
           }) == 5
               ? 0
               : 1;
  });
  CHECK(end.output == "");
  CHECK(end.status == 0);
}

TEST_CASE("H13: a child that lets a fiber end, or must wait, dies with the same words") {
  if (weft_tests::is_emulated()) WEFT_SKIP(weft_tests::no_signals_to_emulators);
  const auto ends = run_child([] {
    return weft::run([] {
      auto forker = weft::spawn({"forker"}, [] {
        const pid_t process = fork();
        if (process == 0) {
          alarm(5);  // should it run on
          return 0;
        }
        int how = 0;
        waitpid(process, &how, 0);
        return WIFSIGNALED(how) && WTERMSIG(how) == SIGABRT ? 6 : 1;
      });
      auto other = weft::spawn([] { weft::yield(); });
      other.join();
      return forker.get();
    });
  });
  CHECK(ends.status == 6);
  CHECK(ends.output == "weft: fiber 2 'forker' ended " + refusal + "\n");

  const auto waits = run_child([] {
    return weft::run([] {
      return forked([] {
        struct at_end {
          ~at_end() { weft::await_sleep(1h); }
        };
        try {
          const at_end sleeps;
          throw std::runtime_error("on its way");
        } catch (const std::runtime_error&) {
          return 0;
        }
      });
    });
  });
  CHECK(waits.status == 128 + SIGABRT);
  CHECK(waits.says("weft: fiber 1 'main' would have to wait in sleep " + refusal));
}

TEST_CASE("H13: a child's main may return, and leaves the parent's tasks alone") {
  const auto end = run_child([] {
    int unwound = 0;
    bool is_child = false;
    const int result = weft::run([&] {
      auto task = weft::spawn([&] {
        try {
          weft::await_sleep(1h);
        } catch (const weft::cancelled&) {
          ++unwound;
          throw;
        }
      });
      weft::yield();
      const pid_t process = fork();
      if (process == 0) {
        is_child = true;
        return 5;
      }
      int how = 0;
      waitpid(process, &how, 0);
      return WEXITSTATUS(how);
    });
    if (is_child) _exit(unwound == 0 ? result : 1);
    return result == 5 && unwound == 1 ? 0 : 1;
  });
  CHECK(end.output == "");
  CHECK(end.status == 0);
}
