// SPDX-License-Identifier: BSL-1.0
// Lock, Event, Condition, Semaphore, Barrier: the ports of locks.py. weft's have the standard's
// interfaces: a condition variable is given its lock, a barrier's wait is arrive_and_wait().
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "asyncio/pair.hpp"
#include "weft/barrier.hpp"
#include "weft/condition_variable.hpp"
#include "weft/event.hpp"
#include "weft/gather.hpp"
#include "weft/mutex.hpp"
#include "weft/semaphore.hpp"
#include "weft/spawn.hpp"
#include "weft/task.hpp"

using namespace weft_tests;
using weft::await_sleep;
using weft::spawn;
using weft::task;
using weft::with_timeout;

namespace {

using locked = std::unique_lock<weft::mutex>;

// A task for each letter.
template <class F>
std::vector<task<>> for_each_of(const std::string& letters, F body) {
  std::vector<task<>> tasks;
  for (const char letter : letters) {
    tasks.push_back(spawn([body, name = std::string(1, letter)] { body(name); }));
  }
  return tasks;
}

void join_all(std::vector<task<>>& tasks) {
  for (auto& t : tasks) t.get();
}

}  // namespace

// ---- Lock

PAIR("a lock lets one in after the other, in the order of asking") {
  weft::mutex lock;
  const auto start = weft::now();
  auto tasks = for_each_of("abc", [&](const std::string& name) {
    const locked hold(lock);
    say(name, "in", since(start));
    await_sleep(unit);
  });
  join_all(tasks);
  say(since(start));
}

PAIR("a lock that is released goes to who waited, not to who asks again") {
  weft::mutex lock;
  lock.lock();
  auto t = spawn([&] {
    const locked hold(lock);
    say("waited");
  });
  await_sleep(unit);
  lock.unlock();
  lock.lock();
  say("again");
  lock.unlock();
  t.get();
}

PAIR("a lock that nobody holds is not released") {
  weft::mutex lock;
  say(attempt([&] { lock.unlock(); }));
  const locked hold(lock);
  say("in");
}

PAIR("a lock is free after an error inside") {
  weft::mutex lock;
  try {
    const locked hold(lock);
    throw std::out_of_range("key");
  } catch (const std::out_of_range&) {
    say("error");
  }
  const locked hold(lock);
  say("in");
}

// ---- Event

PAIR("an event wakes all who wait, in their order, and stays set") {
  weft::event event;
  auto tasks = for_each_of("abc", [&](const std::string& name) {
    event.wait();
    say(name, "woken");
  });
  await_sleep(unit);
  say(event.is_set());
  event.set();
  say("set", event.is_set());
  join_all(tasks);
  event.wait();
  say("still");
  event.clear();
  say(event.is_set());
}

PAIR("an event that is set and cleared at once wakes who waited") {
  weft::event event;
  const auto wait = [&](const std::string& name) {
    event.wait();
    say(name, "woken");
  };
  auto tasks = for_each_of("ab", wait);
  await_sleep(unit);
  event.set();
  event.clear();
  auto late = spawn([&] { wait("late"); });
  join_all(tasks);
  say(late.done());
  event.set();
  late.get();
}

PAIR("an event can be waited for until a time") {
  weft::event event;
  const auto start = weft::now();
  const auto wait = [&] { with_timeout(2 * unit, [&] { event.wait(); }); };
  say(attempt(wait));
  say(since(start));
  event.set();
  say(attempt(wait) != "time is up");
  say(since(start));
}

PAIR("an event: who is cancelled while waiting leaves the others alone") {
  weft::event event;
  auto tasks = for_each_of("ab", [&](const std::string& name) {
    event.wait();
    say(name, "woken");
  });
  await_sleep(unit);
  tasks[0].cancel();
  await_sleep(unit);
  event.set();
  say(attempt([&] { tasks[0].get(); }));
  tasks[1].get();
}

// ---- Condition

PAIR("a condition wakes as many as it is told, in their order") {
  weft::mutex lock;
  weft::condition_variable condition;
  auto tasks = for_each_of("abcd", [&](const std::string& name) {
    locked hold(lock);
    condition.wait(hold);
    say(name, "woken");
  });
  await_sleep(unit);
  {
    const locked hold(lock);
    condition.notify_one();
    condition.notify_one();
  }
  await_sleep(unit);
  say("two");
  {
    const locked hold(lock);
    condition.notify_all();
  }
  join_all(tasks);
}

PAIR("a condition with a predicate looks again at each notify") {
  weft::mutex lock;
  weft::condition_variable condition;
  int count = 0;
  int looks = 0;
  auto t = spawn([&] {
    locked hold(lock);
    condition.wait(hold, [&] {
      ++looks;
      return count >= 2;
    });
    say("enough", count);
  });
  for (int i = 0; i < 2; ++i) {
    await_sleep(unit);
    const locked hold(lock);
    ++count;
    condition.notify_all();
  }
  t.get();
  say(looks);
}

PAIR("a cancelled wait for a condition has the lock again first") {
  weft::mutex lock;
  weft::condition_variable condition;
  auto t = spawn([&] {
    locked hold(lock);
    try {
      condition.wait(hold);
    } catch (const weft::cancelled&) {
      say("cancelled with the lock", hold.owns_lock());
      throw;
    }
  });
  await_sleep(unit);
  lock.lock();
  t.cancel();
  await_sleep(unit);
  say("not yet", t.done());
  lock.unlock();
  say(attempt([&] { t.get(); }));
}

