// SPDX-License-Identifier: BSL-1.0
// The floor of the generator rows: the same recursion calls a function for each value. Who consumes
// must be written inside out for it, and can't consume two at a time.
#include <memory>

#include "generators.hpp"
#include "sides.hpp"

namespace bench {
namespace {

using callback = void (*)(void* to, std::uint64_t value);

[[gnu::noinline]] void walk(const tree_node* node, callback out, void* to) {
  if (node->left != nullptr) walk(node->left, out, to);
  out(to, node->value);
  if (node->right != nullptr) walk(node->right, out, to);
}

[[gnu::noinline]] void add(void* to, std::uint64_t value) {
  *static_cast<std::uint64_t*>(to) += value;
}

class walks final : public contender {
 public:
  explicit walks(const generator_shape& shape) : tree_(shape.nodes) {}

  std::uint64_t run(std::uint64_t operations) override {
    const std::uint64_t laps = laps_for(operations, tree_.size());
    for (std::uint64_t i = 0; i < laps; ++i) {
      std::uint64_t sum = 0;
      walk(tree_.root(), &add, &sum);
      keep(sum);
    }
    return laps * tree_.size();
  }

 private:
  tree tree_;
};

std::unique_ptr<contender> make_walks(const generator_shape& shape) {
  if (shape.nodes == 0) return nullptr;
  return std::make_unique<walks>(shape);
}

}  // namespace

const side callback_side = {"callback", nullptr, nullptr, nullptr,    nullptr,
                            nullptr,    nullptr, 0,       &make_walks};

}  // namespace bench
