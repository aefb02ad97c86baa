// SPDX-License-Identifier: BSL-1.0
// lazy between the fibers of one loop: who makes the value, who waits, what an exception leaves.
#include "weft/lazy.hpp"

#include <chrono>
#include <csignal>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/child.hpp"
#include "sync/kinds.hpp"
#include "task/on_virtual_time.hpp"
#include "weft/cancel_scope.hpp"
#include "weft/spawn.hpp"

using namespace std::chrono_literals;
using weft::await_sleep;
using weft::spawn;
using weft_tests::any_thread;
using weft_tests::counted;
using weft_tests::on_virtual_time;
using weft_tests::one_loop;

TEST_CASE_TEMPLATE("lazy: made on first use, once, and others wait for it", Kind, any_thread,
                   one_loop) {
  on_virtual_time().run([] {
    int made = 0;
    typename Kind::template lazy<std::string> text([&] {
      await_sleep(1s);
      ++made;
      return std::string("made");
    });
    CHECK(text.try_get() == nullptr);
    std::vector<weft::task<std::string*>> tasks;
    for (int i = 0; i < 5; ++i) tasks.push_back(spawn([&] { return &text.get(); }));
    const auto start = weft::now();
    for (auto& t : tasks) CHECK(t.get() == &text.get());
    CHECK(weft::now() == start + 1s);
    CHECK(text.try_get() == &text.get());
    CHECK(made == 1);
    CHECK(*text == "made");
    CHECK(text->size() == 4);
  });
}

TEST_CASE_TEMPLATE("lazy: an exception lets the next caller try", Kind, any_thread, one_loop) {
  on_virtual_time().run([] {
    int tries = 0;
    typename Kind::template lazy<int> number([&] {
      await_sleep(1s);
      if (++tries < 3) throw std::runtime_error("no luck");
      return tries;
    });
    std::vector<weft::task<int>> tasks;
    for (int i = 0; i < 4; ++i) tasks.push_back(spawn([&] { return number.get(); }));
    CHECK_THROWS_AS(tasks[0].get(), std::runtime_error);
    CHECK_THROWS_AS(tasks[1].get(), std::runtime_error);
    CHECK(tasks[2].get() == 3);
    CHECK(tasks[3].get() == 3);
    CHECK(tries == 3);
  });
}

TEST_CASE_TEMPLATE("lazy: a cancelled maker lets the next one try; a cancelled waiter leaves", Kind,
                   any_thread, one_loop) {
  on_virtual_time().run([] {
    int begun = 0;
    typename Kind::template lazy<int> number([&] {
      ++begun;
      await_sleep(1s);
      return begun;
    });
    auto maker = spawn([&] { return number.get(); });
    auto leaves = spawn([&] { return number.get(); });
    auto stays = spawn([&] { return number.get(); });
    weft::yield();
    leaves.cancel();
    maker.cancel();
    CHECK(stays.get() == 2);
    maker.join();
    leaves.join();
    CHECK(maker.was_cancelled());
    CHECK(leaves.was_cancelled());
    CHECK(begun == 2);
  });
}

TEST_CASE_TEMPLATE("lazy: a factory that asks for its own value is misuse, not a hang", Kind,
                   any_thread, one_loop) {
  on_virtual_time().run([] {
    typename Kind::template lazy<int>* self = nullptr;
    typename Kind::template lazy<int> number([&] { return self->get() + 1; });
    self = &number;
    std::string text;
    try {
      number.get();
    } catch (const std::logic_error& e) {
      text = e.what();
    }
    CHECK(text.find("lazy::get() was called by fiber 1 'main' inside the function") !=
          std::string::npos);
  });
}

TEST_CASE_TEMPLATE("lazy: made, it neither waits, throws nor yields", Kind, any_thread, one_loop) {
  on_virtual_time().run([] {
    typename Kind::template lazy<int> number([] { return 5; });
    CHECK(number.get() == 5);
    bool other_ran = false;
    auto other = spawn([&] { other_ran = true; });
    weft::cancel_scope scope;
    int sum = 0;
    weft::with_scope(scope, [&] {
      scope.cancel();
      for (int i = 0; i < 1000; ++i) sum += number.get();
    });
    CHECK(sum == 5000);
    CHECK_FALSE(other_ran);
    other.get();
  });
}

TEST_CASE_TEMPLATE("lazy: holds what can neither be copied nor moved, and destroys all of it", Kind,
                   any_thread, one_loop) {
  on_virtual_time().run([] {
    struct fixed {
      std::mutex stays;
      counted one;
    };
    const auto before = counted::alive();
    {
      typename Kind::template lazy<fixed> thing(
          [own = std::make_unique<counted>()] { return fixed(); });
      CHECK(counted::alive() == before + 1);  // the factory's
      thing.get();
      CHECK(counted::alive() == before + 1);  // the value's: the factory is gone
      const typename Kind::template lazy<fixed> never([own = counted()] { return fixed(); });
    }
    CHECK(counted::alive() == before);
  });
}

TEST_CASE("lazy: its type is deduced") {
  weft::lazy number([] { return 5; });
  weft::local::lazy text([] { return std::string("x"); });
  static_assert(std::is_same_v<decltype(number), weft::lazy<int>>);
  static_assert(std::is_same_v<decltype(text), weft::local::lazy<std::string>>);
  CHECK(number.get() == 5);  // sem 80: on a plain thread, too
  CHECK(text.get() == "x");
}

TEST_CASE("lazy: to destroy one that others wait for ends the program") {
  const auto end = weft_tests::run_child([] {
    weft::run([] {
      auto number = std::make_unique<weft::lazy<int>>([] {
        await_sleep(1h);
        return 5;
      });
      auto makes = spawn([&] { number->get(); });
      auto waits = spawn([&] { number->get(); });
      weft::yield();
      number.reset();
    });
    return 0;
  });
  CHECK(end.signal == SIGABRT);
  CHECK(end.says("nobody waits on it any more"));
}
