// SPDX-License-Identifier: BSL-1.0
// weft's rows. Compiled once for each backend: WEFT_CONTEXT_ASM picks it, COST_SIDE and
// COST_SIDE_NAME say what the result is called. Everything is in an unnamed namespace, so that the
// copies don't meet. Only the switch rows look below weft's public interface.
#include <weft/weft.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>
#include <vector>

#include "fiber_teams.hpp"
#include "flow_ring.hpp"
#include "generators.hpp"
#include "sides.hpp"
#include "weft/detail/context.hpp"
#include "weft/detail/inline_switch.hpp"
#include "weft_messages.hpp"
#include "weft_quiet.hpp"

namespace cost {
namespace {

#if COST_SHARES_FLOAT_CONTROL
constexpr bool shares_float_control = true;
#else
constexpr bool shares_float_control = false;
#endif

// -- switch: the context layer alone --

struct weft_flow : weft::detail::context {
  weft_flow* next = nullptr;
  void (*body)(weft_flow&) = nullptr;

  const void* stack_pointer() const noexcept { return sp; }

  void begin(char* top, std::size_t bytes, void (*what)(weft_flow&)) noexcept {
    body = what;
    weft::detail::make_context(*this, top, bytes, &enter);
  }

  // As the loop switches; jump_fcontext, too, keeps the floating-point controls of each side.
  void hop(weft_flow& to) noexcept {
    if constexpr (!shares_float_control) weft::detail::note_float_control(*this);
#if WEFT_INLINE_SWITCH
    if (weft::detail::have_same_float_control(*this, to)) {
      weft::detail::switch_inline(*this, to);
      return;
    }
#endif
    WEFT_C_NAME(context_switch)(this, &to);
  }

 private:
  static weft::detail::context* enter(weft::detail::context* self) noexcept {
    auto* const running = static_cast<weft_flow*>(self);
    running->body(*running);
    return nullptr;  // never: a flow's body does not end
  }
};

std::unique_ptr<contender> make_switches(const switch_shape& shape) {
  return std::make_unique<flow_ring<weft_flow>>(shape.contexts, 0, shape.is_mixed, shape.flags);
}

// -- the rest: the public interface --

struct yield_leaf {
  void operator()() const { weft::yield(); }
};

// The driver is the root fiber; the others stay in the loop from round to round.
class yields final : public contender {
 public:
  explicit yields(const yield_shape& shape)
      : per_lap_(shape.fibers),
        loop_(quiet()),
        spin_(spinner_of<yield_leaf>(0, shape.calls_above)) {
    loop_.run([&] {
      for (std::size_t i = 1; i < shape.fibers; ++i) {
        const auto turn =
            spinner_of<yield_leaf>(shape.is_mixed && i % 2 == 1 ? 1 : 0, shape.calls_above);
        others_.push_back(weft::spawn([this, turn] { turn(laps_, false, yield_leaf{}); }));
      }
    });
  }

  explicit yields(const chain_shape& shape)
      : per_lap_(1), loop_(quiet()), spin_(spinner_of<yield_leaf>(0, 0)) {
    loop_.run([&] {
      others_.push_back(
          weft::spawn([this, shape] { dive_forever(laps_, shape, yield_leaf{}); }));
    });
  }

  ~yields() override {
    laps_.left = 0;
    loop_.run([&] {
      for (auto& other : others_) other.join();
      others_.clear();
    });
  }

  std::uint64_t run(std::uint64_t operations) override {
    const std::uint64_t laps = laps_for(operations, per_lap_);
    laps_.left = laps;
    loop_.run([&] { spin_(laps_, true, yield_leaf{}); });
    return laps * per_lap_;
  }

  std::uint64_t check(std::uint64_t operations) override {
    return count_steps(laps_, [&] { run(operations); });
  }

 private:
  lap_count laps_;
  std::uint64_t per_lap_;
  weft::runner loop_;
  std::vector<weft::task<>> others_;
  spinner<yield_leaf> spin_;
};

class spawns final : public contender {
 public:
  explicit spawns(const spawn_shape& shape) : batch_(shape.batch), loop_(with_stacks(shape)) {
    tasks_.reserve(batch_);
  }

  std::uint64_t run(std::uint64_t operations) override {
    const std::uint64_t batches = laps_for(operations, batch_);
    loop_.run([&] {
      for (std::uint64_t i = 0; i < batches; ++i) batch_ == 1 ? one() : all();
    });
    return batches * batch_;
  }

  std::uint64_t check(std::uint64_t operations) override {
    std::uint64_t ran = 0;
    loop_.run([&] {
      for (std::uint64_t i = 0; i < operations; ++i) weft::spawn([&] { ++ran; }).join();
    });
    return ran;
  }

 private:
  static weft::options with_stacks(const spawn_shape& shape) {
    weft::options how = quiet();
    how.cached_stacks = std::max(how.cached_stacks, shape.batch);
    return how;
  }

  static void one() {
    weft::spawn([] {}).join();
  }

  void all() {
    for (std::size_t i = 0; i < batch_; ++i) tasks_.push_back(weft::spawn([] {}));
    for (auto& each : tasks_) each.join();
    tasks_.clear();
  }

