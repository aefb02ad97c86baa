// SPDX-License-Identifier: BSL-1.0
// What the sides of the generator rows share: who asks, and for how long. A maker has walks(root)
// and counts(), which return an object with next() and value().
#pragma once

#include <memory>
#include <optional>

#include "side.hpp"
#include "spin.hpp"
#include "tree.hpp"

namespace cost {

// A walk is made anew for each lap over the tree.
template <class Maker>
class tree_walks final : public contender {
 public:
  explicit tree_walks(const generator_shape& shape) : tree_(shape.nodes) {}

  std::uint64_t run(std::uint64_t operations) override {
    const std::uint64_t laps = laps_for(operations, tree_.size());
    for (std::uint64_t i = 0; i < laps; ++i) lap();
    return laps * tree_.size();
  }

  std::uint64_t check(std::uint64_t) override { return lap(); }

 private:
  std::uint64_t lap() {
    std::uint64_t sum = 0;
    auto all = Maker().walks(tree_.root());
    while (all.next()) sum += all.value();
    keep(sum);
    return sum;
  }

  tree tree_;
};

template <class Maker>
class counts final : public contender {
 public:
  std::uint64_t run(std::uint64_t operations) override {
    std::uint64_t sum = 0;
    for (std::uint64_t i = 0; i < operations; ++i) {
      all_.next();
      sum += all_.value();
    }
    keep(sum);
    return operations;
  }

  // A generator of its own: the other is somewhere by now.
  std::uint64_t check(std::uint64_t operations) override {
    std::uint64_t sum = 0;
    auto fresh = Maker().counts();
    for (std::uint64_t i = 0; i < operations; ++i) {
      fresh.next();
      sum += fresh.value();
    }
    return sum;
  }

 private:
  decltype(Maker().counts()) all_ = Maker().counts();
};

template <class Maker>
std::unique_ptr<contender> make_generators(const generator_shape& shape) {
  if (shape.nodes == 0) return std::make_unique<counts<Maker>>();
  return std::make_unique<tree_walks<Maker>>(shape);
}

}  // namespace cost
