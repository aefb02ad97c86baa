// SPDX-License-Identifier: BSL-1.0
// See explorer.hpp.
#include "explorer.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include "../base/describe_exception.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

explorer::explorer(const testing::explore_options& how, schedule_clock& clock)
    : event_sink(kind::explore),
      how_(how),
      clock_(clock),
      timers_race_(how.timers_race),
      // A reduction leaves out an order because another one is run; that one may be beyond a bound.
      reduces_(how.reduce != testing::reduction::none &&
               how.preemption_bound == testing::no_bound) {}

void explorer::replay(schedule_choices choices) {
  replayed_ = std::move(choices.taken);
  timers_race_ = choices.timers_race;
  is_replay_ = true;
}

void explorer::begin(loop& here) {
  clock_.start_anew();
  here.last_look = clock_.now();
  here.next_id = 1;
  here.doubts = 0;
  here.has_reported_deadlock = false;
  here.budget = most_budget;
  here.budget_turn = here.ready.taken();
  choices_.clear();
  departures_ = 0;
  step_count_ = 0;
  offering_ = nullptr;
  is_closing_ = is_stopping_ = is_redundant_ = has_failed_ = false;
  failure_.clear();
  steps_.clear(clock_.now());
  objects_.clear();
  step_.clear();
  step_choice_ = no_choice;
  asleep_.clear();
}

void explorer::fail(const loop& here, std::string text, const char* how) {
  if (has_failed_) return;  // the first one is the cause
  has_failed_ = true;
  failure_ = std::move(text);
  steps_.freeze(here, how);
}

void explorer::contradict(const char* text) noexcept {
  if (contradiction_.empty()) contradiction_ = text;
}

bool explorer::advance() {
  end_step();
  while (!path_.empty()) {
    choice& last = path_.back();
    if (last.is_draw) {
      if (++last.taken < last.who.size()) return true;
      path_.pop_back();
      continue;
    }
    if (reduces_) last.asleep.push_back({last.who[last.taken], last.step});
    const bool may_depart = last.departures < how_.preemption_bound;
    std::uint32_t another = last.taken + 1;
    while (another < last.who.size() && reduces_ && is_asleep(last.asleep, last.who[another]))
      ++another;
    if (another < last.who.size() && may_depart) {
      last.taken = another;
      return true;
    }
    if (another < last.who.size()) is_bounded_ = true;
    path_.pop_back();
  }
  return false;
}

// -- choosing --

void explorer::choose(loop& here) noexcept {
  try {
    choose_next(here);
  } catch (const std::bad_alloc&) {
    contradict("there was no memory to go on exploring");
    give_up(here);
  }
}

void explorer::choose_next(loop& here) {
  end_step();
  if (++step_count_ > how_.max_steps && !has_failed_) {
    fail(here, "it did not end within " + std::to_string(how_.max_steps) +
                   " steps (explore_options::max_steps): it may never end");
  }
  if (has_failed_ || !contradiction_.empty()) give_up(here);
  if (call_root(here)) return;
  for (;;) {
    const bool has_timer = timers_race_ && !here.timers.empty();
    const auto count = static_cast<std::uint32_t>(here.ready.size()) + (has_timer ? 1 : 0);
    list_alternatives(here, count);
    const std::uint32_t chosen = count > 1 && !is_stopping_ ? decide(here, count, false) : 0;
    if (chosen < here.ready.size()) {
      here.ready.bring_to_front(offset_of(here, chosen));
      take(here.ready.at(0));
      return;
    }
    let_time_pass(here);
  }
}

// A step that draws is the same fiber's with every lot, and what it touches differs: it commutes
// with none. No bound counts lots.
std::size_t explorer::draw(std::size_t count) noexcept {
  if (is_stopping_) return 0;
  try {
    constexpr std::uint64_t lot = std::uint64_t{1} << 63;
    step_.is_everything = true;
    who_.clear();
    for (std::size_t i = 0; i < count; ++i) who_.push_back(lot + i);
    const std::uint32_t drawn = decide(*from, static_cast<std::uint32_t>(count), true);
    steps_.note_draw(drawn, count);
    return drawn;
  } catch (const std::bad_alloc&) {
    contradict("there was no memory to go on exploring");
    return 0;  // the next choice gives up
  }
}

// run()'s own fiber waits for main. When main has ended it goes on before anybody else, as main
// would by returning: that is no choice.
bool explorer::call_root(loop& here) {
  for (std::size_t i = 0; i < here.ready.size(); ++i) {
    if (&here.ready.at(i) != &here.root) continue;
    here.ready.bring_to_front(i);
    step_.is_everything = true;
    return true;
  }
  return false;
}

// Ends a schedule that has failed: root cancels what there is; if that does not end it, root leaves
// it alone.
void explorer::give_up(loop& here) noexcept {
  const bool is_first = !std::exchange(is_stopping_, true);
  if ((is_first && !is_closing_) || step_count_ > 2 * how_.max_steps) {
    wake(here.root, wake_reason::cancelled);
  }
}

// Whoever only offered a switch stands last in the ring, and is the first alternative.
std::size_t explorer::offset_of(const loop& here, std::uint32_t alternative) const noexcept {
  const std::size_t last = here.ready.size() - 1;
  if (offering_ == nullptr || &here.ready.at(last) != offering_) return alternative;
  return alternative == 0 ? last : alternative - 1;
}

