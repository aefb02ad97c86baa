// SPDX-License-Identifier: BSL-1.0
// debug::measure_stacks and debug::stack_report: see debug.hpp; how it is measured:
// src/stack/touched_pages.hpp.
#include <algorithm>
#include <map>

#include "../loop/loop.hpp"
#include "../stack/touched_pages.hpp"
#include "weft/debug.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {
namespace {

using debug::stack_use;
using debug::stack_uses;

// Sites by their text: a literal's file name may have several addresses.
using sites_by_name = std::map<std::string, stack_use>;

void add(sites_by_name& sites, const std::string& site, const stack_marks::mark& found) {
  stack_use& sum = sites.try_emplace(site, stack_use{site, 0, 0, 0}).first->second;
  sum.deepest_bytes = std::max(sum.deepest_bytes, found.deepest);
  sum.stack_bytes = std::max(sum.stack_bytes, found.stack_bytes);
  sum.count += found.tenants;
}

void sort_deepest_first(std::vector<stack_use>& uses) {
  std::stable_sort(uses.begin(), uses.end(), [](const stack_use& a, const stack_use& b) {
    return a.deepest_bytes > b.deepest_bytes;
  });
}

// The stacks of one fiber, the present one first: below a borrowed one waits another.
void measure_one(touched_pages& pages, const fiber& f, stack_uses& all, sites_by_name& sites) {
  for (const stack* s = f.bound; s != nullptr; s = s->is_borrowed ? s->next : nullptr) {
    const std::size_t deepest = pages.deepest_use(*s);
    all.fibers.push_back(
        {describe(f) + (s->is_borrowed ? " in with_stack()" : ""), deepest, s->size_bytes(), 1});
    if (!s->is_borrowed) add(sites, describe(f.site), {deepest, s->size_bytes(), 1});
  }
}

void measure_main(touched_pages& pages, loop& here, stack_uses& all, const char* present) {
  const auto* const bottom = static_cast<const char*>(here.root_stack_bottom);
  const char* at = present;
  if (here.current != &here.root) at = static_cast<const char*>(here.root.ctx.sp);
  const char* const top = bottom + here.root_stack_bytes;
  if (at < bottom || at >= top) at = top - 1;  // main is inside with_stack()
  all.fibers.push_back(
      {describe(here.root), pages.deepest_use(bottom, at, top), here.root_stack_bytes, 1});
}

void print(std::FILE* to, const std::vector<stack_use>& uses, const char* what) {
  std::fprintf(to, "%10s %10s %8s  %s\n", "deepest", "of bytes", "count", what);
  for (const stack_use& one : uses) {
    std::fprintf(to, "%10zu %10zu %8zu  %s\n", one.deepest_bytes, one.stack_bytes, one.count,
                 one.who.c_str());
  }
}

}  // namespace
}  // namespace detail

namespace debug {

stack_uses measure_stacks() {
  detail::loop& here = detail::whole(detail::require_loop("debug::measure_stacks()"));
  const char* const present = static_cast<const char*>(__builtin_frame_address(0));
  stack_uses all;
  detail::sites_by_name sites;
  detail::touched_pages pages;
  all.is_exact = here.marks != nullptr;
  if (here.marks != nullptr) {
    all.lost = here.marks->lost();
    here.marks->for_each([&](const detail::spawn_site& site, const detail::stack_marks::mark& m) {
      detail::add(sites, describe(site), m);
    });
  }
  detail::measure_one(pages, here.root, all, sites);  // what with_stack() brought
  detail::measure_main(pages, here, all, present);
  here.for_each_fiber([&](detail::fiber& f) { detail::measure_one(pages, f, all, sites); });
  for (auto& [name, use] : sites) all.sites.push_back(std::move(use));
  detail::sort_deepest_first(all.fibers);
  detail::sort_deepest_first(all.sites);
  return all;
}

void stack_report(std::FILE* to) {
  const stack_uses all = measure_stacks();
  std::fprintf(to, "weft: the deepest use of stacks%s\n",
               all.is_exact ? ""
                            : ", at most: with options::measure_stacks no stack tells of fibers "
                              "that had it before, and those that have ended count");
  if (all.lost != 0) std::fprintf(to, "weft: no memory was left to count %zu more\n", all.lost);
  detail::print(to, all.sites, "spawned at, or with_stack() at");
  detail::print(to, all.fibers, "live fiber");
}

}  // namespace debug
WEFT_NAMESPACE_END
