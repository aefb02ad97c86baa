// SPDX-License-Identifier: BSL-1.0
// The search of testing::explore(): depth first through the tree of choices, each schedule run from
// the start along the choices of the last one but for the deepest that has another alternative.
// Layer: task. Decides for the loop (chooser), hears what it does (event_sink), and is driven by
// explore.cpp, which runs the schedules.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "../loop/loop.hpp"
#include "schedule_seed.hpp"
#include "schedule_steps.hpp"
#include "timeline.hpp"
#include "weft/detail/chooser.hpp"
#include "weft/detail/config.hpp"
#include "weft/detail/event_sink.hpp"
#include "weft/explore.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

// Every schedule begins at the same time.
class schedule_clock final : public clock_source {
 public:
  time_point now() noexcept override { return now_; }
  bool jump(time_point next) noexcept override {
    if (next == time_point::max()) return false;
    if (next > now_) now_ = next;
    return true;
  }
  bool is_wall_time() const noexcept override { return false; }
  void start_anew() noexcept { now_ = time_point(std::chrono::hours(1)); }

 private:
  time_point now_{std::chrono::hours(1)};
};

class explorer final : public chooser, public event_sink {
 public:
  explorer(const testing::explore_options& how, schedule_clock& clock);

  // -- what explore.cpp calls, once a schedule, in this order --
  void begin(loop& here);
  // main has ended, well or not: what is left is being cancelled.
  void begin_closing() noexcept { is_closing_ = true; }
  // `how` is a static text for the end of the timeline.
  void fail(const loop& here, std::string text, const char* how = "fails");
  // Moves on to the next schedule; false if there is none.
  bool advance();

  bool has_failed() const noexcept { return has_failed_; }
  bool is_redundant() const noexcept { return is_redundant_; }
  bool is_bounded() const noexcept { return is_bounded_; }
  const std::string& failure() const noexcept { return failure_; }
  // What the body did other than before, or the seed could not mean; empty: nothing.
  const std::string& contradiction() const noexcept { return contradiction_; }
  std::string seed() const { return to_seed({choices_, timers_race_}); }
  std::string steps() const { return steps_.text(); }

  // Repeats this schedule from now on.
  void replay(schedule_choices choices);

  // -- chooser --
  void choose(loop& here) noexcept override;
  std::size_t draw(std::size_t count) noexcept override;
  void touched(const void* object, access how) noexcept override;
  void touched(const fiber& f, access how, bool only_its_end) noexcept override;
  void declared(const void* object, access how, const char* name) noexcept override;
  void offer_switch() noexcept override;
  void check_failed(const char* text) noexcept override;
  void error_lost(const fiber& f, const char* how) noexcept override;

  // -- event_sink --
  void note(loop& here, testing::trace_kind event, const fiber& f,
            const char* what) noexcept override;

 private:
  // A choice that was made on the way of the present schedule.
  struct choice {
    std::uint32_t taken = 0;
    unsigned departures = 0;  // before it
    bool is_draw = false;
    std::vector<std::uint64_t> who;  // each alternative's fiber; 0: time; of a draw a lot
    // With a reduction:
    sleep_set asleep;
    step_accesses step;  // of the alternative that was taken
  };
  static constexpr std::size_t no_choice = ~std::size_t{0};

  void choose_next(loop& here);
  bool call_root(loop& here);
  std::size_t offset_of(const loop& here, std::uint32_t alternative) const noexcept;
  std::uint32_t decide(const loop& here, std::uint32_t count, bool is_draw);
  std::uint32_t decide_anew(std::uint32_t count, bool is_draw);
  void list_alternatives(const loop& here, std::uint32_t count);
  void take(const fiber& chosen);
  void let_time_pass(loop& here);
  void end_step();
  void note_awaited(const fiber& parked);
  void contradict(const char* text) noexcept;
  void give_up(loop& here) noexcept;

  const testing::explore_options& how_;
  schedule_clock& clock_;
  bool timers_race_;
  const bool reduces_;
  bool is_replay_ = false;
  std::vector<std::uint32_t> replayed_;

  std::vector<choice> path_;
  std::vector<std::uint32_t> choices_;  // all of this schedule, for its seed
  std::vector<std::uint64_t> who_;      // the alternatives of the present choice
  unsigned departures_ = 0;
  std::size_t step_count_ = 0;
  const fiber* offering_ = nullptr;  // who goes on by default: it only offered a switch
  bool is_closing_ = false;
  bool is_stopping_ = false;  // root was told that the schedule is over
  bool is_redundant_ = false;
  bool is_bounded_ = false;
  bool has_failed_ = false;
  std::string failure_;
  std::string contradiction_;

  timeline steps_;
  object_numbers objects_;
  step_accesses step_;                   // of the running step
  std::size_t step_choice_ = no_choice;  // the choice that began it
  sleep_set asleep_;
};

}  // namespace detail
WEFT_NAMESPACE_END
