// SPDX-License-Identifier: BSL-1.0
// same_fringe: do two trees of different shape have the same leaves? Two recursions, side by side
//
// Each tree is walked by an ordinary recursive function that yields its leaves one by one. The
// comparison asks both walks in turn, and stops at the first leaf that differs: what comes behind
// it is never visited. With callbacks one of the two walks would have to be turned inside out.
#include <weft/weft.hpp>

#include <cstdio>
#include <memory>
#include <string>
#include <utility>

struct tree {
  std::string leaf;  // or two branches
  std::unique_ptr<tree> left, right;
};

std::unique_ptr<tree> leaf(std::string text) {
  return std::make_unique<tree>(tree{std::move(text), nullptr, nullptr});
}
std::unique_ptr<tree> both(std::unique_ptr<tree> left, std::unique_ptr<tree> right) {
  return std::make_unique<tree>(tree{"", std::move(left), std::move(right)});
}

using leaves = weft::yielder<const std::string&>;

void walk(const tree& t, leaves& out, int& visited) {
  if (t.left == nullptr) {
    ++visited;
    out(t.leaf);  // here the walk stops until the next leaf is wanted
    return;
  }
  walk(*t.left, out, visited);
  walk(*t.right, out, visited);
}

bool have_same_fringe(const tree& a, const tree& b) {
  int visited = 0;
  weft::generator<const std::string&> from_a([&](leaves& out) { walk(a, out, visited); });
  weft::generator<const std::string&> from_b([&](leaves& out) { walk(b, out, visited); });
  bool is_same = true;
  while (is_same) {
    const bool has_a = from_a.next();
    const bool has_b = from_b.next();
    if (!has_a && !has_b) break;
    is_same = has_a && has_b && from_a.value() == from_b.value();
  }
  std::printf("%s, %d leaves visited\n", is_same ? "the same" : "not the same", visited);
  return is_same;
}

int main() {  // no loop is needed
  const auto steep = both(both(both(leaf("red"), leaf("green")), leaf("blue")), leaf("white"));
  const auto flat = both(both(leaf("red"), leaf("green")), both(leaf("blue"), leaf("white")));
  const auto other = both(leaf("red"), both(leaf("yellow"), both(leaf("blue"), leaf("white"))));
  have_same_fringe(*steep, *flat);
  have_same_fringe(*steep, *other);
}
