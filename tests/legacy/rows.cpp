// SPDX-License-Identifier: BSL-1.0
// The rows, by the libraries that this build found.
#include "row.hpp"

namespace legacy {

std::vector<row> pq_rows();
std::vector<row> redis_rows();
std::vector<row> curl_rows();
std::vector<row> mariadb_rows();
std::vector<row> openssl_rows();
std::vector<row> ssh2_rows();
std::vector<row> name_rows();
std::vector<row> sqlite_rows();

std::vector<row> all_rows() {
  std::vector<row> all;
  [[maybe_unused]] const auto add = [&all](const std::vector<row>& some) {
    all.insert(all.end(), some.begin(), some.end());
  };
#ifdef LEGACY_HAVE_PQ
  add(pq_rows());
#endif
#ifdef LEGACY_HAVE_REDIS
  add(redis_rows());
#endif
#ifdef LEGACY_HAVE_CURL
  add(curl_rows());
#endif
#ifdef LEGACY_HAVE_MARIADB
  add(mariadb_rows());
#endif
#ifdef LEGACY_HAVE_OPENSSL
  add(openssl_rows());
#endif
#ifdef LEGACY_HAVE_SSH2
  add(ssh2_rows());
#endif
#ifdef LEGACY_HAVE_SQLITE
  add(sqlite_rows());
#endif
  add(name_rows());
  return all;
}

}  // namespace legacy
