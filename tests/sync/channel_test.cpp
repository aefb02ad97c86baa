// SPDX-License-Identifier: BSL-1.0
// Channels between the fibers of one loop: order, rendezvous, close, cancellation, deadlines. Each
// for the kind that is safe between threads and for the local one.
#include "weft/channel.hpp"

#include <chrono>
#include <csignal>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/child.hpp"
#include "sync/kinds.hpp"
#include "task/on_virtual_time.hpp"
#include "weft/cancel_scope.hpp"
#include "weft/errors.hpp"
#include "weft/run.hpp"
#include "weft/spawn.hpp"

using namespace std::chrono_literals;
using weft::await_sleep;
using weft::spawn;
using weft_tests::any_thread;
using weft_tests::on_virtual_time;
using weft_tests::one_loop;

namespace {

// A channel of each kind, as a type that doctest can name.
using handle = std::unique_ptr<int>;

}  // namespace

TEST_CASE_TEMPLATE("channel: values come out in the order in which they went in", Kind, any_thread,
                   one_loop) {
  for (const std::size_t capacity : {0U, 1U, 3U, 100U}) {
    on_virtual_time().run([&] {
      typename Kind::template channel<int> ch(capacity);
      CHECK(ch.capacity() == capacity);
      auto sends = spawn([&] {
        for (int i = 0; i < 50; ++i) ch.send(i);
        ch.close();
      });
      std::vector<int> got;
      for (const int& value : ch) got.push_back(value);
      sends.get();
      REQUIRE(got.size() == 50);
      for (int i = 0; i < 50; ++i) CHECK(got[static_cast<std::size_t>(i)] == i);
      CHECK_FALSE(ch.recv().has_value());
    });
  }
}

TEST_CASE_TEMPLATE("sem 63: with capacity 0, send returns only after a receiver took the value",
                   Kind, any_thread, one_loop) {
  on_virtual_time().run([] {
    typename Kind::template channel<handle> ch;
    bool is_sent = false;
    auto sends = spawn([&] {
      ch.send(std::make_unique<int>(7));
      is_sent = true;
    });
    await_sleep(1h);
    CHECK_FALSE(is_sent);
    CHECK(ch.size() == 0);
    auto got = ch.recv();
    REQUIRE(got.has_value());
    CHECK(**got == 7);
    sends.get();
    CHECK(is_sent);
  });
}

TEST_CASE_TEMPLATE("channel: send parks while it is full, and who came first goes in first", Kind,
                   any_thread, one_loop) {
  on_virtual_time().run([] {
    typename Kind::template channel<handle> ch(2);
    std::vector<weft::task<>> senders;
    for (int i = 0; i < 6; ++i) {
      senders.push_back(spawn([&, i] { ch.send(std::make_unique<int>(i)); }));
    }
    weft::yield();
    CHECK(senders[1].done());
    CHECK_FALSE(senders[2].done());
    CHECK(ch.size() == 2);
    handle extra = std::make_unique<int>(9);
    CHECK_FALSE(ch.try_send(std::move(extra)));
    REQUIRE(extra != nullptr);  // NOLINT(bugprone-use-after-move): untouched
    for (int i = 0; i < 6; ++i) CHECK(**ch.recv() == i);
    for (auto& s : senders) s.get();
    CHECK(ch.try_send(std::move(extra)));
    handle got;
    CHECK(ch.try_recv(got));
    CHECK(*got == 9);
    CHECK_FALSE(ch.try_recv(got));
  });
}

TEST_CASE_TEMPLATE("sem 62: close lets the buffer drain, and a blocked sender keeps its value",
                   Kind, any_thread, one_loop) {
  on_virtual_time().run([] {
    typename Kind::template channel<handle> ch(1);
    ch.send(std::make_unique<int>(1));
    handle mine = std::make_unique<int>(2);
    auto blocked = spawn([&] { CHECK_THROWS_AS(ch.send(std::move(mine)), weft::closed_error); });
    weft::yield();
    ch.close();
    ch.close();
    CHECK(ch.is_closed());
    blocked.get();
    REQUIRE(mine != nullptr);
    CHECK(*mine == 2);
    CHECK_THROWS_AS(ch.send(std::move(mine)), weft::closed_error);
    CHECK_THROWS_AS((void)ch.try_send(std::move(mine)), weft::closed_error);
    CHECK(mine != nullptr);
    CHECK(**ch.recv() == 1);
    CHECK_FALSE(ch.recv().has_value());
    weft::recv_end why = weft::recv_end::value;
    CHECK_FALSE(ch.recv_until(weft::now() + 1h, &why).has_value());
    CHECK(why == weft::recv_end::closed);
  });
}