PAIR("a condition is not waited for without its lock") {
  weft::mutex lock;
  weft::condition_variable condition;
  say(attempt([&] { condition.wait(lock); }));
}

// ---- Semaphore, BoundedSemaphore

PAIR("a semaphore lets in as many as it has permits") {
  weft::semaphore semaphore(2);
  const auto start = weft::now();
  auto tasks = for_each_of("abcde", [&](const std::string& name) {
    semaphore.acquire();
    say(name, "in", since(start));
    await_sleep(unit);
    semaphore.release();
  });
  join_all(tasks);
  say(since(start));
}

PAIR("a semaphore: who comes later does not overtake who waits") {
  weft::semaphore semaphore(1);
  const auto enter = [&](const std::string& name) {
    semaphore.acquire();
    say(name);
    semaphore.release();
  };
  semaphore.acquire();
  auto tasks = for_each_of("ab", enter);
  await_sleep(unit);
  semaphore.release();
  enter("late");
  join_all(tasks);
}

PAIR("a semaphore: a permit is not lost to a cancelled waiter") {
  weft::semaphore semaphore(0);
  auto tasks = for_each_of("ab", [&](const std::string& name) {
    semaphore.acquire();
    say(name);
  });
  await_sleep(unit);
  tasks[0].cancel();
  semaphore.release();
  say(attempt([&] { tasks[0].get(); }));
  tasks[1].get();
}

PAIR("a semaphore may be released more often than it was acquired") {
  weft::semaphore semaphore(1);
  semaphore.release();
  semaphore.acquire();
  semaphore.acquire();
  say("two");
}

PAIR("a bounded semaphore is not released more often than it was acquired") {
  weft::bounded_semaphore semaphore(1);
  say(attempt([&] { semaphore.release(); }));
  semaphore.acquire();
  say(attempt([&] { semaphore.release(); }));
}

// ---- Barrier

namespace {

task<> meet(weft::barrier<>& barrier, const char* name) {
  return spawn([&barrier, name] {
    try {
      say(name, barrier.arrive_and_wait());
    } catch (const weft::broken_barrier&) {
      say(name, "broken");
    }
  });
}

// The numbers of so many who meet.
std::vector<std::size_t> numbers_of(weft::barrier<>& barrier, int parties) {
  std::vector<task<std::size_t>> tasks;
  for (int i = 0; i < parties; ++i) {
    tasks.push_back(spawn([&] { return barrier.arrive_and_wait(); }));
  }
  auto numbers = weft::gather(tasks);
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

}  // namespace

PAIR("a barrier lets all go on when all are there, each with a number") {
  weft::barrier barrier(3);
  std::vector<std::size_t> numbers;
  std::vector<task<>> tasks;
  for (int after = 0; after < 3; ++after) {
    tasks.push_back(spawn([&, after] {
      await_sleep(after * unit);
      numbers.push_back(barrier.arrive_and_wait());
    }));
  }
  await_sleep(std::chrono::milliseconds(500));  // half a unit
  say(barrier.waiting(), barrier.parties(), barrier.is_broken());
  join_all(tasks);
  std::sort(numbers.begin(), numbers.end());
  say(numbers, barrier.waiting());
}

PAIR("a barrier is used again, and its rounds do not mix") {
  weft::barrier barrier(2);
  int left = 0;
  std::size_t arrived_meanwhile = 0;
  auto tasks = for_each_of("abcd", [&](const std::string&) {
    for (int i = 0; i < 3; ++i) {
      barrier.arrive_and_wait();
      ++left;
      arrived_meanwhile += barrier.waiting();
    }
  });
  join_all(tasks);
  say(left, arrived_meanwhile);
}

PAIR("a barrier that is aborted is broken for all, until a reset") {
  weft::barrier barrier(3);
  auto a = meet(barrier, "a");
  auto b = meet(barrier, "b");
  await_sleep(unit);
  barrier.abort();
  a.get();
  b.get();
  say(barrier.is_broken(), barrier.waiting());
  say(attempt([&] { return barrier.arrive_and_wait(); }));
  barrier.reset();
  say(barrier.is_broken());
  say(numbers_of(barrier, 3));
}

PAIR("a barrier that is reset throws out who waits, and begins anew") {
  weft::barrier barrier(2);
  auto a = meet(barrier, "a");
  await_sleep(unit);
  barrier.reset();
  a.get();
  say(barrier.is_broken());
  say(numbers_of(barrier, 2));
}

PAIR("a barrier: who is cancelled while waiting has not arrived") {
  weft::barrier barrier(2);
  auto a = spawn([&] { return barrier.arrive_and_wait(); });
  await_sleep(unit);
  say(barrier.waiting());
  a.cancel();
  say(attempt([&] { return a.get(); }));
  say(barrier.waiting(), barrier.is_broken());
  say(attempt([&] { return with_timeout(unit, [&] { return barrier.arrive_and_wait(); }); }));
  say(numbers_of(barrier, 2));
}

PAIR("a barrier: an arrival whose cancel is under way counts for its round") {
  weft::barrier barrier(2);
  auto a = spawn([&] { return barrier.arrive_and_wait(); });
  await_sleep(unit);
  a.cancel();
  barrier.arrive_and_wait();
  say("passed");
  say(attempt([&] { return a.get(); }));
  say(barrier.waiting(), barrier.is_broken());
}
