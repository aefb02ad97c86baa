// SPDX-License-Identifier: BSL-1.0
// The balanced tree of the generator rows. Its nodes lie in the order in which they are visited, so
// that the row measures the steps and not the memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace cost {

struct tree_node {
  const tree_node* left = nullptr;
  const tree_node* right = nullptr;
  std::uint64_t value = 0;
};

class tree {
 public:
  explicit tree(std::size_t nodes) : nodes_(nodes), root_(build(0, nodes)) {}
  tree(const tree&) = delete;
  const tree_node* root() const noexcept { return root_; }
  std::size_t size() const noexcept { return nodes_.size(); }

 private:
  const tree_node* build(std::size_t from, std::size_t to) {
    if (from == to) return nullptr;
    const std::size_t middle = from + (to - from) / 2;
    tree_node& node = nodes_[middle];
    node.value = middle;
    node.left = build(from, middle);
    node.right = build(middle + 1, to);
    return &node;
  }

  std::vector<tree_node> nodes_;
  const tree_node* root_;
};

// Keeps the sum of what was yielded from being dropped.
inline void keep(std::uint64_t sum) noexcept { asm volatile("" : : "r"(sum) : "memory"); }

}  // namespace cost
