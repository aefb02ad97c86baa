// SPDX-License-Identifier: BSL-1.0
// Taking turns and counting: see measure.hpp.
#include "measure.hpp"

#include <sys/resource.h>
#include <time.h>

#include <algorithm>
#include <cstdint>

namespace bench {
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

// Doubles until a round lasts a quarter of what it should, then extrapolates.
void calibrate(runner& one, double round_ns) {
  for (;;) {
    const double begun = one.used_ns();
    const std::uint64_t done = one.subject->run(one.operations);
    const double took = std::max(one.used_ns() - begun, 1.0);
    if (took >= round_ns / 4) {
      const double wanted = static_cast<double>(done) * round_ns / took;
      one.operations = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(wanted));
      return;
    }
    one.operations = done * 2;
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

row_result measure(const row& what, const pace& how) {
  std::vector<runner> runners;
  for (const entry& each : what.entries) {
    auto subject = each.make();
    if (subject != nullptr) runners.push_back({each.side, std::move(subject)});
  }
  row_result result;
  result.name = what.name;
  result.peer = what.peer == nullptr ? "" : what.peer;
  result.goals = what.goals;
  for (runner& one : runners) {
    if (!how.is_one_operation) calibrate(one, how.round_ns);
    result.sides.push_back({one.side, {}});
  }
  for (unsigned round = 0; round <= how.rounds; ++round) {
    for (std::size_t i = 0; i < runners.size(); ++i) {
      // The others have been through the caches and predictors since: one lap to come back.
      if (!how.is_one_operation) runners[i].subject->run(1);
      const double took = runners[i].run_once();
      if (round > 0) result.sides[i].rounds.push_back(took);
    }
  }
  return result;
}

}  // namespace bench
