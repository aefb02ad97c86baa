// SPDX-License-Identifier: BSL-1.0
// One listening socket for several loops: no connection is lost, and none wakes all of them.
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <ostream>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "io/errors_of.hpp"
#include "loop/epoll_poller.hpp"
#include "loop/shared_watch.hpp"
#include "support/build_kind.hpp"
#include "support/no_leaks.hpp"
#include "weft/background_loop.hpp"
#include "weft/local_socket.hpp"
#include "weft/pipe.hpp"
#include "weft/spawn.hpp"
#include "weft/tcp.hpp"
#include "weft/this_fiber.hpp"

using namespace std::chrono_literals;
using weft::endpoint;
using weft::spawn;
using weft::tcp_listener;
using weft::tcp_stream;
using weft_tests::code_of;
using weft_tests::no_leaks;

namespace {

// Notes who is registered, in order; nothing ever happens.
class noting_poller final : public weft::detail::poller {
 public:
  void wait(weft::duration) noexcept override {}
  long watch(int, weft::detail::descriptor_slot&) noexcept override { return 0; }
  long watch_once(int, weft::detail::descriptor_slot&, short) noexcept override { return 0; }
  bool is_watched(int, weft::detail::descriptor_slot&, short) noexcept override { return true; }
  long watch_shared(int fd, std::uint32_t) noexcept override {
    if (refuses) return -ENOMEM;
    looked_at.push_back(fd);
    return 0;
  }
  void abandon() noexcept override {}
  void renew(int) override {}
  int descriptor() const noexcept override { return -1; }
  void unwatch(int fd) noexcept override { left.push_back(fd); }

  bool refuses = false;
  std::vector<int> looked_at;
  std::vector<int> left;
};

// A thread that sleeps in epoll_wait, registered for a descriptor.
class sleeper {
 public:
  explicit sleeper(const weft::file_descriptor& at)
      : bell_(::eventfd(0, EFD_CLOEXEC)), kernel_(bell_.native_handle()) {
    REQUIRE(kernel_.watch_shared(at.native_handle(), weft::detail::descriptor_table::next_id()) ==
            0);
    thread_ = std::thread([this] {
      tid_ = ::gettid();
      kernel_.wait(weft::duration::max());
      is_awake = true;
    });
  }
  ~sleeper() {
    const std::uint64_t ring = 1;
    CHECK(::write(bell_.native_handle(), &ring, sizeof ring) == sizeof ring);
    thread_.join();
  }

  // Waits until it does: from `tid_` on it sleeps nowhere else. Source: proc(5), stat.
  void await_sleep() const {
    for (char state = 'R'; state != 'S'; std::this_thread::yield()) {
      if (tid_ == 0) continue;
      std::string text;
      std::getline(std::ifstream("/proc/self/task/" + std::to_string(tid_) + "/stat"), text);
      state = text.at(text.rfind(')') + 2);
    }
  }

  std::atomic<bool> is_awake{false};

 private:
  std::atomic<pid_t> tid_{0};
  weft::file_descriptor bell_;
  weft::detail::epoll_poller kernel_;
  std::thread thread_;
};

}  // namespace

TEST_CASE_FIXTURE(no_leaks, "a connection wakes one of the loops that sleep, and not all") {
  tcp_listener listener = tcp_listener::bind(endpoint::loopback_ipv4(0));
  const tcp_listener shares[] = {listener.share(), listener.share(), listener.share()};
  {
    sleeper a(shares[0]);
    sleeper b(shares[1]);
    sleeper c(shares[2]);
    for (const sleeper* const one : {&a, &b, &c}) one->await_sleep();
    const tcp_stream to = tcp_stream::connect(listener.local_endpoint());
    while (!a.is_awake && !b.is_awake && !c.is_awake) std::this_thread::yield();
    std::this_thread::sleep_for(20ms);  // for those who would come, too
    CHECK(a.is_awake + b.is_awake + c.is_awake == 1);
  }
}

TEST_CASE_FIXTURE(no_leaks, "accepts that are cancelled on one loop lose nothing for the other") {
  weft::background_loop other;
  run([&] {
    tcp_listener listener = tcp_listener::bind(endpoint::loopback_ipv4(0));
    const endpoint at = listener.local_endpoint();
    constexpr int rounds = weft_tests::scaled(300, 50);
    std::atomic<int> taken{0};
    std::atomic<bool> is_over{false};
    auto there = other.ref().call([&, own = listener.share()]() mutable {
      while (!is_over) {
        auto one = spawn([&] {
          own.accept();
          ++taken;
        });
        weft::yield();
        weft::await_sleep(200us);  // the real clock: loops and kernel race
        one.cancel();
      }
    });
    auto here = spawn([&] {
      for (;;) {
        listener.accept();
        ++taken;
      }
    });
    for (int i = 1; i <= rounds; ++i) {
      const tcp_stream to = tcp_stream::connect(at);
      while (taken < i) weft::await_sleep(50us);  // a lost one hangs here
    }
    CHECK(taken == rounds);
    is_over = true;
    there.get();
  });
}

