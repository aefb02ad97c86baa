// SPDX-License-Identifier: BSL-1.0
// The intrusive list: order, leaving from anywhere, and what an unlinked node looks like.
#include "weft/detail/list.hpp"

#include <array>
#include <random>
#include <vector>

#include <doctest/doctest.h>

using weft::detail::list;
using weft::detail::list_node;

TEST_CASE("list: a new list is empty and gives nothing") {
  list l;
  CHECK(l.empty());
  CHECK(l.pop_front() == nullptr);
  CHECK(l.empty());
}

TEST_CASE("list: nodes come out in the order they went in") {
  list l;
  std::array<list_node, 3> nodes;
  for (auto& n : nodes) l.push_back(n);
  CHECK_FALSE(l.empty());
  for (auto& n : nodes) CHECK(l.pop_front() == &n);
  CHECK(l.empty());
}

TEST_CASE("list: a node says whether it is in a list") {
  list l;
  list_node n;
  CHECK_FALSE(n.is_linked());
  l.push_back(n);
  CHECK(n.is_linked());
  l.pop_front();
  CHECK_FALSE(n.is_linked());
  l.push_back(n);
  n.unlink();
  CHECK_FALSE(n.is_linked());
  CHECK(n.prev == nullptr);
  CHECK(l.empty());
}

TEST_CASE("list: the first, a middle and the last node can leave without knowing the list") {
  for (std::size_t gone = 0; gone < 3; ++gone) {
    CAPTURE(gone);
    list l;
    std::array<list_node, 3> nodes;
    for (auto& n : nodes) l.push_back(n);
    nodes[gone].unlink();
    for (std::size_t i = 0; i < 3; ++i) {
      if (i != gone) CHECK(l.pop_front() == &nodes[i]);
    }
    CHECK(l.empty());
  }
}

TEST_CASE("list: a node that left goes to the back when it enters again") {
  list l;
  std::array<list_node, 3> nodes;
  for (auto& n : nodes) l.push_back(n);
  nodes[0].unlink();
  l.push_back(nodes[0]);
  CHECK(l.pop_front() == &nodes[1]);
  CHECK(l.pop_front() == &nodes[2]);
  CHECK(l.pop_front() == &nodes[0]);
}

TEST_CASE("list: a node may move from one list to another") {
  list from;
  list to;
  list_node n;
  from.push_back(n);
  from.pop_front();
  to.push_back(n);
  CHECK(from.empty());
  CHECK(to.pop_front() == &n);
}

TEST_CASE("list: random entering and leaving keeps the order of a plain vector") {
  for (unsigned seed = 1; seed <= 50; ++seed) {
    CAPTURE(seed);
    std::minstd_rand random(seed);
    list l;
    std::array<list_node, 16> nodes;
    std::vector<list_node*> model;
    for (int step = 0; step < 400; ++step) {
      list_node& n = nodes[random() % nodes.size()];
      if (n.is_linked()) {
        n.unlink();
        for (auto at = model.begin(); at != model.end(); ++at) {
          if (*at == &n) {
            model.erase(at);
            break;
          }
        }
      } else {
        l.push_back(n);
        model.push_back(&n);
      }
      REQUIRE(l.empty() == model.empty());
    }
    for (list_node* expected : model) REQUIRE(l.pop_front() == expected);
    REQUIRE(l.pop_front() == nullptr);
  }
}
