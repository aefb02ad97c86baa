// SPDX-License-Identifier: BSL-1.0
// wait and as_completed: the ports of wait.py. weft's wait() gives places in the range, asyncio's
// gives sets of tasks; the pairs compare names.
#include <cstddef>
#include <exception>
#include <string>
#include <vector>

#include "asyncio/pair.hpp"
#include "weft/cancel_scope.hpp"
#include "weft/spawn.hpp"
#include "weft/task.hpp"
#include "weft/wait.hpp"

using namespace weft_tests;
using weft::as_completed;
using weft::await_sleep;
using weft::spawn;
using weft::task;
using weft::until;
using weft::wait;

namespace {

using tasks_of_int = std::vector<task<int>>;

std::vector<std::string> names(const tasks_of_int& tasks, const std::vector<std::size_t>& places) {
  std::vector<std::string> result;
  for (const std::size_t i : places) result.emplace_back(tasks[i].name());
  return result;
}

void say_names(const tasks_of_int& tasks, const weft::wait_result& so_far) {
  say(names(tasks, so_far.done), names(tasks, so_far.pending));
}

tasks_of_int three() {
  tasks_of_int tasks;
  tasks.push_back(spawn({"a"}, value(0, 3)));
  tasks.push_back(spawn({"b"}, value(1, 1)));
  tasks.push_back(spawn({"c"}, value(2, 2)));
  return tasks;
}

std::vector<int> results(tasks_of_int& tasks) {
  std::vector<int> all;
  for (auto& t : tasks) all.push_back(t.get());
  return all;
}

std::vector<bool> were_cancelled(const tasks_of_int& tasks) {
  std::vector<bool> all;
  for (const auto& t : tasks) all.push_back(t.was_cancelled());
  return all;
}

// A sleep that is no whole number of units.
template <class F>
void after_halves(int halves, F f) {
  spawn([=] {
    await_sleep(halves * unit / 2);
    f();
  }).detach();
}

}  // namespace

PAIR("wait returns when all are done") {
  auto tasks = three();
  const auto start = weft::now();
  say_names(tasks, wait(tasks));
  say(since(start));
}

PAIR("wait for the first returns with the first") {
  auto tasks = three();
  say_names(tasks, wait(tasks, until::first_completed));
  wait(tasks);
  say(results(tasks));
}

PAIR("wait for the first: a failed one is done, too") {
  auto tasks = three();
  tasks.push_back(spawn({"d"}, fail("boom")));
  const auto so_far = wait(tasks, until::first_completed);
  say_names(tasks, so_far);
  std::vector<std::exception_ptr> errors;
  for (const std::size_t i : so_far.done) errors.push_back(tasks[i].exception());
  say(errors);
  wait(tasks);
}

PAIR("wait for the first error returns with it") {
  auto tasks = three();
  tasks.push_back(spawn({"d"}, fail("boom", 2)));
  const auto start = weft::now();
  say_names(tasks, wait(tasks, until::first_exception));
  say(since(start), tasks[3].exception());
  wait(tasks);
}

PAIR("wait for the first error: without one, for all") {
  auto tasks = three();
  const auto start = weft::now();
  say_names(tasks, wait(tasks, until::first_exception));
  say(since(start));
}

PAIR("wait for the first error: a cancelled one is none") {
  auto tasks = three();
  after_halves(3, [&] { tasks[0].cancel(); });
  const auto start = weft::now();
  say_names(tasks, wait(tasks, until::first_exception));
  say(since(start), tasks[0].was_cancelled());
}

PAIR("wait with a timeout neither fails nor cancels") {
  auto tasks = three();
  say_names(tasks, wait(tasks, until::all_completed, 1.5 * unit));
  wait(tasks);
  say(results(tasks));
}

PAIR("wait with a timeout that is not needed") {
  auto tasks = three();
  const auto start = weft::now();
  say_names(tasks, wait(tasks, until::all_completed, 50 * unit));
  say(since(start));
}

PAIR("wait with a timeout of zero tells how things stand") {
  auto tasks = three();
  await_sleep(1.5 * unit);
  const auto start = weft::now();
  say_names(tasks, wait(tasks, until::all_completed, 0 * unit));
  say(since(start));
}

PAIR("wait with a timeout of zero on tasks that have not begun") {
  const auto body = [] {
    say("begins");
    await_sleep(1 * unit);
    return 0;
  };
  tasks_of_int tasks;
  for (const char* name : {"a", "b"}) tasks.push_back(spawn({name}, body));
  say_names(tasks, wait(tasks, until::all_completed, 0 * unit));
  wait(tasks);
}

PAIR("wait on what has ended returns at once") {
  auto tasks = three();
  await_sleep(4 * unit);
  const auto start = weft::now();
  say_names(tasks, wait(tasks));
  say(since(start));
}

PAIR("a cancelled wait leaves its tasks running") {
  std::vector<task<>> tasks;
  tasks.push_back(spawn(sleeper("a", 2)));
  tasks.push_back(spawn(sleeper("b", 3)));
  auto w = spawn([&] { wait(tasks); });
  await_sleep(1 * unit);
  w.cancel();
  say(attempt([&] { w.get(); }));
  wait(tasks);
}

PAIR("wait raises no error of its tasks") {
  tasks_of_int tasks;
  tasks.push_back(spawn(fail("boom")));
  wait(tasks);
  say("no error");
  say(tasks[0].exception());
}

PAIR("as_completed gives results as they come") {
  const auto start = weft::now();
  auto tasks = three();
  for (auto& next_one : as_completed(tasks)) {
    say(next_one.get());
    say(since(start));
  }
}

PAIR("as_completed: an error comes in its turn and ends nothing") {
  auto tasks = three();
  tasks.push_back(spawn([]() -> int {
    await_sleep(1.5 * unit);
    throw failure("boom");
  }));
  for (auto& next_one : as_completed(tasks)) say(attempt([&] { return next_one.get(); }));
}

PAIR("as_completed: a cancelled task comes in its turn") {
  auto tasks = three();
  after_halves(3, [&] { tasks[0].cancel(); });
  for (auto& next_one : as_completed(tasks)) say(attempt([&] { return next_one.get(); }));
}

PAIR("as_completed with a timeout gives what came in time, and cancels nothing") {
  auto tasks = three();
  try {
    weft::with_timeout(2.5 * unit, [&] {
      for (auto& next_one : as_completed(tasks)) say(next_one.get());
    });
  } catch (const weft::timeout_error&) {
    say("time is up");
  }
  wait(tasks);
  say(were_cancelled(tasks));
}

PAIR("as_completed that is left early cancels nothing") {
  auto tasks = three();
  for (auto& next_one : as_completed(tasks)) {
    say(next_one.get());
    break;
  }
  wait(tasks);
  say(were_cancelled(tasks));
}

PAIR("as_completed of nothing is over at once") {
  tasks_of_int none;
  for ([[maybe_unused]] auto& next_one : as_completed(none)) say("never");
  say("over");
}
