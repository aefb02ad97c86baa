// SPDX-License-Identifier: BSL-1.0
// Generators as objects: values, recursion, sending, throwing in, early ends, iterators, moves.
// Without a loop, as most of this needs none; generator_wait_test.cpp has the rest.
#include <algorithm>
#include <array>
#include <iterator>
#include <memory>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/no_leaks.hpp"
#include "weft/generator.hpp"

using weft::generator;
using weft::yielder;
using weft_tests::counted;
using weft_tests::no_leaks;

namespace {

struct node {
  std::unique_ptr<node> left;
  std::unique_ptr<node> right;
  int value = 0;
};

std::unique_ptr<node> make_tree(int from, int to) {
  if (from == to) return nullptr;
  const int middle = from + (to - from) / 2;
  return std::make_unique<node>(node{make_tree(from, middle), make_tree(middle + 1, to), middle});
}

void walk(const node* n, yielder<int>& out) {
  if (n == nullptr) return;
  walk(n->left.get(), out);
  out(n->value);
  walk(n->right.get(), out);
}

generator<int> count_to(int last) {
  return generator<int>([last](yielder<int>& out) {
    for (int i = 1; i <= last; ++i) out(i);
  });
}

template <class G>
std::vector<int> all_of(G&& from) {
  std::vector<int> all;
  for (int value : from) all.push_back(value);
  return all;
}

}  // namespace

TEST_CASE_FIXTURE(no_leaks, "sem 94: a generator's body does not run before the first next()") {
  bool has_begun = false;
  generator<int> one([&](yielder<int>& out) {
    has_begun = true;
    out(7);
  });
  CHECK_FALSE(has_begun);
  CHECK_FALSE(one.done());
  CHECK(one.next());
  CHECK(has_begun);
  CHECK(one.value() == 7);
}

TEST_CASE_FIXTURE(no_leaks,
                  "sem 94: a generator that never began drops its body without running it") {
  bool has_begun = false;
  {
    generator<int> one([&has_begun, kept = counted()](yielder<int>&) { has_begun = true; });
    CHECK(counted::alive() == 1);
  }
  CHECK_FALSE(has_begun);
}

TEST_CASE_FIXTURE(no_leaks,
                  "sem 94: destroying a generator early runs the destructors on its stack") {
  int order = 0;
  struct last_words {
    int& order;
    int mine;
    ~last_words() { order = order * 10 + mine; }
  };
  {
    generator<int> endless([&](yielder<int>& out) {
      const last_words outer{order, 2};
      const last_words inner{order, 1};
      const counted kept;
      for (int i = 0;; ++i) out(i);
    });
    for (int i = 0; i < 3; ++i) CHECK(endless.next());
    CHECK(order == 0);
  }
  CHECK(order == 12);
}

TEST_CASE_FIXTURE(no_leaks,
                  "sem 94: next() from inside the body is misuse, and leaves it as it was") {
  generator<int>* self = nullptr;
  std::string text;
  generator<int> one([&](yielder<int>& out) {
    try {
      self->next();
    } catch (const std::logic_error& error) {
      text = error.what();
    }
    CHECK_THROWS_AS(self->close(), std::logic_error);
    CHECK_THROWS_AS(self->throw_in(std::make_exception_ptr(1)), std::logic_error);
    out(5);
  });
  self = &one;
  CHECK(one.next());
  CHECK(one.value() == 5);
  CHECK(text.find("from inside the body") != std::string::npos);
  CHECK_FALSE(one.next());
}

TEST_CASE_FIXTURE(no_leaks, "gen: a recursion yields from any depth, in its order") {
  const auto root = make_tree(0, 1000);
  generator<int> values([&](yielder<int>& out) { walk(root.get(), out); });
  std::vector<int> expected(1000);
  std::iota(expected.begin(), expected.end(), 0);
  CHECK(all_of(values) == expected);
}

TEST_CASE_FIXTURE(no_leaks, "gen: one that has finished says false for ever, and has no value") {
  generator<int> two = count_to(2);
  CHECK_THROWS_AS(two.value(), std::logic_error);
  CHECK(two.next());
  CHECK(two.next());
  CHECK(two.value() == 2);
  for (int i = 0; i < 3; ++i) CHECK_FALSE(two.next());
  CHECK(two.done());
  CHECK_THROWS_AS(two.value(), std::logic_error);
  generator<int> none;
  CHECK(none.done());
  CHECK_FALSE(none.next());
  CHECK_THROWS_AS(none.value(), std::logic_error);
}

