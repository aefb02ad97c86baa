// SPDX-License-Identifier: BSL-1.0
// Peer: Boost.Coroutine2, asymmetric, with pooled stacks of its default size.
#include <boost/context/pooled_fixedsize_stack.hpp>
#include <boost/coroutine2/all.hpp>

#include <memory>

#include "generators.hpp"
#include "sides.hpp"

namespace cost {
namespace {

using pull = boost::coroutines2::coroutine<std::uint64_t>::pull_type;
using push = boost::coroutines2::coroutine<std::uint64_t>::push_type;

[[gnu::noinline]] void walk(const tree_node* node, push& out) {
  if (node->left != nullptr) walk(node->left, out);
  out(node->value);
  if (node->right != nullptr) walk(node->right, out);
}

// A pull_type has run to its first value when it is made.
class steps {
 public:
  template <class F>
  explicit steps(F body) : from_(body) {}
  bool next() {
    if (is_first_) {
      is_first_ = false;
    } else {
      from_();
    }
    return static_cast<bool>(from_);
  }
  std::uint64_t value() { return from_.get(); }

 private:
  pull from_;
  bool is_first_ = true;
};

struct maker_of {
  auto walks(const tree_node* root) const {
    return steps([root](push& out) { walk(root, out); });
  }
  auto counts() const {
    return steps([](push& out) {
      for (std::uint64_t i = 0;; ++i) out(i);
    });
  }
};

}  // namespace

const side boost_coroutine_side = {coroutine2, nullptr, nullptr,
                                   nullptr,    nullptr, nullptr,
                                   nullptr,    0,       &make_generators<maker_of>};

}  // namespace cost
