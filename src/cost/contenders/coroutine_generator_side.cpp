// SPDX-License-Identifier: BSL-1.0
// Peer: C++20 generators; see coroutine_generator.hpp. Twice: with frames from a pool, and from
// malloc.
#include <memory>

#include "coroutine_generator.hpp"
#include "generators.hpp"
#include "sides.hpp"

namespace cost {
namespace {

template <class Frames>
using values = recursive_generator<std::uint64_t, Frames>;

template <class Frames>
[[gnu::noinline]] values<Frames> walk(const tree_node* node) {
  if (node->left != nullptr) co_yield walk<Frames>(node->left);
  std::uint64_t value = node->value;
  co_yield value;
  if (node->right != nullptr) co_yield walk<Frames>(node->right);
}

template <class Frames>
[[gnu::noinline]] values<Frames> count() {
  for (std::uint64_t i = 0;; ++i) co_yield i;
}

template <class Frames>
struct maker_of {
  auto walks(const tree_node* root) const { return walk<Frames>(root); }
  auto counts() const { return count<Frames>(); }
};

}  // namespace

const side coroutine_generator_side = {
    coroutine, nullptr, nullptr,
    nullptr,   nullptr, nullptr,
    nullptr,   0,       &make_generators<maker_of<pooled_frames>>};

const side coroutine_generator_malloc_side = {
    coroutine_malloc, nullptr, nullptr,
    nullptr,         nullptr, nullptr,
    nullptr,         0,       &make_generators<maker_of<malloced_frames>>};

}  // namespace cost