TEST_CASE_FIXTURE(no_leaks,
                  "gen: a moved generator goes on where it was; what is left behind has ended") {
  generator<int> first = count_to(5);
  CHECK(first.next());
  generator<int> second = std::move(first);
  CHECK(first.done());
  CHECK_FALSE(first.next());
  CHECK(second.next());
  CHECK(second.value() == 2);
  generator<int> third = count_to(1);
  CHECK(third.next());
  third = std::move(second);  // ends what it had
  CHECK(third.next());
  CHECK(third.value() == 3);
  std::vector<generator<int>> many;
  many.push_back(std::move(third));
  for (int i = 0; i < 50; ++i) many.push_back(count_to(3));
  CHECK(many.front().next());
  CHECK(many.front().value() == 4);
}

TEST_CASE_FIXTURE(no_leaks, "gen: an exception of the body comes out of next(), and it has ended") {
  generator<int> fails([](yielder<int>& out) {
    const counted kept;
    out(1);
    throw std::runtime_error("boom");
  });
  CHECK(fails.next());
  CHECK_THROWS_WITH_AS(fails.next(), "boom", std::runtime_error);
  CHECK(fails.done());
  CHECK_FALSE(fails.next());
}

TEST_CASE_FIXTURE(no_leaks, "gen: what is yielded is not copied, and may be moved from") {
  generator<std::unique_ptr<int>> owners([](yielder<std::unique_ptr<int>>& out) {
    for (int i = 0; i < 3; ++i) out(std::make_unique<int>(i));
  });
  int sum = 0;
  while (owners.next()) {
    const std::unique_ptr<int> mine = std::move(owners.value());
    sum += *mine;
  }
  CHECK(sum == 3);
  for (auto& left : owners) CHECK(left == nullptr);
}

TEST_CASE_FIXTURE(no_leaks, "gen: a reference that is yielded is the object itself") {
  std::array<int, 3> all{1, 2, 3};
  generator<int&> each([&](yielder<int&>& out) {
    for (int& one : all) out(one);
  });
  for (int& one : each) one *= 10;
  CHECK(all == std::array<int, 3>{10, 20, 30});
  const std::string text = "text";
  generator<const std::string&> same([&](yielder<const std::string&>& out) { out(text); });
  CHECK(same.next());
  CHECK(&same.value() == &text);
}

TEST_CASE_FIXTURE(no_leaks,
                  "gen: a range-for sees every value, and the algorithms of <algorithm> work") {
  CHECK(all_of(count_to(4)) == std::vector<int>{1, 2, 3, 4});
  CHECK(all_of(count_to(0)).empty());
  using iterator = generator<int>::iterator;
  static_assert(
      std::is_same_v<std::iterator_traits<iterator>::iterator_category, std::input_iterator_tag>);
  static_assert(std::is_same_v<std::iterator_traits<iterator>::reference, int&>);
  static_assert(std::is_same_v<std::iterator_traits<iterator>::value_type, int>);
  static_assert(std::is_same_v<std::iterator_traits<iterator>::pointer, int*>);
  static_assert(
      std::is_same_v<std::iterator_traits<generator<const int&>::iterator>::value_type, int>);
  generator<int> five = count_to(5);
  CHECK(std::accumulate(five.begin(), five.end(), 0) == 15);
  generator<int> six = count_to(6);
  const auto fourth = std::find(six.begin(), six.end(), 4);
  CHECK(*fourth == 4);
  CHECK(six.next());
  CHECK(six.value() == 5);
  generator<int> more = count_to(3);
  auto at = more.begin();
  CHECK(*at++ == 1);
  CHECK(*at == 2);
  CHECK(at != more.end());
}

TEST_CASE_FIXTURE(no_leaks, "gen: one generator may go through others") {
  generator<int> evens([](yielder<int>& out) {
    for (int value : count_to(6)) {
      generator<int> again([value](yielder<int>& twice) {
        twice(value);
        twice(value * 10);
      });
      for (int each : again) {
        if (value % 2 == 0) out(each);
      }
    }
  });
  CHECK(all_of(evens) == std::vector<int>{2, 20, 4, 40, 6, 60});
}

TEST_CASE_FIXTURE(no_leaks,
                  "gen: a yielder that is called from another generator's stack is misuse") {
  generator<int> outer([](yielder<int>& out) {
    generator<int> inner([&out](yielder<int>&) { out(1); });
    CHECK_THROWS_AS(inner.next(), std::logic_error);
    out(2);
  });
  CHECK(all_of(outer) == std::vector<int>{2});
}

TEST_CASE_FIXTURE(no_leaks,
                  "gen: an impossible stack size is misuse, and the generator as before") {
  generator<int> large(~std::size_t{0} / 2, [](yielder<int>& out) { out(1); });
  CHECK_THROWS_AS(large.next(), std::logic_error);
  CHECK_FALSE(large.done());
}