void explorer::list_alternatives(const loop& here, std::uint32_t count) {
  who_.clear();
  for (std::uint32_t i = 0; i < count; ++i) {
    who_.push_back(i < here.ready.size() ? here.ready.at(offset_of(here, i)).id : 0);
  }
  if (reduces_ && count == 1 && is_asleep(asleep_, who_[0])) is_redundant_ = true;
}

std::uint32_t explorer::decide(const loop& here, std::uint32_t count, bool is_draw) {
  const std::size_t position = choices_.size();
  std::uint32_t taken = 0;
  if (is_replay_) {
    if (position < replayed_.size()) taken = replayed_[position];
    if (taken >= count) {
      contradict("a seed of another program, or of another version of this one, was given");
      taken = 0;
    }
  } else if (position < path_.size()) {
    choice& known = path_[position];
    if (known.who != who_) {
      contradict(
          "the body did not do the same again: it must not depend on what an earlier schedule left "
          "behind, on random numbers, real time, addresses or other threads");
      give_up(const_cast<loop&>(here));
      return 0;
    }
    taken = known.taken;
    asleep_ = known.asleep;
    if (!is_draw) step_choice_ = position;
  } else {
    taken = decide_anew(count, is_draw);
  }
  choices_.push_back(taken);
  departures_ += taken != 0 && !is_draw;
  return taken;
}

std::uint32_t explorer::decide_anew(std::uint32_t count, bool is_draw) {
  if (is_redundant_) return 0;
  choice made;
  made.departures = departures_;
  made.is_draw = is_draw;
  if (reduces_ && !is_draw) {
    while (made.taken < count && is_asleep(asleep_, who_[made.taken])) ++made.taken;
    if (made.taken == count) {  // whatever comes now came before: to its end, without choices
      is_redundant_ = true;
      return 0;
    }
  }
  if (reduces_) made.asleep = asleep_;
  made.who = who_;
  if (!is_draw) step_choice_ = path_.size();
  path_.push_back(std::move(made));
  return path_.back().taken;
}

void explorer::take(const fiber& chosen) {
  offering_ = nullptr;
  steps_.begin_step(chosen);
  if (reduces_) step_.add(object_numbers::of_fiber(chosen, false), true);
}

// The earliest timers fire, though others could run: a step of nobody's, that commutes with none.
void explorer::let_time_pass(loop& here) {
  offering_ = nullptr;
  clock_.jump(here.timers.next_deadline());
  steps_.note_jump(clock_.now());
  here.last_look = clock_.now();
  step_.is_everything = true;
  here.fire_timers();
  end_step();
}

void explorer::end_step() {
  if (!reduces_) return;
  if (how_.reduce == testing::reduction::declared_steps && !step_.is_declared) {
    step_.is_everything = true;
  }
  if (step_choice_ < path_.size()) path_[step_choice_].step = step_;
  step_choice_ = no_choice;
  wake_dependent(asleep_, step_);
  step_.clear();
}

// -- what happens --

void explorer::touched(const void* object, access how) noexcept {
  if (reduces_) objects_.note(step_, object, how);
}

void explorer::touched(const fiber& f, access how, bool only_its_end) noexcept {
  if (reduces_) step_.add(object_numbers::of_fiber(f, only_its_end), how != access::reads);
}

void explorer::declared(const void* object, access how, const char* name) noexcept {
  step_.is_declared = true;
  if (object != nullptr) touched(object, how);
  steps_.note_access(object, how, name);
}

void explorer::offer_switch() noexcept {
  loop_core& here = *running_loop();
  offering_ = here.current;
  steps_.note_offer();
  yield_uncancelled(here);
}

void explorer::check_failed(const char* text) noexcept {
  fail(*from, std::string("a check failed in ") + describe(*running_loop()->current) + ": " + text);
}

void explorer::error_lost(const fiber& f, const char* how) noexcept {
  fail(*from, describe(f) + " " + how + " and ended with " + describe_exception(f.error) +
                  ", which nobody took");
}

// Whoever waits for fibers has looked whether they have ended.
void explorer::note_awaited(const fiber& parked) {
  struct visitor final : awaited_visitor {
    explicit visitor(step_accesses& step) noexcept : to(step) {}
    void visit(const fiber& awaited) override {
      to.add(object_numbers::of_fiber(awaited, true), false);
    }
    step_accesses& to;
  } each(step_);
  if (parked.wait->awaited != nullptr) parked.wait->awaited(parked.wait_on, each);
  if (parked.wait->awaited == nullptr && parked.wait_on != nullptr) {
    touched(parked.wait_on, access::writes);
  }
}

void explorer::note(loop& here, testing::trace_kind event, const fiber& f,
                    const char* what) noexcept {
  if (event == testing::trace_kind::jump) {
    steps_.note_jump(clock_.now());
    step_.is_everything = true;
    return;
  }
  if (&f == &here.root) return;
  steps_.note(event, f, what);
  if (!reduces_) return;
  switch (event) {
    case testing::trace_kind::spawn:
    case testing::trace_kind::wake:
      step_.add(object_numbers::of_fiber(f, false), true);
      return;
    case testing::trace_kind::end:
      step_.add(object_numbers::of_fiber(f, true), true);
      return;
    case testing::trace_kind::park:
      if (f.state != fiber_state::parked) return;
      note_awaited(f);
      return;
    case testing::trace_kind::run:
    case testing::trace_kind::jump:
      return;
  }
}

}  // namespace detail
WEFT_NAMESPACE_END
