// SPDX-License-Identifier: BSL-1.0
// testing::explore(): runs schedule after schedule on one loop, and tells of the one that failed.
//
// A fresh loop for each would cost a hundred times the schedule. So root, run()'s own fiber, stays
// and makes everything as at a loop's start: the time, the ids, nobody left from the schedule
// before. main is a fiber beside it, so that a deadlock which no cancel can end leaves somebody who
// can walk away from it.
#include "weft/explore.hpp"

#include <chrono>
#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

#include "../base/describe_exception.hpp"
#include "explorer.hpp"
#include "weft/detail/check.hpp"
#include "weft/report.hpp"
#include "weft/run.hpp"
#include "weft/spawn.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {
namespace {

constexpr wait_type close_wait{"explore"};

// Loops that were left with fibers which nothing can end. Never destroyed: that would wait for
// them.
struct remains {
  std::unique_ptr<runner> loop;
  std::unique_ptr<schedule_clock> clock;
  std::vector<task<void>> mains;
};

void keep_for_ever(remains&& left) {
  static auto& all = *new std::vector<remains>;
  all.push_back(std::move(left));
}

class session {
 public:
  session(const explored_body& body, const testing::explore_options& how)
      : body_(body), how_(how), clock_(std::make_unique<schedule_clock>()), search_(how, *clock_) {
    const char* const given = how.replay.empty() ? std::getenv("WEFT_EXPLORE_SEED") : nullptr;
    const std::string seed = given != nullptr ? given : how.replay;
    is_replay_ = !seed.empty();
    if (is_replay_) search_.replay(from_seed(seed));
  }

  testing::explore_result explore() {
    options loop_options = how_.loop;
    loop_options.time = clock_.get();
    loop_options.seed = 0;
    loop_options.name = "explore";
    loop_options.handle_sigint = false;  // nobody would handle it
    loop_options.detect_deadlock = true;
    auto one = std::make_unique<runner>(loop_options);
    one->run([this] { run_all(whole(*running_loop())); });
    if (is_left_behind_) keep_for_ever({std::move(one), std::move(clock_), std::move(mains_)});
    if (!search_.contradiction().empty()) misuse("testing::explore(): " + search_.contradiction());
    tell();
    return std::move(result_);
  }

 private:
  void run_all(loop& here);
  bool is_within_budget();
  void run_one(loop& here);
  bool end_leftovers(loop& here);
  void note_stop(loop& here);
  void leave_behind(loop& here, task<void> main);
  void tell();

  const explored_body& body_;
  const testing::explore_options& how_;
  std::unique_ptr<schedule_clock> clock_;
  explorer search_;
  testing::explore_result result_;
  std::vector<task<void>> mains_;
  bool is_replay_ = false;
  bool is_left_behind_ = false;
  clock::time_point began_ = clock::now();
};

void session::run_all(loop& here) {
  here.add_sink(search_);
  here.chooses = &search_;
  struct detached {
    loop& from;
    explorer& search;
    ~detached() {
      from.chooses = nullptr;
      from.remove_sink(search);
    }
  } detach{here, search_};
  for (bool has_more = true; has_more && is_within_budget();) {
    run_one(here);
    ++(search_.is_redundant() ? result_.redundant : result_.schedules);
    if (search_.has_failed() || is_replay_ || !search_.contradiction().empty()) return;
    has_more = search_.advance();
    result_.exhaustive = !has_more;
  }
}

bool session::is_within_budget() {
  const bool has_time = how_.max_time <= duration::zero() || clock::now() - began_ < how_.max_time;
  if (has_time && result_.schedules + result_.redundant < how_.max_schedules) return true;
  result_.out_of_budget = true;
  return false;
}

// Root was woken before what it waited for: a deadlock, or a schedule that has failed already.
void session::note_stop(loop& here) {
  const auto text = std::exchange(here.deadlock, nullptr);
  if (text != nullptr) search_.fail(here, std::move(*text), "and nothing can run any more");
}

void session::run_one(loop& here) {
  search_.begin(here);
  auto main = spawn({"main"}, [this] { body_.call(body_.object); });
  fiber& f = *main.record();
  if (join_unfinished(here, f, true) == wake_reason::cancelled) {
    note_stop(here);
  } else if (f.outcome == fiber_outcome::error) {
    search_.fail(here, "main ended with " + describe_exception(f.error));
  }
  search_.begin_closing();
  if (!end_leftovers(here)) {
    leave_behind(here, std::move(main));
    return;
  }
  f.is_error_seen = true;
}

// As at a loop's end. False if they do not end.
bool session::end_leftovers(loop& here) {
  bool have_ended = true;
  here.is_closing = true;
  here.born_attention = static_cast<std::uint8_t>(here.born_attention | attention_cancel);
  if (here.live != 0) here.cancel_leftovers();
  while (here.live != 0 && have_ended) {
    have_ended = park(here, close_wait, nullptr, true) == wake_reason::completed;
  }
  here.is_closing = false;
  here.born_attention = static_cast<std::uint8_t>(here.born_attention & ~attention_cancel);
  if (!have_ended) note_stop(here);
  return have_ended;
}

void session::leave_behind(loop&, task<void> main) {
  is_left_behind_ = true;
  mains_.push_back(std::move(main));
}

void session::tell() {
  result_.failed = search_.has_failed();
  result_.bounded = search_.is_bounded();
  if (result_.bounded || result_.failed || is_replay_) result_.exhaustive = false;
  if (!result_.failed) return;
  result_.failure = search_.failure();
  result_.seed = search_.seed();
  result_.timeline = search_.steps();
  if (!how_.print) return;
  send_report("weft: explore: schedule " + std::to_string(result_.schedules + result_.redundant) +
              " failed: " + result_.failure + "\n" + result_.timeline +
              "\n  again: WEFT_EXPLORE_SEED=" + result_.seed);
}

}  // namespace

testing::explore_result explore_body(const explored_body& body,
                                     const testing::explore_options& how) {
  return session(body, how).explore();
}

void throw_check_error(const char* text) {
  if (chooser* const one = chooser_here()) one->check_failed(text);
  throw testing::check_error(text);
}

void offer_switch() noexcept {
  chooser* const one = chooser_here();
  if (one != nullptr && running_loop()->current != &running_loop()->idle) one->offer_switch();
}

void declare_access(const void* object, access how, const char* name) noexcept {
  if (chooser* const one = chooser_here()) one->declared(object, how, name);
}

}  // namespace detail

testing::check_error::~check_error() = default;

WEFT_NAMESPACE_END
