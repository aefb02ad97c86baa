// SPDX-License-Identifier: BSL-1.0
// Connecting to a name: several addresses, the first that answers. Source: RFC 8305, sections 4 and
// 5; asyncio's staggered_race.
#include <exception>
#include <optional>
#include <system_error>
#include <vector>

#include "interleave_families.hpp"
#include "weft/notifier.hpp"
#include "weft/resolve.hpp"
#include "weft/task_group.hpp"
#include "weft/tcp.hpp"

WEFT_NAMESPACE_BEGIN
namespace {

tcp_stream connect_to_first(const std::vector<endpoint>& all, const connect_options& how) {
  std::optional<tcp_stream> won;
  std::exception_ptr first_error;
  with_task_group([&](task_group& attempts) {
    notifier failed;
    for (const endpoint& to : all) {
      attempts.spawn([&, to] {
        try {
          tcp_stream made = tcp_stream::connect(to, how);
          if (won) return;  // the other one was faster by a moment
          won = std::move(made);
          attempts.cancel();
        } catch (const std::system_error&) {
          if (!first_error) first_error = std::current_exception();
          failed.notify_one();
        }
      });
      if (&to != &all.back()) failed.wait_until(now() + how.stagger);
    }
    attempts.join();  // `failed` is used until then
  });
  if (!won) std::rethrow_exception(first_error);
  return std::move(*won);
}

}  // namespace

tcp_stream tcp_stream::connect(std::string_view host, std::string_view service,
                               const connect_options& how) {
  const std::vector<endpoint> all = detail::interleave_families(resolve(host, service));
  if (all.size() == 1) return connect(all.front(), how);
  return connect_to_first(all, how);
}

tcp_stream tcp_stream::connect(std::string_view host, std::string_view service,
                               std::error_code& error, const connect_options& how) {
  try {
    tcp_stream made = connect(host, service, how);
    error.clear();
    return made;
  } catch (const std::system_error& failed) {
    error = failed.code();
    return {};
  }
}

WEFT_NAMESPACE_END