TEST_CASE_TEMPLATE("channel: close wakes all who wait to receive", Kind, any_thread, one_loop) {
  on_virtual_time().run([] {
    typename Kind::template channel<int> ch;
    int ended = 0;
    std::vector<weft::task<>> receivers;
    for (int i = 0; i < 5; ++i) {
      receivers.push_back(spawn([&] {
        CHECK_FALSE(ch.recv().has_value());
        ++ended;
      }));
    }
    weft::yield();
    ch.close();
    for (auto& r : receivers) r.get();
    CHECK(ended == 5);
  });
}

TEST_CASE_TEMPLATE("sem 64: what was handed to a receiver is its own, though a cancel follows",
                   Kind, any_thread, one_loop) {
  for (const std::size_t capacity : {0U, 2U}) {
    on_virtual_time().run([&] {
      typename Kind::template channel<handle> ch(capacity);
      int got = 0;
      auto receives = spawn([&] {
        auto value = ch.recv();
        got = **value;
        weft::yield();  // here
      });
      weft::yield();
      ch.send(std::make_unique<int>(4));
      receives.cancel();
      receives.join();
      CHECK(got == 4);
      CHECK(receives.was_cancelled());
    });
  }
}

TEST_CASE_TEMPLATE("channel: a receiver that was cancelled before leaves the value to the next",
                   Kind, any_thread, one_loop) {
  on_virtual_time().run([] {
    typename Kind::template channel<handle> ch;
    auto first = spawn([&] { (void)ch.recv(); });
    int got = 0;
    auto second = spawn([&] { got = **ch.recv(); });
    weft::yield();
    first.cancel();
    ch.send(std::make_unique<int>(5));
    second.get();
    first.join();
    CHECK(first.was_cancelled());
    CHECK(got == 5);
  });
}

TEST_CASE_TEMPLATE("channel: a cancelled send leaves its value with the sender", Kind, any_thread,
                   one_loop) {
  on_virtual_time().run([] {
    typename Kind::template channel<handle> ch;
    handle mine = std::make_unique<int>(3);
    auto sends = spawn([&] { ch.send(std::move(mine)); });
    weft::yield();
    sends.cancel();
    sends.join();
    CHECK(sends.was_cancelled());
    REQUIRE(mine != nullptr);
    handle none;
    CHECK_FALSE(ch.try_recv(none));
  });
}

TEST_CASE_TEMPLATE("sem 48: what completes at once neither parks nor throws, in a cancelled scope",
                   Kind, any_thread, one_loop) {
  on_virtual_time().run([] {
    typename Kind::template channel<int> ch(1);
    weft::cancel_scope scope;
    int done = 0;
    weft::with_scope(scope, [&] {
      scope.cancel();
      ch.send(1);
      ++done;
      CHECK(*ch.recv() == 1);
      ++done;
      (void)ch.recv();  // this one would wait
      ++done;
    });
    CHECK(done == 2);
  });
}

TEST_CASE_TEMPLATE("sem 48: a receiver that never waits lets others run all the same", Kind,
                   any_thread, one_loop) {
  on_virtual_time().run([] {
    typename Kind::template channel<int> ch(1000);
    for (int i = 0; i < 1000; ++i) ch.send(i);
    int other_ran = 0;
    auto other = spawn([&] {
      for (;;) {
        ++other_ran;
        weft::yield();
      }
    });
    for (int i = 0; i < 1000; ++i) (void)ch.recv();
    CHECK(other_ran >= 7);
    other.cancel();
  });
}

