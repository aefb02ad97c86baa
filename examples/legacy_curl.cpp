// SPDX-License-Identifier: BSL-1.0
// legacy_curl: 200 blocking curl_easy_perform() at once on one thread, the library as it is
//
//   legacy_curl [--url URL] [--fibers N]
//
// Each has a handle of its own, and is done when it has the whole page. Where the URL names a host,
// libcurl looks the name up in threads of its own, which the printed number of threads shows.
#include <curl/curl.h>

#include <memory>

#include "legacy_clients.hpp"

namespace {

std::size_t drop(const char*, std::size_t, std::size_t bytes, void*) { return bytes; }

// Knows nothing of weft. Without NOSIGNAL libcurl would jump out of a handler of SIGALRM.
std::string fetch(const std::string& url) {
  const std::unique_ptr<CURL, void (*)(CURL*)> page(curl_easy_init(), &curl_easy_cleanup);
  if (page == nullptr) return "no memory for a handle";
  curl_easy_setopt(page.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(page.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(page.get(), CURLOPT_FAILONERROR, 1L);
  curl_easy_setopt(page.get(), CURLOPT_WRITEFUNCTION, &drop);
  const CURLcode result = curl_easy_perform(page.get());
  return result == CURLE_OK ? std::string() : url + ": " + curl_easy_strerror(result);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace legacy_clients;
  server::arguments given = {
      {"--url", {environment_or("LEGACY_URL", "http://127.0.0.1:8080/"), "or LEGACY_URL"}},
      {"--fibers", {"200", "how many at once"}}};
  server::read_arguments(argc, argv, "legacy_curl", given);
  const std::string url = given["--url"].value;
  const int fibers = number_of(given, "legacy_curl", "--fibers");
  curl_global_init(CURL_GLOBAL_DEFAULT);
  const int status = run(
      "legacy_curl", fibers, [&](int) { return fetch(url); },
      "Give the URL of a page that takes its time, or start a server, then this again. One that\n"
      "takes 0.2 s, and lets 500 knock at once:\n"
      "  python3 -c \"import http.server as h, time; h.ThreadingHTTPServer.request_queue_size = 500;\\\n"
      "  h.BaseHTTPRequestHandler.do_GET = lambda s: (time.sleep(0.2), s.send_response(200),\\\n"
      "  s.end_headers()); h.ThreadingHTTPServer(('127.0.0.1', 8080),\\\n"
      "  h.BaseHTTPRequestHandler).serve_forever()\"");
  curl_global_cleanup();
  return status;
}