TEST_CASE_FIXTURE(no_leaks, "shares of a listener are closed one by one, with who waits there") {
  run([] {
    tcp_listener first = tcp_listener::bind(endpoint::loopback_ipv4(0));
    const endpoint at = first.local_endpoint();
    auto before = spawn([&] { return first.accept(); });  // it waits as the only one
    weft::yield();
    tcp_listener second = first.share();
    CHECK(second.local_endpoint() == at);
    auto waits = spawn([&] { return code_of([&] { second.accept(); }); });
    weft::yield();
    CHECK(code_of([&] { second.accept(); }) == EEXIST);
    tcp_listener third = second.share();
    second.close();
    CHECK(waits.get() == EBADF);
    const tcp_stream to = tcp_stream::connect(at);
    CHECK(before.get().remote_endpoint() == to.local_endpoint());
    first.close();
    auto last = spawn([&] { return third.accept(); });
    weft::yield();
    const tcp_stream next = tcp_stream::connect(at);
    CHECK(last.get().remote_endpoint() == next.local_endpoint());
    tcp_listener moved = std::move(third);
    moved.close();
    std::error_code refused;
    tcp_stream::connect(at, refused);
    CHECK(refused == std::errc::connection_refused);
    CHECK(code_of([&] { moved.share(); }) == EBADF);
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "H26: a number that is closed is registered by no other thread any more") {
  weft::background_loop other;
  run(weft_tests::unwatched(), [&] {
    tcp_listener listener = tcp_listener::bind(endpoint::loopback_ipv4(0));
    tcp_listener share = listener.share();
    auto waits = spawn([&] { return code_of([&] { listener.accept(); }); });
    weft::yield();
    std::atomic<int> step{0};
    auto there = other.ref().call([&, own = std::move(share)]() mutable {
      auto one = spawn([&] { own.accept(); });
      weft::yield();
      step = 1;
      while (step == 1) weft::await_sleep(100us);
      one.cancel();
      one.join();  // passes on to the longest waiter
      step = 3;
    });
    while (step == 0) weft::await_sleep(100us);
    const int number = listener.native_handle();
    listener.close();
    auto ends = weft::make_pipe();
    REQUIRE(ends.reader.native_handle() == number);
    step = 2;
    while (step == 2) std::this_thread::yield();  // who waited has not run since
    auto writes = spawn([&] { ends.writer.write_all("x"); });
    char byte = 0;
    CHECK(ends.reader.read_some(&byte, 1) == 1);
    CHECK(waits.get() == EBADF);
    there.get();
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "a shared listener may be waited for by a plain thread, and be a Unix one") {
  const endpoint at = endpoint::local("@weft-shared-test-" + std::to_string(::getpid()));
  weft::unix_listener listener = weft::unix_listener::bind(at);
  weft::unix_listener own = listener.share();
  listener.close();
  std::thread other([&] { weft::unix_stream::connect(at).write_all("x"); });
  weft::unix_stream taken = own.accept();
  char byte = 0;
  CHECK(taken.read_some(&byte, 1) == 1);
  other.join();
}

TEST_CASE(
    "who was woken and takes nothing passes it on to the longest waiter, which then is last") {
  noting_poller a;
  noting_poller b;
  weft::detail::shared_watch watch;
  weft::detail::shared_watch_member one(watch, a, 1, 11);
  weft::detail::shared_watch_member two(watch, b, 2, 22);
  weft::detail::shared_watch_member three(watch, b, 3, 33);
  watch.pass_on();  // to nobody
  for (auto* const member : {&one, &two, &three}) CHECK(watch.enter(*member) == 0);
  CHECK(b.looked_at == std::vector<int>{2, 3});
  watch.leave(one);
  watch.leave(one);
  CHECK(a.left == std::vector<int>{1});
  watch.pass_on();
  CHECK(a.looked_at == std::vector<int>{1});
  CHECK(b.left == std::vector<int>{2});
  CHECK(b.looked_at == std::vector<int>{2, 3, 2});
  a.refuses = true;
  CHECK(watch.enter(one) == -ENOMEM);
  watch.leave(one);
  watch.leave(two);
  watch.leave(three);
  CHECK(a.left == std::vector<int>{1});
}