  std::size_t batch_;
  weft::runner loop_;
  std::vector<weft::task<>> tasks_;
};

// Cold: a new loop for each operation, as a program's first wave of sleepers finds it.
class sleepers final : public contender {
 public:
  explicit sleepers(const sleepers_shape& shape) : shape_(shape) {
    if (shape.is_warm) kept_ = std::make_unique<weft::runner>(with_stacks());
  }

  std::uint64_t run(std::uint64_t operations) override {
    for (std::uint64_t i = 0; i < operations; ++i) {
      if (kept_ != nullptr) {
        kept_->run([&] { all(); });
      } else {
        weft::run(quiet(), [&] { all(); });
      }
    }
    return operations;
  }

  // Of the last run: another one would take as long again.
  std::uint64_t check(std::uint64_t) override { return std::exchange(woken_, 0); }

 private:
  weft::options with_stacks() const {
    weft::options how = quiet();
    how.cached_stacks = shape_.fibers;
    return how;
  }

  void all() {
    nap_lengths naps(shape_.longest_ms);
    std::vector<weft::task<>> tasks;
    tasks.reserve(shape_.fibers);
    for (std::size_t i = 0; i < shape_.fibers; ++i) {
      const std::chrono::milliseconds nap(naps.next_ms());
      tasks.push_back(weft::spawn([this, nap] {
        weft::await_sleep(nap);
        ++woken_;
      }));
    }
    for (auto& each : tasks) each.join();
  }

  sleepers_shape shape_;
  std::uint64_t woken_ = 0;
  std::unique_ptr<weft::runner> kept_;
};

[[gnu::noinline]] void hold_live_frame() {
  volatile char live[live_frame_bytes];
  for (std::size_t i = 0; i < sizeof live; ++i) live[i] = 1;
  weft::await_sleep(std::chrono::hours(1));
  live[0] = live[sizeof live - 1];
}

class parked final : public contender {
 public:
  explicit parked(const parked_shape& shape) : loop_(quiet()) {
    tasks_.reserve(shape.fibers);
    loop_.run([&] {
      for (std::size_t i = 0; i < shape.fibers; ++i) {
        tasks_.push_back(shape.has_live_frame
                             ? weft::spawn([] { hold_live_frame(); })
                             : weft::spawn([] { weft::await_sleep(std::chrono::hours(1)); }));
      }
      weft::yield();  // each has run to its wait once it is our turn again
    });
  }
  std::uint64_t run(std::uint64_t) override { return 0; }

 private:
  weft::runner loop_;
  std::vector<weft::task<>> tasks_;
};

[[gnu::noinline]] void walk(const tree_node* node, weft::yielder<std::uint64_t>& out) {
  if (node->left != nullptr) walk(node->left, out);
  out(node->value);
  if (node->right != nullptr) walk(node->right, out);
}

struct generator_maker {
  auto walks(const tree_node* root) const {
    return weft::generator<std::uint64_t>(
        [root](weft::yielder<std::uint64_t>& out) { walk(root, out); });
  }
  auto counts() const {
    return weft::generator<std::uint64_t>([](weft::yielder<std::uint64_t>& out) {
      for (std::uint64_t i = 0;; ++i) out(i);
    });
  }
};

// Float control is shared by both sides of a generator: no row of its own.
#if COST_SHARES_FLOAT_CONTROL && !WEFT_INLINE_SWITCH
constexpr maker<generator_shape> generators = nullptr;
#else
constexpr maker<generator_shape> generators = &make_generators<generator_maker>;
#endif

// What fiber_teams.hpp asks for.
class weft_api {
 public:
  explicit weft_api(const team_shape& shape) : loop_(options_for(shape)) {}

  struct channel : weft::channel<std::uint64_t> {
    using weft::channel<std::uint64_t>::channel;
    std::uint64_t recv() { return *weft::channel<std::uint64_t>::recv(); }
  };

  template <class F>
  void run(F&& f) {
    loop_.run(std::forward<F>(f));
  }
  template <class F>
  static weft::task<> start(F&& f) {
    return weft::spawn(std::forward<F>(f));
  }

 private:
  // A tree's inner tasks all wait at once.
  static weft::options options_for(const team_shape& shape) {
    weft::options how = quiet();
    if (shape.kind == team_kind::skynet) how.cached_stacks = shape.size / 4;
    return how;
  }

  weft::runner loop_;
};

template <class Contender, class Shape>
std::unique_ptr<contender> make(const Shape& shape) {
  return std::make_unique<Contender>(shape);
}

}  // namespace

const side COST_SIDE = {COST_SIDE_NAME,
                         &make_switches,
                         &make<yields, yield_shape>,
                         &make<spawns, spawn_shape>,
                         &make<yields, chain_shape>,
                         shares_float_control ? nullptr : &make<sleepers, sleepers_shape>,
                         shares_float_control ? nullptr : &make<parked, parked_shape>,
                         sizeof(weft::detail::fiber),
                         generators,
                         &make_messages,
                         &make<fiber_teams<weft_api>, team_shape>};

}  // namespace cost
