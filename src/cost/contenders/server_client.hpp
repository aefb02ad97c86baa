// SPDX-License-Identifier: BSL-1.0
// A client of a server_process that asks one thing over and over, with one request under way on
// each connection: an operation is a request, its cost what the server took for it. Knows no
// protocol.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "measure.hpp"
#include "server_process.hpp"

namespace cost {

class server_client final : public contender {
 public:
  // Lifetime: request and answer must outlive it.  Throws: std::runtime_error
  server_client(std::unique_ptr<server_process> server, std::size_t connections,
                std::string_view request, std::string_view answer);
  ~server_client() override;

  std::uint64_t run(std::uint64_t operations) override;

  int first_peer() const { return peers_.front(); }
  double server_ns() const { return server_->cpu_ns(); }
  double elsewhere_ns() const override { return server_ns() - cpu_ns(); }

 private:
  std::unique_ptr<server_process> server_;
  int epoll_fd_;
  std::vector<int> peers_;
  std::string_view request_;
  std::string_view answer_;
};

// measure(), with longer rounds: one of the others' length is a hundred wake-ups, and those are
// what differs.
std::vector<row_result> measure_servers(const row& what, const pace& how);

}  // namespace cost