TEST_CASE_TEMPLATE("channel: deadlines of send and receive", Kind, any_thread, one_loop) {
  on_virtual_time().run([] {
    typename Kind::template channel<handle> ch;
    const auto start = weft::now();
    handle mine = std::make_unique<int>(1);
    CHECK_FALSE(ch.send_until(mine, start + 1s));
    CHECK(weft::now() == start + 1s);
    CHECK(mine != nullptr);
    weft::recv_end why = weft::recv_end::value;
    CHECK_FALSE(ch.recv_until(start + 2s, &why).has_value());
    CHECK(weft::now() == start + 2s);
    CHECK(why == weft::recv_end::timed_out);
    CHECK_FALSE(ch.recv_until(weft::time_point::min(), &why).has_value());
    CHECK(why == weft::recv_end::timed_out);
    CHECK_FALSE(ch.send_until(mine, weft::time_point::min()));
    CHECK(weft::now() == start + 2s);
    auto sends = spawn([&] { CHECK(ch.send_until(mine, weft::time_point::max())); });
    CHECK(**ch.recv_until(start + 3s, &why) == 1);
    CHECK(why == weft::recv_end::value);
    sends.get();
  });
}

TEST_CASE_TEMPLATE(
    "torture 18: sends, receives, deadlines, cancels and close under seeds: sent is "
    "received, each once",
    Kind, any_thread, one_loop) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    on_virtual_time().run_seeded(seed, [seed] {
      typename Kind::template channel<handle> ch(seed % 3);
      std::vector<int> sent(40, 0);
      std::vector<int> received(40, 0);
      std::vector<weft::task<>> tasks;
      for (int s = 0; s < 4; ++s) {
        tasks.push_back(spawn([&, s] {
          for (int i = 0; i < 10; ++i) {
            const int id = s * 10 + i;
            handle value = std::make_unique<int>(id);
            try {
              if (i % 3 == 0 ? ch.send_until(value, weft::now() + 3us)
                             : (ch.send(std::move(value)), true)) {
                ++sent[static_cast<std::size_t>(id)];
              } else {
                CHECK(value != nullptr);
              }
            } catch (const weft::closed_error&) {
              CHECK(value != nullptr);
              return;
            }
            if (i % 4 == 0) await_sleep(1us);
          }
        }));
      }
      for (int r = 0; r < 4; ++r) {
        tasks.push_back(spawn([&, r] {
          for (;;) {
            weft::recv_end why = weft::recv_end::value;
            auto value = r % 2 == 0 ? ch.recv_until(weft::now() + 2us, &why) : ch.recv();
            if (value) {
              ++received[static_cast<std::size_t>(**value)];
            } else if (why != weft::recv_end::timed_out) {
              return;
            }
          }
        }));
      }
      await_sleep(4us);
      tasks[seed % 8].cancel();
      tasks[4].cancel();
      await_sleep(std::chrono::microseconds(seed % 30));
      ch.close();
      for (auto& t : tasks) t.join();
      CHECK(sent == received);
    });
  }
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "make_channel: the last sender closes, and so does the last receiver") {
  run([] {
    auto [tx, rx] = weft::make_channel<handle>(2);
    std::vector<weft::task<>> senders;
    for (int i = 0; i < 3; ++i) {
      senders.push_back(spawn([own = tx, i] { own.send(std::make_unique<int>(i)); }));
    }
    tx.reset();
    CHECK_FALSE(tx.valid());
    CHECK_THROWS_AS(tx.send(nullptr), std::logic_error);
    int sum = 0;
    for (auto& value : rx) sum += *value;  // ends with the last copy
    CHECK(sum == 3);
    for (auto& s : senders) s.get();

    auto [out, in] = weft::make_channel<handle>();
    auto blocked = spawn(
        [&o = out] { CHECK_THROWS_AS(o.send(std::make_unique<int>(1)), weft::closed_error); });
    weft::yield();
    in.reset();
    blocked.get();
  });
}

TEST_CASE("channel: to destroy one that others wait at ends the program") {
  const auto end = weft_tests::run_child([] {
    weft::run([] {
      auto ch = std::make_unique<weft::channel<int>>();
      auto waits = spawn([&] { (void)ch->recv(); });
      weft::yield();
      ch.reset();
    });
    return 0;
  });
  CHECK(end.signal == SIGABRT);
  CHECK(end.says("nobody waits on the channel any more"));
}

TEST_CASE("channel: a local one says so where nobody could ever wake the caller") {
  weft::local::channel<int> ch(1);
  ch.send(1);
  CHECK(*ch.recv() == 1);
  CHECK_THROWS_AS((void)ch.recv(), std::logic_error);
}
