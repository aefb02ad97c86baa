// SPDX-License-Identifier: BSL-1.0
// The floor of every row that has one: plain calls that wait for nobody. What they compute is the
// same, so the distance to them is the whole price of being able to wait.
#include <cstdint>
#include <memory>

#include "fiber_teams.hpp"
#include "generators.hpp"
#include "sides.hpp"

namespace cost {
namespace {

struct nothing_leaf {
  [[gnu::noinline]] void operator()() const { asm volatile("" : : : "memory"); }
};

// As many turns as a ring has members, each through the same calls.
class turns final : public contender {
 public:
  turns(std::size_t count, int calls_above)
      : per_lap_(count), spin_(spinner_of<nothing_leaf>(0, calls_above)) {}
  std::uint64_t run(std::uint64_t operations) override {
    laps_.left = laps_for(operations, per_lap_) * per_lap_;
    const std::uint64_t done = laps_.left;
    spin_(laps_, true, {});
    return done;
  }
  std::uint64_t check(std::uint64_t operations) override {
    return count_steps(laps_, [&] { run(operations); });
  }

 private:
  lap_count laps_;
  std::uint64_t per_lap_;
  spinner<nothing_leaf> spin_;
};

class chains final : public summing {
 public:
  explicit chains(const chain_shape& shape) : shape_(shape) {}
  std::uint64_t run(std::uint64_t operations) override {
    nothing_leaf leaf;
    for (std::uint64_t i = 0; i < operations; ++i) sum_ += 1 + dive(shape_.depth, leaf);
    return operations;
  }

 private:
  chain_shape shape_;
};

[[gnu::noinline]] void count_one(std::uint64_t& ran) { ++ran; }

class spawns final : public contender {
 public:
  std::uint64_t run(std::uint64_t operations) override {
    for (std::uint64_t i = 0; i < operations; ++i) count_one(ran_);
    return operations;
  }
  std::uint64_t check(std::uint64_t operations) override {
    ran_ = 0;
    run(operations);
    return ran_;
  }

 private:
  std::uint64_t ran_ = 0;
};

[[gnu::noinline]] std::uint64_t sum_of(const tree_node* node) {
  return (node->left == nullptr ? 0 : sum_of(node->left)) + node->value +
         (node->right == nullptr ? 0 : sum_of(node->right));
}

class walks final : public contender {
 public:
  explicit walks(const generator_shape& shape) : tree_(shape.nodes) {}
  std::uint64_t run(std::uint64_t operations) override {
    const std::uint64_t laps = laps_for(operations, tree_.size());
    for (std::uint64_t i = 0; i < laps; ++i) keep(sum_of(tree_.root()));
    return laps * tree_.size();
  }
  std::uint64_t check(std::uint64_t) override { return sum_of(tree_.root()); }

 private:
  tree tree_;
};

[[gnu::noinline]] std::uint64_t skynet(std::uint64_t first, std::size_t leaves) {
  if (leaves == 1) return first;
  std::uint64_t sum = 0;
  const std::size_t each = leaves / skynet_children;
  for (std::size_t i = 0; i < skynet_children; ++i) sum += skynet(first + i * each, each);
  return sum;
}

[[gnu::noinline]] std::uint64_t fib(std::size_t n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }

class teams final : public contender {
 public:
  explicit teams(const team_shape& shape) : shape_(shape) {}
  std::uint64_t run(std::uint64_t operations) override {
    for (std::uint64_t i = 0; i < operations; ++i) {
      answer_ = shape_.kind == team_kind::skynet ? skynet(0, shape_.size) : fib(shape_.size);
      keep(answer_);
    }
    return operations;
  }
  std::uint64_t check(std::uint64_t) override { return answer_; }

 private:
  team_shape shape_;
  std::uint64_t answer_ = 0;
};

std::unique_ptr<contender> make_switches(const switch_shape& shape) {
  if (shape.contexts != 2 || shape.flags == sticky_flags::differing || shape.is_mixed) {
    return nullptr;
  }
  return std::make_unique<turns>(shape.contexts, 0);
}

std::unique_ptr<contender> make_yields(const yield_shape& shape) {
  if (shape.is_mixed) return nullptr;
  return std::make_unique<turns>(shape.fibers, shape.calls_above);
}

std::unique_ptr<contender> make_spawns(const spawn_shape& shape) {
  if (shape.batch != 1) return nullptr;
  return std::make_unique<spawns>();
}

std::unique_ptr<contender> make_chains(const chain_shape& shape) {
  if (shape.stays) return nullptr;
  return std::make_unique<chains>(shape);
}

std::unique_ptr<contender> make_walks(const generator_shape& shape) {
  if (shape.nodes == 0) return nullptr;
  return std::make_unique<walks>(shape);
}

std::unique_ptr<contender> make_teams(const team_shape& shape) {
  if (shape.kind != team_kind::skynet && shape.kind != team_kind::fork_join) return nullptr;
  return std::make_unique<teams>(shape);
}

}  // namespace

const side call_side = {"call",      &make_switches, &make_yields, &make_spawns,
                        &make_chains, nullptr,       nullptr,      0,
                        &make_walks,  nullptr,       &make_teams};

}  // namespace cost
