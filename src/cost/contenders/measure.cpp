// SPDX-License-Identifier: BSL-1.0
// Taking turns and counting: see measure.hpp.
#include "measure.hpp"

#include <sys/resource.h>
#include <time.h>

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <random>

namespace cost {
namespace {

double in_ns(const timeval& time) {
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_usec) * 1e3;
}

struct runner {
  std::string side;
  std::unique_ptr<contender> subject;
  std::uint64_t operations = 1;

  double used_ns() const { return cpu_ns() + subject->elsewhere_ns(); }

  double run_once() {
    const double begun = used_ns();
    const std::uint64_t done = subject->run(operations);
    return (used_ns() - begun) / static_cast<double>(done);
  }
};

// Doubles until a round lasts a quarter of what it should, twice in a row (the first time may have
// been that of first touches), then extrapolates.
void calibrate(runner& one, double round_ns) {
  for (bool has_been_long = false;;) {
    const double per_operation = std::max(one.run_once(), 1e-3);
    if (per_operation * static_cast<double>(one.operations) < round_ns / 4) {
      one.operations *= 2;
    } else if (!has_been_long) {
      has_been_long = true;
    } else {
      one.operations =
          std::max<std::uint64_t>(1, static_cast<std::uint64_t>(round_ns / per_operation));
      return;
    }
  }
}

// The first round is thrown away, unless the rows have just been checked by one as long.
void take_rounds(std::vector<runner>& runners, const pace& how, row_result& result,
                 observer* told) {
  std::vector<std::size_t> order(runners.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::minstd_rand chance(20);  // the same order in every run of the program
  const bool is_warm = how.is_one_operation && how.check_operations != 0;
  for (unsigned round = is_warm ? 1 : 0; round <= how.rounds; ++round) {
    std::shuffle(order.begin(), order.end(), chance);
    for (const std::size_t i : order) {
      runner& one = runners[i];
      if (told != nullptr) told->begins(one.side);
      // The others have been through the caches and predictors since: one lap to come back.
      if (!how.is_one_operation) one.subject->run(1);
      const double took = one.run_once();
      if (round == 0) continue;
      result.sides[i].rounds.push_back(took);
      if (told != nullptr) told->took(one.side, took);
    }
  }
}

}  // namespace

const series* row_result::find(const std::string& side) const {
  for (const series& each : sides) {
    if (each.side == side) return &each;
  }
  return nullptr;
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

double ratio(const row_result& of, const std::string& side, const std::string& peer) {
  const series* const upper = of.find(side);
  const series* const lower = of.find(peer);
  if (upper == nullptr || lower == nullptr) return 0;
  std::vector<double> ratios;
  for (std::size_t i = 0; i < upper->rounds.size() && i < lower->rounds.size(); ++i) {
    ratios.push_back(upper->rounds[i] / lower->rounds[i]);
  }
  return median(std::move(ratios));
}

double cpu_ns() {
  timespec own{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &own);
  rusage children{};
  ::getrusage(RUSAGE_CHILDREN, &children);
  return static_cast<double>(own.tv_sec) * 1e9 + static_cast<double>(own.tv_nsec) +
         in_ns(children.ru_utime) + in_ns(children.ru_stime);
}

row_result measure(const row& what, const pace& how, observer* told) {
  std::vector<runner> runners;
  row_result result;
  result.name = what.name;
  result.peer = what.peer == nullptr ? "" : what.peer;
  result.goals = what.goals;
  for (const entry& each : what.entries) {
    if (told != nullptr) told->begins(each.side);
    auto subject = each.make();
    if (subject == nullptr) continue;
    runners.push_back({each.side, std::move(subject)});
    runner& one = runners.back();
    if (how.check_operations != 0) {
      one.subject->run(1);
      const std::uint64_t answer = one.subject->check(how.check_operations);
      if (told != nullptr) told->answered(one.side, answer);
    }
  }
  for (runner& one : runners) {
    if (told != nullptr) told->begins(one.side);
    if (!how.is_one_operation) calibrate(one, how.round_ns);
    if (told != nullptr) told->calibrated(one.side, one.operations);
    result.sides.push_back({one.side, {}});
  }
  take_rounds(runners, how, result, told);
  return result;
}

}  // namespace cost
